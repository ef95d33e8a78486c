//! Products of a constant sparse matrix with dense ones that have a column or more.

use std::borrow::Cow;
use std::sync::Arc;

use super::{BLOCK, Matrix, Operation, blocks_mut, in_parallel};
use crate::kernels::HostTable;
use crate::sparse_matrix::CompressedRows;

/// About how many entries and rows a task works on: a row of the output costs about as much as an entry.
const WORK_A_TASK: usize = 1 << 13;

/// Of no row.
const NONE: u32 = u32::MAX;

/// `A X`.
///
/// # Shapes
/// - input: `[n_columns, d]`
/// - output: `[n_rows, d]`
#[derive(Debug)]
pub(crate) struct SparseProduct {
    pub(crate) rows: Arc<CompressedRows>,
    /// The rows of the transpose.
    pub(crate) columns: Arc<CompressedRows>,
}

/// Some rows of the mean of `X`, `A X`, ..., `A^n X`; A is square.
///
/// # Shapes
/// - input: `[n_rows, d]`
/// - output: `[at.len(), d]`
#[derive(Debug)]
pub(crate) struct MeanOfPowers {
    pub(crate) rows: Arc<CompressedRows>,
    /// The rows of the transpose.
    pub(crate) columns: Arc<CompressedRows>,
    pub(crate) n_powers: usize,
    pub(crate) at: Vec<u32>,
}

impl Operation<1> for SparseProduct {
    fn forward(&self, [x]: &[Matrix; 1]) -> Matrix {
        product(&self.rows, x)
    }

    fn backward(&self, _: &[Matrix; 1], _: &Matrix, gradient: Matrix, _: [bool; 1]) -> [Option<Matrix>; 1] {
        [Some(product(&self.columns, &gradient))]
    }
}

fn product(rows: &CompressedRows, x: &Matrix) -> Matrix {
    let [_, d] = x.dims();
    let mut out = vec![0.0; rows.n_rows() * d];
    multiply(rows, HostTable { values: x.values(), d }, &mut out, |_, _| ());
    Matrix::new(out, [rows.n_rows(), d])
}

impl Operation<1> for MeanOfPowers {
    fn forward(&self, [x]: &[Matrix; 1]) -> Matrix {
        let [_, d] = x.dims();
        let mut sum = vec![0.0; self.at.len() * d];
        let mut power = Cow::Borrowed(x.values());
        let mut next = Vec::new();
        for n_done in 0..=self.n_powers {
            add_rows(HostTable { values: &power, d }, &self.at, &mut sum);
            if n_done + 1 >= self.n_powers {
                break;
            }
            next.resize(x.values().len(), 0.0);
            multiply(&self.rows, HostTable { values: &power, d }, &mut next, |_, _| ());
            power = Cow::Owned(match power {
                Cow::Borrowed(_) => std::mem::take(&mut next),
                Cow::Owned(done) => std::mem::replace(&mut next, done),
            });
        }
        if self.n_powers > 0 {
            // Nothing else reads the last power.
            let mut last = vec![0.0; sum.len()];
            multiply(&self.rows.some(&self.at), HostTable { values: &power, d }, &mut last, |_, _| ());
            sum.iter_mut().zip(&last).for_each(|(sum, last)| *sum += last);
        }
        let scale = 1.0 / (self.n_powers + 1) as f32;
        sum.iter_mut().for_each(|value| *value *= scale);
        Matrix::new(sum, [self.at.len(), d])
    }

    /// With the gradient G spread over all rows, `(G + B (G + B (... + B G))) / (n + 1)`, B the transpose.
    fn backward(&self, [x]: &[Matrix; 1], _: &Matrix, gradient: Matrix, _: [bool; 1]) -> [Option<Matrix>; 1] {
        let [n_rows, d] = x.dims();
        let scale = 1.0 / (self.n_powers + 1) as f32;
        let spread = Spread::new(&self.at, gradient.values(), n_rows, d, scale);
        let add = |first: usize, out: &mut [f32]| spread.add_to(first, out);
        let mut sum = vec![0.0; n_rows * d];
        if self.n_powers == 0 {
            add(0, &mut sum);
            return [Some(Matrix::new(sum, [n_rows, d]))];
        }
        spread.multiply(&self.columns, &mut sum, add);
        let mut next = Vec::new();
        for _ in 1..self.n_powers {
            next.resize(sum.len(), 0.0);
            multiply(&self.columns, HostTable { values: &sum, d }, &mut next, add);
            std::mem::swap(&mut sum, &mut next);
        }
        [Some(Matrix::new(sum, [n_rows, d]))]
    }
}

