use statrs::distribution::ContinuousCDF;

use super::bootstrap::percentiles;
use super::interval::student;
use super::{Bootstrap, Confidence, Interval, standard_error, student_interval};
use crate::mean::mean;
use crate::{Error, Result};

/// Two models on the same users: how much the second differs from the first, and whether chance can explain it.
///
/// ```
/// use burn_recsys_metrics::statistics::{Bootstrap, PairedComparison};
///
/// let first = [0.0, 0.5, 0.3, 0.2, 0.4, 0.1];
/// let second = [0.1, 0.7, 0.3, 0.5, 0.6, 0.1];
/// let comparison = PairedComparison::new(&first, &second, &Bootstrap::new(1_000, 1)?)?;
/// assert!(comparison.difference.is_some_and(|difference| (difference - 0.8 / 6.0).abs() < 1e-12));
/// assert_eq!((comparison.n_better, comparison.n_worse, comparison.n_equal), (4, 0, 2));
/// assert!(comparison.t_test_p_value.is_some_and(|p| p < 0.05));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PairedComparison {
    /// Users with a value of both models; all below is about them alone.
    pub n_users: usize,
    /// The mean of the first model.
    pub first: Option<f64>,
    /// The mean of the second model.
    pub second: Option<f64>,
    /// The mean of second minus first; `None` without users.
    pub difference: Option<f64>,
    /// Users for whom the second model is better, that is has the higher value.
    pub n_better: usize,
    /// Users for whom the second model is worse.
    pub n_worse: usize,
    /// Users for whom both are equal.
    pub n_equal: usize,
    /// The interval of the difference by Student's t; `None` with fewer than two users.
    pub t_interval: Option<Interval>,
    /// The interval of the difference by the bootstrap; `None` without users.
    pub bootstrap_interval: Option<Interval>,
    /// The statistic of the paired t test: difference / standard error; `None` with fewer than two users and where
    /// all differences are equal, but for roundings.
    pub t: Option<f64>,
    /// How often a difference at least as large would be found if there were none, both sides, by the paired t
    /// test.
    pub t_test_p_value: Option<f64>,
    /// The same by the bootstrap of the differences moved to mean 0 (Efron and Tibshirani 1993, section 16.4);
    /// at least 1 / (resamples + 1).
    pub bootstrap_p_value: Option<f64>,
    /// Cohen's d of paired values: difference / standard deviation of the differences; 0.2 is called small, 0.8
    /// large (Cohen 1988). `None` where `t` is.
    pub effect_size: Option<f64>,
}

impl PairedComparison {
    /// Compares two models by one value of each for every user, in the same order of users.
    ///
    /// # Errors
    /// If there are not equally many values, or one is NaN.
    pub fn new(first: &[f64], second: &[f64], bootstrap: &Bootstrap) -> Result<Self> {
        let differences = differences(first, second)?;
        let resamples = bootstrap.means(&differences).unwrap_or_default();
        Self::by_resamples(first, second, resamples, bootstrap.confidence())
    }

    /// As [`new`](Self::new), of means of resampled differences.
    pub(crate) fn by_resamples(
        first: &[f64],
        second: &[f64],
        mut resamples: Vec<f64>,
        confidence: Confidence,
    ) -> Result<Self> {
        let differences = differences(first, second)?;
        let difference = mean(differences.iter().copied());
        // Equal differences of floats differ in their last bits; what is left of that is no deviation.
        let largest = first.iter().chain(second).fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let error = standard_error(&differences).filter(|&error| error > 4.0 * f64::EPSILON * largest);
        let t = difference.zip(error).map(|(difference, error)| difference / error);
        let p_of = |t: f64| Some((2.0 * student(differences.len())?.cdf(-t.abs())).min(1.0));
        let count = |is: fn(f64) -> bool| differences.iter().filter(|&&difference| is(difference)).count();
        let bootstrap_p_value = difference.filter(|_| !resamples.is_empty()).map(|difference| {
            let is_extreme = |mean: &&f64| (*mean - difference).abs() >= difference.abs();
            (resamples.iter().filter(is_extreme).count() + 1) as f64 / (resamples.len() + 1) as f64
        });
        resamples.sort_unstable_by(f64::total_cmp);
        let bootstrap_interval = (!resamples.is_empty()).then(|| percentiles(&resamples, confidence));
        Ok(PairedComparison {
            n_users: differences.len(),
            first: mean(first.iter().copied()),
            second: mean(second.iter().copied()),
            difference,
            n_better: count(|difference| difference > 0.0),
            n_worse: count(|difference| difference < 0.0),
            n_equal: count(|difference| difference == 0.0),
            t_interval: student_interval(&differences, confidence),
            bootstrap_interval,
            t,
            t_test_p_value: t.and_then(p_of),
            bootstrap_p_value,
            effect_size: t.map(|t| t / (differences.len() as f64).sqrt()),
        })
    }
}

