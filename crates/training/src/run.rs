//! One run from prepared data to a trained model in its folder.

use std::collections::BTreeMap;

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_models::{TwoTower, TwoTowerConfig};

use crate::checkpoint::{Phase, with_stable_ids};
use crate::fit::best_epoch;
use crate::prepare::pairs;
use crate::{
    EpochRecord, FitConfig, HeldOut, Optimizers, Prepared, Progress, Result, RunConfig, RunFolder, Seen,
    StepReport, TestSet, TrainState, ValidationConfig, evaluate, fit,
};

/// The best weights of a search that is not followed by a fit on all rows.
pub(crate) const BEST: &str = "best.safetensors";
/// Held-out rows meet the same negatives after every epoch, so that their losses compare.
const HELD_OUT_EPOCH: u64 = u64::MAX;

/// A trained model and how it got there.
#[derive(Debug)]
pub struct Trained {
    /// The model, on the device it was trained on.
    pub model: TwoTower,
    /// The epochs with rows held out; empty without validation.
    pub search: Vec<EpochRecord>,
    /// The epochs on the whole training part; empty if the best weights of the search were kept.
    pub fit: Vec<EpochRecord>,
    /// The number of epochs behind the weights.
    pub n_epochs: u64,
    /// Wall time of all epochs in seconds, those before a resume among them.
    pub seconds: f64,
}

/// Trains what `config` says on `prepared` and saves it in `folder`.
///
/// With validation this is two trainings: one with rows held out finds the best number of epochs,
/// then one on the whole training part runs that many ([`ValidationConfig::refit`]). A folder in
/// which training was cut off is continued, and ends with the bits of a run that never was; one that is
/// finished is only read.
///
/// # Errors
/// If the loss is not finite, `progress` asks to stop, a checkpoint is corrupt, the folder was made
/// for other data, or a file cannot be written.
pub fn train(
    folder: &RunFolder,
    prepared: &Prepared,
    config: &RunConfig,
    device: &Device,
    progress: &mut dyn Progress<TwoTower>,
) -> Result<Trained> {
    folder.check(prepared)?;
    folder.clean()?;
    let device = device.clone().autodiff();
    // Weights that cannot be read are made again from the last checkpoint.
    if folder.is_finished()
        && let Ok(finished) = finished(folder, prepared, config, &device)
    {
        return Ok(finished);
    }
    let (search, best) = match &config.validation {
        Some(validation) => {
            let (search, best) = search(folder, prepared, config, validation, &device, progress)?;
            if !validation.refit {
                let mut model = fresh_model(prepared, config, &device);
                folder.load_weights(BEST, &mut model)?;
                folder.finish(&model)?;
                return Ok(trained(model, search, Vec::new(), best));
            }
            (search, best)
        }
        None => (Vec::new(), config.training.n_epochs),
    };
    let task = pairs(&prepared.train, &prepared.train, config)?;
    let fit_config = FitConfig { n_epochs: best, patience: None, ..fit_config(config) };
    let state = start_or_resume(folder, Phase::Fit, prepared, config, &device)?;
    let mut saving = Saving { folder, phase: Phase::Fit, search: &search, inner: progress };
    let state = fit(&task, None, state, &fit_config, &device, &mut saving)?;
    folder.finish(&state.model)?;
    Ok(trained(state.model, search, state.history, best))
}

fn trained(model: TwoTower, search: Vec<EpochRecord>, fit: Vec<EpochRecord>, n_epochs: u64) -> Trained {
    let seconds = search.iter().chain(&fit).map(|record| record.seconds).sum();
    Trained { model, search, fit, n_epochs, seconds }
}

/// What a finished run has to say: its files are left alone.
fn finished(folder: &RunFolder, prepared: &Prepared, config: &RunConfig, device: &Device) -> Result<Trained> {
    let mut model = fresh_model(prepared, config, device);
    folder.load_model(&mut model)?;
    let (search, fit) = folder.history()?;
    let n_epochs = if fit.is_empty() { best_epoch(&search) } else { fit.len() as u64 };
    Ok(trained(model, search, fit, n_epochs))
}

