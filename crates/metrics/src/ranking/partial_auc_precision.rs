use super::partial_auc::area;
use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// Partial AUC of the first relevant items only: between precision and [`PartialAuc`](super::PartialAuc).
///
/// `PAp@k = Σ max(k - misses before the hit, 0) / (k · β)` over the first `k` hits of the list, `β = min(k,
/// n_relevant)`. For users with at most `k` relevant items it is the partial AUC; for those with more, hits
/// beyond the `k`-th are not asked for. It depends on the ranks up to the `k`-th miss, so lists need up to
/// `2 k` items for it to be exact; a relevant item that is not recommended counts as standing behind all
/// misses.
///
/// In 0..1. Undefined for a user without relevant items. Equals RecTools `PAP(insufficient_handling="ignore")`.
///
/// Sources: Budhiraja et al., Rich-item recommendations for rich-users, arXiv 2001.10495; Hiranandani et al.,
/// Optimization and analysis of the pAp@k metric for recommender systems, ICML 2020.
#[derive(Debug, Clone, Copy)]
pub struct PartialAucPrecision {
    k: Cutoff,
}

impl PartialAucPrecision {
    /// The area under the curve of the first `k` hits, up to the `k`-th miss.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for PartialAucPrecision {
    fn label(&self) -> String {
        format!("PAp{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let k = self.k.get();
        let n_possible = list.relevant().len().min(k);
        let hits = list.hit_ranks();
        (n_possible > 0).then(|| area(&hits[..hits.len().min(k)], self.k, n_possible))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_k_hits_count() {
        // Hits with 0, 1 and 1 misses before them.
        let list = JudgedList::new(&[1, 9, 2, 3, 8], &[1, 2, 3, 4]).unwrap();
        let value = |k| PartialAucPrecision::new(k).unwrap().measure(&list).unwrap();
        assert_eq!(value(1), 1.0 / (1.0 * 1.0));
        assert_eq!(value(2), (2.0 + 1.0) / (2.0 * 2.0));
        assert_eq!(value(5), (5.0 + 4.0 + 4.0) / (4.0 * 5.0));
    }
}
