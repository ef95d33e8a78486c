//! How likely an item is the positive of a training row.

use crate::{Error, Result};

/// The exact distribution of the items of training rows, from their counts: Q of in-batch negatives,
/// because the positives of the other rows are draws from it.
///
/// For training rows that come once an epoch in random order. For a stream, see
/// [`FrequencyEstimator`](super::FrequencyEstimator).
#[derive(Debug, Clone, PartialEq)]
pub struct ItemFrequencies {
    counts: Vec<u32>,
    n_rows: u64,
}

impl ItemFrequencies {
    /// `counts` has one entry an item: the number of training rows that have it as positive, as
    /// [`Interactions::item_counts`](crate::Interactions::item_counts) gives them.
    ///
    /// # Errors
    /// If there is no row.
    pub fn new(counts: impl Into<Vec<u32>>) -> Result<Self> {
        let counts = counts.into();
        let n_rows = counts.iter().map(|&count| u64::from(count)).sum();
        if n_rows == 0 {
            return Err(Error::Parameter {
                parameter: "counts",
                message: format!(
                    "the counts of {} items sum to 0; there must be a training row",
                    counts.len()
                ),
            });
        }
        Ok(ItemFrequencies { counts, n_rows })
    }

    /// Items are below this.
    pub fn n_items(&self) -> u32 {
        self.counts.len() as u32
    }

    /// The share of training rows with the item.
    ///
    /// # Panics
    /// If `item` is not below [`n_items`](Self::n_items).
    pub fn probability(&self, item: u32) -> f64 {
        assert!(item < self.n_items(), "item {item}, but there are {} items", self.n_items());
        f64::from(self.counts[item as usize]) / self.n_rows as f64
    }

    /// The natural logarithm of the probability that the positive of a row is `item`: log Q of in-batch
    /// negatives. Negative infinity for an item without rows, which no batch of these rows has.
    ///
    /// # Panics
    /// If `item` is not below [`n_items`](Self::n_items).
    pub fn log_probability(&self, item: u32) -> f64 {
        self.probability(item).ln()
    }

    /// The natural logarithm of the probability that at least one of `batch_size` rows has the item:
    /// log(1 - (1 - Q)^batch_size), for rows drawn independently.
    ///
    /// Yi et al. 2019 ("Sampling-bias-corrected neural modeling for large corpus item
    /// recommendations") correct by the probability that an item is in a random batch. Use it where
    /// a batch's items are made unique before the loss; where a popular item counts as often as the
    /// batch has it, [`log_probability`](Self::log_probability) is the correction. For rare items the
    /// two differ by the constant log(batch_size), which no softmax sees.
    ///
    /// # Panics
    /// If `item` is not below [`n_items`](Self::n_items).
    pub fn log_batch_probability(&self, item: u32, batch_size: usize) -> f64 {
        let log_absent = batch_size as f64 * (-self.probability(item)).ln_1p();
        (-log_absent.exp_m1()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_are_shares_of_rows() {
        let frequencies = ItemFrequencies::new([3, 0, 1]).unwrap();
        assert_eq!(frequencies.log_probability(0), 0.75_f64.ln());
        assert_eq!(frequencies.log_probability(1), f64::NEG_INFINITY);
        assert_eq!(frequencies.log_batch_probability(1, 10), f64::NEG_INFINITY);
        let in_batch = frequencies.log_batch_probability(2, 3).exp();
        assert!((in_batch - (1.0 - 0.75_f64.powi(3))).abs() < 1e-15);
        // An item of every row is in every batch.
        assert_eq!(ItemFrequencies::new([7]).unwrap().log_batch_probability(0, 2), 0.0);
        assert_eq!(
            ItemFrequencies::new([0, 0]).unwrap_err().to_string(),
            "counts: the counts of 2 items sum to 0; there must be a training row"
        );
        assert!(ItemFrequencies::new([]).is_err());
    }
}
