//! A short training on every backend.

use burn_recsys::data::UniformNegatives;
use burn_recsys::data::synthetic::SyntheticConfig;
use burn_recsys::embeddings::{LazyAdam, RowUpdate, SparseOptimizer};
use burn_recsys::models::TwoTowerConfig;
use burn_recsys::training::{FitConfig, Optimizers, SampledPairs, TrainState, fit};

use crate::devices;

#[test]
fn the_loss_falls() {
    let data = SyntheticConfig::default()
        .with_n_users(60)
        .with_n_items(50)
        .with_n_interactions(600)
        .with_n_cohorts(2)
        .generate()
        .unwrap();
    let rows = &data.dataset.interactions;
    let negatives = UniformNegatives::new(50, 1).unwrap().excluding(rows.items_by_user()).unwrap();
    let task = SampledPairs::new(rows, negatives, 3, 64, 1);
    let config =
        FitConfig { n_epochs: 5, learning_rate: 0.05, patience: None, seed: 1, ..FitConfig::default() };
    let mut curves: Vec<Vec<f64>> = Vec::new();
    for (name, device) in devices() {
        let model = TwoTowerConfig::new(60, 50).with_d_embedding(8).init(&device);
        let rule: Box<dyn RowUpdate> = Box::new(LazyAdam::default());
        let dense = burn::optim::AdamConfig::new().init();
        let optimizers = Optimizers { sparse: SparseOptimizer::new(rule), dense };
        let state = TrainState { model, optimizers, history: Vec::new() };
        let state = fit(&task, None, state, &config, &device, &mut ()).unwrap();
        let losses: Vec<f64> = state.history.iter().map(|record| record.train_loss).collect();
        // Undecided at first: ln 2.
        assert!((losses[0] - std::f64::consts::LN_2).abs() < 0.1, "{name}: {losses:?}");
        assert!(losses[4] < 0.85 * losses[0], "{name}: {losses:?}");
        curves.push(losses);
    }
    for losses in &curves {
        let same = losses.iter().zip(&curves[0]).all(|(loss, first)| (loss - first).abs() < 1e-3);
        assert!(same, "backends learn differently: {curves:?}");
    }
}
