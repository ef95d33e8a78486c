//! Rows of a user and an item, with what towers read of both.

use burn_recsys_models::TowerRows;

use crate::{Error, Result};

/// Pairs of a user and an item on the host, checked, with what towers read of users and items.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrievalRows {
    users: Vec<u32>,
    items: Vec<u32>,
    /// For every row the row of `user_table`.
    user_rows: Vec<u32>,
    user_table: TowerRows,
    item_table: TowerRows,
    labels: Option<Vec<f32>>,
}

impl RetrievalRows {
    /// Row `r` is of user `users[r]` and item `items[r]`. Row `u` of `user_table` is what is known of user
    /// `u`, and row `i` of `item_table` of item `i`.
    ///
    /// # Errors
    /// If the columns differ in length, there is no row or more than 2^32 - 1, or a user or an item has
    /// no row in its table.
    pub fn new(
        users: Vec<u32>,
        items: Vec<u32>,
        user_table: TowerRows,
        item_table: TowerRows,
    ) -> Result<Self> {
        let n_rows = users.len();
        if items.len() != n_rows {
            return Err(parameter("items", format!("{} for {n_rows} users", items.len())));
        }
        if n_rows == 0 || u32::try_from(n_rows).is_err() {
            return Err(parameter("users", format!("{n_rows} rows; it is 1 to {}", u32::MAX)));
        }
        below("items", &items, item_table.n_rows())?;
        below("users", &users, user_table.n_rows())?;
        Ok(RetrievalRows { user_rows: users.clone(), users, items, user_table, item_table, labels: None })
    }

    /// Pairs whose users are not always the same: row `r` reads row `user_rows[r]` of `user_table`, such as
    /// that user with the history as it was then. Users are what samplers and known items go by.
    ///
    /// # Errors
    /// As [`new`](Self::new), where `user_rows` have to be rows of the table, and users any number.
    pub fn with_user_rows(
        users: Vec<u32>,
        user_rows: Vec<u32>,
        items: Vec<u32>,
        user_table: TowerRows,
        item_table: TowerRows,
    ) -> Result<Self> {
        if user_rows.len() != users.len() {
            return Err(parameter("user_rows", format!("{} for {} users", user_rows.len(), users.len())));
        }
        let rows = RetrievalRows::new(user_rows, items, user_table, item_table)?;
        Ok(RetrievalRows { users, ..rows })
    }

    /// Gives each row a label: 1 for liked or 0, or a number between them.
    ///
    /// # Errors
    /// If there is not one a row, or one is not in `0..=1`.
    pub fn with_labels(mut self, labels: Vec<f32>) -> Result<Self> {
        if labels.len() != self.users.len() {
            return Err(parameter("labels", format!("{} for {} rows", labels.len(), self.users.len())));
        }
        if let Some(row) = labels.iter().position(|label| !(0.0..=1.0).contains(label)) {
            return Err(parameter("labels", format!("row {row} has {}; a label is in 0..=1", labels[row])));
        }
        self.labels = Some(labels);
        Ok(self)
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.users.len()
    }

    /// The user of each row.
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// The item of each row.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The row of the [`user_table`](Self::user_table) that each row reads.
    pub fn user_rows(&self) -> &[u32] {
        &self.user_rows
    }

    /// What is known of users.
    pub fn user_table(&self) -> &TowerRows {
        &self.user_table
    }

    /// What is known of items.
    pub fn item_table(&self) -> &TowerRows {
        &self.item_table
    }

    /// The label of each row.
    pub fn labels(&self) -> Option<&[f32]> {
        self.labels.as_deref()
    }

    /// The share that each item has of all rows.
    pub(super) fn item_shares(&self) -> Vec<f64> {
        let mut counts = vec![0u32; self.item_table.n_rows()];
        self.items.iter().for_each(|&item| counts[item as usize] += 1);
        counts.into_iter().map(|count| f64::from(count) / self.n_rows() as f64).collect()
    }
}

fn below(what: &'static str, values: &[u32], n: usize) -> Result<()> {
    match values.iter().position(|&value| value as usize >= n) {
        Some(row) => {
            Err(parameter(what, format!("row {row} has {}, but there are {n} in its table", values[row])))
        }
        None => Ok(()),
    }
}

/// What is wrong with a parameter.
pub(super) fn parameter(parameter: &'static str, message: String) -> Error {
    burn_recsys_data::Error::Parameter { parameter, message }.into()
}
