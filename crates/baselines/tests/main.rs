//! Tests of the baselines through their public interface.

// clippy.toml allows this inside `#[test]` functions; here all functions are test code.
#![allow(clippy::unwrap_used, clippy::panic)]

mod biased_mf;
mod bpr;
mod ease;
mod interactions;
mod item_knn;
mod logistic_mf;
mod preferences;
mod reference;
mod skip_gram;
mod slim;
