//! A linear autoencoder in closed form.

mod inverse;

use std::sync::Arc;

use burn_recsys_data::Csr;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::positives::{check, users_of_items};
use crate::{Error, ItemScorer, Result};
use inverse::{BLOCK, negative_inverse};

/// Columns of the weights that are summed at once, so that a user's sums stay in the first-level cache.
const COLUMNS: usize = 1024;

/// The penalty that `EaseConfig::l2` of `None` stands for.
const PER_MEAN_POPULARITY: f32 = 3.0;

/// How [`Ease`] is made.
///
/// The weights between items minimise `|X - X B|^2 + l2 |B|^2` under a zero diagonal, with the
/// users' items as the rows of `X` (Steck 2019, "Embarrassingly shallow autoencoders for sparse data",
/// algorithm 1).
///
/// Time grows with the cube of the number of items, memory with its square.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EaseConfig {
    /// Penalty of squared weights, in users; above 0. Default none: three times the mean number of users of
    /// the items that have any. On held-out rows of four data sets, of means from 21 to 267, the best
    /// value was 2 to 5 times the mean.
    pub l2: Option<f32>,
    /// The most memory that the weights may take, MiB. Default 4096: 32,000 items.
    pub max_memory_mib: usize,
}

impl Default for EaseConfig {
    fn default() -> Self {
        EaseConfig { l2: None, max_memory_mib: 4096 }
    }
}

impl EaseConfig {
    /// Configurations to choose from on held-out rows; the default is the first.
    pub fn candidates() -> Vec<Self> {
        let of = |l2| EaseConfig { l2, ..Self::default() };
        [None, Some(50.0), Some(200.0), Some(500.0), Some(1000.0), Some(2000.0)].map(of).into()
    }

    /// Finds the weights, on all threads of the current pool.
    ///
    /// # Shapes
    /// - `positives`: row `u` holds the items of user `u`, ascending and unique
    ///
    /// # Errors
    /// If a parameter or an item is out of range, there is no interaction, the weights would take more than
    /// `max_memory_mib`, or `l2` is too small for single precision.
    pub fn fit(&self, positives: &Csr, n_items: usize) -> Result<Ease> {
        self.check()?;
        check(positives, n_items)?;
        self.check_memory(n_items)?;
        let users = users_of_items(positives, n_items);
        let mut matrix = gram(positives, &users, n_items);
        let l2 = self.l2.unwrap_or_else(|| PER_MEAN_POPULARITY * mean_popularity(&users));
        matrix.iter_mut().step_by(n_items + 1).for_each(|diagonal| *diagonal += l2);
        negative_inverse(&mut matrix, n_items).map_err(|_| too_small(l2))?;
        weights_of_inverse(&mut matrix, n_items);
        // One number that is not finite spreads to every row before it reaches the diagonal.
        if matrix.par_iter().any(|weight| !weight.is_finite()) {
            return Err(too_small(l2));
        }
        Ok(Ease { histories: Arc::new(positives.clone()), n_items, weights: matrix })
    }

    fn check(&self) -> Result<()> {
        match self.l2 {
            Some(l2) if !(l2 > 0.0 && l2.is_finite()) => {
                let message = format!("{l2} is not a finite number above 0");
                Err(Error::Parameter { parameter: "l2", message })
            }
            _ => Ok(()),
        }
    }

    fn check_memory(&self, n_items: usize) -> Result<()> {
        // The weights and two panels of the inversion.
        let numbers = (n_items as u128).saturating_mul(n_items as u128 + 2 * BLOCK as u128);
        let bytes = numbers.saturating_mul(size_of::<f32>() as u128);
        let needed = usize::try_from(bytes.div_ceil(1 << 20)).unwrap_or(usize::MAX);
        let most = self.max_memory_mib;
        if needed > most { Err(Error::TooLarge { model: "EASE", n_items, needed, most }) } else { Ok(()) }
    }
}

fn too_small(l2: f32) -> Error {
    let message = format!("{l2} is too small for these items in single precision; take more");
    Error::Parameter { parameter: "l2", message }
}

