//! The table of who met what, when, and how they liked it.

use std::sync::Arc;

use crate::{Csr, Error, IdMap, Result};

/// One row of [`Interactions`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interaction {
    /// Dense user index.
    pub user: u32,
    /// Dense item index.
    pub item: u32,
    /// Rating, if the data has one.
    pub rating: Option<f32>,
    /// Seconds since 1970-01-01 UTC, if the data has them.
    pub timestamp: Option<i64>,
}

/// User-item interactions as columns over dense indices.
///
/// Rows keep the order of the file they came from: where timestamps tie, the input row decides.
/// The id maps are shared, not copied, between a table and the tables filtered or split from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Interactions {
    user_ids: Arc<IdMap>,
    item_ids: Arc<IdMap>,
    users: Vec<u32>,
    items: Vec<u32>,
    ratings: Option<Vec<f32>>,
    timestamps: Option<Vec<i64>>,
}

impl Interactions {
    /// A table of these columns.
    ///
    /// # Errors
    /// If the columns differ in length, an index is outside its id map, or a rating is not finite.
    pub fn new(
        user_ids: Arc<IdMap>,
        item_ids: Arc<IdMap>,
        users: Vec<u32>,
        items: Vec<u32>,
        ratings: Option<Vec<f32>>,
        timestamps: Option<Vec<i64>>,
    ) -> Result<Self> {
        let n = users.len();
        let same_length = items.len() == n
            && ratings.as_ref().is_none_or(|column| column.len() == n)
            && timestamps.as_ref().is_none_or(|column| column.len() == n);
        if !same_length {
            return Err(Error::Parameter {
                parameter: "columns",
                message: format!(
                    "users {n}, items {}, ratings {:?}, timestamps {:?} rows; they must be equal",
                    items.len(),
                    ratings.as_ref().map(Vec::len),
                    timestamps.as_ref().map(Vec::len)
                ),
            });
        }
        if u32::try_from(n).is_err() {
            return Err(Error::Parameter {
                parameter: "columns",
                message: format!("{n} rows; a table holds at most {}", u32::MAX),
            });
        }
        for (parameter, column, ids) in [("users", &users, &user_ids), ("items", &items, &item_ids)] {
            // Without a branch a row first, which is several times as fast.
            let largest = column.iter().fold(0, |largest, &index| index.max(largest));
            if (largest as usize) < ids.len() {
                continue;
            }
            if let Some(row) = column.iter().position(|&index| index as usize >= ids.len()) {
                return Err(Error::Parameter {
                    parameter,
                    message: format!("row {row}: index {} but there are {} ids", column[row], ids.len()),
                });
            }
        }
        let all_finite = |ratings: &[f32]| ratings.iter().fold(true, |all, rating| all & rating.is_finite());
        if let Some(ratings) = ratings.as_deref().filter(|ratings| !all_finite(ratings))
            && let Some(row) = ratings.iter().position(|rating| !rating.is_finite())
        {
            return Err(Error::Parameter {
                parameter: "ratings",
                message: format!("row {row}: the rating is not a finite number"),
            });
        }
        Ok(Interactions { user_ids, item_ids, users, items, ratings, timestamps })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The number of users in the id map, with or without rows in this table.
    pub fn n_users(&self) -> usize {
        self.user_ids.len()
    }

    /// The number of items in the id map, with or without rows in this table.
    pub fn n_items(&self) -> usize {
        self.item_ids.len()
    }

    /// External user ids.
    pub fn user_ids(&self) -> &Arc<IdMap> {
        &self.user_ids
    }

    /// External item ids.
    pub fn item_ids(&self) -> &Arc<IdMap> {
        &self.item_ids
    }

    /// The user of every row.
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// The item of every row.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The rating of every row; `None` for data that only says that something happened.
    pub fn ratings(&self) -> Option<&[f32]> {
        self.ratings.as_deref()
    }

    /// Seconds since 1970-01-01 UTC of every row; `None` for data without time.
    pub fn timestamps(&self) -> Option<&[i64]> {
        self.timestamps.as_deref()
    }

    /// Row `row`.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    pub fn get(&self, row: usize) -> Interaction {
        Interaction {
            user: self.users[row],
            item: self.items[row],
            rating: self.ratings.as_ref().map(|ratings| ratings[row]),
            timestamp: self.timestamps.as_ref().map(|timestamps| timestamps[row]),
        }
    }

