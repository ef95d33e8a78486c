//! Losses.

mod candidates;
mod multi_task;
mod retrieval;

pub use candidates::CandidateLogits;
pub use multi_task::{MultiTaskLoss, Reduction};
pub use retrieval::{LossError, RetrievalLoss};

use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Tensor, TensorData};

/// Mean binary cross-entropy of logits whose first column is the positive and whose other columns
/// are negatives: the mean of `-ln sigmoid(x)` there and `-ln(1 - sigmoid(x))` here.
///
/// # Shapes
/// - `logits`: `[batch, 1 + n_negatives]`
/// - output: `[1]`
pub fn binary_cross_entropy(logits: Tensor<2>) -> Tensor<1> {
    let [_, n_columns] = logits.dims();
    // 1 - sigmoid(x) = sigmoid(-x), so the two terms differ only by a sign.
    let mut signs = vec![-1f32; n_columns];
    if let Some(positive) = signs.first_mut() {
        *positive = 1.0;
    }
    let signs = Tensor::<2>::from_data(TensorData::new(signs, [1, n_columns]), &logits.device());
    log_sigmoid(logits * signs).mean().neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn equals_the_definition_and_is_stable() {
        let device = Device::default();
        let loss = |logits: [[f32; 3]; 2]| -> f32 {
            binary_cross_entropy(Tensor::<2>::from_data(logits, &device)).into_scalar()
        };
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let logits = [[0.5, -1.0, 2.0], [-0.3, 0.0, 1.5]];
        let mut expected = 0.0;
        for [positive, first, second] in logits {
            expected -= sigmoid(positive).ln() + (1.0 - sigmoid(first)).ln() + (1.0 - sigmoid(second)).ln();
        }
        let logits = logits.map(|row| row.map(|x| x as f32));
        assert!((f64::from(loss(logits)) - expected / 6.0).abs() < 1e-6);
        // One saturated and wrong logit of six: 1000 / 6, not infinity.
        let saturated = loss([[-1000.0, -1000.0, -1000.0], [1000.0, -1000.0, -1000.0]]);
        assert!((saturated - 1000.0 / 6.0).abs() < 1e-3, "{saturated}");
    }
}
