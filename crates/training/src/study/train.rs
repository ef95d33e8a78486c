//! One training of one representation.

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::module::{Module, ParamGroup};
use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_embeddings::{SparseOptimizer, Tape};
use burn_recsys_models::{
    Calibration, CalibrationError, Examples, ItemRepresentation, MultiTaskEstimator, MultiTaskLoss,
    UserRepresentation, UserValue,
};
use serde::{Deserialize, Serialize};

use super::candidate::StudySizes;
use super::config::{EstimatorConfig, RowOrderConfig, StudyConfig, StudyTrainingConfig};
use super::gate::{GateStudy, gate_study};
use super::measure::{SliceOutcome, measure};
use super::rows::{StudyRows, TASKS};
use crate::fit::best_epoch;
use crate::{
    Error, EstimatorTask, FitConfig, HeldOut, Optimizers, Order, Progress, Result, StepReport, Task,
    TrainState, TwoBranchTask, fit,
};

/// Rows judged at once; larger batches only take more memory.
const JUDGED_AT_ONCE: usize = 8192;

/// What one training needs.
pub(super) struct Training<'a> {
    pub(super) seed: u64,
    pub(super) sizes: StudySizes,
    pub(super) estimator: &'a EstimatorConfig,
    pub(super) config: &'a StudyConfig,
    /// The training part without the rows held out, and those.
    pub(super) search: &'a StudyRows,
    /// The training part and the test part.
    pub(super) full: &'a StudyRows,
    /// With autodiff.
    pub(super) device: Device,
}

/// What one seed gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedOutcome {
    /// The seed.
    pub seed: u64,
    /// The number of epochs that was best on the rows held out.
    pub n_epochs: u64,
    /// The held-out loss after it.
    pub held_out_loss: f64,
    /// Mean wall time of a training step in seconds, the making of batches included.
    pub step_seconds: f64,
    /// All parameters.
    pub n_parameters: usize,
    /// Parameters of the user representation alone.
    pub n_user_parameters: usize,
    /// Metrics slice by slice, in the order of the slices.
    pub slices: Vec<SliceOutcome>,
    /// How a mixture weighs its first representation; absent where nothing is mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateStudy>,
}

