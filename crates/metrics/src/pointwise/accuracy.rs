use super::{ConfusionMatrix, PointwiseMetric, Predictions, Threshold};
use crate::Result;

/// The share of the rows whose class was predicted rightly; a score of at least the threshold predicts
/// positive.
///
/// See [`ConfusionMatrix::accuracy`] for the formula. Undefined without rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Accuracy {
    threshold: Threshold,
}

impl Accuracy {
    /// Accuracy at `threshold`; `Accuracy::default()` is at 0.5.
    pub fn new(threshold: Threshold) -> Self {
        Self { threshold }
    }
}

impl PointwiseMetric for Accuracy {
    fn label(&self) -> String {
        self.threshold.label("Accuracy")
    }

    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        Ok(ConfusionMatrix::new(predictions, self.threshold).accuracy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_rows_on_the_right_side() {
        let predictions = Predictions::new(&[0.9, 0.2, 0.6], &[true, false, false]).unwrap();
        assert_eq!(Accuracy::default().measure(&predictions), Ok(Some(2.0 / 3.0)));
        let strict = Accuracy::new(Threshold::new(0.7).unwrap());
        assert_eq!(strict.measure(&predictions), Ok(Some(1.0)));
        assert_eq!(strict.label(), "Accuracy(0.7)");
    }
}
