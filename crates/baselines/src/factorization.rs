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

use burn_recsys_data::Csr;

use crate::{Error, Result};
pub use biased::{BiasedMf, BiasedMfConfig};
pub use bpr::{BprMf, BprMfConfig};
pub use logistic::{LogisticMf, LogisticMfConfig};

/// Refuses items that do not exist, or are not ascending and unique.
fn check_positives(positives: &Csr, n_items: usize) -> Result<()> {
    let refuse = |parameter, message| Err(Error::Parameter { parameter, message });
    if positives.n_values() == 0 {
        return Err(Error::Empty);
    }
    let n_users = positives.n_rows();
    if u32::try_from(n_items.max(n_users)).is_err() {
        let message = format!("{n_users} users and {n_items} items; there can be at most {} each", u32::MAX);
        return refuse("positives", message);
    }
    for (user, items) in positives.rows().enumerate() {
        if !items.is_sorted_by(|a, b| a < b) {
            return refuse("positives", format!("the items of user {user} are not ascending and unique"));
        }
        if let Some(&last) = items.last()
            && last as usize >= n_items
        {
            return refuse(
                "positives",
                format!("user {user} has item {last}, but there are {n_items} items"),
            );
        }
    }
    Ok(())
}
