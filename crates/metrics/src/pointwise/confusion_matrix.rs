use super::{Predictions, Scores, Threshold};
use crate::{Error, Result};

/// How many rows were predicted rightly and wrongly, by class.
///
/// ```
/// use burn_recsys_metrics::pointwise::{ConfusionMatrix, Predictions, Threshold};
///
/// let predictions = Predictions::new(&[0.9_f32, 0.5, 0.4], &[true, false, true])?;
/// let matrix = ConfusionMatrix::new(&predictions, Threshold::default());
/// assert_eq!((matrix.true_positive, matrix.false_positive), (1, 1));
/// assert_eq!(matrix.recall(), Some(0.5));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// Positives predicted positive.
    pub true_positive: u64,
    /// Negatives predicted positive.
    pub false_positive: u64,
    /// Negatives predicted negative.
    pub true_negative: u64,
    /// Positives predicted negative.
    pub false_negative: u64,
}

impl ConfusionMatrix {
    /// Counts the rows; a score of at least `threshold` is a positive prediction.
    pub fn new(predictions: &Predictions<'_>, threshold: Threshold) -> Self {
        let labels = predictions.labels();
        let threshold = threshold.get();
        match predictions.scores() {
            Scores::F32(scores) => Self::count(scores.iter().map(|&s| s >= threshold as f32), labels),
            Scores::F64(scores) => Self::count(scores.iter().map(|&s| s >= threshold), labels),
        }
    }

    fn count(predicted: impl Iterator<Item = bool>, labels: &[bool]) -> Self {
        let mut matrix = Self::default();
        for (predicted, &label) in predicted.zip(labels) {
            let cell = match (label, predicted) {
                (true, true) => &mut matrix.true_positive,
                (false, true) => &mut matrix.false_positive,
                (false, false) => &mut matrix.true_negative,
                (true, false) => &mut matrix.false_negative,
            };
            *cell += 1;
        }
        matrix
    }

    /// The number of rows.
    pub fn n_rows(&self) -> u64 {
        self.true_positive + self.false_positive + self.true_negative + self.false_negative
    }

    /// `(true positive + true negative) / rows`; `None` without rows.
    pub fn accuracy(&self) -> Option<f64> {
        fraction(self.true_positive + self.true_negative, self.n_rows())
    }

    /// `true positive / (true positive + false positive)`; `None` if nothing was predicted positive.
    pub fn precision(&self) -> Option<f64> {
        fraction(self.true_positive, self.true_positive + self.false_positive)
    }

    /// `true positive / (true positive + false negative)`; `None` without positives.
    pub fn recall(&self) -> Option<f64> {
        fraction(self.true_positive, self.true_positive + self.false_negative)
    }

    /// `2 true positive / (2 true positive + false positive + false negative)`: the harmonic mean of
    /// precision and recall; `None` if nothing is positive and nothing was predicted so.
    pub fn f1(&self) -> Option<f64> {
        let both = 2 * self.true_positive;
        fraction(both, both + self.false_positive + self.false_negative)
    }

    /// `(1 + β²) true positive / ((1 + β²) true positive + β² false negative + false positive)`: recall counts
    /// `beta` times as much as precision; `None` where the divisor is 0.
    ///
    /// # Errors
    /// If `beta` is negative, NaN or so large that its square is infinite.
    pub fn f_beta(&self, beta: f64) -> Result<Option<f64>> {
        let square = beta * beta;
        if !(beta >= 0.0 && square.is_finite()) {
            let message = format!("{beta}; must be at least 0, and finite: 1 weighs recall like precision");
            return Err(Error::Parameter { parameter: "beta", message });
        }
        let both = (1.0 + square) * self.true_positive as f64;
        let divisor = both + square * self.false_negative as f64 + self.false_positive as f64;
        Ok((divisor > 0.0).then(|| both / divisor))
    }

    /// `true negative / (true negative + false positive)`, the recall of the negatives; `None` without
    /// negatives.
    pub fn specificity(&self) -> Option<f64> {
        fraction(self.true_negative, self.true_negative + self.false_positive)
    }

