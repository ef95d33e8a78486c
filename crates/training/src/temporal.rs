//! A temporal graph network from who met what, in the order of time.

mod events;
mod scorer;
mod stream;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use burn::module::Module;
use burn::optim::AdamConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_recsys_data::{SharedNegativeSampler, UniformNegatives};
use burn_recsys_embeddings::{LazyAdam, SparseOptimizer, Tape};
use burn_recsys_models::{
    CandidateLogits, DecoderKind, RetrievalLoss, TemporalGraphNetwork, TemporalGraphNetworkConfig,
    TemporalQuery, TemporalState,
};
use serde::{Deserialize, Serialize};

pub use events::{InteractionEvents, RatingScale};
pub use scorer::TemporalScorer;
pub use stream::{LinkScorer, Met, StaticLinks, StreamedLink, stream_links};

use crate::fit::{best_epoch, is_finished, is_finite, step_seed};
use crate::{EpochRecord, Error, FitConfig, HeldOut, Optimizers, Progress, Result, StepReport, TrainState};

/// How a [`TemporalGraphNetwork`] is made and trained by [`fit_temporal`], as users write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemporalTraining {
    /// The size of memories and of the vectors of links. Default: 64.
    pub d_memory: usize,
    /// The last neighbours that a node looks at. Default: 20.
    pub n_neighbours: usize,
    /// Whether links are decoded by a hidden layer, as in the paper, and not by an inner product. Default: false.
    pub perceptron: bool,
    /// What is learned by. Default: softmax of temperature 1.
    pub loss: RetrievalLoss,
    /// Negatives of a batch, shared by its rows. Default: 256.
    pub n_negatives: usize,
    /// Events that a step learns from; they do not know of each other. Default: 200.
    pub batch_size: usize,
    /// The learning rate of Adam in the first epoch; it falls linearly, to 0 after the last one. Default: 0.003.
    pub learning_rate: f64,
    /// The most epochs; without a held-out part their exact number. Default: 10.
    pub n_epochs: u64,
    /// Stop after this many epochs without a better reciprocal rank on the held-out part. Default: 2.
    pub patience: u64,
    /// The share of the last events that is held out to find the number of epochs; training then starts over with
    /// all of them. 0 for none. Below 1. Default: 0.2.
    pub held_out: f64,
}

impl Default for TemporalTraining {
    fn default() -> Self {
        TemporalTraining {
            d_memory: 64,
            n_neighbours: 20,
            perceptron: false,
            loss: RetrievalLoss::Softmax { temperature: 1.0 },
            n_negatives: 256,
            batch_size: 200,
            learning_rate: 0.003,
            n_epochs: 10,
            patience: 2,
            held_out: 0.2,
        }
    }
}

/// A trained [`TemporalGraphNetwork`] and how it came to be.
#[derive(Debug)]
pub struct FittedTemporal {
    /// The model.
    pub model: TemporalGraphNetwork,
    /// What it knows after all events, by the weights of now.
    pub state: TemporalState,
    /// The number of epochs that the model was trained for.
    pub n_epochs: u64,
    /// The epochs of the search for that number; empty without a held-out part.
    pub search: Vec<EpochRecord>,
    /// The epochs that made the model.
    pub fit: Vec<EpochRecord>,
}

/// Events that are scored at once when nothing is learned.
const STREAM_BATCH: usize = 50;

impl TemporalTraining {
    /// Reads a TOML file; a key that is left out has its default.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or has another key or an impossible value.
    pub fn read(path: &Path) -> Result<Self> {
        crate::config::read_file(path, |text| {
            let training: TemporalTraining = crate::config::from_toml(text, "training")?;
            training.validate()?;
            Ok(training)
        })
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible one, with its key.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        let sizes = [
            ("d_memory", self.d_memory),
            ("n_neighbours", self.n_neighbours),
            ("n_negatives", self.n_negatives),
            ("batch_size", self.batch_size),
        ];
        for (key, size) in sizes {
            if !(1..=1 << 16).contains(&size) {
                return refuse(key, format!("{size}; must be 1 to {}", 1 << 16));
            }
        }
        if !self.d_memory.is_multiple_of(N_HEADS) {
            return refuse("d_memory", format!("{}; must be a multiple of {N_HEADS}", self.d_memory));
        }
        if !(0.0..1.0).contains(&self.held_out) {
            return refuse("held_out", format!("{}; must be at least 0 and below 1", self.held_out));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse("learning_rate", format!("{}; must be a positive number", self.learning_rate));
        }
        if self.n_epochs == 0 || self.patience == 0 {
            return refuse("n_epochs", "and patience must be at least 1".into());
        }
        self.loss.validate().map_err(|error| Error::Config { key: "loss", message: error.to_string() })
    }

