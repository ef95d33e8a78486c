//! Neighbourhoods of items by shrunk cosine.

use std::sync::Arc;

use burn_recsys_data::Csr;
use burn_recsys_retrieval::Hit;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::positives::{check, users_of_items};
use crate::sparse::SparseWeights;
use crate::{Error, ItemScorer, Result};

/// Items that are worked on with one row of accumulators.
const BLOCK: usize = 128;

/// How [`ItemKnn`] is made.
///
/// The similarity of two items is that of their columns of users (Sarwar et al. 2001, "Item-based
/// collaborative filtering recommendation algorithms"), shrunk where it rests on few users:
///
/// ```text
/// s_ij = sum_{u has i and j} w_u / (|i| |j| + shrinkage),    w_u = n_u^-user_discount
/// ```
///
/// with the number `n_u` of items of user `u` and `|i|^2` the sum of `w_u` over the users of `i`. Without
/// shrinkage and discount it is the cosine.
///
/// Time grows with the sum of the squares of `n_u`, memory with `n_items * n_neighbours`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ItemKnnConfig {
    /// How many most similar items each item keeps; from 1. Default 100.
    pub n_neighbours: usize,
    /// Added to the denominator, in users; from 0. Default 0.
    pub shrinkage: f32,
    /// How much less a user with many items counts, 0 (not at all) to 1. Default 0.5.
    pub user_discount: f32,
}

impl Default for ItemKnnConfig {
    fn default() -> Self {
        ItemKnnConfig { n_neighbours: 100, shrinkage: 0.0, user_discount: 0.5 }
    }
}

impl ItemKnnConfig {
    /// Finds the neighbours of every item, on all threads of the current pool.
    ///
    /// # Shapes
    /// - `positives`: row `u` holds the items of user `u`, ascending and unique
    ///
    /// # Errors
    /// If a parameter or an item is out of range, or there is no interaction.
    pub fn fit(&self, positives: &Csr, n_items: usize) -> Result<ItemKnn> {
        self.check()?;
        check(positives, n_items)?;
        let similarities = Similarities::new(self, positives, n_items);
        let blocks: Vec<Vec<Vec<Hit>>> = (0..n_items.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let mut row = Row { sums: vec![0.0; n_items], touched: Vec::new() };
                (block * BLOCK..n_items.min((block + 1) * BLOCK))
                    .map(|item| best(similarities.of(item as u32, &mut row), self.n_neighbours))
                    .collect()
            })
            .collect();
        let weights = SparseWeights::from_rows(blocks.into_iter().flatten());
        Ok(ItemKnn { histories: Arc::new(positives.clone()), weights })
    }

    fn check(&self) -> Result<()> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        if self.n_neighbours == 0 {
            return refuse("n_neighbours", "0 neighbours recommend nothing; take 1 or more".into());
        }
        if !(self.shrinkage >= 0.0 && self.shrinkage.is_finite()) {
            return refuse("shrinkage", format!("{} is not a finite number from 0", self.shrinkage));
        }
        if !(0.0..=1.0).contains(&self.user_discount) {
            return refuse("user_discount", format!("{} is not from 0 to 1", self.user_discount));
        }
        Ok(())
    }
}

/// What similarities are computed from.
struct Similarities<'a> {
    histories: &'a Csr,
    users: Csr,
    /// `w_u`, `[n_users]`
    user_weights: Vec<f32>,
    /// `|i|`, `[n_items]`
    norms: Vec<f32>,
    shrinkage: f32,
}

/// Sums over the users of one item.
struct Row {
    sums: Vec<f32>,
    touched: Vec<u32>,
}

impl<'a> Similarities<'a> {
    fn new(config: &ItemKnnConfig, histories: &'a Csr, n_items: usize) -> Self {
        let users = users_of_items(histories, n_items);
        let user_weights: Vec<f32> =
            histories.rows().map(|row| (row.len().max(1) as f32).powf(-config.user_discount)).collect();
        let squares =
            users.rows().map(|row| row.iter().map(|&user| user_weights[user as usize]).sum::<f32>());
        let norms = squares.map(f32::sqrt).collect();
        Similarities { histories, users, user_weights, norms, shrinkage: config.shrinkage }
    }

    /// The similarities of `item` to all others that it shares a user with, in no order.
    fn of(&self, item: u32, row: &mut Row) -> Vec<Hit> {
        for &user in self.users.row(item) {
            let weight = self.user_weights[user as usize];
            for &other in self.histories.row(user) {
                let sum = &mut row.sums[other as usize];
                if *sum == 0.0 {
                    row.touched.push(other);
                }
                *sum += weight;
            }
        }
        let norm = self.norms[item as usize];
        let hits = row.touched.drain(..).filter_map(|other| {
            let sum = std::mem::take(&mut row.sums[other as usize]);
            let score = sum / (norm * self.norms[other as usize] + self.shrinkage);
            (other != item).then_some(Hit { item: other, score })
        });
        hits.collect()
    }
}

/// The best `n` of `hits`, best first, ties by the lower item.
fn best(mut hits: Vec<Hit>, n: usize) -> Vec<Hit> {
    let order = |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item));
    if n < hits.len() {
        hits.select_nth_unstable_by(n - 1, order);
        hits.truncate(n);
    }
    hits.sort_unstable_by(order);
    hits
}

/// Scores an item by its similarities to the items of the user.
#[derive(Debug, Clone)]
pub struct ItemKnn {
    histories: Arc<Csr>,
    weights: SparseWeights,
}

impl ItemKnn {
    /// The neighbours of `item`, most similar first.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn neighbours(&self, item: u32) -> &[Hit] {
        self.weights.row(item)
    }

    /// Writes the scores of all items for a user of any, perhaps new, `history`.
    ///
    /// # Shapes
    /// - `scores`: `[n_items]`
    ///
    /// # Panics
    /// If `scores` has another size or an item does not exist.
    pub fn score_history(&self, history: &[u32], scores: &mut [f32]) {
        self.weights.sum_rows(history, scores);
    }
}

impl ItemScorer for ItemKnn {
    fn n_items(&self) -> usize {
        self.weights.n_items()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        let n_items = self.n_items();
        assert_eq!(scores.len(), users.len() * n_items, "scores must be [users, n_items]");
        for (&user, row) in users.iter().zip(scores.chunks_exact_mut(n_items)) {
            self.score_history(self.histories.row(user), row);
        }
    }
}
