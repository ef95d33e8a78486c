use super::{LogLoss, PointwiseMetric, Predictions};
use crate::Result;

/// Log loss relative to that of a model that knows nothing but the share of positives.
///
/// With `q` the share of positive rows:
/// `NormalizedEntropy = LogLoss / -(q ln q + (1 - q) ln(1 - q))`. Below 1 the scores say more than the share
/// does; unlike log loss it can be compared between data sets with different shares. At least 0; undefined
/// with one class only, where the divisor is 0.
///
/// Source: He et al., Practical lessons from predicting clicks on ads at Facebook, ADKDD 2014, equation 1.
#[derive(Debug, Clone, Copy)]
pub struct NormalizedEntropy;

impl PointwiseMetric for NormalizedEntropy {
    fn label(&self) -> String {
        "NormalizedEntropy".to_owned()
    }

    /// As the trait says.
    ///
    /// # Errors
    /// If a score is not in 0..1.
    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        let loss = LogLoss.measure(predictions)?;
        let labels = predictions.labels();
        let positives = labels.iter().filter(|&&label| label).count() as f64;
        let share = |part: f64| part / labels.len() as f64;
        let surprise = |part: f64| -share(part) * share(part).ln();
        let both = positives > 0.0 && positives < labels.len() as f64;
        let of_share = both.then(|| surprise(positives) + surprise(labels.len() as f64 - positives));
        Ok(loss.zip(of_share).map(|(loss, of_share)| loss / of_share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(scores: &[f64], labels: &[bool]) -> Option<f64> {
        NormalizedEntropy.measure(&Predictions::new(scores, labels).unwrap()).unwrap()
    }

    #[test]
    fn the_share_of_positives_itself_scores_1() {
        let value = normalized(&[0.25; 4], &[true, false, false, false]).unwrap();
        assert!((value - 1.0).abs() < 1e-15, "{value}");
    }

    #[test]
    fn divides_by_the_entropy_of_the_share() {
        let loss = -(0.8_f64.ln() + 0.75_f64.ln()) / 2.0;
        let value = normalized(&[0.8, 0.25], &[true, false]).unwrap();
        assert!((value - loss / 2_f64.ln()).abs() < 1e-15, "{value}");
    }

    #[test]
    fn one_class_is_undefined_and_logits_are_refused() {
        assert_eq!(normalized(&[0.8, 0.25], &[true, true]), None);
        assert_eq!(normalized(&[0.8, 0.25], &[false, false]), None);
        assert_eq!(normalized(&[], &[]), None);
        let logits = Predictions::new(&[1.5, -0.5], &[true, false]).unwrap();
        assert!(NormalizedEntropy.measure(&logits).is_err());
    }
}