/// Second minus first, user by user.
fn differences(first: &[f64], second: &[f64]) -> Result<Vec<f64>> {
    if first.len() != second.len() {
        let (left, right) = ("values of the first model", "values of the second model");
        return Err(Error::ColumnLength { left, n_left: first.len(), right, n_right: second.len() });
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(first, second)| second - first).collect();
    match differences.iter().position(|difference| difference.is_nan()) {
        Some(row) => Err(Error::NanScore { row }),
        None => Ok(differences),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(first: &[f64], second: &[f64]) -> PairedComparison {
        PairedComparison::new(first, second, &Bootstrap::new(2_000, 3).unwrap()).unwrap()
    }

    #[test]
    fn the_t_test_is_that_of_the_differences() {
        // Differences 1, 2, 3: mean 2, deviation 1, t = 2 · sqrt(3); with two degrees of freedom
        // p = 1 - t / sqrt(t² + 2) = 1 - sqrt(12 / 14).
        let found = compare(&[0.0, 0.0, 0.0], &[1.0, 2.0, 3.0]);
        assert!((found.t.unwrap() - 12.0_f64.sqrt()).abs() < 1e-12);
        assert!((found.t_test_p_value.unwrap() - (1.0 - (12.0_f64 / 14.0).sqrt())).abs() < 1e-9);
        assert!((found.effect_size.unwrap() - 2.0).abs() < 1e-12);
        assert_eq!((found.first, found.second, found.difference), (Some(0.0), Some(2.0), Some(2.0)));
    }

    #[test]
    fn a_worse_model_mirrors_a_better_one() {
        let (first, second) = ([0.0, 0.0, 0.0, 0.5], [1.0, 2.0, 3.0, 0.5]);
        let (up, down) = (compare(&first, &second), compare(&second, &first));
        assert_eq!(down.t.unwrap(), -up.t.unwrap());
        assert_eq!(down.t_test_p_value, up.t_test_p_value);
        assert_eq!((down.n_better, down.n_worse), (up.n_worse, up.n_better));
        // scipy.stats.ttest_rel(second, first): t 2.32379, p 0.102728.
        assert!((up.t_test_p_value.unwrap() - 0.102_728_1).abs() < 1e-6, "{:?}", up.t_test_p_value);
        // The mean 1.5 and 3.182446 standard errors of 0.645497.
        let interval = up.t_interval.unwrap();
        assert!((interval.upper - (1.5 + 3.182_446_3 * 0.645_497_2)).abs() < 1e-5, "{interval:?}");
        let narrow = Bootstrap::new(10, 1).unwrap().with_confidence(Confidence::new(0.5).unwrap());
        let narrow = PairedComparison::new(&first, &second, &narrow).unwrap().t_interval.unwrap();
        // scipy.stats.t.ppf(0.75, 3)
        assert!((narrow.upper - (1.5 + 0.764_892_3 * 0.645_497_2)).abs() < 1e-5, "{narrow:?}");
    }

    #[test]
    fn a_p_value_by_the_bootstrap_is_never_0() {
        let p = |n_resamples| {
            let bootstrap = Bootstrap::new(n_resamples, 1).unwrap();
            let second: Vec<f64> = (0..50).map(|user| 1.0 + f64::from(user) / 500.0).collect();
            PairedComparison::new(&[0.0; 50], &second, &bootstrap).unwrap().bootstrap_p_value
        };
        assert_eq!((p(9), p(99)), (Some(0.1), Some(0.01)));
    }

    #[test]
    fn equal_differences_have_no_t() {
        let first: Vec<f64> = (0..10).map(|user| f64::from(user) / 10.0).collect();
        let second: Vec<f64> = first.iter().map(|value| value + 0.1).collect();
        let found = compare(&first, &second);
        assert_eq!((found.t, found.t_test_p_value, found.effect_size), (None, None, None));
        assert!((found.difference.unwrap() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_model_does_not_differ_from_itself() {
        let same = compare(&[0.1, 0.5, 0.9], &[0.1, 0.5, 0.9]);
        assert_eq!(
            (same.difference, same.t, same.t_test_p_value, same.effect_size),
            (Some(0.0), None, None, None)
        );
        assert_eq!((same.n_better, same.n_worse, same.n_equal), (0, 0, 3));
        assert_eq!(same.bootstrap_p_value, Some(1.0));
    }

    #[test]
    fn the_bootstrap_agrees_with_the_t_test_on_many_users() {
        let noise = |user: u32| f64::from(user.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
        let first = vec![0.0; 800];
        for shift in [0.0, 0.02, 0.1] {
            let second: Vec<f64> = (0..800).map(|user| noise(user) + shift).collect();
            let found = compare(&first, &second);
            let (by_t, by_bootstrap) = (found.t_test_p_value.unwrap(), found.bootstrap_p_value.unwrap());
            assert!((by_t - by_bootstrap).abs() < 0.05, "{by_t} {by_bootstrap}");
            assert_eq!(by_t < 0.01, shift == 0.1);
        }
    }

    #[test]
    fn columns_must_pair() {
        let bootstrap = Bootstrap::new(10, 1).unwrap();
        assert!(PairedComparison::new(&[0.1], &[], &bootstrap).is_err());
        assert!(PairedComparison::new(&[0.1], &[f64::NAN], &bootstrap).is_err());
        let nobody = PairedComparison::new(&[], &[], &bootstrap).unwrap();
        assert_eq!((nobody.difference, nobody.bootstrap_interval), (None, None));
    }
}
