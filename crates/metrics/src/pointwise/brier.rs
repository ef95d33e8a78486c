use super::{PointwiseMetric, Predictions};
use crate::Result;
use crate::mean::mean;

/// The mean squared distance of probabilities from labels.
///
/// `Brier = mean of (p - y)²`, `y` being 1 for positives and 0 for negatives. 0 is perfect, 1 is certain and
/// always wrong; unlike log loss a certain error costs a bounded amount. 0..1; undefined without rows.
///
/// Source: Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78(1),
/// 1950, halved, as is usual for two classes; scikit-learn's `brier_score_loss`.
#[derive(Debug, Clone, Copy)]
pub struct Brier;

impl PointwiseMetric for Brier {
    fn label(&self) -> String {
        "Brier".to_owned()
    }

    /// As the trait says.
    ///
    /// # Errors
    /// If a score is not in 0..1.
    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        predictions.check_probabilities()?;
        let rows = predictions.scores().iter().zip(predictions.labels());
        Ok(mean(rows.map(|(p, &label)| (p - f64::from(u8::from(label))).powi(2))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn is_the_mean_squared_distance() {
        let predictions = Predictions::new(&[0.75, 0.5], &[true, false]).unwrap();
        assert_eq!(Brier.measure(&predictions), Ok(Some((0.25 * 0.25 + 0.5 * 0.5) / 2.0)));
        assert_eq!(Brier.measure(&Predictions::new(&[0.0_f32; 0], &[]).unwrap()), Ok(None));
        let wrong = Predictions::new(&[0.0_f32, 1.0], &[true, false]).unwrap();
        assert_eq!(Brier.measure(&wrong), Ok(Some(1.0)));
    }

    #[test]
    fn scores_beyond_0_and_1_are_refused_with_their_row() {
        let error = Brier.measure(&Predictions::new(&[0.5, -2.0], &[true, false]).unwrap());
        assert_eq!(error, Err(Error::NotProbability { row: 1, value: -2.0 }));
    }
}
