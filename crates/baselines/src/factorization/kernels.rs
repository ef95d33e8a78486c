//! One step of gradient descent on some vectors.
//!
//! Sums are kept in a fixed number of lanes and nothing is fused: the bits do not depend on the width of
//! the processor's registers.

use std::slice;

/// Sums are kept in so many lanes; vectors are padded with zeros to a multiple of it.
pub(super) const LANES: usize = 16;

/// The length of a vector of dimension `d` with its padding.
pub(super) fn stride(d: usize) -> usize {
    d.next_multiple_of(LANES)
}

type Lanes = [f32; LANES];

/// Step size and regularisation of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) learning_rate: f32,
    /// What is left of a weight when its gradient is 0.
    pub(super) decay: f32,
}

impl Rate {
    pub(super) fn new(learning_rate: f32, l2: f32) -> Self {
        Rate { learning_rate, decay: 1.0 - learning_rate * l2 }
    }

    /// One weight after a step against `gradient`.
    #[inline(always)]
    pub(super) fn step(self, weight: f32, gradient: f32) -> f32 {
        self.decay * weight - self.learning_rate * gradient
    }
}

#[inline(always)]
fn lanes(row: &[f32]) -> slice::Iter<'_, Lanes> {
    row.as_chunks().0.iter()
}

#[inline(always)]
fn lanes_mut(row: &mut [f32]) -> slice::IterMut<'_, Lanes> {
    row.as_chunks_mut().0.iter_mut()
}

#[inline(always)]
fn sum(mut sums: Lanes) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// `a . b`, of any length.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in lanes(a).zip(lanes(b)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = a.as_chunks::<LANES>().1.iter().zip(b.as_chunks::<LANES>().1);
    rest.fold(sum(sums), |sum, (a, b)| sum + a * b)
}

/// `a . (b - c)`
#[inline(always)]
pub(super) fn dot_difference(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for ((a, b), c) in lanes(a).zip(lanes(b)).zip(lanes(c)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * (b[lane] - c[lane]);
        }
    }
    sum(sums)
}

/// A step on the vectors of a user and an item, where the loss has gradient `gradient` in their product.
#[inline(always)]
pub(super) fn step_pair(user: &mut [f32], item: &mut [f32], gradient: f32, rate: Rate) {
    let step = -rate.learning_rate * gradient;
    for (user, item) in lanes_mut(user).zip(lanes_mut(item)) {
        for lane in 0..LANES {
            let (u, i) = (user[lane], item[lane]);
            user[lane] = rate.decay * u + step * i;
            item[lane] = rate.decay * i + step * u;
        }
    }
}

/// A step on the vectors of a user and two items, where the loss has gradient `gradient` in the product of
/// the user with their difference.
#[inline(always)]
pub(super) fn step_triple(
    user: &mut [f32],
    better: &mut [f32],
    worse: &mut [f32],
    gradient: f32,
    rate: Rate,
) {
    let step = -rate.learning_rate * gradient;
    for ((user, better), worse) in lanes_mut(user).zip(lanes_mut(better)).zip(lanes_mut(worse)) {
        for lane in 0..LANES {
            let (u, b, w) = (user[lane], better[lane], worse[lane]);
            user[lane] = rate.decay * u + step * (b - w);
            better[lane] = rate.decay * b + step * u;
            worse[lane] = rate.decay * w - step * u;
        }
    }
}

/// The logistic loss `ln(1 + exp(-margin))`, its sum over many margins, and its gradient.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogisticLoss {
    linear: f64,
    /// The product of what the logarithm is taken of: one logarithm for many margins.
    product: f64,
    n_factors: u32,
    logarithms: f64,
}

impl LogisticLoss {
    pub(super) fn new() -> Self {
        LogisticLoss { linear: 0.0, product: 1.0, n_factors: 0, logarithms: 0.0 }
    }

