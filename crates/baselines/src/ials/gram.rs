//! The sum of outer products of all rows of a table.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::kernels::{PADDING, outer_products};

/// Rows whose products are summed as `f32` before they are added as `f64`.
const SINGLE_ROWS: usize = 128;

/// `table' * table`.
///
/// Sums over millions of rows would lose digits as `f32`, and the solver needs them: what it solves for
/// is small beside the sum. So only few rows are summed as `f32`, and these sums as `f64`. Which rows
/// are summed together depends on their number alone.
///
/// # Shapes
/// - `table`: `[n, d]`
/// - returns `[d, d]`
pub(super) fn gram(table: &[f32], d: usize) -> Vec<f64> {
    let n = table.len() / d;
    // Not more parts than memory would like to hold.
    let part = n.div_ceil(64).max(1024).next_multiple_of(SINGLE_ROWS);
    let parts: Vec<Vec<f64>> =
        table.par_chunks(part * d).map(|table| Arch::new().dispatch(Part { table, d })).collect();
    let mut sum = vec![0.0; d * d];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    for row in 0..d {
        for column in 0..row {
            sum[row * d + column] = sum[column * d + row];
        }
    }
    sum
}

struct Part<'a> {
    table: &'a [f32],
    d: usize,
}

impl WithSimd for Part<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let Part { table, d } = self;
        let width = d.next_multiple_of(PADDING);
        let mut sum = vec![0f64; d * d];
        let mut single = vec![0f32; width * width];
        let mut rows = vec![0f32; SINGLE_ROWS * width];
        for table in table.chunks(SINGLE_ROWS * d) {
            single.fill(0.0);
            for (row, values) in rows.chunks_exact_mut(width).zip(table.chunks_exact(d)) {
                row[..d].copy_from_slice(values);
            }
            let n = table.len() / d;
            outer_products::<S, false>(simd, &mut single, width, 0, &rows[..n * width]);
            for (row, (sum, single)) in sum.chunks_exact_mut(d).zip(single.chunks_exact(width)).enumerate() {
                for (sum, &single) in sum[row..].iter_mut().zip(&single[row..d]) {
                    *sum += f64::from(single);
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_many_rows_keep_their_digits() {
        for (n, d) in [(0, 3), (1, 1), (5_000, 7), (3_001, 20)] {
            let table: Vec<f32> = (0..n * d).map(|at| 1.0 + (at as f32 * 0.37).sin()).collect();
            let mut expected = vec![0f64; d * d];
            for row in table.chunks_exact(d) {
                for i in 0..d {
                    for j in 0..d {
                        expected[i * d + j] += f64::from(row[i]) * f64::from(row[j]);
                    }
                }
            }
            for (actual, expected) in gram(&table, d).into_iter().zip(expected) {
                assert!((actual - expected).abs() <= 2e-7 * expected, "{n} x {d}: {actual}, not {expected}");
            }
        }
    }
}
