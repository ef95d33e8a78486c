//! Vectors of a model, on their way out.

use burn::tensor::{Tensor, TensorData};

/// Rows over their Euclidean norm. A row of zeros stays, and its gradient is finite.
pub(crate) fn unit(rows: Tensor<2>) -> Tensor<2> {
    let norms = (rows.clone().square().sum_dim(1) + 1e-12).sqrt();
    rows / norms
}

/// All values on the host, row-major.
pub(crate) fn host(vectors: Tensor<2>) -> Vec<f32> {
    let data: TensorData = vectors.into_data();
    #[expect(clippy::expect_used, reason = "tables are of f32")]
    data.try_to_vec().expect("vectors of f32")
}
