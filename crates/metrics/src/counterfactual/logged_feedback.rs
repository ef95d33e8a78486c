use crate::mean::sum;
use crate::{Error, Result};

/// Beyond this, squares and sums of weighted rewards could leave the range of `f64`.
pub(super) const LARGEST: f64 = 1e140;

/// Logged rewards with the probabilities of the logged action under two policies.
///
/// ```
/// use burn_recsys_metrics::counterfactual::{Ips, LoggedFeedback, SelfNormalizedIps};
///
/// // Both actions were drawn with probability 1/2; the target policy takes the first 3 times of 4.
/// let rewards = [1.0, 0.0, 1.0, 0.0];
/// let target = [0.75, 0.25, 0.75, 0.75];
/// let log = LoggedFeedback::new(&rewards, &[0.5; 4], &target)?;
/// let weights = [1.5, 0.5, 1.5, 1.5];
/// assert_eq!(Ips::default().estimate(&log).unwrap().value, (1.5 + 1.5) / 4.0);
/// assert_eq!(SelfNormalizedIps.estimate(&log).unwrap().value, (1.5 + 1.5) / 5.0);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LoggedFeedback<'a> {
    rewards: &'a [f64],
    logged: &'a [f64],
    target: &'a [f64],
}

impl<'a> LoggedFeedback<'a> {
    /// The reward of each logged action, the probability with which the logging policy took it, and that with
    /// which the target policy would have.
    ///
    /// # Errors
    /// If the lengths differ, a reward is NaN or infinite, a logged probability is not above 0 and at most 1, a
    /// target probability is not in 0..1, or a reward, weight or weighted reward is beyond 1e140; the message names
    /// the row.
    pub fn new(rewards: &'a [f64], logged: &'a [f64], target: &'a [f64]) -> Result<Self> {
        for (right, n_right) in
            [("logged probabilities", logged.len()), ("target probabilities", target.len())]
        {
            if rewards.len() != n_right {
                return Err(Error::ColumnLength { left: "rewards", n_left: rewards.len(), right, n_right });
            }
        }
        let rows = rewards.iter().zip(logged).zip(target);
        for (row, ((&reward, &logged), &target)) in rows.enumerate() {
            let message = if !reward.is_finite() {
                format!("the reward is {reward}; give a finite number, 0 if nothing happened")
            } else if !(logged > 0.0 && logged <= 1.0) {
                format!(
                    "the logged probability is {logged}; it must be above 0 and at most 1, \
                     since the action was taken"
                )
            } else if !(0.0..=1.0).contains(&target) {
                format!("the target probability is {target}; it must be in 0..1")
            } else if (target / logged).max(1.0) * reward.abs().max(1.0) > LARGEST {
                format!(
                    "reward {reward} at weight {target} / {logged} is beyond {LARGEST:e}; remove the row or \
                     raise the logged probability"
                )
            } else {
                continue;
            };
            return Err(Error::Row { row, message });
        }
        Ok(Self { rewards, logged, target })
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.rewards.len()
    }

    /// The rewards.
    pub fn rewards(&self) -> &'a [f64] {
        self.rewards
    }

    /// Target over logged probability of each row.
    pub fn weights(&self) -> impl Iterator<Item = f64> + Clone + 'a {
        self.target.iter().zip(self.logged).map(|(target, logged)| target / logged)
    }
}

/// `(Σ w)² / Σ w²`; `None` if all weights are 0.
pub(super) fn effective_sample_size(weights: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    // Relative to the largest weight, so that squares of small ones do not vanish.
    let largest = weights.clone().fold(0.0, f64::max);
    let relative = weights.map(|weight| weight / largest);
    (largest > 0.0).then(|| sum(relative.clone()).powi(2) / sum(relative.map(|weight| weight * weight)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_refused_with_their_row() {
        let message = |rewards: [f64; 2], logged: [f64; 2], target: [f64; 2]| {
            LoggedFeedback::new(&rewards, &logged, &target).unwrap_err().to_string()
        };
        let fine = [0.5, 0.5];
        let found = message([0.0, f64::NAN], fine, fine);
        assert!(found.starts_with("row 1 (the first is 0): the reward is NaN"), "{found}");
        for logged in [0.0, -0.5, 1.5, f64::NAN] {
            let found = message([1.0; 2], [logged, 0.5], fine);
            assert!(found.starts_with("row 0 (the first is 0): the logged probability is"), "{found}");
        }
        for target in [-0.5, 1.5, f64::NAN] {
            let found = message([1.0; 2], fine, [0.5, target]);
            assert!(found.starts_with("row 1 (the first is 0): the target probability is"), "{found}");
        }
        let found = message([1.0; 2], [0.5, 1e-300], fine);
        assert!(found.starts_with("row 1 (the first is 0): reward 1 at weight 0.5 /"), "{found}");
        let error = LoggedFeedback::new(&[1.0], &[0.5], &fine).unwrap_err().to_string();
        assert_eq!(error, "1 rewards but 2 target probabilities; each row needs both");
    }

    #[test]
    fn the_effective_sample_size_counts_rows_of_equal_weight() {
        assert_eq!(effective_sample_size([2.0; 5].into_iter()), Some(5.0));
        assert_eq!(effective_sample_size([4.0, 1.0, 0.0].into_iter()), Some(25.0 / 17.0));
        assert_eq!(effective_sample_size([0.0, 0.0].into_iter()), None);
        assert_eq!(effective_sample_size([].into_iter()), None);
    }
}
