//! What scores are worth against yes-or-no labels, row by row.
//!
//! [`Predictions`] pairs scores with labels and checks them once; a [`PointwiseMetric`] turns them
//! into a number. [`RatingErrors`] and [`RatingMetric`] do the same for real-valued targets.

mod accuracy;
mod auc;
mod average_precision;
mod balanced_accuracy;
mod brier;
mod confusion_matrix;
mod expected_calibration_error;
mod f1;
mod grouped_auc;
mod log_loss;
mod mae;
mod matthews_correlation;
mod normalized_entropy;
mod partial_auc;
mod precision_recall_curve;
mod predictions;
mod ranked;
pub(crate) use ranked::key_f64;
mod rating_errors;
mod rmse;
mod threshold;

pub use accuracy::Accuracy;
pub use auc::Auc;
pub use average_precision::AveragePrecision;
pub use balanced_accuracy::BalancedAccuracy;
pub use brier::Brier;
pub use confusion_matrix::ConfusionMatrix;
pub use expected_calibration_error::{ExpectedCalibrationError, ReliabilityBin};
pub use f1::F1;
pub use grouped_auc::{GroupWeight, GroupedAuc, GroupedAucParts};
pub use log_loss::LogLoss;
pub use mae::Mae;
pub use matthews_correlation::MatthewsCorrelation;
pub use normalized_entropy::NormalizedEntropy;
pub use partial_auc::PartialAuc;
pub use precision_recall_curve::{PrecisionRecallPoint, precision_recall_curve};
pub use predictions::{Predictions, Scores};
pub use rating_errors::{RatingErrors, RatingMetric};
pub use rmse::Rmse;
pub use threshold::Threshold;

use crate::Result;

/// A number for scores and labels.
pub trait PointwiseMetric: std::fmt::Debug + Send + Sync {
    /// The name in tables: `AUC`.
    fn label(&self) -> String;

    /// The value; `None` where it is undefined. Never NaN.
    ///
    /// # Errors
    /// If the metric cannot use a score; the message names the row.
    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>>;
}
