//! Splits: which interactions a model learns from and which it is tested on.

mod config;
mod manifest;
mod strategy;

use std::sync::Arc;

pub use config::{RowOrder, SplitConfig};
pub use manifest::{DroppedCold, PartSummary, SplitManifest};
pub use strategy::Strategy;
pub(crate) use strategy::whole;

use crate::{Error, IdMap, Interactions, Result};

/// A training and a test part of one table.
///
/// Both parts have the same id maps, of just the users and items with a row in either. If cold users
/// and items are dropped, these are exactly those of the training part.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What models learn from, in the order of the input.
    pub train: Interactions,
    /// What models are tested on, in the order of the input.
    pub test: Interactions,
    /// For every row of `train` its row in the input, ascending.
    pub train_rows: Vec<u32>,
    /// For every row of `test` its row in the input, ascending.
    pub test_rows: Vec<u32>,
    /// What the split was.
    pub manifest: SplitManifest,
}

impl SplitConfig {
    /// Splits a table.
    ///
    /// # Errors
    /// If a parameter is refused by [`validate`](Self::validate), the strategy needs timestamps and
    /// the table has none, or a part is left without rows.
    pub fn split(&self, interactions: &Interactions) -> Result<Split> {
        self.validate()?;
        if interactions.is_empty() {
            return Err(Error::Parameter {
                parameter: "split",
                message: "there are no interactions to split".into(),
            });
        }
        let assignment = self.strategy.assign(interactions, self.row_order)?;
        let rows = |tested| {
            let is_test = &assignment.is_test;
            (0..interactions.len() as u32).filter(move |&row| is_test[row as usize] == tested)
        };
        let train_rows: Vec<u32> = rows(false).collect();
        let assigned_rows: Vec<u32> = rows(true).collect();
        if train_rows.is_empty() {
            return Err(self.empty("train", format!("all {} rows are test rows", interactions.len())));
        }
        if assigned_rows.is_empty() {
            return Err(self.empty("test", format!("all {} rows are training rows", interactions.len())));
        }
        let (test_rows, dropped) = self.drop_cold(interactions, &train_rows, &assigned_rows);
        if test_rows.is_empty() {
            let message = format!(
                "its {} rows are all of cold users ({}) or cold items ({}) and were dropped; set \
                 drop_cold_users or drop_cold_items to false",
                dropped.interactions, dropped.users, dropped.items
            );
            return Err(self.empty("test", message));
        }

        let (train, test) = parts(interactions, &train_rows, &test_rows);
        let manifest = SplitManifest {
            format: SplitManifest::FORMAT,
            config: self.clone(),
            interactions: interactions.len(),
            train: PartSummary::of(&train),
            test: PartSummary::of(&test),
            dropped,
            horizon: assignment.horizon,
        };
        Ok(Split { train, test, train_rows, test_rows, manifest })
    }

    /// The test rows that stay, and a count of the others.
    fn drop_cold(
        &self,
        interactions: &Interactions,
        train_rows: &[u32],
        test_rows: &[u32],
    ) -> (Vec<u32>, DroppedCold) {
        let mut users = Coldness::new(self.drop_cold_users, interactions.users(), interactions.n_users());
        let mut items = Coldness::new(self.drop_cold_items, interactions.items(), interactions.n_items());
        for &row in train_rows {
            users.see(row);
            items.see(row);
        }
        let kept: Vec<u32> = test_rows
            .iter()
            .copied()
            .filter(|&row| {
                let (cold_user, cold_item) = (users.is_cold(row), items.is_cold(row));
                !cold_user && !cold_item
            })
            .collect();
        let dropped = DroppedCold {
            interactions: test_rows.len() - kept.len(),
            users: users.n_cold,
            items: items.n_cold,
        };
        (kept, dropped)
    }

    fn empty(&self, part: &'static str, reason: String) -> Error {
        Error::Parameter {
            parameter: "split",
            message: format!(
                "the {part} part of {} is empty: {reason}; {}",
                self.strategy,
                self.strategy.remedy(part)
            ),
        }
    }
}

/// Which users (or items) have no training row.
struct Coldness<'a> {
    indices: &'a [u32],
    is_known: Vec<bool>,
    is_counted: Vec<bool>,
    n_cold: usize,
}

impl<'a> Coldness<'a> {
    /// Takes nobody for cold unless `active`.
    fn new(active: bool, indices: &'a [u32], n: usize) -> Self {
        Coldness { indices, is_known: vec![!active; n], is_counted: vec![false; n], n_cold: 0 }
    }

    fn see(&mut self, row: u32) {
        self.is_known[self.indices[row as usize] as usize] = true;
    }

    fn is_cold(&mut self, row: u32) -> bool {
        let index = self.indices[row as usize] as usize;
        if !self.is_known[index] && !std::mem::replace(&mut self.is_counted[index], true) {
            self.n_cold += 1;
        }
        !self.is_known[index]
    }
}

/// Both parts over the ids that have a row in either.
fn parts(interactions: &Interactions, train_rows: &[u32], test_rows: &[u32]) -> (Interactions, Interactions) {
    let kept = |ids: &IdMap, indices: &[u32]| {
        let mut is_present = vec![false; ids.len()];
        for &row in train_rows.iter().chain(test_rows) {
            is_present[indices[row as usize] as usize] = true;
        }
        let present: Vec<u32> = (0..ids.len() as u32).filter(|&id| is_present[id as usize]).collect();
        Arc::new(ids.select(&present))
    };
    let user_ids = kept(interactions.user_ids(), interactions.users());
    let item_ids = kept(interactions.item_ids(), interactions.items());
    let part = |rows| interactions.select(rows).reindex(&user_ids, &item_ids);
    (part(train_rows), part(test_rows))
}
