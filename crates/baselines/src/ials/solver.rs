//! One half of an epoch: the vectors of one side from those of the other.

use burn_recsys_data::Csr;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::axes::{eigen, turn_to};
use super::gram::gram;
use super::kernels::{PADDING, add_scaled, dot, outer_products, solve};

/// Rows that a thread takes at once.
const ROWS_A_TASK: usize = 16;

/// What weighs against the squared errors of the positives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights {
    pub(super) unobserved: f64,
    pub(super) l2: f64,
    pub(super) l2_exponent: f64,
}

impl Weights {
    /// The regularisation of a row with `n_positives`, where the other side has `n_fixed` rows.
    pub(super) fn l2_of(self, n_positives: usize, n_fixed: usize) -> f64 {
        self.l2 * (n_positives as f64 + self.unobserved * n_fixed as f64).powf(self.l2_exponent)
    }
}

/// Columns `start..end` of the vectors, which are solved for together; padded they are
/// `at..at + width`.
#[derive(Debug, Clone, Copy)]
struct Block {
    start: usize,
    end: usize,
    at: usize,
    width: usize,
}

/// The least-squares problems of all rows of one side while the other side, `fixed`, stays as it is.
///
/// With the weights a0 and l2, row `w` minimises
/// `sum over its positives (w.h - 1)^2 + a0 * sum over all h (w.h)^2 + l2_of_row |w|^2`
/// over the fixed vectors `h`, so it solves `(sum h h' + a0 * H'H + l2_of_row I) w = sum h`.
#[derive(Debug, Clone)]
pub(super) struct Problems {
    d: usize,
    n_fixed: usize,
    weights: Weights,
    blocks: Vec<Block>,
    /// `a0 * H'H` in padded columns, `[padded, padded]`, zero where it is padded.
    gram: Vec<f32>,
    /// Its diagonal, `[d]`, if it has nothing else: then a row with few positives is solved in as many
    /// unknowns as it has positives.
    diagonal: Option<Vec<f32>>,
}

/// The largest vectors that are turned to their principal axes: finding them takes about `60 d^3`
/// operations on one core.
const MOST_TURNED: usize = 256;

impl Problems {
    /// Prepares for these fixed vectors, and for solving `block_size` columns at once.
    ///
    /// If that is all columns, `fixed` is turned to its principal axes, in which `H'H` is diagonal; what
    /// is solved for then has the same axes. Inner products stay as they are.
    ///
    /// # Shapes
    /// - `fixed`: `[n_fixed, d]`
    pub(super) fn new(fixed: &mut [f32], d: usize, block_size: usize, weights: Weights) -> Self {
        let mut products = gram(fixed, d);
        let mut diagonal = None;
        if block_size >= d && d <= MOST_TURNED {
            let (values, axes) = eigen(products, d);
            turn_to(&axes, fixed, d);
            products = vec![0.0; d * d];
            products.iter_mut().step_by(d + 1).zip(&values).for_each(|(out, &value)| *out = value.max(0.0));
            diagonal =
                Some(values.iter().map(|value| (weights.unobserved * value.max(0.0)) as f32).collect());
        }
        let weighted = |row, column| (weights.unobserved * products[row * d + column]) as f32;
        let blocks = blocks(d, block_size);
        let gram = padded_gram(&blocks, weighted);
        Problems { d, n_fixed: fixed.len() / d, weights, blocks, gram, diagonal }
    }

    /// The same problems, solved for all columns at once.
    pub(super) fn into_exact(self) -> Self {
        let Problems { d, .. } = self;
        if self.blocks.len() == 1 {
            return self;
        }
        let padded = self.padded();
        let at: Vec<usize> =
            self.blocks.iter().flat_map(|block| block.at..block.at + block.end - block.start).collect();
        let blocks = blocks(d, d);
        let gram = padded_gram(&blocks, |row, column| self.gram[at[row] * padded + at[column]]);
        Problems { blocks, gram, ..self }
    }

