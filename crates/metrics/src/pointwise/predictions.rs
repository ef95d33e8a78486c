use crate::{Error, Result};

/// Scores in the precision in which the model gave them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Scores<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}

impl<'a> Scores<'a> {
    /// The scores in double precision, in the order of the rows.
    pub(super) fn iter(self) -> impl Iterator<Item = f64> + Clone + 'a {
        let (single, double): (&[f32], &[f64]) = match self {
            Scores::F32(scores) => (scores, &[]),
            Scores::F64(scores) => (&[], scores),
        };
        single.iter().map(|&score| f64::from(score)).chain(double.iter().copied())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Scores::F32(scores) => scores.len(),
            Scores::F64(scores) => scores.len(),
        }
    }

    fn first_nan(&self) -> Option<usize> {
        match self {
            Scores::F32(scores) => scores.iter().position(|score| score.is_nan()),
            Scores::F64(scores) => scores.iter().position(|score| score.is_nan()),
        }
    }
}

impl<'a> From<&'a [f32]> for Scores<'a> {
    fn from(scores: &'a [f32]) -> Self {
        Scores::F32(scores)
    }
}

impl<'a> From<&'a Vec<f32>> for Scores<'a> {
    fn from(scores: &'a Vec<f32>) -> Self {
        Scores::F32(scores)
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Scores<'a> {
    fn from(scores: &'a [f32; N]) -> Self {
        Scores::F32(scores)
    }
}

impl<'a> From<&'a [f64]> for Scores<'a> {
    fn from(scores: &'a [f64]) -> Self {
        Scores::F64(scores)
    }
}

impl<'a> From<&'a Vec<f64>> for Scores<'a> {
    fn from(scores: &'a Vec<f64>) -> Self {
        Scores::F64(scores)
    }
}

impl<'a, const N: usize> From<&'a [f64; N]> for Scores<'a> {
    fn from(scores: &'a [f64; N]) -> Self {
        Scores::F64(scores)
    }
}

/// One score and one label per row: no score is NaN, no row lacks either.
///
/// ```
/// use burn_recsys_metrics::pointwise::{Auc, PointwiseMetric, Predictions};
///
/// let predictions = Predictions::new(&[0.2_f32, 0.9, 0.9], &[false, true, false])?;
/// // Of the two pairs of a positive and a negative one is ordered rightly and one is tied.
/// assert_eq!(Auc.measure(&predictions)?, Some(1.5 / 2.0));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Predictions<'a> {
    scores: Scores<'a>,
    labels: &'a [bool],
}

impl<'a> Predictions<'a> {
    /// Pairs `scores` (a slice, array or `Vec` of `f32` or `f64`; larger means more likely positive)
    /// with `labels` (`true` is positive).
    ///
    /// # Errors
    /// If the lengths differ or a score is NaN.
    pub fn new(scores: impl Into<Scores<'a>>, labels: &'a [bool]) -> Result<Self> {
        let scores = scores.into();
        if scores.len() != labels.len() {
            let (n_left, n_right) = (scores.len(), labels.len());
            return Err(Error::ColumnLength { left: "scores", n_left, right: "labels", n_right });
        }
        if let Some(row) = scores.first_nan() {
            return Err(Error::NanScore { row });
        }
        Ok(Self { scores, labels })
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// The scores.
    pub fn scores(&self) -> Scores<'a> {
        self.scores
    }

    /// # Errors
    /// If a score is not in 0..1.
    pub(super) fn check_probabilities(&self) -> Result<()> {
        let outside = self.scores.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(value));
        outside.map_or(Ok(()), |(row, value)| Err(Error::NotProbability { row, value }))
    }

    /// The labels.
    pub fn labels(&self) -> &'a [bool] {
        self.labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_unequal_length_are_refused() {
        let error = Predictions::new(&[0.1_f32, 0.2], &[true]).unwrap_err();
        assert_eq!(error.to_string(), "2 scores but 1 labels; each row needs both");
    }

    #[test]
    fn a_nan_score_is_refused_with_its_row() {
        let single = Predictions::new(&[0.1_f32, f32::NAN], &[true, false]).unwrap_err();
        assert_eq!(single, Error::NanScore { row: 1 });
        let double = Predictions::new(&vec![f64::NAN, f64::NAN], &[true, false]).unwrap_err();
        assert_eq!(double, Error::NanScore { row: 0 });
    }
}
