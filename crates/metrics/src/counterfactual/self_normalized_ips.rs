use super::logged_feedback::effective_sample_size;
use super::{LoggedFeedback, PolicyEstimate};
use crate::mean::sum;

/// Self-normalised inverse propensity scoring: the weighted mean of rewards.
///
/// `SNIPS = Σ w r / Σ w`, `w = target probability / logged probability`. It lies between the least and the
/// greatest reward, and adding a constant to all rewards adds the same to the estimate; in return it has a bias
/// that vanishes as the log grows. The standard error is that of a quotient by the delta method,
/// `√(Σ w² (r - SNIPS)²) / Σ w`. Undefined without rows, or if the target policy takes none of the logged
/// actions, so that all weights are 0.
///
/// Sources: Swaminathan and Joachims, The self-normalized estimator for counterfactual learning, NeurIPS 2015;
/// standard error: Owen, Monte Carlo theory, methods and examples, 2013, section 9.2.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelfNormalizedIps;

impl SelfNormalizedIps {
    /// The name in tables: `SNIPS`.
    pub fn label(&self) -> String {
        "SNIPS".to_owned()
    }

    /// The estimate; `None` without rows or if all weights are 0.
    pub fn estimate(&self, log: &LoggedFeedback<'_>) -> Option<PolicyEstimate> {
        // Relative to the largest weight, which changes nothing but keeps squares of small ones above 0.
        let largest = log.weights().fold(0.0, f64::max);
        if largest == 0.0 {
            return None;
        }
        let weights = log.weights().map(|weight| weight / largest);
        let rows = weights.clone().zip(log.rewards());
        let total = sum(weights.clone());
        let value = sum(rows.clone().map(|(weight, reward)| weight * reward)) / total;
        let squares = sum(rows.map(|(weight, reward)| (weight * (reward - value)).powi(2)));
        Some(PolicyEstimate {
            value,
            standard_error: (log.n_rows() > 1).then(|| squares.sqrt() / total),
            effective_sample_size: effective_sample_size(weights),
            n_rows: log.n_rows(),
            clipped_share: 0.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_by_the_sum_of_weights() {
        // Weights 2, 0.5, 0, 1.
        let (logged, target) = ([0.25, 0.5, 0.5, 0.1], [0.5, 0.25, 0.0, 0.1]);
        let log = LoggedFeedback::new(&[1.0, 2.0, 5.0, 0.0], &logged, &target).unwrap();
        let estimate = SelfNormalizedIps.estimate(&log).unwrap();
        let value = (2.0 + 1.0) / 3.5;
        assert!((estimate.value - value).abs() < 1e-15);
        let squares = 4.0 * (1.0 - value).powi(2) + 0.25 * (2.0 - value).powi(2) + value.powi(2);
        assert!((estimate.standard_error.unwrap() - squares.sqrt() / 3.5).abs() < 1e-15);
        assert_eq!(SelfNormalizedIps.label(), "SNIPS");
    }

    #[test]
    fn a_policy_that_takes_no_logged_action_is_undefined() {
        let log = LoggedFeedback::new(&[1.0, 0.0], &[0.5, 0.5], &[0.0, 0.0]).unwrap();
        assert_eq!(SelfNormalizedIps.estimate(&log), None);
        assert_eq!(SelfNormalizedIps.estimate(&LoggedFeedback::new(&[], &[], &[]).unwrap()), None);
    }
}
