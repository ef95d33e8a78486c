use std::fmt;
use std::sync::Arc;

use super::{ItemDistance, head};
use crate::Result;
use crate::ranking::{Cutoff, JudgedList, RankingMetric};

/// How different the recommended items are from each other.
///
/// `IntraListDiversity@k = mean of the distance over all pairs of items at ranks 1 to k`. Pairs of which the
/// [`ItemDistance`] knows nothing are left out, so cold items are, unless the distance knows them.
///
/// Within the range of the distance. Undefined for a list with no pair: fewer than two items at these ranks
/// (RecTools: 0, as if a single item were a list of equal ones), or no pair that is known. Otherwise equals
/// RecTools `IntraListDiversity`.
///
/// Source: Ziegler et al., Improving recommendation lists through topic diversification, WWW 2005.
///
/// Cost: `k (k - 1) / 2` distances per user.
///
/// ```
/// use std::sync::Arc;
///
/// use burn_recsys_metrics::beyond::{CategorySets, IntraListDiversity, JaccardDistance};
/// use burn_recsys_metrics::ranking::{JudgedList, RankingMetric};
///
/// // The categories of items 0, 1 and 2.
/// let genres = Arc::new(CategorySets::from_rows([vec![0, 1], vec![1], vec![4]]));
/// let diversity = IntraListDiversity::new(10, Arc::new(JaccardDistance::new(genres)))?;
/// let list = JudgedList::new(&[2, 0, 1], &[])?;
/// assert_eq!(diversity.measure(&list), Some((1.0 + 1.0 + 1.0 / 2.0) / 3.0));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Clone)]
pub struct IntraListDiversity<D: ?Sized> {
    k: Cutoff,
    name: Option<String>,
    distance: Arc<D>,
}

impl<D: ItemDistance + ?Sized> IntraListDiversity<D> {
    /// The diversity of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize, distance: Arc<D>) -> Result<Self> {
        Ok(Self { k: Cutoff::new(k)?, name: None, distance })
    }

    /// Puts the name of the distance into the label, `IntraListDiversity(genres)@10`: to measure several
    /// side by side.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl<D: ?Sized> fmt::Debug for IntraListDiversity<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntraListDiversity")
            .field("k", &self.k)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<D: ItemDistance + ?Sized> RankingMetric for IntraListDiversity<D> {
    fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("IntraListDiversity({name}){}", self.k),
            None => format!("IntraListDiversity{}", self.k),
        }
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let mut items = head(list, self.k)?;
        let (mut sum, mut n_pairs) = (0.0, 0_u64);
        while let Some((&left, worse)) = items.split_first() {
            for distance in worse.iter().filter_map(|&right| self.distance.distance(left, right)) {
                sum += distance;
                n_pairs += 1;
            }
            items = worse;
        }
        (n_pairs > 0).then(|| sum / n_pairs as f64)
    }

    fn uses_relevance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_averaged_over_pairs() {
        let apart = |left: u32, right: u32| f64::from(left.abs_diff(right));
        let value = |items: &[u32], k| {
            let metric = IntraListDiversity::new(k, Arc::new(apart)).unwrap();
            metric.measure(&JudgedList::new(items, &[]).unwrap())
        };
        assert_eq!(value(&[1, 4, 9], 3), Some((3.0 + 8.0 + 5.0) / 3.0));
        assert_eq!(value(&[1, 4, 9], 2), Some(3.0));
        assert_eq!(value(&[1, 4], 10), Some(3.0));
        assert_eq!([value(&[1, 4], 1), value(&[4], 5), value(&[], 5)], [None; 3]);
    }

    struct Even;

    impl ItemDistance for Even {
        fn distance(&self, left: u32, right: u32) -> Option<f64> {
            (left | right).is_multiple_of(2).then_some(1.0)
        }
    }

    #[test]
    fn unknown_pairs_are_left_out() {
        let any: Arc<dyn ItemDistance> = Arc::new(Even);
        let metric = IntraListDiversity::new(5, any).unwrap();
        let value = |items: &[u32]| metric.measure(&JudgedList::new(items, &[]).unwrap());
        assert_eq!([value(&[2, 3, 4]), value(&[2, 3])], [Some(1.0), None]);
    }

    #[test]
    fn a_name_shows_in_the_label() {
        let metric = IntraListDiversity::new(5, Arc::new(Even)).unwrap();
        assert_eq!(metric.label(), "IntraListDiversity@5");
        assert_eq!(metric.with_name("even").label(), "IntraListDiversity(even)@5");
    }
}
