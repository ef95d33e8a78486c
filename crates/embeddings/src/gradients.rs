//! The gradients of the rows that a step touched.

use std::ops::Range;

use burn::module::ParamId;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::reads::{Reads, from_host};
use crate::rows::{self, group, indices, segment_sum};
use crate::tape::Part;
use crate::{Lookup, TableRules};

/// The gradients of the rows that one step touched, for every table.
#[derive(Debug, Clone, Default)]
pub struct RowGradients {
    /// Gradients of what the network read.
    leaves: Vec<Values>,
    tables: Vec<TableGradient>,
    /// Whether that is known already.
    is_finite: bool,
}

/// A gradient that is NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the gradient of lookup {lookup} of {n_lookups} (counting from 0, those that the loss depends on) is NaN, \
     infinite or so large that its sum is; lower the learning rate or look for extreme values in the batch"
)]
pub struct NonFiniteGradient {
    /// The parameter of a table that the lookup reads.
    pub param: ParamId,
    /// Which lookup of the step it was, of those that the loss depends on, in the order of the forward
    /// pass.
    pub lookup: usize,
    /// The number of lookups that the loss depends on.
    pub n_lookups: usize,
}

/// The gradient of a leaf, as a tensor or as values on the host.
#[derive(Debug, Clone)]
enum Values {
    Tensor(Tensor<2>),
    Host(TensorData, Device),
}

/// What the step knows of the gradient of one table.
#[derive(Debug, Clone)]
pub(crate) struct TableGradient {
    pub(crate) param: ParamId,
    pub(crate) rules: TableRules,
    parts: Vec<LeafPart>,
}

/// The columns of a leaf that belong to the table.
#[derive(Debug, Clone)]
struct LeafPart {
    leaf: usize,
    columns: Range<usize>,
    reads: Reads,
}

/// The gradient of one table on the host, ready to be summed row by row.
pub(crate) struct HostGradient<'a> {
    /// Every touched row and the range of `positions` that touch it.
    pub(crate) rows: Vec<(u32, Range<u32>)>,
    positions: Vec<u32>,
    parts: Vec<HostPart<'a>>,
    /// Where each part's positions begin.
    first: Vec<usize>,
}

/// A part whose gradient is read in place, or was merged by rows beforehand.
struct HostPart<'a> {
    reads: Option<&'a Reads>,
    columns: Range<usize>,
    d_out: usize,
    values: std::borrow::Cow<'a, [f32]>,
}

impl RowGradients {
    pub(crate) fn push(&mut self, gradient: Tensor<2>, parts: Vec<Part>) {
        let leaf = self.leaves.len();
        self.leaves.push(Values::Tensor(gradient));
        self.is_finite = false;
        for Part { param, rules, columns, reads } in parts {
            let part = LeafPart { leaf, columns, reads };
            match self.tables.iter_mut().find(|table| table.param == param) {
                Some(table) => table.parts.push(part),
                None => self.tables.push(TableGradient { param, rules, parts: vec![part] }),
            }
        }
    }

    /// The number of tables with a gradient.
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Whether no table has a gradient.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The touched rows of the table `param`, each once, and their gradient `[n_rows, d_embedding]`.
    ///
    /// [`SparseOptimizer::step`](crate::SparseOptimizer::step) does without this tensor where it can.
    pub fn get(&mut self, param: ParamId) -> Option<(Vec<u32>, Tensor<2>)> {
        let RowGradients { leaves, tables, .. } = self;
        let table = tables.iter().find(|table| table.param == param)?;
        if !table.parts.iter().all(|part| leaves[part.leaf].is_on_host()) {
            return Some(table.merge(leaves));
        }
        table.parts.iter().for_each(|part| leaves[part.leaf].bring_to_host());
        let gradient = table.on_host(leaves);
        let d = table.parts.first().map_or(0, |part| part.columns.len());
        let mut merged = vec![0.0; gradient.rows.len() * d];
        gradient.rows.par_chunks(256).zip(merged.par_chunks_mut(256 * d)).for_each(|(rows, merged)| {
            for ((_, positions), sum) in rows.iter().zip(merged.chunks_exact_mut(d)) {
                gradient.sum_into(positions.clone(), sum);
            }
        });
        let rows = gradient.rows.iter().map(|(row, _)| *row).collect();
        let device = leaves[table.parts[0].leaf].device();
        Some((rows, from_host(merged, d, &device)))
    }

