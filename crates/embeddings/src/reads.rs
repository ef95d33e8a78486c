//! What a lookup read, and the way back: from the gradient of its output to that of the rows.

use std::borrow::Cow;
use std::ops::Range;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use rayon::prelude::*;

use crate::kernels::HostTable;
use crate::rows::{self, indices};
use crate::{JaggedIds, Lookup, Pooling};

/// Output rows a task of the thread pool makes.
const ROWS_A_TASK: usize = 256;

/// The rows that a lookup read and how they were pooled.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    /// The row of every value.
    lookup: Lookup,
    pool: Pool,
}

/// How values became output rows.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// Every value is an output row.
    None,
    /// `output[bag_of[i]] += coefficient * value[i]`.
    Sum { bag_of: Vec<u32>, coefficients: Coefficients },
    /// Every element of the output is that of one value.
    Max(Winners),
}

/// What each value counts.
#[derive(Debug, Clone)]
pub(crate) enum Coefficients {
    One,
    /// By bag: the mean without weights.
    OfBag(Vec<f32>),
    OfValue(Vec<f32>),
}

/// Whose value an element of the output is, `[n_bags, d]`.
#[derive(Debug, Clone)]
pub(crate) enum Winners {
    /// The position of the value, or the number of values in an empty bag; on the host.
    Host(Vec<u32>),
    /// The same on a device.
    Device(Box<Tensor<2, Int>>),
}

/// What to read: rows one by one, or bags of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The row of every value.
    pub(crate) rows: &'a [u32],
    /// The same without duplicates, if that is known already.
    pub(crate) lookup: Option<&'a Lookup>,
    /// How values form output rows; otherwise each is one.
    pub(crate) bags: Option<(&'a JaggedIds, Pooling)>,
    /// Whether the way back will be needed.
    pub(crate) is_recorded: bool,
}

