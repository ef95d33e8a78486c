//! The training loop.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::Tape;
use serde::{Deserialize, Serialize};

use crate::{Error, Optimizers, Result, Schedule, Task};

/// Batches made ahead of the one in work.
const BATCHES_AHEAD: usize = 8;

/// How long and how fast to train.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FitConfig {
    /// The most epochs.
    pub n_epochs: u64,
    /// The learning rate of both optimizers, at first.
    pub learning_rate: f64,
    /// How it goes on.
    pub schedule: Schedule,
    /// Stop after this many epochs without a better [`HeldOut::score`]; `None` never stops early.
    pub patience: Option<u64>,
    /// Burn's generator (dropout) is seeded from this and the step.
    pub seed: u64,
}

/// A model, its optimizers and what happened so far: all that a resumed run needs.
#[derive(Debug)]
pub struct TrainState<M> {
    /// The model after the last completed epoch.
    pub model: M,
    /// The optimizers after the last completed epoch.
    pub optimizers: Optimizers,
    /// One record for every completed epoch.
    pub history: Vec<EpochRecord>,
}

/// What one epoch did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: u64,
    /// Mean training loss over the epoch's rows, measured while training.
    pub train_loss: f64,
    /// What was measured on held-out rows after the epoch.
    #[serde(flatten)]
    pub held_out: Option<HeldOut>,
    /// Wall time of the epoch's training.
    pub seconds: f64,
}

/// What was measured on held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Mean loss.
    pub held_out_loss: f64,
    /// Metrics by label.
    pub metrics: BTreeMap<String, f64>,
    /// What early stopping compares; higher is better.
    pub score: f64,
}

/// Where a fit is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Counted from 1.
    pub epoch: u64,
    /// The last epoch if nothing stops training earlier.
    pub n_epochs: u64,
    /// Counted from 1.
    pub step: usize,
    /// The number of steps of an epoch.
    pub n_steps: usize,
    /// The loss of this step's batch.
    pub loss: f64,
}

/// Watches a fit.
pub trait Progress<M> {
    /// After every step. `false` asks training to stop: the epoch under way is given up.
    fn step(&mut self, report: StepReport) -> bool {
        let _ = report;
        true
    }

    /// After every epoch: the place to save `state`.
    ///
    /// # Errors
    /// Whatever went wrong; training stops with it.
    fn epoch(&mut self, state: &TrainState<M>) -> Result<()> {
        let _ = state;
        Ok(())
    }
}

/// No one watches.
impl<M> Progress<M> for () {}

/// Measures a model on held-out rows.
pub type Measure<'a, M> = dyn Fn(&M) -> Result<HeldOut> + 'a;

/// Trains `state` until `n_epochs` are completed or patience runs out.
///
/// `held_out` measures the model after every epoch. A state with history is continued: the result
/// has the bits of a run that was never stopped.
///
/// # Errors
/// If the loss is not finite, `progress` asks to stop, or `held_out` or `progress` fails.
pub fn fit<T: Task>(
    task: &T,
    held_out: Option<&Measure<'_, T::Model>>,
    mut state: TrainState<T::Model>,
    config: &FitConfig,
    device: &Device,
    progress: &mut dyn Progress<T::Model>,
) -> Result<TrainState<T::Model>> {
    while !is_finished(&state.history, config) {
        let epoch = state.history.len() as u64 + 1;
        let start = Instant::now();
        let (model, train_loss) =
            train_epoch(task, state.model, &mut state.optimizers, epoch, config, device, progress)?;
        state.model = model;
        let seconds = start.elapsed().as_secs_f64();
        // A loss is measured before its step: the last one of an epoch shows in the weights alone.
        if !is_finite(&state.model) {
            return Err(Error::Diverged { epoch, step: task.n_batches(), loss: f64::NAN });
        }
        let held_out = held_out.map(|measure| measure(&state.model)).transpose()?;
        if let Some(HeldOut { held_out_loss: loss, .. }) = held_out
            && !loss.is_finite()
        {
            return Err(Error::Diverged { epoch, step: 0, loss });
        }
        state.history.push(EpochRecord { epoch, train_loss, held_out, seconds });
        progress.epoch(&state)?;
    }
    Ok(state)
}

/// One pass over the batches; gives the model back with the mean loss.
fn train_epoch<T: Task>(
    task: &T,
    mut model: T::Model,
    optimizers: &mut Optimizers,
    epoch: u64,
    config: &FitConfig,
    device: &Device,
    progress: &mut dyn Progress<T::Model>,
) -> Result<(T::Model, f64)> {
    let (n_epochs, n_steps) = (config.n_epochs, task.n_batches());
    let (mut total, mut n_rows) = (0.0, 0);
    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel(BATCHES_AHEAD);
        // Ends with its last batch, or when the loop below returns early and drops the receiver.
        scope.spawn(move || task.batches(epoch).try_for_each(|batch| sender.send(batch)));
        for (batch, step) in batches.into_iter().zip(1..) {
            device.seed(step_seed(config.seed, epoch, step));
            let mut tape = Tape::new();
            let loss = task.loss(&model, &batch, &mut tape);
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                return Err(Error::Diverged { epoch, step, loss: value });
            }
            let grads = loss.backward();
            let diverged = |_| Error::Diverged { epoch, step, loss: f64::NAN };
            let learning_rate = config.learning_rate * config.schedule.factor(step, n_steps, epoch, n_epochs);
            model = optimizers.step(learning_rate, model, tape, grads).map_err(diverged)?;
            let rows = task.n_rows(&batch);
            total += value * rows as f64;
            n_rows += rows;
            if !progress.step(StepReport { epoch, n_epochs, step, n_steps, loss: value }) {
                return Err(Error::Stopped { epoch: epoch - 1 });
            }
        }
        Ok((model, total / f64::max(n_rows as f64, 1.0)))
    })
}

/// Whether no weight is NaN or infinite.
pub(crate) fn is_finite<M: Module>(model: &M) -> bool {
    struct Finite(bool);
    impl ModuleVisitor for Finite {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0 = self.0 && param.val().without_autodiff().is_finite().all().into_scalar::<bool>();
        }
    }
    let mut finite = Finite(true);
    model.visit(&mut finite);
    finite.0
}

/// The number of the epoch with the best score, the first of equals; the last without scores.
pub(crate) fn best_epoch(history: &[EpochRecord]) -> u64 {
    let mut best: Option<(f64, u64)> = None;
    for record in history {
        let score = record.held_out.as_ref().map(|held_out| held_out.score);
        if let Some(score) = score
            && best.is_none_or(|(highest, _)| score > highest)
        {
            best = Some((score, record.epoch));
        }
    }
    best.map_or(history.len() as u64, |(_, epoch)| epoch)
}

/// A function of the history alone, so that a resumed run stops where the uninterrupted one does.
pub(crate) fn is_finished(history: &[EpochRecord], config: &FitConfig) -> bool {
    let completed = history.len() as u64;
    let is_stale = |patience| completed >= best_epoch(history) + patience;
    completed >= config.n_epochs || (completed > 0 && config.patience.is_some_and(is_stale))
}

pub(crate) fn step_seed(seed: u64, epoch: u64, step: usize) -> u64 {
    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(epoch << 32).wrapping_add(step as u64)
}
