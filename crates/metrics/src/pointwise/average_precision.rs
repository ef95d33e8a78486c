use super::ranked::{FromTies, Ranked, Tie};
use super::{PointwiseMetric, Predictions};
use crate::Result;
use crate::mean::{Sum, sum};

/// Average precision: the area under the curve of precision over recall, by steps.
///
/// `AP = sum over distinct scores, highest first, of (recall gained at this score) * (precision of all rows of
/// at least this score)`. Rows of one score are one step, so their order does not matter. A model that cannot
/// tell rows apart gets the share of positives. 0..1; undefined without positives.
///
/// Cost: O(n log n) time, and a copy of the scores.
///
/// Source: the definition of scikit-learn's `average_precision_score`; it gives 0 without positives.
#[derive(Debug, Clone, Copy)]
pub struct AveragePrecision;

impl PointwiseMetric for AveragePrecision {
    fn label(&self) -> String {
        "AveragePrecision".to_owned()
    }

    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        let ranked = Ranked::new(predictions);
        let n_positives = ranked.n_positives();
        let steps = sum(ranked.gather::<Steps>().iter().map(|block| block.steps.total()));
        Ok((n_positives > 0).then(|| steps / n_positives as f64))
    }
}

/// Of rows that come highest score first, precision times the positives found at each score.
struct Steps {
    above: Tie,
    steps: Sum,
}

impl FromTies for Steps {
    fn after(above: Tie) -> Self {
        Steps { above, steps: Sum::default() }
    }

    fn add(&mut self, tie: Tie) {
        self.above.positives += tie.positives;
        self.above.negatives += tie.negatives;
        if tie.positives > 0 {
            let seen = self.above.positives + self.above.negatives;
            self.steps.add(tie.positives as f64 * (self.above.positives as f64 / seen as f64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ap(scores: &[f64], labels: &[bool]) -> Option<f64> {
        AveragePrecision.measure(&Predictions::new(scores, labels).unwrap()).unwrap()
    }

    #[test]
    fn weighs_precision_by_the_recall_gained() {
        // Steps: 0.9 holds no positive; 0.8 finds 1 of 2 at precision 1/2; 0.3 the other at 2/4.
        let value = ap(&[0.8, 0.9, 0.3, 0.5], &[true, false, true, false]);
        assert_eq!(value, Some(0.5 * (1.0 / 2.0) + 0.5 * (2.0 / 4.0)));
    }

    #[test]
    fn rows_of_one_score_are_one_step() {
        assert_eq!(ap(&[0.5, 0.5, 0.5], &[true, false, false]), Some(1.0 / 3.0));
        assert_eq!(ap(&[0.5, 0.5, 0.5], &[false, false, true]), Some(1.0 / 3.0));
    }

    #[test]
    fn no_positives_are_undefined_and_positives_alone_are_perfect() {
        assert_eq!(ap(&[0.5, 0.2], &[false, false]), None);
        assert_eq!(ap(&[], &[]), None);
        assert_eq!(ap(&[0.5, 0.2], &[true, true]), Some(1.0));
    }
}
