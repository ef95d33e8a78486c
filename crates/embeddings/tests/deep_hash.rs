//! Deep hash embeddings against plain Rust.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use burn_recsys_embeddings::{
    DecoderActivation, DeepHashEmbedding, DeepHashEmbeddingConfig, HashEncoding, IdEmbedding, Tape,
};

use crate::finite_differences::check_gradients;
use crate::{device, values};

const IDS: [u64; 5] = [3, u64::MAX, 17, 1 << 40, 0];
const ACTIVATIONS: [DecoderActivation; 2] = [DecoderActivation::Relu, DecoderActivation::MishBatchNorm];

/// A small one, whose vectors are of order 1. With this width and seed no hidden value is so close to
/// zero that a difference quotient would straddle the kink of ReLU; with width 4 one is.
fn config(activation: DecoderActivation) -> DeepHashEmbeddingConfig {
    DeepHashEmbeddingConfig::new(3)
        .with_n_hashes(6)
        .with_d_hidden(8)
        .with_activation(activation)
        .with_std(1.0)
        .with_seed(5)
}

/// All floats of a module by path, buffers too.
#[derive(Default)]
struct Floats {
    path: Vec<String>,
    found: Vec<(String, Vec<f64>)>,
}

impl ModuleVisitor for Floats {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = values(param.val()).into_iter().map(f64::from).collect();
        self.found.push((self.path.join("."), values));
    }
}

impl Floats {
    fn of(embedding: &DeepHashEmbedding) -> Self {
        let mut floats = Floats::default();
        embedding.visit(&mut floats);
        floats
    }

    fn get(&self, path: &str) -> Option<&[f64]> {
        self.found.iter().find(|(found, _)| found == path).map(|(_, values)| values.as_slice())
    }
}

type Rows = Vec<Vec<f64>>;

/// `input * weight + bias`, the weight row-major.
fn linear(input: &Rows, weight: &[f64], bias: Option<&[f64]>) -> Rows {
    let n_outputs = weight.len() / input[0].len();
    let output = |row: &Vec<f64>, column: usize| {
        let products = row.iter().enumerate().map(|(i, v)| v * weight[i * n_outputs + column]);
        products.sum::<f64>() + bias.map_or(0.0, |bias| bias[column])
    };
    input.iter().map(|row| (0..n_outputs).map(|column| output(row, column)).collect()).collect()
}

/// Normalises columns by the mean and variance that `statistics` gives.
fn normalise(input: &Rows, mut statistics: impl FnMut(usize, &[f64]) -> (f64, f64)) -> Rows {
    let mut output = input.clone();
    for column in 0..input[0].len() {
        let values: Vec<f64> = input.iter().map(|row| row[column]).collect();
        let (mean, variance) = statistics(column, &values);
        for row in &mut output {
            row[column] = (row[column] - mean) / (variance + 1e-5).sqrt();
        }
    }
    output
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}

/// The decoder of fresh weights on `input`; `is_training` says whose statistics normalise.
fn reference(embedding: &DeepHashEmbedding, mut input: Rows, is_training: bool) -> Rows {
    let floats = Floats::of(embedding);
    for layer in 0..2 {
        let get = |name: &str| floats.get(&format!("decoder.hidden.{layer}.{name}"));
        let weight = get("linear.weight").expect("a weight");
        input = linear(&input, weight, get("linear.bias"));
        let activation: fn(f64) -> f64 = match get("norm.running_mean").zip(get("norm.running_var")) {
            None => |v| v.max(0.0),
            Some((means, variances)) => {
                input = normalise(&input, |column, values| {
                    if is_training { moments(values) } else { (means[column], variances[column]) }
                });
                |v| v * v.exp().ln_1p().tanh()
            }
        };
        input.iter_mut().flatten().for_each(|v| *v = activation(*v));
    }
    linear(&input, floats.get("decoder.output.weight").expect("a weight"), floats.get("decoder.output.bias"))
}

fn codes(embedding: &DeepHashEmbedding, ids: &[u64]) -> Rows {
    let codes = embedding.encoder().encode(ids);
    let width = embedding.encoder().n_hashes();
    codes.chunks(width).map(|code| code.iter().copied().map(f64::from).collect()).collect()
}

fn assert_close(actual: Tensor<2>, expected: &Rows) {
    for (index, (actual, expected)) in values(actual).iter().zip(expected.iter().flatten()).enumerate() {
        let error = (f64::from(*actual) - expected).abs();
        assert!(error < 1e-4, "element {index}: {actual}, expected {expected}");
    }
}

#[test]
fn vectors_are_decoded_codes() {
    for activation in ACTIVATIONS {
        for encoding in [HashEncoding::Uniform, HashEncoding::Gaussian] {
            let embedding = config(activation).with_encoding(encoding).init(&device());
            let expected = reference(&embedding, codes(&embedding, &IDS), true);
            let actual = embedding.forward(&IDS);
            assert_eq!(actual.dims(), [5, embedding.d_embedding()]);
            assert_close(actual, &expected);
            // The forward pass has moved the running statistics; a valid module has the latest.
            let valid = embedding.valid();
            let expected = reference(&valid, codes(&embedding, &IDS), false);
            assert_close(valid.forward(&IDS), &expected);
            assert_close(embedding.embed(&IDS, &mut Tape::off()), &expected);
        }
    }
}

#[test]
fn side_features_come_after_the_code() {
    let embedding = config(DecoderActivation::Relu).with_n_features(2).init(&device());
    let features = vec![vec![0.5, -1.0], vec![0.0, 2.0], vec![1.0, 1.0], vec![-0.3, 0.1], vec![0.7, 0.0]];
    let mut input = codes(&embedding, &IDS);
    input.iter_mut().zip(&features).for_each(|(code, features)| code.extend(features));
    let expected = reference(&embedding, input, true);
    let features: Vec<f32> = features.into_iter().flatten().map(|v| v as f32).collect();
    let features = Tensor::from_data(TensorData::new(features, [5, 2]), &device());
    assert_close(embedding.forward_with_features(&IDS, features), &expected);
}