/// Trains with rows held out; gives the history and the best epoch.
fn search(
    folder: &RunFolder,
    prepared: &Prepared,
    config: &RunConfig,
    validation: &ValidationConfig,
    device: &Device,
    progress: &mut dyn Progress<TwoTower>,
) -> Result<(Vec<EpochRecord>, u64)> {
    let [train, held_out] = prepared.hold_out(&validation.strategy, config)?;
    let task = pairs(&train, &train, config)?;
    let held_out_task = pairs(&held_out, &prepared.train, config)?;
    let test = TestSet::new(&train, &held_out)?;
    let measure = |model: &TwoTower| -> Result<HeldOut> {
        let held_out_loss = crate::Task::mean_loss(&held_out_task, model, HELD_OUT_EPOCH)?;
        let metrics = measure(model, &test, config)?;
        let score = if validation.metric == "loss" {
            -held_out_loss
        } else {
            metrics.get(&validation.metric).copied().unwrap_or(f64::NEG_INFINITY)
        };
        Ok(HeldOut { held_out_loss, metrics, score })
    };
    let fit_config = FitConfig { patience: Some(validation.patience), ..fit_config(config) };
    let state = start_or_resume(folder, Phase::Search, prepared, config, device)?;
    let mut saving = Saving { folder, phase: Phase::Search, search: &[], inner: progress };
    let state = fit(&task, Some(&measure), state, &fit_config, device, &mut saving)?;
    let best = best_epoch(&state.history);
    Ok((state.history, best))
}

fn measure(model: &TwoTower, test: &TestSet, config: &RunConfig) -> Result<BTreeMap<String, f64>> {
    let evaluation = evaluate(&model.scorer()?, test, &config.evaluation.k, Seen::Removed)?;
    let summaries = evaluation.report.summaries().iter();
    Ok(summaries.filter_map(|summary| Some((summary.label.clone(), summary.value?))).collect())
}

fn fit_config(config: &RunConfig) -> FitConfig {
    FitConfig {
        n_epochs: config.training.n_epochs,
        learning_rate: config.training.learning_rate,
        patience: None,
        seed: config.seed,
        ..FitConfig::default()
    }
}

/// The model of `config` before training.
pub(crate) fn fresh_model(prepared: &Prepared, config: &RunConfig, device: &Device) -> TwoTower {
    model_of_size(prepared.train.n_users(), prepared.train.n_items(), config, device)
}

pub(crate) fn model_of_size(n_users: usize, n_items: usize, config: &RunConfig, device: &Device) -> TwoTower {
    let model = TwoTowerConfig::new(n_users, n_items)
        .with_d_embedding(config.model.d_embedding)
        .with_initializer(config.initializer())
        .with_seed(config.seed)
        .init(device);
    with_stable_ids(model)
}

fn start_or_resume(
    folder: &RunFolder,
    phase: Phase,
    prepared: &Prepared,
    config: &RunConfig,
    device: &Device,
) -> Result<TrainState<TwoTower>> {
    let fresh = || {
        let optimizers = Optimizers { sparse: config.sparse_optimizer(), dense: AdamConfig::new().init() };
        (fresh_model(prepared, config, device), optimizers)
    };
    let (model, optimizers) = fresh();
    if let Some(state) = folder.load(phase, model, optimizers)? {
        return Ok(state);
    }
    let (model, optimizers) = fresh();
    Ok(TrainState { model, optimizers, history: Vec::new() })
}

/// Saves after every epoch, then tells `inner`.
struct Saving<'a> {
    folder: &'a RunFolder,
    phase: Phase,
    search: &'a [EpochRecord],
    inner: &'a mut dyn Progress<TwoTower>,
}

impl Progress<TwoTower> for Saving<'_> {
    fn step(&mut self, report: StepReport) -> bool {
        self.inner.step(report)
    }

    fn epoch(&mut self, state: &TrainState<TwoTower>) -> Result<()> {
        // The best weights first: if the process dies in between, the epoch is done again and
        // writes the same ones.
        if self.phase == Phase::Search && best_epoch(&state.history) == state.history.len() as u64 {
            self.folder.save_weights(BEST, &state.model)?;
        }
        self.folder.save(self.phase, state, self.search)?;
        self.inner.epoch(state)
    }
}
