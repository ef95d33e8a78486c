//! Uniform negatives.

use std::sync::Arc;

use super::lanes::{LANES, last_below};
use super::{NegativeSampler, SharedNegativeSampler, check_positives};
use crate::random::{Random, Stream};
use crate::{Csr, Error, Result};

/// Draws negative items uniformly, with replacement.
///
/// What is drawn is a function of `(seed, epoch, row)` and the user: no state, so batches can be
/// prepared by any number of threads in any order.
#[derive(Debug, Clone)]
pub struct UniformNegatives {
    n_items: u32,
    seed: u64,
    /// For every user the items never drawn, ascending and unique.
    positives: Option<Arc<Csr>>,
}

impl UniformNegatives {
    /// Draws from all items `0..n_items`.
    ///
    /// # Errors
    /// If there is no item.
    pub fn new(n_items: u32, seed: u64) -> Result<Self> {
        if n_items == 0 {
            return Err(Error::Parameter {
                parameter: "n_items",
                message: "0 items; there must be at least 1 to draw from".into(),
            });
        }
        Ok(UniformNegatives { n_items, seed, positives: None })
    }

    /// Never draws an item that the user has met: row `u` of `positives` holds the items of user `u`,
    /// ascending and unique, as [`Interactions::items_by_user`](crate::Interactions::items_by_user)
    /// gives them.
    ///
    /// # Errors
    /// If a row is not ascending and unique, holds an item that is not below `n_items`, or holds every
    /// item.
    pub fn excluding(mut self, positives: impl Into<Arc<Csr>>) -> Result<Self> {
        let positives = positives.into();
        check_positives(&positives, self.n_items)?;
        for (user, met) in positives.rows().enumerate() {
            if met.len() == self.n_items as usize {
                return Err(Error::Parameter {
                    parameter: "positives",
                    message: format!(
                        "user index {user} has met all {} items: none is left to draw; filter the user out \
                         or do not exclude positives",
                        self.n_items
                    ),
                });
            }
        }
        self.positives = Some(positives);
        Ok(self)
    }

    /// The probability of each item that can be drawn for `user`: Q of the logQ correction.
    ///
    /// # Panics
    /// If positives are excluded and `user` is not one of their rows.
    pub fn probability(&self, user: u32) -> f64 {
        1.0 / (f64::from(self.n_items) - self.met(user).len() as f64)
    }

    fn met(&self, user: u32) -> &[u32] {
        self.positives.as_ref().map_or(&[], |positives| positives.row(user))
    }
}

impl NegativeSampler for UniformNegatives {
    fn n_items(&self) -> u32 {
        self.n_items
    }

    /// # Panics
    /// If positives are excluded and `user` is not one of their rows.
    fn sample_into(&self, epoch: u64, row: u64, user: u32, out: &mut [u32]) {
        let met = self.met(user);
        let n_unmet = self.n_items - met.len() as u32;
        let mut draws = Random::new(self.seed, Stream::Negatives, epoch).row(row);
        out.fill_with(|| draws.below(n_unmet));
        for chunk in out.chunks_mut(LANES) {
            to_unmet(met, chunk);
        }
    }

    /// # Panics
    /// If positives are excluded and `user` is not one of their rows, or `item` is not below the number
    /// of items.
    fn log_probability(&self, user: u32, item: u32) -> f64 {
        assert!(item < self.n_items, "item {item}, but there are {} items", self.n_items);
        match self.met(user).binary_search(&item) {
            Ok(_) => f64::NEG_INFINITY,
            Err(_) => self.probability(user).ln(),
        }
    }
}

impl SharedNegativeSampler for UniformNegatives {
    fn sample_shared_into(&self, epoch: u64, batch: u64, out: &mut [u32]) {
        let mut draws = Random::new(self.seed, Stream::Candidates, epoch).row(batch);
        out.fill_with(|| draws.below(self.n_items));
    }

    fn log_shared_probability(&self, item: u32) -> f64 {
        assert!(item < self.n_items, "item {item}, but there are {} items", self.n_items);
        -f64::from(self.n_items).ln()
    }
}

/// Replaces every n of at most [`LANES`] by the number that has n smaller ones not in `met` and is not
/// in it either.
fn to_unmet(met: &[u32], numbers: &mut [u32]) {
    if met.is_empty() {
        return;
    }
    // Before met[i] lie met[i] - i unmet numbers, which never falls with i: so the met numbers below
    // the answer are those with met[i] - i <= n.
    let is_below = |index: usize, n: u32| met[index] - index as u32 <= n;
    let lasts = last_below(met.len(), numbers, is_below);
    for (n, last) in numbers.iter_mut().zip(lasts) {
        *n += last as u32 + u32::from(is_below(last, *n));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_unmet_number_skips_the_met_ones() {
        let met = [0, 1, 4, 6, 9];
        let mut numbers = [5, 0, 1, 2, 3, 4];
        to_unmet(&met, &mut numbers);
        assert_eq!(numbers, [10, 2, 3, 5, 7, 8]);
        to_unmet(&[], &mut numbers);
        assert_eq!(numbers, [10, 2, 3, 5, 7, 8]);
    }
}
