//! Small cases of embeddings by networks in plain Rust.

use burn::module::Param;
use burn::tensor::Tensor;
use burn_recsys::embeddings::{CohortAddressingConfig, DecoderActivation};

use super::networks::{
    D, IDS, N_FEATURES, Parameters, SIZES, assert_near, cohorts, deep_hash, experts, features, loss, matrix,
    mixture, tensor, wide,
};
use crate::{devices, values};

/// `input * weight + bias`, all row-major.
fn linear(input: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let (d_out, d_in) = (bias.len(), weight.len() / bias.len());
    let output = |row: &[f64], column: usize| {
        let products = row.iter().enumerate().map(|(at, value)| value * weight[at * d_out + column]);
        products.sum::<f64>() + bias[column]
    };
    let rows = input.chunks_exact(d_in);
    rows.flat_map(|row| (0..d_out).map(|column| output(row, column)).collect::<Vec<_>>()).collect()
}

fn relu(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(|value| value.max(0.0)).collect()
}

/// The softmax of each row of width `d`.
fn softmax(values: &[f64], d: usize, temperature: f64) -> Vec<f64> {
    let row = |row: &[f64]| {
        let powers: Vec<f64> = row.iter().map(|value| (value / temperature).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum)
    };
    values.chunks_exact(d).flat_map(row).collect()
}

/// The product of `[n, inner]` and `[inner, d]`.
fn product(left: &[f64], right: &[f64], d: usize) -> Vec<f64> {
    linear(left, right, &vec![0.0; d])
}

#[test]
fn a_deep_hash_embedding_of_one_hidden_layer() {
    for (name, device) in devices() {
        let module = deep_hash(DecoderActivation::Relu, 1).init(&device);
        let parameters = Parameters::of(&module, None);
        let get = |name: &str| parameters.get(&format!("decoder.{name}"));
        let codes = module.encoder().encode(&IDS);
        let side = matrix(IDS.len(), N_FEATURES, 0.3);
        let input: Vec<f32> = codes
            .chunks_exact(6)
            .zip(side.chunks_exact(N_FEATURES))
            .flat_map(|(code, side)| [code, side].concat())
            .collect();
        let hidden =
            relu(linear(&wide(&input), &get("hidden.0.linear.weight"), &get("hidden.0.linear.bias")));
        let expected = linear(&hidden, &get("output.weight"), &get("output.bias"));
        let actual = module.forward_with_features(&IDS, features(IDS.len(), &device));
        assert_near(&values(actual), &expected, name);
        // Normalised, a batch of one is zero; so is its Mish, and what is left is the last bias, zero.
        let module = deep_hash(DecoderActivation::MishBatchNorm, 2).init(&device);
        let actual = module.forward_with_features(&IDS[..1], features(1, &device));
        assert_near(&values(actual), &[0.0; D], name);
    }
}

#[test]
fn cohorts_are_weighted_by_the_softmax_of_affinities() {
    for (name, device) in devices() {
        let module = cohorts(None).init(&device);
        let parameters = Parameters::of(&module, None);
        let input = wide(&matrix(5, N_FEATURES, 0.3));
        let affinity =
            linear(&input, &parameters.get("addressing.0.weight"), &parameters.get("addressing.0.bias"));
        let weights = softmax(&affinity, 5, 0.7);
        let addressed = module.address(features(5, &device));
        assert_near(&values(addressed.weights), &weights, name);
        let expected = product(&weights, &parameters.get("cohorts"), D);
        assert_near(&values(addressed.vectors), &expected, name);
    }
}

/// Affinities are products of powers of two, equal to the bit wherever they should be.
#[test]
fn ties_are_broken_by_the_lower_cohort() {
    for (name, device) in devices() {
        let mut module = CohortAddressingConfig::new(1, 5, D).with_k(Some(2)).init(&device);
        let weight = Tensor::from_data([[1f32, 2.0, 1.0, 2.0, 2.0]], &device);
        module.addressing[0].weight = Param::from_tensor(weight);
        module.addressing[0].bias = Some(Param::from_tensor(Tensor::zeros([5], &device)));
        let input = vec![0.5, -0.5, 0.0];
        let addressed = module.address(tensor(input.clone(), 3, &device));
        let chosen = [[0.0, 0.5, 0.0, 0.5, 0.0], [0.5, 0.0, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0, 0.0]];
        assert_near(&values(addressed.weights), &wide(&chosen.concat()), name);
        let cohorts = wide(&values(module.cohorts.val()));
        let expected = product(&wide(&chosen.concat()), &cohorts, D);
        assert_near(&values(addressed.vectors.clone()), &expected, name);

        // The gradient of an affinity is that of the softmax over all cohorts.
        let grads = loss(addressed.vectors).backward();
        let bias = module.addressing[0].bias.as_ref().unwrap().val().grad(&grads).unwrap();
        let mut expected = [0.0; 5];
        for (row, (feature, of_vector)) in input.iter().zip(matrix(3, D, 2.0).chunks_exact(D)).enumerate() {
            let affinity = [1.0, 2.0, 1.0, 2.0, 2.0].map(|weight| weight * f64::from(*feature));
            let soft = softmax(&affinity, 5, 1.0);
            let of_weight: Vec<f64> =
                cohorts.chunks_exact(D).map(|cohort| product(&wide(of_vector), cohort, 1)[0]).collect();
            let mean: f64 = soft.iter().zip(&of_weight).map(|(p, g)| p * g).sum();
            assert!(of_weight.iter().any(|g| (g - mean).abs() > 0.01), "row {row} shows nothing");
            (0..5).for_each(|cohort| expected[cohort] += soft[cohort] * (of_weight[cohort] - mean));
        }
        assert_near(&values(bias), &expected, name);
    }
}

#[test]
fn a_mixture_is_a_weighted_sum_and_so_are_its_gradients() {
    for (name, device) in devices() {
        for n in SIZES {
            let module = mixture().init(&device);
            let parameters = Parameters::of(&module, None);
            let layer = |input: &[f64], name: &str| {
                let get = |part: &str| parameters.get(&format!("{name}.{part}"));
                linear(input, &get("weight"), &get("bias"))
            };
            let hidden = relu(layer(&wide(&matrix(n, N_FEATURES, 0.3)), "hidden"));
            let weights: Vec<f64> =
                softmax(&layer(&hidden, "logits"), 3, 0.5).into_iter().map(|p| 0.1 + 0.7 * p).collect();
            let experts: Vec<Tensor<2>> =
                experts(n, &device).into_iter().map(|expert| expert.require_grad()).collect();
            let mixed = module.forward(&experts, features(n, &device));
            assert_near(&values(mixed.weights), &weights, name);

            let mut expected = vec![0.0; n * D];
            let grads = loss(mixed.vectors.clone()).backward();
            for (index, expert) in experts.into_iter().enumerate() {
                let weight = |at: usize| weights[at / D * 3 + index];
                let of_vectors = wide(&matrix(n, D, 2.0)).into_iter().enumerate();
                let gradient: Vec<f64> = of_vectors.map(|(at, gradient)| weight(at) * gradient).collect();
                assert_near(&values(expert.grad(&grads).unwrap()), &gradient, name);
                let vectors = wide(&values(expert));
                (0..n * D).for_each(|at| expected[at] += weight(at) * vectors[at]);
            }
            assert_near(&values(mixed.vectors), &expected, name);
        }
    }
}
