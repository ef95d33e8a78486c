use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// Normalised discounted cumulative gain with binary relevance: hits count more at better ranks.
///
/// `NDCG@k = DCG / IDCG`, `DCG = Σ 1 / log2(rank + 1)` over the hits at ranks 1 to `k`, and `IDCG`
/// is the `DCG` of a list that starts with `min(k, n_relevant)` hits.
///
/// Source: Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4),
/// 2002.
#[derive(Debug, Clone, Copy)]
pub struct Ndcg {
    k: Cutoff,
}

impl Ndcg {
    /// NDCG of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for Ndcg {
    fn label(&self) -> String {
        format!("NDCG{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let k = self.k.get();
        let n_ideal = list.relevant().len().min(k);
        (n_ideal > 0).then(|| {
            let hits = list.hit_ranks_within(k);
            discounted(hits.iter().copied()) / discounted(1..=n_ideal)
        })
    }
}

fn discounted(ranks: impl Iterator<Item = usize>) -> f64 {
    ranks.fold(0.0, |sum, rank| sum + 1.0 / (rank as f64 + 1.0).log2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_discounted_by_rank_and_divided_by_the_ideal() {
        let list = JudgedList::new(&[9, 1, 8, 2], &[1, 2, 3]).unwrap();
        let dcg = 1.0 / 3_f64.log2() + 1.0 / 5_f64.log2();
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 1.0 / 2.0;
        assert_eq!(Ndcg::new(4).unwrap().measure(&list), Some(dcg / ideal));
    }

    #[test]
    fn the_ideal_is_cut_at_k() {
        let list = JudgedList::new(&[9, 1], &[1, 2, 3]).unwrap();
        let expected = (1.0 / 3_f64.log2()) / (1.0 + 1.0 / 3_f64.log2());
        assert_eq!(Ndcg::new(2).unwrap().measure(&list), Some(expected));
    }
}
