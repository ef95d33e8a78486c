//! Where vectors are kept.

use std::sync::atomic::{AtomicU64, Ordering};

use burn_recsys_data::random::{Random, Stream};
use rayon::prelude::*;

use super::kernels::{LANES, Lanes, Rows, RowsMut, stride};

/// Input vectors, `[n_inputs, d]`, and output vectors, `[n_outputs, d]`, row by row.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) inputs: Vec<f32>,
    pub(super) outputs: Vec<f32>,
    pub(super) d: usize,
}

impl Weights {
    /// Inputs uniform in `-0.5 / d .. 0.5 / d`, outputs 0, as word2vec has them.
    pub(super) fn new(n_inputs: usize, n_outputs: usize, d: usize, seed: u64) -> Self {
        let random = Random::new(seed, Stream::Weights, 0);
        let mut inputs = vec![0.0; n_inputs * d];
        inputs.par_chunks_mut(d).enumerate().for_each(|(row, values)| {
            let mut draws = random.row(row as u64);
            values.iter_mut().for_each(|value| *value = ((draws.uniform() - 0.5) / d as f64) as f32);
        });
        Weights { inputs, outputs: vec![0.0; n_outputs * d], d }
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

/// `sum += scale * values`
#[inline(always)]
pub(super) fn add_scaled(sum: &mut [f32], scale: f32, values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += scale * value);
}

/// A range of the dimensions of all vectors of a side, a multiple of [`LANES`].
#[derive(Debug, Clone, Default)]
pub(super) struct Panel {
    width: usize,
    values: Vec<f32>,
    /// As [`RowsMut::rate`], where it is not 1 for all rows.
    rates: Vec<f32>,
}

impl Panel {
    /// An empty panel of rows of `width` values.
    pub(super) fn new(width: usize) -> Self {
        Panel { width, ..Panel::default() }
    }

    /// Cuts rows of `d` values into `n_panels` ranges of dimensions, as equal as they can be.
    pub(super) fn cut(rows: &[f32], d: usize, n_panels: usize) -> Vec<Panel> {
        let total = stride(d) / LANES;
        let bounds = |panel: usize| panel * total / n_panels..(panel + 1) * total / n_panels;
        let cut = |panel: usize| {
            let range = bounds(panel);
            let values = rows.chunks_exact(d).flat_map(|row| range.clone().flat_map(|at| lanes_of(row, at)));
            Panel { width: range.len() * LANES, values: values.collect(), rates: Vec::new() }
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

    /// Makes these rows the means of `members` of `from`, a list for every row; `scale_of` says what the steps
    /// of a member are multiplied by.
    #[inline(always)]
    pub(super) fn gather<'m>(
        &mut self,
        from: &Panel,
        members: impl ExactSizeIterator<Item = &'m [u32]> + Clone,
        scale_of: impl Fn(u32) -> f32,
    ) {
        self.width = from.width;
        self.values.clear();
        self.values.resize(members.len() * self.width, 0.0);
        for (members, values) in members.clone().zip(self.values.chunks_exact_mut(self.width.max(1))) {
            members.iter().for_each(|&member| add_scaled(values, 1.0, from.row(member)));
            let scale = 1.0 / members.len() as f32;
            values.iter_mut().for_each(|value| *value *= scale);
        }
        self.set_rates(members, scale_of);
    }

    /// Lets rows, which are means of `members`, move as far as their members together will move them.
    ///
    /// The gradient of a member is an `n`th of that of the mean of `n`, which an `n`th of the member's step
    /// reaches.
    #[inline(always)]
    pub(super) fn set_rates<'m>(
        &mut self,
        members: impl Iterator<Item = &'m [u32]>,
        scale_of: impl Fn(u32) -> f32,
    ) {
        self.rates.clear();
        self.rates.extend(members.map(|members| {
            let scales: f32 = members.iter().map(|&member| scale_of(member)).sum();
            scales / (members.len() * members.len()) as f32
        }));
    }

    /// Adds to `members` of `to` their parts of what was added to their means since these were `before`.
    #[inline(always)]
    pub(super) fn scatter<'m>(
        &self,
        before: &Panel,
        to: &mut Panel,
        members: impl Iterator<Item = &'m [u32]>,
        scale_of: impl Fn(u32) -> f32,
    ) {
        let width = self.width.max(1);
        let rows = self.values.chunks_exact(width).zip(before.values.chunks_exact(width));
        for ((members, (after, before)), rate) in members.zip(rows).zip(&self.rates) {
            for &member in members {
                let scale = scale_of(member) / (members.len() as f32 * rate);
                let steps = after.iter().zip(before).map(|(after, before)| scale * (after - before));
                to.row_mut(member).iter_mut().zip(steps).for_each(|(value, step)| *value += step);
            }
        }
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
    fn rate(&self, row: u32) -> f32 {
        self.rates.get(row as usize).copied().unwrap_or(1.0)
    }

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

/// Rows that are added to at once.
const AT_ONCE: usize = 8;

/// Pairs in a line of the cache.
const LINE: usize = 8;

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

    /// Brings rows into the cache: their lines are asked for all at once.
    #[inline(always)]
    pub(super) fn touch(&self, rows: &[u32]) {
        let mut sum = 0;
        for &row in rows {
            for line in self.row(row).chunks(LINE) {
                sum ^= line[0].load(Ordering::Relaxed);
            }
        }
        std::hint::black_box(sum);
    }

    /// Copies a row to `values`.
    #[inline(always)]
    pub(super) fn read(&self, row: u32, values: &mut [f32]) {
        for (from, to) in self.row(row).iter().zip(values.as_chunks_mut().0) {
            *to = unpack(from.load(Ordering::Relaxed));
        }
    }

    /// Makes `values` the mean of rows, of which there is one at least; `scratch` is overwritten.
    #[inline(always)]
    pub(super) fn read_mean(&self, rows: &[u32], values: &mut [f32], scratch: &mut Vec<f32>) {
        let [first, others @ ..] = rows else { return };
        self.read(*first, values);
        if others.is_empty() {
            return;
        }
        scratch.resize(values.len(), 0.0);
        for &row in others {
            self.read(row, scratch);
            add_scaled(values, 1.0, scratch);
        }
        let scale = 1.0 / rows.len() as f32;
        values.iter_mut().for_each(|value| *value *= scale);
    }

    /// Makes a row `values`.
    #[inline(always)]
    pub(super) fn write(&self, row: u32, values: &[f32]) {
        for (to, from) in self.row(row).iter().zip(values.as_chunks().0) {
            to.store(pack(*from), Ordering::Relaxed);
        }
    }

    /// Adds `steps` to `rows`, as they are now; `scratch` and the steps are overwritten.
    #[inline(always)]
    pub(super) fn add_all(&self, rows: &[u32], steps: &mut [f32], scratch: &mut Vec<f32>) {
        // Some rows at once: what has just been stored in parts is slow to load as a whole. Not those
        // that are there twice.
        let mut begin = 0;
        while begin < rows.len() {
            let mut end = begin + 1;
            while end < rows.len().min(begin + AT_ONCE) && !rows[begin..end].contains(&rows[end]) {
                end += 1;
            }
            let steps = &mut steps[begin * self.width..end * self.width];
            scratch.resize(steps.len(), 0.0);
            for (&row, values) in rows[begin..end].iter().zip(scratch.chunks_exact_mut(self.width)) {
                self.read(row, values);
            }
            add_scaled(steps, 1.0, scratch);
            for (&row, values) in rows[begin..end].iter().zip(steps.chunks_exact(self.width)) {
                self.write(row, values);
            }
            begin = end;
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
