use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// Precision relative to the best that was possible.
///
/// `AchievablePrecision@k = hits / min(k, n_relevant)`: unlike [`Precision`](super::Precision) and
/// [`Recall`](super::Recall) it reaches 1 for every user, with few relevant items or many.
///
/// In 0..1. Undefined for a user without relevant items. Equals RecTools `Precision(r_precision=True)`.
#[derive(Debug, Clone, Copy)]
pub struct AchievablePrecision {
    k: Cutoff,
}

impl AchievablePrecision {
    /// Achievable precision of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for AchievablePrecision {
    fn label(&self) -> String {
        format!("AchievablePrecision{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let k = self.k.get();
        let n_possible = list.relevant().len().min(k);
        (n_possible > 0).then(|| list.n_hits(k) as f64 / n_possible as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_by_the_hits_that_were_possible() {
        let list = JudgedList::new(&[1, 9, 2], &[1, 2]).unwrap();
        let value = |k| AchievablePrecision::new(k).unwrap().measure(&list);
        assert_eq!([value(1), value(2), value(10)], [Some(1.0), Some(1.0 / 2.0), Some(2.0 / 2.0)]);
    }
}
