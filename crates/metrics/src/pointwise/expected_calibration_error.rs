use super::{PointwiseMetric, Predictions, Scores};
use crate::{Error, Result};

/// How far predicted probabilities are from observed frequencies: the expected calibration error.
///
/// Rows are put into bins of equal width by their probability (a probability of 1 belongs to the last
/// bin):
/// `ECE = sum over bins of (rows in bin / rows) * |mean probability - share of positives|`
/// (Pakdaman Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017). 0 is perfect. It says nothing of whether
/// probabilities tell rows apart: always predicting the overall frequency is perfectly calibrated.
/// Undefined without rows.
///
/// ```
/// use burn_recsys_metrics::pointwise::{ExpectedCalibrationError, PointwiseMetric, Predictions};
///
/// let predictions = Predictions::new(&[0.75, 0.75, 0.75, 0.75], &[true, true, true, false])?;
/// assert_eq!(ExpectedCalibrationError::default().measure(&predictions)?, Some(0.0));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ExpectedCalibrationError {
    n_bins: usize,
}

impl Default for ExpectedCalibrationError {
    /// Ten bins.
    fn default() -> Self {
        ExpectedCalibrationError { n_bins: 10 }
    }
}

impl ExpectedCalibrationError {
    /// With `n_bins` bins.
    ///
    /// # Errors
    /// If `n_bins` is 0.
    pub fn new(n_bins: usize) -> Result<Self> {
        if n_bins == 0 {
            return Err(Error::Parameter { parameter: "n_bins", message: "0; must be at least 1".into() });
        }
        Ok(ExpectedCalibrationError { n_bins })
    }
}

impl PointwiseMetric for ExpectedCalibrationError {
    fn label(&self) -> String {
        "ECE".to_owned()
    }

    /// As the trait says.
    ///
    /// # Errors
    /// If a score is not in 0..1.
    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        let labels = predictions.labels();
        match predictions.scores() {
            Scores::F32(scores) => error(scores, labels, self.n_bins),
            Scores::F64(scores) => error(scores, labels, self.n_bins),
        }
    }
}

fn error<S: Into<f64> + Copy>(scores: &[S], labels: &[bool], n_bins: usize) -> Result<Option<f64>> {
    // Of every bin the sum of probabilities less the number of positives: its share of the error, signed.
    let mut bins = vec![0.0; n_bins];
    for (row, (&score, &label)) in scores.iter().zip(labels).enumerate() {
        let probability: f64 = score.into();
        if !(0.0..=1.0).contains(&probability) {
            return Err(Error::NotProbability { row, value: probability });
        }
        let bin = ((probability * n_bins as f64) as usize).min(n_bins - 1);
        bins[bin] += probability - f64::from(u8::from(label));
    }
    let total: f64 = bins.iter().map(|bin: &f64| bin.abs()).sum();
    Ok((!labels.is_empty()).then(|| total / labels.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ece(scores: &[f64], labels: &[bool]) -> Option<f64> {
        ExpectedCalibrationError::default().measure(&Predictions::new(scores, labels).unwrap()).unwrap()
    }

    #[test]
    fn weighs_the_gap_of_every_bin_by_its_rows() {
        // Bin 0.2..0.3: mean 0.25, half positive, 2 of 4 rows. Bin 0.9..1: mean 0.975, all positive.
        let value = ece(&[0.2, 0.3 - 1e-9, 0.95, 1.0], &[true, false, true, true]).unwrap();
        assert!((value - (0.5 * 0.25 + 0.5 * 0.025)).abs() < 1e-8, "{value}");
    }

    #[test]
    fn nothing_is_undefined_and_no_bins_are_refused() {
        assert_eq!(ece(&[], &[]), None);
        assert_eq!(
            ExpectedCalibrationError::new(0).map(|_| ()),
            Err(Error::Parameter { parameter: "n_bins", message: "0; must be at least 1".into() })
        );
        let error = ExpectedCalibrationError::default()
            .measure(&Predictions::new(&[0.5, -0.1], &[true, false]).unwrap());
        assert_eq!(error, Err(Error::NotProbability { row: 1, value: -0.1 }));
    }
}
