use rayon::prelude::*;

use super::{PointwiseMetric, Predictions};
use crate::mean::{Sum, sum};
use crate::quantile::linear_quantile;
use crate::{Error, Result};

/// How far predicted probabilities are from observed frequencies: the expected calibration error.
///
/// Rows are put into bins by their probability, of equal width unless told otherwise:
/// `ECE = sum over bins of (rows in bin / rows) * |mean probability - share of positives|`
/// (Pakdaman Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017). 0 is perfect. It says nothing of whether
/// probabilities tell rows apart: always predicting the overall frequency is perfectly calibrated.
/// 0..1; undefined without rows.
///
/// ```
/// use burn_recsys_metrics::pointwise::{ExpectedCalibrationError, PointwiseMetric, Predictions};
///
/// let predictions = Predictions::new(&[0.75, 0.75, 0.75, 0.75], &[true, true, true, false])?;
/// let ece = ExpectedCalibrationError::default();
/// assert_eq!(ece.measure(&predictions)?, Some(0.0));
/// assert_eq!(ece.bins(&predictions)?[0].share_of_positives, 0.75);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ExpectedCalibrationError {
    n_bins: usize,
    equal_mass: bool,
}

/// The rows of one bin of probabilities: a point of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// The lower bound of the probabilities. Of equal width: included. Of equal mass: only in the first bin.
    pub lower: f64,
    /// The upper bound. Of equal width: only in the last bin. Of equal mass: included.
    pub upper: f64,
    /// Rows; at least 1.
    pub n_rows: u64,
    /// The mean of their probabilities.
    pub mean_probability: f64,
    /// The share of them that are positive.
    pub share_of_positives: f64,
}

impl Default for ExpectedCalibrationError {
    /// Ten bins of equal width.
    fn default() -> Self {
        ExpectedCalibrationError { n_bins: DEFAULT_BINS, equal_mass: false }
    }
}

const DEFAULT_BINS: usize = 10;

impl ExpectedCalibrationError {
    /// With `n_bins` bins.
    ///
    /// # Errors
    /// If `n_bins` is 0 or above 1,000,000.
    pub fn new(n_bins: usize) -> Result<Self> {
        if n_bins == 0 {
            return Err(Error::Parameter { parameter: "n_bins", message: "0; must be at least 1".into() });
        }
        // Every bin is held in memory.
        if n_bins > 1_000_000 {
            let message = format!("{n_bins}; must be at most 1000000");
            return Err(Error::Parameter { parameter: "n_bins", message });
        }
        Ok(ExpectedCalibrationError { n_bins, ..Self::default() })
    }

    /// With bins of about equally many rows: their bounds are the quantiles of the probabilities, as in
    /// scikit-learn's `calibration_curve(strategy="quantile")`.
    ///
    /// Where most probabilities are small, as those of clicks are, bins of equal width put nearly all rows into
    /// the first. Rows of one probability stay together, so bins may differ in size. Costs O(n log n) time and
    /// 16 bytes a row.
    pub fn with_equal_mass(mut self) -> Self {
        self.equal_mass = true;
        self
    }

    /// The bins that hold rows, by ascending probability.
    ///
    /// Of equal width: bin `i` of `n` holds probabilities from `i/n` to below `(i + 1)/n`, the last one 1 too.
    /// Of equal mass: above the quantile at `i/n` and up to that at `(i + 1)/n`, the first one its lower bound
    /// too.
    ///
    /// # Errors
    /// If a score is not in 0..1.
    pub fn bins(&self, predictions: &Predictions<'_>) -> Result<Vec<ReliabilityBin>> {
        predictions.check_probabilities()?;
        Ok(if self.equal_mass {
            self.equal_mass_bins(predictions)
        } else {
            self.equal_width_bins(predictions)
        })
    }

    fn equal_width_bins(&self, predictions: &Predictions<'_>) -> Vec<ReliabilityBin> {
        let n = self.n_bins as f64;
        let mut bins = vec![Bin::default(); self.n_bins];
        for (probability, &label) in predictions.scores().iter().zip(predictions.labels()) {
            bins[((probability * n) as usize).min(self.n_bins - 1)].add(probability, label);
        }
        let bounds = |i: usize| (i as f64 / n, (i + 1) as f64 / n);
        bins.iter().enumerate().filter_map(|(i, bin)| bin.finish(bounds(i))).collect()
    }

    fn equal_mass_bins(&self, predictions: &Predictions<'_>) -> Vec<ReliabilityBin> {
        let rows = predictions.scores().iter().zip(predictions.labels());
        // Minus zero becomes zero, so that both are one probability to the sort too.
        let mut rows: Vec<(f64, bool)> = rows.map(|(score, &label)| (score + 0.0, label)).collect();
        rows.par_sort_unstable_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        let sorted: Vec<f64> = rows.iter().map(|row| row.0).collect();
        let step = 1.0 / self.n_bins as f64;
        let bound = |i: usize| {
            // Over 100 and back, as scikit-learn goes: a last digit can decide on which side a row falls.
            let q = if i == self.n_bins { 1.0 } else { i as f64 * step * 100.0 / 100.0 };
            linear_quantile(&sorted, q).unwrap_or(0.0)
        };
        let (mut start, mut bins) = (0, Vec::new());
        for i in 0..self.n_bins {
            let bounds = (bound(i), bound(i + 1));
            let last = i + 1 == self.n_bins;
            let end = if last { rows.len() } else { sorted.partition_point(|&p| p <= bounds.1) };
            let mut bin = Bin::default();
            rows[start..end.max(start)].iter().for_each(|&(probability, label)| bin.add(probability, label));
            bins.extend(bin.finish(bounds));
            start = end.max(start);
        }
        bins
    }
}