#[test]
fn gradients_are_those_of_the_function() {
    // Weights and biases of three layers; scale and shift take the place of two biases.
    for (activation, n_parameters) in ACTIVATIONS.into_iter().zip([6, 8]) {
        let embedding = config(activation).init(&device());
        let n_checked = check_gradients(&embedding, 5e-3, |embedding, tape| embedding.embed(&IDS, tape));
        assert_eq!(n_checked, n_parameters, "{activation:?}");
    }
}

/// Side features as a parameter, so that their gradient is checked too.
#[derive(Module, Debug)]
struct Featured {
    items: DeepHashEmbedding,
    features: Param<Tensor<2>>,
}

#[test]
fn gradients_reach_side_features() {
    let items = config(DecoderActivation::MishBatchNorm).with_n_features(2).init(&device());
    let features = TensorData::new((0..10).map(|i| (i as f32).sin()).collect::<Vec<f32>>(), [5, 2]);
    let module = Featured { items, features: Param::from_tensor(Tensor::from_data(features, &device())) };
    let n_checked = check_gradients(&module, 5e-3, |module, _| {
        module.items.forward_with_features(&IDS, module.features.val())
    });
    assert_eq!(n_checked, 9);
}

#[test]
fn ids_never_seen_have_vectors_of_their_own() {
    for activation in ACTIVATIONS {
        let embedding = DeepHashEmbeddingConfig::new(8)
            .with_n_hashes(64)
            .with_d_hidden(32)
            .with_activation(activation)
            .init(&device());
        let ids: Vec<u64> = (0..500).chain(u64::MAX - 499..=u64::MAX).collect();
        let vectors = values(embedding.embed(&ids, &mut Tape::off()));
        let vectors: Vec<&[f32]> = vectors.chunks(8).collect();
        for (first, a) in vectors.iter().enumerate() {
            for (second, b) in vectors.iter().enumerate().skip(first + 1) {
                let distance: f32 = a.iter().zip(*b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
                assert!(distance > 1e-3, "ids {} and {} are {distance} apart", ids[first], ids[second]);
            }
        }
    }
}

#[test]
fn first_vectors_have_about_the_scale_asked_for() {
    let ids: Vec<u64> = (0..512).collect();
    for activation in ACTIVATIONS {
        for encoding in [HashEncoding::Uniform, HashEncoding::Gaussian] {
            let embedding = DeepHashEmbeddingConfig::new(64)
                .with_n_hashes(256)
                .with_d_hidden(128)
                .with_activation(activation)
                .with_encoding(encoding)
                .init(&device());
            let vectors = values(embedding.forward(&ids));
            let rms = (vectors.iter().map(|v| v * v).sum::<f32>() / vectors.len() as f32).sqrt();
            assert!((0.04..0.12).contains(&rms), "{activation:?}, {encoding:?}: {rms}");
        }
    }
}

#[test]
fn weights_and_hashes_are_functions_of_the_seed() {
    let config = config(DecoderActivation::Relu);
    device().seed(1);
    let first = config.init(&device());
    let floats = Floats::of(&first);
    device().seed(2);
    let second = config.init(&device());
    assert_eq!(floats.found, Floats::of(&second).found);
    assert_eq!(first.encoder(), second.encoder());
    let other = config.with_seed(3).init(&device());
    assert_ne!(floats.found, Floats::of(&other).found);
    assert_ne!(first.encoder(), other.encoder());
    // Committed: the bits are the same on every platform.
    let weight = floats.get("decoder.hidden.0.linear.weight").expect("a weight");
    assert_eq!(weight[..2].iter().map(|&v| v as f32).collect::<Vec<_>>(), [-0.487_270_7, 0.301_584_93]);
}

#[test]
fn looking_up_without_a_tape_leaves_no_trace() {
    let embedding = config(DecoderActivation::MishBatchNorm).init(&device());
    let before = Floats::of(&embedding).found;
    let vectors = embedding.embed(&IDS, &mut Tape::off());
    assert!(!vectors.is_autodiff());
    assert_eq!(Floats::of(&embedding).found, before);
    // One id alone has the same vector as among others.
    let alone = values(embedding.embed(&IDS[1..2], &mut Tape::off()));
    for (alone, among) in alone.iter().zip(&values(vectors)[3..6]) {
        assert!((alone - among).abs() < 1e-5, "{alone} alone, {among} among others");
    }
}

#[test]
fn the_tape_records_nothing_of_it() {
    let embedding = config(DecoderActivation::Relu).init(&device());
    let mut tape = Tape::new();
    let mut grads = embedding.embed(&IDS, &mut tape).sum().backward();
    assert!(tape.gradients(&mut grads).is_empty());
}

#[test]
#[should_panic(expected = "with 2 side features was given 0")]
fn missing_side_features_panic() {
    config(DecoderActivation::Relu).with_n_features(2).init(&device()).forward(&IDS);
}

#[test]
#[should_panic(expected = "side features have shape [4, 2], expected [5, 2]")]
fn side_features_of_other_rows_panic() {
    let embedding = config(DecoderActivation::Relu).with_n_features(2).init(&device());
    embedding.forward_with_features(&IDS, Tensor::zeros([4, 2], &device()));
}

#[test]
#[should_panic(expected = "asked for d_hidden 0, d_embedding 3")]
fn a_decoder_without_width_panics() {
    config(DecoderActivation::Relu).with_d_hidden(0).init(&device());
}
