//! What another policy would have earned, from feedback logged under this one.
//!
//! A log holds, for each decision, the reward of the action that was taken, the probability with which it was
//! taken, and the probability with which the policy in question would have taken it. Weighing each reward by
//! the quotient of the two makes the log stand for the other policy ([`Ips`], [`SelfNormalizedIps`]);
//! a model of the rewards makes that vary less ([`DoublyRobust`]).
//!
//! Decisions must be independent, and every action the other policy may take must have had a chance in the log:
//! what was never tried cannot be estimated.

mod cross_fitted_means;
mod doubly_robust;
mod ips;
mod logged_feedback;
mod self_normalized_ips;

pub use cross_fitted_means::CrossFittedMeans;
pub use doubly_robust::{DoublyRobust, PredictedRewards};
pub use ips::Ips;
pub use logged_feedback::LoggedFeedback;
pub use self_normalized_ips::SelfNormalizedIps;

/// An estimate of a policy's mean reward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolicyEstimate {
    /// The mean reward estimated.
    pub value: f64,
    /// How far the value is expected to be off by chance, about; `None` with fewer than two rows.
    /// `value ± 1.96 standard errors` covers the truth in about 95 of 100 logs if the log is large and no single
    /// weight dominates.
    pub standard_error: Option<f64>,
    /// `(Σ w)² / Σ w²` (Kish 1965): how many rows of equal weight would be worth as much; `None` if all weights
    /// are 0.
    pub effective_sample_size: Option<f64>,
    /// The rows of the log.
    pub n_rows: usize,
    /// The share of the rows whose weight was cut down to the bound; 0 without a bound.
    pub clipped_share: f64,
}
