use super::logged_feedback::effective_sample_size;
use super::{LoggedFeedback, PolicyEstimate};
use crate::mean::{mean, sum};
use crate::{Error, Result};

/// Inverse propensity scoring: the mean of rewards, each weighed by how much more often the target policy would
/// have taken the action.
///
/// `IPS = mean of w * r`, `w = target probability / logged probability`. Unbiased if the logged probabilities
/// are right and every action of the target policy had a chance; a few large weights make it vary much. The
/// standard error is that of a mean, `√(Σ (w r - IPS)² / (n (n - 1)))`. Undefined without rows. It need not lie
/// among the rewards; [`SelfNormalizedIps`](super::SelfNormalizedIps) does.
///
/// Weights may be cut down to a bound: less variance for a downward bias where rewards are not negative.
///
/// Sources: Horvitz and Thompson, A generalization of sampling without replacement from a finite universe, JASA
/// 47(260), 1952; for logs, Saito et al., Open Bandit Dataset and Pipeline, NeurIPS 2021; clipping: Ionides,
/// Truncated importance sampling, JCGS 17(2), 2008.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ips {
    largest_weight: Option<f64>,
}

impl Ips {
    /// Cuts weights above `largest_weight` down to it; [`PolicyEstimate::clipped_share`] says how many.
    ///
    /// # Errors
    /// If it is not above 0, or is NaN.
    pub fn with_largest_weight(mut self, largest_weight: f64) -> Result<Self> {
        if largest_weight.is_nan() || largest_weight <= 0.0 {
            let message = format!("{largest_weight}; must be above 0");
            return Err(Error::Parameter { parameter: "largest_weight", message });
        }
        self.largest_weight = Some(largest_weight);
        Ok(self)
    }

    /// The name in tables: `IPS`, or `IPS(10)` with weights of at most 10.
    pub fn label(&self) -> String {
        self.largest_weight.map_or("IPS".to_owned(), |bound| format!("IPS({bound})"))
    }

    /// The estimate; `None` without rows.
    pub fn estimate(&self, log: &LoggedFeedback<'_>) -> Option<PolicyEstimate> {
        let bound = self.largest_weight.unwrap_or(f64::INFINITY);
        let weights = log.weights().map(|weight| weight.min(bound));
        let weighed = weights.clone().zip(log.rewards()).map(|(weight, reward)| weight * reward);
        let value = mean(weighed.clone())?;
        let n_rows = log.n_rows();
        let n = n_rows as f64;
        let squares = sum(weighed.map(|value_of_row| (value_of_row - value).powi(2)));
        let n_clipped = log.weights().filter(|&weight| weight > bound).count();
        Some(PolicyEstimate {
            value,
            standard_error: (n_rows > 1).then(|| (squares / (n * (n - 1.0))).sqrt()),
            effective_sample_size: effective_sample_size(weights),
            n_rows,
            clipped_share: n_clipped as f64 / n,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighs_rewards_by_the_quotient_of_probabilities() {
        // Weights 2, 0.5, 0, 1.
        let (logged, target) = ([0.25, 0.5, 0.5, 0.1], [0.5, 0.25, 0.0, 0.1]);
        let log = LoggedFeedback::new(&[1.0, 2.0, 5.0, 0.0], &logged, &target).unwrap();
        let estimate = Ips::default().estimate(&log).unwrap();
        assert_eq!(estimate.value, (2.0 + 1.0 + 0.0 + 0.0) / 4.0);
        let squares = 1.25_f64.powi(2) + 0.25_f64.powi(2) + 2.0 * 0.75_f64.powi(2);
        assert_eq!(estimate.standard_error, Some((squares / (4.0 * 3.0)).sqrt()));
        let size = 3.5_f64.powi(2) / (4.0 + 0.25 + 1.0);
        assert!((estimate.effective_sample_size.unwrap() - size).abs() < 1e-14);
        assert_eq!((estimate.n_rows, estimate.clipped_share), (4, 0.0));
    }

    #[test]
    fn weights_are_cut_down_to_the_bound_and_counted() {
        let (logged, target) = ([0.25, 0.5], [1.0, 0.5]);
        let log = LoggedFeedback::new(&[1.0, 1.0], &logged, &target).unwrap();
        let clipped = Ips::default().with_largest_weight(2.0).unwrap();
        let estimate = clipped.estimate(&log).unwrap();
        assert_eq!((estimate.value, estimate.clipped_share), ((2.0 + 1.0) / 2.0, 0.5));
        // The weights are 4 and 1: one at the bound is not cut.
        let at_bound = Ips::default().with_largest_weight(4.0).unwrap().estimate(&log).unwrap();
        assert_eq!(at_bound.clipped_share, 0.0);
        assert_eq!((Ips::default().label(), clipped.label()), ("IPS".into(), "IPS(2)".into()));
        for bound in [0.0, -1.0, f64::NAN] {
            assert!(Ips::default().with_largest_weight(bound).is_err());
        }
    }

    #[test]
    fn nothing_is_undefined_and_one_row_has_no_error() {
        assert_eq!(Ips::default().estimate(&LoggedFeedback::new(&[], &[], &[]).unwrap()), None);
        let one = LoggedFeedback::new(&[1.0], &[0.5], &[0.0]).unwrap();
        let estimate = Ips::default().estimate(&one).unwrap();
        assert_eq!((estimate.value, estimate.standard_error), (0.0, None));
        assert_eq!(estimate.effective_sample_size, None);
    }
}
