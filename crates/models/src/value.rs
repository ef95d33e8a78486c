//! One number for what a recommendation is worth to a user.

use serde::{Deserialize, Serialize};

use crate::{Calibration, CalibrationError};

/// The value of an item to a user: a weighted sum of the calibrated probabilities of all kinds of
/// feedback.
///
/// ```text
/// value = sum over tasks of user_value_weight * calibration(logit)
/// ```
///
/// The weights say what each kind of feedback tells of lasting satisfaction; they are chosen outside of
/// the model, for example by a regression of later visits on feedback, and a kind that speaks against an
/// item has a negative weight. Probabilities of different tasks are added up here, which is why each must
/// be calibrated.
///
/// ```
/// use burn_recsys_models::{Calibration, UserValue};
///
/// // Clicks, likes, dislikes.
/// let value = UserValue::new(vec![0.1, 1.0, -2.0])?
///     .with_calibrations(vec![Calibration::identity(), Calibration::platt(0.8, -1.0)?, Calibration::identity()])?;
/// let scores = value.scores(&[2.0, 1.0, -3.0, 2.0, 1.0, 3.0])?;
/// assert!(scores[0] > scores[1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct UserValue {
    user_value_weights: Vec<f64>,
    calibrations: Vec<Calibration>,
}

/// The form in files; [`UserValue`] holds checked ones only.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    user_value_weights: Vec<f64>,
    /// None: the model's own probabilities.
    #[serde(default)]
    calibrations: Option<Vec<Calibration>>,
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// There are no weights.
    #[error("no user value weights; give one for each task of the model")]
    NoWeights,
    /// A weight is NaN or infinite.
    #[error("user value weights: that of task {task} is {weight}; a weight is a finite number")]
    Weight {
        /// Counted from 0.
        task: usize,
        /// NaN or infinity.
        weight: f64,
    },
    /// There is not one calibration for each task.
    #[error("{n_calibrations} calibrations for {n_tasks} user value weights; every task needs one of each")]
    Calibrations {
        /// The number of calibrations.
        n_calibrations: usize,
        /// The number of weights.
        n_tasks: usize,
    },
    /// Logits are not whole rows.
    #[error(
        "{n_logits} logits are no rows of {n_tasks} tasks; give user value weights for the model's tasks"
    )]
    Logits {
        /// The number of logits.
        n_logits: usize,
        /// The number of tasks.
        n_tasks: usize,
    },
    /// A logit is NaN.
    #[error("the logit of row {row}, task {task} is NaN; the model that gave it has diverged")]
    NotANumber {
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        task: usize,
    },
    /// A label is neither 0 nor 1.
    #[error("labels: row {row}, task {task} is {value}; a label is 0 or 1")]
    Label {
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        task: usize,
        /// The value found.
        value: f32,
    },
    /// The logits of a task do not become probabilities.
    #[error("task {task}: {error}")]
    Calibration {
        /// Counted from 0.
        task: usize,
        /// What is wrong.
        error: CalibrationError,
    },
}

impl UserValue {
    /// The value with these weights, of the model's own probabilities.
    ///
    /// # Shapes
    /// - `user_value_weights`: `[n_tasks]`; negative for feedback that speaks against an item
    ///
    /// # Errors
    /// If there are no weights, or one is not finite.
    pub fn new(user_value_weights: Vec<f64>) -> Result<Self, ValueError> {
        if user_value_weights.is_empty() {
            return Err(ValueError::NoWeights);
        }
        if let Some(task) = user_value_weights.iter().position(|weight| !weight.is_finite()) {
            return Err(ValueError::Weight { task, weight: user_value_weights[task] });
        }
        let calibrations = vec![Calibration::identity(); user_value_weights.len()];
        Ok(UserValue { user_value_weights, calibrations })
    }

    /// Sets how the logits of each task become probabilities.
    ///
    /// # Errors
    /// If there is not one calibration for each task.
    pub fn with_calibrations(mut self, calibrations: Vec<Calibration>) -> Result<Self, ValueError> {
        let (n_calibrations, n_tasks) = (calibrations.len(), self.n_tasks());
        if n_calibrations != n_tasks {
            return Err(ValueError::Calibrations { n_calibrations, n_tasks });
        }
        self.calibrations = calibrations;
        Ok(self)
    }

