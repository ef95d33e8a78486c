use super::Scores;
use crate::{Error, Result};

/// One predicted and one true rating per row, both finite numbers.
///
/// ```
/// use burn_recsys_metrics::pointwise::{Mae, RatingErrors, RatingMetric, Rmse};
///
/// let ratings = RatingErrors::new(&[4.5_f32, 2.0], &[5.0_f32, 4.0])?;
/// assert_eq!(Mae.measure(&ratings), Some((0.5 + 2.0) / 2.0));
/// assert_eq!(Rmse.measure(&ratings), Some(((0.25 + 4.0) / 2.0_f64).sqrt()));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RatingErrors<'a> {
    predicted: Scores<'a>,
    targets: Scores<'a>,
}

impl<'a> RatingErrors<'a> {
    /// Pairs `predicted` with `targets`, each a slice, array or `Vec` of `f32` or `f64`.
    ///
    /// # Errors
    /// If the lengths differ, or a number is NaN or infinite.
    pub fn new(predicted: impl Into<Scores<'a>>, targets: impl Into<Scores<'a>>) -> Result<Self> {
        let (predicted, targets) = (predicted.into(), targets.into());
        let (n_left, n_right) = (predicted.len(), targets.len());
        if n_left != n_right {
            return Err(Error::ColumnLength { left: "predictions", n_left, right: "targets", n_right });
        }
        for (what, repair, column) in
            [("prediction", "repair the model", predicted), ("target", "remove the row", targets)]
        {
            if let Some((row, value)) = column.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                let message = format!("the {what} is {value}, not a finite number; {repair}");
                return Err(Error::Row { row, message });
            }
        }
        Ok(Self { predicted, targets })
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.predicted.len()
    }

    /// Prediction less target of each row.
    pub fn errors(&self) -> impl Iterator<Item = f64> + Clone + 'a {
        self.predicted.iter().zip(self.targets.iter()).map(|(predicted, target)| predicted - target)
    }
}

/// A number for predicted and true ratings.
pub trait RatingMetric: std::fmt::Debug + Send + Sync {
    /// The name in tables: `RMSE`.
    fn label(&self) -> String;

    /// The value; `None` where it is undefined. Never NaN.
    fn measure(&self, ratings: &RatingErrors<'_>) -> Option<f64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_refused_with_its_row() {
        let error = RatingErrors::new(&[1.0, f64::NAN], &[1.0, 2.0]).unwrap_err();
        let expected = "row 1 (the first is 0): the prediction is NaN, not a finite number; repair the model";
        assert_eq!(error.to_string(), expected);
        let error = RatingErrors::new(&[1.0], &[f32::INFINITY]).unwrap_err();
        let expected = "row 0 (the first is 0): the target is inf, not a finite number; remove the row";
        assert_eq!(error.to_string(), expected);
        let error = RatingErrors::new(&[1.0], &[1.0, 2.0]).unwrap_err();
        assert_eq!(error.to_string(), "1 predictions but 2 targets; each row needs both");
    }
}
