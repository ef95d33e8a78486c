//! Adam on touched rows.

use burn::tensor::Tensor;

use crate::adagrad::mean_square;
use crate::{HostRule, RowState, RowUpdate};

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

/// [`LazyAdam`] with the mean of squared gradients kept for the row as a whole, as row-wise Adagrad
/// does: the state of a row is one vector and one float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartialRowWiseAdam {
    /// Decay of the mean of gradients, in `0..1`.
    pub beta_1: f64,
    /// Decay of the mean of squared gradients, in `0..1`.
    pub beta_2: f64,
    /// Added to the root, against division by zero.
    pub epsilon: f64,
}

impl Default for PartialRowWiseAdam {
    /// `beta_1` 0.9, `beta_2` 0.999, `epsilon` 1e-8.
    fn default() -> Self {
        PartialRowWiseAdam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 }
    }
}

/// The numbers of one step: `w <- w - rate * m / (sqrt(v) / root + epsilon)`.
///
/// Both bias corrections are in scalars: `lr / c1 * m / (sqrt(v / c2) + epsilon)`.
struct Correction {
    rate: f64,
    root: f64,
}

impl Correction {
    fn new(lr: f64, beta_1: f64, beta_2: f64, step: u64) -> Self {
        let step = step as f64;
        Correction { rate: lr / (1.0 - beta_1.powf(step)), root: (1.0 - beta_2.powf(step)).sqrt() }
    }
}

impl RowUpdate for LazyAdam {
    fn state_width(&self, d_embedding: usize) -> usize {
        2 * d_embedding
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        let [n_rows, d_embedding] = gradient.dims();
        let Correction { rate, root } = Correction::new(lr, self.beta_1, self.beta_2, state.step);
        let first = state.rows.clone().slice([0..n_rows, 0..d_embedding]);
        let second = state.rows.slice([0..n_rows, d_embedding..2 * d_embedding]);
        // b m + (1 - b) g, written as m + (1 - b) (g - m): the halves of the state are views with gaps,
        // which backends add fast and scale slowly. Squares overflow first, and infinity minus itself would
        // be NaN: the second moment is written out.
        let first = (gradient.clone() - first.clone()) * (1.0 - self.beta_1) + first;
        let second = second * self.beta_2 + gradient.square() * (1.0 - self.beta_2);
        let change = first.clone() / (second.clone().sqrt() / root + self.epsilon) * -rate;
        (change, RowState { rows: Tensor::cat(vec![first, second], 1), step: state.step })
    }

    fn on_host(&self, lr: f64, step: u64) -> Option<HostRule<'_>> {
        let Correction { rate, root } = Correction::new(lr, self.beta_1, self.beta_2, step);
        let (rate, root, epsilon) = (rate as f32, root as f32, self.epsilon as f32);
        let (decay_1, decay_2) = ((1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32);
        let beta_2 = self.beta_2 as f32;
        Some(Box::new(move |gradient, state, row| {
            let (first, second) = state.split_at_mut(row.len());
            let moments = first.iter_mut().zip(second);
            for ((value, gradient), (first, second)) in row.iter_mut().zip(gradient).zip(moments) {
                *first += decay_1 * (gradient - *first);
                *second = beta_2 * *second + decay_2 * (gradient * gradient);
                *value -= rate * (*first / (second.sqrt() / root + epsilon));
            }
        }))
    }
}

impl RowUpdate for PartialRowWiseAdam {
    fn state_width(&self, d_embedding: usize) -> usize {
        d_embedding + 1
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        let [n_rows, d_embedding] = gradient.dims();
        let Correction { rate, root } = Correction::new(lr, self.beta_1, self.beta_2, state.step);
        let first = state.rows.clone().slice([0..n_rows, 0..d_embedding]);
        let second = state.rows.slice([0..n_rows, d_embedding..d_embedding + 1]);
        let first = (gradient.clone() - first.clone()) * (1.0 - self.beta_1) + first;
        let second = second * self.beta_2 + gradient.square().mean_dim(1) * (1.0 - self.beta_2);
        let change = first.clone() / (second.clone().sqrt() / root + self.epsilon) * -rate;
        (change, RowState { rows: Tensor::cat(vec![first, second], 1), step: state.step })
    }

    fn on_host(&self, lr: f64, step: u64) -> Option<HostRule<'_>> {
        let Correction { rate, root } = Correction::new(lr, self.beta_1, self.beta_2, step);
        let (rate, root, epsilon) = (rate as f32, root as f32, self.epsilon as f32);
        let (decay_1, decay_2) = ((1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32);
        let beta_2 = self.beta_2 as f32;
        Some(Box::new(move |gradient, state, row| {
            let (first, second) = state.split_at_mut(row.len());
            second[0] = beta_2 * second[0] + decay_2 * mean_square(gradient);
            let scale = rate / (second[0].sqrt() / root + epsilon);
            for ((value, gradient), first) in row.iter_mut().zip(gradient).zip(first) {
                *first += decay_1 * (gradient - *first);
                *value -= scale * *first;
            }
        }))
    }
}
