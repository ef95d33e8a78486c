//! Integration tests of burn-recsys-metrics.

// clippy.toml allows this inside `#[test]` functions; here all functions are test code.
#![allow(clippy::unwrap_used)]

mod conformance;
mod conformance_table;
mod movielens;
mod properties;
mod properties_ranking;
mod reference_pointwise;
mod reference_ranking;
