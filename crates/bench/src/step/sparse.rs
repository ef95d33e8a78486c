//! The step of this library: sparse tables, dense network.

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::AdamConfig;
use burn::tensor::activation::{log_sigmoid, relu};
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, RowWiseAdagrad, SparseOptimizer, Tape};
use burn_recsys_training::Optimizers;

use super::traffic::Batch;
use crate::Result;

pub(super) const LEARNING_RATE: f64 = 1e-3;
/// Width of the hidden layer.
const D_HIDDEN: usize = 128;

/// A user and an item table under one multi-layer perceptron.
#[derive(Module, Debug)]
struct SparseModel {
    users: EmbeddingTable,
    items: EmbeddingTable,
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
    /// - `users`, `items`: `[batch, d]`
    /// - output: `[1]`
    pub(super) fn loss(&self, users: Tensor<2>, items: Tensor<2>, batch: &Batch) -> Tensor<1> {
        let device = users.device();
        let signs = TensorData::new(batch.signs.clone(), [batch.signs.len(), 1]);
        let hidden = relu(self.hidden.forward(Tensor::cat(vec![users, items], 1)));
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
    pub(super) fn new(n_rows: usize, d: usize, device: &Device) -> Self {
        let table = |seed| EmbeddingTableConfig::new(n_rows, d).with_seed(seed).init(device);
        let model = SparseModel { users: table(1), items: table(2), scorer: Scorer::new(d, device) };
        let optimizers = Optimizers {
            sparse: SparseOptimizer::new(Box::new(RowWiseAdagrad::default())),
            dense: AdamConfig::new().init(),
        };
        SparseSubject { model: Some(model), optimizers }
    }

    /// The time from ids on the host to an updated model.
    pub(super) fn step(&mut self, batch: &Batch, device: &Device) -> Result<Duration> {
        let model = self.model.take().ok_or("the model was lost in a step that failed")?;
        device.sync()?;
        let start = Instant::now();
        let mut tape = Tape::new();
        let users = model.users.forward(&batch.users, &mut tape);
        let items = model.items.forward(&batch.items, &mut tape);
        let loss = model.scorer.loss(users, items, batch);
        let value: f32 = loss.clone().into_scalar();
        let model = self.optimizers.step(LEARNING_RATE, model, tape, loss.backward());
        device.sync()?;
        let time = start.elapsed();
        self.model = Some(model);
        if value.is_finite() { Ok(time) } else { Err(format!("the loss is {value}").into()) }
    }
}