    /// Solves for every row of `solved`; with several blocks, improves it by one pass over the blocks.
    ///
    /// # Shapes
    /// - `solved`: `[n, d]`
    /// - `positives`: `[n]`
    /// - `fixed`: as they were given to [`new`](Self::new)
    pub(super) fn solve_all(&self, solved: &mut [f32], positives: &Csr, fixed: &[f32]) {
        solved.par_chunks_mut(ROWS_A_TASK * self.d).enumerate().for_each_init(
            Scratch::default,
            |scratch, (at, solved)| {
                let first = at * ROWS_A_TASK;
                Arch::new().dispatch(Task { problems: self, solved, positives, first, fixed, scratch });
            },
        );
    }

    /// The size of a vector.
    pub(super) fn d(&self) -> usize {
        self.d
    }

    pub(super) fn weights(&self) -> Weights {
        self.weights
    }

    /// The padded size of a vector.
    fn padded(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.at + block.width)
    }
}

/// All columns, at most `block_size` in each block.
fn blocks(d: usize, block_size: usize) -> Vec<Block> {
    let mut at = 0;
    let block = |start: usize| {
        let end = d.min(start + block_size.min(d));
        let width = usize::next_multiple_of(end - start, PADDING);
        at += width;
        Block { start, end, at: at - width, width }
    };
    (0..d).step_by(block_size).map(block).collect()
}

/// Puts the values of `[d, d]` where they stand when columns are padded.
fn padded_gram(blocks: &[Block], value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let padded = blocks.last().map_or(0, |block| block.at + block.width);
    let columns = || blocks.iter().flat_map(|block| (block.start..block.end).zip(block.at..));
    let mut gram = vec![0.0; padded * padded];
    for (row, row_at) in columns() {
        for (column, column_at) in columns() {
            gram[row_at * padded + column_at] = value(row, column);
        }
    }
    gram
}

/// Memory that a thread uses for one row after the other.
#[derive(Debug, Default)]
struct Scratch {
    /// The fixed vectors of the row's positives, `[n, width]` of each block after the other.
    fixed: Vec<f32>,
    /// How much the row's prediction of each positive is too high.
    errors: Vec<f32>,
    vector: Vec<f32>,
    matrix: Vec<f32>,
    right: Vec<f32>,
    inverse_diagonal: Vec<f32>,
}

/// `n` values that begin where a cache line begins: loads of registers then touch one line each.
#[inline(always)]
fn aligned(memory: &mut Vec<f32>, n: usize) -> &mut [f32] {
    const LINE: usize = 64;
    let most = LINE / size_of::<f32>();
    if memory.len() < n + most {
        memory.resize(n + most, 0.0);
    }
    let skipped = memory.as_ptr().align_offset(LINE).min(most);
    &mut memory[skipped..skipped + n]
}

/// Some neighbouring rows.
struct Task<'a> {
    problems: &'a Problems,
    solved: &'a mut [f32],
    positives: &'a Csr,
    first: usize,
    fixed: &'a [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Task { problems, solved, positives, first, fixed, scratch } = self;
        for (at, vector) in solved.chunks_exact_mut(problems.d).enumerate() {
            let positives = positives.row((first + at) as u32);
            if positives.is_empty() {
                vector.fill(0.0);
            } else {
                match &problems.diagonal {
                    // The cost of the dual grows with the square of the positives, the other's with d^2.
                    Some(diagonal) if positives.len().next_multiple_of(PADDING) < problems.padded() => {
                        solve_dual(simd, problems, diagonal, positives, fixed, vector, scratch);
                    }
                    _ => solve_row(simd, problems, positives, fixed, vector, scratch),
                }
            }
        }
    }
}

