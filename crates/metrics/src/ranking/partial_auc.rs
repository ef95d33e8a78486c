use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// The share of pairs of a relevant item and one of the first `k` misses that are in the right order.
///
/// `PartialAUC@k = Σ max(k - misses before the hit, 0) / (k · n_relevant)` over all hits of the list. `k`
/// counts misses, not ranks: the value depends on the ranks up to the `k`-th miss, so lists need `k +
/// n_relevant` items for it to be exact. A relevant item that is not recommended counts as standing behind
/// all misses, which lowers the value of a shorter list.
///
/// In 0..1. Undefined for a user without relevant items. Equals RecTools
/// `PartialAUC(insufficient_handling="ignore")`.
///
/// Source: Budhiraja et al., Rich-item recommendations for rich-users, arXiv 2001.10495.
#[derive(Debug, Clone, Copy)]
pub struct PartialAuc {
    k: Cutoff,
}

impl PartialAuc {
    /// The area under the curve up to the `k`-th miss.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for PartialAuc {
    fn label(&self) -> String {
        format!("PartialAUC{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let n_relevant = list.relevant().len();
        (n_relevant > 0).then(|| area(list.hit_ranks(), self.k, n_relevant))
    }
}

/// The share of the pairs of one of `n_relevant` items and one of `k` misses that the hits at `hit_ranks`
/// win.
pub(super) fn area(hit_ranks: &[usize], k: Cutoff, n_relevant: usize) -> f64 {
    let k = k.get();
    // The hit number `n` at `rank` has `rank - n` misses before it, and ever more the later it stands.
    let misses_before = (1..).zip(hit_ranks).map(|(n, &rank)| rank - n);
    let won: f64 = misses_before.take_while(|&misses| misses < k).map(|misses| (k - misses) as f64).sum();
    // Whole numbers are exact up to 2^53; beyond that rounding could pass 1.
    (won / (n_relevant as f64 * k as f64)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_with_the_first_misses_are_counted() {
        // Hits with 0, 1 and 3 misses before them, and one item never recommended.
        let list = JudgedList::new(&[1, 9, 2, 8, 7, 3], &[1, 2, 3, 4]).unwrap();
        let value = |k| PartialAuc::new(k).unwrap().measure(&list).unwrap();
        assert_eq!(value(2), (2.0 + 1.0) / (4.0 * 2.0));
        assert_eq!(value(4), (4.0 + 3.0 + 1.0) / (4.0 * 4.0));
    }

    #[test]
    fn the_example_of_rectools_holds() {
        let value = |recommended: &[u32], relevant: &[u32], k| {
            let list = JudgedList::new(recommended, relevant).unwrap();
            PartialAuc::new(k).unwrap().measure(&list).unwrap()
        };
        assert_eq!([value(&[1, 2], &[1, 2], 1), value(&[3, 2], &[1, 2], 1)], [1.0, 0.0]);
        assert_eq!([value(&[3, 1, 2], &[1, 3], 3), value(&[3, 2], &[1, 2], 3)], [1.0, 2.0 / 6.0]);
    }
}
