//! The inverse of a large symmetric positive definite matrix, in place and in parallel.

use rayon::prelude::*;

/// Rows and columns of a tile. Fixed, so that the order of all sums depends on the matrix alone.
pub(super) const BLOCK: usize = 256;

/// A pivot was not positive: the matrix is not positive definite within single precision.
#[derive(Debug, PartialEq)]
pub(super) struct NotPositive;

/// Replaces the lower triangle of a symmetric positive definite matrix by that of minus its inverse.
///
/// Gauss-Jordan elimination by blocks of pivots with the symmetric sweep operator (Goodnight 1979, "A
/// tutorial on the SWEEP operator"): as many operations as a Cholesky factor and its inverse, but all in
/// products of the same shape. What is above the diagonal is not defined, before and after.
///
/// # Shapes
/// - `matrix`: `[n, n]`, row-major
pub(super) fn negative_inverse(matrix: &mut [f32], n: usize) -> Result<(), NotPositive> {
    let mut panel = vec![0f32; n * BLOCK];
    let mut product = vec![0f32; n * BLOCK];
    for start in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - start);
        let (panel, product) = (&mut panel[..n * width], &mut product[..n * width]);
        let inverse = invert_pivots(matrix, n, start, width)?;
        gather(matrix, n, start, panel);
        panel.par_chunks(BLOCK * width).zip(product.par_chunks_mut(BLOCK * width)).for_each(
            |(panel, product)| {
                let rows = panel.len() / width;
                multiply(product, width, None, 1.0, [panel, &inverse], false, [rows, width, width]);
            },
        );
        let (panel, product) = (&*panel, &*product);
        matrix.par_chunks_mut(BLOCK * n).enumerate().for_each(|(block, strip)| {
            let first = block * BLOCK;
            let rows = strip.len() / n;
            let of_rows = &product[first * width..][..rows * width];
            if first == start {
                for (row, line) in strip.chunks_exact_mut(n).enumerate() {
                    for (column, value) in line[..start].iter_mut().enumerate() {
                        *value = product[column * width + row];
                    }
                    let pivots = line[start..start + width].iter_mut().zip(&inverse[row * width..]);
                    pivots.for_each(|(value, inverse)| *value = -inverse);
                }
                return;
            }
            // All columns up to the diagonal tile but the pivots' own.
            let end = first + rows;
            let (left, right) = if first < start { (end, end..end) } else { (start, start + width..end) };
            multiply(strip, n, Some(0), -1.0, [of_rows, &panel[..left * width]], true, [rows, left, width]);
            if !right.is_empty() {
                let columns = right.len();
                let panel = &panel[right.start * width..right.end * width];
                let out = Some(right.start);
                multiply(strip, n, out, -1.0, [of_rows, panel], true, [rows, columns, width]);
            }
            if first > start {
                for (line, product) in strip.chunks_exact_mut(n).zip(of_rows.chunks_exact(width)) {
                    line[start..start + width].copy_from_slice(product);
                }
            }
        });
    }
    Ok(())
}

/// The inverse of the tile of pivots, `[width, width]`: swept one by one in double precision.
fn invert_pivots(matrix: &[f32], n: usize, start: usize, width: usize) -> Result<Vec<f32>, NotPositive> {
    let at = |row: usize, column: usize| matrix[(start + row.max(column)) * n + start + row.min(column)];
    let mut tile: Vec<f64> =
        (0..width * width).map(|index| f64::from(at(index / width, index % width))).collect();
    let mut pivot_row = vec![0f64; width];
    for pivot in 0..width {
        pivot_row.copy_from_slice(&tile[pivot * width..][..width]);
        let diagonal = pivot_row[pivot];
        if !(diagonal > 0.0 && diagonal.is_finite()) {
            return Err(NotPositive);
        }
        for (row, line) in tile.chunks_exact_mut(width).enumerate() {
            if row == pivot {
                line.iter_mut().for_each(|value| *value /= diagonal);
            } else {
                let factor = line[pivot] / diagonal;
                line.iter_mut().zip(&pivot_row).for_each(|(value, pivot)| *value -= factor * pivot);
                line[pivot] = factor;
            }
        }
        tile[pivot * width + pivot] = -1.0 / diagonal;
    }
    Ok(tile.into_iter().map(|value| -value as f32).collect())
}

