use super::{ConfusionMatrix, PointwiseMetric, Predictions, Threshold};
use crate::Result;

/// The mean of recall and specificity: accuracy as if both classes had equally many rows.
///
/// See [`ConfusionMatrix::balanced_accuracy`] for the formula. 0..1, 0.5 is chance; undefined with one class
/// only.
/// A score of at least the threshold predicts positive.
#[derive(Debug, Clone, Copy, Default)]
pub struct BalancedAccuracy {
    threshold: Threshold,
}

impl BalancedAccuracy {
    /// At `threshold`; `BalancedAccuracy::default()` is at 0.5.
    pub fn new(threshold: Threshold) -> Self {
        Self { threshold }
    }
}

impl PointwiseMetric for BalancedAccuracy {
    fn label(&self) -> String {
        self.threshold.label("BalancedAccuracy")
    }

    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        Ok(ConfusionMatrix::new(predictions, self.threshold).balanced_accuracy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_count_alike() {
        let predictions = Predictions::new(&[0.9, 0.6, 0.2, 0.4], &[true, false, false, false]).unwrap();
        assert_eq!(BalancedAccuracy::default().measure(&predictions), Ok(Some((1.0 + 2.0 / 3.0) / 2.0)));
        let strict = BalancedAccuracy::new(Threshold::new(0.7).unwrap());
        assert_eq!(strict.measure(&predictions), Ok(Some(1.0)));
        assert_eq!(strict.label(), "BalancedAccuracy(0.7)");
    }
}
