//! Several representations of one thing, mixed by a gate.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::dense::{forward_layer, seeded_linear, softmax, weighted_sum};

/// Configuration of a [`Mixture`].
#[derive(Config, Debug)]
pub struct MixtureConfig {
    /// The number of features that the gate sees.
    pub n_features: usize,
    /// The number of representations, the experts of the mixture.
    pub n_experts: usize,
    /// The width of the gate's hidden layer. 0: there is none, and the first layer's outputs, after
    /// dropout and ReLU, are the logits.
    pub d_hidden: usize,
    /// What the gate's logits are divided by before the softmax. Below 1 sharpens, above 1 flattens.
    #[config(default = 1.0)]
    pub temperature: f64,
    /// What every expert weighs at least; at most `1 / n_experts`. Above 0 every expert is always
    /// trained, so that none is given up early.
    #[config(default = 0.0)]
    pub min_weight: f64,
    /// The probability that a hidden unit is dropped while training, in `0..1`.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// What the first values of all parameters are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Mixes representations with weights that a gate gives from features.
///
/// Each representation is an expert: a table, hashed ids, [cohorts](crate::CohortAddressing). The
/// gate learns whom to trust for which features, for example the table for users with a long history
/// and cohorts for cold users, where one weight for all would have to compromise. Choose it where two
/// representations are each good for a different part of the users; for one kind of user, the better
/// one alone is simpler and as good. It costs the work of all experts plus a small network. This is
/// the mixture of experts of Jacobs et al. 1991, and with several gates over the same
/// representations, one a task, the multi-gate mixture of Ma et al. 2018.
///
/// # Gate
/// ```text
/// hidden  = relu(dropout(linear(features)))
/// logits  = linear(hidden), or hidden itself if d_hidden is 0
/// weights = min_weight + (1 - n_experts * min_weight) * softmax(logits / temperature)
/// ```
///
/// The weights of a row sum to one. Dropout is active as Burn's is: on an autodiff device, unless
/// frozen. (Dropout after the ReLU would be the same function: a ReLU commutes with zeroing and with
/// positive factors.)
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_recsys_embeddings::{CohortAddressingConfig, EmbeddingTableConfig, MixtureConfig, Tape};
///
/// let device = Device::default();
/// let table = EmbeddingTableConfig::new(1000, 16).init(&device);
/// let cohorts = CohortAddressingConfig::new(4, 8, 16).init(&device);
/// let mixture = MixtureConfig::new(4, 2, 8).with_min_weight(0.05).init(&device);
///
/// // Two users with four features each.
/// let features = Tensor::<2>::from_data([[0.1, 1.0, 0.0, 0.0], [0.9, 0.0, 1.0, 0.0]], &device);
/// let experts = [table.forward(&[7, 42], &mut Tape::off()), cohorts.forward(features.clone())];
/// let mixed = mixture.forward(&experts, features);
/// assert_eq!((mixed.vectors.dims(), mixed.weights.dims()), ([2, 16], [2, 2]));
/// ```
///
/// Made by [`MixtureConfig::init`].
#[derive(Module, Debug)]
pub struct Mixture {
    /// The gate's layer from features to hidden units.
    pub hidden: Linear,
    /// Of the hidden units, before the ReLU.
    pub dropout: Dropout,
    /// The gate's layer from hidden units to a logit for each expert; none if the hidden units are the
    /// logits.
    pub logits: Option<Linear>,
    #[module(skip)]
    temperature: f64,
    #[module(skip)]
    min_weight: f64,
}

/// What [`Mixture::forward`] gives.
#[derive(Debug, Clone)]
pub struct Mixed {
    /// The weighted sums of the representations, `[batch, d_embedding]`.
    pub vectors: Tensor<2>,
    /// What each expert weighs, `[batch, n_experts]`; every row sums to 1.
    pub weights: Tensor<2>,
}

/// No stream of cohorts: a gate and the cohorts that it weighs may have one seed.
const STREAM: u64 = 1 << 40;

impl MixtureConfig {
    /// A fresh module on `device`; its values are a pure function of the configuration.
    ///
    /// # Panics
    /// If a size is 0, the temperature is not positive and finite, the minimum weight is negative or
    /// above `1 / n_experts`, or the dropout is not in `0..1`; the message has the values.
    pub fn init(&self, device: &Device) -> Mixture {
        let MixtureConfig { n_features, n_experts, d_hidden, temperature, min_weight, seed, .. } = *self;
        assert!(
            n_features > 0 && n_experts > 0,
            "a mixture needs positive sizes; asked for {n_features} features and {n_experts} experts"
        );
        assert!(
            temperature > 0.0 && temperature.is_finite(),
            "the temperature is {temperature}, not a positive number"
        );
        assert!(
            min_weight >= 0.0 && n_experts as f64 * min_weight <= 1.0,
            "a minimum weight of {min_weight} for each of {n_experts} experts is not in 0..=1 in all"
        );
        let has_hidden = d_hidden > 0;
        let d_first = if has_hidden { d_hidden } else { n_experts };
        Mixture {
            hidden: seeded_linear(n_features, d_first, seed, STREAM, device),
            dropout: DropoutConfig::new(self.dropout).init(),
            logits: has_hidden.then(|| seeded_linear(d_hidden, n_experts, seed, STREAM + 1, device)),
            temperature,
            min_weight,
        }
    }
}

impl Mixture {
    /// Mixes `representations` by `features`.
    ///
    /// # Shapes
    /// - `representations`: `n_experts` times `[batch, d_embedding]`
    /// - `features`: `[batch, n_features]`
    /// - output: vectors `[batch, d_embedding]`, weights `[batch, n_experts]`
    ///
    /// # Panics
    /// If there are not `n_experts` representations, or one has another shape than the first, or
    /// `features` is not `[batch, n_features]`; the message has both numbers.
    pub fn forward(&self, representations: &[Tensor<2>], features: Tensor<2>) -> Mixed {
        let n_experts = self.n_experts();
        assert!(
            representations.len() == n_experts,
            "{} representations for a mixture of {n_experts} experts",
            representations.len()
        );
        let batch = features.dims()[0];
        let [_, d_embedding] = representations[0].dims();
        for (index, representation) in representations.iter().enumerate() {
            assert!(
                representation.dims() == [batch, d_embedding],
                "representation {index} has shape {:?}, expected {:?}",
                representation.dims(),
                [batch, d_embedding]
            );
        }
        let weights = self.weights(features);
        let vectors = weighted_sum(representations, weights.clone());
        Mixed { vectors, weights }
    }

