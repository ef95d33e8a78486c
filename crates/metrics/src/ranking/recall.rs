use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// The share of the relevant items that stand at the ranks 1 to `k`.
///
/// `Recall@k = hits / n_relevant`. The divisor is not cut at `k`, so a user with more than `k`
/// relevant items stays below 1.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    k: Cutoff,
}

impl Recall {
    /// Recall of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for Recall {
    fn label(&self) -> String {
        format!("Recall{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let n_relevant = list.relevant().len();
        (n_relevant > 0).then(|| list.n_hits(self.k.get()) as f64 / n_relevant as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_by_all_relevant_items() {
        let list = JudgedList::new(&[1, 9, 2], &[1, 2, 3, 4, 5]).unwrap();
        assert_eq!(Recall::new(2).unwrap().measure(&list), Some(1.0 / 5.0));
        assert_eq!(Recall::new(3).unwrap().measure(&list), Some(2.0 / 5.0));
    }
}
