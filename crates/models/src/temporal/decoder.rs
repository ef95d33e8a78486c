//! How likely two nodes meet.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::TableInitializer;
use burn_recsys_embeddings::dense::{forward_layer, seeded_linear, seeded_param};

/// The kind of a [`LinkDecoder`].
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum DecoderKind {
    /// The inner product: all pairs of many nodes are one matrix product.
    Product,
    /// A hidden layer of both vectors, side by side, as in the paper: all pairs take memory for
    /// `n_sources * n_targets * d` numbers.
    Perceptron,
}

/// From the vectors of two nodes to the logit of a link.
#[derive(Module, Debug)]
pub struct LinkDecoder {
    /// Of sources, of targets, and from the hidden layer to the logit; none for the inner product.
    pub layers: Option<(Linear, Linear, Param<Tensor<1>>)>,
}

impl LinkDecoder {
    pub(super) fn new(kind: DecoderKind, d: usize, seed: u64, stream: u64, device: &Device) -> Self {
        let layers = match kind {
            DecoderKind::Product => None,
            DecoderKind::Perceptron => {
                let initializer = TableInitializer::Uniform { bound: 1.0 / (d as f64).sqrt() };
                Some((
                    seeded_linear(d, d, seed, stream, device),
                    seeded_linear(d, d, seed, stream + 1, device),
                    seeded_param([d], initializer, seed, 2 * stream + 4, device),
                ))
            }
        };
        LinkDecoder { layers }
    }

    /// The logits of every source with every target.
    ///
    /// # Shapes
    /// - `sources`: `[n_sources, d]`
    /// - `targets`: `[n_targets, d]`
    /// - output: `[n_sources, n_targets]`
    pub fn forward(&self, sources: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
        let Some((of_sources, of_targets, last)) = &self.layers else {
            return sources.matmul(targets.transpose());
        };
        let sources = forward_layer(of_sources, sources, false).unsqueeze_dim::<3>(1);
        let targets = forward_layer(of_targets, targets, false).unsqueeze_dim::<3>(0);
        let hidden = relu(sources + targets) * last.val().unsqueeze::<3>();
        hidden.sum_dim(2).squeeze_dim::<2>(2)
    }
}
