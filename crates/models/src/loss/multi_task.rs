//! Binary cross-entropy of several tasks at once.

use burn::tensor::activation::relu;
use burn::tensor::{Tensor, TensorData};

use crate::ExampleError;
use crate::examples::{check_weights, same_length};

/// How the losses of rows and tasks become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Their sum, as in the original estimator: the step length then depends on the batch size.
    Sum,
    /// Their mean: the weighted sum over the sum of the weights.
    #[default]
    Mean,
}

/// Binary cross-entropy with logits over rows and tasks:
/// `sum of row weight * task weight * (ln(1 + exp(x)) - x y)`, or its mean.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiTaskLoss {
    task_weights: Vec<f32>,
    reduction: Reduction,
}

impl MultiTaskLoss {
    /// All tasks alike, and the mean.
    ///
    /// # Panics
    /// If `n_tasks` is 0.
    pub fn new(n_tasks: usize) -> Self {
        assert!(n_tasks > 0, "a loss needs a task");
        MultiTaskLoss { task_weights: vec![1.0; n_tasks], reduction: Reduction::Mean }
    }

    /// Sets how much each task counts.
    ///
    /// # Errors
    /// If there is not one weight for each task, one is negative, NaN or infinite, or all are 0.
    pub fn with_task_weights(mut self, task_weights: Vec<f32>) -> Result<Self, ExampleError> {
        same_length("task weights", task_weights.len(), self.task_weights.len())?;
        check_weights("task weights", &task_weights)?;
        if task_weights.iter().all(|&weight| weight == 0.0) {
            return Err(ExampleError::Weight { what: "task weights (all are 0)", at: 0, value: 0.0 });
        }
        self.task_weights = task_weights;
        Ok(self)
    }

    /// Sets how losses become one number.
    pub fn with_reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// The number of tasks.
    pub fn n_tasks(&self) -> usize {
        self.task_weights.len()
    }

    /// The loss of a batch. The mean of rows that all weigh 0 is 0.
    ///
    /// # Shapes
    /// - `logits`: `[batch, n_tasks]`
    /// - `labels`: `[batch, n_tasks]`, each 0 or 1
    /// - `weights`: `[batch]`, of the rows; `None` for 1 each
    /// - output: `[1]`
    ///
    /// # Panics
    /// If a shape is another; the message has both.
    pub fn forward(&self, logits: Tensor<2>, labels: Tensor<2>, weights: Option<Tensor<1>>) -> Tensor<1> {
        let n_tasks = self.task_weights.len();
        let [batch, width] = logits.dims();
        assert!(width == n_tasks, "logits of {width} tasks for a loss of {n_tasks}");
        assert!(
            labels.dims() == [batch, n_tasks],
            "labels of shape {:?} for logits of shape {:?}",
            labels.dims(),
            [batch, n_tasks]
        );
        let device = logits.device();
        // ln(1 + exp(x)) - x y, without overflow for large x of either sign.
        let softplus = relu(logits.clone()) + logits.clone().abs().neg().exp().log1p();
        let mut losses = softplus - logits * labels;
        if self.task_weights.iter().any(|&weight| weight != 1.0) {
            let weights = TensorData::new(self.task_weights.clone(), [1, n_tasks]);
            losses = losses * Tensor::from_data(weights, &device);
        }
        let of_tasks: f32 = self.task_weights.iter().sum();
        let Some(weights) = weights else {
            return match self.reduction {
                Reduction::Sum => losses.sum(),
                Reduction::Mean => losses.sum() / (of_tasks * batch.max(1) as f32),
            };
        };
        assert!(weights.dims() == [batch], "weights of shape {:?} for {batch} rows", weights.dims());
        let sum = (losses * weights.clone().reshape([batch, 1])).sum();
        match self.reduction {
            Reduction::Sum => sum,
            Reduction::Mean => sum / (weights.sum() * of_tasks).clamp_min(f32::MIN_POSITIVE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    const LOGITS: [[f32; 2]; 3] = [[0.5, -1.0], [200.0, 0.0], [-3.0, -200.0]];
    const LABELS: [[f32; 2]; 3] = [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]];

    fn expected(task_weights: [f64; 2], weights: [f64; 3]) -> [f64; 2] {
        let (mut sum, mut total) = (0.0, 0.0);
        for row in 0..3 {
            for task in 0..2 {
                let (x, y) = (f64::from(LOGITS[row][task]), f64::from(LABELS[row][task]));
                let weight = task_weights[task] * weights[row];
                sum += weight * (x.max(0.0) - x * y + (-x.abs()).exp().ln_1p());
                total += weight;
            }
        }
        [sum, sum / total]
    }

    #[test]
    fn equals_the_definition_for_every_weighting() {
        let device = Device::default();
        for (task_weights, weights) in
            [([1.0, 1.0], None), ([2.0, 0.5], None), ([1.0, 3.0], Some([0.0, 0.25, 4.0]))]
        {
            let loss =
                MultiTaskLoss::new(2).with_task_weights(task_weights.map(|w| w as f32).to_vec()).unwrap();
            let expected = expected(task_weights, weights.unwrap_or([1.0; 3]));
            for (reduction, expected) in [Reduction::Sum, Reduction::Mean].into_iter().zip(expected) {
                let weights =
                    weights.map(|weights| Tensor::from_data(weights.map(|weight| weight as f32), &device));
                let loss = loss.clone().with_reduction(reduction);
                let actual: f32 = loss
                    .forward(Tensor::from_data(LOGITS, &device), Tensor::from_data(LABELS, &device), weights)
                    .into_scalar();
                assert!((f64::from(actual) / expected - 1.0).abs() < 1e-6, "{actual} {expected}");
            }
        }
    }

    #[test]
    fn weights_are_checked() {
        let message = |weights: &[f32]| {
            MultiTaskLoss::new(2).with_task_weights(weights.to_vec()).unwrap_err().to_string()
        };
        assert_eq!(message(&[1.0; 3]), "task weights: 3 values, expected 2; every row needs its own");
        assert!(message(&[1.0, -1.0]).starts_with("task weights: number 1 is -1"));
        assert!(message(&[f32::NAN, 1.0]).starts_with("task weights: number 0 is NaN"));
        assert!(message(&[0.0, 0.0]).contains("all are 0"));
    }
}
