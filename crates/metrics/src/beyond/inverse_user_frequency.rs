use std::sync::Arc;

use super::{ItemPopularity, head};
use crate::Result;
use crate::ranking::{Cutoff, JudgedList, RankingMetric};

/// How rare the recommended items are among users, in bits.
///
/// `InverseUserFrequency@k = mean over the items at ranks 1 to k of -log2(users who met the item / users)`.
/// Both count the training part. A cold item counts as met by one user. The mean is over the items there
/// are: a list shorter than `k` is not lowered by what it lacks.
///
/// In 0..log2(users). Undefined for an empty list.
///
/// Source: Castells, Vargas and Wang, Novelty and diversity metrics for recommender systems, DDR 2011. Equals
/// RecTools `MeanInvUserFreq`.
#[derive(Debug, Clone)]
pub struct InverseUserFrequency {
    k: Cutoff,
    popularity: Arc<ItemPopularity>,
}

impl InverseUserFrequency {
    /// The rarity of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize, popularity: Arc<ItemPopularity>) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)?, popularity })
    }
}

impl RankingMetric for InverseUserFrequency {
    fn label(&self) -> String {
        format!("InverseUserFrequency{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let items = head(list, self.k)?;
        let sum = items.iter().fold(0.0, |sum, &item| sum + self.popularity.self_information(item));
        Some(sum / items.len() as f64)
    }

    fn uses_relevance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_items_have_many_bits() {
        // Of 4 users all met item 0, one met item 1.
        let popularity = ItemPopularity::of_pairs(4, 3, &[0, 1, 2, 3, 0], &[0, 0, 0, 0, 1]).unwrap();
        let popularity = Arc::new(popularity);
        let value = |items: &[u32], k| {
            let metric = InverseUserFrequency::new(k, Arc::clone(&popularity)).unwrap();
            metric.measure(&JudgedList::new(items, &[]).unwrap())
        };
        assert_eq!(value(&[1, 0], 1), Some(2.0));
        assert_eq!(value(&[1, 0], 2), Some((2.0 + 0.0) / 2.0));
        // Item 2 is cold; the list is shorter than k.
        assert_eq!(value(&[1, 2, 0], 10), Some((2.0 + 2.0 + 0.0) / 3.0));
        assert_eq!(value(&[], 10), None);
    }
}
