use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// The share of the ranks 1 to `k` that hold a relevant item.
///
/// `Precision@k = hits / k`. The divisor is `k` even where the list is shorter: a missing
/// recommendation is a miss.
#[derive(Debug, Clone, Copy)]
pub struct Precision {
    k: Cutoff,
}

impl Precision {
    /// Precision of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)? })
    }
}

impl RankingMetric for Precision {
    fn label(&self) -> String {
        format!("Precision{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let k = self.k.get();
        (!list.relevant().is_empty()).then(|| list.n_hits(k) as f64 / k as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_by_k_where_the_list_is_shorter() {
        let list = JudgedList::new(&[1, 9, 2], &[1, 2]).unwrap();
        assert_eq!(Precision::new(2).unwrap().measure(&list), Some(1.0 / 2.0));
        assert_eq!(Precision::new(10).unwrap().measure(&list), Some(2.0 / 10.0));
    }
}
