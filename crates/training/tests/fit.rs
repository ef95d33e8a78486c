//! The training loop with a task and a model of one's own.

use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_embeddings::{
    EmbeddingTable, EmbeddingTableConfig, LazyAdam, RowUpdate, SparseOptimizer, Tape,
};
use burn_recsys_training::{
    Error, FitConfig, HeldOut, Optimizers, Progress, Result, StepReport, Task, TrainState, fit,
};

use crate::{config, device, prepared, refused};

const N_ROWS: u32 = 12;

/// A table under a dense layer.
#[derive(Module, Debug)]
struct Model {
    table: EmbeddingTable,
    head: Linear,
}

/// Every row has a target to be predicted: `sin` of its number.
struct Targets {
    /// The epoch and the batch, from 0, whose loss is NaN.
    broken: Option<(u64, usize)>,
}

struct Batch {
    rows: Vec<u32>,
    is_broken: bool,
}

impl Task for Targets {
    type Model = Model;
    type Batch = Batch;

    fn n_batches(&self) -> usize {
        3
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = Batch> + Send {
        // The last batch is smaller than the others.
        let rows = [vec![0, 1, 2, 3, 4], vec![5, 6, 7, 8, 8, 5], vec![9, 10, 11]];
        let broken = self.broken;
        rows.into_iter()
            .enumerate()
            .map(move |(at, rows)| Batch { rows, is_broken: broken == Some((epoch, at)) })
    }

    fn loss(&self, model: &Model, batch: &Batch, tape: &mut Tape) -> Tensor<1> {
        let output = model.head.forward(model.table.forward(&batch.rows, tape));
        let targets: Vec<f32> = batch.rows.iter().map(|&row| (row as f32).sin()).collect();
        let shape = [targets.len(), 1];
        let targets = Tensor::<2>::from_data(TensorData::new(targets, shape), &output.device());
        let loss = (output - targets).powf_scalar(2.0).mean();
        if batch.is_broken { loss * f32::NAN } else { loss }
    }

    fn n_rows(&self, batch: &Batch) -> usize {
        batch.rows.len()
    }
}

fn state(device: &Device) -> TrainState<Model> {
    // Not drawn: tests share the device's generator.
    let initializer = Initializer::Constant { value: 0.3 };
    let model = Model {
        table: EmbeddingTableConfig::new(N_ROWS as usize, 4).with_seed(1).init(device),
        head: LinearConfig::new(4, 1).with_initializer(initializer).init(device),
    };
    let rule: Box<dyn RowUpdate> = Box::new(LazyAdam::default());
    let optimizers = Optimizers { sparse: SparseOptimizer::new(rule), dense: AdamConfig::new().init() };
    TrainState { model, optimizers, history: Vec::new() }
}

fn fit_config(n_epochs: u64) -> FitConfig {
    FitConfig { n_epochs, learning_rate: 0.02, patience: None, seed: 1, ..FitConfig::default() }
}

/// Table, weight and bias.
fn values(model: &Model) -> [Vec<f32>; 3] {
    let plain = |data: TensorData| data.try_to_vec::<f32>().unwrap();
    let bias = model.head.bias.as_ref().unwrap().val().into_data();
    [model.table.vectors(), plain(model.head.weight.val().into_data()), plain(bias)]
}

fn fitted(n_epochs: u64) -> TrainState<Model> {
    let device = device().autodiff();
    fit(&Targets { broken: None }, None, state(&device), &fit_config(n_epochs), &device, &mut ()).unwrap()
}

#[test]
fn a_table_under_a_dense_layer_learns_a_planted_function() {
    let device = device().autodiff();
    let before = state(&device);
    let start = Targets { broken: None }.mean_loss(&before.model, 1).unwrap();
    let before = values(&before.model);
    let after = fitted(100);
    let end = Targets { broken: None }.mean_loss(&after.model, 1).unwrap();
    // The targets' mean square is about 0.5: a model that knows nothing is there.
    assert!(start > 0.3 && end < 0.01, "mean loss from {start} to {end}");
    for (before, after) in before.iter().zip(values(&after.model)) {
        assert!(before.iter().zip(&after).all(|(before, after)| before != after), "a parameter never moved");
    }
    assert_eq!(after.optimizers.sparse.n_steps(), 300);
    let losses: Vec<f64> = after.history.iter().map(|record| record.train_loss).collect();
    assert!(losses[99] < losses[0] / 30.0, "{} to {}", losses[0], losses[99]);
    assert!(after.history.iter().map(|record| record.epoch).eq(1..=100));
}

#[test]
fn the_loss_of_an_epoch_weighs_batches_by_their_rows() {
    let device = device().autodiff();
    let task = Targets { broken: None };
    let model = state(&device).model;
    let of_batch =
        |batch: &Batch| -> f64 { f64::from(task.loss(&model, batch, &mut Tape::off()).into_scalar::<f32>()) };
    let by_hand: f64 =
        task.batches(1).map(|batch| of_batch(&batch) * batch.rows.len() as f64).sum::<f64>() / 14.0;
    assert!((task.mean_loss(&model, 1).unwrap() - by_hand).abs() < 1e-9);
    // A step of length 0 leaves the model alone, so training measures the same.
    let config = FitConfig { learning_rate: 0.0, ..fit_config(1) };
    let trained = fit(&task, None, state(&device), &config, &device, &mut ()).unwrap();
    assert!((trained.history[0].train_loss - by_hand).abs() < 1e-6);
}

#[test]
fn a_fit_in_two_parts_is_the_fit_in_one() {
    let device = device().autodiff();
    let first = fitted(3);
    let both = fit(&Targets { broken: None }, None, first, &fit_config(7), &device, &mut ()).unwrap();
    assert_eq!(values(&both.model), values(&fitted(7).model));
    assert_eq!(both.history.len(), 7);
    // Nothing is left to do.
    let again = fit(&Targets { broken: None }, None, both, &fit_config(7), &device, &mut ()).unwrap();
    assert_eq!((again.history.len(), again.optimizers.sparse.n_steps()), (7, 21));
}

/// Counts what it is told.
#[derive(Default)]
struct Watch {
    steps: Vec<StepReport>,
    epochs: Vec<u64>,
}

impl<M> Progress<M> for Watch {
    fn step(&mut self, report: StepReport) -> bool {
        self.steps.push(report);
        true
    }

