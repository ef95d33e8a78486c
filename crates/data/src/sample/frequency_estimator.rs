//! How often items come, from a stream.

use serde::{Deserialize, Serialize};

use crate::random::{Random, Stream};
use crate::{Error, Result};

/// How to estimate frequencies from a stream. Every field has a default, so an empty table is a whole
/// configuration:
/// ```toml
/// n_hashes = 4
/// n_buckets = 65536
/// learning_rate = 0.01
/// seed = 0
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrequencyEstimatorConfig {
    /// Hash functions, each with buckets of its own. An estimate is wrong only if the item shares its
    /// bucket in every one. From 1 to 16; time and memory grow with it. Default: 4.
    pub n_hashes: u32,
    /// Buckets of a hash function; more than items that come often. At least 1, at most 2^24; each costs
    /// 24 bytes. Default: 65536.
    pub n_buckets: u32,
    /// How much the newest interval counts. Higher values follow changes faster and are noisier: the
    /// standard deviation of an estimate is about `sqrt(learning_rate / 2)` of it. Above 0, at most 1.
    /// Default: 0.01, which averages about the last 100 intervals, with 7% of noise.
    pub learning_rate: f64,
    /// Seed of the hash functions. Default: 0.
    pub seed: u64,
}

impl Default for FrequencyEstimatorConfig {
    fn default() -> Self {
        FrequencyEstimatorConfig { n_hashes: 4, n_buckets: 1 << 16, learning_rate: 0.01, seed: 0 }
    }
}

impl FrequencyEstimatorConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    /// If one is outside its range.
    pub fn validate(&self) -> Result<()> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        if !(1..=16).contains(&self.n_hashes) {
            return refuse("n_hashes", format!("{} must be from 1 to 16", self.n_hashes));
        }
        if !(1..=1 << 24).contains(&self.n_buckets) {
            return refuse("n_buckets", format!("{} must be from 1 to 16777216", self.n_buckets));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return refuse("learning_rate", format!("{} must be above 0, at most 1", self.learning_rate));
        }
        Ok(())
    }

    /// An estimator that has observed nothing.
    ///
    /// # Errors
    /// If a parameter is outside its range.
    pub fn init(&self) -> Result<FrequencyEstimator> {
        self.validate()?;
        let buckets = vec![Bucket::default(); self.n_hashes as usize * self.n_buckets as usize];
        Ok(FrequencyEstimator { config: self.clone(), n_observed: 0, buckets })
    }
}

/// Estimates how often an item is the positive of a row, from a stream of rows without a list of items:
/// log Q of in-batch negatives (Yi et al. 2019, "Sampling-bias-corrected neural modeling for large corpus
/// item recommendations", algorithms 2 and 3).
///
/// For every bucket of a hash function it keeps the step A that last had an item of the bucket and the
/// moving average B of the steps between two: B <- (1 - learning_rate) B + learning_rate (t - A), A <- t.
/// The probability of an item is 1 / B. Items that share a bucket make B too small, never too large, so
/// of several hash functions the largest B is taken.
///
/// Two things are not as in the paper:
/// - A step is a row, not a batch. So 1 / B is the probability of one draw, which is what
///   [`ItemFrequencies`](super::ItemFrequencies) and the samplers state and what mixes with theirs; an
///   item that a batch has more than once counts as often; and batches may differ in size.
/// - The first intervals of a bucket are averaged with equal weight until `learning_rate` is the larger
///   one. So there is no first B to guess, and rare items are not held to it.
///
/// B changes only when an item comes: one that stops coming keeps its last estimate, which nobody asks
/// for, because no batch has the item.
///
/// The state is a function of the configuration and of the rows in their order. It can be saved with
/// serde and gone on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct FrequencyEstimator {
    config: FrequencyEstimatorConfig,
    n_observed: u64,
    /// `[n_hashes, n_buckets]`
    buckets: Vec<Bucket>,
}

/// The arrays A and B at one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Bucket {
    /// A: the last step, counted from 1; 0 if there was none.
    last: u64,
    /// B: the average steps between two.
    interval: f64,
    /// Intervals seen, as far as they set the weight of the next one.
    n_intervals: u32,
}

