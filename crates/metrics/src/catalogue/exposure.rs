use std::sync::Arc;

use crate::ranking::Cutoff;
use crate::{Error, Result};

/// How often each item of a catalogue stands at the ranks 1 to `k` of the observed lists.
///
/// Memory: 12 bytes per item, 8 of them for each fork.
///
/// ```
/// use burn_recsys_metrics::catalogue::{CatalogueMetric, Coverage, Exposure};
///
/// let mut exposure = Exposure::new(2, 0..5)?;
/// exposure.observe(&[3, 1, 0]);
/// exposure.observe(&[3, 4]);
/// assert_eq!(exposure.counts(), [0, 1, 0, 2, 1]);
/// assert_eq!(Coverage.measure(&exposure), Some(3.0 / 5.0));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Exposure {
    k: Cutoff,
    items: Arc<[u32]>,
    counts: Vec<u64>,
    n_lists: u64,
    n_filled_lists: u64,
    n_outside: u64,
}

impl Exposure {
    /// Counts the ranks 1 to `k` over the catalogue `items`: the items that could have been
    /// recommended, as a rule those in the training part. Their order does not matter, repeated ones
    /// count once; `0..n_items` stands for all.
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize, items: impl IntoIterator<Item = u32>) -> Result<Self> {
        let k = Cutoff::new(k)?;
        let mut items: Vec<u32> = items.into_iter().collect();
        items.sort_unstable();
        items.dedup();
        let counts = vec![0; items.len()];
        Ok(Self { k, items: items.into(), counts, n_lists: 0, n_filled_lists: 0, n_outside: 0 })
    }

    /// An exposure of the same ranks and items that has seen no list.
    pub fn fork(&self) -> Self {
        let counts = vec![0; self.items.len()];
        let items = Arc::clone(&self.items);
        Self { k: self.k, items, counts, n_lists: 0, n_filled_lists: 0, n_outside: 0 }
    }

    /// Counts one list (item indices, best first).
    pub fn observe(&mut self, recommended: &[u32]) {
        self.n_lists += 1;
        self.n_filled_lists += u64::from(!recommended.is_empty());
        for &item in recommended.iter().take(self.k.get()) {
            match self.position(item) {
                Some(position) => self.counts[position] += 1,
                None => self.n_outside += 1,
            }
        }
    }

    /// Adds the counts of `other`.
    ///
    /// # Errors
    /// If the two count other ranks or other items.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.mergeable(other)?;
        self.n_lists += other.n_lists;
        self.n_filled_lists += other.n_filled_lists;
        self.n_outside += other.n_outside;
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        Ok(())
    }

    fn mergeable(&self, other: &Self) -> Result<()> {
        let differ = |what, left: String, right: String| Err(Error::Merge { what, left, right });
        if self.k != other.k {
            return differ("cutoffs", self.k.to_string(), other.k.to_string());
        }
        if !Arc::ptr_eq(&self.items, &other.items) && self.items != other.items {
            let items = |exposure: &Self| format!("{} items", exposure.items.len());
            return differ("catalogues", items(self), items(other));
        }
        Ok(())
    }

    /// How many of the best ranks count.
    pub fn k(&self) -> usize {
        self.k.get()
    }

    /// The catalogue, ascending.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// How often each of [`items`](Self::items) was recommended, in their order.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The number of lists observed, empty ones included.
    pub fn n_lists(&self) -> u64 {
        self.n_lists
    }

    /// The number of lists observed that hold an item, of the catalogue or not.
    pub fn n_filled_lists(&self) -> u64 {
        self.n_filled_lists
    }

    /// The number of recommendations of items outside the catalogue; they are not counted elsewhere.
    pub fn n_outside(&self) -> u64 {
        self.n_outside
    }

    fn position(&self, item: u32) -> Option<usize> {
        // In an ascending list without repetition the item `i` stands at position `i` or before it,
        // and exactly there if the catalogue is whole.
        match self.items.get(item as usize) {
            Some(&found) if found == item => Some(item as usize),
            _ => self.items.binary_search(&item).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ranks_up_to_k_count() {
        let mut exposure = Exposure::new(2, 0..4).unwrap();
        exposure.observe(&[2, 0, 1]);
        exposure.observe(&[2]);
        exposure.observe(&[]);
        assert_eq!(exposure.counts(), [1, 0, 2, 0]);
        assert_eq!((exposure.n_lists(), exposure.n_filled_lists(), exposure.n_outside()), (3, 2, 0));
    }

    #[test]
    fn items_outside_a_catalogue_with_gaps_are_set_apart() {
        let mut exposure = Exposure::new(9, [30, 0, 7, 7]).unwrap();
        exposure.observe(&[7, 1, 30, 4_000_000_000]);
        assert_eq!(exposure.items(), [0, 7, 30]);
        assert_eq!(exposure.counts(), [0, 1, 1]);
        assert_eq!(exposure.n_outside(), 2);
    }

    #[test]
    fn merged_counts_add_up() {
        let mut exposure = Exposure::new(2, 0..4).unwrap();
        exposure.observe(&[0, 9]);
        let mut fork = exposure.fork();
        fork.observe(&[0, 8]);
        fork.observe(&[3]);
        fork.observe(&[]);
        exposure.merge(&fork).unwrap();
        assert_eq!(exposure.counts(), [2, 0, 0, 1]);
        assert_eq!((exposure.n_lists(), exposure.n_filled_lists(), exposure.n_outside()), (4, 3, 2));
    }

    #[test]
    fn only_alike_exposures_merge() {
        let mut exposure = Exposure::new(2, 0..4).unwrap();
        let message = exposure.merge(&Exposure::new(3, 0..4).unwrap()).unwrap_err().to_string();
        assert!(message.contains("cutoffs differ (@2 and @3)"), "{message}");
        let message = exposure.merge(&Exposure::new(2, 0..5).unwrap()).unwrap_err().to_string();
        assert!(message.contains("catalogues differ (4 items and 5 items)"), "{message}");
        assert!(exposure.merge(&Exposure::new(2, 0..4).unwrap()).is_ok());
    }
}
