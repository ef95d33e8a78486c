//! Generated data with a known best answer.
//!
//! Every user belongs to a cohort and every item to the topic that one cohort prefers. The generator
//! draws item i for a user of cohort c at time t with probability
//!
//! `p(i | c, t) = w(i, t) m(c, i) / sum over j of w(j, t) m(c, j)`, where
//! - `m(c, i)` is `exp(preference_strength)` if i's topic is c's, else 1;
//! - `w(i, t) = (1 + rank(i))^-popularity_exponent * fashion(i, t)`, with the ranks a random
//!   permutation of the items;
//! - `fashion(i, t) = exp(-drift * age)` from the item's release on, and before it
//!   `exp(-4 drift * time until release)`: popularity rises fast and falls slowly. Times are in units of the
//!   whole span, taken at the middle of one of [`N_PERIODS`] equal periods, and releases are uniform
//!   from one span before the data starts until it ends.
//!
//! A user meets an item at most once, as in rating data: what the user has met already is drawn
//! again. So the next item of a user who has met the items H is i with probability
//! `p(i) / (1 - sum over H of p)`, and the unmet items of largest `p` are the best recommendation that
//! anyone can make: [`Synthetic::best`].

mod config;
mod generate;
mod world;

pub use config::SyntheticConfig;
pub use world::N_PERIODS;

use world::World;

use crate::Dataset;

/// A generated data set and the probabilities that it was drawn from.
#[derive(Debug, Clone)]
pub struct Synthetic {
    /// Interactions in time order with ratings of 1 to 5 and timestamps; the id of index i is the
    /// number i, and ids without an interaction are in the id maps too.
    ///
    /// User features: `cohort`, the user's cohort with [`HINT_ACCURACY`], else a random one. Item
    /// features: `title` (text), `topic` (exact), `release` (days after the data starts).
    pub dataset: Dataset,
    /// The true cohort of every user.
    pub cohorts: Vec<u32>,
    /// The true topic of every item: the cohort that prefers it.
    pub topics: Vec<u32>,
    world: World,
}

/// How often the user feature `cohort` is surely the true one; otherwise it is drawn at random.
pub const HINT_ACCURACY: f64 = 0.8;

impl Synthetic {
    /// The probability with which the generator draws `item` for `user` at `timestamp`, before it
    /// draws again if the user has met the item already. Over all items it sums to 1.
    ///
    /// A timestamp outside the data's span counts as its first or last moment.
    ///
    /// # Panics
    /// If `user` or `item` is not an index of the data set.
    pub fn probability(&self, user: u32, item: u32, timestamp: i64) -> f64 {
        self.world.probability(self.cohorts[user as usize], item, timestamp)
    }

    /// The `k` items of largest [`probability`](Self::probability), best first, ties by item index.
    /// Items that the user has met are among them. Costs O(items).
    ///
    /// # Panics
    /// If `user` is not an index of the data set.
    pub fn best(&self, user: u32, timestamp: i64, k: usize) -> Vec<u32> {
        let weights = self.world.weights(self.cohorts[user as usize], timestamp);
        let better = |&a: &u32, &b: &u32| weights[b as usize].total_cmp(&weights[a as usize]).then(a.cmp(&b));
        let mut items: Vec<u32> = (0..weights.len() as u32).collect();
        if k < items.len() {
            items.select_nth_unstable_by(k, better);
            items.truncate(k);
        }
        items.sort_unstable_by(better);
        items
    }
}
