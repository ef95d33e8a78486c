//! A sparse linear model of items by items.

use std::sync::Arc;

use burn_recsys_data::Csr;
use burn_recsys_retrieval::Hit;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::positives::check;
use crate::shared_users::{SharedUsers, Sums, best};
use crate::sparse::SparseWeights;
use crate::{Error, ItemScorer, Result};

/// Items that are worked on with one row of sums.
const BLOCK: usize = 64;
/// A sweep that changes no weight by more is the last.
const TOLERANCE: f32 = 2e-5;
const MOST_SWEEPS: usize = 200;

/// How [`Slim`] is made.
///
/// The weights to item `j` minimise `|x_j - X w|^2 / 2 + l2 |w|^2 / 2 + l1 |w|_1` with `w >= 0` and
/// `w_j = 0` (Ning and Karypis 2011, "SLIM: sparse linear methods for top-n recommender systems",
/// equation 4), with the users' items as the rows of `X`: coordinate descent on the products of columns
/// (Friedman et al. 2010, "Regularization paths for generalized linear models via coordinate descent").
///
/// Time grows with `n_items * n_candidates^2`, memory with the pairs of items that share a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlimConfig {
    /// Penalty of weights, in users; from 0. More gives fewer weights. Default 1.
    pub l1: f32,
    /// Penalty of squared weights, in users; above 0. Default 50.
    pub l2: f32,
    /// How many items of highest cosine may have a weight to an item; from 1. Default 200.
    pub n_candidates: usize,
    /// The most memory that the numbers of shared users and the weights may take together, MiB. The users
    /// of items and what threads work with, about `16 * n_items + 4 * n_candidates^2` bytes each, are not
    /// counted. Default 8192.
    pub max_memory_mib: usize,
}

impl Default for SlimConfig {
    fn default() -> Self {
        SlimConfig { l1: 1.0, l2: 50.0, n_candidates: 200, max_memory_mib: 8192 }
    }
}

impl SlimConfig {
    /// Configurations to choose from on held-out rows; the default is among them.
    pub fn candidates() -> Vec<Self> {
        let of = |(l1, l2)| SlimConfig { l1, l2, ..Self::default() };
        [(0.5, 10.0), (1.0, 50.0), (5.0, 50.0), (5.0, 200.0), (5.0, 500.0)].map(of).into()
    }

    /// Finds the weights, on all threads of the current pool.
    ///
    /// # Shapes
    /// - `positives`: row `u` holds the items of user `u`, ascending and unique
    ///
    /// # Errors
    /// If a parameter or an item is out of range, there is no interaction, or more than `max_memory_mib` may
    /// be needed.
    pub fn fit(&self, positives: &Csr, n_items: usize) -> Result<Slim> {
        self.check()?;
        check(positives, n_items)?;
        self.check_memory(positives, n_items)?;
        let shared = SharedUsers::new(positives, n_items);
        let gram = in_blocks(n_items, |item, scratch| {
            let sums = shared.of(item, |_| 1.0, &mut scratch.sums);
            sums.map(|(item, score)| Hit { item, score }).collect()
        });
        let popularity: Vec<f32> = shared.users.rows().map(|users| users.len() as f32).collect();
        drop(shared);
        let gram = Gram { rows: gram, popularity };
        let columns = in_blocks(n_items, |item, scratch| self.column(&gram, item, &mut scratch.places));
        drop(gram);
        let weights = SparseWeights::from_columns(&columns);
        Ok(Slim { histories: Arc::new(positives.clone()), weights })
    }