    /// Looks for gradients that are NaN or infinite, once.
    ///
    /// A device other than the host has to wait for the backward pass.
    ///
    /// # Errors
    /// If there is one.
    pub fn check_finite(&mut self) -> Result<(), NonFiniteGradient> {
        if self.is_finite {
            return Ok(());
        }
        for (lookup, leaf) in self.leaves.iter().enumerate() {
            if !leaf.is_finite() {
                let reads_it = |table: &&TableGradient| table.parts.iter().any(|part| part.leaf == lookup);
                if let Some(table) = self.tables.iter().find(reads_it) {
                    let n_lookups = self.leaves.len();
                    return Err(NonFiniteGradient { param: table.param, lookup, n_lookups });
                }
            }
        }
        self.is_finite = true;
        Ok(())
    }

    pub(crate) fn contains(&self, param: ParamId) -> bool {
        self.tables.iter().any(|table| table.param == param)
    }

    pub(crate) fn remove(&mut self, param: ParamId) -> Option<TableGradient> {
        let index = self.tables.iter().position(|table| table.param == param)?;
        Some(self.tables.swap_remove(index))
    }

    /// The gradient of `table` on the host.
    pub(crate) fn on_host<'a>(&'a mut self, table: &'a TableGradient) -> HostGradient<'a> {
        for part in &table.parts {
            self.leaves[part.leaf].bring_to_host();
        }
        table.on_host(&self.leaves)
    }

    /// The gradient of `table` as a tensor.
    pub(crate) fn merged(&self, table: &TableGradient) -> (Vec<u32>, Tensor<2>) {
        table.merge(&self.leaves)
    }
}

impl Values {
    fn is_finite(&self) -> bool {
        // A sum is finite only if every summand is; one that overflows is no gradient to follow either.
        let finite = |values: &[f32]| match values.len() < 1 << 18 {
            true => sum(values).is_finite(),
            false => values.par_chunks(1 << 16).map(sum).sum::<f32>().is_finite(),
        };
        match self {
            Values::Host(data, _) => data.as_slice::<f32>().is_ok_and(finite),
            Values::Tensor(tensor) => rows::read(tensor, finite)
                .unwrap_or_else(|| tensor.clone().sum().into_scalar::<f32>().is_finite()),
        }
    }

    /// Whether [`bring_to_host`](Self::bring_to_host) takes no transfer.
    fn is_on_host(&self) -> bool {
        match self {
            Values::Host(..) => true,
            Values::Tensor(tensor) => rows::is_on_host(tensor),
        }
    }

    fn device(&self) -> Device {
        match self {
            Values::Host(_, device) => device.clone(),
            Values::Tensor(tensor) => tensor.device(),
        }
    }

    /// Brings the values to the host; without a copy if they are there and nothing else refers to them.
    fn bring_to_host(&mut self) {
        if let Values::Tensor(tensor) = self {
            let device = tensor.device();
            let nothing = Tensor::empty([0, 0], &device);
            let data = std::mem::replace(tensor, nothing).into_data().convert::<f32>();
            *self = Values::Host(data, device);
        }
    }

    /// The values on the host, and the width of a row.
    fn host(&self) -> (&[f32], usize) {
        match self {
            Values::Host(data, _) => (data.as_slice().unwrap_or_default(), data.shape()[1]),
            Values::Tensor(_) => (&[], 0),
        }
    }

    /// The columns `columns` as a tensor.
    fn columns(&self, columns: &Range<usize>) -> Tensor<2> {
        let tensor = match self {
            Values::Tensor(tensor) => tensor.clone(),
            Values::Host(data, device) => Tensor::from_data(data.clone(), device),
        };
        let [n, d] = tensor.dims();
        if *columns == (0..d) { tensor } else { tensor.slice([0..n, columns.clone()]) }
    }
}