/// The mean number of users of the items that have any.
fn mean_popularity(users: &Csr) -> f32 {
    users.n_values() as f32 / users.rows().filter(|users| !users.is_empty()).count() as f32
}

/// The lower triangle of the items' numbers of shared users, `[n_items, n_items]`.
fn gram(histories: &Csr, users: &Csr, n_items: usize) -> Vec<f32> {
    let mut gram = vec![0f32; n_items * n_items];
    gram.par_chunks_exact_mut(n_items).enumerate().for_each(|(item, row)| {
        for &user in users.row(item as u32) {
            // Ascending, so the items up to `item` come first.
            for &other in histories.row(user).iter().take_while(|&&other| other as usize <= item) {
                row[other as usize] += 1.0;
            }
        }
    });
    gram
}

/// `B_ij = -P_ij / P_jj` with a zero diagonal, in place of the lower triangle of `-P`.
fn weights_of_inverse(matrix: &mut [f32], n_items: usize) {
    let factors: Vec<f32> = (0..n_items).map(|item| -1.0 / matrix[item * n_items + item]).collect();
    // Rows that one task mirrors: a cache line of the columns that it reads.
    const ROWS: usize = 16;
    for start in (0..n_items).step_by(BLOCK) {
        let end = n_items.min(start + BLOCK);
        let (upper, below) = matrix.split_at_mut(end * n_items);
        let strip = &mut upper[start * n_items..];
        for row in 0..end - start {
            for column in row + 1..end - start {
                strip[row * n_items + start + column] = strip[column * n_items + start + row];
            }
        }
        strip.par_chunks_mut(ROWS * n_items).enumerate().for_each(|(chunk, rows)| {
            let first = start + chunk * ROWS;
            for (item, line) in (end..).zip(below.chunks_exact(n_items)) {
                for (row, &value) in rows.chunks_exact_mut(n_items).zip(&line[first..]) {
                    row[item] = value;
                }
            }
        });
    }
    matrix.par_chunks_exact_mut(n_items).enumerate().for_each(|(item, row)| {
        row.iter_mut().zip(&factors).for_each(|(value, factor)| *value *= factor);
        row[item] = 0.0;
    });
}

/// Scores an item by the weights to it from the items of the user.
#[derive(Debug, Clone)]
pub struct Ease {
    histories: Arc<Csr>,
    n_items: usize,
    /// `[n_items, n_items]`, row-major.
    weights: Vec<f32>,
}

impl Ease {
    /// The weights from `item` to all items, `[n_items]`; to itself 0.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn weights(&self, item: u32) -> &[f32] {
        &self.weights[item as usize * self.n_items..][..self.n_items]
    }

    /// Writes the scores of all items for a user of any, perhaps new, `history`.
    ///
    /// # Shapes
    /// - `scores`: `[n_items]`
    ///
    /// # Panics
    /// If `scores` has another size or an item does not exist.
    pub fn score_history(&self, history: &[u32], scores: &mut [f32]) {
        assert_eq!(scores.len(), self.n_items, "{} scores for {} items", scores.len(), self.n_items);
        for (block, sums) in scores.chunks_mut(COLUMNS).enumerate() {
            self.sum_rows(history, block * COLUMNS, sums);
        }
    }

    /// The sums of the rows of `history` from column `start`.
    fn sum_rows(&self, history: &[u32], start: usize, sums: &mut [f32]) {
        sums.fill(0.0);
        for &item in history {
            let weights = &self.weights(item)[start..][..sums.len()];
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
        }
    }
}

impl ItemScorer for Ease {
    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        let n_items = self.n_items;
        assert_eq!(scores.len(), users.len() * n_items, "scores must be [users, n_items]");
        // Users inside, so that they share the columns that are in the cache.
        for start in (0..n_items).step_by(COLUMNS) {
            let end = n_items.min(start + COLUMNS);
            for (&user, row) in users.iter().zip(scores.chunks_exact_mut(n_items)) {
                self.sum_rows(self.histories.row(user), start, &mut row[start..end]);
            }
        }
    }
}
