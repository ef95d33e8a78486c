//! Stochastic gradient descent on touched rows.

use burn::tensor::Tensor;

use crate::{HostRule, RowState, RowUpdate};

/// Stochastic gradient descent: `w <- w - lr * g`, or with momentum `v <- momentum * v + g`,
/// `w <- w - lr * v` (Polyak 1964).
///
/// Without momentum it is equal to dense SGD, because a row without gradient does not move in either.
/// With momentum it is not: the velocity of a row decays, and moves the row, only in steps that touch
/// it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SparseSgd {
    /// How much of the velocity is left in the next step that touches the row, in `0..1`. With 0, the
    /// default, there is no state.
    pub momentum: f64,
}

impl RowUpdate for SparseSgd {
    fn state_width(&self, d_embedding: usize) -> usize {
        if self.momentum == 0.0 { 0 } else { d_embedding }
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        if self.momentum == 0.0 {
            return (gradient * -lr, state);
        }
        let velocity = state.rows * self.momentum + gradient;
        (velocity.clone() * -lr, RowState { rows: velocity, step: state.step })
    }

    fn on_host(&self, lr: f64, _step: u64) -> Option<HostRule<'_>> {
        let (lr, momentum) = (lr as f32, self.momentum as f32);
        if momentum == 0.0 {
            return Some(Box::new(move |gradient, _, row| {
                row.iter_mut().zip(gradient).for_each(|(value, gradient)| *value -= lr * gradient);
            }));
        }
        Some(Box::new(move |gradient, velocity, row| {
            for ((value, velocity), gradient) in row.iter_mut().zip(velocity).zip(gradient) {
                *velocity = momentum * *velocity + gradient;
                *value -= lr * *velocity;
            }
        }))
    }
}
