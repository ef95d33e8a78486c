//! The size and the character of generated data.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What to generate. The data is a function of this alone, whatever the number of threads.
///
/// Generating costs O(log n_items) an interaction, and 8 bytes x 32 periods an item of memory (one
/// period without drift).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticConfig {
    /// The number of users. Default: 1,000.
    pub n_users: u32,
    /// The number of items. Default: 500.
    pub n_items: u32,
    /// The number of interactions. The most active user has about `ln(n_users) / 2 + 1` times the
    /// average, and must not have more than there are items. Default: 30,000.
    pub n_interactions: u32,
    /// The number of cohorts, and of topics. Default: 8.
    pub n_cohorts: u32,
    /// The exponent of the power law of item popularity: 0 makes all items equal, 1 is Zipf's law.
    /// Default: 0.8.
    pub popularity_exponent: f64,
    /// The logarithm of how many times as likely an item becomes for the cohort that prefers it; 0
    /// makes all cohorts equal. Default: 2.
    pub preference_strength: f64,
    /// How many times popularity falls by a factor e over the whole span after an item's release; 0
    /// means that nothing changes. Default: 2.
    pub drift: f64,
    /// The seed. Default: 0.
    pub seed: u64,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        SyntheticConfig {
            n_users: 1_000,
            n_items: 500,
            n_interactions: 30_000,
            n_cohorts: 8,
            popularity_exponent: 0.8,
            preference_strength: 2.0,
            drift: 2.0,
            seed: 0,
        }
    }
}

impl SyntheticConfig {
    /// Sets the number of users.
    pub fn with_n_users(mut self, n_users: u32) -> Self {
        self.n_users = n_users;
        self
    }

    /// Sets the number of items.
    pub fn with_n_items(mut self, n_items: u32) -> Self {
        self.n_items = n_items;
        self
    }

    /// Sets the number of interactions.
    pub fn with_n_interactions(mut self, n_interactions: u32) -> Self {
        self.n_interactions = n_interactions;
        self
    }

    /// Sets the number of cohorts and topics.
    pub fn with_n_cohorts(mut self, n_cohorts: u32) -> Self {
        self.n_cohorts = n_cohorts;
        self
    }

    /// Sets the exponent of the power law of item popularity.
    pub fn with_popularity_exponent(mut self, popularity_exponent: f64) -> Self {
        self.popularity_exponent = popularity_exponent;
        self
    }

    /// Sets the logarithm of how many times as likely an item is for the cohort that prefers it.
    pub fn with_preference_strength(mut self, preference_strength: f64) -> Self {
        self.preference_strength = preference_strength;
        self
    }

    /// Sets how many times popularity falls by a factor e over the span.
    pub fn with_drift(mut self, drift: f64) -> Self {
        self.drift = drift;
        self
    }

    /// Sets the seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// If a count is 0, there are more cohorts than users or items, a strength is negative, not a
    /// number, or so large that a probability would be 0, or some user would meet more items than
    /// there are.
    pub fn validate(&self) -> Result<()> {
        let refuse = |parameter, message| Err(Error::Parameter { parameter, message });
        for (parameter, count) in [
            ("n_users", self.n_users),
            ("n_items", self.n_items),
            ("n_interactions", self.n_interactions),
            ("n_cohorts", self.n_cohorts),
        ] {
            if count == 0 {
                return refuse(parameter, "it is 0; it must be at least 1".into());
            }
        }
        if self.n_cohorts > self.n_users.min(self.n_items) {
            return refuse("n_cohorts", format!("{} must be at most n_users and n_items", self.n_cohorts));
        }
        for (parameter, value) in [
            ("popularity_exponent", self.popularity_exponent),
            ("preference_strength", self.preference_strength),
            ("drift", self.drift),
        ] {
            if !(0.0..=20.0).contains(&value) {
                return refuse(parameter, format!("{value} must be from 0 to 20"));
            }
        }
        let most = self.rows_of_most_active_user();
        if most > f64::from(self.n_items) {
            return refuse(
                "n_interactions",
                format!(
                    "the most active user would have {most:.0} of {} interactions but there are {} items, each \
                     met once; choose fewer interactions, more items or more users",
                    self.n_interactions, self.n_items
                ),
            );
        }
        Ok(())
    }

    /// An upper bound.
    fn rows_of_most_active_user(&self) -> f64 {
        let n_users = f64::from(self.n_users);
        let average = f64::from(self.n_interactions) / n_users;
        // The weights of `activity_weight` sum to within a few parts in a thousand of n_users, or more
        // for very few users.
        let total: f64 = (0..self.n_users.min(1 << 20)).map(|rank| self.activity_weight(rank)).sum();
        let largest = self.activity_weight(self.n_users - 1);
        let share = if self.n_users <= 1 << 20 { largest * n_users / total } else { largest };
        (average * share).ceil() + 1.0
    }

    /// How active the user of activity rank `rank` is, 1 being about the average: half of it the same
    /// for all, half exponentially distributed.
    pub(super) fn activity_weight(&self, rank: u32) -> f64 {
        let quantile = (f64::from(rank) + 0.5) / f64::from(self.n_users);
        0.5 - 0.5 * (1.0 - quantile).ln()
    }
}
