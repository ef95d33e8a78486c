//! Integration tests of burn-recsys-metrics.

// clippy.toml allows this inside `#[test]` functions; here all functions are test code.
#![allow(clippy::unwrap_used)]

mod conformance;
mod conformance_table;
mod movielens;
mod open_bandit;
mod properties;
mod properties_columns;
mod properties_counterfactual;
mod properties_pointwise;
mod properties_ranking;
mod properties_splits;
mod reference_pointwise;
mod reference_ranking;
