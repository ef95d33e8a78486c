//! Vectors of users from a few learned archetypes.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::TableInitializer;
use crate::dense::{affine, forward_stack, seeded_param, seeded_stack, softmax};

/// Configuration of a [`CohortAddressing`].
#[derive(Config, Debug)]
pub struct CohortAddressingConfig {
    /// The number of features of a user.
    pub n_features: usize,
    /// The number of cohorts.
    pub n_cohorts: usize,
    /// The size of each vector that comes out.
    pub d_embedding: usize,
    /// The size of a cohort's own vector; `d_embedding` if not set.
    pub d_cohort: Option<usize>,
    /// The widths of the hidden layers between features and affinities. None by default: the
    /// affinities are linear in the features, which is easiest to study.
    #[config(default = "Vec::new()")]
    pub addressing_hidden: Vec<usize>,
    /// The widths of the hidden layers between cohort vectors and output. Without any, and with
    /// `d_cohort` equal to `d_embedding`, there is no decoder at all.
    #[config(default = "Vec::new()")]
    pub decoder_hidden: Vec<usize>,
    /// How many cohorts a user belongs to, each with weight `1 / k`. Not set: every user belongs to
    /// every cohort, with the softmax of the affinities as weights.
    pub k: Option<usize>,
    /// What affinities are divided by before the softmax. Below 1 sharpens, above 1 flattens. With
    /// `k` set it changes gradients only.
    #[config(default = 1.0)]
    pub temperature: f64,
    /// The probability that an affinity is dropped while training, in `0..1`; see
    /// [`CohortAddressing`].
    #[config(default = 0.0)]
    pub dropout: f64,
    /// How the cohorts' vectors are first filled.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values of all parameters are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Addresses users to cohorts by their features.
///
/// A cohort is a learned archetype; a user's vector is a weighted mean of the cohorts' vectors, and
/// the weights come from the user's features. So there are no parameters of single users: the
/// module stays small however many users there are, and a user never seen before is as well served
/// as any other with the same features. Choose it where features say much about taste and histories
/// are short; where users have long histories of their own, a table says more, and a
/// [`Mixture`](crate::Mixture) of both can be had. Softmax weights are smooth and train most
/// easily; the `k` cohorts of equal weight make a user readable ("these three") and keep the
/// archetypes apart. This is the addressing of a key-value memory (Miller et al. 2016,
/// arXiv 1606.03126), with the cohorts' vectors as values.
///
/// # Top-k
/// The weights are `1 / k` for the `k` largest affinities and 0 for the others: a step function of
/// the affinities, whose own gradient is zero. The gradient is therefore that of the softmax over
/// **all** cohorts (straight-through: Bengio et al. 2013, arXiv 1308.3432). With
/// `p = softmax(affinity / temperature)` and `g` the loss gradient of the weights, the affinity `i`
/// receives
///
/// ```text
/// p_i / temperature * (g_i - sum_j p_j g_j)
/// ```
///
/// A softmax over the chosen `k` alone would not have the forward weights `1 / k`, and its gradient
/// could never bring in a cohort that is not chosen yet: it would stay unused for good.
///
/// Hard choices have local optima: with no more cohorts than there are archetypes, an unlucky start
/// may leave two archetypes in one cohort. Cohorts to spare make that rarer, and the softmax is much
/// less prone to it.
///
/// Equal affinities are chosen by the lower cohort index. Burn's `topk` does not promise that: flex
/// and ndarray sort unstably, and libtorch leaves it open. So the cohorts are chosen on the host, the
/// same for every backend. It costs one copy of `[batch, n_cohorts]` floats each way, and on a GPU
/// the wait for it in every forward pass; on flex it is faster than `topk`, which sorts.
///
/// # Dropout
/// Active as Burn's `Dropout` is: on an autodiff device, unless frozen. A dropped affinity becomes
/// 0 and the others are divided by `1 - dropout`, which keeps the expected affinity. Zero is an
/// affinity like any other: the cohort is neither for nor against the user in this step. Excluding
/// the cohort instead (an affinity of minus infinity) could leave a user with fewer than `k` cohorts
/// or none at all, and would never show a user a cohort that the features speak against; with zero
/// such cohorts get a share, and with it a gradient, now and then. In top-k mode the dropped ones
/// are equal, so the lower index goes first where they fill up the `k`.
///
/// Made by [`CohortAddressingConfig::init`].
#[derive(Module, Debug)]
pub struct CohortAddressing {
    /// From features to affinities, with a ReLU between two layers.
    pub addressing: Vec<Linear>,
    /// Of the affinities.
    pub dropout: Dropout,
    /// The cohorts' vectors, `[n_cohorts, d_cohort]`.
    pub cohorts: Param<Tensor<2>>,
    /// From cohort vectors to output, with a ReLU between two layers; empty without a decoder.
    pub decoder: Vec<Linear>,
    #[module(skip)]
    k: Option<usize>,
    #[module(skip)]
    temperature: f64,
}

/// What [`CohortAddressing::address`] gives.
#[derive(Debug, Clone)]
pub struct Addressed {
    /// `[batch, d_embedding]`
    pub vectors: Tensor<2>,
    /// How much each user belongs to each cohort, `[batch, n_cohorts]`; every row sums to 1.
    pub weights: Tensor<2>,
}

impl CohortAddressingConfig {
    /// A fresh module on `device`; its values are a pure function of the configuration.
    ///
    /// # Panics
    /// If a size or width is 0, `k` is not in `1..=n_cohorts`, the temperature is not positive and
    /// finite, or the dropout is not in `0..1`; the message has the values.
    pub fn init(&self, device: &Device) -> CohortAddressing {
        let CohortAddressingConfig { n_features, n_cohorts, d_embedding, seed, temperature, .. } = *self;
        let d_cohort = self.d_cohort.unwrap_or(d_embedding);
        let addressing = [&[n_features][..], &self.addressing_hidden[..], &[n_cohorts]].concat();
        let decoder = [&[d_cohort][..], &self.decoder_hidden[..], &[d_embedding]].concat();
        assert!(
            addressing.iter().chain(&decoder).all(|&width| width > 0),
            "cohort addressing needs positive widths; asked for {addressing:?} and a decoder of {decoder:?}"
        );
        if let Some(k) = self.k {
            assert!((1..=n_cohorts).contains(&k), "k is {k}, not in 1..={n_cohorts}, the number of cohorts");
        }
        assert!(
            temperature > 0.0 && temperature.is_finite(),
            "the temperature is {temperature}, not a positive number"
        );
        let has_decoder = decoder.len() > 2 || d_cohort != d_embedding;
        // The cohorts take a stream that no layer reaches: a layer more changes no other parameter.
        CohortAddressing {
            addressing: seeded_stack(&addressing, seed, 0, device),
            dropout: DropoutConfig::new(self.dropout).init(),
            cohorts: seeded_param([n_cohorts, d_cohort], self.initializer, seed, 1 << 32, device),
            decoder: if has_decoder { seeded_stack(&decoder, seed, 1 << 16, device) } else { Vec::new() },
            k: self.k,
            temperature,
        }
    }
}

impl CohortAddressing {
    /// The vectors of users with these features.
    ///
    /// # Shapes
    /// - `features`: `[batch, n_features]`
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If `features` does not have `n_features` columns; the message has both numbers.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.address(features).vectors
    }

