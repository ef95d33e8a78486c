//! Where vectors are kept.

use std::sync::atomic::{AtomicU64, Ordering};

use burn_recsys_data::random::{Random, Stream};
use rayon::prelude::*;

use super::kernels::{LANES, Lanes, Rows, RowsMut, stride};

/// Input and output vectors, row by row, `[n_rows, d]` each.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) inputs: Vec<f32>,
    pub(super) outputs: Vec<f32>,
    pub(super) d: usize,
}

impl Weights {
    /// Inputs uniform in `-0.5 / d .. 0.5 / d`, outputs 0, as word2vec has them.
    pub(super) fn new(n_rows: usize, d: usize, seed: u64) -> Self {
        let random = Random::new(seed, Stream::Weights, 0);
        let mut inputs = vec![0.0; n_rows * d];
        inputs.par_chunks_mut(d).enumerate().for_each(|(row, values)| {
            let mut draws = random.row(row as u64);
            values.iter_mut().for_each(|value| *value = ((draws.uniform() - 0.5) / d as f64) as f32);
        });
        Weights { inputs, outputs: vec![0.0; n_rows * d], d }
    }

    pub(super) fn are_finite(&self) -> bool {
        self.inputs.iter().chain(&self.outputs).all(|value| value.is_finite())
    }
}

/// Values `at * LANES..` of a row of `d` values; zeros beyond its end.
fn lanes_of(row: &[f32], at: usize) -> Lanes {
    let mut lanes = [0.0; LANES];
    let values = &row[at * LANES..row.len().min((at + 1) * LANES)];
    lanes[..values.len()].copy_from_slice(values);
    lanes
}

/// A range of the dimensions of all vectors of a side, a multiple of [`LANES`].
#[derive(Debug, Clone, Default)]
pub(super) struct Panel {
    width: usize,
    values: Vec<f32>,
}

impl Panel {
    /// An empty panel of rows of `width` values.
    pub(super) fn new(width: usize) -> Self {
        Panel { width, values: Vec::new() }
    }

    /// Cuts rows of `d` values into `n_panels` ranges of dimensions, as equal as they can be.
    pub(super) fn cut(rows: &[f32], d: usize, n_panels: usize) -> Vec<Panel> {
        let total = stride(d) / LANES;
        let bounds = |panel: usize| panel * total / n_panels..(panel + 1) * total / n_panels;
        let cut = |panel: usize| {
            let range = bounds(panel);
            let values = rows.chunks_exact(d).flat_map(|row| range.clone().flat_map(|at| lanes_of(row, at)));
            Panel { width: range.len() * LANES, values: values.collect() }
        };
        (0..n_panels).into_par_iter().map(cut).collect()
    }

    /// The rows of `d` values that panels hold together.
    pub(super) fn join(panels: &[&Panel], d: usize) -> Vec<f32> {
        let n_rows = panels.first().map_or(0, |panel| panel.values.len() / panel.width.max(1));
        let mut rows = vec![0.0; n_rows * d];
        for (at, row) in rows.chunks_exact_mut(d).enumerate() {
            let values = panels.iter().flat_map(|panel| &panel.values[at * panel.width..][..panel.width]);
            row.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
        }
        rows
    }

    /// The rows themselves.
    pub(super) fn values_mut(&mut self) -> &mut Vec<f32> {
        &mut self.values
    }

    /// As [`values_mut`](Self::values_mut).
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }
}

impl Rows for Panel {
    #[inline(always)]
    fn row(&self, row: u32) -> &[f32] {
        &self.values[row as usize * self.width..][..self.width]
    }
}

impl Rows for &Panel {
    #[inline(always)]
    fn row(&self, row: u32) -> &[f32] {
        (*self).row(row)
    }
}

impl RowsMut for Panel {
    #[inline(always)]
    fn row_mut(&mut self, row: u32) -> &mut [f32] {
        &mut self.values[row as usize * self.width..][..self.width]
    }
}

/// Vectors that all threads read and write at once, without locks.
///
/// Two values lie in one atomic number. Loads and stores are relaxed: a sum may be lost when two threads
/// add to the same values at the same time, but a value is always one that some thread has stored.
#[derive(Debug)]
pub(super) struct SharedRows {
    width: usize,
    pairs: Vec<AtomicU64>,
}

fn pack([low, high]: [f32; 2]) -> u64 {
    u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32
}

fn unpack(pair: u64) -> [f32; 2] {
    [f32::from_bits(pair as u32), f32::from_bits((pair >> 32) as u32)]
}

impl SharedRows {
    pub(super) fn new(rows: &[f32], d: usize) -> Self {
        let width = stride(d);
        let lanes = rows.chunks_exact(d).flat_map(|row| (0..width / LANES).flat_map(|at| lanes_of(row, at)));
        let values: Vec<f32> = lanes.collect();
        let pairs = values.as_chunks().0.iter().map(|&pair| AtomicU64::new(pack(pair))).collect();
        SharedRows { width, pairs }
    }

    /// The length of a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    fn row(&self, row: u32) -> &[AtomicU64] {
        let length = self.width / 2;
        &self.pairs[row as usize * length..][..length]
    }

    /// Copies a row to `values`.
    #[inline(always)]
    pub(super) fn read(&self, row: u32, values: &mut [f32]) {
        for (from, to) in self.row(row).iter().zip(values.as_chunks_mut().0) {
            *to = unpack(from.load(Ordering::Relaxed));
        }
    }

    /// Adds `steps` to a row.
    #[inline(always)]
    pub(super) fn add(&self, row: u32, steps: &[f32]) {
        for (to, step) in self.row(row).iter().zip(steps.as_chunks::<2>().0) {
            let old = unpack(to.load(Ordering::Relaxed));
            to.store(pack([old[0] + step[0], old[1] + step[1]]), Ordering::Relaxed);
        }
    }

    /// The rows of `d` values.
    pub(super) fn rows(&self, d: usize) -> Vec<f32> {
        let values = |row: &[AtomicU64]| -> Vec<f32> {
            row.iter().flat_map(|pair| unpack(pair.load(Ordering::Relaxed))).take(d).collect()
        };
        self.pairs.chunks_exact(self.width / 2).flat_map(values).collect()
    }
}
