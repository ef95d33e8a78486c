use super::ranked::Ranked;
use super::{PointwiseMetric, Predictions};
use crate::{Error, Result};

/// Area under the receiver operating characteristic up to a false positive rate, standardised.
///
/// With `a` the area under the curve where the false positive rate is at most `m`, between two points of the
/// curve by linear interpolation:
/// `PartialAUC = (1 + (a - m²/2) / (m - m²/2)) / 2` (McClish 1989, Analyzing a portion of the ROC curve), so
/// that 0.5 is chance and 1 is perfect. `(1 - m) / (2 - m)..1`; at `m = 1` it is [`Auc`](super::Auc).
/// Undefined with one class only. Equals scikit-learn's `roc_auc_score(max_fpr=m)`.
///
/// Use it where only few negatives can be shown.
#[derive(Debug, Clone, Copy)]
pub struct PartialAuc {
    max_false_positive_rate: f64,
}

impl PartialAuc {
    /// Up to `max_false_positive_rate`.
    ///
    /// # Errors
    /// If it is not above 0 and at most 1.
    pub fn new(max_false_positive_rate: f64) -> Result<Self> {
        if max_false_positive_rate > 0.0 && max_false_positive_rate <= 1.0 {
            return Ok(Self { max_false_positive_rate });
        }
        let message = format!("{max_false_positive_rate}; must be above 0 and at most 1");
        Err(Error::Parameter { parameter: "max_false_positive_rate", message })
    }
}

impl PointwiseMetric for PartialAuc {
    fn label(&self) -> String {
        format!("PartialAUC({})", self.max_false_positive_rate)
    }

    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        let ranked = Ranked::new(predictions);
        let (n_positives, n_negatives) = (ranked.n_positives(), ranked.n_negatives());
        // The area in pairs of a positive and a negative, twice, and the point of the curve reached.
        let (mut twice_area, mut rest, mut cut) = (0_u128, 0.0, false);
        let (mut found, mut passed) = (0_u64, 0_u64);
        let last_negative = self.max_false_positive_rate * n_negatives as f64;
        ranked.for_each_tie(|tie| {
            if cut {
                return;
            }
            let (next_found, next_passed) = (found + tie.positives, passed + tie.negatives);
            if next_passed as f64 > last_negative {
                // A trapezium whose right side stands where the curve is cut.
                let width = last_negative - passed as f64;
                let rise = tie.positives as f64 * (width / tie.negatives as f64);
                rest = width * (found as f64 + 0.5 * rise);
                cut = true;
                return;
            }
            twice_area += u128::from(tie.negatives) * u128::from(found + next_found);
            (found, passed) = (next_found, next_passed);
        });
        if n_positives == 0 || n_negatives == 0 {
            return Ok(None);
        }
        let area = (twice_area as f64 * 0.5 + rest) / (n_positives as f64 * n_negatives as f64);
        let chance = 0.5 * self.max_false_positive_rate * self.max_false_positive_rate;
        Ok(Some(0.5 * (1.0 + (area - chance) / (self.max_false_positive_rate - chance))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pointwise::Auc;

    fn partial_auc(max: f64, scores: &[f64], labels: &[bool]) -> Option<f64> {
        PartialAuc::new(max).unwrap().measure(&Predictions::new(scores, labels).unwrap()).unwrap()
    }

    #[test]
    fn cuts_the_curve_between_two_points() {
        // Points (0, 0), (0, 1/2), (1/2, 1/2), (1/2, 1), (1, 1); up to 1/4: a rectangle of height 1/2.
        let labels = [true, false, true, false];
        let (area, m) = (0.25 * 0.5, 0.25);
        let expected = 0.5 * (1.0 + (area - m * m / 2.0) / (m - m * m / 2.0));
        assert_eq!(partial_auc(m, &[0.9, 0.8, 0.7, 0.1], &labels), Some(expected));
        // All tied: the diagonal, which is chance.
        assert_eq!(partial_auc(m, &[0.5; 4], &labels), Some(0.5));
    }

    #[test]
    fn perfect_is_1_and_reversed_is_the_lower_end() {
        let scores = [0.9, 0.8, 0.2, 0.1];
        assert_eq!(partial_auc(0.1, &scores, &[true, true, false, false]), Some(1.0));
        let lowest = partial_auc(0.1, &scores, &[false, false, true, true]).unwrap();
        assert!((lowest - (1.0 - 0.1) / (2.0 - 0.1)).abs() < 1e-15, "{lowest}");
    }

    #[test]
    fn all_of_the_curve_is_auc() {
        let predictions =
            Predictions::new(&[0.9, 0.8, 0.8, 0.1, 0.3], &[true, false, true, true, false]).unwrap();
        assert_eq!(PartialAuc::new(1.0).unwrap().measure(&predictions), Auc.measure(&predictions));
    }

    #[test]
    fn one_class_is_undefined_and_rates_beyond_0_and_1_are_refused() {
        assert_eq!(partial_auc(0.1, &[0.5, 0.2], &[true, true]), None);
        assert_eq!(partial_auc(0.1, &[0.5, 0.2], &[false, false]), None);
        for rate in [0.0, -0.1, 1.5, f64::NAN] {
            assert!(PartialAuc::new(rate).is_err());
        }
        assert_eq!(PartialAuc::new(0.1).unwrap().label(), "PartialAUC(0.1)");
    }
}
