//! Representations mixed by a gate.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::store::ModuleRecord;
use burn::tensor::{Device, Distribution, Tensor};
use burn_recsys_embeddings::{Mixed, Mixture, MixtureConfig};
use proptest::prelude::*;

use crate::network::{
    Flat, Reader, assert_close, relu, softmax, squared_error, tensor, tensor_squared_error,
};
use crate::{device, values};

/// A gate over three experts.
fn config() -> MixtureConfig {
    MixtureConfig::new(2, 3, 5).with_temperature(0.5).with_min_weight(0.1).with_seed(3)
}

fn features() -> Vec<Vec<f64>> {
    vec![vec![0.5, -1.0], vec![-2.0, 0.8], vec![1.5, 1.0]]
}

/// Three representations of three users, `[batch, 2]` each.
fn experts() -> Vec<Vec<Vec<f64>>> {
    let entry = |expert: usize, user: usize, column: usize| {
        ((expert * 6 + user * 2 + column) as f64 * 1.3 + 0.4).cos() * 2.0
    };
    let row = |expert: usize, user: usize| vec![entry(expert, user, 0), entry(expert, user, 1)];
    (0..3).map(|expert| (0..3).map(|user| row(expert, user)).collect()).collect()
}

fn tensors(device: &Device) -> Vec<Tensor<2>> {
    experts().iter().map(|expert| tensor(expert, device)).collect()
}

/// All parameters of the gate, in the order in which [`reference`] reads them.
fn flat(module: &Mixture, loss: Tensor<1>) -> Flat {
    let grads = loss.backward();
    let mut flat = Flat::default();
    flat.push_layers(&[module.hidden.clone(), module.logits.clone().unwrap()], &grads);
    flat
}

/// Weights and vectors in plain Rust.
fn reference(config: &MixtureConfig, parameters: &[f64], experts: &[Vec<Vec<f64>>]) -> [Vec<Vec<f64>>; 2] {
    let mut reader = Reader(parameters);
    let hidden = reader.linear(&features(), config.d_hidden).into_iter().map(relu).collect::<Vec<_>>();
    let logits = reader.linear(&hidden, experts.len());
    let (min, rest) = (config.min_weight, 1.0 - experts.len() as f64 * config.min_weight);
    let weight = |row: &Vec<f64>| softmax(row, config.temperature).iter().map(|p| min + rest * p).collect();
    let weights: Vec<Vec<f64>> = logits.iter().map(weight).collect();
    let mix = |user: usize, column: usize| -> f64 {
        experts.iter().zip(&weights[user]).map(|(expert, weight)| weight * expert[user][column]).sum()
    };
    let vectors = (0..weights.len()).map(|user| vec![mix(user, 0), mix(user, 1)]).collect();
    [weights, vectors]
}

#[test]
fn forward_is_the_formula() {
    for config in [config(), config().with_min_weight(0.0), config().with_min_weight(1.0 / 3.0)] {
        let module = config.init(&device());
        let Mixed { vectors, weights } = module.forward(&tensors(&device()), tensor(&features(), &device()));
        let flat = flat(&module, vectors.clone().sum());
        let [expected_weights, expected_vectors] = reference(&config, &flat.values, &experts());
        assert_close(weights, &expected_weights);
        assert_close(vectors, &expected_vectors);
        // A batch of one, without autodiff.
        let first = |rows: &[Vec<f64>]| tensor(&rows[..1], &Device::default());
        let representations: Vec<Tensor<2>> = experts().iter().map(|expert| first(expert)).collect();
        let alone = module.valid().forward(&representations, first(&features()));
        assert_close(alone.vectors, &expected_vectors[..1]);
        assert_eq!((module.n_features(), module.n_experts()), (2, 3));
    }
}

#[test]
fn gradients_of_the_gate_are_finite_differences() {
    let module = config().init(&device());
    let mixed = module.forward(&tensors(&device()), tensor(&features(), &device()));
    flat(&module, tensor_squared_error(mixed.vectors)).check_gradient(|values| {
        let [_, vectors] = reference(&config(), values, &experts());
        squared_error(&vectors)
    });
}

