//! A network over events: what a node is changes with whom it meets.

mod attention;
mod decoder;
mod events;
mod memory;
mod state;
mod time_encoding;

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, TableInitializer, Tape};

pub use attention::RecentAttention;
pub use decoder::{DecoderKind, LinkDecoder};
pub use events::{TemporalError, TemporalEvents};
pub use memory::{MemoryCell, MemoryUpdater};
pub use state::{StateSizes, TemporalQuery, TemporalState, TemporalView};
pub use time_encoding::TimeEncoding;

use crate::streams;
use attention::AttentionSizes;

/// Configuration of a [`TemporalGraphNetwork`].
#[derive(Config, Debug)]
pub struct TemporalGraphNetworkConfig {
    /// Nodes are below it; users and items have numbers of their own.
    pub n_nodes: usize,
    /// The number of features of an event, such as a rating.
    #[config(default = 0)]
    pub d_features: usize,
    /// The size of a node's memory.
    #[config(default = 64)]
    pub d_memory: usize,
    /// The size of what encodes a time span.
    #[config(default = 16)]
    pub d_time: usize,
    /// The size of the vectors that links are decoded from.
    #[config(default = 64)]
    pub d_output: usize,
    /// The last neighbours that a node looks at. Time and memory grow with it.
    #[config(default = 10)]
    pub n_neighbours: usize,
    /// Heads of attention; they divide `d_memory`.
    #[config(default = 2)]
    pub n_heads: usize,
    /// How a message changes a memory.
    #[config(default = "MemoryCell::Gru")]
    pub cell: MemoryCell,
    /// How links are decoded.
    #[config(default = "DecoderKind::Product")]
    pub decoder: DecoderKind,
    /// Whether every node has a learned vector, the paper's node features: without any, nodes that have met
    /// nobody are all alike, and so are those who meet them.
    #[config(default = true)]
    pub has_node_vectors: bool,
    /// Seconds: the time encoding begins with periods from the first to the second.
    #[config(default = "[60.0, 3.0e8]")]
    pub periods: [f64; 2],
    /// How the vectors of nodes are first filled.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// A temporal graph network with attention, TGN-attn (Rossi et al. 2020, "Temporal graph networks for deep
/// learning on dynamic graphs").
///
/// ```text
/// message of i when it meets j = [h_i | h_j | time(t - t of i's last message) | features of the event]
/// memory s_i = cell(last message of i, s_i)        h_i = s_i + v_i, the learned vector of the node
/// z_i(t)     = attention of h_i over the h_j of its last neighbours, how long ago they met, and how
/// logit(i, j, t) = decoder(z_i, z_j)
/// ```
///
/// The memories are no weights: they are in a [`TemporalState`], which events pass through in the order of
/// time. An event leaves a message that waits until its node is looked at again (section 3.2 and figure 2 of
/// the paper). So the prediction of an event depends on what was before it alone, while the loss of the next
/// events trains what makes memories of messages.
///
/// A step of training or of prediction: [`TemporalState::view`] of the nodes in question,
/// [`embed`](Self::embed), a loss or scores from [`decoder`](Self::decoder), and [`TemporalState::pass`] for the
/// events that happened.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::Tape;
/// use burn_recsys_models::{TemporalEvents, TemporalGraphNetworkConfig, TemporalQuery};
///
/// let model = TemporalGraphNetworkConfig::new(5).init(&Device::default());
/// let mut state = model.state();
/// // User 0 meets item 3; a minute later we ask what user 0 thinks of items 3 and 4.
/// model.pass(&mut state, &TemporalEvents::new(5, vec![0], vec![3], vec![1_000], vec![], 0)?);
/// let queries = [0, 3, 4].map(|node| TemporalQuery { node, time: 1_060 });
/// let vectors = model.embed(&state.view(&queries), &mut Tape::off()).vectors;
/// let logits = model.decoder.forward(vectors.clone().narrow(0, 0, 1), vectors.narrow(0, 1, 2));
/// assert_eq!(logits.dims(), [1, 2]);
/// # Ok::<(), burn_recsys_models::TemporalError>(())
/// ```
#[derive(Module, Debug)]
pub struct TemporalGraphNetwork {
    /// The learned vectors of nodes, `[n_nodes, d_memory]`.
    pub nodes: Option<EmbeddingTable>,
    /// Of time spans.
    pub time: TimeEncoding,
    /// From messages to memories.
    pub memory: MemoryUpdater,
    /// From memories to vectors.
    pub attention: RecentAttention,
    /// From vectors to logits.
    pub decoder: LinkDecoder,
    #[module(skip)]
    sizes: StateSizes,
}

/// What a forward pass gives.
#[derive(Debug, Clone)]
pub struct TemporalVectors {
    /// Of the nodes asked for, `[n_queries, d_output]`.
    pub vectors: Tensor<2>,
    /// The memories of all nodes of the view, with the messages that waited, `[n, d_memory]`.
    pub memory: Tensor<2>,
}

impl TemporalVectors {
    /// The memories on the host, row-major: what [`TemporalState::pass`] takes.
    pub fn memory_values(&self) -> Vec<f32> {
        let data = self.memory.clone().without_autodiff().into_data();
        #[expect(clippy::expect_used, reason = "weights and memories are of f32")]
        data.try_to_vec().expect("memories of f32")
    }
}

impl TemporalGraphNetworkConfig {
    /// A fresh model on `device`.
    ///
    /// # Panics
    /// If a size other than `d_features` and `n_neighbours` is 0, the heads do not divide the memory, or the
    /// periods are not positive and ascending.
    pub fn init(&self, device: &Device) -> TemporalGraphNetwork {
        let &TemporalGraphNetworkConfig {
            n_nodes,
            d_features,
            d_memory,
            d_time,
            d_output,
            n_neighbours,
            n_heads,
            seed,
            ..
        } = self;
        assert!(
            n_nodes > 0 && d_memory > 0 && d_output > 0,
            "a network of {n_nodes} nodes, memories of size {d_memory} and vectors of size {d_output}"
        );
        let nodes = self.has_node_vectors.then(|| {
            EmbeddingTableConfig::new(n_nodes, d_memory)
                .with_initializer(self.initializer)
                .with_seed(seed)
                .init(device)
        });
        let stream = |part: u64| streams::TEMPORAL + (part << 8);
        let d_message = 2 * d_memory + d_time + d_features;
        let sizes = AttentionSizes { d_memory, d_time, d_features, d_output, n_heads };
        TemporalGraphNetwork {
            nodes,
            time: TimeEncoding::new(d_time, self.periods, device),
            memory: MemoryUpdater::new(self.cell, d_message, d_memory, seed, stream(0), device),
            attention: RecentAttention::new(&sizes, seed, stream(1), device),
            decoder: LinkDecoder::new(self.decoder, d_output, seed, stream(2), device),
            sizes: StateSizes { n_nodes, d_memory, d_features, n_neighbours },
        }
    }
}

impl TemporalGraphNetwork {
    /// A state in which nothing has happened.
    pub fn state(&self) -> TemporalState {
        TemporalState::new(self.sizes)
    }

