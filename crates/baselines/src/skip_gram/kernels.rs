//! The arithmetic of one window, for all rows and dimensions of it at once.
//!
//! Sums are kept in a fixed number of lanes and nothing is fused: the bits do not depend on the width of
//! the processor's registers.

/// Sums are kept in so many lanes; vectors are padded with zeros to a multiple of it.
pub(super) const LANES: usize = 8;

/// So many dimensions of a vector.
pub(super) type Lanes = [f32; LANES];

/// Outputs that are worked on together: with so many their values and their steps stay in registers.
const BLOCK: usize = 6;

/// The number of [`Lanes`] of a vector of dimension `d`.
pub(super) fn n_lanes(d: usize) -> usize {
    d.div_ceil(LANES)
}

/// Vectors by number, or a range of their dimensions.
pub(super) trait Rows {
    /// The number of [`Lanes`] of a row.
    fn width(&self) -> usize;

    /// Dimensions `at` of a row.
    fn read(&self, row: u32, at: usize) -> Lanes;
}

/// Rows that can be changed.
pub(super) trait RowsMut: Rows {
    /// Adds `step` to dimensions `at` of a row, of which `old` has been read.
    fn add(&mut self, row: u32, at: usize, old: Lanes, step: Lanes);
}

/// `sum += scale * value`
#[inline(always)]
fn add_scaled(sum: &mut Lanes, scale: f32, value: &Lanes) {
    for lane in 0..LANES {
        sum[lane] += scale * value[lane];
    }
}

/// The sum of all lanes, halves added to halves.
#[inline(always)]
fn total(mut sums: Lanes) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// Calls `$run::<N>` with the outputs, block by block; `$offset` is the number of those before the block.
macro_rules! by_blocks {
    ($outputs:expr, |$offset:ident, $block:ident| $run:ident($($argument:expr),*)) => {{
        let (mut $offset, mut rest): (usize, &[u32]) = (0, $outputs);
        loop {
            match rest {
                [] => break,
                &[a] => { let $block = [a]; $run::<1, _, _>($($argument),*); break }
                &[a, b] => { let $block = [a, b]; $run::<2, _, _>($($argument),*); break }
                &[a, b, c] => { let $block = [a, b, c]; $run::<3, _, _>($($argument),*); break }
                &[a, b, c, d] => { let $block = [a, b, c, d]; $run::<4, _, _>($($argument),*); break }
                &[a, b, c, d, e] => { let $block = [a, b, c, d, e]; $run::<5, _, _>($($argument),*); break }
                &[a, b, c, d, e, f, ..] => {
                    let $block = [a, b, c, d, e, f];
                    $run::<BLOCK, _, _>($($argument),*);
                    rest = &rest[BLOCK..];
                    $offset += BLOCK;
                }
            }
        }
    }};
}

/// The inner products of every input row with every output row, `[inputs, outputs]`.
///
/// A table may be cut into ranges of dimensions, the same for both sides: `tables` are the ranges in order.
/// The bits do not depend on the cuts.
#[inline(always)]
pub(super) fn products<I: Rows, O: Rows>(
    tables: &[(I, O)],
    inputs: &[u32],
    outputs: &[u32],
    products: &mut [f32],
) {
    let n = outputs.len();
    for (&input, products) in inputs.iter().zip(products.chunks_exact_mut(n)) {
        by_blocks!(outputs, |offset, block| block_products(tables, input, block, &mut products[offset..]));
    }
}

#[inline(always)]
fn block_products<const N: usize, I: Rows, O: Rows>(
    tables: &[(I, O)],
    input: u32,
    outputs: [u32; N],
    products: &mut [f32],
) {
    let mut sums = [[0.0; LANES]; N];
    for (inputs, rows) in tables {
        for at in 0..inputs.width() {
            let x = inputs.read(input, at);
            for (sum, &output) in sums.iter_mut().zip(&outputs) {
                let y = rows.read(output, at);
                for lane in 0..LANES {
                    sum[lane] += x[lane] * y[lane];
                }
            }
        }
    }
    for (product, sum) in products.iter_mut().zip(sums) {
        *product = total(sum);
    }
}

