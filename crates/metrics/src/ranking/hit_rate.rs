use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// Whether any relevant item stands at the ranks 1 to `k`: 1 or 0.
///
/// Averaged over users it is the share of users with at least one hit.
#[derive(Debug, Clone, Copy)]
pub struct HitRate {
    k: Cutoff,
}

impl HitRate {
    /// HitRate of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for HitRate {
    fn label(&self) -> String {
        format!("HitRate{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let hit = list.n_hits(self.k.get()) > 0;
        (!list.relevant().is_empty()).then_some(if hit { 1.0 } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hit_within_k_is_enough() {
        let list = JudgedList::new(&[9, 8, 1, 2], &[1, 2]).unwrap();
        assert_eq!(HitRate::new(2).unwrap().measure(&list), Some(0.0));
        assert_eq!(HitRate::new(3).unwrap().measure(&list), Some(1.0));
        assert_eq!(HitRate::new(100).unwrap().measure(&list), Some(1.0));
    }
}