    /// The rows `rows`, in that order, over the same id maps.
    ///
    /// # Panics
    /// If a row is not below [`len`](Self::len).
    pub fn select(&self, rows: &[u32]) -> Interactions {
        fn pick<T: Copy>(column: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&row| column[row as usize]).collect()
        }
        Interactions {
            user_ids: Arc::clone(&self.user_ids),
            item_ids: Arc::clone(&self.item_ids),
            users: pick(&self.users, rows),
            items: pick(&self.items, rows),
            ratings: self.ratings.as_deref().map(|column| pick(column, rows)),
            timestamps: self.timestamps.as_deref().map(|column| pick(column, rows)),
        }
    }

    /// The rows for which `keep` holds, over the same id maps.
    pub fn retain(&self, keep: impl Fn(usize) -> bool) -> Interactions {
        let rows: Vec<u32> = (0..self.len() as u32).filter(|&row| keep(row as usize)).collect();
        self.select(&rows)
    }

    /// The same rows over other id maps: ids that the new maps lack lose their rows.
    pub fn reindex(&self, user_ids: &Arc<IdMap>, item_ids: &Arc<IdMap>) -> Interactions {
        let users = self.user_ids.translate(user_ids);
        let items = self.item_ids.translate(item_ids);
        let known = |row: usize| {
            users[self.users[row] as usize].is_some() && items[self.items[row] as usize].is_some()
        };
        let mut kept = self.retain(known);
        for user in &mut kept.users {
            *user = users[*user as usize].unwrap_or_default();
        }
        for item in &mut kept.items {
            *item = items[*item as usize].unwrap_or_default();
        }
        kept.user_ids = Arc::clone(user_ids);
        kept.item_ids = Arc::clone(item_ids);
        kept
    }

    /// The same rows over id maps of just the users and items that have a row.
    pub fn compact(&self) -> Interactions {
        let user_ids = Arc::new(self.user_ids.select(&present(&self.users, self.n_users())));
        let item_ids = Arc::new(self.item_ids.select(&present(&self.items, self.n_items())));
        self.reindex(&user_ids, &item_ids)
    }

    /// For every user the rows of this table in time order (ties, or no timestamps: input order).
    pub fn rows_by_user(&self) -> Csr {
        self.rows_by(&self.users, self.n_users())
    }

    /// For every item the rows of this table in time order (ties, or no timestamps: input order).
    pub fn rows_by_item(&self) -> Csr {
        self.rows_by(&self.items, self.n_items())
    }

    /// For every user the items met, ascending and unique.
    pub fn items_by_user(&self) -> Csr {
        Csr::group(self.n_users(), &self.users, self.items.iter().copied()).sorted_unique()
    }

    /// For every item the users met, ascending and unique.
    pub fn users_by_item(&self) -> Csr {
        Csr::group(self.n_items(), &self.items, self.users.iter().copied()).sorted_unique()
    }

    /// For every item its number of rows.
    pub fn item_counts(&self) -> Vec<u32> {
        counts(&self.items, self.n_items())
    }

    /// For every user the number of rows.
    pub fn user_counts(&self) -> Vec<u32> {
        counts(&self.users, self.n_users())
    }

    /// All rows in time order (ties, or no timestamps: input order).
    pub fn rows_by_time(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = (0..self.len() as u32).collect();
        if let Some(timestamps) = &self.timestamps {
            rows.sort_by_key(|&row| timestamps[row as usize]);
        }
        rows
    }

    fn rows_by(&self, keys: &[u32], n_keys: usize) -> Csr {
        let rows = self.rows_by_time();
        let keys: Vec<u32> = rows.iter().map(|&row| keys[row as usize]).collect();
        Csr::group(n_keys, &keys, rows.into_iter())
    }
}

fn counts(indices: &[u32], n: usize) -> Vec<u32> {
    let mut counts = vec![0; n];
    for &index in indices {
        counts[index as usize] += 1;
    }
    counts
}

/// The indices that occur, ascending.
fn present(indices: &[u32], n: usize) -> Vec<u32> {
    let counts = counts(indices, n);
    (0..n as u32).filter(|&index| counts[index as usize] > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Interactions {
        let ids = |n| Arc::new(IdMap::from_integers((0..n).map(|id| id * 10)));
        Interactions::new(
            ids(3),
            ids(4),
            vec![2, 0, 2, 0],
            vec![3, 1, 1, 1],
            Some(vec![5.0, 4.0, 3.0, 2.0]),
            Some(vec![7, 9, 7, 1]),
        )
        .expect("valid columns")
    }

    #[test]
    fn rows_follow_time_then_input() {
        let table = table();
        assert_eq!(table.rows_by_user().row(2), [0, 2]);
        assert_eq!(table.rows_by_user().row(0), [3, 1]);
        assert_eq!(table.rows_by_item().row(1), [3, 2, 1]);
        assert_eq!(table.items_by_user().row(0), [1]);
        assert_eq!(table.items_by_user().row(1), [0u32; 0]);
        assert_eq!(table.users_by_item().row(1), [0, 2]);
    }

    #[test]
    fn compacting_drops_absent_ids_only() {
        let compact = table().compact();
        assert_eq!((compact.n_users(), compact.n_items(), compact.len()), (2, 2, 4));
        assert_eq!(compact.users(), [1, 0, 1, 0]);
        assert_eq!(compact.items(), [1, 0, 0, 0]);
        assert_eq!(compact.user_ids().external(1).map(|id| id.to_string()), Some("20".into()));
        let back = compact.reindex(table().user_ids(), table().item_ids());
        assert_eq!(back, table());
    }

    #[test]
    fn bad_columns_are_refused() {
        let t = table();
        let (users, items) = (t.user_ids(), t.item_ids());
        let new =
            |u: Vec<u32>, i: Vec<u32>, r| Interactions::new(users.clone(), items.clone(), u, i, r, None);
        let message = |result: Result<Interactions>| result.map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(
            message(new(vec![3], vec![0], None)),
            Err("users: row 0: index 3 but there are 3 ids".into())
        );
        assert!(message(new(vec![0], vec![], None)).is_err());
        assert!(message(new(vec![0], vec![0], Some(vec![f32::NAN]))).is_err());
    }
}
