use super::{ConfusionMatrix, PointwiseMetric, Predictions, Threshold};
use crate::Result;

/// The harmonic mean of precision and recall of the positive class; a score of at least the threshold
/// predicts positive.
///
/// See [`ConfusionMatrix::f1`] for the formula. Undefined if nothing is positive and nothing was
/// predicted so.
#[derive(Debug, Clone, Copy, Default)]
pub struct F1 {
    threshold: Threshold,
}

impl F1 {
    /// F1 at `threshold`; `F1::default()` is at 0.5.
    pub fn new(threshold: Threshold) -> Self {
        Self { threshold }
    }
}

impl PointwiseMetric for F1 {
    fn label(&self) -> String {
        self.threshold.label("F1")
    }

    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        Ok(ConfusionMatrix::new(predictions, self.threshold).f1())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_precision_and_recall() {
        let scores = [0.9, 0.8, 0.6, 0.1];
        let predictions = Predictions::new(&scores, &[true, false, true, true]).unwrap();
        let (precision, recall) = (2.0 / 3.0, 2.0 / 3.0);
        let expected = 2.0 * precision * recall / (precision + recall);
        assert_eq!(F1::default().measure(&predictions), Ok(Some(expected)));
        let strict = F1::new(Threshold::new(0.95).unwrap());
        assert_eq!(strict.measure(&predictions), Ok(Some(0.0)));
    }
}