    fn start(
        &self,
        events: &InteractionEvents,
        seed: u64,
        device: &Device,
    ) -> TrainState<TemporalGraphNetwork> {
        let model = TemporalGraphNetworkConfig::new(events.n_nodes())
            .with_d_features(events.events().d_features())
            .with_d_memory(self.d_memory)
            .with_d_output(self.d_memory)
            .with_n_neighbours(self.n_neighbours)
            .with_n_heads(N_HEADS)
            .with_decoder(if self.perceptron { DecoderKind::Perceptron } else { DecoderKind::Product })
            .with_seed(seed)
            .init(device);
        let optimizers = Optimizers {
            sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
            dense: AdamConfig::new().init(),
        };
        TrainState { model, optimizers, history: Vec::new() }
    }
}

const N_HEADS: usize = 2;

/// Trains a [`TemporalGraphNetwork`] to tell the item that a user met from random ones, in the order of time.
///
/// Every epoch begins with an empty state and goes through all events once. A batch is predicted from the state
/// before it and passes only then. The number of epochs is found on the last events; then the model is trained
/// on all of them for so long.
///
/// # Errors
/// If the configuration is not valid, there is no event, the loss becomes NaN or infinite, or `progress` asks to
/// stop.
pub fn fit_temporal(
    config: &TemporalTraining,
    events: &InteractionEvents,
    seed: u64,
    device: &Device,
    progress: &mut dyn Progress<TemporalGraphNetwork>,
) -> Result<FittedTemporal> {
    config.validate()?;
    if events.is_empty() {
        return Err(burn_recsys_baselines::Error::Empty.into());
    }
    let device = device.clone().autodiff();
    let n = events.len();
    let n_kept = n - ((n as f64 * config.held_out) as usize).min(n - 1);
    let (search, n_epochs) = if n_kept == n {
        (Vec::new(), config.n_epochs)
    } else {
        let kept = Loop { config, events, rows: 0..n_kept, seed, device: &device };
        let mut state = config.start(events, seed, &device);
        let patience = Some(config.patience);
        let limit = FitConfig {
            n_epochs: config.n_epochs,
            learning_rate: 0.0,
            patience,
            seed,
            ..FitConfig::default()
        };
        while !is_finished(&state.history, &limit) {
            state = kept.epoch(state, Some(n_kept..n), progress)?;
        }
        let best = best_epoch(&state.history);
        (state.history, best)
    };
    let all = Loop { config, events, rows: 0..n, seed, device: &device };
    let mut state = config.start(events, seed, &device);
    for _ in 0..n_epochs {
        state = all.epoch(state, None, progress)?;
    }
    let TrainState { model, history, .. } = state;
    let model = model.valid();
    let state = replay(&model, events, 0..n);
    Ok(FittedTemporal { model, state, n_epochs, search, fit: history })
}

/// The state after events, by the weights of now.
fn replay(model: &TemporalGraphNetwork, events: &InteractionEvents, rows: Range<usize>) -> TemporalState {
    let mut state = model.state();
    for start in rows.clone().step_by(STREAM_BATCH) {
        model.pass(&mut state, &events.events().slice(start..(start + STREAM_BATCH).min(rows.end)));
    }
    state
}

/// What all epochs of a fit have in common.
struct Loop<'a> {
    config: &'a TemporalTraining,
    events: &'a InteractionEvents,
    rows: Range<usize>,
    seed: u64,
    device: &'a Device,
}