#[derive(Debug, Clone, Default)]
struct Bin {
    n_rows: u64,
    n_positives: u64,
    probabilities: Sum,
}

impl Bin {
    fn add(&mut self, probability: f64, label: bool) {
        self.n_rows += 1;
        self.n_positives += u64::from(label);
        self.probabilities.add(probability);
    }

    fn finish(&self, (lower, upper): (f64, f64)) -> Option<ReliabilityBin> {
        let n_rows = self.n_rows;
        let mean = |total: f64| total / n_rows as f64;
        let mean_probability = mean(self.probabilities.total());
        let share_of_positives = mean(self.n_positives as f64);
        (n_rows > 0).then_some(ReliabilityBin { lower, upper, n_rows, mean_probability, share_of_positives })
    }
}

impl PointwiseMetric for ExpectedCalibrationError {
    fn label(&self) -> String {
        match (self.n_bins, self.equal_mass) {
            (DEFAULT_BINS, false) => "ECE".to_owned(),
            (DEFAULT_BINS, true) => "ECE(equal mass)".to_owned(),
            (n_bins, false) => format!("ECE({n_bins})"),
            (n_bins, true) => format!("ECE({n_bins}, equal mass)"),
        }
    }

    /// As the trait says.
    ///
    /// # Errors
    /// If a score is not in 0..1.
    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        let n_rows = predictions.n_rows() as f64;
        let bins = self.bins(predictions)?;
        let gap = |bin: &ReliabilityBin| (bin.mean_probability - bin.share_of_positives).abs();
        let total = sum(bins.iter().map(|bin| bin.n_rows as f64 * gap(bin)));
        Ok((n_rows > 0.0).then(|| total / n_rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ece(scores: &[f64], labels: &[bool]) -> Option<f64> {
        ExpectedCalibrationError::default().measure(&Predictions::new(scores, labels).unwrap()).unwrap()
    }

    #[test]
    fn bins_of_equal_width_are_those_that_hold_rows() {
        let predictions = Predictions::new(&[0.5, 0.625, 1.0, 0.0], &[true, false, true, false]).unwrap();
        let bins = ExpectedCalibrationError::new(2).unwrap().bins(&predictions).unwrap();
        let low = ReliabilityBin {
            lower: 0.0,
            upper: 0.5,
            n_rows: 1,
            mean_probability: 0.0,
            share_of_positives: 0.0,
        };
        let high = ReliabilityBin {
            lower: 0.5,
            upper: 1.0,
            n_rows: 3,
            mean_probability: (0.5 + 0.625 + 1.0) / 3.0,
            share_of_positives: 2.0 / 3.0,
        };
        assert_eq!(bins, [low, high]);
    }

    #[test]
    fn bins_of_equal_mass_keep_rows_of_one_probability_together() {
        // The quantile at 1/2 is 0.25: three rows up to it, one above.
        let scores = [0.25, 0.75, 0.25, 0.125];
        let predictions = Predictions::new(&scores, &[true, true, false, false]).unwrap();
        let ece = ExpectedCalibrationError::new(2).unwrap().with_equal_mass();
        let bins = ece.bins(&predictions).unwrap();
        assert_eq!(bins.iter().map(|bin| bin.n_rows).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(
            bins.iter().map(|bin| (bin.lower, bin.upper)).collect::<Vec<_>>(),
            [(0.125, 0.25), (0.25, 0.75)]
        );
        let gaps = (1.0 / 3.0 - (0.125 + 0.25 + 0.25) / 3.0, 1.0 - 0.75);
        let value = ece.measure(&predictions).unwrap().unwrap();
        assert!((value - (0.75 * gaps.0 + 0.25 * gaps.1)).abs() < 1e-15, "{value}");
    }

    #[test]
    fn one_probability_is_one_bin_of_equal_mass() {
        let predictions = Predictions::new(&[0.5_f32; 5], &[true, false, true, false, false]).unwrap();
        let bins = ExpectedCalibrationError::default().with_equal_mass().bins(&predictions).unwrap();
        assert_eq!(bins.len(), 1);
        assert_eq!((bins[0].n_rows, bins[0].share_of_positives), (5, 2.0 / 5.0));
    }

    #[test]
    fn other_bins_than_ten_of_equal_width_show_in_the_label() {
        let fifteen = ExpectedCalibrationError::new(15).unwrap();
        assert_eq!(ExpectedCalibrationError::default().label(), "ECE");
        assert_eq!(fifteen.label(), "ECE(15)");
        assert_eq!(fifteen.with_equal_mass().label(), "ECE(15, equal mass)");
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
        let nothing = Predictions::new(&[0.0; 0], &[]).unwrap();
        assert_eq!(ExpectedCalibrationError::default().with_equal_mass().measure(&nothing), Ok(None));
        assert_eq!(
            ExpectedCalibrationError::new(0).map(|_| ()),
            Err(Error::Parameter { parameter: "n_bins", message: "0; must be at least 1".into() })
        );
        let error = ExpectedCalibrationError::default()
            .measure(&Predictions::new(&[0.5, -0.1], &[true, false]).unwrap());
        assert_eq!(error, Err(Error::NotProbability { row: 1, value: -0.1 }));
    }
}
