//! First values of embedding rows.

use std::ops::Range;

use burn::config::Config;
use rayon::prelude::*;

use crate::normal::box_muller;

/// How the rows of a table are first filled.
///
/// Every value is a pure function of `(seed, row, column)`: a table has the same bits on every platform,
/// on every backend and with every number of threads, and a larger table begins with the rows of a
/// smaller one.
#[derive(Config, Debug, Copy, PartialEq)]
pub enum TableInitializer {
    /// All zero.
    Zeros,
    /// All alike.
    Constant {
        /// The value.
        value: f64,
    },
    /// Uniform in `-bound..bound`.
    Uniform {
        /// The largest magnitude.
        bound: f64,
    },
    /// Normal around zero.
    Normal {
        /// The standard deviation.
        std: f64,
    },
    /// Normal around zero, so that the dot product of two rows has the standard deviation `std`
    /// whatever their width: the variance of a dot product is `d * s^4` for rows of deviation `s`.
    DotProduct {
        /// The standard deviation of a dot product.
        std: f64,
    },
    /// Normal around zero with deviation `1 / sqrt(d)`: rows have a norm of about one.
    UnitNorm,
}

impl TableInitializer {
    /// Values of the rows `rows`, `[rows.len(), d_embedding]`.
    pub(crate) fn values(&self, rows: Range<usize>, d_embedding: usize, seed: u64) -> Vec<f32> {
        let mut values = vec![0f32; rows.len() * d_embedding];
        if !matches!(self, TableInitializer::Zeros) && d_embedding > 0 {
            let seed = split_mix(seed);
            values.par_chunks_mut(d_embedding).enumerate().for_each(|(row, out)| {
                let key = split_mix(seed ^ (rows.start + row) as u64);
                for (column, value) in out.iter_mut().enumerate() {
                    *value = self.value(split_mix(key.wrapping_add(column as u64)), d_embedding);
                }
            });
        }
        values
    }

    /// The value that 64 random bits give.
    fn value(&self, bits: u64, d_embedding: usize) -> f32 {
        let d = d_embedding as f64;
        match *self {
            TableInitializer::Zeros => 0.0,
            TableInitializer::Constant { value } => value as f32,
            TableInitializer::Uniform { bound } => {
                let uniform = (bits >> 11) as f64 / (1u64 << 53) as f64;
                ((2.0 * uniform - 1.0) * bound) as f32
            }
            TableInitializer::Normal { std } => (normal(bits) * std) as f32,
            TableInitializer::DotProduct { std } => (normal(bits) * std.sqrt() / d.sqrt().sqrt()) as f32,
            TableInitializer::UnitNorm => (normal(bits) / d.sqrt()) as f32,
        }
    }
}

/// A standard normal value of 64 random bits.
fn normal(bits: u64) -> f64 {
    // The radius is never zero; the turn goes half a turn either way.
    const SCALE: f32 = 1.0 / (1u64 << 32) as f32;
    let radius = ((bits >> 32) as f32 + 1.0) * SCALE;
    let turn = (bits as u32 as i32) as f32 * SCALE;
    f64::from(box_muller(radius, turn).0)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection on 64 bits.
pub fn split_mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(initializer: TableInitializer, n_rows: usize, seed: u64) -> Vec<f32> {
        initializer.values(0..n_rows, 8, seed)
    }

    #[test]
    fn moments_are_as_stated() {
        for (initializer, std) in [
            (TableInitializer::Normal { std: 0.5 }, 0.5),
            (TableInitializer::Uniform { bound: 0.3 }, 0.3 / 3f64.sqrt()),
            (TableInitializer::UnitNorm, 1.0 / 8f64.sqrt()),
        ] {
            let values = values(initializer, 20_000, 1);
            let n = values.len() as f64;
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
            let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
            // Four standard errors of the mean, and about as many of the deviation.
            assert!(mean.abs() < 4.0 * std / n.sqrt(), "{initializer:?}: mean {mean}");
            assert!((variance.sqrt() / std - 1.0).abs() < 0.01, "{initializer:?}: std {}", variance.sqrt());
        }
    }

    #[test]
    fn dot_products_have_the_deviation_asked_for() {
        for d in [4, 64] {
            let values = TableInitializer::DotProduct { std: 0.7 }.values(0..20_000, d, 1);
            let rows: Vec<&[f32]> = values.chunks_exact(d).collect();
            let square = |pair: &[&[f32]]| {
                pair[0].iter().zip(pair[1]).map(|(a, b)| f64::from(a * b)).sum::<f64>().powi(2)
            };
            let variance = rows.chunks_exact(2).map(square).sum::<f64>() / 10_000.0;
            assert!((variance.sqrt() / 0.7 - 1.0).abs() < 0.05, "{d}: {}", variance.sqrt());
        }
    }

    #[test]
    fn a_larger_table_begins_like_a_smaller_one() {
        let initializer = TableInitializer::Normal { std: 1.0 };
        assert_eq!(values(initializer, 10, 3), values(initializer, 1000, 3)[..80]);
        assert_ne!(values(initializer, 10, 3), values(initializer, 10, 4));
    }
}
