//! Adam on touched rows.

use burn::tensor::Tensor;

use crate::{RowState, RowUpdate};

/// Adam (Kingma and Ba 2015) that moves a row, and decays its moments, only in steps that touch it.
///
/// The bias correction counts all steps of the optimizer, as PyTorch's `SparseAdam` does. The state
/// of a row is two vectors; [`RowWiseAdagrad`](crate::RowWiseAdagrad) keeps one float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LazyAdam {
    /// Decay of the mean of gradients, in `0..1`.
    pub beta_1: f64,
    /// Decay of the mean of squared gradients, in `0..1`.
    pub beta_2: f64,
    /// Added to the root, against division by zero.
    pub epsilon: f64,
}

impl Default for LazyAdam {
    /// `beta_1` 0.9, `beta_2` 0.999, `epsilon` 1e-8.
    fn default() -> Self {
        LazyAdam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 }
    }
}

impl RowUpdate for LazyAdam {
    fn state_width(&self, d_embedding: usize) -> usize {
        2 * d_embedding
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        let [n_rows, d_embedding] = gradient.dims();
        let step = state.step as f64;
        let first = state.rows.clone().slice([0..n_rows, 0..d_embedding]);
        let second = state.rows.slice([0..n_rows, d_embedding..2 * d_embedding]);
        // b m + (1 - b) g, written as m + (1 - b) (g - m): the halves of the state are views with gaps,
        // which backends add fast and scale slowly.
        let first = (gradient.clone() - first.clone()) * (1.0 - self.beta_1) + first;
        let second = (gradient.clone() * gradient - second.clone()) * (1.0 - self.beta_2) + second;
        // Both corrections in scalars: lr / c1 * m / (sqrt(v / c2) + eps).
        let correction_1 = 1.0 - self.beta_1.powf(step);
        let correction_2 = 1.0 - self.beta_2.powf(step);
        let root = second.clone().sqrt() / correction_2.sqrt() + self.epsilon;
        let change = first.clone() / root * (-lr / correction_1);
        (change, RowState { rows: Tensor::cat(vec![first, second], 1), step: state.step })
    }
}
