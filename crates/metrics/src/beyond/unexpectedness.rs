use super::other_lists::OtherLists;
use crate::ranking::{JudgedList, RankingMetric};
use crate::{Lists, Result};

/// The share of the recommended items that a base model, such as a popular list, does not recommend.
///
/// `Unexpectedness@k = items at ranks 1 to k that are not at ranks 1 to k of the base list / items at ranks 1
/// to k`: one less the [`Overlap`](super::Overlap) with the base.
///
/// In 0..1. Undefined for an empty list. For a user with a base list and at least `k` recommended items it
/// equals RePlay `Unexpectedness`, which differs in two cases. RePlay divides by `k` where the list is
/// shorter, so that items which were never recommended count as unexpected; here the divisor is the items
/// there are. RePlay gives 0 to a user without a base list; here nothing was to be expected, so all is
/// unexpected: 1.
///
/// Source: Adamopoulos and Tuzhilin, On unexpectedness in recommender systems, ACM TIST 5(4), 2014.
#[derive(Debug, Clone)]
pub struct Unexpectedness {
    base: OtherLists,
}

impl Unexpectedness {
    /// The unexpectedness of the ranks 1 to `k` against those of the `base` lists, best first.
    ///
    /// Memory: 4 bytes per item at these ranks and 8 per user.
    ///
    /// # Errors
    /// If `k` is 0, or a base list holds an item twice; the message names the user.
    pub fn new(k: usize, base: &Lists) -> Result<Self> {
        Ok(Self { base: OtherLists::new(k, base)? })
    }
}

impl RankingMetric for Unexpectedness {
    fn label(&self) -> String {
        format!("Unexpectedness{}", self.base.k())
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let (n_expected, n_items) = self.base.n_shared(list)?;
        Some((n_items - n_expected) as f64 / n_items as f64)
    }

    fn uses_relevance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_base_recommends_is_expected() {
        let base = Lists::from_rows([vec![7, 3, 1]]);
        let value = |user, items: &[u32], k| {
            let metric = Unexpectedness::new(k, &base).unwrap();
            metric.measure(&JudgedList::new(items, &[]).unwrap().of_user(user))
        };
        assert_eq!(value(0, &[3, 1, 9], 2), Some(1.0 / 2.0));
        assert_eq!(value(0, &[3, 1, 9], 3), Some(1.0 / 3.0));
        assert_eq!(value(0, &[3, 9], 10), Some(1.0 / 2.0));
        assert_eq!(value(5, &[3, 9], 10), Some(1.0));
        assert_eq!(value(0, &[], 10), None);
    }
}
