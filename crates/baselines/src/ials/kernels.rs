//! Sums of outer products and Cholesky solves of one small matrix, in registers.
//!
//! Matrices are square and row-major; only their upper triangle counts. Their width is a multiple of
//! [`PADDING`], so that no loop has a rest.

use pulp::Simd;

/// What the width of a matrix is a multiple of: the lanes of the widest registers.
pub(super) const PADDING: usize = 16;

/// Rows of a tile that is summed in registers; its columns are [`PADDING`].
const TILE_ROWS: usize = 4;

/// Rows that a Cholesky factorisation finishes before it updates those below.
const PANEL: usize = 16;

/// Adds the outer product of every row of `x` with itself to `matrix`, or subtracts them.
///
/// Of the matrix, `matrix` holds the rows from `first_row` on. It has meaning on and above the diagonal.
///
/// # Shapes
/// - `matrix`: `[width - first_row, width]`; `first_row` is a multiple of 4
/// - `x`: `[n, width]`
#[inline(always)]
pub(super) fn outer_products<S: Simd, const SUBTRACT: bool>(
    simd: S,
    matrix: &mut [f32],
    width: usize,
    first_row: usize,
    x: &[f32],
) {
    // A tile is as many registers wide as fill 16 columns.
    match S::F32_LANES {
        16 => tiles::<S, 1, SUBTRACT>(simd, matrix, width, first_row, x),
        8 => tiles::<S, 2, SUBTRACT>(simd, matrix, width, first_row, x),
        4 => tiles::<S, 4, SUBTRACT>(simd, matrix, width, first_row, x),
        _ => tiles::<S, 16, SUBTRACT>(simd, matrix, width, first_row, x),
    }
}

#[inline(always)]
fn tiles<S: Simd, const REGISTERS: usize, const SUBTRACT: bool>(
    simd: S,
    matrix: &mut [f32],
    width: usize,
    first_row: usize,
    x: &[f32],
) {
    // Some rows that stay in the first-level cache while all tiles read them. Their sum is made in
    // registers and then added: sums of sums, which also keeps the rounding errors of long sums small.
    let n_rows = (4096 / width).clamp(PANEL, 64);
    for x in x.chunks(n_rows * width) {
        for (at, rows) in matrix.chunks_exact_mut(TILE_ROWS * width).enumerate() {
            let row = first_row + at * TILE_ROWS;
            for column in (row / PADDING * PADDING..width).step_by(PADDING) {
                tile::<S, REGISTERS, SUBTRACT>(simd, rows, width, (row, column), x);
            }
        }
    }
}

#[inline(always)]
fn tile<S: Simd, const REGISTERS: usize, const SUBTRACT: bool>(
    simd: S,
    rows: &mut [f32],
    width: usize,
    (row, column): (usize, usize),
    x: &[f32],
) {
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; TILE_ROWS];
    for x in x.chunks_exact(width) {
        let left = &x[row..row + TILE_ROWS];
        let (right, _) = S::as_simd_f32s(&x[column..column + PADDING]);
        let right: [S::f32s; REGISTERS] = std::array::from_fn(|register| right[register]);
        for (sums, &left) in sums.iter_mut().zip(left) {
            let left = simd.splat_f32s(left);
            for (sum, &right) in sums.iter_mut().zip(&right) {
                *sum = simd.mul_add_e_f32s(left, right, *sum);
            }
        }
    }
    for (row, sums) in rows.chunks_exact_mut(width).zip(sums) {
        let (row, _) = S::as_mut_simd_f32s(&mut row[column..column + PADDING]);
        for (value, sum) in row.iter_mut().zip(sums) {
            *value = if SUBTRACT { simd.sub_f32s(*value, sum) } else { simd.add_f32s(*value, sum) };
        }
    }
}

