//! The arithmetic of one window, for all rows and dimensions of it at once.
//!
//! Sums are kept in a fixed number of lanes and nothing is fused: the bits do not depend on the width of
//! the processor's registers.

use pulp::Simd;

/// Sums are kept in so many lanes; vectors are padded with zeros to a multiple of it.
pub(super) const LANES: usize = 16;

/// So many dimensions of a vector.
pub(super) type Lanes = [f32; LANES];

/// Outputs that are worked on together: with so many their values and their steps stay in registers.
const BLOCK: usize = 6;

/// The length of a vector of dimension `d` with its padding.
pub(super) fn stride(d: usize) -> usize {
    d.next_multiple_of(LANES)
}

/// Runs `work` with the widest registers that the processor has.
#[inline(always)]
pub(super) fn vectorised<W: Work>(work: W) {
    struct Visit<W>(W);

    impl<W: Work> pulp::WithSimd for Visit<W> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            self.0.run(simd);
        }
    }

    pulp::Arch::new().dispatch(Visit(work));
}

/// What [`vectorised`] runs.
///
/// Not a closure: one that is not consumed by its call is called through a shim, which is compiled for the
/// narrowest registers unless it happens to be inlined.
pub(super) trait Work {
    /// To be inlined always, with all that takes time.
    fn run<S: Simd>(self, simd: S);
}

/// Vectors by number, or a range of their dimensions.
pub(super) trait Rows {
    /// A row, padded.
    fn row(&self, row: u32) -> &[f32];
}

/// Rows that can be changed.
pub(super) trait RowsMut: Rows {
    /// Whether a row becomes the step that is added to it; such a row can make one step only.
    const BECOME_STEPS: bool = false;

    /// As [`row`](Rows::row).
    fn row_mut(&mut self, row: u32) -> &mut [f32];

