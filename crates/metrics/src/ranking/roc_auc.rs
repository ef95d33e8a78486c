use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// Within the ranks 1 to `k`: how often a relevant item stands before one that is not.
///
/// `RocAUC@k = pairs of a hit and a later miss / pairs of a hit and a miss`, among the recommended items at
/// the ranks 1 to `k`. 1 where all of them are hits, 0 without a hit. Relevant items that are not
/// recommended do not count, so it says how well a list is sorted, not how good its items are: a list of
/// one hit at rank 1 has the value 1 whatever was missed. [`PartialAuc`](super::PartialAuc) counts them.
///
/// In 0..1. Undefined for a user without relevant items. Equals RePlay `RocAuc`.
#[derive(Debug, Clone, Copy)]
pub struct RocAuc {
    k: Cutoff,
}

impl RocAuc {
    /// The area under the curve of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for RocAuc {
    fn label(&self) -> String {
        format!("RocAUC{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        if list.relevant().is_empty() {
            return None;
        }
        let hits = list.hit_ranks_within(self.k.get());
        let n_misses = list.recommended().len().min(self.k.get()) - hits.len();
        // The hit number `n` at `rank` has `rank - n` misses before it.
        let inverted: usize = (1..).zip(hits).map(|(n, &rank)| rank - n).sum();
        if hits.is_empty() || n_misses == 0 {
            return Some(if hits.is_empty() { 0.0 } else { 1.0 });
        }
        Some(1.0 - inverted as f64 / (hits.len() as f64 * n_misses as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(recommended: &[u32], k: usize) -> Option<f64> {
        RocAuc::new(k).unwrap().measure(&JudgedList::new(recommended, &[1, 2, 3]).unwrap())
    }

    #[test]
    fn pairs_in_order_are_counted() {
        // Of 2 hits and 2 misses only the pair of rank 2 and rank 3 is inverted.
        assert_eq!(value(&[1, 9, 2, 8], 4), Some(3.0 / 4.0));
        assert_eq!(value(&[1, 9, 2, 8], 2), Some(1.0));
        assert_eq!(value(&[9, 8, 1], 3), Some(0.0));
    }

    #[test]
    fn lists_of_one_kind_have_an_end_of_the_range() {
        assert_eq!(value(&[1, 2], 5), Some(1.0));
        assert_eq!(value(&[8, 9], 5), Some(0.0));
        assert_eq!(value(&[], 5), Some(0.0));
    }
}
