//! Weighted sums of rows.

use super::{Matrix, Operation, blocks_mut, in_parallel};

/// The sum of experts, each row weighed by its own weight.
///
/// # Shapes
/// - inputs: weights `[batch, N - 1]`, then `N - 1` experts `[batch, d]`
/// - output: `[batch, d]`
#[derive(Debug)]
pub(crate) struct Mix;

impl<const N: usize> Operation<N> for Mix {
    fn forward(&self, inputs: &[Matrix; N]) -> Matrix {
        let [n_rows, d] = inputs[1].dims();
        let (weights, experts) = (inputs[0].values(), &inputs[1..]);
        let mut output = experts[0].values().to_vec();
        let blocks: Vec<_> = blocks_mut(&mut output, d).enumerate().collect();
        in_parallel(blocks, |(block, output)| {
            let first = block * super::BLOCK;
            for (row, output) in (first..).zip(output.chunks_exact_mut(d)) {
                let weights = &weights[row * (N - 1)..][..N - 1];
                output.iter_mut().for_each(|value| *value *= weights[0]);
                for (weight, expert) in weights.iter().zip(experts).skip(1) {
                    let expert = &expert.values()[row * d..][..d];
                    output.iter_mut().zip(expert).for_each(|(value, expert)| *value += weight * expert);
                }
            }
        });
        Matrix::new(output, [n_rows, d])
    }

    fn backward(
        &self,
        inputs: &[Matrix; N],
        output: &Matrix,
        gradient: Matrix,
        needed: [bool; N],
    ) -> [Option<Matrix>; N] {
        let ([_, d], weights) = (output.dims(), inputs[0].values());
        let gradient = gradient.values();
        let of_expert = |expert: usize| {
            let mut values = gradient.to_vec();
            let blocks: Vec<_> = blocks_mut(&mut values, d).zip(inputs[0].blocks()).collect();
            in_parallel(blocks, |(values, weights)| {
                for (values, weights) in values.chunks_exact_mut(d).zip(weights.chunks_exact(N - 1)) {
                    values.iter_mut().for_each(|value| *value *= weights[expert]);
                }
            });
            values
        };
        let of_weights = || {
            let mut values = vec![0.0; weights.len()];
            let blocks: Vec<_> = blocks_mut(&mut values, N - 1).enumerate().collect();
            in_parallel(blocks, |(block, values)| {
                let first = block * super::BLOCK;
                for (row, values) in (first..).zip(values.chunks_exact_mut(N - 1)) {
                    let gradient = &gradient[row * d..][..d];
                    for (value, expert) in values.iter_mut().zip(&inputs[1..]) {
                        *value = product(gradient, &expert.values()[row * d..][..d]);
                    }
                }
            });
            values
        };
        std::array::from_fn(|at| {
            let values = || if at == 0 { of_weights() } else { of_expert(at - 1) };
            needed[at].then(|| Matrix::new(values(), inputs[at].dims()))
        })
    }
}

/// In lanes, so that it is done with vector instructions.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    lanes.iter().sum::<f32>() + rest
}
