//! Matrix factorisation by stochastic gradient descent on the host, by all threads and yet deterministic.
//!
//! In every epoch users and items are divided at random into as many parts each, at most 16: a function of
//! the data, so no more threads than that have work. Parts that meet in a round share no user and no item,
//! so the bits of a result do not depend on the number of threads, and nothing is locked. The vectors of a
//! part lie side by side and stay in the cache while they are worked on.
//!
//! A negative item comes from the same part as the item that it is compared with. Every other item is there
//! equally often, so over epochs negatives are uniform.

mod biased;
mod bpr;
mod descent;
mod kernels;
mod logistic;
mod negatives;
mod partition;
mod strata;

pub use biased::{BiasedMf, BiasedMfConfig};
pub use bpr::{BprMf, BprMfConfig};
pub use logistic::{LogisticMf, LogisticMfConfig};