    /// As [`forward`](Self::forward), with the weights of the cohorts, so that they can be studied.
    ///
    /// # Shapes
    /// - `features`: `[batch, n_features]`
    /// - output: vectors `[batch, d_embedding]`, weights `[batch, n_cohorts]`
    ///
    /// # Panics
    /// If `features` does not have `n_features` columns; the message has both numbers.
    pub fn address(&self, features: Tensor<2>) -> Addressed {
        let [n_users, width] = features.dims();
        let n_features = self.n_features();
        assert!(
            width == n_features,
            "features of width {width} for cohort addressing by {n_features} features"
        );
        if n_users == 0 {
            // Not every backend multiplies matrices without rows.
            let nothing = |width| Tensor::zeros([0, width], &features.device());
            return Addressed { vectors: nothing(self.d_embedding()), weights: nothing(self.n_cohorts()) };
        }
        let affinity = self.dropout.forward(forward_stack(&self.addressing, features));
        let weights = self.weights(affinity);
        let vectors = self.decode(weights.clone());
        Addressed { vectors, weights }
    }

    /// From weights `[batch, n_cohorts]` to vectors `[batch, d_embedding]`.
    fn decode(&self, weights: Tensor<2>) -> Tensor<2> {
        let ([n_users, n_cohorts], cohorts) = (weights.dims(), self.cohorts.val());
        match self.decoder.as_slice() {
            // Nothing but a mean stands between cohorts and first layer: its weights may as well be applied to
            // each cohort as to each user.
            [first, rest @ ..] if n_users > n_cohorts => {
                let bias = first.bias.as_ref().map(|bias| bias.val().unsqueeze());
                let cohorts = cohorts.matmul(first.weight.val());
                let vectors = affine(vec![(weights, cohorts)], bias, !rest.is_empty());
                forward_stack(rest, vectors)
            }
            layers => forward_stack(layers, weights.matmul(cohorts)),
        }
    }

