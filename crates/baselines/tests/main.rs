//! Tests of the baselines through their public interface.

// clippy.toml allows this inside `#[test]` functions; here all functions are test code.
#![allow(clippy::unwrap_used, clippy::panic)]

mod ease;
mod interactions;
mod item_knn;
mod reference;
mod slim;