#[inline(always)]
fn solve_row<S: Simd>(
    simd: S,
    problems: &Problems,
    positives: &[u32],
    all_fixed: &[f32],
    solved: &mut [f32],
    scratch: &mut Scratch,
) {
    let &Problems { d, n_fixed, weights, ref blocks, ref gram, .. } = problems;
    let (n, padded) = (positives.len(), problems.padded());
    let l2 = weights.l2_of(n, n_fixed) as f32;
    let fixed = aligned(&mut scratch.fixed, n * padded);
    for block in blocks {
        let rows = fixed[block.at * n..][..block.width * n].chunks_exact_mut(block.width);
        let size = block.end - block.start;
        for (row, &positive) in rows.zip(positives) {
            row[..size].copy_from_slice(&all_fixed[positive as usize * d + block.start..][..size]);
            row[size..].fill(0.0);
        }
    }
    let fixed = &*fixed;
    let vector = aligned(&mut scratch.vector, padded);
    vector.fill(0.0);
    scratch.errors.clear();
    scratch.errors.resize(n, -1.0);
    let errors = &mut scratch.errors[..];
    // One block is solved exactly, and begins at zero. Several begin where the row is.
    if blocks.len() > 1 {
        for block in blocks {
            let vector = &mut vector[block.at..][..block.width];
            vector[..block.end - block.start].copy_from_slice(&solved[block.start..block.end]);
            let rows = fixed[block.at * n..].chunks_exact(block.width);
            for (error, row) in errors.iter_mut().zip(rows) {
                *error += dot(simd, row, vector);
            }
        }
    }
    for block in blocks {
        let &Block { start, end, at, width } = block;
        let rows = &fixed[at * n..][..width * n];
        let matrix = aligned(&mut scratch.matrix, width * width);
        for (row, (matrix, gram)) in
            matrix.chunks_exact_mut(width).zip(gram[at * padded..].chunks_exact(padded)).enumerate()
        {
            matrix.copy_from_slice(&gram[at..at + width]);
            matrix[row] += l2;
        }
        outer_products::<S, false>(simd, matrix, width, 0, rows);
        // Half the gradient, at which the Newton step is aimed.
        let right = aligned(&mut scratch.right, width);
        right.fill(0.0);
        if blocks.len() > 1 {
            add_scaled(simd, right, l2, &vector[at..at + width]);
            for (&value, gram) in vector.iter().zip(gram.chunks_exact(padded)) {
                add_scaled(simd, right, value, &gram[at..at + width]);
            }
        }
        for (&error, row) in errors.iter().zip(rows.chunks_exact(width)) {
            add_scaled(simd, right, error, row);
        }
        solve(simd, matrix, right, aligned(&mut scratch.inverse_diagonal, width));
        add_scaled(simd, &mut vector[at..at + width], -1.0, right);
        if end < d {
            for (error, row) in errors.iter_mut().zip(rows.chunks_exact(width)) {
                *error -= dot(simd, row, right);
            }
        }
        solved[start..end].copy_from_slice(&vector[at..][..end - start]);
    }
}

/// As [`solve_row`], in one unknown for each positive (Woodbury): with the positives' vectors as rows of
/// `Z` and `D = a0 * H'H + l2_of_row I`, which is diagonal,
/// `(Z'Z + D)^-1 Z' 1 = D^-1 Z' (I + Z D^-1 Z')^-1 1`.
#[inline(always)]
fn solve_dual<S: Simd>(
    simd: S,
    problems: &Problems,
    diagonal: &[f32],
    positives: &[u32],
    all_fixed: &[f32],
    solved: &mut [f32],
    scratch: &mut Scratch,
) {
    let &Problems { d, n_fixed, weights, .. } = problems;
    let n = positives.len();
    let width = n.next_multiple_of(PADDING);
    let l2 = weights.l2_of(n, n_fixed) as f32;
    // D^-1/2, and D^-1/2 Z', whose outer products sum to Z D^-1 Z'.
    let scales = aligned(&mut scratch.vector, d);
    scales.iter_mut().zip(diagonal).for_each(|(scale, &value)| *scale = 1.0 / (value + l2).sqrt());
    let columns = aligned(&mut scratch.fixed, d * width);
    if n < width {
        columns.chunks_exact_mut(width).for_each(|column| column[n..].fill(0.0));
    }
    for (at, &positive) in positives.iter().enumerate() {
        let row = &all_fixed[positive as usize * d..][..d];
        for ((column, &value), &scale) in columns.chunks_exact_mut(width).zip(row).zip(&*scales) {
            column[at] = scale * value;
        }
    }
    let matrix = aligned(&mut scratch.matrix, width * width);
    matrix.fill(0.0);
    outer_products::<S, false>(simd, matrix, width, 0, columns);
    matrix.iter_mut().step_by(width + 1).for_each(|value| *value += 1.0);
    let right = aligned(&mut scratch.right, width);
    right[..n].fill(1.0);
    right[n..].fill(0.0);
    solve(simd, matrix, right, aligned(&mut scratch.inverse_diagonal, width));
    for ((value, column), &scale) in solved.iter_mut().zip(columns.chunks_exact(width)).zip(&*scales) {
        *value = scale * dot(simd, column, right);
    }
}
