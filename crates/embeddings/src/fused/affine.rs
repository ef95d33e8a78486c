//! Products of rows with weights, their sum, a bias and perhaps a ReLU.

use super::{BLOCK, Matrix, Operation, blocks_mut, in_parallel};

/// `x_1 W_1 + x_2 W_2 + ... + b`, then a ReLU if `relu`.
///
/// # Shapes
/// - inputs: pairs `[batch, k_i]` and `[k_i, d]`, then the bias `[1, d]`
/// - output: `[batch, d]`
#[derive(Debug)]
pub(crate) struct Affine {
    pub(crate) relu: bool,
}

/// A matrix or its transpose, as values and strides of rows and columns.
#[derive(Clone, Copy)]
struct Operand<'a> {
    values: &'a [f32],
    strides: [usize; 2],
}

impl<'a> Operand<'a> {
    fn new(values: &'a [f32], width: usize) -> Self {
        Operand { values, strides: [width, 1] }
    }

    fn transposed(values: &'a [f32], width: usize) -> Self {
        Operand { values, strides: [1, width] }
    }
}

/// `out <- lhs rhs`, or `out <- out + lhs rhs` if `add`.
///
/// # Shapes
/// - `out`: `[m, n]`, row-major
/// - `lhs`: `[m, k]`
/// - `rhs`: `[k, n]`
fn product(out: &mut [f32], add: bool, lhs: Operand<'_>, rhs: Operand<'_>, [m, n, k]: [usize; 3]) {
    assert!(out.len() == m * n && lhs.values.len() == m * k && rhs.values.len() == k * n);
    let [lhs_row, lhs_column] = lhs.strides.map(|stride| stride as isize);
    let [rhs_row, rhs_column] = rhs.strides.map(|stride| stride as isize);
    let dst = out.as_mut_ptr();
    let (lhs, rhs) = (lhs.values.as_ptr(), rhs.values.as_ptr());
    let scale_of_out = if add { 1.0 } else { 0.0 };
    #[expect(unsafe_code, reason = "the matrix product that flex uses has no safe form")]
    // SAFETY: the matrices are as large as asserted, row-major or transposed, and `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst,
            1,
            n as isize,
            add,
            lhs,
            lhs_column,
            lhs_row,
            rhs,
            rhs_column,
            rhs_row,
            scale_of_out,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// What a block adds to the gradients of weights and bias.
struct Share {
    weights: Vec<Option<Vec<f32>>>,
    bias: Vec<f32>,
}

/// A block on the way back.
struct Block<'a> {
    index: usize,
    output: &'a [f32],
    gradient: &'a mut [f32],
    /// Of the inputs, where they need a gradient.
    inputs: Vec<Option<&'a mut [f32]>>,
}

impl<const N: usize> Operation<N> for Affine {
    fn forward(&self, inputs: &[Matrix; N]) -> Matrix {
        let bias = inputs[N - 1].values();
        let (n_rows, d) = (inputs[0].dims()[0], bias.len());
        let mut output = bias.repeat(n_rows);
        in_parallel(blocks_mut(&mut output, d).enumerate().collect(), |(index, output)| {
            let n_rows = output.len() / d;
            for pair in inputs[..N - 1].chunks_exact(2) {
                let k = pair[0].dims()[1];
                let rows = &pair[0].values()[index * BLOCK * k..][..n_rows * k];
                let weights = Operand::new(pair[1].values(), d);
                product(output, true, Operand::new(rows, k), weights, [n_rows, d, k]);
            }
            if self.relu {
                // Not `max`: NaN stays.
                output.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
            }
        });
        Matrix::new(output, [n_rows, d])
    }

    fn backward(
        &self,
        inputs: &[Matrix; N],
        output: &Matrix,
        mut gradient: Matrix,
        needed: [bool; N],
    ) -> [Option<Matrix>; N] {
        let [_, d] = output.dims();
        let pairs = || inputs[..N - 1].chunks_exact(2).zip(needed[..N - 1].chunks_exact(2));
        let mut of_inputs: Vec<Option<Vec<f32>>> =
            pairs().map(|(pair, needed)| needed[0].then(|| vec![0.0; pair[0].values().len()])).collect();
        let mut chunks: Vec<_> = of_inputs
            .iter_mut()
            .zip(pairs())
            .map(|(values, (pair, _))| values.as_mut().map(|values| blocks_mut(values, pair[0].dims()[1])))
            .collect();
        let blocks = output.blocks().zip(blocks_mut(gradient.values_mut(), d)).enumerate();
        let blocks: Vec<Block<'_>> = blocks
            .map(|(index, (output, gradient))| {
                let inputs =
                    chunks.iter_mut().map(|chunks| chunks.as_mut().and_then(Iterator::next)).collect();
                Block { index, output, gradient, inputs }
            })
            .collect();
        let shares = in_parallel(blocks, |block| {
            let Block { index, output, gradient, inputs } = block;
            if self.relu {
                for (gradient, output) in gradient.iter_mut().zip(output) {
                    *gradient = if *output > 0.0 { *gradient } else { 0.0 };
                }
            }
            let n_rows = gradient.len() / d;
            let mut weights = Vec::with_capacity(inputs.len());
            for ((pair, needed), of_input) in pairs().zip(inputs) {
                let k = pair[0].dims()[1];
                let rows = &pair[0].values()[index * BLOCK * k..][..n_rows * k];
                weights.push(needed[1].then(|| {
                    let mut share = vec![0.0; k * d];
                    let (rows, gradient) = (Operand::transposed(rows, k), Operand::new(gradient, d));
                    product(&mut share, false, rows, gradient, [k, d, n_rows]);
                    share
                }));
                if let Some(of_input) = of_input {
                    let (gradient, weights) =
                        (Operand::new(gradient, d), Operand::transposed(pair[1].values(), d));
                    product(of_input, false, gradient, weights, [n_rows, k, d]);
                }
            }
            let mut bias = vec![0.0; d];
            gradient.chunks_exact(d).for_each(|row| add(&mut bias, row));
            Share { weights, bias }
        });
        drop(chunks);
        let mut sums: Vec<Option<Vec<f32>>> =
            pairs().map(|(pair, needed)| needed[1].then(|| vec![0.0; pair[1].values().len()])).collect();
        let mut bias = vec![0.0; d];
        for share in &shares {
            add(&mut bias, &share.bias);
            for (sum, share) in sums.iter_mut().zip(&share.weights) {
                if let (Some(sum), Some(share)) = (sum, share) {
                    add(sum, share);
                }
            }
        }
        std::array::from_fn(|at| {
            let values = match (at == N - 1, at % 2) {
                (true, _) => needed[at].then(|| std::mem::take(&mut bias)),
                (false, 0) => of_inputs[at / 2].take(),
                (false, _) => sums[at / 2].take(),
            };
            values.map(|values| Matrix::new(values, inputs[at].dims()))
        })
    }
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
