//! From a message to the next memory of a node.

use burn::config::Config;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::dense::{forward_layer, seeded_linear};

/// The kind of a [`MemoryUpdater`].
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum MemoryCell {
    /// A gated recurrent unit (Cho et al. 2014).
    Gru,
    /// A plain recurrent unit with tanh.
    Rnn,
}

/// A recurrent unit whose input is a message and whose state is a memory.
///
/// ```text
/// GRU: r, z = sigmoid(W x + U s + b), n = tanh(W_n x + b_n + r (U_n s + c_n)), s' = (1 - z) n + z s
/// RNN: s' = tanh(W x + U s + b)
/// ```
#[derive(Module, Debug)]
pub struct MemoryUpdater {
    /// `W`, `[d_message, 3 d_memory]` (r, z, n) or `[d_message, d_memory]`.
    pub input: Linear,
    /// `U`, `[d_memory, 3 d_memory]` or `[d_memory, d_memory]`.
    pub state: Linear,
    #[module(skip)]
    cell: MemoryCell,
}

impl MemoryUpdater {
    pub(super) fn new(
        cell: MemoryCell,
        d_message: usize,
        d_memory: usize,
        seed: u64,
        stream: u64,
        device: &Device,
    ) -> Self {
        let width = match cell {
            MemoryCell::Gru => 3 * d_memory,
            MemoryCell::Rnn => d_memory,
        };
        MemoryUpdater {
            input: seeded_linear(d_message, width, seed, stream, device),
            state: seeded_linear(d_memory, width, seed, stream + 1, device),
            cell,
        }
    }

    /// The next memories.
    ///
    /// # Shapes
    /// - `messages`: `[n, d_message]`
    /// - `memory` and output: `[n, d_memory]`
    pub fn forward(&self, messages: Tensor<2>, memory: Tensor<2>) -> Tensor<2> {
        let [_, d] = memory.dims();
        let of_message = forward_layer(&self.input, messages, false);
        let of_memory = forward_layer(&self.state, memory.clone(), false);
        match self.cell {
            MemoryCell::Rnn => (of_message + of_memory).tanh(),
            MemoryCell::Gru => {
                let part = |tensor: &Tensor<2>, at: usize, n: usize| tensor.clone().narrow(1, at * d, n * d);
                let gates = sigmoid(part(&of_message, 0, 2) + part(&of_memory, 0, 2));
                let (reset, keep) = (part(&gates, 0, 1), part(&gates, 1, 1));
                let new = (part(&of_message, 2, 1) + reset * part(&of_memory, 2, 1)).tanh();
                new.clone() + keep * (memory - new)
            }
        }
    }
}
