//! How the vectors of a bag become one.

use burn::config::Config;

/// How the vectors of a bag become one vector. An empty bag gives zeros in each of them.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The sum of `weight * vector`; without weights every weight is one.
    Sum,
    /// The sum of `weight * vector` over the sum of the weights; zeros where the weights sum to zero.
    Mean,
    /// The largest value of each column. It takes no weights.
    Max,
}