/// A gradient of some rows, the others zero.
struct Spread {
    /// `[n_rows]`: where the gradient of a row is, or [`NONE`].
    slots: Vec<u32>,
    /// `[n_slots, d]`
    values: Vec<f32>,
    d: usize,
}

impl Spread {
    /// Rows named several times have the sum of their gradients.
    fn new(at: &[u32], gradient: &[f32], n_rows: usize, d: usize, scale: f32) -> Self {
        let mut slots = vec![NONE; n_rows];
        let mut values: Vec<f32> = Vec::with_capacity(gradient.len());
        for (&row, gradient) in at.iter().zip(gradient.chunks_exact(d)) {
            let slot = &mut slots[row as usize];
            if *slot == NONE {
                *slot = (values.len() / d) as u32;
                values.extend(gradient.iter().map(|value| scale * value));
            } else {
                let sum = &mut values[*slot as usize * d..][..d];
                sum.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += scale * value);
            }
        }
        Spread { slots, values, d }
    }

    /// Adds what there is for the rows from `first` on.
    fn add_to(&self, first: usize, out: &mut [f32]) {
        let Spread { slots, values, d } = self;
        for (&slot, out) in slots[first..].iter().zip(out.chunks_exact_mut(*d)) {
            if slot != NONE {
                let values = &values[slot as usize * d..][..*d];
                out.iter_mut().zip(values).for_each(|(out, value)| *out += value);
            }
        }
    }

    /// The product of a matrix with it: entries that meet zeros are left out.
    fn multiply(&self, rows: &CompressedRows, out: &mut [f32], finish: impl Fn(usize, &mut [f32]) + Sync) {
        let table = HostTable { values: &self.values, d: self.d };
        in_parallel(tasks(rows, out, self.d), |(range, out)| {
            let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
            for row in range.clone() {
                let (of_row, values_of_row) = rows.row(row);
                for (&column, &value) in of_row.iter().zip(values_of_row) {
                    let slot = self.slots[column as usize];
                    if slot != NONE {
                        columns.push(slot);
                        values.push(value);
                    }
                }
                offsets.push(columns.len() as u32);
            }
            table.sum(&columns, &offsets, Some(&values), out, (self.d, 0));
            finish(range.start, out);
        });
    }
}

/// Fills `out` with the product of a matrix and `x`; `finish` then sees each part of it and its first row.
///
/// A row of the output is made by one task, in the order of its entries: the bits do not depend on the number
/// of threads.
fn multiply(
    rows: &CompressedRows,
    x: HostTable<'_>,
    out: &mut [f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    in_parallel(tasks(rows, out, x.d), |(range, out)| {
        let offsets = &rows.offsets[range.start..=range.end];
        x.sum(&rows.columns, offsets, Some(&rows.values), out, (x.d, 0));
        finish(range.start, out);
    });
}

/// The output `[n_rows, d]` in parts of about the same work.
fn tasks<'a>(
    rows: &CompressedRows,
    mut out: &'a mut [f32],
    d: usize,
) -> Vec<(std::ops::Range<usize>, &'a mut [f32])> {
    let mut tasks = Vec::new();
    let (mut first, mut work) = (0, 0);
    for row in 0..rows.n_rows() {
        work += 1 + (rows.offsets[row + 1] - rows.offsets[row]) as usize;
        if work >= WORK_A_TASK || row + 1 == rows.n_rows() {
            let (part, rest) = std::mem::take(&mut out).split_at_mut((row + 1 - first) * d);
            tasks.push((first..row + 1, part));
            (out, first, work) = (rest, row + 1, 0);
        }
    }
    tasks
}

/// `out[i] += table[at[i]]`
fn add_rows(table: HostTable<'_>, at: &[u32], out: &mut [f32]) {
    let blocks = at.chunks(BLOCK).zip(blocks_mut(out, table.d)).collect();
    in_parallel(blocks, |(at, out)| {
        for (&row, out) in at.iter().zip(out.chunks_exact_mut(table.d)) {
            let row = &table.values[row as usize * table.d..][..table.d];
            out.iter_mut().zip(row).for_each(|(out, value)| *out += value);
        }
    });
}

impl CompressedRows {
    /// The matrix of these rows.
    fn some(&self, at: &[u32]) -> CompressedRows {
        let mut some = CompressedRows { offsets: vec![0], columns: Vec::new(), values: Vec::new() };
        for &row in at {
            let (columns, values) = self.row(row as usize);
            some.columns.extend_from_slice(columns);
            some.values.extend_from_slice(values);
            some.offsets.push(some.columns.len() as u32);
        }
        some
    }
}