    /// The number of features of a user.
    pub fn n_features(&self) -> usize {
        self.addressing[0].weight.lazy_shape()[0]
    }

    /// The number of cohorts.
    pub fn n_cohorts(&self) -> usize {
        self.cohorts.lazy_shape()[0]
    }

    /// The size of each vector that comes out.
    pub fn d_embedding(&self) -> usize {
        match self.decoder.last() {
            Some(layer) => layer.weight.lazy_shape()[1],
            None => self.cohorts.lazy_shape()[1],
        }
    }

    /// From affinities to weights, both `[batch, n_cohorts]`.
    fn weights(&self, affinity: Tensor<2>) -> Tensor<2> {
        let soft = softmax(affinity.clone(), self.temperature);
        let Some(k) = self.k else { return soft };
        let hard = uniform_largest(affinity.without_autodiff(), k);
        // The bracket is exactly zero, and NaN where an affinity is: it does not get lost.
        hard + (soft.clone() - soft.without_autodiff())
    }
}

/// `1 / k` for the `k` largest values of every row and 0 for the others; equal values by lower column.
///
/// # Shapes
/// - `values` and output: `[batch, n]`, without autodiff
fn uniform_largest(values: Tensor<2>, k: usize) -> Tensor<2> {
    let ([batch, n], device, dtype) = (values.dims(), values.device(), values.dtype());
    let values: Vec<f32> = values.into_data().iter().collect();
    let mut weights = vec![0f32; values.len()];
    weights.par_chunks_mut(n).zip(values.par_chunks(n)).for_each_init(
        || Vec::with_capacity(n),
        |order, (weights, values)| {
            order.clear();
            order.extend(0..n);
            // Adding zero makes -0, which dropout gives, equal to 0.
            let value = |column: usize| values[column] + 0.0;
            order.select_nth_unstable_by(k - 1, |&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
            order[..k].iter().for_each(|&column| weights[column] = 1.0 / k as f32);
        },
    );
    Tensor::from_data(TensorData::new(weights, [batch, n]), (&device, dtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_either_sign_are_equal() {
        let values =
            Tensor::<2>::from_data([[-1.0, -0.0, 0.0, 0.0], [0.0, -0.0, 3.0, -0.0]], &Device::default());
        let weights: Vec<f32> = uniform_largest(values, 2).into_data().try_to_vec().unwrap();
        assert_eq!(weights, [0.0, 0.5, 0.5, 0.0, 0.5, 0.0, 0.5, 0.0]);
    }
}
