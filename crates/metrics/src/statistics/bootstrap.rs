use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use super::{Confidence, Interval};
use crate::column::Column;
use crate::quantile::linear_quantile;
use crate::{Error, Result};

/// More take hours and say nothing more.
const MOST_RESAMPLES: usize = 1_000_000;

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
    /// If `n_resamples` is 0 or above a million.
    pub fn new(n_resamples: usize, seed: u64) -> Result<Self> {
        if !(1..=MOST_RESAMPLES).contains(&n_resamples) {
            let message = format!("{n_resamples} is not 1 to {MOST_RESAMPLES}; 1000 are usual");
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
        let mean = |resample: usize| self.draws(resample, n).map(|user| values[user]).sum::<f64>() / n as f64;
        (n > 0).then(|| (0..self.n_resamples).into_par_iter().map(mean).collect())
    }

    /// The means of the resamples of each column of `n` users, who are drawn once for all columns. A resample
    /// without anyone for whom a column is defined does not count for it.
    pub(crate) fn means_of_columns(&self, n: usize, columns: &[&Column]) -> Vec<Vec<f64>> {
        let means_of = |times: &mut Vec<u32>, resample: usize| -> Vec<Option<f64>> {
            times.clear();
            times.resize(n, 0);
            self.draws(resample, n).for_each(|user| times[user] += 1);
            columns.iter().map(|column| column.weighted_mean(times)).collect()
        };
        let resamples: Vec<Vec<Option<f64>>> =
            (0..self.n_resamples).into_par_iter().map_init(Vec::new, means_of).collect();
        let of_column = |column: usize| resamples.iter().filter_map(|means| means[column]).collect();
        (0..columns.len()).map(of_column).collect()
    }

    /// The intervals of the means of such columns; `None` for one that is defined for no one.
    pub(crate) fn intervals(&self, n: usize, columns: &[&Column]) -> Vec<Option<Interval>> {
        let interval = |mut means: Vec<f64>| {
            means.sort_unstable_by(f64::total_cmp);
            (!means.is_empty()).then(|| percentiles(&means, self.confidence))
        };
        self.means_of_columns(n, columns).into_iter().map(interval).collect()
    }

    /// The `n` users of a resample, each any of `n`.
    fn draws(&self, resample: usize, n: usize) -> impl Iterator<Item = usize> {
        let mut draws = ChaCha8Rng::seed_from_u64(self.seed);
        draws.set_stream(resample as u64);
        // The high half of the product is below n; its bias is n / 2⁶⁴.
        (0..n).map(move |_| ((u128::from(draws.next_u64()) * n as u128) >> 64) as usize)
    }
}

/// The bounds that leave equal tails of sorted values, of which there is at least one.
pub(super) fn percentiles(sorted: &[f64], confidence: Confidence) -> Interval {
    let upper = confidence.upper_quantile();
    let at = |share: f64| linear_quantile(sorted, share).unwrap_or(f64::NAN);
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
    fn every_resample_has_draws_of_its_own() {
        let means = Bootstrap::new(40, 3).unwrap().means(&values()).unwrap();
        let mut distinct: Vec<u64> = means.iter().map(|mean| mean.to_bits()).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 40);
    }

    #[test]
    fn constants_have_no_width_and_nobody_has_no_interval() {
        let bootstrap = Bootstrap::new(20, 5).unwrap();
        assert_eq!(bootstrap.interval(&[0.25; 9]), Some(Interval { lower: 0.25, upper: 0.25 }));
        assert_eq!(bootstrap.interval(&[]), None);
        assert!(Bootstrap::new(0, 5).is_err() && Bootstrap::new(usize::MAX / 2, 5).is_err());
    }

    #[test]
    fn columns_share_the_users_that_are_drawn() {
        let bootstrap = Bootstrap::new(300, 9).unwrap();
        let whole = values();
        let some: Vec<f64> =
            (0..900).map(|user| if user % 3 == 0 { f64::NAN } else { whole[user] }).collect();
        let nobody = vec![f64::NAN; 900];
        let columns = [&whole, &some, &nobody].map(|values| values.iter().copied().collect::<Column>());
        let found = bootstrap.intervals(900, &columns.each_ref());
        // Alone or beside others, and as of the values where all are defined, but for the order of sums.
        assert_eq!(bootstrap.intervals(900, &[&columns[1]])[0], found[1]);
        let of_values = bootstrap.interval(&whole).unwrap();
        let of_column = found[0].unwrap();
        assert!((of_values.lower - of_column.lower).abs() < 1e-12, "{of_values:?} {of_column:?}");
        // Two thirds of the users: the interval is wider by about the root of 1.5.
        let width = |interval: Interval| interval.upper - interval.lower;
        let ratio = width(found[1].unwrap()) / width(of_column);
        assert!((1.1..1.4).contains(&ratio), "{ratio}");
        assert_eq!(found[2], None);
    }

    #[test]
    fn percentiles_lie_between_neighbours() {
        let sorted: Vec<f64> = (0..=10).map(f64::from).collect();
        let interval = percentiles(&sorted, Confidence::new(0.9).unwrap());
        assert!((interval.lower - 0.5).abs() < 1e-12 && (interval.upper - 9.5).abs() < 1e-12, "{interval:?}");
    }
}
