//! Row-wise Adagrad.

use burn::tensor::Tensor;

use crate::{RowState, RowUpdate};

/// Adagrad (Duchi, Hazan and Singer 2011) with one accumulator a row instead of one a weight:
/// `G <- G + mean(g^2)`, `w <- w - lr * g / (sqrt(G) + epsilon)`.
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
        let squares = gradient.clone().powf_scalar(2.0).mean_dim(1);
        let accumulated = state.rows + squares;
        let change = gradient * ((accumulated.clone().sqrt() + self.epsilon).recip() * -lr);
        (change, RowState { rows: accumulated, step: state.step })
    }
}
