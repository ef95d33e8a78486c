use std::sync::Arc;

use super::{ItemPopularity, head};
use crate::ranking::{Cutoff, JudgedList, RankingMetric};
use crate::{Error, Result};

/// How far relevant items were lifted above the place that their popularity would give them.
///
/// `Serendipity@k = mean over the items at ranks 1 to k of max(P - P₀, 0), 0 where the item is not relevant`,
/// with `P = (n_items + 1 - rank) / n_items` and `P₀ = (n_items + 1 - popularity rank) / n_items`. Equally
/// popular items share a popularity rank; the most popular have rank 1, the next ones rank 2. For a cold item
/// `P₀` is 0. The mean is over the items there are, also where the list is shorter than `k`.
///
/// In 0..1. Undefined for an empty list and for a user without relevant items, who has nothing to be lifted
/// (RecTools: 0); otherwise equals RecTools `Serendipity`.
#[derive(Debug, Clone)]
pub struct Serendipity {
    k: Cutoff,
    popularity: Arc<ItemPopularity>,
    n_items: usize,
}

impl Serendipity {
    /// The serendipity of the ranks 1 to `k`, where `n_items` items could have been recommended.
    ///
    /// # Errors
    /// If `k` is 0, or `n_items` items cannot have as many different popularities as there are.
    pub fn new(k: usize, popularity: Arc<ItemPopularity>, n_items: usize) -> Result<Self> {
        let n_ranks = popularity.last_rank();
        if n_items < n_ranks {
            let message =
                format!("{n_items} items, but {n_ranks} different popularities; count the catalogue");
            return Err(Error::Parameter { parameter: "n_items", message });
        }
        Ok(Self { k: Cutoff::new(k)?, popularity, n_items })
    }
}

impl RankingMetric for Serendipity {
    fn label(&self) -> String {
        format!("Serendipity{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let items = head(list, self.k)?;
        if list.relevant().is_empty() {
            return None;
        }
        let lifted = list.hit_ranks_within(self.k.get()).iter().map(|&rank| {
            // For an item that is not cold `P - P₀` is the difference of the ranks.
            let from = self.popularity.popularity_rank(items[rank - 1]);
            from.map_or(self.n_items + 1, |from| from as usize).saturating_sub(rank)
        });
        Some(lifted.sum::<usize>() as f64 / self.n_items as f64 / items.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 4 items, item 0 is met three times, item 1 twice, the others never: the example in the documentation
    /// of RecTools, counted from 0.
    fn value(k: usize, recommended: &[u32], relevant: &[u32]) -> Option<f64> {
        let popularity = ItemPopularity::of_pairs(3, 4, &[0, 0, 1, 1, 2], &[0, 1, 0, 1, 0]).unwrap();
        let metric = Serendipity::new(k, Arc::new(popularity), 4).unwrap();
        metric.measure(&JudgedList::new(recommended, relevant).unwrap())
    }

    #[test]
    fn the_example_of_rectools_holds() {
        let users: [(&[u32], &[u32]); 4] =
            [(&[0, 1], &[0, 1]), (&[1, 2], &[1, 2]), (&[2], &[1]), (&[1, 2], &[1])];
        let values = |k| users.map(|(recommended, relevant)| value(k, recommended, relevant));
        assert_eq!(values(1), [0.0, 0.25, 0.0, 0.25].map(Some));
        assert_eq!(values(2), [0.0, 0.5, 0.0, 0.125].map(Some));
    }

    #[test]
    fn nothing_to_lift_is_undefined() {
        assert_eq!(value(2, &[], &[1]), None);
        assert_eq!(value(2, &[1], &[]), None);
    }

    #[test]
    fn the_catalogue_holds_every_popularity() {
        let popularity = Arc::new(ItemPopularity::of_pairs(2, 2, &[0, 0, 1], &[0, 1, 0]).unwrap());
        let message = Serendipity::new(2, popularity, 1).unwrap_err().to_string();
        assert_eq!(message, "n_items: 1 items, but 2 different popularities; count the catalogue");
    }
}