/// Adds to every input row its gradients times the output rows, and to every output row its gradients times
/// the input rows, all taken before the step.
///
/// A row that is there twice makes two steps.
#[inline(always)]
pub(super) fn step<I: RowsMut, O: RowsMut>(
    input_rows: &mut I,
    output_rows: &mut O,
    inputs: &[u32],
    outputs: &[u32],
    gradients: &[f32],
    scratch: &mut Vec<[Lanes; 2]>,
) {
    let n = outputs.len();
    scratch.resize(inputs.len(), Default::default());
    for at in 0..input_rows.width() {
        for (&input, scratch) in inputs.iter().zip(scratch.iter_mut()) {
            *scratch = [input_rows.read(input, at), [0.0; LANES]];
        }
        by_blocks!(outputs, |offset, block| block_step(
            output_rows,
            block,
            at,
            &gradients[offset..],
            n,
            scratch
        ));
        for (&input, &[old, step]) in inputs.iter().zip(scratch.iter()) {
            input_rows.add(input, at, old, step);
        }
    }
}

#[inline(always)]
fn block_step<const N: usize, O: RowsMut, S: AsMut<[[Lanes; 2]]>>(
    rows: &mut O,
    outputs: [u32; N],
    at: usize,
    gradients: &[f32],
    n: usize,
    scratch: &mut S,
) {
    let ys = outputs.map(|output| rows.read(output, at));
    let mut steps = [[0.0; LANES]; N];
    for ([x, dx], gradients) in scratch.as_mut().iter_mut().zip(gradients.chunks(n)) {
        let mut sum = *dx;
        if let Some(gradients) = gradients.first_chunk::<N>() {
            for which in 0..N {
                add_scaled(&mut sum, gradients[which], &ys[which]);
                add_scaled(&mut steps[which], gradients[which], x);
            }
        }
        *dx = sum;
    }
    for which in 0..N {
        rows.add(outputs[which], at, ys[which], steps[which]);
    }
}

/// Logistic losses and their sum.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogisticLoss {
    linear: f64,
    /// Products of what logarithms are taken of, at most `2^n_factors`: one logarithm for many losses.
    products: Lanes,
    n_factors: u32,
    logarithms: f64,
}

impl LogisticLoss {
    pub(super) fn new() -> Self {
        LogisticLoss { linear: 0.0, products: [1.0; LANES], n_factors: 0, logarithms: 0.0 }
    }

    /// Adds the losses of a window, `ln(1 + exp(-x))` for the product `x` of an input with the first
    /// output, `ln(1 + exp(x))` for the others; every product becomes the step against its gradient, times
    /// `learning_rate`.
    #[inline(always)]
    pub(super) fn add(&mut self, products: &mut [f32], n_outputs: usize, learning_rate: f32) {
        let mut place = 0;
        let mut linear = [0.0; LANES];
        for products in products.chunks_mut(LANES) {
            // What is beyond the end loses nothing.
            let mut margins = [f32::MAX; LANES];
            let mut signs = [1.0; LANES];
            for ((&product, margin), sign) in products.iter().zip(&mut margins).zip(&mut signs) {
                *sign = if place == 0 { 1.0 } else { -1.0 };
                *margin = *sign * product;
                place = if place + 1 == n_outputs { 0 } else { place + 1 };
            }
            let mut steps = [0.0; LANES];
            for lane in 0..LANES {
                let margin = margins[lane];
                let exp = exp_of_negative(-margin.abs());
                linear[lane] += if margin < 0.0 { -margin } else { 0.0 };
                self.products[lane] *= 1.0 + exp;
                let numerator = if margin > 0.0 { exp } else { 1.0 };
                steps[lane] = signs[lane] * learning_rate * (numerator / (1.0 + exp));
            }
            products.iter_mut().zip(steps).for_each(|(product, step)| *product = step);
            self.n_factors += 1;
            if self.n_factors == 100 {
                self.flush();
            }
        }
        self.linear += f64::from(total(linear));
    }

    fn flush(&mut self) {
        self.logarithms += self.products.iter().map(|&product| f64::from(product)).product::<f64>().ln();
        self.products = [1.0; LANES];
        self.n_factors = 0;
    }

    pub(super) fn total(mut self) -> f64 {
        self.flush();
        self.linear + self.logarithms
    }
}

/// `exp(x)` for `x <= 0` with a relative error below 1e-6; NaN stays NaN, and below -87 it is `exp(-87)`.
///
/// The reduction is by powers of 2: `exp(x) = 2^n exp(r)` with `|r| <= ln(2) / 2`, where the Taylor
/// polynomial of degree 6 is as exact as the format.
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    /// Adding it leaves the nearest whole number in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // `ln(2)` in two parts, of which the first has few bits: its product with `n` is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut sum = 1.0 / 720.0;
    for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + coefficient;
    }
    let power = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    sum * f32::from_bits(power)
}
