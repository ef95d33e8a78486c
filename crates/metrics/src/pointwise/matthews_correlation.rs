use super::{ConfusionMatrix, PointwiseMetric, Predictions, Threshold};
use crate::Result;

/// How far predicted and true classes go together: the correlation of two yes-or-no columns.
///
/// See [`ConfusionMatrix::matthews_correlation`] for the formula. -1..1, 0 is chance; undefined if one class
/// is missing among the labels or among the predictions, where scikit-learn gives 0.
///
/// Source: Matthews, Comparison of the predicted and observed secondary structure of T4 phage lysozyme,
/// Biochimica et Biophysica Acta 405(2), 1975.
/// A score of at least the threshold predicts positive.
#[derive(Debug, Clone, Copy, Default)]
pub struct MatthewsCorrelation {
    threshold: Threshold,
}

impl MatthewsCorrelation {
    /// At `threshold`; `MatthewsCorrelation::default()` is at 0.5.
    pub fn new(threshold: Threshold) -> Self {
        Self { threshold }
    }
}

impl PointwiseMetric for MatthewsCorrelation {
    fn label(&self) -> String {
        self.threshold.label("MCC")
    }

    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        Ok(ConfusionMatrix::new(predictions, self.threshold).matthews_correlation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_correlation_of_labels_and_predictions() {
        // TP 1, FP 1, TN 2, FN 0.
        let predictions = Predictions::new(&[0.9, 0.6, 0.2, 0.4], &[true, false, false, false]).unwrap();
        let expected = (1.0 * 2.0 - 1.0 * 0.0) / (2.0_f64 * 1.0 * 3.0 * 2.0).sqrt();
        let value = MatthewsCorrelation::default().measure(&predictions).unwrap().unwrap();
        assert!((value - expected).abs() < 1e-15, "{value}");
        let strict = MatthewsCorrelation::new(Threshold::new(0.7).unwrap());
        assert_eq!(strict.measure(&predictions), Ok(Some(1.0)));
        assert_eq!(strict.label(), "MCC(0.7)");
    }

    #[test]
    fn a_missing_class_is_undefined() {
        let predictions = Predictions::new(&[0.9, 0.6], &[true, false]).unwrap();
        assert_eq!(MatthewsCorrelation::default().measure(&predictions), Ok(None));
    }
}
