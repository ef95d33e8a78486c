//! What scores are worth against yes-or-no labels, row by row.
//!
//! [`Predictions`] pairs scores with labels and checks them once; a [`PointwiseMetric`] turns them
//! into a number.

mod accuracy;
mod auc;
mod confusion_matrix;
mod expected_calibration_error;
mod f1;
mod log_loss;
mod predictions;
mod threshold;

pub use accuracy::Accuracy;
pub use auc::Auc;
pub use confusion_matrix::ConfusionMatrix;
pub use expected_calibration_error::ExpectedCalibrationError;
pub use f1::F1;
pub use log_loss::LogLoss;
pub use predictions::{Predictions, Scores};
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
