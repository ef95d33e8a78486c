use super::{PointwiseMetric, Predictions, Scores};
use crate::Result;
use crate::mean::mean;

/// Log loss, also called binary cross-entropy: how surprised the probabilities are by the labels.
///
/// `LogLoss = mean of -ln(p) over positives and -ln(1 - p) over negatives`, in nats. `p` and `1 - p`
/// are first clipped to `[ε, 1 - ε]`, `ε` being the machine epsilon of the scores' own precision
/// (2^-23 for `f32`, 2^-52 for `f64`), so a certain but wrong prediction costs 15.9 or 36.0 nats.
/// Undefined without rows; one class alone is fine.
#[derive(Debug, Clone, Copy)]
pub struct LogLoss;

impl PointwiseMetric for LogLoss {
    fn label(&self) -> String {
        "LogLoss".to_owned()
    }

    /// As the trait says.
    ///
    /// # Errors
    /// If a score is not in 0..1.
    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        predictions.check_probabilities()?;
        let epsilon = match predictions.scores() {
            Scores::F32(_) => f32::EPSILON.into(),
            Scores::F64(_) => f64::EPSILON,
        };
        let rows = predictions.scores().iter().zip(predictions.labels());
        let of_label = rows.map(|(p, &label)| if label { p } else { 1.0 - p });
        Ok(mean(of_label.map(|p| -p.clamp(epsilon, 1.0 - epsilon).ln())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn log_loss<'a>(scores: impl Into<Scores<'a>>, labels: &'a [bool]) -> Result<Option<f64>> {
        LogLoss.measure(&Predictions::new(scores, labels).unwrap())
    }

    #[test]
    fn is_the_mean_surprise() {
        let value = log_loss(&[0.8, 0.25], &[true, false]).unwrap().unwrap();
        assert!((value - -(0.8_f64.ln() + 0.75_f64.ln()) / 2.0).abs() < 1e-15);
        assert_eq!(log_loss(&[0.0_f64; 0], &[]), Ok(None));
    }

    #[test]
    fn certainty_is_clipped_at_the_precision_of_the_scores() {
        let double = log_loss(&[0.0_f64, 1.0], &[true, false]).unwrap().unwrap();
        assert!((double - 52.0 * 2_f64.ln()).abs() < 1e-12, "{double}");
        let single = log_loss(&[0.0_f32, 1.0], &[true, false]).unwrap().unwrap();
        assert!((single - 23.0 * 2_f64.ln()).abs() < 1e-12, "{single}");
        let right = log_loss(&[0.0_f32, 1.0], &[false, true]).unwrap();
        assert_eq!(right, Some(-(1.0 - 2_f64.powi(-23)).ln()));
    }

    #[test]
    fn scores_beyond_0_and_1_are_refused_with_their_row() {
        let error = log_loss(&[0.5, 1.5], &[true, false]).unwrap_err();
        assert_eq!(error, Error::NotProbability { row: 1, value: 1.5 });
        assert!(log_loss(&[f32::NEG_INFINITY], &[true]).is_err());
    }
}