impl Request<'_> {
    /// The number of output rows.
    pub(crate) fn n_out(&self) -> usize {
        self.bags.map_or(self.rows.len(), |(bags, _)| bags.n_bags())
    }

    /// What must be remembered for the way back.
    pub(crate) fn reads(&self, pool: Pool) -> Reads {
        Reads { lookup: self.lookup.cloned().unwrap_or_else(|| Lookup::new(self.rows)), pool }
    }

    /// Reads from a table in host memory into columns of `out`, `[n_out, d_out]`.
    pub(crate) fn read_on_host(
        &self,
        table: &[f32],
        d: usize,
        out: &mut [f32],
        d_out: usize,
        columns: Range<usize>,
    ) -> Pool {
        let Request { rows, bags, is_recorded, .. } = *self;
        match bags {
            None => {
                let table = HostTable { values: table, d };
                for_each_row(out, d_out, |first, out| table.copy(&rows[first..], out, d_out, columns.start));
                Pool::None
            }
            Some((bags, Pooling::Max)) => {
                let mut winners = vec![rows.len() as u32; bags.n_bags() * d];
                let tasks =
                    out.par_chunks_mut(ROWS_A_TASK * d_out).zip(winners.par_chunks_mut(ROWS_A_TASK * d));
                tasks.enumerate().for_each(|(task, (out, winners))| {
                    let outputs = out.chunks_exact_mut(d_out).zip(winners.chunks_exact_mut(d));
                    for (row, (out, winners)) in outputs.enumerate() {
                        let out = &mut out[columns.clone()];
                        let bag = task * ROWS_A_TASK + row;
                        let (start, end) = (bags.offsets()[bag] as usize, bags.offsets()[bag + 1] as usize);
                        for (position, &id) in (start..end).zip(&rows[start..end]) {
                            let id = id as usize;
                            let values =
                                table[id * d..][..d].iter().zip(out.iter_mut()).zip(winners.iter_mut());
                            for ((&value, best), winner) in values {
                                // NaN wins, as it does on devices.
                                if position == start || value > *best || value.is_nan() {
                                    (*best, *winner) = (value, position as u32);
                                }
                            }
                        }
                    }
                });
                Pool::Max(Winners::Host(winners))
            }
            Some((bags, pooling)) => {
                let coefficients = Coefficients::new(bags, pooling);
                let weights = match &coefficients {
                    Coefficients::OfValue(weights) => Some(weights.as_slice()),
                    Coefficients::One | Coefficients::OfBag(_) => None,
                };
                let table = HostTable { values: table, d };
                for_each_row(out, d_out, |first, out| {
                    let offsets = &bags.offsets()[first..];
                    table.sum(rows, offsets, weights, out, (d_out, columns.start));
                    if let Coefficients::OfBag(scales) = &coefficients {
                        for (scale, out) in scales[first..].iter().zip(out.chunks_exact_mut(d_out)) {
                            out[columns.clone()].iter_mut().for_each(|value| *value *= scale);
                        }
                    }
                });
                let bag_of = if is_recorded { bag_of(bags) } else { Vec::new() };
                Pool::Sum { bag_of, coefficients }
            }
        }
    }

    /// Reads from a table on any device: `[n_out, d]`.
    pub(crate) fn read_on_device(&self, table: &Tensor<2>) -> (Tensor<2>, Pool) {
        let device = table.device();
        let [_, d] = table.dims();
        let gather = || match self.rows {
            [] => Tensor::zeros([0, d], &device),
            rows => table.clone().select(0, indices(rows, &device)),
        };
        match self.bags {
            None => (gather(), Pool::None),
            Some((bags, Pooling::Max)) => {
                let (out, winners) = max_on_device(bags, self.rows, table);
                (out, Pool::Max(Winners::Device(Box::new(winners))))
            }
            Some((bags, pooling)) => {
                let coefficients = Coefficients::new(bags, pooling);
                let (n_bags, bag_of) = (bags.n_bags(), bag_of(bags));
                let out = weighted_sum(gather(), &bag_of, coefficients.of_values(&bag_of).as_deref(), n_bags);
                (out, Pool::Sum { bag_of, coefficients })
            }
        }
    }
}

impl Reads {
    /// The distinct rows read.
    pub(crate) fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// Adds what the value at `position` contributes to the gradient of its row.
    ///
    /// `gradient` is that of the whole output, of which these reads own `columns` of `d_out`.
    pub(crate) fn accumulate(
        &self,
        position: usize,
        gradient: &[f32],
        d_out: usize,
        columns: &Range<usize>,
        sum: &mut [f32],
    ) {
        let of = |row: usize| &gradient[row * d_out..][columns.clone()];
        match &self.pool {
            Pool::None => sum.iter_mut().zip(of(position)).for_each(|(sum, value)| *sum += value),
            Pool::Sum { bag_of, coefficients } => {
                let bag = bag_of[position] as usize;
                let coefficient = match coefficients {
                    Coefficients::One => 1.0,
                    Coefficients::OfBag(scales) => scales[bag],
                    Coefficients::OfValue(weights) => weights[position],
                };
                sum.iter_mut().zip(of(bag)).for_each(|(sum, value)| *sum += coefficient * value);
            }
            // Goes by element: see `is_by_element`.
            Pool::Max(_) => {}
        }
    }

    /// Whether the gradient goes to rows by element, so that it is merged at once and not by position.
    pub(crate) fn is_by_element(&self) -> bool {
        matches!(self.pool, Pool::Max(_))
    }

