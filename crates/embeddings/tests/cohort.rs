//! Users addressed to cohorts.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::{CohortAddressing, CohortAddressingConfig, TableInitializer};
use proptest::prelude::*;

use crate::network::{
    Flat, Reader, assert_close, multiply, softmax, squared_error, tensor, tensor_squared_error, uniform_top_k,
};
use crate::{device, values};

/// Cohorts far apart, so that gradients are large enough to compare.
fn config(n_features: usize, n_cohorts: usize, d_embedding: usize) -> CohortAddressingConfig {
    CohortAddressingConfig::new(n_features, n_cohorts, d_embedding)
        .with_initializer(TableInitializer::Normal { std: 1.0 })
        .with_seed(5)
}

/// Hidden layers on both sides and a temperature.
fn deep() -> CohortAddressingConfig {
    config(3, 4, 2)
        .with_d_cohort(Some(5))
        .with_addressing_hidden(vec![6])
        .with_decoder_hidden(vec![7, 4])
        .with_temperature(0.7)
}

fn features() -> Vec<Vec<f64>> {
    vec![vec![0.5, -1.0, 2.0], vec![-0.3, 0.8, 0.1], vec![1.5, 1.0, -0.4], vec![0.0, 0.0, 0.0]]
}

/// All parameters, in the order in which [`reference`] reads them.
fn flat(module: &CohortAddressing, loss: Tensor<1>) -> Flat {
    let grads = loss.backward();
    let mut flat = Flat::default();
    flat.push_layers(&module.addressing, &grads);
    flat.push(&module.cohorts, &grads);
    flat.push_layers(&module.decoder, &grads);
    flat
}

/// Weights and vectors in plain Rust.
fn reference(
    config: &CohortAddressingConfig,
    parameters: &[f64],
    features: &[Vec<f64>],
) -> [Vec<Vec<f64>>; 2] {
    let mut reader = Reader(parameters);
    let n_cohorts = config.n_cohorts;
    let affinities = reader.layers(features, &[&config.addressing_hidden[..], &[n_cohorts]].concat());
    let weight = |row: &Vec<f64>| match config.k {
        Some(k) => uniform_top_k(row, k),
        None => softmax(row, config.temperature),
    };
    let weights: Vec<Vec<f64>> = affinities.iter().map(weight).collect();
    let d_cohort = config.d_cohort.unwrap_or(config.d_embedding);
    let mut vectors = multiply(&weights, &reader.take(n_cohorts * d_cohort), d_cohort);
    if !config.decoder_hidden.is_empty() || d_cohort != config.d_embedding {
        vectors = reader.layers(&vectors, &[&config.decoder_hidden[..], &[config.d_embedding]].concat());
    }
    assert!(reader.0.is_empty(), "{} parameters too many", reader.0.len());
    [weights, vectors]
}

/// Affinities that are the features themselves, bit for bit.
fn identity(config: &CohortAddressingConfig, device: &Device) -> CohortAddressing {
    let n = config.n_cohorts;
    let mut module = config.init(device);
    module.addressing = vec![Linear {
        weight: Param::from_tensor(Tensor::eye(n, device)),
        bias: Some(Param::from_tensor(Tensor::zeros([n], device))),
    }];
    module
}

#[test]
fn forward_is_the_formula() {
    let configs = [
        config(3, 4, 2),
        config(3, 4, 2).with_d_cohort(Some(3)),
        config(3, 1, 2),
        deep(),
        config(3, 4, 2).with_k(Some(2)),
        deep().with_k(Some(3)),
        deep().with_k(Some(4)),
    ];
    for config in configs {
        let module = config.init(&device());
        let features = features();
        let addressed = module.address(tensor(&features, &device()));
        let flat = flat(&module, addressed.vectors.clone().sum());
        let [weights, vectors] = reference(&config, &flat.values, &features);
        assert_close(addressed.weights, &weights);
        assert_close(addressed.vectors, &vectors);
        // A batch of one, without autodiff.
        let alone = module.valid().forward(tensor(&features[1..2], &Device::default()));
        assert_close(alone, &vectors[1..2]);
        assert_eq!((module.n_features(), module.n_cohorts()), (3, config.n_cohorts));
        assert_eq!(module.d_embedding(), 2);
    }
}