    /// The number of features that the gate sees.
    pub fn n_features(&self) -> usize {
        self.hidden.weight.lazy_shape()[0]
    }

    /// The number of representations.
    pub fn n_experts(&self) -> usize {
        self.logits.as_ref().unwrap_or(&self.hidden).weight.lazy_shape()[1]
    }

    /// What each expert weighs.
    ///
    /// # Shapes
    /// - `features`: `[batch, n_features]`
    /// - output: `[batch, n_experts]`; every row sums to 1
    ///
    /// # Panics
    /// If `features` does not have `n_features` columns; the message has both numbers.
    pub fn weights(&self, features: Tensor<2>) -> Tensor<2> {
        let (width, n_features) = (features.dims()[1], self.n_features());
        assert!(width == n_features, "features of width {width} for a gate of {n_features} features");
        // Without dropout layer and ReLU are one.
        let hidden = match self.dropout.prob > 0.0 {
            true => relu(self.dropout.forward(forward_layer(&self.hidden, features, false))),
            false => forward_layer(&self.hidden, features, true),
        };
        let logits = match &self.logits {
            Some(layer) => forward_layer(layer, hidden, false),
            None => hidden,
        };
        let soft = softmax(logits, self.temperature);
        if self.min_weight == 0.0 {
            return soft;
        }
        let rest = 1.0 - self.n_experts() as f64 * self.min_weight;
        soft * rest + self.min_weight
    }
}
