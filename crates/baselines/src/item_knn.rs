//! Neighbourhoods of items by shrunk cosine.

use std::sync::Arc;

use burn_recsys_data::Csr;
use burn_recsys_retrieval::Hit;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::positives::check;
use crate::shared_users::{SharedUsers, Sums, best};
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
    /// Added to the denominator, in users (after their discount); from 0. Default 0.5. Sparse interactions
    /// want more, dense ones 0.
    pub shrinkage: f32,
    /// How much less a user with many items counts, 0 (not at all) to 1. Default 1.
    pub user_discount: f32,
}

impl Default for ItemKnnConfig {
    fn default() -> Self {
        ItemKnnConfig { n_neighbours: 100, shrinkage: 0.5, user_discount: 1.0 }
    }
}

impl ItemKnnConfig {
    /// Configurations to choose from on held-out rows, from dense to sparse interactions; the default is
    /// among them.
    pub fn candidates() -> Vec<Self> {
        let of = |(n_neighbours, shrinkage, user_discount)| ItemKnnConfig {
            n_neighbours,
            shrinkage,
            user_discount,
        };
        [
            (50, 0.0, 1.0),
            (100, 0.0, 1.0),
            (100, 0.5, 1.0),
            (300, 1.0, 1.0),
            (1000, 3.0, 0.5),
            (300, 50.0, 0.0),
        ]
        .map(of)
        .into()
    }

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
        let shared = SharedUsers::new(positives, n_items);
        let user_weights: Vec<f32> =
            positives.rows().map(|row| (row.len().max(1) as f32).powf(-self.user_discount)).collect();
        let weight = |user: u32| user_weights[user as usize];
        let norms: Vec<f32> = shared
            .users
            .rows()
            .map(|users| users.iter().map(|&user| weight(user)).sum::<f32>().sqrt())
            .collect();
        let neighbours = |item: u32, sums: &mut Sums| {
            let hits = shared.of(item, weight, sums).filter(|&(other, _)| other != item);
            let hits = hits.map(|(other, sum)| {
                let norms = norms[item as usize] * norms[other as usize];
                Hit { item: other, score: sum / (norms + self.shrinkage) }
            });
            best(hits.collect(), self.n_neighbours)
        };
        let blocks: Vec<Vec<Vec<Hit>>> = (0..n_items.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let mut sums = Sums::new(n_items);
                let items = block * BLOCK..n_items.min((block + 1) * BLOCK);
                items.map(|item| neighbours(item as u32, &mut sums)).collect()
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
        self.weights.score(&self.histories, users, scores);
    }
}
