//! From the items of a history to one vector.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_recsys_embeddings::dense::{seeded_linear, seeded_param};
use burn_recsys_embeddings::{JaggedIds, TableInitializer};

/// What a padded place scores: its weight is exactly 0 beside any other.
const PADDED_SCORE: f32 = -1e9;

/// Scores `q . tanh(W v + b)` of items, whose softmax over a history weighs them.
#[derive(Module, Debug)]
pub struct HistoryAttention {
    /// `W` and `b`, `[d, d]`.
    pub hidden: Linear,
    /// `q`, `[d, 1]`.
    pub query: Param<Tensor<2>>,
}

impl HistoryAttention {
    /// Fresh scores of vectors of size `d`.
    pub(crate) fn new(d: usize, seed: u64, stream: u64, device: &Device) -> Self {
        let initializer = TableInitializer::Uniform { bound: 1.0 / (d as f64).sqrt() };
        HistoryAttention {
            hidden: seeded_linear(d, d, seed, stream, device),
            // A linear layer takes the streams `2 * stream` and the one after.
            query: seeded_param([d, 1], initializer, seed, 2 * stream + 2, device),
        }
    }

    /// One vector for each history, zeros for an empty one.
    ///
    /// # Shapes
    /// - `vectors`: `[histories.values().len(), d]`, at least one
    /// - output: `[histories.n_bags(), d]`
    pub(crate) fn forward(&self, histories: &JaggedIds, vectors: Tensor<2>) -> Tensor<2> {
        let scores = self.hidden.forward(vectors.clone()).tanh().matmul(self.query.val());
        let places = Places::new(histories, &vectors.device());
        let scores = places.fill(scores, PADDED_SCORE);
        // Where all places are padded the weights are equal and the vectors zeros.
        let weights = softmax(scores.swap_dims(1, 2), 2);
        places.sum(weights, vectors)
    }
}

/// The mean of each history, weighted where it carries weights; zeros where it is empty or its weights sum
/// to zero.
///
/// # Shapes
/// - `vectors`: `[histories.values().len(), d]`, at least one
/// - output: `[histories.n_bags(), d]`
pub(crate) fn mean(histories: &JaggedIds, vectors: Tensor<2>) -> Tensor<2> {
    let device = vectors.device();
    let places = Places::new(histories, &device);
    let mut weights = vec![0f32; places.batch * places.longest];
    for (bag, (ends, row)) in
        histories.offsets().windows(2).zip(weights.chunks_exact_mut(places.longest)).enumerate()
    {
        match histories.weights() {
            Some(weights) => {
                let of_bag = &weights[ends[0] as usize..ends[1] as usize];
                let sum: f32 = of_bag.iter().sum();
                if sum != 0.0 {
                    row.iter_mut().zip(of_bag).for_each(|(out, weight)| *out = weight / sum);
                }
            }
            None => {
                let length = histories.bag(bag).len();
                row[..length].fill(1.0 / length as f32);
            }
        }
    }
    let weights = TensorData::new(weights, [places.batch, 1, places.longest]);
    places.sum(Tensor::from_data(weights, &device), vectors)
}

/// Histories padded to the longest.
struct Places {
    batch: usize,
    longest: usize,
    /// `[batch * longest]`: which of the values lies there, one past the last for none.
    indices: Tensor<1, Int>,
}

impl Places {
    fn new(histories: &JaggedIds, device: &Device) -> Self {
        let lengths = histories.offsets().windows(2).map(|ends| (ends[1] - ends[0]) as usize);
        let (batch, longest) = (histories.n_bags(), lengths.max().unwrap_or(0).max(1));
        let mut indices = vec![histories.values().len() as i32; batch * longest];
        for (ends, places) in histories.offsets().windows(2).zip(indices.chunks_exact_mut(longest)) {
            for (place, value) in places.iter_mut().zip(ends[0]..ends[1]) {
                *place = value as i32;
            }
        }
        let indices = Tensor::from_data(TensorData::new(indices, [batch * longest]), device);
        Places { batch, longest, indices }
    }

    /// `[n_values, d]` to `[batch, longest, d]`.
    fn fill(&self, values: Tensor<2>, padding: f32) -> Tensor<3> {
        let [_, d] = values.dims();
        let padding = Tensor::full([1, d], padding, &values.device());
        let filled = Tensor::cat(vec![values, padding], 0).select(0, self.indices.clone());
        filled.reshape([self.batch, self.longest, d])
    }

    /// Weights `[batch, 1, longest]` of vectors `[n_values, d]`, to `[batch, d]`.
    fn sum(&self, weights: Tensor<3>, vectors: Tensor<2>) -> Tensor<2> {
        let [_, d] = vectors.dims();
        weights.matmul(self.fill(vectors, 0.0)).reshape([self.batch, d])
    }
}
