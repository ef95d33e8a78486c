use super::{JudgedList, RankingMetric};

/// Precision at the rank where precision and recall meet: of the first `n_relevant` ranks.
///
/// `RPrecision = hits at ranks 1 to n_relevant / n_relevant`. It has no cutoff: a list shorter than
/// `n_relevant` misses the ranks it lacks, so lists should be as long as the longest truth.
///
/// In 0..1. Undefined for a user without relevant items.
///
/// Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, section 8.4. What
/// RecTools calls R-precision is cut at `k`: [`AchievablePrecision`](super::AchievablePrecision).
#[derive(Debug, Clone, Copy, Default)]
pub struct RPrecision;

impl RankingMetric for RPrecision {
    fn label(&self) -> String {
        "RPrecision".to_owned()
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let n_relevant = list.relevant().len();
        (n_relevant > 0).then(|| list.n_hits(n_relevant) as f64 / n_relevant as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_ranks_count_as_items_are_relevant() {
        let list = JudgedList::new(&[1, 9, 2, 3], &[1, 2, 3]).unwrap();
        assert_eq!(RPrecision.measure(&list), Some(2.0 / 3.0));
        let short = JudgedList::new(&[1], &[1, 2, 3]).unwrap();
        assert_eq!(RPrecision.measure(&short), Some(1.0 / 3.0));
        assert_eq!(RPrecision.measure(&JudgedList::new(&[1], &[]).unwrap()), None);
    }
}