impl Loop<'_> {
    /// One pass over the events, then a look at the held-out ones.
    fn epoch(
        &self,
        mut fit: TrainState<TemporalGraphNetwork>,
        held_out: Option<Range<usize>>,
        progress: &mut dyn Progress<TemporalGraphNetwork>,
    ) -> Result<TrainState<TemporalGraphNetwork>> {
        let TemporalTraining { batch_size, n_epochs, .. } = *self.config;
        let epoch = fit.history.len() as u64 + 1;
        let start = Instant::now();
        let learning_rate = self.config.learning_rate * (1.0 - (epoch - 1) as f64 / n_epochs as f64);
        let negatives = UniformNegatives::new(self.events.n_items() as u32, self.seed)?;
        let n_steps = self.rows.len().div_ceil(batch_size);
        let mut state = fit.model.state();
        let mut total = 0.0;
        for (first, step) in self.rows.clone().step_by(batch_size).zip(1..) {
            self.device.seed(step_seed(self.seed, epoch, step));
            let rows = first..(first + batch_size).min(self.rows.end);
            let mut drawn = vec![0; self.config.n_negatives];
            negatives.sample_shared_into(epoch, step as u64, &mut drawn);
            let mut tape = Tape::new();
            let loss = self.step(&fit.model, &mut state, rows.clone(), &drawn, &mut tape);
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                return Err(Error::Diverged { epoch, step, loss: value });
            }
            let diverged = |_| Error::Diverged { epoch, step, loss: f64::NAN };
            let grads = loss.backward();
            fit.model = fit.optimizers.step(learning_rate, fit.model, tape, grads).map_err(diverged)?;
            total += value * rows.len() as f64;
            if !progress.step(StepReport { epoch, n_epochs, step, n_steps, loss: value }) {
                return Err(Error::Stopped { epoch: epoch - 1 });
            }
        }
        if !is_finite(&fit.model) {
            return Err(Error::Diverged { epoch, step: n_steps, loss: f64::NAN });
        }
        let seconds = start.elapsed().as_secs_f64();
        let held_out = held_out.map(|rows| self.measure(&fit.model, rows)).transpose()?;
        let train_loss = total / self.rows.len() as f64;
        fit.history.push(EpochRecord { epoch, train_loss, held_out, seconds });
        progress.epoch(&fit)?;
        Ok(fit)
    }

    /// The loss of some events; they pass into the state.
    fn step(
        &self,
        model: &TemporalGraphNetwork,
        state: &mut TemporalState,
        rows: Range<usize>,
        drawn: &[u32],
        tape: &mut Tape,
    ) -> Tensor<1> {
        let (n, n_drawn) = (rows.len(), drawn.len());
        let events = self.events;
        // Items are as of the beginning of the batch, drawn ones and those that were met alike.
        let begin = events.events().times()[rows.start];
        let users = rows.clone().map(|row| events.query_user(row));
        let item = |item: u32| TemporalQuery { node: events.node_of_item(item), time: begin };
        let met: Vec<u32> = rows.clone().map(|row| events.item(row)).collect();
        let queries: Vec<TemporalQuery> =
            users.chain(met.iter().chain(drawn).map(|&number| item(number))).collect();
        let view = state.view(&queries);
        let embedded = model.embed(&view, tape);
        let users = embedded.vectors.clone().narrow(0, 0, n);
        let logits = model.decoder.forward(users, embedded.vectors.clone().narrow(0, n, n + n_drawn));
        let diagonal: Vec<i32> = (0..n as i32).collect();
        let diagonal = Tensor::<2, Int>::from_data(TensorData::new(diagonal, [n, 1]), &logits.device());
        let positives = logits.clone().gather(1, diagonal);
        let logits = CandidateLogits::new(positives, logits.narrow(1, n, n_drawn)).without_hits(&met, drawn);
        state.pass(&events.events().slice(rows), &view, &embedded.memory_values());
        self.config.loss.forward(&logits)
    }

    /// How well held-out events are predicted, which pass as they are.
    fn measure(&self, model: &TemporalGraphNetwork, rows: Range<usize>) -> Result<HeldOut> {
        // Without gradients: nothing is kept for a backward pass that never comes.
        let model = &model.valid();
        let state = replay(model, self.events, 0..rows.start);
        let mut met = Met::new(self.events, 0..rows.start);
        let mut scorer = TemporalScorer::new(model, state);
        let links = stream_links(&mut scorer, self.events, rows, &mut met, STREAM_BATCH, self.seed)?;
        let n = links.len().max(1) as f64;
        let score = links.iter().map(|link| 1.0 / f64::from(link.rank)).sum::<f64>() / n;
        let hits = links.iter().filter(|link| link.rank <= 10).count() as f64 / n;
        let metrics = BTreeMap::from([("MRR".to_string(), score), ("Recall@10".to_string(), hits)]);
        // What the model is stopped by is its loss here.
        Ok(HeldOut { held_out_loss: 1.0 - score, metrics, score })
    }
}

#[cfg(test)]
mod tests;
