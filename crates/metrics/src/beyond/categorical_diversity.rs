use std::sync::Arc;

use super::head;
use crate::Result;
use crate::ranking::{Cutoff, JudgedList, RankingMetric};

/// Up to this length a list's categories are compared pair by pair, which needs no memory.
const PAIRWISE: usize = 64;

/// How many categories the recommended items come from.
///
/// `CategoricalDiversity@k = distinct categories at ranks 1 to k / k`, each item being of one category. The
/// divisor is `k` also where the list is shorter: what is not recommended adds no category. Nor does an item
/// whose category is unknown.
///
/// In 0..1. Undefined for an empty list. Equals RePlay `CategoricalDiversity`. For items of several
/// categories see [`IntraListDiversity`](super::IntraListDiversity) with
/// [`JaccardDistance`](super::JaccardDistance).
#[derive(Debug, Clone)]
pub struct CategoricalDiversity {
    k: Cutoff,
    categories: Arc<[u32]>,
}

impl CategoricalDiversity {
    /// The diversity of the ranks 1 to `k`; `categories` has that of each item, in the order of item indices.
    /// The category of an item beyond the last one is unknown.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize, categories: Arc<[u32]>) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)?, categories })
    }
}

impl RankingMetric for CategoricalDiversity {
    fn label(&self) -> String {
        format!("CategoricalDiversity{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let items = head(list, self.k)?;
        let category = |item: &u32| self.categories.get(*item as usize);
        let n_distinct = if items.len() <= PAIRWISE {
            let is_new = |&rank: &usize| {
                let this = category(&items[rank]);
                this.is_some() && !items[..rank].iter().any(|item| category(item) == this)
            };
            (0..items.len()).filter(is_new).count()
        } else {
            let mut found: Vec<u32> = items.iter().filter_map(category).copied().collect();
            found.sort_unstable();
            found.dedup();
            found.len()
        };
        Some(n_distinct as f64 / self.k.get() as f64)
    }

    fn uses_relevance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(items: &[u32], k: usize) -> Option<f64> {
        let categories: Arc<[u32]> = (0..300).map(|item| item % 7).collect();
        let metric = CategoricalDiversity::new(k, categories).unwrap();
        metric.measure(&JudgedList::new(items, &[]).unwrap())
    }

    #[test]
    fn a_category_counts_once() {
        assert_eq!(value(&[0, 7, 1, 2], 3), Some(2.0 / 3.0));
        assert_eq!(value(&[0, 7, 1, 2], 10), Some(3.0 / 10.0));
        assert_eq!(value(&[], 10), None);
    }

    #[test]
    fn an_unknown_category_adds_nothing() {
        assert_eq!(value(&[300, 0, 900], 3), Some(1.0 / 3.0));
        assert_eq!(value(&[300], 3), Some(0.0));
    }

    #[test]
    fn long_lists_are_counted_alike() {
        for length in [PAIRWISE as u32, PAIRWISE as u32 + 1, 299] {
            let items: Vec<u32> = (1..=length).chain([5_000]).collect();
            assert_eq!(value(&items, 300), Some(7.0 / 300.0), "{length}");
        }
    }
}
