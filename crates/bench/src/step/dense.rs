//! The step of Burn alone: its embedding module, a gradient as large as the table, dense Adam.

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::sparse::{LEARNING_RATE, Scorer};
use super::traffic::Batch;
use crate::Result;

/// The same network over Burn's embeddings.
#[derive(Module, Debug)]
struct DenseModel {
    users: Embedding,
    items: Embedding,
    scorer: Scorer,
}

/// A model in training.
pub(super) struct DenseSubject {
    /// Taken for the time of a step.
    model: Option<DenseModel>,
    optimizer: ModuleOptimizer,
}

impl DenseSubject {
    pub(super) fn new(n_rows: usize, d: usize, device: &Device) -> Self {
        let table = || EmbeddingConfig::new(n_rows, d).init(device);
        let model = DenseModel { users: table(), items: table(), scorer: Scorer::new(d, device) };
        DenseSubject { model: Some(model), optimizer: AdamConfig::new().init() }
    }

    /// The time from ids on the host to an updated model.
    pub(super) fn step(&mut self, batch: &Batch, device: &Device) -> Result<Duration> {
        let model = self.model.take().ok_or("the model was lost in a step that failed")?;
        device.sync()?;
        let start = Instant::now();
        let users = look_up(&model.users, &batch.users, device);
        let items = look_up(&model.items, &batch.items, device);
        let loss = model.scorer.loss(Tensor::cat(vec![users, items], 1), batch);
        let value: f32 = loss.clone().into_scalar();
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        let model = self.optimizer.step(LEARNING_RATE, model, grads);
        device.sync()?;
        let time = start.elapsed();
        self.model = Some(model);
        if value.is_finite() { Ok(time) } else { Err(format!("the loss is {value}").into()) }
    }
}

/// # Shapes
/// - `ids`: `[batch]`
/// - output: `[batch, d]`
fn look_up(table: &Embedding, ids: &[u32], device: &Device) -> Tensor<2> {
    let data = TensorData::new(ids.iter().map(|&id| id as i32).collect(), [ids.len(), 1]);
    let vectors = table.forward(Tensor::<2, Int>::from_data(data, device));
    let [batch, _, d] = vectors.dims();
    vectors.reshape([batch, d])
}
