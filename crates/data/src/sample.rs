//! Negative sampling: which items a model is trained against, and how likely each was.
//!
//! Three ways to give a batch its negatives, each with its exact log Q:
//! - For each row its own: a [`NegativeSampler`]. It can exclude what the user has met; Q is then the
//!   probability among the other items.
//! - A set shared by the batch: a [`SharedNegativeSampler`]. It knows no user, so it cannot exclude;
//!   [`AccidentalHits`] says which pairs to mask.
//! - The positives of the other rows: nothing is drawn. [`ItemFrequencies`] or, for a stream, a
//!   [`FrequencyEstimator`] gives log Q, and [`AccidentalHits`] the mask.
//!
//! Mixtures of two have the log Q of [`mixed_log_probability`].

mod accidental_hits;
mod alias;
mod frequency_estimator;
mod item_frequencies;
mod lanes;
mod mixed;
mod popularity;
mod uniform;

pub use accidental_hits::{AccidentalHits, Candidates};
pub use alias::AliasTable;
pub(crate) use alias::alias_slots;
pub use frequency_estimator::{FrequencyEstimator, FrequencyEstimatorConfig};
pub use item_frequencies::ItemFrequencies;
pub use mixed::{MixedNegatives, mixed_log_probability};
pub use popularity::PopularityNegatives;
pub use uniform::UniformNegatives;

use crate::{Csr, Error, Result};

/// Draws negative items, with replacement, and says how likely each draw was.
///
/// What is drawn is a function of `(seed, epoch, row)` and the user: no state, so batches can be
/// prepared by any number of threads in any order.
pub trait NegativeSampler: std::fmt::Debug + Send + Sync {
    /// Items are below this.
    fn n_items(&self) -> u32;

    /// Fills `out` with items for training row `row` of epoch `epoch`, each drawn independently.
    ///
    /// # Panics
    /// If the user is not known to the sampler.
    fn sample_into(&self, epoch: u64, row: u64, user: u32, out: &mut [u32]);

    /// The natural logarithm of the probability that one draw for `user` is `item`: log Q of the logQ
    /// correction. Negative infinity for an item that is never drawn.
    ///
    /// # Panics
    /// If the user or the item is not known to the sampler.
    fn log_probability(&self, user: u32, item: u32) -> f64;
}

/// Draws candidates that all rows of a batch share, with replacement, whoever the users are.
///
/// One candidate is scored for the whole batch, so a batch can have many more than with a
/// [`NegativeSampler`]. What users have met is not excluded, whatever the sampler excludes otherwise: Q
/// is the same for every user. False negatives are masked after the draw instead, see
/// [`AccidentalHits`]; Q stays as it is then, because the mask is the loss's: it takes a pair out of the
/// sum, as if the item were not in this user's catalogue.
///
/// What is drawn is a function of `(seed, epoch, batch)`, independent of what
/// [`sample_into`](NegativeSampler::sample_into) draws.
pub trait SharedNegativeSampler: NegativeSampler {
    /// Fills `out` with the candidates of batch `batch` of epoch `epoch`, each drawn independently.
    fn sample_shared_into(&self, epoch: u64, batch: u64, out: &mut [u32]);

    /// The natural logarithm of the probability that one shared draw is `item`.
    ///
    /// The expected number of times that n draws give the item is n times its probability. A softmax
    /// over these candidates alone does not change with that factor; one that adds the row's positive
    /// without correction needs it: log(n Q).
    ///
    /// # Panics
    /// If the item is not below [`n_items`](NegativeSampler::n_items).
    fn log_shared_probability(&self, item: u32) -> f64;
}

/// Checks that every row is ascending and unique and holds items below `n_items`.
fn check_positives(positives: &Csr, n_items: u32) -> Result<()> {
    let refuse = |message: String| Err(Error::Parameter { parameter: "positives", message });
    for (user, met) in positives.rows().enumerate() {
        if !met.is_sorted_by(|a, b| a < b) {
            return refuse(format!("the items of user index {user} are not ascending and unique"));
        }
        if let Some(&last) = met.last()
            && last >= n_items
        {
            return refuse(format!("user index {user} has met item {last}, but there are {n_items} items"));
        }
    }
    Ok(())
}