/// Copies the columns of the pivots out of the lower triangle, `[n, width]`.
fn gather(matrix: &[f32], n: usize, start: usize, panel: &mut [f32]) {
    let width = panel.len() / n;
    panel.par_chunks_exact_mut(width).enumerate().for_each(|(row, panel)| {
        if row >= start {
            panel.copy_from_slice(&matrix[row * n + start..][..width]);
        } else {
            let column = matrix[start * n + row..].iter().step_by(n);
            panel.iter_mut().zip(column).for_each(|(panel, value)| *panel = *value);
        }
    });
}

/// `out <- scale lhs rhs`, or with `transposed` `scale lhs rhs^T`; added to `out` from column `add_at`.
///
/// # Shapes
/// - `out`: `[m, stride]`, of which `n` columns are written, from `add_at` or 0
/// - `lhs`: `[m, k]`
/// - `rhs`: `[k, n]`, or with `transposed` `[n, k]`
fn multiply(
    out: &mut [f32],
    stride: usize,
    add_at: Option<usize>,
    scale: f32,
    [lhs, rhs]: [&[f32]; 2],
    transposed: bool,
    [m, n, k]: [usize; 3],
) {
    let column = add_at.unwrap_or(0);
    assert!(column + n <= stride && out.len() == m * stride && lhs.len() == m * k && rhs.len() == n * k);
    let (rhs_row, rhs_column) = if transposed { (1, k as isize) } else { (n as isize, 1) };
    let out = out[column..].as_mut_ptr();
    #[expect(unsafe_code, reason = "the matrix product of the workspace has no safe form")]
    // SAFETY: the matrices are as large as asserted, and `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            stride as isize,
            add_at.is_some(),
            lhs.as_ptr(),
            1,
            k as isize,
            rhs.as_ptr(),
            rhs_column,
            rhs_row,
            if add_at.is_some() { 1.0 } else { 0.0 },
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use burn_recsys_data::random::{Random, Stream};

    use super::*;

    /// `A A^T / n + 0.1` of a random `A`, `[n, 2 n]`; only the lower triangle is defined.
    fn matrix(n: usize) -> Vec<f32> {
        let mut draws = Random::new(1, Stream::Synthetic, 0).row(0);
        let values: Vec<f32> = (0..2 * n * n).map(|_| draws.uniform() as f32 - 0.5).collect();
        let mut matrix = vec![f32::NAN; n * n];
        for row in 0..n {
            for column in 0..=row {
                let of = |at: usize| &values[at * 2 * n..][..2 * n];
                let dot: f32 = of(row).iter().zip(of(column)).map(|(a, b)| a * b).sum();
                matrix[row * n + column] = dot / n as f32 + if row == column { 0.1 } else { 0.0 };
            }
        }
        matrix
    }

    /// The largest difference of `-inverse * matrix` from the identity.
    fn residual(matrix: &[f32], inverse: &[f32], n: usize) -> f64 {
        let of = |values: &[f32], row: usize, column: usize| {
            f64::from(values[row.max(column) * n + row.min(column)])
        };
        let dot = |row, column| (0..n).map(|at| of(matrix, row, at) * -of(inverse, at, column)).sum::<f64>();
        let error = |row, column| (dot(row, column) - if row == column { 1.0 } else { 0.0 }).abs();
        (0..n).flat_map(|row| [0, row / 2, row, n - 1].map(|column| error(row, column))).fold(0.0, f64::max)
    }

    #[test]
    fn tiles_of_any_number_give_the_inverse() {
        for n in [1, 2, 100, 255, 256, 257, 600] {
            let matrix = matrix(n);
            let mut inverse = matrix.clone();
            negative_inverse(&mut inverse, n).unwrap();
            let residual = residual(&matrix, &inverse, n);
            assert!(residual < 1e-5, "{n}: {residual}");
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert_eq!(negative_inverse(&mut [1.0, 0.0, 2.0, 1.0], 2), Err(NotPositive));
        assert_eq!(negative_inverse(&mut [f32::NAN], 1), Err(NotPositive));
    }
}