    /// The gradient of the distinct rows, `[lookup.rows().len(), columns.len()]`, on the host.
    ///
    /// For reads that are [by element](Self::is_by_element).
    pub(crate) fn merge_on_host(&self, gradient: &[f32], d_out: usize, columns: &Range<usize>) -> Vec<f32> {
        let d = columns.len();
        let mut merged = vec![0.0; self.lookup.rows().len() * d];
        if let Pool::Max(winners) = &self.pool {
            let winners: Vec<u32> = match winners {
                Winners::Host(winners) => winners.clone(),
                Winners::Device(winners) => winners.to_data().iter::<u32>().collect(),
            };
            for (bag, winners) in winners.chunks_exact(d).enumerate() {
                for (column, &winner) in winners.iter().enumerate() {
                    // In an empty bag there is none.
                    if let Some(&distinct) = self.lookup.inverse().get(winner as usize) {
                        merged[distinct as usize * d + column] +=
                            gradient[bag * d_out + columns.start + column];
                    }
                }
            }
        }
        merged
    }

    /// The gradient of the distinct rows.
    ///
    /// # Shapes
    /// - `gradient`: `[n_out, d]`
    /// - output: `[lookup.rows().len(), d]`
    pub(crate) fn merge(&self, gradient: Tensor<2>) -> Tensor<2> {
        let n_rows = self.lookup.rows().len();
        let device = gradient.device();
        let [_, d] = gradient.dims();
        match &self.pool {
            Pool::None if self.lookup.is_identity() => gradient,
            Pool::None => rows::segment_sum(gradient, self.lookup.inverse(), n_rows),
            Pool::Sum { .. } if self.lookup.is_empty() => Tensor::zeros([0, d], &device),
            Pool::Sum { bag_of, coefficients } => {
                let values = gradient.select(0, indices(bag_of, &device));
                weighted_sum(values, self.lookup.inverse(), coefficients.of_values(bag_of).as_deref(), n_rows)
            }
            Pool::Max(winners) => {
                let positions = match winners {
                    Winners::Device(winners) => (**winners).clone().to_device(&device),
                    Winners::Host(winners) => {
                        let winners: Vec<i32> = winners.iter().map(|&winner| winner as i32).collect();
                        let n_bags = winners.len() / d;
                        Tensor::from_data(TensorData::new(winners, [n_bags, d]), &device)
                    }
                };
                let [n_bags, _] = positions.dims();
                let mut distinct = self.lookup.inverse().to_vec();
                distinct.push(n_rows as u32);
                let distinct = indices(&distinct, &device);
                let winners = distinct.select(0, positions.reshape([n_bags * d])).reshape([n_bags, d]);
                // The last row collects what empty bags would give.
                Tensor::zeros([n_rows + 1, d], &device)
                    .scatter(0, winners, gradient, IndexingUpdateOp::Add)
                    .slice([0..n_rows, 0..d])
            }
        }
    }
}

impl Coefficients {
    fn new(bags: &JaggedIds, pooling: Pooling) -> Self {
        match (pooling, bags.weights()) {
            (Pooling::Mean, None) => {
                let size = |pair: &[u32]| (pair[1] - pair[0]).max(1) as f32;
                Coefficients::OfBag(bags.offsets().windows(2).map(|pair| 1.0 / size(pair)).collect())
            }
            (_, None) => Coefficients::One,
            (Pooling::Mean, Some(weights)) => {
                let mut coefficients = Vec::with_capacity(weights.len());
                for pair in bags.offsets().windows(2) {
                    let weights = &weights[pair[0] as usize..pair[1] as usize];
                    let sum: f64 = weights.iter().copied().map(f64::from).sum();
                    let share =
                        |&weight: &f32| if sum == 0.0 { 0.0 } else { (f64::from(weight) / sum) as f32 };
                    coefficients.extend(weights.iter().map(share));
                }
                Coefficients::OfValue(coefficients)
            }
            (_, Some(weights)) => Coefficients::OfValue(weights.to_vec()),
        }
    }

    /// One for each value, or nothing where all are one.
    fn of_values(&self, bag_of: &[u32]) -> Option<Cow<'_, [f32]>> {
        match self {
            Coefficients::One => None,
            Coefficients::OfBag(scales) => Some(bag_of.iter().map(|&bag| scales[bag as usize]).collect()),
            Coefficients::OfValue(weights) => Some(weights.into()),
        }
    }
}

