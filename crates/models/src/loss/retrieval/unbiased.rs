//! What the logQ correction is for: gradients of a sampled softmax that are those of the full one.

use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_recsys_embeddings::split_mix;

use super::RetrievalLoss;
use crate::CandidateLogits;

/// Logits of a catalogue, the positive first, and probabilities that favour some items 16 times.
const LOGITS: [f32; 8] = [0.4, 1.2, -0.5, 0.9, -1.1, 0.0, 0.7, -0.3];
const Q: [f32; 8] = [0.08, 0.32, 0.04, 0.02, 0.16, 0.02, 0.04, 0.32];
const N_ROWS: usize = 4000;

fn loss() -> RetrievalLoss {
    RetrievalLoss::Softmax { temperature: 1.0 }
}

/// Uniform in 0..1, a function of its number.
fn uniform(number: usize) -> f32 {
    (split_mix(number as u64) >> 40) as f32 / (1u64 << 24) as f32
}

/// Items drawn from Q.
fn draws(n: usize, first: usize) -> Vec<u32> {
    let draw = |number: usize| {
        let mut rest = uniform(first + number);
        let item = Q.iter().position(|q| {
            rest -= q;
            rest < 0.0
        });
        item.unwrap_or(Q.len() - 1) as u32
    };
    (0..n).map(draw).collect()
}

/// The gradient of the mean loss by the logits of the catalogue; rows are the same user and positive with
/// other draws.
fn mean_gradient(
    n_negatives: usize,
    correct: impl Fn(CandidateLogits, &[u32]) -> CandidateLogits,
) -> Vec<f32> {
    let device = Device::default().autodiff();
    let catalogue = Tensor::<2>::from_data([LOGITS], &device).require_grad();
    let items = draws(N_ROWS * n_negatives, 0);
    let indices: Vec<i32> = items.iter().map(|&item| item as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::from(&indices[..]), &device);
    let negatives = catalogue.clone().select(1, indices).reshape([N_ROWS, n_negatives]);
    let positives = catalogue.clone().narrow(1, 0, 1).expand([N_ROWS, 1]);
    let logits = correct(CandidateLogits::new(positives, negatives), &items);
    let grads = loss().forward(&logits).backward();
    catalogue.grad(&grads).unwrap().into_data().try_to_vec().unwrap()
}

/// `softmax - one-hot of the positive`
fn full_gradient() -> Vec<f32> {
    let sum: f32 = LOGITS.iter().map(|x| x.exp()).sum();
    LOGITS.iter().enumerate().map(|(item, x)| x.exp() / sum - if item == 0 { 1.0 } else { 0.0 }).collect()
}