    /// The sizes of the states that the model works with.
    pub fn sizes(&self) -> StateSizes {
        self.sizes
    }

    /// The vectors of the nodes that a view was made for, and the memories of all its nodes.
    ///
    /// # Shapes
    /// - output: `[view.n_queries(), d_output]` and `[view.nodes().len(), d_memory]`
    ///
    /// # Panics
    /// If the view is of a state of other sizes, or there is no query.
    pub fn embed(&self, view: &TemporalView, tape: &mut Tape) -> TemporalVectors {
        assert!(view.n_queries() > 0, "a view of 0 queries");
        let (memory, nodes) = self.remember(view, tape);
        let spans = self.time.forward(&view.ages);
        let events = with_features(spans, &view.neighbour_features, view.sizes.d_features);
        let now = self.time.forward(&[0.0]);
        TemporalVectors { vectors: self.attention.forward(view, nodes, now, events), memory }
    }

    /// Lets events pass that nothing is to be predicted of.
    ///
    /// # Panics
    /// If the state or the events are of other sizes.
    pub fn pass(&self, state: &mut TemporalState, events: &TemporalEvents) {
        if events.is_empty() {
            return;
        }
        let view = state.view_of_nodes(&[events.sources(), events.targets()].concat());
        let (memory, _) = self.remember(&view, &mut Tape::off());
        let values = TemporalVectors { vectors: memory.clone(), memory }.memory_values();
        state.pass(events, &view, &values);
    }

    /// The memories of the nodes of a view with the messages that waited, and these with the nodes' vectors.
    fn remember(&self, view: &TemporalView, tape: &mut Tape) -> (Tensor<2>, Tensor<2>) {
        let (sizes, expected) = (view.sizes, self.sizes);
        assert!(sizes == expected, "a view of {sizes:?} for a model of {expected:?}");
        let device = self.time.phases.val().device();
        let d = sizes.d_memory;
        let (n, m) = (view.nodes.len(), view.waiting.len());
        let rows = |values: &[f32], n: usize| {
            let rows = Tensor::<2>::from_data(TensorData::new(values.to_vec(), [n, d]), &device);
            if tape.is_recording() { rows.autodiff() } else { rows }
        };
        let (old, other) = (rows(&view.memory, n), rows(&view.other_memory, m));
        let vectors = self.nodes.as_ref().map(|table| {
            let ids = [&view.nodes[..], &view.others].concat();
            table.forward(&ids, tape)
        });
        let add = |memory: Tensor<2>, from: usize, n: usize| match &vectors {
            Some(vectors) => memory + vectors.clone().narrow(0, from, n),
            None => memory,
        };
        if m == 0 {
            let nodes = add(old.clone(), 0, n);
            return (old, nodes);
        }
        let waiting: Vec<i32> = view.waiting.iter().map(|&place| place as i32).collect();
        let waiting = Tensor::<1, Int>::from_data(TensorData::new(waiting, [m]), &device);
        let known = add(old.clone(), 0, n);
        let own = known.select(0, waiting.clone());
        let spans = with_features(self.time.forward(&view.deltas), &view.features, sizes.d_features);
        let messages = Tensor::cat(vec![own, add(other, n, m), spans], 1);
        let new = self.memory.forward(messages, old.clone().select(0, waiting));
        // A node's memory is the new one if it has one.
        let mut places: Vec<i32> = (0..n as i32).collect();
        view.waiting.iter().zip(n as i32..).for_each(|(&place, new)| places[place as usize] = new);
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [n]), &device);
        let memory = Tensor::cat(vec![old, new], 0).select(0, places);
        let nodes = add(memory.clone(), 0, n);
        (memory, nodes)
    }
}

/// Time encodings beside the features of events.
fn with_features(times: Tensor<2>, features: &[f32], d_features: usize) -> Tensor<2> {
    if d_features == 0 {
        return times;
    }
    let ([n, _], device) = (times.dims(), times.device());
    let features = Tensor::<2>::from_data(TensorData::new(features.to_vec(), [n, d_features]), &device);
    Tensor::cat(vec![times, features], 1)
}

#[cfg(test)]
mod tests;