    /// `(recall + specificity) / 2`; `None` with one class only.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        self.recall().zip(self.specificity()).map(|(recall, specificity)| 0.5 * (recall + specificity))
    }

    /// `(TP TN - FP FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN))`, in -1..1; `None` if one of the four sums
    /// is 0: a class is missing among the labels or among the predictions.
    pub fn matthews_correlation(&self) -> Option<f64> {
        let [tp, fp, tn, fn_] =
            [self.true_positive, self.false_positive, self.true_negative, self.false_negative]
                .map(i128::from);
        // The numerator is exact; the product of four sums could overflow even 128 bits, so its root is that of
        // two pairs.
        let predicted = (tp + fp) * (tn + fn_);
        let labelled = (tp + fn_) * (tn + fp);
        let value = (tp * tn - fp * fn_) as f64 / ((predicted as f64).sqrt() * (labelled as f64).sqrt());
        (predicted > 0 && labelled > 0).then(|| value.clamp(-1.0, 1.0))
    }
}

fn fraction(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_counted_and_the_threshold_itself_is_positive() {
        let scores = [0.5, 0.6, 0.9, 0.49, 0.1, 0.5];
        let labels = [true, true, false, true, false, false];
        let predictions = Predictions::new(&scores, &labels).unwrap();
        let matrix = ConfusionMatrix::new(&predictions, Threshold::default());
        let expected =
            ConfusionMatrix { true_positive: 2, false_positive: 2, true_negative: 1, false_negative: 1 };
        assert_eq!(matrix, expected);
        assert_eq!(matrix.accuracy(), Some(3.0 / 6.0));
        assert_eq!(matrix.precision(), Some(2.0 / 4.0));
        assert_eq!(matrix.recall(), Some(2.0 / 3.0));
        assert_eq!(matrix.f1(), Some(2.0 * 2.0 / (2.0 * 2.0 + 2.0 + 1.0)));
    }

    #[test]
    fn single_precision_scores_reach_a_threshold_of_the_same_digits() {
        let predictions = Predictions::new(&[0.7_f32], &[true]).unwrap();
        let matrix = ConfusionMatrix::new(&predictions, Threshold::new(0.7).unwrap());
        assert_eq!(matrix.true_positive, 1);
    }

    #[test]
    fn both_classes_count_in_the_wider_measures() {
        let matrix =
            ConfusionMatrix { true_positive: 6, false_positive: 1, true_negative: 2, false_negative: 3 };
        assert_eq!(matrix.specificity(), Some(2.0 / 3.0));
        assert_eq!(matrix.balanced_accuracy(), Some((6.0 / 9.0 + 2.0 / 3.0) / 2.0));
        let correlation = (6.0 * 2.0 - 1.0 * 3.0) / (7.0_f64 * 9.0 * 3.0 * 5.0).sqrt();
        assert!((matrix.matthews_correlation().unwrap() - correlation).abs() < 1e-15);
        let all_wrong = ConfusionMatrix { false_positive: 3, false_negative: 4, ..Default::default() };
        assert_eq!(all_wrong.matthews_correlation(), Some(-1.0));
        let huge = ConfusionMatrix { true_positive: 1 << 60, true_negative: 1 << 60, ..Default::default() };
        assert_eq!(huge.matthews_correlation(), Some(1.0));
    }

    #[test]
    fn f_beta_leans_towards_recall() {
        let matrix =
            ConfusionMatrix { true_positive: 6, false_positive: 1, true_negative: 2, false_negative: 3 };
        assert_eq!(matrix.f_beta(1.0), Ok(matrix.f1()));
        assert_eq!(matrix.f_beta(0.0), Ok(matrix.precision()));
        let (precision, recall) = (6.0 / 7.0, 6.0 / 9.0);
        let f2 = 5.0 * precision * recall / (4.0 * precision + recall);
        assert!((matrix.f_beta(2.0).unwrap().unwrap() - f2).abs() < 1e-15);
        assert!(matrix.f_beta(-1.0).is_err() && matrix.f_beta(f64::NAN).is_err());
    }

    #[test]
    fn fractions_of_nothing_are_undefined() {
        let empty = ConfusionMatrix::default();
        assert_eq!(
            (empty.accuracy(), empty.precision(), empty.recall(), empty.f1()),
            (None, None, None, None)
        );
        assert_eq!((empty.specificity(), empty.balanced_accuracy()), (None, None));
        assert_eq!((empty.matthews_correlation(), empty.f_beta(2.0)), (None, Ok(None)));
        let only_misses = ConfusionMatrix { false_negative: 3, ..empty };
        assert_eq!((only_misses.precision(), only_misses.f1()), (None, Some(0.0)));
    }
}
