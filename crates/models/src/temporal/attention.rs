//! What a node's last neighbours say of it.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_recsys_embeddings::TableInitializer;
use burn_recsys_embeddings::dense::{affine, forward_stack, seeded_linear, seeded_param};

use super::state::TemporalView;

/// What a place without a neighbour scores: its weight is exactly 0 beside any other.
const ABSENT_SCORE: f32 = -1e9;

/// Attention of several heads of a node over its last neighbours (Rossi et al. 2020, equations 7 to 11, one
/// layer).
///
/// ```text
/// query = [h_i | time(0)] W_q,   keys, values = [h_j | time(t - t_j) | features of the event] W_k, W_v
/// z_i   = W_2 ReLU(W_1 [h_i | softmax(query . keys / sqrt(d)) values])
/// ```
#[derive(Module, Debug)]
pub struct RecentAttention {
    /// Of a node itself, `[d, d_heads]`, and of the time encoding of 0, `[d_time, d_heads]`.
    pub query: [Param<Tensor<2>>; 2],
    /// Of a neighbour, keys then values, `[d, 2 d_heads]`.
    pub neighbour: Param<Tensor<2>>,
    /// Of the event with it, time encoding then features, keys then values, `[d_time + d_features, 2 d_heads]`.
    pub event: Linear,
    /// `W_1` and `W_2`.
    pub output: Vec<Linear>,
    #[module(skip)]
    n_heads: usize,
}

/// The sizes of a [`RecentAttention`].
pub(super) struct AttentionSizes {
    pub(super) d_memory: usize,
    pub(super) d_time: usize,
    pub(super) d_features: usize,
    pub(super) d_output: usize,
    pub(super) n_heads: usize,
}

impl RecentAttention {
    pub(super) fn new(sizes: &AttentionSizes, seed: u64, stream: u64, device: &Device) -> Self {
        let &AttentionSizes { d_memory: d, d_time, d_features, d_output, n_heads } = sizes;
        assert!(n_heads > 0 && d.is_multiple_of(n_heads), "{n_heads} heads for memories of size {d}");
        let matrix = |d_input: usize, d_output: usize, stream: u64| {
            let initializer = TableInitializer::Uniform { bound: 1.0 / (d_input as f64).sqrt() };
            seeded_param([d_input, d_output], initializer, seed, stream, device)
        };
        // A linear layer takes two streams, `2 * stream` and the one after.
        RecentAttention {
            query: [matrix(d, d, 2 * stream), matrix(d_time, d, 2 * stream + 1)],
            neighbour: matrix(d, 2 * d, 2 * stream + 2),
            event: seeded_linear(d_time + d_features, 2 * d, seed, stream + 2, device),
            output: vec![
                seeded_linear(2 * d, d_output, seed, stream + 3, device),
                seeded_linear(d_output, d_output, seed, stream + 4, device),
            ],
            n_heads,
        }
    }

    /// The vectors of the nodes asked for.
    ///
    /// # Shapes
    /// - `nodes`: `[n, d]`, of the nodes of the view
    /// - `now`: `[1, d_time]`, the encoding of 0
    /// - `events`: `[q * n_neighbours, d_time + d_features]`, of the view's neighbours
    /// - output: `[q, d_output]`
    pub(super) fn forward(
        &self,
        view: &TemporalView,
        nodes: Tensor<2>,
        now: Tensor<2>,
        events: Tensor<2>,
    ) -> Tensor<2> {
        let ([n, d], device) = (nodes.dims(), nodes.device());
        let (q, k, heads) = (view.queries.len(), view.sizes.n_neighbours, self.n_heads);
        let places = |places: &[u32]| {
            let places: Vec<i32> = places.iter().map(|&place| place as i32).collect();
            let length = places.len();
            Tensor::<1, Int>::from_data(TensorData::new(places, [length]), &device)
        };
        let own = nodes.clone().select(0, places(&view.queries));
        if k == 0 {
            let none = Tensor::zeros([q, d], &device);
            return forward_stack(&self.output, Tensor::cat(vec![own, none], 1));
        }
        let query =
            affine(vec![(own.clone(), self.query[0].val())], None, false) + now.matmul(self.query[1].val());
        // A node is multiplied once, however many it is a neighbour of.
        let of_nodes =
            Tensor::cat(vec![nodes.matmul(self.neighbour.val()), Tensor::zeros([1, 2 * d], &device)], 0);
        let both = of_nodes.select(0, places(&view.neighbours)) + self.event.forward(events);
        let both = both.reshape([q, k, 2, heads, d / heads]);
        let part = |at: usize| {
            both.clone().narrow(2, at, 1).reshape([q, k, heads, d / heads]).swap_dims(1, 2) // [q, heads, k, d]
        };
        let is_there: Vec<f32> =
            view.neighbours.iter().map(|&place| f32::from(u8::from((place as usize) < n))).collect();
        let is_there = Tensor::<4>::from_data(TensorData::new(is_there, [q, 1, 1, k]), &device);
        let scale = ((d / heads) as f64).sqrt();
        let scores = query.reshape([q, heads, 1, d / heads]).matmul(part(0).swap_dims(2, 3)) / scale;
        let scores = scores + (is_there.clone() - 1.0) * -ABSENT_SCORE;
        // Of a node without neighbours nothing is left.
        let weights = softmax(scores, 3) * is_there;
        let attended = weights.matmul(part(1)).reshape([q, d]);
        forward_stack(&self.output, Tensor::cat(vec![own, attended], 1))
    }
}
