//! A small copy of the item vectors that bounds every score.
//!
//! An item `x` is kept as integers `c` of a byte and a scale `s`. With the query `q` as 16-bit integers `p` and
//! a scale `t`, and the errors `e = x - s c` and `f = q - t p`,
//!
//! ```text
//! q·x - (t p)·(s c) = f·x + (t p)·e,   so   |q·x - t s (p·c)| <= |f| |x| + t |p| |e|
//! ```
//!
//! (Cauchy and Schwarz). `|f| <= t √d / 2`, and the largest entry of `p` is [`query_limit`] or close to it, so
//! that `|f| <= ρ t |p|` with a `ρ` that depends on `d` alone. All is divided by `t`, and an item's share of the
//! bound is one number, [`Codes::errors`]. What floats round off, in the bound and in the score itself (at
//! most `γ_d |q| |x|`, Higham 2002, "Accuracy and stability of numerical algorithms", §3.1), is part of it.

use rayon::prelude::*;

use super::dots::{CodePair, ITEMS, QueryPair};
use crate::Buffer;

/// The largest code of an item.
const LIMIT: f64 = 127.0;
/// Vectors with a norm outside are left to the plain loop: their products could overflow or vanish.
const ORDINARY: std::ops::RangeInclusive<f64> = 1e-18..=1e18;
/// Rounding to nearest is off by at most this part.
const ROUNDING: f64 = f32::EPSILON as f64 / 2.0;
/// The least step between floats near 0.
const LEAST: f64 = 1.5e-45;

/// The codes of all items, in panels of [`ITEMS`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Codes {
    /// Pairs of columns of an item, the last one padded with 0.
    pub(super) n_pairs: usize,
    /// `[n_panels, n_pairs, ITEMS, 2]`
    pub(super) values: Buffer<i8>,
    /// `[n_panels, ITEMS]`: what a code is to be multiplied with.
    pub(super) scales: Buffer<f32>,
    /// `[n_panels, ITEMS]`: times the norm of the query's codes, how far an estimate can be off.
    pub(super) errors: Buffer<f32>,
}

/// A query in the form that codes are multiplied with.
#[derive(Debug)]
pub(super) struct CodedQuery {
    pub(super) pairs: Vec<QueryPair>,
    /// At least the norm of the pairs.
    pub(super) norm: f32,
    /// What products that vanish may add to a score, in units of the codes.
    pub(super) slack: f32,
}

/// The largest code of a query: sums of products must fit 32 bits.
fn query_limit(dimension: usize) -> f64 {
    let padded = (dimension.div_ceil(2) * 2) as f64;
    // A damaged file may hold the one code that is larger than the limit.
    (f64::from(i32::MAX) / ((LIMIT + 1.0) * padded)).floor().min(f64::from(i16::MAX))
}

/// The part of `|p| |x|` that the error of the query and all rounding can make.
fn query_part(dimension: usize) -> f64 {
    let d = dimension as f64;
    // The largest code of a query may be one less than the limit, by rounding.
    let coding = d.sqrt() / (2.0 * (query_limit(dimension) - 1.0));
    // d roundings of the plain loop; those of an estimate and its bounds are fewer than 32.
    (coding + 1.1 * (d + 32.0) * ROUNDING) * (1.0 + coding)
}

impl Codes {
    /// Whether vectors of this size are coded; larger ones would leave no bits to a query.
    pub(super) fn is_possible(dimension: usize) -> bool {
        query_limit(dimension) >= 255.0
    }

