//! Softmax of rows.

use super::exponential::exp_of_negative;
use super::{Matrix, Operation, blocks_mut, in_parallel};

/// `softmax(scale * x)` over each row.
///
/// # Shapes
/// - input and output: `[batch, d]`
#[derive(Debug)]
pub(crate) struct Softmax {
    /// Positive.
    pub(crate) scale: f32,
}

/// Lanes that sums and maxima are taken in.
const LANES: usize = 16;

impl Operation<1> for Softmax {
    fn forward(&self, [input]: &[Matrix; 1]) -> Matrix {
        let [n_rows, d] = input.dims();
        let mut output = input.values().to_vec();
        in_parallel(blocks_mut(&mut output, d).collect(), |block| {
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || block.chunks_exact_mut(d.max(1)).for_each(|row| softmax(row, self.scale)),
            );
        });
        Matrix::new(output, [n_rows, d])
    }

    fn backward(
        &self,
        _: &[Matrix; 1],
        output: &Matrix,
        mut gradient: Matrix,
        _: [bool; 1],
    ) -> [Option<Matrix>; 1] {
        let [_, d] = output.dims();
        let blocks: Vec<_> = output.blocks().zip(blocks_mut(gradient.values_mut(), d)).collect();
        in_parallel(blocks, |(output, gradient)| {
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    let rows = output.chunks_exact(d.max(1)).zip(gradient.chunks_exact_mut(d.max(1)));
                    rows.for_each(|(output, gradient)| back(output, gradient, self.scale));
                },
            );
        });
        [Some(gradient)]
    }
}

#[inline(always)]
fn softmax(row: &mut [f32], scale: f32) {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, larger);
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane = larger(*lane, *value));
    }
    let largest = lanes.into_iter().fold(rest, larger);
    row.iter_mut().for_each(|value| *value = exp_of_negative((*value - largest) * scale));
    let factor = 1.0 / sum(row.iter().copied(), row.len());
    row.iter_mut().for_each(|value| *value *= factor);
}

/// `g <- scale * p * (g - sum of p g)`
#[inline(always)]
fn back(output: &[f32], gradient: &mut [f32], scale: f32) {
    let mean = sum(output.iter().zip(gradient.iter()).map(|(p, g)| p * g), output.len());
    gradient.iter_mut().zip(output).for_each(|(g, p)| *g = scale * p * (*g - mean));
}

/// In lanes, so that it is done with vector instructions.
#[inline(always)]
fn sum(mut values: impl Iterator<Item = f32>, n: usize) -> f32 {
    let mut lanes = [0f32; LANES];
    for _ in 0..n / LANES {
        lanes.iter_mut().zip(values.by_ref()).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f32>() + values.sum::<f32>()
}
