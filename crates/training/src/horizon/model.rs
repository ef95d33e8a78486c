//! A trained model that answers as of a moment.

use burn::module::Module;
use burn::optim::AdamWConfig;
use burn::tensor::Device;
use burn_recsys_baselines::VectorScorer;
use burn_recsys_embeddings::{LazyAdam, RowUpdate, SparseOptimizer};
use burn_recsys_models::{FeatureTwoTower, FeatureTwoTowerConfig, TowerConfig, TowerField};

use super::{HorizonConfig, HorizonFeatures, HorizonTask};
use crate::{FitConfig, Optimizers, Progress, Result, TrainState, fit};

/// Two towers and what they read.
#[derive(Debug)]
pub struct HorizonModel<'a> {
    features: &'a HorizonFeatures,
    model: FeatureTwoTower,
}

/// Trains two towers on the horizons of `features`.
///
/// # Errors
/// As [`HorizonTask::new`] and [`fit`].
pub fn fit_horizons<'a>(
    features: &'a HorizonFeatures,
    config: &HorizonConfig,
    seed: u64,
    device: &Device,
    progress: &mut dyn Progress<FeatureTwoTower>,
) -> Result<HorizonModel<'a>> {
    let task = HorizonTask::new(features, config, seed)?;
    let tower = |fields: &[TowerField]| {
        TowerConfig::new(fields.to_vec())
            .with_d_embedding(config.d_embedding)
            .with_hidden(config.hidden.clone())
            .with_d_output(Some(config.d_output))
            .with_batch_norm(config.batch_norm)
            .with_dropout(config.dropout)
    };
    let device = device.clone().autodiff();
    let model = FeatureTwoTowerConfig::new(tower(features.user_fields()), tower(features.item_fields()))
        .with_seed(seed)
        .init(&device);
    let rule: Box<dyn RowUpdate> = Box::new(LazyAdam::default());
    let optimizers = Optimizers {
        sparse: SparseOptimizer::new(rule).with_weight_decay(config.weight_decay),
        dense: AdamWConfig::new().with_weight_decay(config.weight_decay as f32).init(),
    };
    let state = TrainState { model, optimizers, history: Vec::new() };
    let fit_config = FitConfig {
        n_epochs: config.n_epochs,
        learning_rate: config.learning_rate,
        patience: None,
        seed,
        ..FitConfig::default()
    };
    let state = fit(&task, None, state, &fit_config, &device, progress)?;
    Ok(HorizonModel { features, model: state.model.valid() })
}

/// Vectors of users and items.
#[derive(Debug, Clone, PartialEq)]
pub struct TowerVectors {
    /// The size of a vector.
    pub dimension: usize,
    /// `[n_users, dimension]`, row-major.
    pub users: Vec<f32>,
    /// `[n_items, dimension]`, row-major.
    pub items: Vec<f32>,
}

impl HorizonModel<'_> {
    /// The scores of all users and items by what was known before `moment`.
    ///
    /// # Errors
    /// If a vector is not finite.
    pub fn scorer(&self, moment: i64) -> Result<VectorScorer> {
        let TowerVectors { dimension, users, items } = self.vectors(moment)?;
        Ok(VectorScorer::of_vectors(dimension, users, items)?)
    }

    /// The vectors of all users and items by what was known before `moment`; their inner products are scores.
    ///
    /// # Errors
    /// As [`HorizonFeatures::users`] and [`HorizonFeatures::items`].
    pub fn vectors(&self, moment: i64) -> Result<TowerVectors> {
        let users: Vec<u32> = (0..self.features.events().n_users() as u32).collect();
        let (users, items) = (self.features.users(&users, moment)?, self.features.items(moment)?);
        Ok(TowerVectors {
            dimension: self.model.d_vector(),
            users: self.model.embed_users(&users),
            items: self.model.embed_items(&items),
        })
    }
}