    fn check(&self) -> Result<()> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        if !(self.l1 >= 0.0 && self.l1.is_finite()) {
            return refuse("l1", format!("{} is not a finite number from 0", self.l1));
        }
        if !(self.l2 > 0.0 && self.l2.is_finite()) {
            return refuse("l2", format!("{} is not a finite number above 0", self.l2));
        }
        if self.n_candidates == 0 {
            return refuse("n_candidates", "0 candidates give no weight; take 1 or more".into());
        }
        Ok(())
    }

    /// Both hold a [`Hit`] a pair of items. When weights change from columns to rows there are two copies of
    /// them, but no more numbers of shared users, which are at least as many.
    fn check_memory(&self, positives: &Csr, n_items: usize) -> Result<()> {
        let pairs: u128 = positives.rows().map(|row| (row.len() as u128).pow(2)).sum();
        let pairs = pairs.min((n_items as u128).pow(2));
        let weights = pairs.min(n_items as u128 * self.n_candidates as u128);
        // Of the rows of both, and of the blocks in which one of them is made.
        let headers = 3 * n_items as u128 * size_of::<Vec<Hit>>() as u128;
        let bytes = (pairs + weights) * size_of::<Hit>() as u128 + headers;
        let needed = usize::try_from(bytes.div_ceil(1 << 20)).unwrap_or(usize::MAX);
        let most = self.max_memory_mib;
        if needed > most { Err(Error::TooLarge { model: "SLIM", n_items, needed, most }) } else { Ok(()) }
    }

    /// The weights above 0 to `item`; `places` holds `u32::MAX` for all items, before and after.
    fn column(&self, gram: &Gram, item: u32, places: &mut [u32]) -> Vec<Hit> {
        let popularity = |of: u32| gram.popularity[of as usize];
        let hits = gram.row(item).iter().filter(|hit| hit.item != item);
        let hits = hits.map(|hit| Hit { item: hit.item, score: hit.score });
        let cosines = hits.map(|hit| Hit { score: hit.score / popularity(hit.item).sqrt(), ..hit }).collect();
        let mut candidates: Vec<u32> = best(cosines, self.n_candidates).iter().map(|hit| hit.item).collect();
        candidates.sort_unstable();
        let n = candidates.len();
        (0..).zip(&candidates).for_each(|(place, &candidate)| places[candidate as usize] = place);
        let mut products = vec![0f32; n * n];
        let mut residual = vec![0f32; n];
        for hit in gram.row(item) {
            if let Some(residual) = residual.get_mut(places[hit.item as usize] as usize) {
                *residual = hit.score;
            }
        }
        for (row, &candidate) in products.chunks_exact_mut(n.max(1)).zip(&candidates) {
            for hit in gram.row(candidate) {
                if let Some(product) = row.get_mut(places[hit.item as usize] as usize) {
                    *product = hit.score;
                }
            }
        }
        candidates.iter().for_each(|&candidate| places[candidate as usize] = u32::MAX);
        let weights = self.descend(&products, residual);
        let pairs = candidates.into_iter().zip(weights).filter(|&(_, weight)| weight > 0.0);
        pairs.map(|(item, score)| Hit { item, score }).collect()
    }

    /// The minimum over non-negative weights.
    ///
    /// # Shapes
    /// - `products`: `[n, n]`, of the candidates' columns
    /// - `residual`: `[n]`, their products with the item's column
    fn descend(&self, products: &[f32], mut residual: Vec<f32>) -> Vec<f32> {
        let n = residual.len();
        let mut weights = vec![0f32; n];
        for _ in 0..MOST_SWEEPS {
            let mut largest = 0f32;
            for at in 0..n {
                let row = &products[at * n..][..n];
                let weight = residual[at] + row[at] * weights[at] - self.l1;
                let weight = (weight / (row[at] + self.l2)).max(0.0);
                let change = weight - weights[at];
                if change != 0.0 {
                    weights[at] = weight;
                    residual
                        .iter_mut()
                        .zip(row)
                        .for_each(|(residual, product)| *residual -= change * product);
                    largest = largest.max(change.abs());
                }
            }
            if largest <= TOLERANCE {
                break;
            }
        }
        weights
    }
}

/// The numbers of users that items share.
struct Gram {
    /// For every item, itself included, those that share users with it, in no order.
    rows: Vec<Vec<Hit>>,
    /// The users of every item: the diagonal.
    popularity: Vec<f32>,
}

impl Gram {
    fn row(&self, item: u32) -> &[Hit] {
        &self.rows[item as usize]
    }
}

/// What one task works with.
struct Scratch {
    sums: Sums,
    places: Vec<u32>,
}

/// One row for every item, in parallel and without spare capacity.
fn in_blocks(n_items: usize, row: impl Fn(u32, &mut Scratch) -> Vec<Hit> + Sync) -> Vec<Vec<Hit>> {
    let blocks: Vec<Vec<Vec<Hit>>> = (0..n_items.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let mut scratch = Scratch { sums: Sums::new(n_items), places: vec![u32::MAX; n_items] };
            let items = block * BLOCK..n_items.min((block + 1) * BLOCK);
            let rows = items.map(|item| {
                let mut row = row(item as u32, &mut scratch);
                row.shrink_to_fit();
                row
            });
            rows.collect()
        })
        .collect();
    blocks.into_iter().flatten().collect()
}

/// Scores an item by the weights to it from the items of the user.
#[derive(Debug, Clone)]
pub struct Slim {
    histories: Arc<Csr>,
    weights: SparseWeights,
}

impl Slim {
    /// The weights above 0 from `item` to others, by item.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn weights(&self, item: u32) -> &[Hit] {
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

impl ItemScorer for Slim {
    fn n_items(&self) -> usize {
        self.weights.n_items()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        self.weights.score(&self.histories, users, scores);
    }
}
