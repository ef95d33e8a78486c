//! The network that turns codes into vectors.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::mish::mish;
use crate::TableInitializer;
use crate::dense::seeded_param;
use crate::hashing::derive_seed;

/// What follows the linear map of each hidden layer.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum DecoderActivation {
    /// The positive part.
    Relu,
    /// Batch normalisation, then Mish, `x * tanh(softplus(x))` (Misra 2019, arXiv 1908.08681), as in
    /// the paper.
    ///
    /// In training a vector depends on the other ids of its batch. Burn holds the latest update of the
    /// running statistics back until the next step or `Module::valid`, so save what `valid` gives.
    MishBatchNorm,
}

/// Hidden layers of equal width and a linear output.
#[derive(Module, Debug)]
pub(super) struct Decoder {
    hidden: Vec<HiddenLayer>,
    output: Linear,
}

#[derive(Module, Debug)]
struct HiddenLayer {
    linear: Linear,
    /// Only before Mish.
    norm: Option<BatchNorm>,
}

/// The shape of a [`Decoder`].
#[derive(Debug, Clone, Copy)]
pub(super) struct DecoderShape {
    pub(super) d_input: usize,
    pub(super) d_hidden: usize,
    pub(super) n_hidden_layers: usize,
    pub(super) d_output: usize,
    pub(super) activation: DecoderActivation,
}

impl DecoderShape {
    /// Fresh weights that are a function of `seed`, outputs of about the deviation `output_std`.
    ///
    /// Hidden weights are uniform with variance `2 / fan_in`, which keeps the mean square of inputs
    /// through layers of ReLU (He et al. 2015, arXiv 1502.01852). Biases are zero; there are none
    /// where batch normalisation would remove them.
    pub(super) fn init(&self, seed: u64, output_std: f64, device: &Device) -> Decoder {
        let DecoderShape { d_input, d_hidden, n_hidden_layers, d_output, activation } = *self;
        let is_normalised = activation == DecoderActivation::MishBatchNorm;
        let mut width = d_input;
        let hidden = (0..n_hidden_layers).map(|layer| {
            let [d_input, d_output] = [std::mem::replace(&mut width, d_hidden), d_hidden];
            let seed = derive_seed(seed, layer as u64);
            HiddenLayer {
                linear: linear([d_input, d_output], 2f64.sqrt(), !is_normalised, seed, device),
                norm: is_normalised.then(|| BatchNormConfig::new(d_hidden).init(device)),
            }
        });
        let hidden = hidden.collect();
        let seed = derive_seed(seed, n_hidden_layers as u64);
        Decoder { hidden, output: linear([width, d_output], output_std, true, seed, device) }
    }
}

/// A linear layer whose weights have standard deviation `gain / sqrt(d_input)`.
///
/// Burn's own initialisers draw from the generator of the device, which differs between backends.
fn linear([d_input, d_output]: [usize; 2], gain: f64, has_bias: bool, seed: u64, device: &Device) -> Linear {
    let bound = gain * (3.0 / d_input as f64).sqrt();
    let weight = TableInitializer::Uniform { bound };
    let bias = has_bias.then(|| seeded_param([d_output], TableInitializer::Zeros, seed, 1, device));
    Linear { weight: seeded_param([d_input, d_output], weight, seed, 0, device), bias }
}

impl Decoder {
    /// # Shapes
    /// - `codes`: `[batch, d_input]`
    /// - output: `[batch, d_output]`
    pub(super) fn forward(&self, codes: Tensor<2>) -> Tensor<2> {
        let hidden = self.hidden.iter().fold(codes, |input, layer| layer.forward(input));
        self.output.forward(hidden)
    }

    pub(super) fn d_output(&self) -> usize {
        self.output.weight.lazy_shape()[1]
    }

    /// Where the weights are.
    pub(super) fn device(&self) -> Device {
        self.output.weight.val().device()
    }
}

impl HiddenLayer {
    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let output = self.linear.forward(input);
        match &self.norm {
            Some(norm) => mish(norm.forward(output)),
            None => relu(output),
        }
    }
}
