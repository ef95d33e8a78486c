//! The lookups of one step and their gradients.

use burn::module::ParamId;
use burn::tensor::{Device, Gradients, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::Lookup;

/// Records the lookups of one training step, so that their gradients can be found afterwards.
///
/// Pass [`Tape::new`] to train and [`Tape::off`] to only look up.
#[derive(Debug, Default)]
pub struct Tape {
    lookups: Vec<Recorded>,
    is_recording: bool,
}

/// One lookup: the leaf holds the rows `rows` of the table `param`.
#[derive(Debug)]
struct Recorded {
    param: ParamId,
    rows: Vec<u32>,
    leaf: Tensor<2>,
}

impl Tape {
    /// A tape that records.
    pub fn new() -> Self {
        Tape { lookups: Vec::new(), is_recording: true }
    }

    /// A tape that records nothing: lookups give plain tensors without gradients.
    pub fn off() -> Self {
        Tape::default()
    }

    /// Whether lookups are recorded.
    pub fn is_recording(&self) -> bool {
        self.is_recording
    }

    pub(crate) fn record(&mut self, param: ParamId, rows: Vec<u32>, leaf: Tensor<2>) {
        self.lookups.push(Recorded { param, rows, leaf });
    }

    /// Takes the gradients of all recorded lookups out of `grads`.
    ///
    /// Several lookups in one table are added up. A lookup that the loss does not depend on gives
    /// nothing.
    pub fn gradients(self, grads: &mut Gradients) -> RowGradients {
        let mut tables: Vec<TableGradient> = Vec::new();
        for Recorded { param, rows, leaf } in self.lookups {
            let Some(gradient) = leaf.grad_remove(grads) else { continue };
            let new = TableGradient { param, rows, gradient };
            match tables.iter_mut().find(|table| table.param == param) {
                Some(table) => table.add(new),
                None => tables.push(new),
            }
        }
        RowGradients { tables }
    }
}

/// The gradients of the rows that one step touched, for every table.
#[derive(Debug, Clone, Default)]
pub struct RowGradients {
    tables: Vec<TableGradient>,
}

/// The gradient of the distinct rows `rows` of the table `param`.
#[derive(Debug, Clone)]
pub(crate) struct TableGradient {
    pub(crate) param: ParamId,
    /// Distinct row indices.
    pub(crate) rows: Vec<u32>,
    /// `[rows.len(), d_embedding]`
    pub(crate) gradient: Tensor<2>,
}

impl RowGradients {
    /// The number of tables with a gradient.
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Whether no table has a gradient.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The touched rows of the table `param` and their gradient `[n_rows, d_embedding]`.
    pub fn get(&self, param: ParamId) -> Option<(&[u32], &Tensor<2>)> {
        let table = self.tables.iter().find(|table| table.param == param)?;
        Some((&table.rows, &table.gradient))
    }

    pub(crate) fn remove(&mut self, param: ParamId) -> Option<TableGradient> {
        let index = self.tables.iter().position(|table| table.param == param)?;
        Some(self.tables.swap_remove(index))
    }
}

impl TableGradient {
    /// Adds the gradient of another lookup in the same table.
    fn add(&mut self, other: TableGradient) {
        let rows: Vec<u32> = self.rows.iter().chain(&other.rows).copied().collect();
        let both = Tensor::cat(vec![self.gradient.clone(), other.gradient], 0);
        let lookup = Lookup::new(&rows);
        let device = both.device();
        let [_, d_embedding] = both.dims();
        self.gradient = Tensor::zeros([lookup.rows().len(), d_embedding], &device).select_assign(
            0,
            row_indices(lookup.inverse(), &device),
            both,
            IndexingUpdateOp::Add,
        );
        self.rows = lookup.rows().to_vec();
    }
}

/// Row indices as a tensor `[rows.len()]`.
pub(crate) fn row_indices(rows: &[u32], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    let n_rows = rows.len();
    Tensor::from_data(TensorData::new(rows, [n_rows]), device)
}
