//! A training step of a deep hash embedding.

use std::time::Instant;

use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Distribution, Tensor};
use burn_recsys_embeddings::{DecoderActivation, DeepHashEmbedding, DeepHashEmbeddingConfig};

use super::{Parts, Size};
use crate::Result;

const LEARNING_RATE: f64 = 1e-4;

/// A model in training.
pub(super) struct Step {
    /// Taken for the time of a step.
    model: Option<DeepHashEmbedding>,
    optimizer: ModuleOptimizer,
    /// `[batch, d]`
    targets: Tensor<2>,
    device: Device,
}

impl Step {
    pub(super) fn new(size: &Size, d_hidden: usize, activation: DecoderActivation, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let model = DeepHashEmbeddingConfig::new(size.d)
            .with_n_hashes(size.hashes)
            .with_n_buckets(size.buckets)
            .with_d_hidden(d_hidden)
            .with_n_hidden_layers(size.hidden_layers)
            .with_activation(activation)
            .init(&device);
        let targets = Tensor::random([size.batch, size.d], Distribution::Normal(0.0, 0.1), &device);
        Step { model: Some(model), optimizer: AdamConfig::new().init(), targets, device }
    }

    /// The times from ids on the host to an updated model.
    pub(super) fn time(&mut self, ids: &[u64]) -> Result<Parts> {
        let model = self.model.take().ok_or("the model was lost in a step that failed")?;
        self.device.sync()?;
        let start = Instant::now();
        let loss = (model.forward(ids) - self.targets.clone()).square().mean();
        let value: f32 = loss.clone().into_scalar();
        let forward = start.elapsed();
        let grads = loss.backward();
        self.device.sync()?;
        let backward = start.elapsed();
        let grads = GradientsParams::from_grads(grads, &model);
        let model = self.optimizer.step(LEARNING_RATE, model, grads);
        self.device.sync()?;
        let end = start.elapsed();
        self.model = Some(model);
        if !value.is_finite() {
            return Err(format!("the loss is {value}").into());
        }
        Ok(Parts { forward, backward: backward - forward, update: end - backward })
    }
}
