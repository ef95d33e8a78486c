//! One seed of a study again, from public parts alone, and what its numbers may depend on.

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::module::{Module, ParamGroup};
use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor};
use burn_recsys_data::{Dataset, Interactions};
use burn_recsys_embeddings::{LazyAdam, MixtureConfig, RowUpdate, SparseAdagrad, SparseOptimizer, Tape};
use burn_recsys_metrics::pointwise::{Auc, ExpectedCalibrationError, LogLoss, PointwiseMetric, Predictions};
use burn_recsys_models::{
    Calibration, Cohort, Examples, HeadsConfig, IdLookup, ItemRepresentation, Mixture, MultiTaskEstimator,
    MultiTaskEstimatorConfig, MultiTaskLoss, UserRepresentation, UserValue,
};
use burn_recsys_training::study::{
    Candidate, RowOrderConfig, SeedOutcome, Study, StudyConfig, StudyProgress, StudySizes, TASKS,
};
use burn_recsys_training::{
    EstimatorTask, FitConfig, HeldOut, OptimizerConfig, Optimizers, Order, Progress, Result, StepReport,
    TrainState, fit,
};

use crate::{dataset, device};

fn config(estimator: &str, training: &str) -> StudyConfig {
    let text = format!(
        "data = {{ name = \"synthetic\" }}
         split = {{ strategy = {{ kind = \"user-time\", test_fraction = 0.25 }}, drop_cold_users = false, \
         drop_cold_items = false }}
         validation = {{ kind = \"user-time\", test_fraction = 0.25 }}
         seeds = [5]
         representations = [{{ kind = \"id\" }}]
         user_value_weights = [1.0, -0.5, 2.0]
         slices = {{ cold = 3, light = 8, medium = 15 }}
         estimator = {{ d_user = 6, d_item = 5, d_cross = 4, {estimator} }}
         training = {{ {training} }}"
    );
    StudyConfig::parse(&text).unwrap()
}

/// Overfits after some epochs, so that the best is neither the first nor the last.
fn overfits() -> StudyConfig {
    config(
        "hidden = [8]",
        "n_epochs = 12, patience = 2, batch_size = 128, learning_rate = 0.01, table_learning_rate = 0.03, \
         weight_decay = 0.02, optimizer = \"lazy-adam\", initial_std = 0.2, order = \"time\"",
    )
}

/// Counts steps.
#[derive(Default)]
struct Steps(usize);

impl StudyProgress for Steps {
    fn step(&mut self, _: &str, _: u64, _: StepReport) -> bool {
        self.0 += 1;
        true
    }
}

impl<M> Progress<M> for Steps {
    fn step(&mut self, _: StepReport) -> bool {
        self.0 += 1;
        true
    }
}

fn outcome(study: &Study, candidate: Candidate) -> (SeedOutcome, usize) {
    let mut steps = Steps::default();
    let report = study.run(&[candidate], &[], &device(), &mut steps).unwrap();
    (report.candidates[0].seeds[0].clone(), steps.0)
}

/// What one seed gives.
#[derive(Debug, PartialEq)]
struct Replayed {
    n_epochs: u64,
    held_out_loss: f64,
    metrics: BTreeMap<String, f64>,
}

type Make<R> = fn(&StudySizes, u64, &Device) -> R;

fn state<R: UserRepresentation, I: ItemRepresentation>(
    study: &Study,
    config: &StudyConfig,
    users: Make<R>,
    items: Make<I>,
    device: &Device,
) -> TrainState<MultiTaskEstimator<R, I>> {
    let (sizes, seed) = (study.sizes(), config.seeds[0]);
    let heads = HeadsConfig::new()
        .with_hidden(config.estimator.hidden.clone())
        .with_tower(config.estimator.tower.clone())
        .with_n_experts(config.estimator.n_experts)
        .with_dropout(config.estimator.dropout);
    let model = MultiTaskEstimatorConfig::new(
        TASKS.len(),
        sizes.n_user_features,
        sizes.n_item_features,
        sizes.n_cross_features,
    )
    .with_d_cross(config.estimator.d_cross)
    .with_heads(heads)
    .with_seed(4 * seed + 2)
    .init(users(sizes, 4 * seed, device), items(sizes, 4 * seed + 1, device), device);
    let rule: Box<dyn RowUpdate> = match config.training.optimizer {
        OptimizerConfig::LazyAdam => Box::new(LazyAdam::default()),
        OptimizerConfig::Adagrad => Box::new(SparseAdagrad::default()),
        other => panic!("{other:?}"),
    };
    let scale = config.training.table_learning_rate / config.training.learning_rate;
    let sparse = SparseOptimizer::new(rule)
        .with_weight_decay(config.training.weight_decay)
        .with_learning_rate_scale_of(ParamGroup::from_predicate(""), scale);
    let optimizers = Optimizers { sparse, dense: AdamConfig::new().init() };
    TrainState { model, optimizers, history: Vec::new() }
}

fn task<R, I>(config: &StudyConfig, rows: &Examples) -> EstimatorTask<R, I> {
    let order = match config.training.order {
        RowOrderConfig::Time => Order::AsGiven,
        RowOrderConfig::Shuffled => Order::Shuffled,
    };
    let loss = MultiTaskLoss::new(TASKS.len());
    let batch_size = config.training.batch_size;
    EstimatorTask::new(rows.clone(), loss, batch_size, config.seeds[0]).unwrap().with_order(order)
}

/// As in service: nothing is dropped.
fn logits<R: UserRepresentation, I: ItemRepresentation>(
    model: &MultiTaskEstimator<R, I>,
    rows: &Examples,
    device: &Device,
) -> Vec<f32> {
    let inputs = rows.inputs(&device.clone().inner());
    model.valid().forward(&inputs, &mut Tape::off()).into_data().iter::<f32>().collect()
}

fn mean_loss(logits: &[f32], labels: &[f32]) -> f64 {
    let losses = logits.iter().zip(labels).map(|(&x, &y)| {
        let (x, y) = (f64::from(x), f64::from(y));
        x.max(0.0) - x * y + (-x.abs()).exp().ln_1p()
    });
    losses.sum::<f64>() / labels.len() as f64
}

fn of_task<T: Copy>(values: &[T], task: usize) -> Vec<T> {
    values.iter().copied().skip(task).step_by(TASKS.len()).collect()
}

fn is_one(labels: Vec<f32>) -> Vec<bool> {
    labels.into_iter().map(|label| label == 1.0).collect()
}

fn replay<R: UserRepresentation, I: ItemRepresentation>(
    study: &Study,
    config: &StudyConfig,
    users: Make<R>,
    items: Make<I>,
) -> (Replayed, usize) {
    let device = device().autodiff();
    let (search, full) = (study.search_rows(), study.rows());
    let fit_config = |n_epochs, patience| FitConfig {
        n_epochs,
        learning_rate: config.training.learning_rate,
        patience,
        seed: config.seeds[0],
        ..FitConfig::default()
    };
    let mut steps = Steps::default();

    let epochs = RefCell::new(Vec::new());
    let held_out = |model: &MultiTaskEstimator<R, I>| -> Result<HeldOut> {
        let logits = logits(model, &search.test, &device);
        let held_out_loss = mean_loss(&logits, search.test.labels());
        epochs.borrow_mut().push((held_out_loss, logits));
        Ok(HeldOut { held_out_loss, metrics: BTreeMap::new(), score: -held_out_loss })
    };
    let first = state(study, config, users, items, &device);
    let search_config = fit_config(config.training.n_epochs, Some(config.training.patience));
    let search_task = task(config, &search.train);
    fit(&search_task, Some(&held_out), first, &search_config, &device, &mut steps).unwrap();
    let epochs = epochs.into_inner();
    let best = (0..epochs.len()).min_by(|&a, &b| epochs[a].0.total_cmp(&epochs[b].0)).unwrap();
    let (held_out_loss, best_logits) = &epochs[best];
    let calibrations = (0..TASKS.len()).map(|task| {
        let labels = is_one(of_task(search.test.labels(), task));
        // A task that the model ranks no better than chance is left as it is.
        Calibration::fit_platt(&of_task(best_logits, task), &labels).unwrap_or(Calibration::identity())
    });
    let value = UserValue::new(config.user_value_weights.clone()).unwrap();
    let value = value.with_calibrations(calibrations.collect()).unwrap();

    let n_epochs = best as u64 + 1;
    let first = state(study, config, users, items, &device);
    let full_task = task(config, &full.train);
    let last = fit(&full_task, None, first, &fit_config(n_epochs, None), &device, &mut steps).unwrap();
    let probabilities = value.probabilities(&logits(&last.model, &full.test, &device)).unwrap();
    let mut metrics = BTreeMap::new();
    for metric in [&Auc as &dyn PointwiseMetric, &LogLoss, &ExpectedCalibrationError::default()] {
        for (task, name) in TASKS.iter().enumerate() {
            let (scores, labels) = (of_task(&probabilities, task), is_one(of_task(full.test.labels(), task)));
            let value = metric.measure(&Predictions::new(&scores, &labels).unwrap()).unwrap();
            metrics.insert(format!("{} {name}", metric.label()), value.unwrap());
        }
    }
    (Replayed { n_epochs, held_out_loss: *held_out_loss, metrics }, steps.0)
}

/// The study's outcome in the terms of a replay.
fn as_replayed(outcome: &SeedOutcome) -> Replayed {
    let mut metrics = outcome.slices[0].metrics.clone();
    metrics.retain(|label, _| TASKS.iter().any(|task| label.ends_with(task)));
    Replayed { n_epochs: outcome.n_epochs, held_out_loss: outcome.held_out_loss, metrics }
}

fn user_table(sizes: &StudySizes, seed: u64, device: &Device) -> IdLookup {
    IdLookup::new(sizes.table(sizes.n_users, sizes.d_user, seed).init(device))
}

/// A table whose vectors are twice as long while a model learns: what dropout is, but without chance, so
/// that tests side by side do not draw each other's numbers.
#[derive(Module, Debug)]
struct Eager {
    table: IdLookup,
}

impl UserRepresentation for Eager {
    fn d_user(&self) -> usize {
        self.table.d_user()
    }

    fn user_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        let scale = if features.device().is_autodiff() { 2.0 } else { 1.0 };
        self.table.user_vectors(ids, features, tape).mul_scalar(scale)
    }

    fn n_users(&self) -> Option<u64> {
        UserRepresentation::n_users(&self.table)
    }
}

fn eager(sizes: &StudySizes, seed: u64, device: &Device) -> Eager {
    Eager { table: user_table(sizes, seed, device) }
}

fn item_table(sizes: &StudySizes, seed: u64, device: &Device) -> IdLookup {
    IdLookup::new(sizes.table(sizes.n_items, sizes.d_item, seed).init(device))
}

fn mixed(sizes: &StudySizes, seed: u64, device: &Device) -> Mixture<(IdLookup, Cohort)> {
    let cohorts = Cohort::original(sizes.n_user_features, 5, sizes.d_user).with_seed(seed);
    let gate = MixtureConfig::new(sizes.n_user_features, 2, 6).with_seed(seed);
    let experts = (user_table(sizes, seed, device), Cohort::new(cohorts.init(device)));
    Mixture::new(experts, gate.init(device))
}

#[test]
fn a_seed_is_what_its_public_parts_make_of_it() {
    let config = overfits();
    let study = Study::prepare(&dataset(), &config).unwrap();
    let (replayed, n_steps) = replay(&study, &config, user_table, item_table);
    let (outcome, expected_steps) = outcome(&study, study.candidates()[0].clone());
    // Otherwise a study that takes the first, the last or all epochs would pass.
    assert!((2..10).contains(&replayed.n_epochs), "{replayed:?}");
    assert_eq!(replayed, as_replayed(&outcome));
    assert_eq!(n_steps, expected_steps);
}

#[test]
fn models_are_judged_as_they_are_in_service() {
    let config = overfits();
    let study = Study::prepare(&dataset(), &config).unwrap();
    let (replayed, _) = replay(&study, &config, eager, item_table);
    assert_eq!(replayed, as_replayed(&outcome(&study, Candidate::new("eager", eager)).0));
    // The double length does matter.
    let (plain, _) = replay(&study, &config, user_table, item_table);
    assert_ne!(replayed.held_out_loss, plain.held_out_loss);
}

#[test]
fn a_seed_of_a_mixture_is_what_its_public_parts_make_of_it() {
    let config = config(
        "hidden = [8], n_experts = 2, tower = [4]",
        "n_epochs = 3, patience = 1, batch_size = 100, learning_rate = 0.005, table_learning_rate = 0.04, \
         hidden_past = 0.3",
    );
    let study = Study::prepare(&dataset(), &config).unwrap();
    let (replayed, n_steps) = replay(&study, &config, mixed, item_table);
    let (outcome, expected_steps) = outcome(&study, Candidate::new("mixed", mixed));
    assert_eq!(replayed, as_replayed(&outcome));
    assert_eq!(n_steps, expected_steps);
}

#[test]
fn rows_held_out_are_taken_from_the_training_part() {
    let study = Study::prepare(&dataset(), &overfits()).unwrap();
    let ids = |rows: &Examples| -> Vec<(u64, u64)> {
        rows.user_ids().iter().copied().zip(rows.item_ids().iter().copied()).collect()
    };
    let (search, full) = (study.search_rows(), study.rows());
    let mut parts = [ids(&search.train), ids(&search.test)].concat();
    let mut whole = ids(&full.train);
    parts.sort_unstable();
    whole.sort_unstable();
    assert_eq!(parts, whole);
    assert_eq!(search.train.n_rows(), search.slices.user_counts.iter().sum::<u32>() as usize);
    assert_eq!(full.train.n_rows(), full.slices.user_counts.iter().sum::<u32>() as usize);
}

/// The data with other ratings in the rows that are tested on.
fn relabelled(data: &Dataset, config: &StudyConfig) -> Dataset {
    let all = &data.interactions;
    let split = config.split.split(&all.clone().compact()).unwrap();
    let mut ratings = all.ratings().unwrap().to_vec();
    for &row in &split.test_rows {
        let rating = &mut ratings[row as usize];
        *rating = if *rating >= 4.0 { 1.0 } else { 5.0 };
    }
    let interactions = Interactions::new(
        all.user_ids().clone(),
        all.item_ids().clone(),
        all.users().to_vec(),
        all.items().to_vec(),
        Some(ratings),
        all.timestamps().map(<[i64]>::to_vec),
    );
    Dataset { interactions: interactions.unwrap(), ..data.clone() }
}

#[test]
fn labels_of_the_test_part_are_measured_and_nothing_else() {
    let (config, data) = (overfits(), dataset());
    let before = Study::prepare(&data, &config).unwrap();
    let after = Study::prepare(&relabelled(&data, &config), &config).unwrap();
    assert_eq!(before.search_rows().train, after.search_rows().train);
    assert_eq!(before.search_rows().test, after.search_rows().test);
    assert_eq!(before.rows().train, after.rows().train);
    assert_eq!(before.rows().test.user_features(), after.rows().test.user_features());
    assert_eq!(before.rows().test.item_features(), after.rows().test.item_features());
    assert_eq!(before.rows().test.cross_features(), after.rows().test.cross_features());
    // Every label of the first task is the other one.
    let liked = |study: &Study| is_one(of_task(study.rows().test.labels(), 0));
    assert!(liked(&before).iter().zip(&liked(&after)).all(|(before, after)| before != after));

    let [before, after] = [before, after].map(|study| outcome(&study, study.candidates()[0].clone()).0);
    assert_eq!(before.n_epochs, after.n_epochs);
    assert_eq!(before.held_out_loss.to_bits(), after.held_out_loss.to_bits());
    assert_eq!(before.n_parameters, after.n_parameters);
    // The same scores: what was in order is out of order now.
    let auc = |outcome: &SeedOutcome| outcome.slices[0].metrics["AUC liked"];
    assert!((auc(&before) + auc(&after) - 1.0).abs() < 1e-9, "{} {}", auc(&before), auc(&after));
}
