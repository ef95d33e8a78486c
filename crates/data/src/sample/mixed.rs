//! Mixtures of two samplers.

use super::{NegativeSampler, SharedNegativeSampler};
use crate::random::{Random, Stream};
use crate::{Error, Result};

/// Draws every negative from one of two samplers: with probability `share_of_a` from `a`, else from `b`
/// (mixed negative sampling: Yang et al. 2020, "Mixed negative sampling for learning two-tower neural
/// networks in recommendations").
///
/// A good default for retrieval is [`PopularityNegatives`](super::PopularityNegatives), which has the
/// hard negatives, with a part of [`UniformNegatives`](super::UniformNegatives), which has the items
/// that nobody has met.
///
/// Both samplers may have the same seed as the mixture: their draws are independent all the same.
/// Mixtures can be mixed again.
#[derive(Debug, Clone)]
pub struct MixedNegatives<A, B> {
    a: A,
    b: B,
    share_of_a: f64,
    seed: u64,
}

impl<A: NegativeSampler, B: NegativeSampler> MixedNegatives<A, B> {
    /// Draws from `a` with probability `share_of_a`, else from `b`.
    ///
    /// # Errors
    /// If `share_of_a` is not within 0 and 1, or the samplers differ in the number of items.
    pub fn new(a: A, b: B, share_of_a: f64, seed: u64) -> Result<Self> {
        if !(0.0..=1.0).contains(&share_of_a) {
            return Err(Error::Parameter {
                parameter: "share_of_a",
                message: format!("{share_of_a} must be within 0 and 1"),
            });
        }
        if a.n_items() != b.n_items() {
            return Err(Error::Parameter {
                parameter: "n_items",
                message: format!(
                    "the samplers of a mixture have {} and {} items; they must have the same",
                    a.n_items(),
                    b.n_items()
                ),
            });
        }
        Ok(MixedNegatives { a, b, share_of_a, seed })
    }

    /// Fills `out` by two functions that fill a slice for a row.
    fn mix(
        &self,
        stream: Stream,
        epoch: u64,
        row: u64,
        out: &mut [u32],
        fill_a: impl FnOnce(u64, &mut [u32]),
        fill_b: impl FnOnce(u64, &mut [u32]),
    ) {
        let mut draws = Random::new(self.seed, stream, epoch).row(row);
        // Rows of their own, so that no sampler uses the random numbers of another with its seed.
        let (row_a, row_b) = (draws.next_u64(), draws.next_u64());
        // The draws of a sampler are taken in order, and which sampler is next is decided place by
        // place: fewer negatives are the first of more.
        let mut n_from_a = 0;
        for place in &mut *out {
            let is_from_a = draws.uniform() < self.share_of_a;
            *place = u32::from(is_from_a);
            n_from_a += usize::from(is_from_a);
        }
        let (mut few, mut many) = ([0; FEW], Vec::new());
        let drawn = if out.len() <= FEW {
            &mut few[..out.len()]
        } else {
            many.resize(out.len(), 0);
            &mut many[..]
        };
        let (from_a, from_b) = drawn.split_at_mut(n_from_a);
        if !from_a.is_empty() {
            fill_a(row_a, from_a);
        }
        if !from_b.is_empty() {
            fill_b(row_b, from_b);
        }
        // Where the next draw of b and of a lies.
        let mut next = [n_from_a, 0];
        for place in out {
            let next = &mut next[*place as usize];
            *place = drawn[*next];
            *next += 1;
        }
    }
}

/// Up to so many negatives are kept without an allocation.
const FEW: usize = 64;

impl<A: NegativeSampler, B: NegativeSampler> NegativeSampler for MixedNegatives<A, B> {
    fn n_items(&self) -> u32 {
        self.a.n_items()
    }

    /// # Panics
    /// If one of the samplers does.
    fn sample_into(&self, epoch: u64, row: u64, user: u32, out: &mut [u32]) {
        self.mix(
            Stream::Negatives,
            epoch,
            row,
            out,
            |row, out| self.a.sample_into(epoch, row, user, out),
            |row, out| self.b.sample_into(epoch, row, user, out),
        );
    }

    /// # Panics
    /// If one of the samplers does.
    fn log_probability(&self, user: u32, item: u32) -> f64 {
        mixed_log_probability(
            self.share_of_a,
            self.a.log_probability(user, item),
            self.b.log_probability(user, item),
        )
    }
}

impl<A: SharedNegativeSampler, B: SharedNegativeSampler> SharedNegativeSampler for MixedNegatives<A, B> {
    fn sample_shared_into(&self, epoch: u64, batch: u64, out: &mut [u32]) {
        self.mix(
            Stream::Candidates,
            epoch,
            batch,
            out,
            |batch, out| self.a.sample_shared_into(epoch, batch, out),
            |batch, out| self.b.sample_shared_into(epoch, batch, out),
        );
    }

    fn log_shared_probability(&self, item: u32) -> f64 {
        mixed_log_probability(
            self.share_of_a,
            self.a.log_shared_probability(item),
            self.b.log_shared_probability(item),
        )
    }
}

/// log(share exp(a) + (1 - share) exp(b)): the log Q of an item that is drawn with log probability `a`
/// with probability `share_of_a`, else with `b`; negative infinity where both are.
///
/// For negatives of which a fixed number n come from the batch and m from a sampler, the share is
/// n / (n + m): an item is among them (n + m) Q times on average.
///
/// `share_of_a` is within 0 and 1.
pub fn mixed_log_probability(share_of_a: f64, a: f64, b: f64) -> f64 {
    let (a, b) = (share_of_a.ln() + a, (-share_of_a).ln_1p() + b);
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if high == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_of_logarithms_is_that_of_probabilities() {
        for (share, a, b) in [(0.3, 0.2, 0.01), (0.0, 0.2, 0.1), (1.0, 0.2, 0.1), (0.25, 0.0, 0.4)] {
            let mixed = mixed_log_probability(share, f64::ln(a), f64::ln(b)).exp();
            assert!((mixed - (share * a + (1.0 - share) * b)).abs() < 1e-15, "{share} {a} {b}: {mixed}");
        }
        let never = f64::NEG_INFINITY;
        assert_eq!(mixed_log_probability(0.5, never, never), never);
        assert_eq!(mixed_log_probability(1.0, never, -1.0), never);
        // Below the smallest f64 as probabilities.
        assert!((mixed_log_probability(0.5, -2000.0, -2000.0) + 2000.0).abs() < 1e-9);
    }
}
