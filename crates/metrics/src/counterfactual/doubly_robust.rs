use super::logged_feedback::{LARGEST, effective_sample_size};
use super::{LoggedFeedback, PolicyEstimate};
use crate::mean::{mean, sum};
use crate::{Error, Result};

/// What a model thinks of the rewards, fitted on other rows than those it is applied to.
///
/// A model that has seen a row's reward has less left to correct there than anywhere else, which makes the
/// estimate biased and its error look small. [`CrossFittedMeans`](super::CrossFittedMeans) keeps them apart.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedRewards {
    logged: Vec<f64>,
    target: Vec<f64>,
}

impl PredictedRewards {
    /// The predicted reward of every logged action, and of what the target policy would do instead: the sum
    /// over all actions of its probability times the action's predicted reward.
    ///
    /// # Errors
    /// If the lengths differ or a prediction is not finite or beyond 1e140; the message names the row.
    pub fn new(logged: Vec<f64>, target: Vec<f64>) -> Result<Self> {
        if logged.len() != target.len() {
            let (left, right) = ("predictions of logged actions", "predictions of the target policy");
            return Err(Error::ColumnLength { left, n_left: logged.len(), right, n_right: target.len() });
        }
        for (row, prediction) in logged.iter().enumerate().chain(target.iter().enumerate()) {
            if prediction.is_nan() || prediction.abs() > LARGEST {
                let message = format!("a predicted reward is {prediction}; give a finite number");
                return Err(Error::Row { row, message });
            }
        }
        Ok(Self { logged, target })
    }

    /// Of the logged actions.
    pub fn logged(&self) -> &[f64] {
        &self.logged
    }

    /// Of the target policy.
    pub fn target(&self) -> &[f64] {
        &self.target
    }
}

/// Doubly robust estimation: what a model predicts, corrected by weighted rewards where it was wrong.
///
/// `DR = mean of q(target) + w (r - q(logged))`, `w = target probability / logged probability`, with the
/// predicted rewards q of the target policy and of the logged action. Unbiased if the logged probabilities are
/// right, whatever the model says, and if the model is right, whatever the probabilities are; the better the
/// model, the less it varies. With predictions of 0 it is [`Ips`](super::Ips). The standard error is that of a
/// mean. Undefined without rows.
///
/// Source: Dudík, Langford and Li, Doubly robust policy evaluation and learning, ICML 2011, equation 2; the model
/// on other rows: Chernozhukov et al., Double/debiased machine learning for treatment and structural parameters,
/// The Econometrics Journal 21(1), 2018.
///
/// ```
/// use burn_recsys_metrics::counterfactual::{DoublyRobust, LoggedFeedback, PredictedRewards};
///
/// // Both actions were drawn with probability 1/2; the target policy takes the first 3 times of 4.
/// let log = LoggedFeedback::new(&[1.0, 0.0], &[0.5, 0.5], &[0.75, 0.25])?;
/// // The model predicts 0.8 and 0.2, so 0.75 * 0.8 + 0.25 * 0.2 of the target policy.
/// let predicted = PredictedRewards::new(vec![0.8, 0.2], vec![0.65, 0.65])?;
/// let estimate = DoublyRobust.estimate(&log, &predicted)?.unwrap();
/// let expected = ((0.65 + 1.5 * (1.0 - 0.8)) + (0.65 + 0.5 * (0.0 - 0.2))) / 2.0;
/// assert!((estimate.value - expected).abs() < 1e-15);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DoublyRobust;

impl DoublyRobust {
    /// The name in tables: `DR`.
    pub fn label(&self) -> String {
        "DR".to_owned()
    }

    /// The estimate; `None` without rows.
    ///
    /// # Errors
    /// If there is not one prediction for every row, or a row's value is beyond 1e140.
    pub fn estimate(
        &self,
        log: &LoggedFeedback<'_>,
        predicted: &PredictedRewards,
    ) -> Result<Option<PolicyEstimate>> {
        let n_rows = log.n_rows();
        if n_rows != predicted.logged.len() {
            let (left, right) = ("rewards", "predictions");
            return Err(Error::ColumnLength { left, n_left: n_rows, right, n_right: predicted.logged.len() });
        }
        let predictions = predicted.logged.iter().zip(&predicted.target);
        let rows = log.weights().zip(log.rewards()).zip(predictions);
        let values = rows.map(|((weight, reward), (logged, target))| target + weight * (reward - logged));
        if let Some(row) = values.clone().position(|value| value.is_nan() || value.abs() > LARGEST) {
            let message =
                format!("the weighted error of the prediction is beyond {LARGEST:e}; remove the row");
            return Err(Error::Row { row, message });
        }
        let Some(value) = mean(values.clone()) else { return Ok(None) };
        let n = n_rows as f64;
        let squares = sum(values.map(|value_of_row| (value_of_row - value).powi(2)));
        Ok(Some(PolicyEstimate {
            value,
            standard_error: (n_rows > 1).then(|| (squares / (n * (n - 1.0))).sqrt()),
            effective_sample_size: effective_sample_size(log.weights()),
            n_rows,
            clipped_share: 0.0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_corrected_by_weighted_errors() {
        // Weights 2, 0.5, 0.
        let log = LoggedFeedback::new(&[1.0, 2.0, 5.0], &[0.25, 0.5, 0.5], &[0.5, 0.25, 0.0]).unwrap();
        let predicted = PredictedRewards::new(vec![0.5, 1.0, 3.0], vec![1.0, 2.0, 1.5]).unwrap();
        let estimate = DoublyRobust.estimate(&log, &predicted).unwrap().unwrap();
        let rows = [1.0 + 2.0 * 0.5, 2.0 + 0.5 * 1.0, 1.5];
        let value = (2.0 + 2.5 + 1.5) / 3.0;
        assert_eq!(estimate.value, value);
        let squares: f64 = rows.iter().map(|row| (row - value).powi(2)).sum();
        assert!((estimate.standard_error.unwrap() - (squares / 6.0).sqrt()).abs() < 1e-15);
        assert_eq!((estimate.n_rows, estimate.clipped_share), (3, 0.0));
        assert_eq!(DoublyRobust.label(), "DR");
    }

    #[test]
    fn faults_are_refused() {
        let message = |logged: &[f64], target: &[f64]| {
            PredictedRewards::new(logged.to_vec(), target.to_vec()).unwrap_err().to_string()
        };
        assert!(message(&[1.0], &[]).contains("1 predictions of logged actions but 0"));
        assert!(message(&[0.0, f64::NAN], &[0.0; 2]).starts_with("row 1"));
        assert!(message(&[0.0; 2], &[f64::INFINITY, 0.0]).starts_with("row 0"));
        let log = LoggedFeedback::new(&[1.0], &[1e-100], &[1.0]).unwrap();
        let estimate = |logged: f64| {
            DoublyRobust.estimate(&log, &PredictedRewards::new(vec![logged], vec![0.0]).unwrap())
        };
        assert!(estimate(0.5).is_ok());
        assert!(estimate(1e100).unwrap_err().to_string().starts_with("row 0"));
        let two = PredictedRewards::new(vec![0.0; 2], vec![0.0; 2]).unwrap();
        assert!(DoublyRobust.estimate(&log, &two).is_err());
        let nothing = LoggedFeedback::new(&[], &[], &[]).unwrap();
        let none = PredictedRewards::new(vec![], vec![]).unwrap();
        assert_eq!(DoublyRobust.estimate(&nothing, &none), Ok(None));
    }
}
