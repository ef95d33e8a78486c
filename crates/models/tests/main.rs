//! The estimator, its representations and what is made of its logits, against plain Rust in double precision.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod calibration;
mod cross_decoupled;
mod examples;
mod forward;
mod gradients;
mod positions;
mod rebalance;
mod reference;
mod tower;
mod two_branch;
mod user_value;

use burn::module::Module;
use burn::tensor::Device;
use burn_recsys_embeddings::{EmbeddingTableConfig, TableInitializer};
use burn_recsys_models::{
    Cohort, CrossDecoupled, CrossDecoupledConfig, Examples, HeadsConfig, IdLookup, ItemRepresentation,
    MultiTaskEstimator, MultiTaskEstimatorConfig, UserRepresentation,
};

const N_USERS: u64 = 6;
const N_ITEMS: u64 = 9;
const N_USER_FEATURES: usize = 3;
const N_ITEM_FEATURES: usize = 2;
const N_CROSS_FEATURES: usize = 2;
const N_TASKS: usize = 2;
const D: usize = 4;

fn autodiff() -> Device {
    Device::default().autodiff()
}

fn table(n_rows: u64, seed: u64) -> EmbeddingTableConfig {
    EmbeddingTableConfig::new(n_rows as usize, D)
        .with_initializer(TableInitializer::Normal { std: 0.7 })
        .with_seed(seed)
}

fn lookup(n_ids: u64, seed: u64, device: &Device) -> IdLookup {
    IdLookup::new(table(n_ids, seed).init(device))
}

fn cohort(device: &Device) -> Cohort {
    let config = Cohort::original(N_USER_FEATURES, 5, D);
    Cohort::new(config.with_initializer(TableInitializer::Normal { std: 0.7 }).with_seed(3).init(device))
}

fn cross_decoupled(n_ids: u64, n_features: usize, device: &Device) -> CrossDecoupled {
    CrossDecoupledConfig::new(table(n_ids, 4), n_features, vec![1], D)
        .with_id_hidden(vec![3])
        .with_feature_hidden(vec![5, 3])
        .with_seed(5)
        .init(device)
}

fn estimator<R: UserRepresentation, I: ItemRepresentation>(
    users: R,
    items: I,
    heads: HeadsConfig,
    device: &Device,
) -> MultiTaskEstimator<R, I> {
    MultiTaskEstimatorConfig::new(N_TASKS, N_USER_FEATURES, N_ITEM_FEATURES, N_CROSS_FEATURES)
        .with_d_cross(3)
        .with_heads(heads)
        .with_seed(11)
        .init(users, items, device)
}

/// Rows whose users and items repeat, with labels.
fn rows() -> Examples {
    let users = vec![0, 5, 5, 2, 3, 0, 1];
    let items = vec![8, 1, 0, 1, 1, 4, 8];
    let n_rows = users.len();
    let features = |width: usize, phase: f32| -> Vec<f32> {
        (0..n_rows * width).map(|at| (at as f32 * 1.7 + phase).sin() * 1.5).collect()
    };
    let labels = (0..n_rows * N_TASKS).map(|at| f32::from(u8::from(at % 3 == 1))).collect();
    Examples::new(users, items)
        .and_then(|rows| rows.with_user_features(features(N_USER_FEATURES, 0.1), N_USER_FEATURES))
        .and_then(|rows| rows.with_item_features(features(N_ITEM_FEATURES, 0.5), N_ITEM_FEATURES))
        .and_then(|rows| rows.with_cross_features(features(N_CROSS_FEATURES, 0.9), N_CROSS_FEATURES))
        .and_then(|rows| rows.with_labels(labels, N_TASKS))
        .expect("rows without mistakes")
}

fn n_parameters(module: &impl Module) -> usize {
    module.num_params()
}
