//! Negatives by popularity.

use std::sync::Arc;

use super::lanes::{LANES, last_below};
use super::{AliasTable, NegativeSampler, SharedNegativeSampler, check_positives};
use crate::random::{Draws, Random, Stream};
use crate::{Csr, Error, Result};

/// Draws negative items with a probability proportional to `count^alpha`, with replacement.
///
/// `alpha` 1 is the distribution of the interactions (unigram), 0 the uniform one over all items, and
/// 0.75 a usual choice between (Mikolov et al. 2013, "Distributed representations of words and phrases
/// and their compositionality").
///
/// Counts are not smoothed. With `alpha` above 0 an item without interactions is never drawn, so a model
/// is never told that users do not want it; mix with [`UniformNegatives`](super::UniformNegatives) by
/// [`MixedNegatives`](super::MixedNegatives), which says how much such items get, or add to the counts.
///
/// What is drawn is a function of `(seed, epoch, row)` and the user: no state, so batches can be
/// prepared by any number of threads in any order.
#[derive(Debug, Clone)]
pub struct PopularityNegatives {
    table: AliasTable,
    seed: u64,
    exclusion: Option<Exclusion>,
}

/// What is never drawn for a user.
#[derive(Debug, Clone)]
struct Exclusion {
    /// Ascending and unique.
    positives: Arc<Csr>,
    /// For every user.
    met: Vec<MetParts>,
}

/// How much of the probability a user's met items have, in parts of the table.
#[derive(Debug, Clone)]
struct MetParts {
    total: u64,
    /// For users whose draws are searched: the parts of the met items before each, and of all. Else
    /// empty.
    before: Box<[u64]>,
}

/// Draws are repeated until the item is unmet, up to this share of met probability: 10 draws for one
/// negative on average. Beyond, one draw is searched among the unmet items.
const MAX_REJECTED_SHARE: f64 = 0.9;

impl PopularityNegatives {
    /// Draws from all items with a count above 0, or from all items if `alpha` is 0. `counts` has one
    /// entry an item, as [`Interactions::item_counts`](crate::Interactions::item_counts) gives them.
    ///
    /// # Errors
    /// If there is no item, `alpha` is negative or not finite, or `alpha` is above 0 and all counts are
    /// 0.
    pub fn new(counts: &[u32], alpha: f64, seed: u64) -> Result<Self> {
        let counts: Vec<u64> = counts.iter().map(|&count| u64::from(count)).collect();
        let table = AliasTable::from_counts(&counts, alpha)?;
        Ok(PopularityNegatives { table, seed, exclusion: None })
    }

    /// Never draws an item that the user has met: row `u` of `positives` holds the items of user `u`,
    /// ascending and unique, as [`Interactions::items_by_user`](crate::Interactions::items_by_user)
    /// gives them. The other items keep their proportions: Q(i | u) = p(i) / (1 - the sum of p over the
    /// met items).
    ///
    /// Costs 24 bytes a user, and 8 for every item of users whose met items have more than 0.9 of the
    /// probability.
    ///
    /// # Errors
    /// If a row is not ascending and unique, holds an item that is not below `n_items`, or holds every
    /// item that can be drawn.
    pub fn excluding(mut self, positives: impl Into<Arc<Csr>>) -> Result<Self> {
        let positives = positives.into();
        check_positives(&positives, self.n_items())?;
        let n_parts = self.table.n_parts();
        let mut met = Vec::with_capacity(positives.n_rows());
        for (user, items) in positives.rows().enumerate() {
            let total = items.iter().map(|&item| self.table.parts(item)).sum();
            if total == n_parts {
                return Err(Error::Parameter {
                    parameter: "positives",
                    message: format!(
                        "user index {user} has met every item with a probability above 0: none is left to \
                         draw; filter the user out, do not exclude positives, or mix with uniform negatives"
                    ),
                });
            }
            let is_searched = total as f64 > MAX_REJECTED_SHARE * n_parts as f64;
            let before = if is_searched { self.parts_before(items) } else { Box::default() };
            met.push(MetParts { total, before });
        }
        self.exclusion = Some(Exclusion { positives, met });
        Ok(self)
    }

    /// The parts of the items before each one, and of all.
    fn parts_before(&self, items: &[u32]) -> Box<[u64]> {
        let mut sum = 0;
        std::iter::once(0)
            .chain(items.iter().map(|&item| {
                sum += self.table.parts(item);
                sum
            }))
            .collect()
    }

    /// The item of a random unmet part: the inverse of the distribution function over unmet items.
    fn search(&self, items: &[u32], met: &MetParts, draws: &mut Draws) -> u32 {
        let unmet = draws.below_u64(self.table.n_parts() - met.total);
        // Before items[i] lie parts_below(items[i]) - before[i] unmet parts, which never falls with i.
        let (mut start, mut end) = (0, items.len());
        while start < end {
            let middle = start.midpoint(end);
            if self.table.parts_below(items[middle]) - met.before[middle] <= unmet {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        self.table.index_of_part(unmet + met.before[start])
    }
}

/// Moves the items of at most [`LANES`] that are not in `met` to the front, in order; their number.
fn keep_unmet(met: &[u32], items: &mut [u32]) -> usize {
    if met.is_empty() {
        return items.len();
    }
    let lasts = last_below(met.len(), items, |index, item| met[index] <= item);
    let mut n_kept = 0;
    for (place, last) in lasts.into_iter().enumerate().take(items.len()) {
        let item = items[place];
        items[n_kept] = item;
        n_kept += usize::from(met[last] != item);
    }
    n_kept
}

impl NegativeSampler for PopularityNegatives {
    fn n_items(&self) -> u32 {
        self.table.len() as u32
    }

    /// # Panics
    /// If positives are excluded and `user` is not one of their rows.
    fn sample_into(&self, epoch: u64, row: u64, user: u32, out: &mut [u32]) {
        let mut draws = Random::new(self.seed, Stream::Negatives, epoch).row(row);
        let Some(exclusion) = &self.exclusion else {
            return out.fill_with(|| self.table.draw(&mut draws));
        };
        let (items, met) = (exclusion.positives.row(user), &exclusion.met[user as usize]);
        if !met.before.is_empty() {
            return out.fill_with(|| self.search(items, met, &mut draws));
        }
        // Draws are taken in order and met items left out, as many at a time as places are left: fewer
        // negatives are the first of more.
        let mut filled = 0;
        while filled < out.len() {
            let end = out.len().min(filled + LANES);
            let places = &mut out[filled..end];
            places.fill_with(|| self.table.draw(&mut draws));
            filled += keep_unmet(items, places);
        }
    }

    /// # Panics
    /// If positives are excluded and `user` is not one of their rows, or `item` is not below the number
    /// of items.
    fn log_probability(&self, user: u32, item: u32) -> f64 {
        let parts = self.table.parts(item);
        let met = self.exclusion.as_ref().map_or(0, |exclusion| {
            if exclusion.positives.row(user).binary_search(&item).is_ok() {
                self.table.n_parts()
            } else {
                exclusion.met[user as usize].total
            }
        });
        match self.table.n_parts() - met {
            0 => f64::NEG_INFINITY,
            unmet => (parts as f64 / unmet as f64).ln(),
        }
    }
}

impl SharedNegativeSampler for PopularityNegatives {
    fn sample_shared_into(&self, epoch: u64, batch: u64, out: &mut [u32]) {
        let mut draws = Random::new(self.seed, Stream::Candidates, epoch).row(batch);
        out.fill_with(|| self.table.draw(&mut draws));
    }

    fn log_shared_probability(&self, item: u32) -> f64 {
        self.table.probability(item).ln()
    }
}
