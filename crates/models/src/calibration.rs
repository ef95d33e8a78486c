//! From the logit of a task to a probability that means what it says.

mod isotonic;
mod platt;

use serde::{Deserialize, Serialize};

/// Maps logits of one task to probabilities, without changing their order.
///
/// A model that was trained on sampled negatives or with weights ranks well, and yet its probabilities
/// are those of its own sample. A calibration is fitted on rows as they come, which the model was not
/// trained on, and corrects that.
///
/// ```
/// use burn_recsys_models::Calibration;
///
/// let logits = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0];
/// let labels = [false, false, true, false, true, true];
/// let calibration = Calibration::fit_platt(&logits, &labels)?;
/// assert!(calibration.probability(3.0) > calibration.probability(-2.0));
/// # Ok::<(), burn_recsys_models::CalibrationError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map", into = "Map")]
pub struct Calibration(Map);

/// The form in files; [`Calibration`] holds checked ones only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
enum Map {
    Identity {},
    Platt { slope: f64, intercept: f64 },
    Isotonic { thresholds: Vec<f32>, probabilities: Vec<f64> },
}

/// Why there is no calibration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// There is not one label for each logit.
    #[error("{n_labels} labels for {n_logits} logits; every row needs one of each")]
    Length {
        /// The number of logits.
        n_logits: usize,
        /// The number of labels.
        n_labels: usize,
    },
    /// A logit is NaN or infinite.
    #[error("the logit of row {row} is {logit}; the model that gave it has diverged")]
    NotFinite {
        /// Counted from 0.
        row: usize,
        /// NaN or infinity.
        logit: f32,
    },
    /// No two labels differ.
    #[error("all {n_rows} rows have the same label; fit on rows with and without the feedback")]
    OneClass {
        /// The number of rows.
        n_rows: usize,
    },
    /// No two logits differ.
    #[error("the logits of all {n_rows} rows are {logit}; there is nothing to learn a slope from")]
    Constant {
        /// The number of rows.
        n_rows: usize,
        /// The value.
        logit: f32,
    },
    /// A higher logit does not mean a higher probability.
    #[error(
        "the slope is {slope}, and a calibration needs a positive one; on these rows the model ranks no \
         better than chance: use rows it was not trained on, from the same task"
    )]
    Slope {
        /// The slope.
        slope: f64,
    },
    /// The intercept is NaN or infinite.
    #[error("the intercept is {intercept}; it must be finite")]
    Intercept {
        /// The value.
        intercept: f64,
    },
    /// The iteration did not come to rest.
    #[error("no minimum after {n_iterations} iterations; the gradient is still {gradient}")]
    NoMinimum {
        /// The number of Newton steps.
        n_iterations: usize,
        /// The largest mean derivative.
        gradient: f64,
    },
    /// The steps of an isotonic calibration are not in order.
    #[error(
        "{n_thresholds} thresholds and {n_probabilities} probabilities are no steps; there must be as many of \
         either, at least one, thresholds finite and increasing, probabilities in 0..=1 and not decreasing"
    )]
    Steps {
        /// The number of thresholds.
        n_thresholds: usize,
        /// The number of probabilities.
        n_probabilities: usize,
    },
}

impl Calibration {
    /// The model's own probability, `sigmoid(logit)`.
    pub fn identity() -> Self {
        Calibration(Map::Identity {})
    }

    /// `sigmoid(slope * logit + intercept)`, with known coefficients.
    ///
    /// # Errors
    /// If the slope is not positive and finite, or the intercept is not finite.
    pub fn platt(slope: f64, intercept: f64) -> Result<Self, CalibrationError> {
        Calibration::try_from(Map::Platt { slope, intercept })
    }