/// Calls `fill` with blocks of whole rows of `out`, in parallel, and the index of the first.
fn for_each_row(out: &mut [f32], d_out: usize, fill: impl Fn(usize, &mut [f32]) + Sync) {
    // A small batch is done before another thread has woken up, more so if it is at work on the next batch.
    const PARALLEL_FROM: usize = 200_000;
    if out.len() < PARALLEL_FROM {
        return fill(0, out);
    }
    out.par_chunks_mut(ROWS_A_TASK * d_out).enumerate().for_each(|(task, out)| fill(task * ROWS_A_TASK, out));
}

/// The bag of every value.
fn bag_of(bags: &JaggedIds) -> Vec<u32> {
    let mut bag_of = Vec::with_capacity(bags.values().len());
    for (bag, offset) in (0..).zip(&bags.offsets()[1..]) {
        bag_of.resize(*offset as usize, bag);
    }
    bag_of
}

/// Rows of `values` times `coefficients`, summed by where they go.
fn weighted_sum(values: Tensor<2>, to: &[u32], coefficients: Option<&[f32]>, n_out: usize) -> Tensor<2> {
    let device = values.device();
    let [n, d] = values.dims();
    if n == 0 {
        return Tensor::zeros([n_out, d], &device);
    }
    let values = match coefficients {
        Some(coefficients) => {
            values * Tensor::from_data(TensorData::new(coefficients.to_vec(), [n, 1]), &device)
        }
        None => values,
    };
    rows::segment_sum(values, to, n_out)
}

/// The largest value of each column over each bag, and its position.
///
/// Bags are padded to the longest: memory for `n_bags * longest * d` floats.
fn max_on_device(bags: &JaggedIds, rows: &[u32], table: &Tensor<2>) -> (Tensor<2>, Tensor<2, Int>) {
    let device = table.device();
    let ([_, d], n_bags) = (table.dims(), bags.n_bags());
    let none = rows.len() as i32;
    let longest = bags.offsets().windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0) as usize;
    if longest == 0 {
        return (Tensor::zeros([n_bags, d], &device), Tensor::full([n_bags, d], none, &device));
    }
    let (mut padded, mut positions) = (Vec::new(), Vec::new());
    let mut is_padding = Vec::new();
    for pair in bags.offsets().windows(2) {
        let (start, end) = (pair[0] as usize, pair[1] as usize);
        let n_missing = longest - (end - start);
        padded.extend_from_slice(&rows[start..end]);
        padded.resize(padded.len() + n_missing, 0);
        positions.extend(start as i32..end as i32);
        positions.resize(padded.len(), none);
        is_padding.resize(padded.len() - n_missing, false);
        is_padding.resize(padded.len(), true);
    }
    let n_padded = n_bags * longest;
    let is_padding =
        Tensor::<2, burn::tensor::Bool>::from_data(TensorData::new(is_padding, [n_padded, 1]), &device);
    let values = table.clone().select(0, indices(&padded, &device));
    let values = values.mask_fill(is_padding.expand([n_padded, d]), f32::MIN);
    let (largest, at) = values.reshape([n_bags, longest, d]).max_dim_with_indices(1);
    let positions: Tensor<2, Int> = Tensor::from_data(TensorData::new(positions, [n_bags, longest]), &device);
    let winners = positions.gather(1, at.reshape([n_bags, d]));
    let is_empty = winners.clone().equal_elem(none);
    (largest.reshape([n_bags, d]).mask_fill(is_empty, 0.0), winners)
}

/// A tensor of `values` on `device`, without autodiff.
pub(crate) fn from_host(values: Vec<f32>, d: usize, device: &Device) -> Tensor<2> {
    let n = values.len() / d;
    Tensor::from_data(TensorData::new(values, [n, d]), &device.clone().without_autodiff())
}
