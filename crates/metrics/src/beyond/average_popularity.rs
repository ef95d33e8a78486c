use std::sync::Arc;

use super::{ItemPopularity, head};
use crate::Result;
use crate::ranking::{Cutoff, JudgedList, RankingMetric};

/// How often the recommended items were met in training, on average.
///
/// `AveragePopularity@k = mean over the items at ranks 1 to k of the item's training rows`; a user who met an
/// item twice has two rows. A cold item counts 0. The mean is over the items there are, also where the list
/// is shorter than `k`. [`normalized`](Self::normalized) divides by all training rows.
///
/// At least 0; normalised in 0..1. Undefined for an empty list.
///
/// Source: Yin et al., Challenging the long tail recommendation, VLDB 2012. Equals RecTools
/// `AvgRecPopularity`, normalised its `normalize=True`, and for full lists RecBole `averagepopularity`.
#[derive(Debug, Clone)]
pub struct AveragePopularity {
    k: Cutoff,
    popularity: Arc<ItemPopularity>,
    normalized: bool,
}

impl AveragePopularity {
    /// The popularity of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize, popularity: Arc<ItemPopularity>) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)?, popularity, normalized: false })
    }

    /// Divides by the number of training rows, so that data sets of different size compare.
    pub fn normalized(mut self) -> Self {
        self.normalized = true;
        self
    }
}

impl RankingMetric for AveragePopularity {
    fn label(&self) -> String {
        format!("AveragePopularity{}{}", if self.normalized { "(normalized)" } else { "" }, self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let items = head(list, self.k)?;
        let n_rows: u64 = items.iter().map(|&item| self.popularity.n_interactions_of(item)).sum();
        let all = if self.normalized { self.popularity.n_interactions() as f64 } else { 1.0 };
        Some(n_rows as f64 / items.len() as f64 / all)
    }

    fn uses_relevance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_rows_are_averaged() {
        let popularity = ItemPopularity::of_pairs(2, 3, &[0, 0, 1, 1], &[0, 0, 0, 1]).unwrap();
        let metric = AveragePopularity::new(2, Arc::new(popularity)).unwrap();
        let value =
            |metric: &AveragePopularity, items: &[u32]| metric.measure(&JudgedList::new(items, &[]).unwrap());
        assert_eq!(value(&metric, &[0, 1, 2]), Some((3.0 + 1.0) / 2.0));
        assert_eq!(value(&metric, &[2]), Some(0.0));
        assert_eq!(value(&metric, &[]), None);
        assert_eq!(metric.label(), "AveragePopularity@2");
        let normalized = metric.normalized();
        assert_eq!(value(&normalized, &[0, 9]), Some(3.0 / 2.0 / 4.0));
        assert_eq!(normalized.label(), "AveragePopularity(normalized)@2");
    }
}
