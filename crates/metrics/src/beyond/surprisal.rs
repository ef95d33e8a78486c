use std::sync::Arc;

use super::{ItemPopularity, head};
use crate::ranking::{Cutoff, JudgedList, RankingMetric};
use crate::{Error, Result};

/// How rare the recommended items are among users, as a share of the rarest possible.
///
/// `Surprisal@k = Σ over the items at ranks 1 to k of -log2(users who met the item / users) / log2(users),
/// divided by k`. Both count the training part. A cold item counts as met by one user and has the value 1.
/// The divisor is `k` also where the list is shorter, as that of precision: what is not recommended surprises
/// no one. For full lists it is [`InverseUserFrequency`](super::InverseUserFrequency) divided by log2(users).
///
/// In 0..1. Undefined for an empty list, where RePlay gives 0; otherwise equals RePlay `Surprisal`.
#[derive(Debug, Clone)]
pub struct Surprisal {
    k: Cutoff,
    bits: f64,
    popularity: Arc<ItemPopularity>,
}

impl Surprisal {
    /// The surprisal of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0, or fewer than two users have a training row: then no item is rarer than another.
    pub fn new(k: usize, popularity: Arc<ItemPopularity>) -> Result<Self> {
        let n_users = popularity.n_users();
        if n_users < 2 {
            let message = format!("{n_users} user in training; surprisal needs at least 2");
            return Err(Error::Parameter { parameter: "popularity", message });
        }
        Ok(Self { k: Cutoff::new(k)?, bits: (n_users as f64).log2(), popularity })
    }
}

impl RankingMetric for Surprisal {
    fn label(&self) -> String {
        format!("Surprisal{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let items = head(list, self.k)?;
        let share = |item: u32| self.popularity.self_information(item) / self.bits;
        Some(items.iter().fold(0.0, |sum, &item| sum + share(item)) / self.k.get() as f64)
    }

    fn uses_relevance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_one_user_or_none_has_the_value_1() {
        // Of 4 users two met item 0, one met item 1.
        let popularity = Arc::new(ItemPopularity::of_pairs(4, 3, &[0, 1, 2, 3], &[0, 0, 1, 2]).unwrap());
        let value = |items: &[u32], k| {
            let metric = Surprisal::new(k, Arc::clone(&popularity)).unwrap();
            metric.measure(&JudgedList::new(items, &[]).unwrap())
        };
        assert_eq!(value(&[1, 0, 9], 3), Some((1.0 + 0.5 + 1.0) / 3.0));
        assert_eq!(value(&[0], 4), Some(0.5 / 4.0));
        assert_eq!(value(&[], 4), None);
    }

    #[test]
    fn one_user_surprises_no_one() {
        let popularity = Arc::new(ItemPopularity::of_pairs(1, 3, &[0], &[1]).unwrap());
        let message = Surprisal::new(3, popularity).unwrap_err().to_string();
        assert_eq!(message, "popularity: 1 user in training; surprisal needs at least 2");
    }
}
