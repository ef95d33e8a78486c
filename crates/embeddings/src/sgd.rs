//! Stochastic gradient descent on touched rows.

use burn::tensor::Tensor;

use crate::{RowState, RowUpdate};

/// Plain stochastic gradient descent: `w <- w - lr * g`.
///
/// Equal to dense SGD, because a row without gradient does not move in either.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SparseSgd;

impl RowUpdate for SparseSgd {
    fn state_width(&self, _d_embedding: usize) -> usize {
        0
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        (gradient * -lr, state)
    }
}
