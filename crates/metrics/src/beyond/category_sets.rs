use std::sync::Arc;

use super::ItemDistance;
use crate::Lists;

/// The categories of each item, such as genres or tags.
///
/// An item beyond the last row is unknown; one with an empty row is known to have no category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategorySets {
    /// By item, each ascending and unique.
    sets: Lists,
}

impl CategorySets {
    /// One row of categories for each item, in the order of item indices; in a row their order does not
    /// matter, and repeated ones count once.
    pub fn from_rows<R: AsRef<[u32]>>(rows: impl IntoIterator<Item = R>) -> Self {
        let sorted = rows.into_iter().map(|row| {
            let mut set = row.as_ref().to_vec();
            set.sort_unstable();
            set.dedup();
            set
        });
        Self { sets: Lists::from_rows(sorted) }
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.sets.n_users()
    }

    /// The categories of an item, ascending; `None` if it is unknown.
    pub fn of_item(&self, item: u32) -> Option<&[u32]> {
        ((item as usize) < self.n_items()).then(|| self.sets.of_user(item))
    }

    /// How many categories two items share, and how many they have together.
    fn shared_and_all(&self, left: u32, right: u32) -> Option<(usize, usize)> {
        let (left, right) = (self.of_item(left)?, self.of_item(right)?);
        let (mut l, mut r, mut n_shared) = (0, 0, 0);
        while let (Some(a), Some(b)) = (left.get(l), right.get(r)) {
            n_shared += usize::from(a == b);
            l += usize::from(a <= b);
            r += usize::from(b <= a);
        }
        Some((n_shared, left.len() + right.len() - n_shared))
    }
}

/// How many categories one of two items has and the other has not.
///
/// Equals RecTools `PairwiseHammingDistanceCalculator` over one column of 0 and 1 for each category.
#[derive(Debug, Clone)]
pub struct HammingDistance {
    categories: Arc<CategorySets>,
}

impl HammingDistance {
    /// The distance of items by their categories.
    pub fn new(categories: Arc<CategorySets>) -> Self {
        Self { categories }
    }
}

impl ItemDistance for HammingDistance {
    fn distance(&self, left: u32, right: u32) -> Option<f64> {
        let (n_shared, n_all) = self.categories.shared_and_all(left, right)?;
        Some((n_all - n_shared) as f64)
    }
}

/// One less the share of categories that two items have in common: `1 - |A ∩ B| / |A ∪ B|`, in 0..1.
///
/// Two items without categories do not differ: 0.
///
/// Source: Jaccard, The distribution of the flora in the alpine zone, New Phytologist 11(2), 1912.
#[derive(Debug, Clone)]
pub struct JaccardDistance {
    categories: Arc<CategorySets>,
}

impl JaccardDistance {
    /// The distance of items by their categories.
    pub fn new(categories: Arc<CategorySets>) -> Self {
        Self { categories }
    }
}

impl ItemDistance for JaccardDistance {
    fn distance(&self, left: u32, right: u32) -> Option<f64> {
        let (n_shared, n_all) = self.categories.shared_and_all(left, right)?;
        Some(if n_all == 0 { 0.0 } else { (n_all - n_shared) as f64 / n_all as f64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_compared_as_sets() {
        let rows = [vec![5, 1, 5], vec![1, 2, 9], vec![], vec![]];
        let categories = Arc::new(CategorySets::from_rows(rows));
        assert_eq!(categories.of_item(0), Some([1, 5].as_slice()));
        let hamming = HammingDistance::new(Arc::clone(&categories));
        let jaccard = JaccardDistance::new(categories);
        assert_eq!((hamming.distance(0, 1), jaccard.distance(0, 1)), (Some(3.0), Some(3.0 / 4.0)));
        assert_eq!((hamming.distance(0, 0), jaccard.distance(0, 0)), (Some(0.0), Some(0.0)));
        assert_eq!((hamming.distance(0, 2), jaccard.distance(0, 2)), (Some(2.0), Some(1.0)));
        assert_eq!((hamming.distance(3, 2), jaccard.distance(3, 2)), (Some(0.0), Some(0.0)));
        assert_eq!((hamming.distance(0, 4), jaccard.distance(4, 0)), (None, None));
    }
}
