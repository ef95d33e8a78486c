use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};

use super::standard_error;
use crate::mean::mean;
use crate::{Error, Result};

const HIGHEST: f64 = 0.999_999;

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
    /// If `level` is not above 0 and at most 0.999999.
    pub fn new(level: f64) -> Result<Self> {
        // Beyond the last bound quantiles have no digits left.
        if level > 0.0 && level <= HIGHEST {
            return Ok(Confidence(level));
        }
        let message = format!("{level} is not between 0 and {HIGHEST}; 0.95 is usual");
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
    let t = student_quantile(&student(values.len())?, confidence);
    Some(Interval::around(mean(values.iter().copied())?, t * standard_error(values)?))
}

/// The bound of standard errors by Student's t distribution, to ten digits.
///
/// The library's quantile loses digits where there are many degrees of freedom: it is mended by Newton's method on its
/// distribution and density, and for very many by the expansion around the normal quantile (Abramowitz and Stegun
/// 1964, 26.7.5), whose next term is below 1e-15 of the value.
fn student_quantile(student: &StudentsT, confidence: Confidence) -> f64 {
    const MANY: f64 = 1_000.0;
    let degrees = student.freedom();
    if degrees >= MANY {
        let z = confidence.normal_quantile();
        let polynomial = |coefficients: &[f64]| {
            z * coefficients.iter().fold(0.0, |sum, coefficient| sum * z * z + coefficient)
        };
        let terms = [
            polynomial(&[1.0, 1.0]) / 4.0,
            polynomial(&[5.0, 16.0, 3.0]) / 96.0,
            polynomial(&[3.0, 19.0, 17.0, -15.0]) / 384.0,
            polynomial(&[79.0, 776.0, 1_482.0, -1_920.0, -945.0]) / 92_160.0,
        ];
        return z + terms.iter().rev().fold(0.0, |sum, term| (sum + term) / degrees);
    }
    // From the lower tail, where a probability near 0 keeps its digits.
    let tail = (1.0 - confidence.level()) / 2.0;
    let step = |t: f64| t - (student.cdf(t) - tail) / student.pdf(t);
    -(0..3).fold(student.inverse_cdf(tail), |t, _| step(t))
}

/// Student's t distribution of the mean of `n` values.
pub(super) fn student(n: usize) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, n.checked_sub(1)? as f64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDENT: [(usize, f64, f64); 21] = [
        (2, 0.8, 3.0776835371752544),
        (2, 0.95, 12.706204736174694),
        (2, 0.999, 636.6192487687897),
        (5, 0.8, 1.533206274058944),
        (5, 0.95, 2.7764451051977934),
        (5, 0.999, 8.610301581379522),
        (31, 0.8, 1.3104150253913955),
        (31, 0.95, 2.0422724563012378),
        (31, 0.999, 3.6459586350420627),
        (900, 0.8, 1.282493968342792),
        (900, 0.95, 1.9626062692929975),
        (900, 0.999, 3.3013819768173236),
        (1001, 0.8, 1.2823987214609247),
        (1001, 0.95, 1.9623390808264083),
        (1001, 0.999, 3.300282648423944),
        (30000, 0.8, 1.2815797866118939),
        (30000, 0.95, 1.9600430660200883),
        (30000, 0.999, 3.290851095699135),
        (1000000, 0.8, 1.2815524121307853),
        (1000000, 0.95, 1.9599663568164791),
        (1000000, 0.999, 3.290536461258452),
    ];

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
    fn students_quantiles_are_right_for_few_and_many() {
        // scipy.stats.t.ppf(0.5 + level / 2, n - 1)
        for (n, level, expected) in STUDENT {
            let found = student_quantile(&student(n).unwrap(), Confidence::new(level).unwrap());
            assert!((found / expected - 1.0).abs() < 1e-10, "{n} {level}: {found} {expected}");
        }
    }

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(normal_interval(&[0.5], Confidence::default()), None);
        assert_eq!(student_interval(&[0.5], Confidence::default()), None);
        assert_eq!(student_interval(&[], Confidence::default()), None);
    }

    #[test]
    fn a_level_is_between_0_and_1() {
        for level in [0.0, 1.0, 0.999_999_9, -0.5, 95.0, f64::NAN] {
            assert!(Confidence::new(level).unwrap_err().to_string().starts_with("confidence: "));
        }
    }
}