    /// How much of a step a row makes as an input.
    #[inline(always)]
    fn rate(&self, _row: u32) -> f32 {
        1.0
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
    ($outputs:expr, |$offset:ident, $block:ident| $call:ident!($($argument:expr),*)) => {{
        let (mut $offset, mut rest): (usize, &[u32]) = (0, $outputs);
        loop {
            match rest {
                [] => break,
                &[a] => { let $block = [a]; $call!(1, $($argument),*); break }
                &[a, b] => { let $block = [a, b]; $call!(2, $($argument),*); break }
                &[a, b, c] => { let $block = [a, b, c]; $call!(3, $($argument),*); break }
                &[a, b, c, d] => { let $block = [a, b, c, d]; $call!(4, $($argument),*); break }
                &[a, b, c, d, e] => { let $block = [a, b, c, d, e]; $call!(5, $($argument),*); break }
                &[a, b, c, d, e, f, ..] => {
                    let $block = [a, b, c, d, e, f];
                    $call!(BLOCK, $($argument),*);
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
pub(super) fn products<S: Simd, I: Rows, O: Rows>(
    simd: S,
    tables: &[(I, O)],
    inputs: &[u32],
    outputs: &[u32],
    products: &mut [f32],
) {
    macro_rules! call {
        ($n:expr, $registers:expr, $input:expr, $block:expr, $products:expr) => {
            block_products::<{ $n }, { $registers }, S, I, O>(simd, tables, $input, $block, $products)
        };
    }
    for (&input, products) in inputs.iter().zip(products.chunks_exact_mut(outputs.len())) {
        // Registers for all lanes of a sum.
        match S::F32_LANES {
            16 => by_blocks!(outputs, |offset, block| call!(1, input, block, &mut products[offset..])),
            8 => by_blocks!(outputs, |offset, block| call!(2, input, block, &mut products[offset..])),
            4 => by_blocks!(outputs, |offset, block| call!(4, input, block, &mut products[offset..])),
            _ => by_blocks!(outputs, |offset, block| call!(16, input, block, &mut products[offset..])),
        }
    }
}

#[inline(always)]
fn block_products<const N: usize, const REGISTERS: usize, S: Simd, I: Rows, O: Rows>(
    simd: S,
    tables: &[(I, O)],
    input: u32,
    outputs: [u32; N],
    products: &mut [f32],
) {
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; N];
    for (inputs, rows) in tables {
        let xs = S::as_simd_f32s(inputs.row(input)).0.as_chunks::<REGISTERS>().0;
        let mut ys = [xs; N];
        for which in 0..N {
            let y = S::as_simd_f32s(rows.row(outputs[which])).0.as_chunks().0;
            ys[which] = &y[..xs.len()];
        }
        for (at, x) in xs.iter().enumerate() {
            for which in 0..N {
                for register in 0..REGISTERS {
                    let product = simd.mul_f32s(x[register], ys[which][at][register]);
                    sums[which][register] = simd.add_f32s(sums[which][register], product);
                }
            }
        }
    }
    for which in 0..N {
        let mut lanes = [0.0; LANES];
        S::as_mut_simd_f32s(&mut lanes).0.copy_from_slice(&sums[which]);
        products[which] = total(lanes);
    }
}

/// An input's values in one register and what is added to them.
pub(super) type Scratch = [Lanes; 2];

/// Adds to every input row its gradients times the output rows, and to every output row its gradients times
/// the input rows, all taken before the step.
///
/// A row that is there twice makes two steps. An input makes its [`rate`](RowsMut::rate) of a step.
#[inline(always)]
pub(super) fn step<S: Simd, I: RowsMut, O: RowsMut>(
    simd: S,
    input_rows: &mut I,
    output_rows: &mut O,
    inputs: &[u32],
    outputs: &[u32],
    gradients: &[f32],
    scratch: &mut Vec<Scratch>,
) {
    macro_rules! call {
        ($n:expr, $block:expr, $at:expr, $gradients:expr, $scratch:expr) => {
            block_step::<{ $n }, S, O>(simd, output_rows, $block, $at, $gradients, outputs.len(), $scratch)
        };
    }
    let Some(&first) = inputs.first() else { return };
    scratch.resize(inputs.len(), [[0.0; LANES]; 2]);
    let scratch = &mut scratch[..];
    for at in 0..S::as_simd_f32s(input_rows.row(first)).0.len() {
        for (&input, [x, dx]) in inputs.iter().zip(&mut *scratch) {
            S::as_mut_simd_f32s(x).0[0] = S::as_simd_f32s(input_rows.row(input)).0[at];
            S::as_mut_simd_f32s(dx).0[0] = simd.splat_f32s(0.0);
        }
        by_blocks!(outputs, |offset, block| call!(block, at, &gradients[offset..], scratch));
        for (&input, [_, dx]) in inputs.iter().zip(&*scratch) {
            let rate = simd.splat_f32s(input_rows.rate(input));
            let x = &mut S::as_mut_simd_f32s(input_rows.row_mut(input)).0[at];
            *x = simd.add_f32s(*x, simd.mul_f32s(rate, S::as_simd_f32s(dx).0[0]));
        }
    }
}

#[inline(always)]
fn block_step<const N: usize, S: Simd, O: RowsMut>(
    simd: S,
    rows: &mut O,
    outputs: [u32; N],
    at: usize,
    gradients: &[f32],
    n: usize,
    scratch: &mut [Scratch],
) {
    let mut ys = [simd.splat_f32s(0.0); N];
    let mut steps = ys;
    for which in 0..N {
        ys[which] = S::as_simd_f32s(rows.row(outputs[which])).0[at];
    }
    for ([x, dx], gradients) in scratch.iter_mut().zip(gradients.chunks(n)) {
        let x = S::as_simd_f32s(x).0[0];
        let dx = &mut S::as_mut_simd_f32s(dx).0[0];
        let mut sum = *dx;
        let gradients = &gradients[..N];
        for which in 0..N {
            let gradient = simd.splat_f32s(gradients[which]);
            sum = simd.add_f32s(sum, simd.mul_f32s(gradient, ys[which]));
            steps[which] = simd.add_f32s(steps[which], simd.mul_f32s(gradient, x));
        }
        *dx = sum;
    }
    for which in 0..N {
        let y = &mut S::as_mut_simd_f32s(rows.row_mut(outputs[which])).0[at];
        *y = if O::BECOME_STEPS { steps[which] } else { simd.add_f32s(*y, steps[which]) };
    }
}

/// So many factors of at most 2 in each lane, and the product of all lanes is finite in f64.
const MOST_FACTORS: u32 = 1000 / LANES as u32;

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
            if self.n_factors == MOST_FACTORS {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of so many values.
    #[derive(Clone)]
    struct Stored(usize, Vec<f32>);

    impl Rows for Stored {
        fn row(&self, row: u32) -> &[f32] {
            &self.1[row as usize * self.0..][..self.0]
        }
    }

    impl Rows for &Stored {
        fn row(&self, row: u32) -> &[f32] {
            (*self).row(row)
        }
    }

    impl RowsMut for Stored {
        fn row_mut(&mut self, row: u32) -> &mut [f32] {
            &mut self.1[row as usize * self.0..][..self.0]
        }
    }

    fn rows(n: usize, d: usize, phase: f32) -> Stored {
        let width = stride(d);
        let value = |at: usize| {
            if at % width < d { (at as f32 * 0.37 + phase).sin() * 0.4 } else { 0.0 }
        };
        Stored(width, (0..n * width).map(value).collect())
    }

    /// One window: its products, then the steps.
    struct Window<'w> {
        inputs: &'w mut Stored,
        outputs: &'w mut Stored,
        which: [&'w [u32]; 2],
        rate: f32,
        loss: &'w mut f64,
    }

    impl Work for Window<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let [inputs, outputs] = self.which;
            let mut gradients = vec![0.0; inputs.len() * outputs.len()];
            products(simd, &[(&*self.inputs, &*self.outputs)], inputs, outputs, &mut gradients);
            let mut loss = LogisticLoss::new();
            loss.add(&mut gradients, outputs.len(), self.rate);
            *self.loss = loss.total();
            step(simd, self.inputs, self.outputs, inputs, outputs, &gradients, &mut Vec::new());
        }
    }

    /// The loss of a window as it is written, in f64.
    fn loss(inputs: &[f64], outputs: &[f64], which: [&[u32]; 2], width: usize) -> f64 {
        let row = |values: &[f64], row: u32| values[row as usize * width..][..width].to_vec();
        let mut sum = 0.0;
        for &input in which[0] {
            for (at, &output) in which[1].iter().enumerate() {
                let (x, y) = (row(inputs, input), row(outputs, output));
                let product: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
                sum += (if at == 0 { -product } else { product }).exp().ln_1p();
            }
        }
        sum
    }

    #[test]
    fn a_window_goes_down_the_gradient_of_its_loss() {
        let negatives: Vec<u32> = (0..14).collect();
        let cases: [(usize, [&[u32]; 2]); 5] = [
            (3, [&[0], &[1]]),
            (16, [&[2, 0, 1], &[3, 0, 1, 2, 4, 5]]),
            // Rows that are there twice.
            (40, [&[1, 1, 0], &[2, 5, 5]]),
            (33, [&[0, 1, 2, 3], &negatives]),
            (128, [&[3, 1], &negatives[..8]]),
        ];
        for (d, which) in cases {
            let (before_inputs, before_outputs) = (rows(4, d, 0.2), rows(14, d, 0.9));
            let (mut inputs, mut outputs) = (before_inputs.clone(), before_outputs.clone());
            let (rate, mut found) = (0.1, 0.0);
            vectorised(Window { inputs: &mut inputs, outputs: &mut outputs, which, rate, loss: &mut found });
            let exact = |rows: &Stored| rows.1.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
            let before = [exact(&before_inputs), exact(&before_outputs)];
            let width = stride(d);
            let expected = loss(&before[0], &before[1], which, width);
            assert!((found - expected).abs() < 1e-5 * expected, "{found}, not {expected}");
            for (side, after) in [&inputs, &outputs].into_iter().enumerate() {
                for at in 0..after.1.len() {
                    let shifted = |by: f64| {
                        let mut values = before.clone();
                        values[side][at] += by;
                        loss(&values[0], &values[1], which, width)
                    };
                    let gradient = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                    let step = f64::from(after.1[at]) - before[side][at];
                    let is_padding = at % width >= d;
                    assert!(
                        is_padding && step == 0.0 || (step + f64::from(rate) * gradient).abs() < 1e-6,
                        "d {d}, side {side}, {at}: step {step}, gradient {gradient}"
                    );
                }
            }
        }
    }

    /// Runs work without vector registers.
    fn by_scalars<W: Work>(work: W) {
        work.run(pulp::Scalar::new());
    }

    #[test]
    fn bits_depend_neither_on_registers_nor_on_cuts() {
        let which: [&[u32]; 2] = [&[2, 0, 1], &[3, 0, 1, 2, 4, 5, 6, 7]];
        let run = |how: fn(Window<'_>)| {
            let (mut inputs, mut outputs, mut loss) = (rows(4, 100, 0.2), rows(14, 100, 0.9), 0.0);
            how(Window { inputs: &mut inputs, outputs: &mut outputs, which, rate: 0.1, loss: &mut loss });
            (inputs.1, outputs.1, loss)
        };
        assert_eq!(run(|window| vectorised(window)), run(|window| by_scalars(window)));

        let whole = [rows(4, 96, 0.2), rows(14, 96, 0.9)];
        let cut = |rows: &Stored, range: std::ops::Range<usize>| {
            let values = rows.1.chunks(96).flat_map(|row| row[range.clone()].to_vec());
            Stored(range.len(), values.collect())
        };
        let parts: Vec<[Stored; 2]> =
            [0..32, 32..48, 48..96].map(|range| [0, 1].map(|side| cut(&whole[side], range.clone()))).into();
        let tables: Vec<(&Stored, &Stored)> =
            parts.iter().map(|[inputs, outputs]| (inputs, outputs)).collect();
        let [mut of_whole, mut of_parts] = [[0.0; 24]; 2];
        let simd = pulp::Scalar::new();
        products(simd, &[(&whole[0], &whole[1])], which[0], which[1], &mut of_whole);
        products(simd, &tables, which[0], which[1], &mut of_parts);
        assert_eq!(of_whole, of_parts);
    }

    #[test]
    fn the_loss_is_the_sum_of_logarithms() {
        let products: Vec<f32> = (0..3000).map(|at| (at as f32 - 1500.0) * 0.08).collect();
        let mut loss = LogisticLoss::new();
        let mut steps = products.clone();
        loss.add(&mut steps, 3, 0.5);
        let mut expected = 0.0;
        for (at, (&product, &step)) in products.iter().zip(&steps).enumerate() {
            let sign = if at % 3 == 0 { 1.0 } else { -1.0 };
            let margin = sign * f64::from(product);
            expected += (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
            let exact = 0.5 * sign / (1.0 + margin.exp());
            assert!((f64::from(step) - exact).abs() < 1e-6, "product {product}: {step}, not {exact}");
        }
        assert!((loss.total() / expected - 1.0).abs() < 1e-6);
        for (product, lost) in [(f32::NEG_INFINITY, f64::INFINITY), (f32::INFINITY, 0.0)] {
            let mut loss = LogisticLoss::new();
            loss.add(&mut [product], 1, 1.0);
            assert_eq!(loss.total(), lost);
        }
        let mut loss = LogisticLoss::new();
        let mut step = [f32::NAN];
        loss.add(&mut step, 1, 1.0);
        assert!(step[0].is_nan() && loss.total().is_nan());
    }

    #[test]
    fn exponentials_are_exact_to_the_format() {
        for at in 0..87_000 {
            let x = at as f32 * -0.001;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp_of_negative(x)) / exact - 1.0).abs();
            assert!(error < 1e-6, "exp({x}): error {error}");
        }
        assert!(exp_of_negative(f32::NEG_INFINITY) < 2e-38);
        assert!(exp_of_negative(f32::NAN).is_nan());
    }
}