    /// Fits `sigmoid(slope * logit + intercept)` to rows (Platt 1999).
    ///
    /// Two numbers are learned, so a few hundred rows will do. The targets are Platt's, a little inside
    /// of 0 and 1: the most likely values under a uniform prior of the rate in either class, so that the
    /// fit exists also where the logits separate the labels.
    ///
    /// # Shapes
    /// - `logits`, `labels`: `[n_rows]`
    ///
    /// # Errors
    /// If the lengths differ, a logit is not finite, no two labels or no two logits differ, or the slope
    /// that fits best is not positive.
    pub fn fit_platt(logits: &[f32], labels: &[bool]) -> Result<Self, CalibrationError> {
        check_rows(logits, labels)?;
        let (slope, intercept) = platt::fit(logits, labels)?;
        Calibration::platt(slope, intercept)
    }

    /// Fits a step function that does not decrease (Zadrozny & Elkan 2002), by pooling adjacent
    /// violators.
    ///
    /// It assumes nothing of the shape and needs thousands of rows. Logits on one step become one
    /// probability, so it makes ties where [`fit_platt`](Self::fit_platt) makes none.
    ///
    /// # Shapes
    /// - `logits`, `labels`: `[n_rows]`
    ///
    /// # Errors
    /// If the lengths differ, a logit is not finite, or no two labels differ.
    pub fn fit_isotonic(logits: &[f32], labels: &[bool]) -> Result<Self, CalibrationError> {
        check_rows(logits, labels)?;
        let (thresholds, probabilities) = isotonic::fit(logits, labels);
        Calibration::try_from(Map::Isotonic { thresholds, probabilities })
    }

    /// The probability of a logit: of two logits the higher never has the lower one. NaN gives NaN.
    pub fn probability(&self, logit: f32) -> f32 {
        let x = f64::from(logit);
        let probability = match &self.0 {
            Map::Identity {} => sigmoid(x),
            Map::Platt { slope, intercept } => sigmoid(slope * x + intercept),
            Map::Isotonic { .. } if logit.is_nan() => f64::NAN,
            Map::Isotonic { thresholds, probabilities } => {
                // Below the first threshold nothing is known: the first step goes on.
                let n_reached = thresholds.partition_point(|&threshold| threshold <= logit);
                probabilities[n_reached.saturating_sub(1)]
            }
        };
        probability as f32
    }
}

/// The model's own probabilities.
impl Default for Calibration {
    fn default() -> Self {
        Calibration::identity()
    }
}

impl TryFrom<Map> for Calibration {
    type Error = CalibrationError;

    fn try_from(map: Map) -> Result<Self, CalibrationError> {
        match &map {
            Map::Identity {} => {}
            &Map::Platt { slope, intercept } => {
                if !(slope.is_finite() && slope > 0.0) {
                    return Err(CalibrationError::Slope { slope });
                }
                if !intercept.is_finite() {
                    return Err(CalibrationError::Intercept { intercept });
                }
            }
            Map::Isotonic { thresholds, probabilities } => {
                let (n_thresholds, n_probabilities) = (thresholds.len(), probabilities.len());
                let is_good = n_thresholds > 0
                    && n_thresholds == n_probabilities
                    && thresholds.iter().all(|threshold| threshold.is_finite())
                    && thresholds.is_sorted_by(|a, b| a < b)
                    && probabilities.iter().all(|probability| (0.0..=1.0).contains(probability))
                    && probabilities.is_sorted();
                if !is_good {
                    return Err(CalibrationError::Steps { n_thresholds, n_probabilities });
                }
            }
        }
        Ok(Calibration(map))
    }
}

impl From<Calibration> for Map {
    fn from(calibration: Calibration) -> Map {
        calibration.0
    }
}

fn check_rows(logits: &[f32], labels: &[bool]) -> Result<(), CalibrationError> {
    let (n_logits, n_labels) = (logits.len(), labels.len());
    if n_logits != n_labels {
        return Err(CalibrationError::Length { n_logits, n_labels });
    }
    if let Some(row) = logits.iter().position(|logit| !logit.is_finite()) {
        return Err(CalibrationError::NotFinite { row, logit: logits[row] });
    }
    if labels.iter().all(|label| *label == labels[0]) {
        return Err(CalibrationError::OneClass { n_rows: n_labels });
    }
    Ok(())
}

/// Without overflow on either side.
fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let power = x.exp();
        power / (1.0 + power)
    }
}