    /// Codes of items. If they `are_items`, nothing else is kept of them: an item is what its codes give, and
    /// they are not off.
    ///
    /// # Shapes
    /// - `items`: `[n_items, dimension]`, row-major, finite
    pub(super) fn new(dimension: usize, items: &[f32], are_items: bool) -> Self {
        let n_pairs = dimension.div_ceil(2);
        let n_panels = items.len().div_ceil(dimension * ITEMS);
        let mut values = vec![0i8; n_panels * n_pairs * 2 * ITEMS];
        let mut scales = vec![0f32; n_panels * ITEMS];
        let mut errors = vec![0f32; n_panels * ITEMS];
        let panels = values.par_chunks_exact_mut(n_pairs * 2 * ITEMS);
        let numbers = scales.par_chunks_exact_mut(ITEMS).zip(errors.par_chunks_exact_mut(ITEMS));
        panels.zip(numbers).zip(items.par_chunks(dimension * ITEMS)).for_each(
            |((panel, (scales, errors)), items)| {
                for (lane, item) in items.chunks_exact(dimension).enumerate() {
                    let largest = item.iter().fold(0f32, |largest, value| largest.max(value.abs()));
                    // Scales that lose bits themselves are of no use; the whole vector is the error then.
                    let scale = Some(largest / LIMIT as f32).filter(|scale| scale.is_normal()).unwrap_or(0.0);
                    scales[lane] = scale;
                    let (mut norm, mut error) = (0f64, 0f64);
                    for (column, &value) in item.iter().enumerate() {
                        let code = if scale > 0.0 {
                            (f64::from(value) / f64::from(scale)).round().clamp(-LIMIT, LIMIT)
                        } else {
                            0.0
                        };
                        panel[column / 2 * 2 * ITEMS + lane * 2 + column % 2] = code as i8;
                        let value = if are_items { code as f32 * scale } else { value };
                        norm += f64::from(value) * f64::from(value);
                        error += (f64::from(value) - f64::from(scale) * code).powi(2);
                    }
                    errors[lane] = above(error.sqrt() + query_part(dimension) * norm.sqrt());
                }
            },
        );
        Codes { n_pairs, values: values.into(), scales: scales.into(), errors: errors.into() }
    }

    /// The values of a panel's codes times their scales.
    ///
    /// # Shapes
    /// - `out`: `[dimension, ITEMS]`
    pub(super) fn decode(&self, panel: usize, out: &mut [f32]) {
        let bytes = self.n_pairs * 2 * ITEMS;
        let codes = &self.values[panel * bytes..(panel + 1) * bytes];
        let scales = &self.scales[panel * ITEMS..(panel + 1) * ITEMS];
        for (column, out) in out.chunks_exact_mut(ITEMS).enumerate() {
            for (lane, (out, scale)) in out.iter_mut().zip(scales).enumerate() {
                *out = f32::from(codes[column / 2 * 2 * ITEMS + lane * 2 + column % 2]) * scale;
            }
        }
    }

    /// Whether products with a coded query can neither overflow nor vanish.
    pub(super) fn are_ordinary(&self, dimension: usize) -> bool {
        let limit = query_part(dimension) * ORDINARY.end();
        self.errors.iter().all(|&error| f64::from(error) <= limit)
    }

    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> (&[CodePair], &[f32; ITEMS], &[f32; ITEMS]) {
        let codes = self.values.as_chunks().0;
        (
            &codes[panel * self.n_pairs..(panel + 1) * self.n_pairs],
            &self.scales.as_chunks().0[panel],
            &self.errors.as_chunks().0[panel],
        )
    }
}

impl CodedQuery {
    /// `None` if the query is left to the plain loop: it is 0, or products could overflow or vanish.
    pub(super) fn new(query: &[f32]) -> Option<Self> {
        let d = query.len();
        let norm = query.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if !ORDINARY.contains(&norm) {
            return None;
        }
        let largest = query.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let limit = query_limit(d);
        let scale = f64::from(largest) / limit;
        let code = |column: usize| {
            let value = query.get(column).copied().unwrap_or(0.0);
            (f64::from(value) / scale).round().clamp(-limit, limit) as i16
        };
        let pairs: Vec<QueryPair> =
            (0..d.div_ceil(2)).map(|pair| [code(2 * pair), code(2 * pair + 1)]).collect();
        let norm = pairs.as_flattened().iter().map(|&code| f64::from(code).powi(2)).sum::<f64>().sqrt();
        let slack = above((d as f64 + 8.0) * LEAST * (1.0 / scale).max(1.0));
        Some(CodedQuery { pairs, norm: above(norm), slack })
    }
}

/// A float that is not below a number and more than all rounding of its computation.
fn above(value: f64) -> f32 {
    ((value * (1.0 + 1e-6)) as f32).next_up()
}