#[test]
fn gradients_of_the_experts_are_finite_differences() {
    let module = config().init(&device());
    let representations: Vec<Tensor<2>> =
        tensors(&device()).into_iter().map(|expert| expert.require_grad()).collect();
    let loss = || {
        let mixed = module.forward(&representations, tensor(&features(), &device()));
        tensor_squared_error(mixed.vectors)
    };
    let gate = flat(&module, loss()).values;
    let grads = loss().backward();
    let mut all = Flat::default();
    for expert in &representations {
        let gradient = values(expert.grad(&grads).expect("a gradient for every expert"));
        all.values.extend(values(expert.clone()).into_iter().map(f64::from));
        all.gradient.extend(gradient.into_iter().map(f64::from));
    }
    all.check_gradient(|entries| {
        let rows: Vec<Vec<f64>> = entries.chunks(2).map(<[f64]>::to_vec).collect();
        let experts: Vec<Vec<Vec<f64>>> = rows.chunks(3).map(<[Vec<f64>]>::to_vec).collect();
        let [_, vectors] = reference(&config(), &gate, &experts);
        squared_error(&vectors)
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn weights_sum_to_one_and_keep_the_minimum(
        n_experts in 1usize..7,
        share in 0.0f64..=1.0,
        temperature in 0.01f64..10.0,
        rows in prop::collection::vec((-50.0f64..50.0, -50.0f64..50.0), 1..5),
        seed: u64,
    ) {
        let min_weight = share / n_experts as f64;
        prop_assume!(min_weight * n_experts as f64 <= 1.0);
        let module = MixtureConfig::new(2, n_experts, 4)
            .with_min_weight(min_weight)
            .with_temperature(temperature)
            .with_seed(seed)
            .init(&device());
        let features: Vec<Vec<f64>> = rows.iter().map(|&(x, y)| vec![x, y]).collect();
        let representations = vec![Tensor::ones([rows.len(), 3], &device()); n_experts];
        let mixed = module.forward(&representations, tensor(&features, &device()));
        for row in values(mixed.weights).chunks(n_experts) {
            prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
            prop_assert!(row.iter().all(|&weight| weight >= min_weight as f32), "{row:?} < {min_weight}");
        }
        // Experts that agree are not changed by mixing.
        prop_assert!(values(mixed.vectors).iter().all(|x| (x - 1.0).abs() < 1e-5));
    }
}

#[test]
fn temperature_goes_from_one_expert_to_all() {
    let weights = |temperature| {
        let module = config().with_min_weight(0.0).with_temperature(temperature).init(&device());
        module.forward(&tensors(&device()), tensor(&features(), &device())).weights
    };
    let sharp = values(weights(1e-4));
    for row in sharp.chunks(3) {
        assert!(row.iter().copied().fold(0.0, f32::max) > 0.999, "{row:?}");
    }
    assert_close(weights(1e6), &vec![vec![1.0 / 3.0; 3]; 3]);
}

#[test]
fn dropout_zeroes_hidden_units_while_training_only() {
    let (batch, probability) = (4000, 0.25);
    let param = |rows: &[Vec<f64>]| Param::from_tensor(tensor(rows, &device()));
    let mut module = MixtureConfig::new(1, 2, 1).with_dropout(probability).init(&device());
    module.hidden = Linear { weight: param(&[vec![1.0]]), bias: None };
    module.logits = Some(Linear { weight: param(&[vec![1.0, 0.0]]), bias: None });
    // One hidden unit, which is the feature: it is either gone or scaled.
    let features = vec![vec![1.5]; batch];
    let gate = |hidden: f64| softmax(&[hidden, 0.0], 1.0)[0];
    let (without, scaled) = (gate(0.0), gate(1.5 / (1.0 - probability)));

    let zeros = |device: &Device| vec![Tensor::zeros([batch, 1], device); 2];
    let weights = values(module.forward(&zeros(&device()), tensor(&features, &device())).weights);
    let mut n_dropped = 0.0;
    for row in weights.chunks(2) {
        let is = |expected: f64| (f64::from(row[0]) - expected).abs() < 1e-5;
        assert!(is(without) || is(scaled), "{row:?}, expected {without} or {scaled}");
        n_dropped += f64::from(u8::from(is(without)));
    }
    let (n, p) = (batch as f64, probability);
    assert!((n_dropped - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt(), "{n_dropped} of {n}");

    let plain = Device::default();
    let valid = module.valid().forward(&zeros(&plain), tensor(&features, &plain));
    assert_close(valid.weights, &vec![vec![gate(1.5), 1.0 - gate(1.5)]; batch]);
}

#[test]
fn a_record_gives_the_module_back() {
    let saved = config().init(&device());
    let mix = |module: &Mixture| {
        values(module.forward(&tensors(&device()), tensor(&features(), &device())).vectors)
    };
    let expected = mix(&saved);
    assert_eq!(mix(&config().init(&device())), expected, "the same seed");
    let bytes = saved.into_record().into_bytes().expect("a record");
    let other = config().with_seed(99).init(&device());
    assert_ne!(mix(&other), expected);
    let loaded = other.load_record(ModuleRecord::from_bytes(bytes).expect("a record"));
    assert_eq!(mix(&loaded), expected);
}

fn forward(shapes: &[[usize; 2]], features: [usize; 2]) -> Mixed {
    let random = |shape: [usize; 2]| Tensor::random(shape, Distribution::Default, &device());
    let representations: Vec<Tensor<2>> = shapes.iter().map(|&shape| random(shape)).collect();
    config().init(&device()).forward(&representations, random(features))
}

#[test]
#[should_panic(expected = "2 representations for a mixture of 3 experts")]
fn a_missing_representation_panics() {
    forward(&[[4, 2], [4, 2]], [4, 2]);
}

#[test]
#[should_panic(expected = "representation 2 has shape [4, 3], expected [4, 2]")]
fn another_width_panics() {
    forward(&[[4, 2], [4, 2], [4, 3]], [4, 2]);
}

#[test]
#[should_panic(expected = "representation 1 has shape [1, 2], expected [4, 2]")]
fn another_batch_panics() {
    forward(&[[4, 2], [1, 2], [4, 2]], [4, 2]);
}

#[test]
#[should_panic(expected = "representation 0 has shape [4, 2], expected [5, 2]")]
fn features_of_another_batch_panic() {
    forward(&[[4, 2], [4, 2], [4, 2]], [5, 2]);
}

#[test]
#[should_panic(expected = "features of width 7 for a gate of 2 features")]
fn features_of_another_width_panic() {
    forward(&[[4, 2], [4, 2], [4, 2]], [4, 7]);
}

#[test]
#[should_panic(expected = "a minimum weight of 0.4 for each of 3 experts")]
fn too_large_a_minimum_panics() {
    config().with_min_weight(0.4).init(&device());
}

#[test]
#[should_panic(expected = "a minimum weight of -0.1 for each of 3 experts")]
fn a_negative_minimum_panics() {
    config().with_min_weight(-0.1).init(&device());
}

#[test]
#[should_panic(expected = "asked for 2 features, 0 experts and 5 hidden units")]
fn no_experts_panic() {
    MixtureConfig::new(2, 0, 5).init(&device());
}