impl FrequencyEstimator {
    /// Learns from the positives of the next rows, in order.
    pub fn observe(&mut self, items: &[u32]) {
        let FrequencyEstimatorConfig { n_hashes, n_buckets, learning_rate, seed } = self.config;
        let arrays = self.buckets.chunks_exact_mut(n_buckets as usize);
        for (hash, array) in (0..n_hashes).zip(arrays) {
            let hash = Random::new(seed, Stream::Hashing, u64::from(hash));
            for (&item, step) in items.iter().zip(self.n_observed + 1..) {
                let bucket = &mut array[hash.row(u64::from(item)).below(n_buckets) as usize];
                bucket.n_intervals = bucket.n_intervals.saturating_add(1);
                let weight = learning_rate.max(1.0 / f64::from(bucket.n_intervals));
                let interval = (step - bucket.last) as f64;
                bucket.interval += weight * (interval - bucket.interval);
                bucket.last = step;
            }
        }
        self.n_observed += items.len() as u64;
    }

    /// Rows observed so far.
    pub fn n_observed(&self) -> u64 {
        self.n_observed
    }

    /// The natural logarithm of the estimated probability that the positive of a row is `item`: log Q of
    /// in-batch negatives. Finite, at most 0.
    ///
    /// An item that was never observed has the probability 1 / (1 + rows observed), as if the next row
    /// had it, unless it shares a bucket with another one under every hash function. The estimates of all
    /// items need not sum to 1.
    pub fn log_probability(&self, item: u32) -> f64 {
        let FrequencyEstimatorConfig { n_hashes, n_buckets, seed, .. } = self.config;
        let arrays = self.buckets.chunks_exact(n_buckets as usize);
        let intervals = (0..n_hashes).zip(arrays).map(|(hash, array)| {
            let hash = Random::new(seed, Stream::Hashing, u64::from(hash));
            let bucket = array[hash.row(u64::from(item)).below(n_buckets) as usize];
            if bucket.last == 0 { self.n_observed as f64 + 1.0 } else { bucket.interval }
        });
        // Every interval is at least 1, as an average of whole numbers above 0.
        -intervals.fold(1.0, f64::max).ln()
    }
}

/// A saved estimator before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    config: FrequencyEstimatorConfig,
    n_observed: u64,
    buckets: Vec<Bucket>,
}

impl TryFrom<Saved> for FrequencyEstimator {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        let Saved { config, n_observed, buckets } = saved;
        config.validate()?;
        let refuse = |message: String| Err(Error::Parameter { parameter: "buckets", message });
        let n_buckets = config.n_hashes as usize * config.n_buckets as usize;
        if buckets.len() != n_buckets {
            return refuse(format!("{} are saved, but the configuration has {n_buckets}", buckets.len()));
        }
        let is_possible = |bucket: &Bucket| match bucket.last {
            0 => bucket.interval == 0.0 && bucket.n_intervals == 0,
            last => last <= n_observed && bucket.interval.is_finite() && bucket.n_intervals > 0,
        };
        if let Some(index) = buckets.iter().position(|bucket| !is_possible(bucket)) {
            return refuse(format!(
                "bucket {index} is {:?}, which cannot be after {n_observed} rows",
                buckets[index]
            ));
        }
        Ok(FrequencyEstimator { config, n_observed, buckets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_averaged_as_written() {
        let config = FrequencyEstimatorConfig { learning_rate: 0.4, ..Default::default() };
        let mut estimator = config.init().unwrap();
        assert_eq!(estimator.log_probability(7), 0.0);
        // Item 7 in rows 2, 3, 5 and 10: the first interval has weight 1, the second 1/2, then 0.4.
        estimator.observe(&[1, 7, 7, 2]);
        estimator.observe(&[7, 1, 2, 3, 4, 7]);
        let mean: f64 = (2.0 + 1.0) / 2.0;
        let expected = 0.6 * (0.6 * mean + 0.4 * 2.0) + 0.4 * 5.0;
        assert!((estimator.log_probability(7) + expected.ln()).abs() < 1e-12);
        assert_eq!(estimator.n_observed(), 10);
        assert_eq!(estimator.log_probability(1_000_000), -11_f64.ln());
    }

    #[test]
    fn bad_parameters_are_named() {
        let message = |config: FrequencyEstimatorConfig| config.init().unwrap_err().to_string();
        let good = FrequencyEstimatorConfig::default();
        let rates = [0.0, 1.5, f64::NAN];
        for learning_rate in rates {
            let message = message(FrequencyEstimatorConfig { learning_rate, ..good.clone() });
            assert_eq!(message, format!("learning_rate: {learning_rate} must be above 0, at most 1"));
        }
        assert!(message(FrequencyEstimatorConfig { n_hashes: 0, ..good.clone() }).starts_with("n_hashes: 0"));
        assert!(message(FrequencyEstimatorConfig { n_buckets: 0, ..good }).starts_with("n_buckets: 0"));
    }
}