#[test]
fn softmax_gradients_are_finite_differences() {
    for config in [deep(), config(3, 4, 2)] {
        let module = config.init(&device());
        let loss = tensor_squared_error(module.forward(tensor(&features(), &device())));
        flat(&module, loss).check_gradient(|values| {
            let [_, vectors] = reference(&config, values, &features());
            squared_error(&vectors)
        });
    }
}

#[test]
fn top_k_gradients_are_those_of_the_softmax() {
    let (n_cohorts, d, temperature) = (4, 2, 0.7);
    let config = config(3, n_cohorts, d).with_k(Some(2)).with_temperature(temperature);
    let module = config.init(&device());
    let features = features();
    let loss = tensor_squared_error(module.forward(tensor(&features, &device())));
    let flat = flat(&module, loss);

    // By hand: the error of the vectors, then of the weights, then the documented formula.
    let [weights, vectors] = reference(&config, &flat.values, &features);
    let mut reader = Reader(&flat.values);
    let affinities = reader.linear(&features, n_cohorts);
    let cohorts = reader.take(n_cohorts * d);
    let mut expected = vec![0.0; flat.values.len()];
    let (bias_at, cohorts_at) = (3 * n_cohorts, 4 * n_cohorts);
    for (user, row) in affinities.iter().enumerate() {
        let error: Vec<f64> =
            (0..d).map(|j| 2.0 * (vectors[user][j] - crate::network::target(user * d + j))).collect();
        let g: Vec<f64> =
            (0..n_cohorts).map(|c| (0..d).map(|j| error[j] * cohorts[c * d + j]).sum()).collect();
        let p = softmax(row, temperature);
        let mean: f64 = p.iter().zip(&g).map(|(p, g)| p * g).sum();
        for cohort in 0..n_cohorts {
            let affinity = p[cohort] / temperature * (g[cohort] - mean);
            expected[bias_at + cohort] += affinity;
            for (feature, x) in features[user].iter().enumerate() {
                expected[feature * n_cohorts + cohort] += x * affinity;
            }
            for j in 0..d {
                expected[cohorts_at + cohort * d + j] += weights[user][cohort] * error[j];
            }
        }
    }
    for (index, (actual, expected)) in flat.gradient.iter().zip(&expected).enumerate() {
        assert!((actual - expected).abs() < 1e-4, "parameter {index}: {actual}, expected {expected}");
    }
    // Every cohort is reached, those of no user's top k too.
    assert!(expected[bias_at..cohorts_at].iter().all(|gradient| gradient.abs() > 1e-3), "{expected:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Few distinct values, so that most rows have ties.
    #[test]
    fn top_k_breaks_ties_by_cohort(
        k in 1usize..=9,
        rows in prop::collection::vec(prop::collection::vec(-2i8..=2, 9), 1..6),
    ) {
        let config = config(9, 9, 2).with_k(Some(k));
        let rows: Vec<Vec<f64>> =
            rows.iter().map(|row| row.iter().map(|&x| f64::from(x) / 3.0).collect()).collect();
        for device in [Device::default(), device()] {
            let weights = identity(&config, &device).address(tensor(&rows, &device)).weights;
            let expected: Vec<f32> =
                rows.iter().flat_map(|row| uniform_top_k(row, k)).map(|x| x as f32).collect();
            prop_assert_eq!(values(weights), expected);
        }
    }
}

#[test]
fn all_cohorts_of_equal_weight_are_the_mean() {
    let module = config(3, 4, 2).with_k(Some(4)).init(&device());
    let cohorts = module.cohorts.val().mean_dim(0);
    let expected: Vec<f64> = values(cohorts).into_iter().map(f64::from).collect();
    assert_close(module.forward(tensor(&features(), &device())), &vec![expected; 4]);
}

#[test]
fn temperature_goes_from_one_cohort_to_all() {
    let rows = vec![vec![0.3, 0.5, -1.0], vec![2.0, 0.0, 1.9]];
    let weights = |temperature| {
        identity(&config(3, 3, 2).with_temperature(temperature), &device())
            .address(tensor(&rows, &device()))
            .weights
    };
    assert_close(weights(1e-3), &[vec![0.0, 1.0, 0.0], vec![1.0, 0.0, 0.0]]);
    assert_close(weights(1e6), &vec![vec![1.0 / 3.0; 3]; 2]);
}

#[test]
fn an_affinity_that_is_not_a_number_is_not_lost() {
    let rows = tensor(&[vec![1.0, f64::NAN, 0.0], vec![1.0, 2.0, 0.0]], &device());
    let weights = values(identity(&config(3, 3, 2).with_k(Some(1)), &device()).address(rows).weights);
    assert!(weights[..3].iter().all(|weight| weight.is_nan()), "{weights:?}");
    assert_eq!(weights[3..], [0.0, 1.0, 0.0]);
}

/// Which of the affinities 1, 2, 3 were dropped, read from the weights of a user.
fn dropped(weights: &[f32], probability: f64) -> usize {
    let fits = |mask: &usize| {
        let kept = |cohort: usize| if mask >> cohort & 1 == 1 { 0.0 } else { (cohort + 1) as f64 };
        let affinities: Vec<f64> = (0..3).map(|cohort| kept(cohort) / (1.0 - probability)).collect();
        let expected = softmax(&affinities, 1.0);
        weights.iter().zip(expected).all(|(&actual, expected)| (f64::from(actual) - expected).abs() < 1e-4)
    };
    (0..8).find(fits).expect("weights of affinities that are either scaled or zero")
}

#[test]
fn dropout_zeroes_affinities_while_training_only() {
    let (batch, probability) = (2000, 0.25);
    let config = config(3, 3, 2).with_dropout(probability);
    let rows = vec![vec![1.0, 2.0, 3.0]; batch];

    let module = identity(&config, &device());
    let weights = values(module.address(tensor(&rows, &device())).weights);
    let n_dropped: u32 = weights.chunks(3).map(|row| dropped(row, probability).count_ones()).sum();
    let (n, expected) = (3.0 * batch as f64, 3.0 * batch as f64 * probability);
    let deviation = (n * probability * (1.0 - probability)).sqrt();
    assert!((f64::from(n_dropped) - expected).abs() < 5.0 * deviation, "{n_dropped}, expected {expected}");

    let expected = vec![softmax(&rows[0], 1.0); batch];
    let valid = module.valid().address(tensor(&rows, &Device::default()));
    assert_close(valid.weights, &expected);
    assert_close(module.freeze().address(tensor(&rows, &device())).weights, &expected);
}

#[test]
fn first_values_depend_on_the_configuration_alone() {
    let bits = |module: CohortAddressing| {
        let layers = module.addressing.iter().chain(&module.decoder);
        let mut all = values(module.cohorts.val());
        for layer in layers {
            all.extend(values(layer.weight.val()));
            all.extend(values(layer.bias.as_ref().expect("a bias").val()));
        }
        all
    };
    Device::default().seed(1);
    let first = bits(deep().init(&Device::default()));
    Device::default().seed(2);
    assert_eq!(first, bits(deep().init(&device())));
    assert_ne!(first, bits(deep().with_seed(6).init(&device())));
    // A deeper decoder leaves the addressing and the cohorts as they are.
    let (small, large) = (config(3, 4, 2).init(&device()), config(3, 4, 2).with_decoder_hidden(vec![9]));
    let large = large.init(&device());
    assert_eq!(values(small.cohorts.val()), values(large.cohorts.val()));
    assert_eq!(values(small.addressing[0].weight.val()), values(large.addressing[0].weight.val()));
}

#[test]
fn a_record_gives_the_module_back() {
    let saved = deep().init(&device());
    let features = tensor(&features(), &device());
    let expected = values(saved.forward(features.clone()));
    let bytes = saved.into_record().into_bytes().expect("a record");
    let other = deep().with_seed(99).init(&device());
    assert_ne!(values(other.forward(features.clone())), expected);
    let loaded = other.load_record(ModuleRecord::from_bytes(bytes).expect("a record"));
    assert_eq!(values(loaded.forward(features)), expected);
}

/// Users of three archetypes in a row: their features are a position around -1, 0 or 1 and a
/// distraction.
fn users() -> (Vec<usize>, Tensor<2>, Tensor<2>) {
    let archetypes: Vec<usize> = (0..150).map(|user| user % 3).collect();
    let noise = |user: usize, scale: f64| ((user * user) as f64 * 1.7 + scale).sin() * scale;
    let features: Vec<Vec<f64>> = (0..150)
        .map(|user| vec![archetypes[user] as f64 - 1.0 + noise(user, 0.2), noise(user, 1.0)])
        .collect();
    let tastes = [vec![1.0, 0.0], vec![0.0, 1.0], vec![-1.0, 0.0]];
    let targets: Vec<Vec<f64>> = archetypes.iter().map(|&archetype| tastes[archetype].clone()).collect();
    (archetypes, tensor(&features, &device()), tensor(&targets, &device()))
}

pub(crate) fn learn(config: &CohortAddressingConfig) -> (CohortAddressing, f32) {
    let (_, features, targets) = users();
    let mut model = config.init(&device());
    let mut optimizer = AdamConfig::new().init();
    let mut loss = f32::NAN;
    for _ in 0..400 {
        let error = (model.forward(features.clone()) - targets.clone()).powf_scalar(2.0).mean();
        loss = error.clone().into_scalar();
        let grads = GradientsParams::from_grads(error.backward(), &model);
        model = optimizer.step(0.05, model, grads);
    }
    (model, loss)
}

/// Which cohort weighs most for each user.
fn first_cohorts(model: &CohortAddressing, features: Tensor<2>) -> Vec<usize> {
    let weights = values(model.address(features).weights);
    let first = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    weights.chunks(model.n_cohorts()).map(|row| first(row).expect("a cohort")).collect()
}

#[test]
fn archetypes_are_found_again() {
    // Per entry, the mean predicts with an error of (2/3 + 2/9) / 2 = 0.44, and the best linear map
    // of the position, which cannot bend around the middle archetype, with 2/9 / 2 = 0.11.
    let softmax = CohortAddressingConfig::new(2, 3, 2);
    // One hard cohort a user is prone to local optima, so it gets cohorts to spare.
    let top_1 = CohortAddressingConfig::new(2, 6, 2).with_k(Some(1));
    for config in [softmax.clone().with_seed(1), softmax.with_seed(2), top_1.clone(), top_1.with_seed(3)] {
        let (model, loss) = learn(&config);
        assert!(loss < 0.01, "{config}: loss {loss}");
        // All users of a cohort are of one archetype, so no cohort serves two.
        let (archetypes, features, _) = users();
        let mut archetype_of = vec![None; config.n_cohorts];
        for (user, cohort) in first_cohorts(&model, features).into_iter().enumerate() {
            let archetype = *archetype_of[cohort].get_or_insert(archetypes[user]);
            assert_eq!(archetype, archetypes[user], "{config}: user {user} in cohort {cohort}");
        }
    }
}

#[test]
#[should_panic(expected = "features of width 2 for cohort addressing by 3 features")]
fn features_of_another_width_panic() {
    deep().init(&device()).forward(Tensor::zeros([1, 2], &device()));
}

#[test]
#[should_panic(expected = "k is 5, not in 1..=4")]
fn more_cohorts_than_there_are_panic() {
    deep().with_k(Some(5)).init(&device());
}

#[test]
#[should_panic(expected = "k is 0, not in 1..=4")]
fn no_cohorts_panic() {
    deep().with_k(Some(0)).init(&device());
}

#[test]
#[should_panic(expected = "asked for [3, 6, 0] and a decoder of [5, 7, 4, 2]")]
fn an_empty_layer_panics() {
    CohortAddressingConfig { n_cohorts: 0, ..deep() }.init(&device());
}

#[test]
#[should_panic(expected = "the temperature is 0, not a positive number")]
fn no_temperature_panics() {
    deep().with_temperature(0.0).init(&device());
}

#[test]
#[should_panic(expected = "in the range [0, 1), but got 1")]
fn dropping_everything_panics() {
    deep().with_dropout(1.0).init(&device());
}