    /// Fits a Platt calibration to each task; see [`Calibration::fit_platt`].
    ///
    /// # Shapes
    /// - `logits`: `[n, n_tasks]`, row-major, of rows that the model was not trained on
    /// - `labels`: `[n, n_tasks]`, row-major, each 0 or 1
    ///
    /// # Errors
    /// If the logits are not whole rows, a label is neither 0 nor 1, or a task has no calibration; the
    /// message has the task.
    pub fn fit_platt(self, logits: &[f32], labels: &[f32]) -> Result<Self, ValueError> {
        let n_tasks = self.n_tasks();
        self.check(logits)?;
        if let Some(at) = labels.iter().position(|&value| value != 0.0 && value != 1.0) {
            return Err(ValueError::Label { row: at / n_tasks, task: at % n_tasks, value: labels[at] });
        }
        let column = |values: &[f32], task: usize| -> Vec<f32> {
            values.iter().skip(task).step_by(n_tasks).copied().collect()
        };
        let fit = |task: usize| {
            let labels: Vec<bool> = column(labels, task).iter().map(|&label| label == 1.0).collect();
            let calibration = Calibration::fit_platt(&column(logits, task), &labels);
            calibration.map_err(|error| ValueError::Calibration { task, error })
        };
        let calibrations = (0..n_tasks).map(fit).collect::<Result<_, _>>()?;
        self.with_calibrations(calibrations)
    }

    /// The number of tasks.
    pub fn n_tasks(&self) -> usize {
        self.user_value_weights.len()
    }

    /// What each task weighs, `[n_tasks]`.
    pub fn user_value_weights(&self) -> &[f64] {
        &self.user_value_weights
    }

    /// The calibration of each task, `[n_tasks]`.
    pub fn calibrations(&self) -> &[Calibration] {
        &self.calibrations
    }

    /// The calibrated probabilities of some rows.
    ///
    /// # Shapes
    /// - `logits`: `[n, n_tasks]`, row-major
    /// - output: `[n, n_tasks]`, row-major
    ///
    /// # Errors
    /// If the logits are not whole rows, or one is NaN.
    pub fn probabilities(&self, logits: &[f32]) -> Result<Vec<f32>, ValueError> {
        self.check(logits)?;
        let calibrated = logits.iter().zip(self.calibrations.iter().cycle());
        Ok(calibrated.map(|(&logit, calibration)| calibration.probability(logit)).collect())
    }

    /// The values of some rows, by which to rank them.
    ///
    /// # Shapes
    /// - `logits`: `[n, n_tasks]`, row-major
    /// - output: `[n]`; higher is better
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities).
    pub fn scores(&self, logits: &[f32]) -> Result<Vec<f32>, ValueError> {
        let probabilities = self.probabilities(logits)?;
        let value = |row: &[f32]| -> f64 {
            row.iter().zip(&self.user_value_weights).map(|(&p, weight)| weight * f64::from(p)).sum()
        };
        Ok(probabilities.chunks_exact(self.n_tasks()).map(|row| value(row) as f32).collect())
    }

    fn check(&self, logits: &[f32]) -> Result<(), ValueError> {
        let (n_logits, n_tasks) = (logits.len(), self.n_tasks());
        if !n_logits.is_multiple_of(n_tasks) {
            return Err(ValueError::Logits { n_logits, n_tasks });
        }
        match logits.iter().position(|logit| logit.is_nan()) {
            Some(at) => Err(ValueError::NotANumber { row: at / n_tasks, task: at % n_tasks }),
            None => Ok(()),
        }
    }
}

impl TryFrom<Parts> for UserValue {
    type Error = ValueError;

    fn try_from(parts: Parts) -> Result<Self, ValueError> {
        let value = UserValue::new(parts.user_value_weights)?;
        match parts.calibrations {
            Some(calibrations) => value.with_calibrations(calibrations),
            None => Ok(value),
        }
    }
}

impl From<UserValue> for Parts {
    fn from(value: UserValue) -> Parts {
        let UserValue { user_value_weights, calibrations } = value;
        Parts { user_value_weights, calibrations: Some(calibrations) }
    }
}
