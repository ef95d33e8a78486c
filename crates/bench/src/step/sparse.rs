//! The step of this library: sparse tables, dense network.

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::AdamConfig;
use burn::tensor::activation::{log_sigmoid, relu};
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_embeddings::{
    EmbeddingCollection, EmbeddingCollectionConfig, EmbeddingTableConfig, JaggedIds, KeyedJaggedIds, Pooling,
    RowUpdate, SparseOptimizer, Tape,
};
use burn_recsys_training::Optimizers;

use super::traffic::Batch;
use crate::Result;

pub(super) const LEARNING_RATE: f64 = 1e-3;
/// Width of the hidden layer.
const D_HIDDEN: usize = 128;

/// A user and an item table under one multi-layer perceptron.
#[derive(Module, Debug)]
struct SparseModel {
    vectors: EmbeddingCollection,
    scorer: Scorer,
}

/// A logit from the concatenation of two vectors: one hidden layer.
#[derive(Module, Debug)]
pub(super) struct Scorer {
    hidden: Linear,
    output: Linear,
}

impl Scorer {
    pub(super) fn new(d: usize, device: &Device) -> Self {
        Scorer {
            hidden: LinearConfig::new(2 * d, D_HIDDEN).init(device),
            output: LinearConfig::new(D_HIDDEN, 1).init(device),
        }
    }

    /// Binary cross-entropy.
    ///
    /// # Shapes
    /// - `vectors`: `[batch, 2 * d]`, users then items
    /// - output: `[1]`
    pub(super) fn loss(&self, vectors: Tensor<2>, batch: &Batch) -> Tensor<1> {
        let device = vectors.device();
        let signs = TensorData::new(batch.signs.clone(), [batch.signs.len(), 1]);
        let hidden = relu(self.hidden.forward(vectors));
        let logits = self.output.forward(hidden);
        // -ln p of the label: the two labels differ only by the sign of the logit.
        log_sigmoid(logits * Tensor::from_data(signs, &device)).mean().neg()
    }
}

/// A model in training.
pub(super) struct SparseSubject {
    /// Taken for the time of a step.
    model: Option<SparseModel>,
    optimizers: Optimizers,
}

impl SparseSubject {
    pub(super) fn new(n_rows: usize, d: usize, rule: Box<dyn RowUpdate>, device: &Device) -> Result<Self> {
        let table = |seed| EmbeddingTableConfig::new(n_rows, d).with_seed(seed);
        let vectors = EmbeddingCollectionConfig::default()
            .with_table("users", table(1))
            .with_table("items", table(2))
            .with_feature("user", "users", Pooling::Sum)
            .with_feature("item", "items", Pooling::Sum)
            .init(device)?;
        let model = SparseModel { vectors, scorer: Scorer::new(d, device) };
        let optimizers = Optimizers { sparse: SparseOptimizer::new(rule), dense: AdamConfig::new().init() };
        Ok(SparseSubject { model: Some(model), optimizers })
    }

    /// The time from ids on the host to an updated model.
    pub(super) fn step(&mut self, batch: &Batch, device: &Device) -> Result<Duration> {
        let model = self.model.take().ok_or("the model was lost in a step that failed")?;
        device.sync()?;
        let start = Instant::now();
        let mut tape = Tape::new();
        let ids = KeyedJaggedIds::from_features(vec![
            ("user".into(), JaggedIds::one_each(batch.users.clone())?),
            ("item".into(), JaggedIds::one_each(batch.items.clone())?),
        ])?;
        let vectors = model.vectors.forward(&ids, &mut tape).into_tensor();
        let loss = model.scorer.loss(vectors, batch);
        let value: f32 = loss.clone().into_scalar();
        let model = self.optimizers.step(LEARNING_RATE, model, tape, loss.backward())?;
        device.sync()?;
        let time = start.elapsed();
        self.model = Some(model);
        if value.is_finite() { Ok(time) } else { Err(format!("the loss is {value}").into()) }
    }
}
