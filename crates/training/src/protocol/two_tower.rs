//! Two towers that know only ids, by a softmax over sampled items.

use std::ops::ControlFlow;
use std::sync::Arc;

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_data::UniformNegatives;
use burn_recsys_embeddings::{EmbeddingTable, LazyAdam, SparseOptimizer};
use burn_recsys_models::{
    FeatureTwoTower, FeatureTwoTowerConfig, FieldValues, ItemScorer, RetrievalLoss, TowerConfig, TowerField,
    TowerRows,
};
use serde::Serialize;

use super::contender::Recipe;
use super::{Epochs, TrainPart};
use crate::{Error, FitConfig, Negatives, Optimizers, Result, RetrievalRows, RetrievalTask, TrainState, fit};

/// Batches are made smaller until an epoch has so many steps.
const STEPS: usize = 64;
/// The fewest rows of a batch that is made smaller.
const LEAST_BATCH: usize = 64;

/// What the positive of a row is told from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// Items drawn uniformly, shared by the batch.
    Uniform,
    /// The other items of the batch: popular ones are there more often.
    InBatch,
    /// The same, each logit less the logarithm of the item's share of all rows (Yi et al. 2019).
    InBatchLogQ,
    /// The other items of the batch and items drawn uniformly (Yang et al. 2020).
    Mixed,
    /// The same, each logit less the logarithm of how often the item is expected among them.
    MixedLogQ,
}

impl Sampling {
    /// All there are.
    pub const ALL: [Sampling; 5] =
        [Sampling::Uniform, Sampling::InBatch, Sampling::InBatchLogQ, Sampling::Mixed, Sampling::MixedLogQ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Sampling::Uniform => "uniform",
            Sampling::InBatch => "in-batch",
            Sampling::InBatchLogQ => "in-batch + logQ",
            Sampling::Mixed => "mixed",
            Sampling::MixedLogQ => "mixed + logQ",
        }
    }
}

/// How two towers of ids are trained: cosines divided by a temperature, and a softmax of the positive among
/// sampled items; what a user has met is no negative.
#[derive(Debug, Clone, Serialize)]
pub struct TwoTowerRecipe {
    /// The size of vectors.
    pub d_embedding: usize,
    /// What cosines are divided by.
    pub temperature: f64,
    /// What the positive is told from.
    pub sampling: Sampling,
    /// Items drawn for a batch, where they are drawn.
    pub n_negatives: usize,
    /// Rows of a batch; fewer where there are less than 64 times as many.
    pub batch_size: usize,
    /// How far a step of Adam goes.
    pub learning_rate: f64,
    /// The most epochs.
    pub n_epochs: u64,
    #[serde(skip)]
    device: Device,
}

impl TwoTowerRecipe {
    /// The default on `device`.
    pub fn new(device: &Device) -> Self {
        TwoTowerRecipe {
            d_embedding: 64,
            temperature: 0.15,
            sampling: Sampling::Uniform,
            n_negatives: 1024,
            batch_size: 2048,
            learning_rate: 0.003,
            n_epochs: 60,
            device: device.clone(),
        }
    }

    /// What to choose from.
    pub fn candidates(device: &Device) -> Vec<Self> {
        let with = |temperature| TwoTowerRecipe { temperature, ..TwoTowerRecipe::new(device) };
        vec![with(0.15), with(0.25), with(0.1)]
    }
}

impl Recipe for TwoTowerRecipe {
    fn max_epochs(&self) -> Option<u64> {
        Some(self.n_epochs)
    }

    fn fit(&self, train: TrainPart<'_>, seed: u64, epochs: Epochs<'_>) -> Result<Box<dyn ItemScorer>> {
        let TrainPart { positives, n_items } = train;
        let n_users = positives.n_rows();
        if positives.n_values() == 0 {
            return Err(burn_recsys_baselines::Error::Empty.into());
        }
        let mut users = Vec::with_capacity(positives.n_values());
        let mut items = Vec::with_capacity(positives.n_values());
        for (user, row) in (0u32..).zip(positives.rows()) {
            items.extend_from_slice(row);
            users.resize(items.len(), user);
        }
        let table = |n: usize| {
            let fields = vec![TowerField::id(n as u64)];
            let values = FieldValues::Ids((0..n as u64).collect());
            let rows = TowerRows::new(&fields, vec![values]).map_err(tower_error)?;
            Ok::<_, Error>((fields, rows))
        };
        let ((user_fields, user_rows), (item_fields, item_rows)) = (table(n_users)?, table(n_items)?);
        // Few rows in large batches would be a step or two an epoch: nothing is learned before patience ends.
        let most = (users.len() / STEPS).next_power_of_two().max(LEAST_BATCH);
        let batch_size = self.batch_size.min(most);
        let rows = RetrievalRows::new(users, items, user_rows.clone(), item_rows.clone())?;
        let sampler = Arc::new(UniformNegatives::new(n_items as u32, seed)?);
        let (n, sampling) = (self.n_negatives, self.sampling);
        let negatives = match sampling {
            Sampling::Uniform => Negatives::Shared { sampler, n },
            Sampling::InBatch | Sampling::InBatchLogQ => Negatives::InBatch,
            Sampling::Mixed | Sampling::MixedLogQ => Negatives::Mixed { sampler, n },
        };
        let loss = RetrievalLoss::Softmax { temperature: 1.0 };
        let task =
            RetrievalTask::<EmbeddingTable, EmbeddingTable>::new(rows, negatives, loss, batch_size, seed)?
                .with_log_q(matches!(sampling, Sampling::InBatchLogQ | Sampling::MixedLogQ))
                .with_known(positives.clone())?;

        let device = self.device.clone().autodiff();
        let tower = |fields| {
            TowerConfig::new(fields)
                .with_d_embedding(self.d_embedding)
                .with_hidden(vec![])
                .with_d_output(None)
                .with_normalized(true)
        };
        let model = FeatureTwoTowerConfig::new(tower(user_fields), tower(item_fields))
            .with_temperature(self.temperature)
            .with_seed(seed)
            .init(&device);
        let optimizers = Optimizers {
            sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
            dense: AdamConfig::new().init(),
        };
        let n_epochs = match epochs {
            Epochs::Exactly(n) => n,
            _ => self.n_epochs,
        };
        let config = FitConfig {
            n_epochs: 1,
            learning_rate: self.learning_rate,
            patience: None,
            seed,
            ..FitConfig::default()
        };
        let mut state = TrainState { model, optimizers, history: Vec::new() };
        let scorer = |model: &FeatureTwoTower| model.scorer(&user_rows, &item_rows);
        let mut watch = match epochs {
            Epochs::Watched(watch) => Some(watch),
            _ => None,
        };
        for epoch in 1..=n_epochs {
            let config = FitConfig { n_epochs: epoch, ..config.clone() };
            state = fit(&task, None, state, &config, &device, &mut ())?;
            if let Some(watch) = &mut watch
                && watch(epoch, &scorer(&state.model)?) == ControlFlow::Break(())
            {
                break;
            }
        }
        Ok(Box::new(scorer(&state.model)?))
    }
}

/// Values of ids in order fit their field.
fn tower_error(error: burn_recsys_models::TowerError) -> Error {
    burn_recsys_data::Error::Parameter { parameter: "towers", message: error.to_string() }.into()
}
