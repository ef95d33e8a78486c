//! Batches of many thousands of ids, which are split among threads, against plain Rust.

use burn::grad_clipping::GradientClippingConfig;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys::embeddings::{
    EmbeddingTableConfig, JaggedIds, Pooling, RowUpdate, RowWiseAdagrad, SparseOptimizer, SparseSgd, Tape,
};

use crate::{devices, values};

const N_IDS: usize = 3000;
const N_OOV: usize = 5;
const PADDING: u32 = 3;
const LR: f64 = 0.05;

/// Thousands of ids, some many times, some out of vocabulary, the padding among them.
fn ids() -> Vec<u32> {
    (0..15_000u32).map(|at| at.wrapping_mul(2_654_435_761) % if at % 3 == 0 { 40 } else { 3400 }).collect()
}

/// What a position counts in the loss.
fn coefficients(n: usize, d: usize) -> Vec<f32> {
    (0..n * d).map(|at| (at as f32 * 0.7).cos()).collect()
}

fn config(d: usize) -> EmbeddingTableConfig {
    EmbeddingTableConfig::new(N_IDS, d).with_n_oov_rows(N_OOV).with_padding(Some(PADDING)).with_seed(8)
}

/// A step after a lookup of all ids and a bag of every seven; gives the table after it and the rows read.
fn step<U: RowUpdate>(device: &Device, d: usize, rule: U, clip: f32) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let table = config(d).init(device);
    let ids = ids();
    let bags: Vec<&[u32]> = ids.chunks(7).collect();
    let bags = JaggedIds::from_bags(&bags).unwrap();
    let mut tape = Tape::new();
    let rows = table.forward(&ids, &mut tape);
    let pooled = table.forward_bags(&bags, Pooling::Mean, &mut tape);
    let weigh = |vectors: Tensor<2>| {
        let [n, d] = vectors.dims();
        let weights: Tensor<2> = Tensor::from_data(TensorData::new(coefficients(n, d), [n, d]), device);
        (vectors * weights).sum()
    };
    let mut grads = (weigh(rows.clone()) + weigh(pooled.clone())).backward();
    let mut optimizer = SparseOptimizer::new(rule).with_grad_clipping(GradientClippingConfig::Norm(clip));
    let table = optimizer.step(LR, table, tape.gradients(&mut grads));
    (table.vectors(), values(rows), values(pooled))
}

/// Which row an id reads: told by the table itself, apart from this test's arithmetic.
fn rows_read(d: usize, device: &Device) -> Vec<u32> {
    config(d).init(device).rows_of(&ids()).into_owned()
}

/// The gradient of every row in double precision.
fn gradient(d: usize, rows: &[u32]) -> Vec<f64> {
    let mut gradient = vec![0f64; (N_IDS + N_OOV) * d];
    let of_rows = coefficients(rows.len(), d);
    let n_bags = rows.len().div_ceil(7);
    let of_bags = coefficients(n_bags, d);
    for (bag, members) in rows.chunks(7).enumerate() {
        let counted = members.iter().filter(|&&row| row != PADDING).count() as f64;
        for (at, &row) in members.iter().enumerate().filter(|(_, row)| **row != PADDING) {
            for column in 0..d {
                gradient[row as usize * d + column] += f64::from(of_rows[(bag * 7 + at) * d + column])
                    + f64::from(of_bags[bag * d + column]) / counted;
            }
        }
    }
    gradient
}

#[test]
fn steps_are_those_of_plain_rust() {
    for d in [1, 17] {
        for (name, device) in devices() {
            let before = config(d).init(&device).vectors();
            let rows = rows_read(d, &device);
            let distinct: std::collections::BTreeSet<u32> =
                rows.iter().copied().filter(|&row| row as usize >= N_IDS).collect();
            assert_eq!(distinct.len(), N_OOV, "all rows out of vocabulary are used");
            let gradient = gradient(d, &rows);
            let norm = gradient.iter().map(|value| value * value).sum::<f64>().sqrt();
            for (clip, scale) in [(1e6, 1.0), (norm as f32 / 4.0, 0.25)] {
                let (after, read, pooled) = step(&device, d, SparseSgd::default(), clip);
                for (at, &row) in rows.iter().enumerate() {
                    let row = &before[row as usize * d..][..d];
                    assert_eq!(read[at * d..][..d], *row, "{name}, d {d}, position {at}");
                }
                for (bag, members) in rows.chunks(7).enumerate() {
                    let counted: Vec<&u32> = members.iter().filter(|&&row| row != PADDING).collect();
                    for column in 0..d {
                        let of = |row: &&u32| f64::from(before[**row as usize * d + column]);
                        let mean = counted.iter().map(of).sum::<f64>() / counted.len() as f64;
                        let actual = f64::from(pooled[bag * d + column]);
                        assert!(
                            (actual - mean).abs() < 1e-6,
                            "{name}, d {d}, bag {bag}: {actual}, not {mean}"
                        );
                    }
                }
                for (at, (before, after)) in before.iter().zip(&after).enumerate() {
                    let expected = f64::from(*before) - LR * scale * gradient[at];
                    let error = (f64::from(*after) - expected).abs();
                    assert!(error < 1e-4, "{name}, d {d}, clip {clip}, value {at}: {after}, not {expected}");
                }
                // Row-wise Adagrad's first step is the gradient over its own root mean square.
                let (after, ..) = step(&device, d, RowWiseAdagrad::default(), clip);
                for (row, gradient) in gradient.chunks_exact(d).enumerate() {
                    let root = (gradient.iter().map(|g| g * g).sum::<f64>() / d as f64).sqrt() * scale;
                    for (column, gradient) in gradient.iter().enumerate() {
                        let at = row * d + column;
                        let change = if root == 0.0 { 0.0 } else { LR * scale * gradient / root };
                        let error = (f64::from(after[at]) - (f64::from(before[at]) - change)).abs();
                        // A root near zero magnifies rounding.
                        if root > 1e-3 {
                            assert!(error < 1e-3, "{name}, d {d}, Adagrad, row {row}: off by {error}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_bits() {
    for (name, device) in devices().into_iter().filter(|(name, _)| *name == "flex") {
        let of_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| step(&device, 17, RowWiseAdagrad::default(), 3.0))
        };
        assert!(of_threads(1) == of_threads(4), "{name}");
    }
}
