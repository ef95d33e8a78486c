//! First values of embedding rows.

use burn::config::Config;
use burn::tensor::TensorData;
use rayon::prelude::*;

/// How the rows of a table are first filled.
///
/// Every value is a pure function of `(seed, row, column)`: a table has the same bits on every
/// backend and with every number of threads, and a larger table begins with the rows of a smaller
/// one.
#[derive(Config, Debug, Copy, PartialEq)]
pub enum TableInitializer {
    /// All zero.
    Zeros,
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
}

impl TableInitializer {
    /// Values of shape `[n_rows, d_embedding]`.
    pub(crate) fn data(&self, n_rows: usize, d_embedding: usize, seed: u64) -> TensorData {
        let mut values = vec![0f32; n_rows * d_embedding];
        if !matches!(self, TableInitializer::Zeros) && d_embedding > 0 {
            let seed = mix(seed);
            values.par_chunks_mut(d_embedding).enumerate().for_each(|(row, out)| {
                let key = mix(seed ^ row as u64);
                for (column, value) in out.iter_mut().enumerate() {
                    *value = self.value(mix(key.wrapping_add(column as u64)));
                }
            });
        }
        TensorData::new(values, [n_rows, d_embedding])
    }

    /// The value that 64 random bits give.
    fn value(&self, bits: u64) -> f32 {
        match *self {
            TableInitializer::Zeros => 0.0,
            TableInitializer::Uniform { bound } => {
                let uniform = (bits >> 11) as f64 / (1u64 << 53) as f64;
                ((2.0 * uniform - 1.0) * bound) as f32
            }
            TableInitializer::Normal { std } => {
                // Box and Muller 1958; the first uniform is never zero.
                let first = ((bits >> 32) as f64 + 1.0) / (1u64 << 32) as f64;
                let second = (bits & 0xFFFF_FFFF) as f64 / (1u64 << 32) as f64;
                ((-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos() * std) as f32
            }
        }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection on 64 bits.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(initializer: TableInitializer, n_rows: usize, seed: u64) -> Vec<f32> {
        initializer.data(n_rows, 8, seed).try_to_vec().unwrap()
    }

    #[test]
    fn moments_are_as_stated() {
        for (initializer, std) in [
            (TableInitializer::Normal { std: 0.5 }, 0.5),
            (TableInitializer::Uniform { bound: 0.3 }, 0.3 / 3f64.sqrt()),
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
    fn a_larger_table_begins_like_a_smaller_one() {
        let initializer = TableInitializer::Normal { std: 1.0 };
        assert_eq!(values(initializer, 10, 3), values(initializer, 1000, 3)[..80]);
        assert_ne!(values(initializer, 10, 3), values(initializer, 10, 4));
    }
}
