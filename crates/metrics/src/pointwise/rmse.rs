use super::{RatingErrors, RatingMetric};
use crate::mean::mean;

/// The root of the mean squared error.
///
/// `RMSE = √(mean of (prediction - target)²)`, in units of the ratings. At least 0, and infinite where a squared
/// error is beyond `f64`; undefined without rows. Agrees with scikit-learn's `root_mean_squared_error`.
#[derive(Debug, Clone, Copy)]
pub struct Rmse;

impl RatingMetric for Rmse {
    fn label(&self) -> String {
        "RMSE".to_owned()
    }

    fn measure(&self, ratings: &RatingErrors<'_>) -> Option<f64> {
        mean(ratings.errors().map(|error| error * error)).map(f64::sqrt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_errors_weigh_more() {
        let ratings = RatingErrors::new(&[3.0, 1.0, 5.0, 2.0], &[3.0_f32, 1.0, 1.0, 2.0]).unwrap();
        assert_eq!(Rmse.measure(&ratings), Some((4.0_f64 * 4.0 / 4.0).sqrt()));
        assert_eq!(Rmse.label(), "RMSE");
    }

    #[test]
    fn nothing_is_undefined_and_never_nan() {
        assert_eq!(Rmse.measure(&RatingErrors::new(&[0.0; 0], &[0.0; 0]).unwrap()), None);
        let huge = RatingErrors::new(&[1e200, 1e200], &[0.0, 0.0]).unwrap();
        assert_eq!(Rmse.measure(&huge), Some(f64::INFINITY));
    }
}