    fn epoch(&mut self, state: &TrainState<M>) -> Result<()> {
        self.epochs.push(state.history.len() as u64);
        Ok(())
    }
}

#[test]
fn weights_that_the_last_step_of_an_epoch_breaks_are_not_saved() {
    let device = device().autodiff();
    let mut watch = Watch::default();
    // The loss of the last batch is finite, its gradient is not: no later loss would show it.
    let config = FitConfig { learning_rate: 1e38, ..fit_config(5) };
    let mut state = state(&device);
    let rule: Box<dyn RowUpdate> = Box::new(burn_recsys_embeddings::SparseSgd::default());
    state.optimizers.sparse = SparseOptimizer::new(rule);
    let error = fit(&OneBatch, None, state, &config, &device, &mut watch).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, step: 1, .. }), "{error}");
    assert!(watch.epochs.is_empty(), "an epoch was there to be saved: {:?}", watch.epochs);
}

/// The first batch of [`Targets`] alone, its loss large but finite.
struct OneBatch;

impl Task for OneBatch {
    type Model = Model;
    type Batch = Batch;

    fn n_batches(&self) -> usize {
        1
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = Batch> + Send {
        Targets { broken: None }.batches(epoch).take(1).collect::<Vec<_>>().into_iter()
    }

    fn loss(&self, model: &Model, batch: &Batch, tape: &mut Tape) -> Tensor<1> {
        Targets { broken: None }.loss(model, batch, tape) * 1e6
    }

    fn n_rows(&self, batch: &Batch) -> usize {
        batch.rows.len()
    }
}

#[test]
fn a_loss_that_is_no_number_stops_with_its_place() {
    let device = device().autodiff();
    let mut watch = Watch::default();
    let task = Targets { broken: Some((2, 1)) };
    let error = fit(&task, None, state(&device), &fit_config(5), &device, &mut watch).unwrap_err();
    let Error::Diverged { epoch, step, loss } = &error else { panic!("{error}") };
    assert!((*epoch, *step) == (2, 2) && loss.is_nan());
    let message = error.to_string();
    assert!(
        message
            .starts_with("the loss, a gradient or a weight is NaN at epoch 2, step 2: training has stopped"),
        "{message}"
    );
    assert!(message.contains("lower the learning rate"), "{message}");
    assert_eq!(watch.epochs, [1], "only the first epoch was there to be saved");
    let places: Vec<_> =
        watch.steps.iter().map(|report| (report.epoch, report.step, report.n_steps)).collect();
    assert_eq!(places, [(1, 1, 3), (1, 2, 3), (1, 3, 3), (2, 1, 3)]);
}

#[test]
fn a_held_out_loss_that_is_no_number_stops_too() {
    let device = device().autodiff();
    let measure = |_: &Model| -> Result<HeldOut> {
        Ok(HeldOut { held_out_loss: f64::INFINITY, metrics: Default::default(), score: 0.0 })
    };
    let task = Targets { broken: None };
    let error = fit(&task, Some(&measure), state(&device), &fit_config(5), &device, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, step: 0, .. }), "{error}");
}

#[test]
fn patience_counts_from_the_first_best_epoch() {
    let device = device().autodiff();
    let scores = [0.1, 0.5, 0.5, 0.2, 0.4, 0.9];
    let at = std::cell::Cell::new(0);
    let measure = |_: &Model| -> Result<HeldOut> {
        let score = scores[at.replace(at.get() + 1)];
        Ok(HeldOut { held_out_loss: 1.0, metrics: Default::default(), score })
    };
    let config = FitConfig { patience: Some(3), ..fit_config(6) };
    let task = Targets { broken: None };
    let state = fit(&task, Some(&measure), state(&device), &config, &device, &mut ()).unwrap();
    // Epoch 2 is best and an equal one is not better: 3, 4 and 5 are tried.
    assert_eq!(state.history.len(), 5);
}

#[test]
fn what_progress_refuses_ends_the_fit() {
    struct Full;
    impl Progress<Model> for Full {
        fn epoch(&mut self, _: &TrainState<Model>) -> Result<()> {
            let source = std::io::Error::other("no space left");
            Err(Error::Io { action: "write", path: "there".into(), source })
        }
    }
    let device = device().autodiff();
    let task = Targets { broken: None };
    let result = fit(&task, None, state(&device), &fit_config(2), &device, &mut Full);
    assert_eq!(refused(result), "cannot write there: no space left");
}

#[test]
fn a_run_that_diverges_is_not_finished() {
    let mut config = config();
    config.training.optimizer = burn_recsys_training::OptimizerConfig::Sgd;
    config.training.learning_rate = 1e30;
    let root = tempfile::tempdir().unwrap();
    let prepared = prepared(&config);
    let folder =
        burn_recsys_training::RunFolder::create(&root.path().join("run"), &config, &prepared).unwrap();
    let error = burn_recsys_training::train(&folder, &prepared, &config, &device(), &mut ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{error}");
    assert!(!folder.is_finished());
}
