use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// Average precision: the precision at each hit, averaged over the hits that were possible.
///
/// `AP@k = Σ (hits up to rank) / rank over the hits at ranks 1 to k, divided by min(k, n_relevant)`.
/// Averaged over users it is the mean average precision, whose label it carries.
///
/// Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, section 8.4;
/// the cut of the divisor at `k` is RePlay's.
#[derive(Debug, Clone, Copy)]
pub struct MeanAveragePrecision {
    k: Cutoff,
}

impl MeanAveragePrecision {
    /// Average precision of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for MeanAveragePrecision {
    fn label(&self) -> String {
        format!("MAP{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let k = self.k.get();
        let n_possible = list.relevant().len().min(k);
        (n_possible > 0).then(|| {
            let hits = (1_u32..).zip(list.hit_ranks_within(k));
            let sum = hits.fold(0.0, |sum, (n_hits, &rank)| sum + f64::from(n_hits) / rank as f64);
            sum / n_possible as f64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_averaged_at_the_hits() {
        let list = JudgedList::new(&[1, 9, 2], &[1, 2, 3, 4, 5, 6]).unwrap();
        let metric = MeanAveragePrecision::new(10).unwrap();
        let expected = 1.0 / 6.0 * (1.0 + 2.0 / 3.0);
        assert!((metric.measure(&list).unwrap() - expected).abs() < 1e-15);
    }

    #[test]
    fn the_divisor_is_cut_at_k() {
        let list = JudgedList::new(&[9, 1, 2], &[1, 2, 3]).unwrap();
        let metric = MeanAveragePrecision::new(2).unwrap();
        assert_eq!(metric.measure(&list), Some(1.0 / 2.0 * (1.0 / 2.0)));
    }
}
