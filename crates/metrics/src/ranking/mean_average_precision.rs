use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// What [`MeanAveragePrecision`] divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Divisor {
    /// `min(k, n_relevant)`, the hits that were possible: every user can reach 1. As in RePlay.
    #[default]
    Achievable,
    /// `n_relevant`: users with more than `k` relevant items stay below 1. As in the literature, where there
    /// is no cutoff, and in RecTools.
    Relevant,
    /// `k`: users with fewer than `k` relevant items stay below 1. As in RecTools with `divide_by_k=True`.
    Cutoff,
}

/// Average precision: the precision at each hit, averaged over the hits that were possible.
///
/// `AP@k = Σ (hits up to rank) / rank over the hits at ranks 1 to k, divided by min(k, n_relevant)`, or by
/// another [`Divisor`], which then shows in the label: `MAP(relevant)@10`, `MAP(cutoff)@10`. Averaged over
/// users it is the mean average precision, whose label it carries.
///
/// In 0..1. Undefined for a user without relevant items.
///
/// Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, section 8.4;
/// the cut of the divisor at `k` is RePlay's.
#[derive(Debug, Clone, Copy)]
pub struct MeanAveragePrecision {
    k: Cutoff,
    divisor: Divisor,
}

impl MeanAveragePrecision {
    /// Average precision of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)?, divisor: Divisor::default() })
    }

    /// Divides by `divisor`.
    pub fn with_divisor(mut self, divisor: Divisor) -> Self {
        self.divisor = divisor;
        self
    }
}

impl RankingMetric for MeanAveragePrecision {
    fn label(&self) -> String {
        let variant = match self.divisor {
            Divisor::Achievable => "",
            Divisor::Relevant => "(relevant)",
            Divisor::Cutoff => "(cutoff)",
        };
        format!("MAP{variant}{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let k = self.k.get();
        let n_relevant = list.relevant().len();
        let divisor = match self.divisor {
            Divisor::Achievable => n_relevant.min(k),
            Divisor::Relevant => n_relevant,
            Divisor::Cutoff => k,
        };
        (n_relevant > 0).then(|| {
            let hits = (1_u32..).zip(list.hit_ranks_within(k));
            let sum = hits.fold(0.0, |sum, (n_hits, &rank)| sum + f64::from(n_hits) / rank as f64);
            sum / divisor as f64
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

    #[test]
    fn the_divisor_is_chosen() {
        let list = JudgedList::new(&[9, 1, 2], &[1, 2, 3, 4, 5]).unwrap();
        let metric = MeanAveragePrecision::new(2).unwrap();
        let value = |divisor| metric.with_divisor(divisor).measure(&list);
        assert_eq!(value(Divisor::Achievable), Some(1.0 / 2.0 / 2.0));
        assert_eq!(value(Divisor::Relevant), Some(1.0 / 2.0 / 5.0));
        let one = JudgedList::new(&[9, 1, 2], &[1]).unwrap();
        assert_eq!(metric.with_divisor(Divisor::Cutoff).measure(&one), Some(1.0 / 2.0 / 2.0));
        let labels = [Divisor::Achievable, Divisor::Relevant, Divisor::Cutoff];
        let labels = labels.map(|divisor| metric.with_divisor(divisor).label());
        assert_eq!(labels, ["MAP@2", "MAP(relevant)@2", "MAP(cutoff)@2"]);
    }
}
