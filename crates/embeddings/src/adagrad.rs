//! Adagrad, by weight and by row.

use burn::tensor::Tensor;

use crate::{HostRule, RowState, RowUpdate};

/// Adagrad (Duchi, Hazan and Singer 2011): `G <- G + g^2`, `w <- w - lr * g / (sqrt(G) + epsilon)`.
///
/// Equal to dense Adagrad, because a row without gradient does not move in either. The state of a row
/// is as large as the row; [`RowWiseAdagrad`] keeps one float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparseAdagrad {
    /// Added to the root, against division by zero.
    pub epsilon: f64,
}

impl Default for SparseAdagrad {
    /// `epsilon` 1e-8.
    fn default() -> Self {
        SparseAdagrad { epsilon: 1e-8 }
    }
}

impl RowUpdate for SparseAdagrad {
    fn state_width(&self, d_embedding: usize) -> usize {
        d_embedding
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        let accumulated = state.rows + gradient.clone().square();
        let change = gradient / (accumulated.clone().sqrt() + self.epsilon) * -lr;
        (change, RowState { rows: accumulated, step: state.step })
    }

    fn on_host(&self, lr: f64, _step: u64) -> Option<HostRule<'_>> {
        let (lr, epsilon) = (lr as f32, self.epsilon as f32);
        Some(Box::new(move |gradient, accumulated, row| {
            for ((value, accumulated), gradient) in row.iter_mut().zip(accumulated).zip(gradient) {
                *accumulated += gradient * gradient;
                *value -= lr * gradient / (accumulated.sqrt() + epsilon);
            }
        }))
    }
}

/// Adagrad with one accumulator a row instead of one a weight: `G <- G + mean(g^2)`,
/// `w <- w - lr * g / (sqrt(G) + epsilon)`.
///
/// The usual choice for large tables: the state of a row is one float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowWiseAdagrad {
    /// Added to the root, against division by zero.
    pub epsilon: f64,
}

impl Default for RowWiseAdagrad {
    /// `epsilon` 1e-8.
    fn default() -> Self {
        RowWiseAdagrad { epsilon: 1e-8 }
    }
}

impl RowUpdate for RowWiseAdagrad {
    fn state_width(&self, _d_embedding: usize) -> usize {
        1
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        // [n, 1]; the state of a row that was never touched is zero.
        let squares = gradient.clone().square().mean_dim(1);
        let accumulated = state.rows + squares;
        let change = gradient * ((accumulated.clone().sqrt() + self.epsilon).recip() * -lr);
        (change, RowState { rows: accumulated, step: state.step })
    }

    fn on_host(&self, lr: f64, _step: u64) -> Option<HostRule<'_>> {
        let (lr, epsilon) = (lr as f32, self.epsilon as f32);
        Some(Box::new(move |gradient, accumulated, row| {
            accumulated[0] += mean_square(gradient);
            let scale = lr / (accumulated[0].sqrt() + epsilon);
            row.iter_mut().zip(gradient).for_each(|(value, gradient)| *value -= scale * gradient);
        }))
    }
}

/// In lanes, so that it is done with vector instructions.
pub(crate) fn mean_square(row: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let chunks = row.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().map(|value| value * value).sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value * value);
    }
    (lanes.iter().sum::<f32>() + rest) / row.len() as f32
}