    /// Adds the loss of a margin; gives its derivative, between -1 and 0.
    #[inline(always)]
    pub(super) fn add(&mut self, margin: f32) -> f32 {
        let exp = (-margin.abs()).exp();
        self.linear += f64::from((-margin).max(0.0));
        self.product *= f64::from(1.0 + exp);
        self.n_factors += 1;
        // Factors are at most 2.
        if self.n_factors == 64 {
            self.flush();
        }
        -(if margin > 0.0 { exp } else { 1.0 }) / (1.0 + exp)
    }

    fn flush(&mut self) {
        self.logarithms += self.product.ln();
        self.product = 1.0;
        self.n_factors = 0;
    }

    pub(super) fn total(mut self) -> f64 {
        self.flush();
        self.linear + self.logarithms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(d: usize) -> [Vec<f32>; 3] {
        [1.0, 2.0, 3.0].map(|phase| {
            let value = |at: usize| if at < d { (at as f32 * 0.7 + phase).sin() * 0.3 } else { 0.0 };
            (0..stride(d)).map(value).collect()
        })
    }

    /// Checks that a step goes against the gradient of `loss`, found by central differences in f64.
    fn check(before: &[Vec<f32>], after: &[Vec<f32>], rate: f64, loss: impl Fn(&[Vec<f64>]) -> f64) {
        let exact: Vec<Vec<f64>> =
            before.iter().map(|vector| vector.iter().map(|&value| value.into()).collect()).collect();
        for row in 0..exact.len() {
            for at in 0..exact[row].len() {
                let shifted = |by: f64| {
                    let mut vectors = exact.clone();
                    vectors[row][at] += by;
                    loss(&vectors)
                };
                let gradient = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                let step = f64::from(after[row][at]) - exact[row][at];
                assert!(
                    (step + rate * gradient).abs() < 1e-6,
                    "{row}, {at}: step {step}, gradient {gradient}"
                );
            }
        }
    }

    fn product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    fn penalty(vectors: &[Vec<f64>], l2: f64) -> f64 {
        0.5 * l2 * vectors.iter().map(|vector| product(vector, vector)).sum::<f64>()
    }

    #[test]
    fn a_triple_goes_down_the_gradient_of_the_ranking_loss() {
        for d in [3, 16, 40] {
            let before = vectors(d);
            let mut after = before.clone();
            let [user, better, worse] = &mut after;
            let gradient = LogisticLoss::new().add(dot_difference(user, better, worse));
            step_triple(user, better, worse, gradient, Rate::new(0.1, 0.05));
            check(&before, &after, 0.1, |v| {
                let margin = product(&v[0], &v[1]) - product(&v[0], &v[2]);
                (-margin).exp().ln_1p() + penalty(v, 0.05)
            });
        }
    }

    #[test]
    fn a_pair_goes_down_the_gradient_of_the_logistic_loss() {
        for d in [3, 16, 40] {
            let [a, b, _] = vectors(d);
            let before = [a, b];
            let mut after = before.clone();
            let [user, item] = &mut after;
            // A negative: the margin is the score turned round.
            let gradient = -LogisticLoss::new().add(-dot(user, item));
            step_pair(user, item, gradient, Rate::new(0.1, 0.05));
            check(&before, &after, 0.1, |v| product(&v[0], &v[1]).exp().ln_1p() + penalty(v, 0.05));
        }
    }

    #[test]
    fn the_loss_is_the_sum_of_logarithms() {
        let margins: Vec<f32> = (0..200).map(|at| (at as f32 - 100.0) * 0.9).collect();
        let mut loss = LogisticLoss::new();
        for &margin in &margins {
            let expected = -1.0 / (1.0 + f64::from(margin).exp());
            assert!((f64::from(loss.add(margin)) - expected).abs() < 1e-6);
        }
        let exact: f64 = margins.iter().map(|&margin| (-f64::from(margin)).exp().ln_1p()).sum();
        assert!((loss.total() / exact - 1.0).abs() < 1e-6);
        let mut loss = LogisticLoss::new();
        assert!(loss.add(f32::NAN).is_nan() && loss.total().is_nan());
        let mut loss = LogisticLoss::new();
        assert_eq!((loss.add(f32::NEG_INFINITY), loss.total()), (-1.0, f64::INFINITY));
    }
}