/// `out += scale * x`
///
/// # Shapes
/// - `out`, `x`: `[n]`, a multiple of the lanes of a register
#[inline(always)]
pub(super) fn add_scaled<S: Simd>(simd: S, out: &mut [f32], scale: f32, x: &[f32]) {
    let scale = simd.splat_f32s(scale);
    let (out, _) = S::as_mut_simd_f32s(out);
    let (x, _) = S::as_simd_f32s(x);
    for (out, &x) in out.iter_mut().zip(x) {
        *out = simd.mul_add_e_f32s(scale, x, *out);
    }
}

/// The inner product.
///
/// # Shapes
/// - `x`, `y`: `[n]`, a multiple of the lanes of a register
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, x: &[f32], y: &[f32]) -> f32 {
    let mut sum = simd.splat_f32s(0.0);
    let ((x, _), (y, _)) = (S::as_simd_f32s(x), S::as_simd_f32s(y));
    for (&x, &y) in x.iter().zip(y) {
        sum = simd.mul_add_e_f32s(x, y, sum);
    }
    simd.reduce_sum_f32s(sum)
}

/// Solves `matrix * solution = right` for a positive definite matrix, of which the upper triangle is
/// read; `right` becomes the solution, `matrix` is lost.
///
/// If rounding errors leave a matrix that is not positive definite, the solution is not finite.
///
/// # Shapes
/// - `matrix`: `[width, width]`
/// - `right`, `inverse_diagonal` (lost): `[width]`
#[inline(always)]
pub(super) fn solve<S: Simd>(simd: S, matrix: &mut [f32], right: &mut [f32], inverse_diagonal: &mut [f32]) {
    let width = right.len();
    factorise(simd, matrix, width, inverse_diagonal);
    let lanes = S::F32_LANES;
    // matrix = U' U. First U' z = right, then U solution = z. Loops begin at a whole register, and what
    // stands left of the diagonal is zero.
    for (k, row) in matrix.chunks_exact(width).enumerate() {
        let z = right[k] * inverse_diagonal[k];
        let start = k / lanes * lanes;
        add_scaled(simd, &mut right[start..], -z, &row[start..]);
        right[k] = z;
    }
    for (k, row) in matrix.chunks_exact(width).enumerate().rev() {
        let start = k / lanes * lanes;
        // The sum holds the diagonal's product with z, which is not part of it.
        let z = std::mem::replace(&mut right[k], 0.0);
        right[k] = (z - dot(simd, &row[start..], &right[start..])) * inverse_diagonal[k];
    }
}

/// Replaces a matrix by its upper Cholesky factor `U`, with zeros below the diagonal where a register
/// that holds the diagonal reaches.
#[inline(always)]
fn factorise<S: Simd>(simd: S, matrix: &mut [f32], width: usize, inverse_diagonal: &mut [f32]) {
    let lanes = S::F32_LANES;
    for first in (0..width).step_by(PANEL) {
        let last = (first + PANEL).min(width);
        let (panel, below) = matrix[first * width..].split_at_mut((last - first) * width);
        for k in first..last {
            let (above, row) = panel.split_at_mut((k - first) * width);
            let row = &mut row[..width];
            let start = k / lanes * lanes;
            let (chunks, _) = S::as_mut_simd_f32s(&mut row[start..]);
            for (at, chunk) in chunks.iter_mut().enumerate() {
                let column = start + at * lanes;
                let mut value = *chunk;
                for above in above.chunks_exact(width) {
                    let (other, _) = S::as_simd_f32s(&above[column..column + lanes]);
                    value = simd.mul_add_e_f32s(simd.splat_f32s(-above[k]), other[0], value);
                }
                *chunk = value;
            }
            let inverse = 1.0 / row[k].sqrt();
            inverse_diagonal[k] = inverse;
            row[start..k].fill(0.0);
            let factor = simd.splat_f32s(inverse);
            let (chunks, _) = S::as_mut_simd_f32s(&mut row[start..]);
            chunks.iter_mut().for_each(|value| *value = simd.mul_f32s(*value, factor));
        }
        outer_products::<S, true>(simd, below, width, last, panel);
    }
}
