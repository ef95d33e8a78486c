use super::other_lists::OtherLists;
use crate::ranking::{JudgedList, RankingMetric};
use crate::{Lists, Result};

/// The share of the recommended items that another model recommends to the same user.
///
/// `Overlap@k = items at ranks 1 to k of both lists / items at ranks 1 to k of the measured one`. The order
/// within these ranks does not matter. The divisor is the items there are, also where the list is shorter
/// than `k`, so swapping the models changes the value where one of them has shorter lists. 0 for a user to
/// whom the other model recommends nothing.
///
/// In 0..1. Undefined for an empty list. Equals RecTools `Intersection`.
#[derive(Debug, Clone)]
pub struct Overlap {
    others: OtherLists,
}

impl Overlap {
    /// The overlap of the ranks 1 to `k` with those of `others`, best first.
    ///
    /// Memory: 4 bytes per item at these ranks and 8 per user.
    ///
    /// # Errors
    /// If `k` is 0, or one of `others` holds an item twice; the message names the user.
    pub fn new(k: usize, others: &Lists) -> Result<Self> {
        Ok(Self { others: OtherLists::new(k, others)? })
    }
}

impl RankingMetric for Overlap {
    fn label(&self) -> String {
        format!("Overlap{}", self.others.k())
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let (n_shared, n_items) = self.others.n_shared(list)?;
        Some(n_shared as f64 / n_items as f64)
    }

    fn uses_relevance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn the_first_ranks_of_both_are_compared() {
        let others = Lists::from_rows([vec![7, 3, 1], vec![]]);
        let value = |user, items: &[u32], k| {
            let metric = Overlap::new(k, &others).unwrap();
            metric.measure(&JudgedList::new(items, &[]).unwrap().of_user(user))
        };
        assert_eq!(value(0, &[3, 1, 9], 2), Some(1.0 / 2.0));
        assert_eq!(value(0, &[3, 1, 9], 3), Some(2.0 / 3.0));
        assert_eq!(value(0, &[3], 3), Some(1.0));
        assert_eq!([value(1, &[3], 3), value(8, &[3], 3)], [Some(0.0), Some(0.0)]);
        assert_eq!(value(0, &[], 3), None);
    }

    #[test]
    fn a_repeated_item_is_refused_by_user() {
        let others = Lists::from_rows([vec![1, 2], vec![4, 1, 4]]);
        assert!(matches!(Overlap::new(3, &others).unwrap_err(), Error::User { user: 1, .. }));
        // Beyond the cutoff nothing is looked at.
        assert!(Overlap::new(2, &others).is_ok());
    }
}
