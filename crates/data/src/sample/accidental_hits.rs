//! Which candidates of a batch are no negatives for a row.

use std::sync::Arc;

use super::check_positives;
use crate::{Csr, Result};

/// The candidates that the rows of a batch are scored against, as columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates<'a> {
    /// The positives of the batch, one column a row, then `extra` ones, which all rows share. Column r
    /// is the positive of row r itself, so it is no accidental hit there.
    InBatch {
        /// Shared candidates beside those of the batch; may be empty.
        extra: &'a [u32],
    },
    /// Candidates that all rows share: `[n_candidates]`.
    Shared(&'a [u32]),
    /// Candidates of each row, row after row: `[batch_size, n_candidates]`.
    PerRow(&'a [u32]),
}

/// Finds accidental hits: pairs of a row and a candidate that is no negative for the row, because it is
/// the row's positive again or, if so chosen, because the user has met it. A loss leaves these pairs out.
///
/// A row may have nothing but hits, for example if its user has met every candidate. It then has no
/// negative, which the loss has to allow.
#[derive(Debug, Clone, Default)]
pub struct AccidentalHits {
    positives: Option<Arc<Csr>>,
}

impl AccidentalHits {
    /// Hits are candidates equal to the row's positive.
    pub fn same_item() -> Self {
        AccidentalHits { positives: None }
    }

    /// Hits are candidates equal to the row's positive and those that the user has met: row `u` of
    /// `positives` holds the items of user `u`, ascending and unique, as
    /// [`Interactions::items_by_user`](crate::Interactions::items_by_user) gives them.
    ///
    /// # Errors
    /// If a row is not ascending and unique.
    pub fn met_items(positives: impl Into<Arc<Csr>>) -> Result<Self> {
        let positives = positives.into();
        // Candidates that nobody has met are no mistake, so there is no number of items to check.
        check_positives(&positives, u32::MAX)?;
        Ok(AccidentalHits { positives: Some(positives) })
    }

    /// True for every pair that is an accidental hit. Row r of the batch is the user `users[r]` with the
    /// positive `positives[r]`.
    ///
    /// # Shapes
    /// `users`, `positives`: `[batch_size]`; result: `[batch_size, n_candidates]`, row-major, where
    /// [`Candidates::InBatch`] has `batch_size` candidates and the extra ones.
    ///
    /// # Panics
    /// If `users` and `positives` differ in length, candidates per row are no whole number a row, or
    /// hits are met items and a user is not one of their rows.
    pub fn mask(&self, users: &[u32], positives: &[u32], candidates: Candidates<'_>) -> Vec<bool> {
        let batch_size = positives.len();
        assert_eq!(users.len(), batch_size, "{} users but {batch_size} positives", users.len());
        let rows = users.iter().zip(positives).enumerate();
        match candidates {
            Candidates::InBatch { extra } => {
                let columns = Columns::new(positives.iter().chain(extra));
                let mut mask = self.shared_mask(users, positives, &columns);
                for (row, _) in rows {
                    mask[row * columns.len() + row] = false;
                }
                mask
            }
            Candidates::Shared(items) => self.shared_mask(users, positives, &Columns::new(items)),
            Candidates::PerRow(items) => {
                if batch_size == 0 {
                    assert!(items.is_empty(), "{} candidates but 0 rows", items.len());
                    return Vec::new();
                }
                let n_candidates = items.len() / batch_size;
                assert_eq!(
                    items.len(),
                    n_candidates * batch_size,
                    "{} candidates cannot be divided among {batch_size} rows",
                    items.len()
                );
                let mut mask = Vec::with_capacity(items.len());
                for (row, (&user, positive)) in rows {
                    let met = self.met(user);
                    let candidates = &items[row * n_candidates..(row + 1) * n_candidates];
                    mask.extend(candidates.iter().map(|candidate| {
                        candidate == positive || met.is_some_and(|met| met.binary_search(candidate).is_ok())
                    }));
                }
                mask
            }
        }
    }

    fn met(&self, user: u32) -> Option<&[u32]> {
        self.positives.as_ref().map(|positives| positives.row(user))
    }

    fn shared_mask(&self, users: &[u32], positives: &[u32], columns: &Columns) -> Vec<bool> {
        let mut mask = vec![false; positives.len() * columns.len()];
        if columns.len() == 0 {
            return mask;
        }
        for ((row, &user), &positive) in mask.chunks_exact_mut(columns.len()).zip(users).zip(positives) {
            columns.mark(&[positive], row);
            if let Some(met) = self.met(user) {
                columns.mark(met, row);
            }
        }
        mask
    }
}

/// Shared candidates in the order of items.
struct Columns {
    /// Item and column, ascending.
    by_item: Vec<(u32, u32)>,
}

impl Columns {
    fn new<'a>(items: impl IntoIterator<Item = &'a u32>) -> Self {
        let mut by_item: Vec<(u32, u32)> = items.into_iter().copied().zip(0..).collect();
        by_item.sort_unstable();
        Columns { by_item }
    }

    fn len(&self) -> usize {
        self.by_item.len()
    }

    /// Sets `row` to true in the columns of `items`, which ascend.
    fn mark(&self, items: &[u32], row: &mut [bool]) {
        // Whichever is shorter is looked up in the other.
        if items.len() < self.len() {
            for &item in items {
                let start = self.by_item.partition_point(|&(other, _)| other < item);
                for &(_, column) in self.by_item[start..].iter().take_while(|&&(other, _)| other == item) {
                    row[column as usize] = true;
                }
            }
        } else {
            for &(item, column) in &self.by_item {
                if items.binary_search(&item).is_ok() {
                    row[column as usize] = true;
                }
            }
        }
    }
}
