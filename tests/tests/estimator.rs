//! The estimator with everything in it, on every backend beside the first one, which the tests of
//! `models` hold against plain Rust.

use burn::module::ModuleDisplay;
use burn::optim::SgdConfig;
use burn::tensor::Device;
use burn_recsys::embeddings::{
    CompositionalEmbeddingConfig, EmbeddingTableConfig, HashEmbeddingConfig, MixtureConfig, SparseOptimizer,
    SparseSgd, Tape,
};
use burn_recsys::models::{
    Branch, BranchCoupling, Cohort, CrossDecoupledConfig, DeepHashConfig, Examples, HeadsConfig, IdLookup,
    Mixture, MultiTaskEstimator, MultiTaskEstimatorConfig, MultiTaskLoss, Projected, TwoBranchConfig,
    UserRepresentation,
};
use burn_recsys::training::Optimizers;

use crate::{devices, values};

const N_ROWS: usize = 12;
const N_USERS: u64 = 6;
const D: usize = 4;
/// How many times to step: by then a wrong gradient shows in the logits.
const N_STEPS: usize = 3;

/// Rows with users and items that repeat, positions, labels of two tasks and weights.
fn rows() -> Examples {
    let wave = |n: usize, step: f32| (0..n).map(|at| (at as f32 * step).sin()).collect::<Vec<f32>>();
    let label = |at: usize| if (at * 7) % 5 < 2 { 1.0 } else { 0.0 };
    Examples::new(
        (0..N_ROWS as u64).map(|at| at * at % N_USERS).collect(),
        (0..N_ROWS as u64).map(|at| at % 5).collect(),
    )
    .and_then(|rows| rows.with_user_features(wave(N_ROWS * 3, 0.7), 3))
    .and_then(|rows| rows.with_item_features(wave(N_ROWS * 2, 1.3), 2))
    .and_then(|rows| rows.with_cross_features(wave(N_ROWS * 2, 2.1), 2))
    .and_then(|rows| rows.with_positions((0..N_ROWS as u32).map(|at| at % 4).collect()))
    .and_then(|rows| rows.with_labels((0..N_ROWS * 2).map(label).collect(), 2))
    .and_then(|rows| rows.with_weights((0..N_ROWS).map(|at| 0.5 + at as f32 / 8.0).collect()))
    .unwrap()
}

fn cross_decoupled(n_ids: usize, n_features: usize) -> CrossDecoupledConfig {
    CrossDecoupledConfig::new(EmbeddingTableConfig::new(n_ids, 3), n_features, vec![0], D)
        .with_id_hidden(vec![5])
        .with_feature_hidden(vec![5])
}

type Estimator<R> = MultiTaskEstimator<R, burn_recsys::models::CrossDecoupled>;

fn estimator<R: UserRepresentation>(users: R, device: &Device) -> Estimator<R> {
    MultiTaskEstimatorConfig::new(2, 3, 2, 2)
        .with_d_cross(3)
        .with_heads(HeadsConfig::new().with_hidden(vec![6]).with_tower(vec![3]).with_n_experts(2))
        .with_n_positions(2)
        .init(users, cross_decoupled(5, 2).init(device), device)
}

/// Logits before and after some steps of `loss` on every device beside the first one's.
fn compare<R: UserRepresentation + ModuleDisplay>(
    what: &str,
    users: impl Fn(&Device) -> R,
    loss: impl Fn(&Estimator<R>, &Device, &mut Tape) -> burn::tensor::Tensor<1>,
) {
    let mut first: Option<Vec<f32>> = None;
    for (name, device) in devices() {
        let mut model = estimator(users(&device), &device);
        let logits = |model: &Estimator<R>| values(model.forward(&rows().inputs(&device), &mut Tape::off()));
        let mut found = logits(&model);
        let mut optimizers = Optimizers {
            sparse: SparseOptimizer::new(Box::new(SparseSgd::default())),
            dense: SgdConfig::new().init(),
        };
        for _ in 0..N_STEPS {
            let mut tape = Tape::new();
            let grads = loss(&model, &device, &mut tape).backward();
            model = optimizers.step(0.5, model, tape, grads).unwrap();
        }
        let after = logits(&model);
        let moved =
            found.iter().zip(&after).map(|(before, after)| (before - after).abs()).fold(0.0, f32::max);
        assert!(moved > 0.05, "{what} on {name}: training moved no logit by more than {moved}");
        found.extend(after);
        let expected = first.get_or_insert_with(|| found.clone());
        for (at, (found, expected)) in found.iter().zip(expected.iter()).enumerate() {
            assert!((found - expected).abs() < 1e-4, "{what} on {name}, value {at}: {found}, not {expected}");
        }
    }
}

/// The usual loss.
fn plain<R: UserRepresentation>(
    model: &Estimator<R>,
    device: &Device,
    tape: &mut Tape,
) -> burn::tensor::Tensor<1> {
    let rows = rows();
    let logits = model.forward(&rows.inputs(device), tape);
    let loss = MultiTaskLoss::new(2).with_task_weights(vec![1.0, 0.5]).unwrap();
    loss.forward(logits, rows.label_tensor(device), rows.weight_tensor(device))
}

fn table(device: &Device) -> IdLookup {
    IdLookup::new(EmbeddingTableConfig::new(N_USERS as usize, D).init(device))
}

#[test]
fn every_representation_trains_alike_on_every_backend() {
    compare("a table", table, plain);
    let hashed = |device: &Device| IdLookup::new(HashEmbeddingConfig::new(4, D).init(device));
    compare("hashed rows", hashed, plain);
    let quotients = |device: &Device| {
        IdLookup::new(CompositionalEmbeddingConfig::quotient_remainder(N_USERS, 3, D).init(device))
    };
    compare("quotient and remainder", quotients, plain);
    compare("deep hash", |device| DeepHashConfig::new(D).with_n_hashes(6).init(device), plain);
    let narrow = |device: &Device| {
        let table = EmbeddingTableConfig::new(N_USERS as usize, 2).init(device);
        Projected::new(IdLookup::new(table), D, 1, device)
    };
    compare("projected", narrow, plain);
    for k in [None, Some(1), Some(2)] {
        let cohorts = move |device: &Device| Cohort::new(Cohort::original(3, 5, D).with_k(k).init(device));
        compare(&format!("cohorts, k {k:?}"), cohorts, plain);
    }
    let mixture = |device: &Device| {
        let experts = (table(device), Cohort::new(Cohort::original(3, 5, D).init(device)));
        Mixture::new(experts, MixtureConfig::new(3, 2, 4).init(device))
    };
    compare("mixture", mixture, plain);
    compare("cross-decoupled", |device| cross_decoupled(N_USERS as usize, 3).init(device), plain);
}

#[test]
fn two_branches_train_alike_on_every_backend() {
    let users = |device: &Device| TwoBranchConfig::new(D, 2.0).init(table(device), device);
    for coupling in [BranchCoupling::Losses, BranchCoupling::Logits] {
        compare(&format!("two branches, {coupling:?}"), users, |model, device, tape| {
            let (main, rebalanced) = (rows(), rows().select(&[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]));
            let share: f64 =
                [Branch::Main, Branch::Regulariser].map(|b| model.users.share(b, 0.5)).iter().sum();
            assert!((share - 1.0).abs() < 1e-12);
            let loss = MultiTaskLoss::new(2);
            model.two_branch_loss(&loss, coupling, 0.5, [&main, &rebalanced], device, tape)
        });
    }
}
