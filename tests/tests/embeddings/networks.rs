//! Embeddings by networks: the same on every device.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use burn_recsys::embeddings::{
    CohortAddressing, CohortAddressingConfig, DecoderActivation, DeepHashEmbeddingConfig, Mixture,
    MixtureConfig,
};

use crate::{devices, values};

pub(super) const N_FEATURES: usize = 3;
pub(super) const D: usize = 4;
/// Batches of several and of one.
pub(super) const SIZES: [usize; 2] = [5, 1];
pub(super) const IDS: [u64; 5] = [3, u64::MAX, 17, 3, 0];

/// A module's float parameters by path, and their gradients.
#[derive(Default)]
pub(super) struct Parameters<'a> {
    path: Vec<String>,
    grads: Option<&'a Gradients>,
    values: Vec<(String, Vec<f32>)>,
    gradients: Vec<(String, Vec<f32>)>,
}

impl<'a> Parameters<'a> {
    pub(super) fn of<M: Module>(module: &M, grads: Option<&'a Gradients>) -> Self {
        let mut parameters = Parameters { grads, ..Default::default() };
        module.visit(&mut parameters);
        parameters
    }

    pub(super) fn get(&self, path: &str) -> Vec<f64> {
        let found = self.values.iter().find(|(found, _)| found == path);
        wide(&found.unwrap_or_else(|| panic!("no {path}")).1)
    }
}

impl ModuleVisitor for Parameters<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const N: usize>(&mut self, param: &Param<Tensor<N>>) {
        let (path, tensor) = (self.path.join("."), param.val());
        if let Some(grads) = self.grads
            && tensor.is_require_grad()
        {
            let gradient = tensor.grad(grads).unwrap_or_else(|| panic!("{path} has no gradient"));
            self.gradients.push((path.clone(), values(gradient)));
        }
        self.values.push((path, values(tensor)));
    }
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Within `1e-4` of the largest value or of 1: drivers may approximate exponentials and logarithms.
pub(super) fn assert_near(actual: &[f32], expected: &[f64], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0, |scale, value| f64::max(scale, value.abs()));
    for (at, (&actual, expected)) in actual.iter().zip(expected).enumerate() {
        let error = (f64::from(actual) - expected).abs();
        assert!(error < 1e-4 * scale, "{what}, value {at}: {actual}, not {expected}");
    }
}

/// Numbers without a pattern, `[n, d]`.
pub(super) fn matrix(n: usize, d: usize, phase: f64) -> Vec<f32> {
    (0..n * d).map(|at| ((at as f64 * 1.7 + phase).sin() * 1.2) as f32).collect()
}

pub(super) fn tensor(values: Vec<f32>, n: usize, device: &Device) -> Tensor<2> {
    let d = values.len() / n;
    Tensor::from_data(TensorData::new(values, [n, d]), device)
}

pub(super) fn features(n: usize, device: &Device) -> Tensor<2> {
    tensor(matrix(n, N_FEATURES, 0.3), n, device)
}

/// The loss is the sum of the outputs, each with a weight of its own: its gradient with respect to
/// them is [`matrix`] of phase 2.
pub(super) fn loss(vectors: Tensor<2>) -> Tensor<1> {
    let [n, d] = vectors.dims();
    let weights = tensor(matrix(n, d, 2.0), n, &vectors.device());
    (vectors * weights).sum()
}

