//! Principal axes: the basis in which a Gram matrix is diagonal.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::kernels::{PADDING, add_scaled};

/// Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan,
/// "Matrix computations", 8.5): about `6 d^3` operations for each of some ten sweeps.
///
/// # Shapes
/// - `matrix`: `[d, d]`
/// - returns `[d]` and `[d, d]`, an eigenvector a row
pub(super) fn eigen(mut matrix: Vec<f64>, d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; d * d];
    vectors.iter_mut().step_by(d + 1).for_each(|value| *value = 1.0);
    // What is left beside the diagonal after 30 sweeps is rounding errors.
    for _ in 0..30 {
        let mut is_diagonal = true;
        for p in 0..d {
            for q in p + 1..d {
                let beside = matrix[p * d + q];
                let (first, second) = (matrix[p * d + p], matrix[q * d + q]);
                if beside.abs() <= 1e-13 * (first * second).abs().sqrt() {
                    continue;
                }
                is_diagonal = false;
                let ratio = (second - first) / (2.0 * beside);
                let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let turn = (cosine, tangent * cosine);
                for row in matrix.chunks_exact_mut(d) {
                    (row[p], row[q]) = turned(row[p], row[q], turn);
                }
                turn_rows(&mut matrix, d, (p, q), turn);
                turn_rows(&mut vectors, d, (p, q), turn);
            }
        }
        if is_diagonal {
            break;
        }
    }
    (matrix.into_iter().step_by(d + 1).collect(), vectors)
}

fn turned(x: f64, y: f64, (cosine, sine): (f64, f64)) -> (f64, f64) {
    (cosine * x - sine * y, sine * x + cosine * y)
}

fn turn_rows(matrix: &mut [f64], d: usize, (p, q): (usize, usize), turn: (f64, f64)) {
    let (above, below) = matrix.split_at_mut(q * d);
    for (x, y) in above[p * d..][..d].iter_mut().zip(&mut below[..d]) {
        (*x, *y) = turned(*x, *y, turn);
    }
}

/// Replaces every row of `table` by its coordinates along `axes`.
///
/// # Shapes
/// - `table`: `[n, d]`
/// - `axes`: `[d, d]`, an axis a row
pub(super) fn turn_to(axes: &[f64], table: &mut [f32], d: usize) {
    let width = d.next_multiple_of(PADDING);
    let mut columns = vec![0f32; d * width];
    for (axis, values) in axes.chunks_exact(d).enumerate() {
        for (row, &value) in values.iter().enumerate() {
            columns[row * width + axis] = value as f32;
        }
    }
    let columns = &columns;
    table.par_chunks_mut(256 * d).for_each(|table| Arch::new().dispatch(Turn { columns, width, table, d }));
}

struct Turn<'a> {
    /// `[d, width]`, an axis a column.
    columns: &'a [f32],
    width: usize,
    table: &'a mut [f32],
    d: usize,
}

impl WithSimd for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Turn { columns, width, table, d } = self;
        let mut sum = vec![0f32; width];
        for vector in table.chunks_exact_mut(d) {
            sum.fill(0.0);
            for (&value, column) in vector.iter().zip(columns.chunks_exact(width)) {
                add_scaled(simd, &mut sum, value, column);
            }
            vector.copy_from_slice(&sum[..d]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_are_orthonormal_and_make_the_matrix_diagonal() {
        for d in [1, 2, 9, 33] {
            let factor: Vec<f64> = (0..d * d).map(|at| (at as f64 * 1.7).sin()).collect();
            let at = |matrix: &[f64], row: usize, column: usize| matrix[row * d + column];
            let matrix: Vec<f64> = (0..d * d)
                .map(|i| (0..d).map(|k| at(&factor, i / d, k) * at(&factor, i % d, k)).sum())
                .collect();
            let (values, vectors) = eigen(matrix.clone(), d);
            for i in 0..d {
                for j in 0..d {
                    let inner: f64 = (0..d).map(|k| at(&vectors, i, k) * at(&vectors, j, k)).sum();
                    let product: f64 = (0..d * d)
                        .map(|kl| at(&vectors, i, kl / d) * matrix[kl] * at(&vectors, j, kl % d))
                        .sum();
                    let (one, value) = if i == j { (1.0, values[i]) } else { (0.0, 0.0) };
                    assert!((inner - one).abs() < 1e-12 && (product - value).abs() < 1e-10 * d as f64);
                }
            }
        }
    }

    #[test]
    fn turning_keeps_inner_products() {
        let d = 5;
        let mut table: Vec<f32> = (0..600 * d).map(|at| (at as f32 * 0.7).sin()).collect();
        let before = table.clone();
        let gram = super::super::gram::gram(&table, d);
        let (values, axes) = eigen(gram, d);
        turn_to(&axes, &mut table, d);
        let inner = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
        for row in 0..599 {
            let pair = |table: &[f32]| inner(&table[row * d..][..d], &table[(row + 1) * d..][..d]);
            assert!((pair(&table) - pair(&before)).abs() < 1e-5);
        }
        let turned = super::super::gram::gram(&table, d);
        for i in 0..d {
            assert!((turned[i * d + i] - values[i]).abs() < 1e-3, "{turned:?}, {values:?}");
        }
    }
}
