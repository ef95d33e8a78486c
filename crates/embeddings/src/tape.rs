//! The lookups of one step.

use std::ops::Range;

use burn::module::ParamId;
use burn::tensor::{Device, Gradients, Tensor};

use crate::reads::Reads;
use crate::{RowGradients, TableRules};

/// Records the lookups of one training step, so that their gradients can be found afterwards.
///
/// Pass [`Tape::new`] to train and [`Tape::off`] to only look up.
#[derive(Debug)]
pub struct Tape {
    lookups: Vec<Recorded>,
    is_recording: bool,
}

/// One tensor of vectors that the network reads: a leaf of the autodiff graph.
#[derive(Debug)]
struct Recorded {
    leaf: Tensor<2>,
    parts: Vec<Part>,
}

/// The columns of a leaf that come from one table.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) param: ParamId,
    pub(crate) rules: TableRules,
    pub(crate) columns: Range<usize>,
    pub(crate) reads: Reads,
}

impl Tape {
    /// A tape that records.
    #[expect(
        clippy::new_without_default,
        reason = "whoever reads `default()` cannot tell whether it records"
    )]
    pub fn new() -> Self {
        Tape { lookups: Vec::new(), is_recording: true }
    }

    /// A tape that records nothing: lookups give plain tensors without gradients.
    pub fn off() -> Self {
        Tape { lookups: Vec::new(), is_recording: false }
    }

    /// Whether lookups are recorded.
    pub fn is_recording(&self) -> bool {
        self.is_recording
    }

    /// Makes `values` a leaf of the autodiff graph, with the checkpointing of `device`, and remembers where
    /// they come from.
    pub(crate) fn record(&mut self, values: Tensor<2>, device: &Device, parts: Vec<Part>) -> Tensor<2> {
        let leaf = values.autodiff();
        let leaf = match device.gradient_checkpointing_strategy() {
            Some(strategy) => leaf.with_gradient_checkpointing_strategy(strategy),
            None => leaf,
        };
        let leaf = leaf.require_grad();
        self.lookups.push(Recorded { leaf: leaf.clone(), parts });
        leaf
    }

    /// Takes the gradients of all recorded lookups out of `grads`.
    ///
    /// Several lookups in one table are added up. A lookup that the loss does not depend on gives
    /// nothing.
    pub fn gradients(self, grads: &mut Gradients) -> RowGradients {
        let mut gradients = RowGradients::default();
        for Recorded { leaf, parts } in self.lookups {
            if let Some(gradient) = leaf.grad_remove(grads) {
                gradients.push(gradient, parts);
            }
        }
        gradients
    }
}
