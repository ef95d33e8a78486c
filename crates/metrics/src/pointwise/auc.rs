use super::ranked::{FromTies, Ranked, Tie};
use super::{PointwiseMetric, Predictions};
use crate::Result;

/// Area under the receiver operating characteristic: how often a positive outranks a negative.
///
/// `AUC = (pairs with the positive above + half the tied pairs) / pairs of a positive and a negative`.
/// Counted in integers, so ties are exact and only the final division rounds. Infinite scores are
/// ordered like any other; 0 and -0 are tied. Undefined with one class only.
///
/// Cost: O(n log n) time, and a copy of the scores.
///
/// Source: Hanley and McNeil, The meaning and use of the area under a receiver operating
/// characteristic (ROC) curve, Radiology 143(1), 1982.
#[derive(Debug, Clone, Copy)]
pub struct Auc;

impl PointwiseMetric for Auc {
    fn label(&self) -> String {
        "AUC".to_owned()
    }

    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        let ranked = Ranked::new(predictions);
        let twice_won = ranked.gather::<Area>().iter().map(|block| block.twice_won).sum();
        let (n_positives, n_negatives) = (ranked.n_positives(), ranked.n_negatives());
        Ok(Area { n_positives, n_negatives, twice_won }.value())
    }
}

/// The area under the curve of rows that come highest score first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Area {
    pub(super) n_positives: u64,
    n_negatives: u64,
    /// A pair won counts 2 and a tie 1.
    twice_won: u128,
}

impl FromTies for Area {
    fn after(above: Tie) -> Self {
        Area { n_positives: above.positives, n_negatives: above.negatives, twice_won: 0 }
    }

    fn add(&mut self, tie: Tie) {
        let above_or_tied = 2 * self.n_positives + tie.positives;
        self.twice_won += u128::from(tie.negatives) * u128::from(above_or_tied);
        self.n_positives += tie.positives;
        self.n_negatives += tie.negatives;
    }
}

impl Area {
    pub(super) fn value(self) -> Option<f64> {
        let n_pairs = u128::from(self.n_positives) * u128::from(self.n_negatives);
        (n_pairs > 0).then(|| self.twice_won as f64 / (2 * n_pairs) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
        Auc.measure(&Predictions::new(scores, labels).unwrap()).unwrap()
    }

    #[test]
    fn a_tie_is_half_won() {
        // Pairs: 0.5 beats 0.2 and ties 0.5; 0.1 loses to both.
        let value = auc(&[0.5, 0.2, 0.1, 0.5], &[true, false, true, false]);
        assert_eq!(value, Some((1.0 + 0.5 + 0.0 + 0.0) / 4.0));
    }

    #[test]
    fn one_class_alone_is_undefined() {
        assert_eq!(auc(&[0.5, 0.2], &[true, true]), None);
        assert_eq!(auc(&[0.5, 0.2], &[false, false]), None);
        assert_eq!(auc(&[], &[]), None);
    }
}