impl TableGradient {
    /// The touched rows and their gradient `[n_rows, d]`.
    fn merge(&self, leaves: &[Values]) -> (Vec<u32>, Tensor<2>) {
        let merge = |part: &LeafPart| part.reads.merge(leaves[part.leaf].columns(&part.columns));
        let (rows, gradient) = match self.parts.as_slice() {
            [part] => (part.reads.lookup().rows().to_vec(), merge(part)),
            parts => {
                let rows: Vec<&[u32]> = parts.iter().map(|part| part.reads.lookup().rows()).collect();
                let gradients = parts.iter().map(merge).collect();
                let lookup = Lookup::new(&rows.concat());
                let gradient = Tensor::cat(gradients, 0);
                (lookup.rows().to_vec(), segment_sum(gradient, lookup.inverse(), lookup.rows().len()))
            }
        };
        let Some(padding) = self.rules.padding else { return (rows, gradient) };
        let kept: Vec<u32> = (0..).zip(&rows).filter(|(_, row)| **row != padding).map(|(at, _)| at).collect();
        if kept.len() == rows.len() {
            return (rows, gradient);
        }
        let device = gradient.device();
        let [_, d] = gradient.dims();
        let gradient = match kept.as_slice() {
            [] => Tensor::zeros([0, d], &device),
            kept => gradient.select(0, indices(kept, &device)),
        };
        (kept.iter().map(|&at| rows[at as usize]).collect(), gradient)
    }

    fn on_host<'a>(&'a self, leaves: &'a [Values]) -> HostGradient<'a> {
        let mut parts = Vec::with_capacity(self.parts.len());
        let mut first = Vec::with_capacity(self.parts.len());
        let mut touched: Vec<u32> = Vec::new();
        for LeafPart { leaf, columns, reads } in &self.parts {
            let (values, d_out) = leaves[*leaf].host();
            first.push(touched.len());
            if reads.is_by_element() {
                let merged = reads.merge_on_host(values, d_out, columns);
                parts.push(HostPart {
                    reads: None,
                    columns: 0..columns.len(),
                    d_out: columns.len(),
                    values: merged.into(),
                });
                touched.extend_from_slice(reads.lookup().rows());
            } else {
                parts.push(HostPart {
                    reads: Some(reads),
                    columns: columns.clone(),
                    d_out,
                    values: values.into(),
                });
                if self.parts.len() > 1 {
                    touched.extend(reads.lookup().ids());
                }
            }
        }
        // One lookup has its duplicates removed already.
        let merged;
        let lookup = match self.parts.as_slice() {
            [part] if !part.reads.is_by_element() => part.reads.lookup(),
            _ => {
                merged = Lookup::new(&touched);
                &merged
            }
        };
        let (offsets, positions) = group(lookup.inverse(), lookup.rows().len());
        let rows: Vec<(u32, Range<u32>)> = lookup
            .rows()
            .iter()
            .zip(offsets.windows(2))
            .filter(|(row, _)| Some(**row) != self.rules.padding)
            .map(|(row, pair)| (*row, pair[0]..pair[1]))
            .collect();
        HostGradient { rows, positions, parts, first }
    }
}

impl HostGradient<'_> {
    /// Puts the gradient of the row that `positions` touch into `sum`.
    pub(crate) fn sum_into(&self, positions: Range<u32>, sum: &mut [f32]) {
        sum.fill(0.0);
        for &position in &self.positions[positions.start as usize..positions.end as usize] {
            let position = position as usize;
            let part = match self.first.len() {
                1 => 0,
                _ => self.first.partition_point(|&first| first <= position) - 1,
            };
            let position = position - self.first[part];
            let HostPart { reads, columns, d_out, values } = &self.parts[part];
            match reads {
                Some(reads) => reads.accumulate(position, values, *d_out, columns, sum),
                None => {
                    let gradient = &values[position * d_out..][..*d_out];
                    sum.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
                }
            }
        }
    }
}

/// In lanes, so that it is done with vector instructions.
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f32>() + rest
}
