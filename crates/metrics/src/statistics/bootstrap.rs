use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use super::{Confidence, Interval};
use crate::{Error, Result};

/// Intervals by drawing the users anew, with replacement, as often as they are many (Efron 1979).
///
/// The bounds are percentiles of the means of the resamples. Nothing is assumed of the distribution of values,
/// which for metrics of lists is far from normal; the users must be independent. The draws of a resample are a
/// function of the seed and its number: the same bits on any number of threads.
///
/// Cost: one pass over the users for each resample, on all threads of the current rayon pool.
///
/// ```
/// use burn_recsys_metrics::statistics::Bootstrap;
///
/// let hits: Vec<f64> = (0..400).map(|user| f64::from(user % 4 == 0)).collect();
/// let interval = Bootstrap::new(1_000, 7)?.interval(&hits).ok_or("no users")?;
/// // The standard error is sqrt(0.25 · 0.75 / 400) = 0.022.
/// assert!(interval.lower > 0.19 && interval.lower < 0.23);
/// assert!(interval.upper > 0.27 && interval.upper < 0.31);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    n_resamples: usize,
    seed: u64,
    confidence: Confidence,
}

impl Bootstrap {
    /// With `n_resamples` resamples; 1,000 is usual.
    ///
    /// # Errors
    /// If `n_resamples` is 0.
    pub fn new(n_resamples: usize, seed: u64) -> Result<Self> {
        if n_resamples == 0 {
            let message = "0 resamples have no percentiles; 1000 are usual".to_owned();
            return Err(Error::Parameter { parameter: "n_resamples", message });
        }
        Ok(Bootstrap { n_resamples, seed, confidence: Confidence::default() })
    }

    /// With intervals of another confidence than 0.95.
    pub fn with_confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// The confidence of the intervals.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// The number of resamples.
    pub fn n_resamples(&self) -> usize {
        self.n_resamples
    }

    /// The interval of the mean; `None` without values.
    pub fn interval(&self, values: &[f64]) -> Option<Interval> {
        let mut means = self.means(values)?;
        means.sort_unstable_by(f64::total_cmp);
        Some(percentiles(&means, self.confidence))
    }

    /// The mean of each resample, in their order; `None` without values.
    pub(super) fn means(&self, values: &[f64]) -> Option<Vec<f64>> {
        let n = values.len();
        let mean = |resample: usize| {
            let mut draws = ChaCha8Rng::seed_from_u64(self.seed);
            draws.set_stream(resample as u64);
            // The high half of the product is below n; its bias is n / 2⁶⁴.
            let below = |draw: u64| ((u128::from(draw) * n as u128) >> 64) as usize;
            (0..n).map(|_| values[below(draws.next_u64())]).sum::<f64>() / n as f64
        };
        (n > 0).then(|| (0..self.n_resamples).into_par_iter().map(mean).collect())
    }
}

/// The bounds that leave equal tails of sorted values, of which there is at least one.
pub(super) fn percentiles(sorted: &[f64], confidence: Confidence) -> Interval {
    let at = |share: f64| {
        let position = (sorted.len() - 1) as f64 * share;
        let below = sorted[position.floor() as usize];
        below + (sorted[position.ceil() as usize] - below) * position.fract()
    };
    let upper = confidence.upper_quantile();
    Interval { lower: at(1.0 - upper), upper: at(upper) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::normal_interval;

    fn values() -> Vec<f64> {
        (0..900_u32).map(|user| f64::from(user.wrapping_mul(2_654_435_761) >> 16) / 65_536.0).collect()
    }

    #[test]
    fn it_agrees_with_the_normal_interval_of_many_users() {
        for level in [0.8, 0.95] {
            let confidence = Confidence::new(level).unwrap();
            let bootstrap = Bootstrap::new(4_000, 1).unwrap().with_confidence(confidence);
            let found = bootstrap.interval(&values()).unwrap();
            let expected = normal_interval(&values(), confidence).unwrap();
            let width = expected.upper - expected.lower;
            assert!((found.lower - expected.lower).abs() < 0.05 * width, "{found:?} {expected:?}");
            assert!((found.upper - expected.upper).abs() < 0.05 * width, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn seeds_differ_and_threads_do_not() {
        let interval = |seed, n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| Bootstrap::new(50, seed).unwrap().interval(&values()).unwrap())
        };
        assert_eq!(interval(3, 1), interval(3, 4));
        assert_ne!(interval(3, 1), interval(4, 1));
    }

    #[test]
    fn constants_have_no_width_and_nobody_has_no_interval() {
        let bootstrap = Bootstrap::new(20, 5).unwrap();
        assert_eq!(bootstrap.interval(&[0.25; 9]), Some(Interval { lower: 0.25, upper: 0.25 }));
        assert_eq!(bootstrap.interval(&[]), None);
        assert!(Bootstrap::new(0, 5).is_err());
    }

    #[test]
    fn percentiles_lie_between_neighbours() {
        let sorted: Vec<f64> = (0..=10).map(f64::from).collect();
        let interval = percentiles(&sorted, Confidence::new(0.9).unwrap());
        assert!((interval.lower - 0.5).abs() < 1e-12 && (interval.upper - 9.5).abs() < 1e-12, "{interval:?}");
    }
}
