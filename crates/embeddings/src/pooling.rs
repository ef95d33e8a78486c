//! How the vectors of a bag become one.

use burn::config::Config;

use crate::JaggedIds;

/// How the vectors of a bag become one vector. An empty bag gives zeros in each of them.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The sum of `weight * vector`; without weights every weight is one.
    Sum,
    /// The sum of `weight * vector` over the sum of the weights; zeros where the weights sum to zero.
    Mean,
    /// The largest value of each column. It takes no weights.
    Max,
}

impl Pooling {
    /// What each value of `ids` is multiplied by, or nothing where that is one.
    pub(crate) fn coefficients(self, ids: &JaggedIds) -> Option<Vec<f32>> {
        match (self, ids.weights()) {
            (Pooling::Sum | Pooling::Max, weights) => weights.map(<[f32]>::to_vec),
            (Pooling::Mean, weights) => {
                let mut coefficients = Vec::with_capacity(ids.values().len());
                for bag in ids.offsets().windows(2) {
                    let (start, end) = (bag[0] as usize, bag[1] as usize);
                    match weights {
                        Some(weights) => {
                            let sum: f32 = weights[start..end].iter().sum();
                            let scale = if sum == 0.0 { 0.0 } else { 1.0 / sum };
                            coefficients.extend(weights[start..end].iter().map(|weight| weight * scale));
                        }
                        None => coefficients.resize(end, 1.0 / (end - start) as f32),
                    }
                }
                Some(coefficients)
            }
        }
    }
}
