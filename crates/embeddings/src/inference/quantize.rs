//! Rows of `f32` into the bytes of a table.

use std::path::Path;

use half::f16;
use rayon::prelude::*;

use super::dequantize::{Grid, INT4_STEPS, INT8_STEPS, StoredRows};
use super::header::Layout;
use super::precision::SCALE_AND_OFFSET;
use super::{Precision, TableError};

/// Rows that one task quantises.
const ROWS_PER_TASK: usize = 64;

/// The largest difference between a value and what is read back.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct LargestError {
    pub(super) error: f32,
    pub(super) row: usize,
}

impl LargestError {
    /// The larger one; of equal ones that of the first row.
    pub(super) fn max(self, other: Self) -> Self {
        let is_other = other.error > self.error || (other.error == self.error && other.row < self.row);
        if is_other { other } else { self }
    }
}

/// Checks that `precision` can hold every one of `rows`, which begin at row `first_row`.
///
/// # Errors
/// The first value that is not finite or too large.
pub(super) fn check(
    path: &Path,
    precision: Precision,
    d_embedding: usize,
    first_row: usize,
    rows: &[f32],
) -> Result<(), TableError> {
    let limit = if precision == Precision::F16 { f16::MAX.to_f32() } else { f32::MAX };
    let Some(position) = rows.par_iter().position_first(|value| value.is_nan() || value.abs() > limit) else {
        return Ok(());
    };
    let path = path.to_owned();
    let (row, column) = (first_row + position / d_embedding, position % d_embedding);
    let value = rows[position];
    Err(match value.is_finite() {
        true => TableError::TooLargeForF16 { path, row, column, value },
        false => TableError::NotFinite { path, row, column, value },
    })
}

/// Fills `bytes` with `rows`, which [`check`] has passed; rows are counted from zero.
///
/// # Shapes
/// - `rows`: `[layout.n_rows, layout.d_embedding]`
/// - `bytes`: `layout.data_bytes()`
pub(super) fn quantize(layout: Layout, rows: &[f32], bytes: &mut [u8]) -> LargestError {
    let Layout { precision, d_embedding, row_bytes, .. } = layout;
    bytes
        .par_chunks_mut(row_bytes)
        .zip(rows.par_chunks(d_embedding))
        .enumerate()
        .with_min_len(ROWS_PER_TASK)
        .map_init(
            || vec![0f32; d_embedding],
            |read_back, (row, (bytes, values))| {
                quantize_row(precision, values, bytes);
                StoredRows { layout: Layout { n_rows: 1, ..layout }, bytes }.row(0, read_back);
                let errors =
                    values.iter().zip(&*read_back).map(|(&x, &y)| (f64::from(x) - f64::from(y)).abs());
                LargestError { error: errors.fold(0.0, f64::max) as f32, row }
            },
        )
        .reduce(LargestError::default, LargestError::max)
}

fn quantize_row(precision: Precision, values: &[f32], bytes: &mut [u8]) {
    match precision {
        Precision::F32 => {
            for (bytes, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
                *bytes = value.to_le_bytes();
            }
        }
        Precision::F16 => {
            for (bytes, &value) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(values) {
                *bytes = f16::from_f32(value).to_le_bytes();
            }
        }
        Precision::Int8 => {
            let grid = Grid::around(values, INT8_STEPS);
            let codes = grid.write(bytes);
            for (code, &value) in codes.iter_mut().zip(values) {
                *code = grid.code(value, INT8_STEPS);
            }
        }
        Precision::Int4 => {
            let grid = Grid::around(values, INT4_STEPS);
            let codes = grid.write(bytes);
            for (code, pair) in codes.iter_mut().zip(values.chunks(2)) {
                let odd = pair.get(1).map_or(0, |&odd| grid.code(odd, INT4_STEPS));
                *code = grid.code(pair[0], INT4_STEPS) | odd << 4;
            }
        }
    }
}

impl Grid {
    /// The grid that spans `values`.
    ///
    /// In `f64`, where neither the range nor the middle of two numbers of `f32` overflows. The step is
    /// rounded up, so that the last codes reach the extremes, and then down as long as they would
    /// overflow, which can only be next to `f32::MAX`.
    fn around(values: &[f32], n_steps: u8) -> Self {
        let (min, max) = values
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &value| (min.min(value), max.max(value)));
        let (min, max) = (f64::from(min), f64::from(max));
        let step = (max - min) / f64::from(n_steps);
        let mut grid = Grid { scale: step as f32, offset: (0.5 * (min + max)) as f32 };
        if f64::from(grid.scale) < step {
            grid.scale = grid.scale.next_up();
        }
        while !(grid.value(0, n_steps).is_finite() && grid.value(n_steps, n_steps).is_finite()) {
            grid.scale = grid.scale.next_down();
        }
        grid
    }

    /// The nearest code.
    fn code(self, value: f32, n_steps: u8) -> u8 {
        if self.scale == 0.0 {
            return 0;
        }
        let steps = (f64::from(value) - f64::from(self.offset)) / f64::from(self.scale);
        // A cast cuts off the fraction and ends at the limits of its type.
        ((steps + 0.5 * f64::from(n_steps) + 0.5) as u8).min(n_steps)
    }

    /// Writes the grid and hands out the place of the codes.
    fn write(self, bytes: &mut [u8]) -> &mut [u8] {
        let (grid, codes) = bytes.split_at_mut(SCALE_AND_OFFSET);
        grid[..4].copy_from_slice(&self.scale.to_le_bytes());
        grid[4..].copy_from_slice(&self.offset.to_le_bytes());
        codes
    }
}
