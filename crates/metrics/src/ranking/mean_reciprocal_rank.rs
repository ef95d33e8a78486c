use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// Reciprocal rank: 1 divided by the rank of the first relevant item, 0 beyond rank `k`.
///
/// Averaged over users it is the mean reciprocal rank, whose label it carries.
///
/// Source: Voorhees, The TREC-8 question answering track report, 1999.
#[derive(Debug, Clone, Copy)]
pub struct MeanReciprocalRank {
    k: Cutoff,
}

impl MeanReciprocalRank {
    /// Reciprocal rank within the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for MeanReciprocalRank {
    fn label(&self) -> String {
        format!("MRR{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let first = list.hit_ranks_within(self.k.get()).first();
        (!list.relevant().is_empty()).then(|| first.map_or(0.0, |&rank| 1.0 / rank as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_hit_counts() {
        let list = JudgedList::new(&[9, 8, 1, 2], &[1, 2]).unwrap();
        assert_eq!(MeanReciprocalRank::new(4).unwrap().measure(&list), Some(1.0 / 3.0));
        assert_eq!(MeanReciprocalRank::new(2).unwrap().measure(&list), Some(0.0));
    }
}