/// The largest difference to the gradient of the full softmax.
fn bias(gradient: &[f32]) -> f32 {
    gradient.iter().zip(full_gradient()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn without_hits(logits: CandidateLogits, items: &[u32]) -> CandidateLogits {
    logits.without_hits(&[0; N_ROWS], items)
}

fn log_q(items: &[u32]) -> Vec<f32> {
    items.iter().map(|&item| Q[item as usize].ln()).collect()
}

#[test]
fn corrected_gradients_tend_to_those_of_the_full_softmax() {
    let corrected = |n| {
        bias(&mean_gradient(n, |logits, items| {
            without_hits(logits, items).sampled_log_q_corrected(&log_q(items))
        }))
    };
    let (few, some, many) = (corrected(4), corrected(16), corrected(128));
    // A ratio of two unbiased sums has a bias of order 1 / n.
    assert!(few > 1.5 * some && some > 4.0 * many, "{few} {some} {many}");
    assert!(many < 0.015, "{many}");
    let uncorrected = bias(&mean_gradient(128, without_hits));
    assert!(uncorrected > 10.0 * many && uncorrected > 0.1, "{uncorrected} {many}");
}

#[test]
fn a_flipped_sign_is_worse_than_no_correction() {
    let n = 128;
    let right = bias(&mean_gradient(n, |logits, items| {
        without_hits(logits, items).sampled_log_q_corrected(&log_q(items))
    }));
    let flipped = bias(&mean_gradient(n, |logits, items| {
        let plus: Vec<f32> = log_q(items).iter().map(|log_q| -(log_q + (n as f32).ln())).collect();
        without_hits(logits, items).log_q_corrected(&[0.0; N_ROWS], &plus)
    }));
    assert!(right < 0.015 && flipped > 0.3, "{right} {flipped}");
}

/// The convention of TensorFlow and Jean et al. tends to the same, with a positive that counts for less.
#[test]
fn a_corrected_positive_is_right_only_for_many_negatives() {
    let corrected = |n: usize| {
        bias(&mean_gradient(n, |logits, items| {
            let counts: Vec<f32> = log_q(items).iter().map(|log_q| log_q + (n as f32).ln()).collect();
            logits.log_q_corrected(&[(Q[0] * n as f32).ln(); N_ROWS], &counts)
        }))
    };
    let (few, many) = (corrected(8), corrected(256));
    assert!(many < 0.05 && few > 2.0 * many, "{few} {many}");
}

/// In-batch softmax: every row is a draw of (user, item) with the item's share p, and log p is subtracted
/// from positives and negatives alike.
#[test]
fn in_batch_gradients_are_corrected_by_popularity() {
    let (batch, n_batches) = (64usize, 60);
    let gradient = |sign: f32| {
        let device = Device::default().autodiff();
        let mut sum = vec![0f32; LOGITS.len()];
        for at in 0..n_batches {
            let items = draws(batch, at * batch);
            // Row 0 is the user of `LOGITS`, with positive 0; only its loss is looked at.
            let items: Vec<u32> = std::iter::once(0).chain(items[1..].iter().copied()).collect();
            let catalogue = Tensor::<2>::from_data([LOGITS], &device).require_grad();
            let indices: Vec<i32> = items.iter().map(|&item| item as i32).collect();
            let indices = Tensor::<1, Int>::from_data(TensorData::from(&indices[..]), &device);
            let row = catalogue.clone().select(1, indices);
            let log_p: Vec<f32> = log_q(&items).iter().map(|log_p| sign * log_p).collect();
            let logits = CandidateLogits::from_columns(row).log_q_corrected(&log_p[..1], &log_p[1..]);
            let grads = loss().forward(&logits).backward();
            let gradient: Vec<f32> = catalogue.grad(&grads).unwrap().into_data().try_to_vec().unwrap();
            sum.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value / n_batches as f32);
        }
        bias(&sum)
    };
    let (right, without, flipped) = (gradient(1.0), gradient(0.0), gradient(-1.0));
    assert!(right < 0.05 && without > 2.0 * right && flipped > 4.0 * right, "{right} {without} {flipped}");
}

/// The sum over the candidates is an unbiased estimate of the sum over the catalogue, however few they are;
/// it is `exp(loss + positive)`.
#[test]
fn the_corrected_denominator_is_unbiased_for_any_number_of_negatives() {
    let device = Device::default();
    let expected: f64 = LOGITS.iter().map(|x| f64::from(*x).exp()).sum();
    for n in [1, 3] {
        let n_draws = 4000;
        let items = draws(n * n_draws, 0);
        let estimates: Vec<f64> = items
            .chunks_exact(n)
            .map(|items| {
                let row: Vec<f32> = items.iter().map(|&item| LOGITS[item as usize]).collect();
                let positive = Tensor::<2>::from_data([[LOGITS[0]]], &device);
                let negatives = Tensor::<2>::from_data(TensorData::new(row, [1, n]), &device);
                let logits = CandidateLogits::new(positive, negatives);
                let logits = logits.without_hits(&[0], items).sampled_log_q_corrected(&log_q(items));
                let loss: f32 = loss().forward(&logits).into_scalar();
                f64::from(loss + LOGITS[0]).exp()
            })
            .collect();
        let mean = estimates.iter().sum::<f64>() / n_draws as f64;
        let variance = estimates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n_draws as f64;
        let error = (variance / n_draws as f64).sqrt();
        assert!((mean - expected).abs() < 4.0 * error, "{n}: {mean} {expected} +- {error}");
        assert!(error < 0.1 * expected, "{error}");
    }
}
