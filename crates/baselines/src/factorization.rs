//! Matrix factorisation by stochastic gradient descent on the host, by all threads and yet deterministic.

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
    if u32::try_from(n_items).is_err() {
        return refuse("n_items", format!("{n_items}; there can be at most {} items", u32::MAX));
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