/// First values, outputs in training and in use, and gradients on every device are those on the first,
/// where `n_gradients` parameters have a gradient.
fn agree<M: Module>(
    what: &str,
    n_gradients: usize,
    init: impl Fn(&Device) -> M,
    forward: impl Fn(&M, usize, &Device) -> Tensor<2>,
) {
    for n in SIZES {
        let run = |device: &Device| {
            let module = init(device);
            let first = Parameters::of(&module, None).values;
            let output = forward(&module, n, device);
            let grads = loss(output.clone()).backward();
            let gradients = Parameters::of(&module, Some(&grads)).gradients;
            // Of the batch before, if the module keeps any statistics.
            let used = forward(&module.valid(), n, &device.clone().without_autodiff());
            (first, gradients, [values(output), values(used)])
        };
        let (_, reference) = devices().remove(0);
        let (expected_first, expected_gradients, expected_outputs) = run(&reference);
        assert_eq!(expected_gradients.len(), n_gradients, "{what}");
        for (name, device) in devices() {
            let what = format!("{what}, {name}, batch of {n}");
            let (first, gradients, outputs) = run(&device);
            assert_eq!(first.len(), expected_first.len(), "{what}");
            for ((path, first), (expected_path, expected)) in first.iter().zip(&expected_first) {
                assert_eq!(path, expected_path, "{what}");
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(first), bits(expected), "{what}, {path}");
            }
            for (output, expected) in outputs.iter().zip(&expected_outputs) {
                assert!(output.iter().all(|value| value.is_finite()), "{what}: {output:?}");
                assert_near(output, &wide(expected), &what);
            }
            for ((path, gradient), (_, expected)) in gradients.iter().zip(&expected_gradients) {
                assert_near(gradient, &wide(expected), &format!("{what}, gradient of {path}"));
            }
        }
    }
}

pub(super) fn deep_hash(activation: DecoderActivation, n_hidden_layers: usize) -> DeepHashEmbeddingConfig {
    DeepHashEmbeddingConfig::new(D)
        .with_n_hashes(6)
        .with_n_features(N_FEATURES)
        .with_d_hidden(8)
        .with_n_hidden_layers(n_hidden_layers)
        .with_activation(activation)
        .with_std(1.0)
        .with_seed(5)
}

#[test]
fn deep_hash_embeddings_agree() {
    // Weights and biases of three layers; or weights, and scale and shift of two normalisations.
    let cases = [(DecoderActivation::Relu, 6), (DecoderActivation::MishBatchNorm, 8)];
    for (activation, n_gradients) in cases {
        let config = deep_hash(activation, 2);
        let init = |device: &Device| config.init(device);
        agree(&format!("{activation:?}"), n_gradients, init, |module, n, device| {
            module.forward_with_features(&IDS[..n], features(n, device))
        });
    }
}

pub(super) fn cohorts(k: Option<usize>) -> CohortAddressingConfig {
    CohortAddressingConfig::new(N_FEATURES, 5, D).with_k(k).with_temperature(0.7).with_seed(5)
}

#[test]
fn cohort_addressing_agrees() {
    for k in [None, Some(2)] {
        let forward =
            |module: &CohortAddressing, n: usize, device: &Device| module.forward(features(n, device));
        agree(&format!("linear, k {k:?}"), 3, |device| cohorts(k).init(device), forward);
        let deep =
            cohorts(k).with_addressing_hidden(vec![6]).with_decoder_hidden(vec![6]).with_d_cohort(Some(3));
        agree(&format!("hidden layers, k {k:?}"), 9, |device| deep.init(device), forward);
    }
}

pub(super) fn mixture() -> MixtureConfig {
    MixtureConfig::new(N_FEATURES, 3, 6).with_temperature(0.5).with_min_weight(0.1).with_seed(5)
}

pub(super) fn experts(n: usize, device: &Device) -> Vec<Tensor<2>> {
    (0..3).map(|expert| tensor(matrix(n, D, 10.0 + f64::from(expert)), n, device)).collect()
}

#[test]
fn mixtures_agree() {
    let plain = MixtureConfig::new(N_FEATURES, 3, 6);
    for (what, config) in [("mixture", plain), ("mixture with a least weight", mixture())] {
        let forward = |module: &Mixture, n: usize, device: &Device| {
            module.forward(&experts(n, device), features(n, device)).vectors
        };
        agree(what, 4, |device| config.init(device), forward);
    }
}
