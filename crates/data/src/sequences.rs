//! Sequences of items: what embeddings of items are learned from.

use crate::{Csr, Error, Result};

/// Sequences of items by number, made when they are asked for.
///
/// A sequence may be stored (a [`Csr`] holds one a row) or computed, as random walks are. Every one is a
/// function of the source, the epoch and its number alone, so that any number of threads may ask for them
/// in any order.
pub trait Sequences: Sync {
    /// The number of items; those of all sequences are below it.
    fn n_items(&self) -> usize;

    /// The number of sequences of an epoch.
    fn n_sequences(&self) -> usize;

    /// Appends sequence `index` of `epoch` to `items`.
    ///
    /// # Panics
    /// If `index` is not below [`n_sequences`](Self::n_sequences).
    fn append(&self, epoch: u64, index: usize, items: &mut Vec<u32>);

    /// How often every item is in the sequences of `epoch`, `[n_items]`. One that is alone in its sequence does
    /// not count: there is nothing beside it to learn from.
    fn counts(&self, epoch: u64) -> Vec<u64> {
        let mut counts = vec![0; self.n_items()];
        let mut items = Vec::new();
        for index in 0..self.n_sequences() {
            items.clear();
            self.append(epoch, index, &mut items);
            if items.len() > 1 {
                items.iter().for_each(|&item| counts[item as usize] += 1);
            }
        }
        counts
    }
}

/// The rows of a [`Csr`], the same in every epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSequences {
    n_items: usize,
    rows: Csr,
}

impl StoredSequences {
    /// One sequence a row.
    ///
    /// # Errors
    /// If an item is not below `n_items`.
    pub fn new(n_items: usize, rows: Csr) -> Result<Self> {
        for (row, items) in rows.rows().enumerate() {
            if let Some(item) = items.iter().find(|&&item| item as usize >= n_items) {
                let message = format!("sequence {row} holds item {item}, but there are {n_items} items");
                return Err(Error::Parameter { parameter: "rows", message });
            }
        }
        Ok(StoredSequences { n_items, rows })
    }
}

impl Sequences for StoredSequences {
    fn n_items(&self) -> usize {
        self.n_items
    }

    fn n_sequences(&self) -> usize {
        self.rows.n_rows()
    }

    fn append(&self, _epoch: u64, index: usize, items: &mut Vec<u32>) {
        items.extend_from_slice(self.rows.row(index as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_sequences_are_the_rows() {
        let stored = StoredSequences::new(5, Csr::from_rows([vec![4, 1, 4], vec![], vec![0]])).unwrap();
        assert_eq!((stored.n_items(), stored.n_sequences()), (5, 3));
        let mut items = vec![9];
        stored.append(1, 0, &mut items);
        stored.append(2, 1, &mut items);
        assert_eq!(items, [9, 4, 1, 4]);
        // Item 0 is alone.
        assert_eq!(stored.counts(7), [0, 1, 0, 0, 2]);
    }

    #[test]
    fn an_item_out_of_range_is_refused() {
        let error = StoredSequences::new(2, Csr::from_rows([vec![1], vec![0, 2]])).unwrap_err();
        assert_eq!(error.to_string(), "rows: sequence 1 holds item 2, but there are 2 items");
    }
}
