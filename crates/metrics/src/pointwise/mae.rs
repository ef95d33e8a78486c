use super::{RatingErrors, RatingMetric};
use crate::mean::mean;

/// The mean absolute error.
///
/// `MAE = mean of |prediction - target|`, in units of the ratings. At least 0; undefined without rows. Agrees with
/// scikit-learn's `mean_absolute_error`.
#[derive(Debug, Clone, Copy)]
pub struct Mae;

impl RatingMetric for Mae {
    fn label(&self) -> String {
        "MAE".to_owned()
    }

    fn measure(&self, ratings: &RatingErrors<'_>) -> Option<f64> {
        mean(ratings.errors().map(f64::abs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_of_an_error_does_not_matter() {
        let ratings = RatingErrors::new(&[3.0, 1.0, 5.0, 2.0], &[3.0, 3.0, 1.0, 2.0]).unwrap();
        assert_eq!(Mae.measure(&ratings), Some((2.0 + 4.0) / 4.0));
        assert_eq!(Mae.label(), "MAE");
        assert_eq!(Mae.measure(&RatingErrors::new(&[0.0; 0], &[0.0; 0]).unwrap()), None);
    }
}
