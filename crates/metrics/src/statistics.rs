//! How sure a mean is, and whether two models differ.
//!
//! The users are the sample: every function takes one value for each user.

mod bootstrap;
mod interval;
mod paired;

pub use bootstrap::Bootstrap;
pub use interval::{Confidence, Interval, normal_interval, student_interval};
pub use paired::PairedComparison;

use crate::mean::mean;

/// The middle value, the mean of the two middle ones of an even number; `None` without values.
///
/// Values must not be NaN.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = if is_odd { upper } else { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) };
    Some(lower + (upper - lower) / 2.0)
}

/// The standard error of the mean, `s / sqrt(n)` with `s² = Σ (x - mean)² / (n - 1)`; `None` with fewer than
/// two values.
pub fn standard_error(values: &[f64]) -> Option<f64> {
    standard_error_of(values.iter().copied())
}

/// As [`standard_error`].
pub(crate) fn standard_error_of(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let mut n = 0_u64;
    let centre = mean(values.clone().inspect(|_| n += 1))?;
    let spread = mean(values.map(|value| (value - centre).powi(2)))?;
    // The mean over n, times n / (n - 1), over n.
    (n > 1).then(|| (spread / (n as f64 - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 4.0]), Some(4.0));
        assert_eq!(median(&[9.0, 1.0, 4.0, 5.0]), Some(4.5));
    }

    #[test]
    fn the_standard_error_divides_by_n_minus_one() {
        // Squares around 2: 1, 0, 1; 2 / 2 = 1; sqrt(1 / 3).
        assert!((standard_error(&[1.0, 2.0, 3.0]).unwrap() - (1.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(standard_error(&[1.0]), None);
        assert_eq!(standard_error(&[0.5; 4]), Some(0.0));
    }
}