/// What is learned from some rows in a number of epochs.
pub(super) type MakeTask<T> = fn(&Training<'_>, &Examples, u64) -> Result<T>;

/// Every row once an epoch.
pub(super) fn all_rows<R, I>(
    training: &Training<'_>,
    rows: &Examples,
    _n_epochs: u64,
) -> Result<EstimatorTask<R, I>> {
    let options = &training.config.training;
    let order = match options.order {
        RowOrderConfig::Time => Order::AsGiven,
        RowOrderConfig::Shuffled => Order::Shuffled,
    };
    let loss = MultiTaskLoss::new(TASKS.len());
    Ok(EstimatorTask::new(rows.clone(), loss, options.batch_size, training.seed)?.with_order(order))
}

/// Every row once an epoch, and beside them rows with the study's head items thinned out.
pub(super) fn all_and_rebalanced_rows<R: UserRepresentation, I: ItemRepresentation>(
    training: &Training<'_>,
    rows: &Examples,
    n_epochs: u64,
) -> Result<TwoBranchTask<R, I>> {
    let head_fraction = training.config.slices.head_items;
    Ok(TwoBranchTask::new(all_rows(training, rows, n_epochs)?, head_fraction, n_epochs))
}

/// Finds the number of epochs on rows held out, trains that many on all training rows, and measures.
pub(super) fn train<R, I, T>(
    training: &Training<'_>,
    build: &dyn Fn(&Training<'_>) -> MultiTaskEstimator<R, I>,
    task: MakeTask<T>,
    step: &mut dyn FnMut(StepReport) -> bool,
) -> Result<SeedOutcome>
where
    R: UserRepresentation,
    I: ItemRepresentation,
    T: Task<Model = MultiTaskEstimator<R, I>>,
{
    let options = &training.config.training;
    let Training { search, full, device, seed, .. } = training;
    let fresh =
        || TrainState { model: build(training), optimizers: optimizers(options), history: Vec::new() };
    let state = fresh();
    for rows in [&search.train, &search.test, &full.train, &full.test] {
        state.model.check(rows)?;
    }
    let fit_config = |n_epochs, patience| FitConfig {
        n_epochs,
        learning_rate: options.learning_rate,
        patience,
        seed: *seed,
        ..FitConfig::default()
    };
    // The logits of the best epoch so far: what calibration is fitted on.
    let best: RefCell<Option<(f64, Vec<f32>)>> = RefCell::new(None);
    let held_out = |model: &MultiTaskEstimator<R, I>| -> Result<HeldOut> {
        let logits = predict(model, &search.test, device);
        let held_out_loss = mean_loss(&logits, search.test.labels());
        let mut best = best.borrow_mut();
        if held_out_loss.is_finite() && best.as_ref().is_none_or(|(lowest, _)| held_out_loss < *lowest) {
            *best = Some((held_out_loss, logits));
        }
        Ok(HeldOut { held_out_loss, metrics: BTreeMap::new(), score: -held_out_loss })
    };
    let mut watch = Watch(step);
    let searched = fit(
        &task(training, &search.train, options.n_epochs)?,
        Some(&held_out),
        state,
        &fit_config(options.n_epochs, Some(options.patience)),
        device,
        &mut watch,
    )?;
    let n_epochs = best_epoch(&searched.history);
    drop(searched);
    let (held_out_loss, logits) =
        best.into_inner().ok_or(Error::Diverged { epoch: 1, step: 0, loss: f64::NAN })?;
    let value = calibrated(&training.config.user_value_weights, &logits, search.test.labels())?;

    let task = task(training, &full.train, n_epochs)?;
    let state = fit(&task, None, fresh(), &fit_config(n_epochs, None), device, &mut watch)?;
    let seconds: f64 = state.history.iter().map(|record| record.seconds).sum();
    let n_steps = task.n_batches() as f64 * state.history.len().max(1) as f64;
    let logits = predict(&state.model, &full.test, device);
    Ok(SeedOutcome {
        seed: *seed,
        n_epochs,
        held_out_loss,
        step_seconds: seconds / n_steps,
        n_parameters: Module::num_params(&state.model),
        n_user_parameters: Module::num_params(&state.model.users),
        slices: measure(full, &logits, &value)?,
        gate: gate_study(&state.model.valid().users, full, &device.clone().inner()),
    })
}

fn optimizers(options: &StudyTrainingConfig) -> Optimizers {
    let StudyTrainingConfig { learning_rate, table_learning_rate, weight_decay, .. } = *options;
    let everything = ParamGroup::from_predicate("");
    let sparse = SparseOptimizer::new(options.optimizer.rule())
        .with_weight_decay(weight_decay)
        .with_learning_rate_scale_of(everything, table_learning_rate / learning_rate);
    Optimizers { sparse, dense: AdamConfig::new().init() }
}

/// The logits of all rows, `[n_rows, n_tasks]`, by the model as it is in service.
fn predict<R: UserRepresentation, I: ItemRepresentation>(
    model: &MultiTaskEstimator<R, I>,
    rows: &Examples,
    device: &Device,
) -> Vec<f32> {
    let (model, device) = (model.valid(), device.clone().inner());
    let order: Vec<u32> = (0..rows.n_rows() as u32).collect();
    let mut logits = Vec::with_capacity(rows.n_rows() * TASKS.len());
    for batch in order.chunks(JUDGED_AT_ONCE) {
        let inputs = rows.select(batch).inputs(&device);
        logits.extend(model.forward(&inputs, &mut Tape::off()).into_data().iter::<f32>());
    }
    logits
}

/// Mean binary cross-entropy over rows and tasks.
fn mean_loss(logits: &[f32], labels: &[f32]) -> f64 {
    let losses = logits.iter().zip(labels).map(|(&x, &y)| {
        let (x, y) = (f64::from(x), f64::from(y));
        x.max(0.0) - x * y + (-x.abs()).exp().ln_1p()
    });
    losses.sum::<f64>() / labels.len().max(1) as f64
}

/// The value score with every task calibrated on rows held out. A task that cannot be, because its labels
/// are all alike there or its estimates are no better than chance, stays as it is.
fn calibrated(weights: &[f64], logits: &[f32], labels: &[f32]) -> Result<UserValue> {
    let calibrations = (0..TASKS.len()).map(|task| {
        let column =
            |values: &[f32]| values.iter().copied().skip(task).step_by(TASKS.len()).collect::<Vec<f32>>();
        let labels: Vec<bool> = column(labels).into_iter().map(|label| label == 1.0).collect();
        match Calibration::fit_platt(&column(logits), &labels) {
            Err(
                CalibrationError::OneClass { .. }
                | CalibrationError::Constant { .. }
                | CalibrationError::Slope { .. },
            ) => Ok(Calibration::identity()),
            fitted => fitted,
        }
    });
    let calibrations = calibrations.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(UserValue::new(weights.to_vec())?.with_calibrations(calibrations)?)
}

/// Passes steps on.
struct Watch<'a>(&'a mut dyn FnMut(StepReport) -> bool);

impl<M> Progress<M> for Watch<'_> {
    fn step(&mut self, report: StepReport) -> bool {
        (self.0)(report)
    }
}
