use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::standard_error;
use crate::mean::mean;
use crate::{Error, Result};

/// How often an interval is to hold what it estimates: between 0 and 1, 0.95 by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence(f64);

impl Default for Confidence {
    /// 0.95.
    fn default() -> Self {
        Confidence(0.95)
    }
}

impl Confidence {
    /// Such as 0.95.
    ///
    /// # Errors
    /// If `level` is not between 0 and 1.
    pub fn new(level: f64) -> Result<Self> {
        if level > 0.0 && level < 1.0 {
            return Ok(Confidence(level));
        }
        let message = format!("{level} is not between 0 and 1; 0.95 is usual");
        Err(Error::Parameter { parameter: "confidence", message })
    }

    /// As a number between 0 and 1.
    pub fn level(self) -> f64 {
        self.0
    }

    /// The share below the upper bound of an interval with equal tails.
    pub(super) fn upper_quantile(self) -> f64 {
        0.5 + self.0 / 2.0
    }

    /// How many standard errors a mean of a large sample may be off.
    pub(crate) fn normal_quantile(self) -> f64 {
        Normal::standard().inverse_cdf(self.upper_quantile())
    }
}

/// The bounds between which a value is thought to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
}

impl Interval {
    pub(crate) fn around(centre: f64, half_width: f64) -> Self {
        Interval { lower: centre - half_width, upper: centre + half_width }
    }
}

/// The interval of the mean by the normal distribution: mean ± z · standard error. For large samples; `None`
/// with fewer than two values.
pub fn normal_interval(values: &[f64], confidence: Confidence) -> Option<Interval> {
    Some(Interval::around(
        mean(values.iter().copied())?,
        confidence.normal_quantile() * standard_error(values)?,
    ))
}

/// The interval of the mean by Student's t distribution with `n - 1` degrees of freedom: for small samples, such
/// as runs of several seeds; `None` with fewer than two values.
pub fn student_interval(values: &[f64], confidence: Confidence) -> Option<Interval> {
    let t = student(values.len())?.inverse_cdf(confidence.upper_quantile());
    Some(Interval::around(mean(values.iter().copied())?, t * standard_error(values)?))
}

/// Student's t distribution of the mean of `n` values.
pub(super) fn student(n: usize) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, n.checked_sub(1)? as f64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        assert!((Confidence::default().normal_quantile() - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((Confidence::new(0.99).unwrap().normal_quantile() - 2.575_829_303_548_900_4).abs() < 1e-12);
        // Four values around 0 with standard error 1: the bounds are the quantiles of 3 degrees of freedom.
        let values = [-3.0_f64.sqrt(), -3.0_f64.sqrt(), 3.0_f64.sqrt(), 3.0_f64.sqrt()];
        let interval = student_interval(&values, Confidence::default()).unwrap();
        assert!((interval.upper - 3.182_446_305_284_263).abs() < 1e-9, "{interval:?}");
        assert!((interval.lower + interval.upper).abs() < 1e-12);
        assert!(normal_interval(&values, Confidence::default()).unwrap().upper < 1.96);
    }

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(normal_interval(&[0.5], Confidence::default()), None);
        assert_eq!(student_interval(&[0.5], Confidence::default()), None);
        assert_eq!(student_interval(&[], Confidence::default()), None);
    }

    #[test]
    fn a_level_is_between_0_and_1() {
        for level in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert!(Confidence::new(level).unwrap_err().to_string().starts_with("confidence: "));
        }
    }
}
