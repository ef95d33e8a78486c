use crate::{Error, Lists, Result};

/// How many users met each item in training, and how often.
///
/// A user who met an item several times counts once in [`n_users_of`](Self::n_users_of) and each time in
/// [`n_interactions_of`](Self::n_interactions_of). An item without a training row is cold: both are 0.
///
/// Memory: 24 bytes per item; making it needs 8 bytes per row for a while. Share it by `Arc`.
///
/// ```
/// use burn_recsys_metrics::beyond::ItemPopularity;
///
/// // Four rows of 3 users and 4 items; user 2 has no row.
/// let popularity = ItemPopularity::of_pairs(3, 4, &[0, 0, 1, 0], &[2, 1, 2, 2])?;
/// assert_eq!((popularity.n_users_of(2), popularity.n_interactions_of(2)), (2, 3));
/// assert_eq!((popularity.n_users(), popularity.n_interactions()), (2, 4));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ItemPopularity {
    n_users: usize,
    n_interactions: u64,
    users: Vec<u32>,
    interactions: Vec<u64>,
    information: Vec<f64>,
    /// 1 for the items of the most interactions, 2 for those of the next lower number; 0 for cold items.
    ranks: Vec<u32>,
    n_ranks: usize,
}

impl ItemPopularity {
    /// Counts training rows: each says that `users[row]` met `items[row]`. Users are below `n_users`, items
    /// below `n_items`; one without a row is lawful.
    ///
    /// # Errors
    /// If the columns differ in length, are empty, or an index is too large; the message has the row.
    pub fn of_pairs(n_users: usize, n_items: usize, users: &[u32], items: &[u32]) -> Result<Self> {
        if let Some(row) = items.iter().position(|&item| item as usize >= n_items) {
            return Err(Error::ItemIndex { row, item: items[row], n_items });
        }
        let histories = Lists::of_pairs(n_users, users, items)?;
        if items.is_empty() {
            let message = "there are no training rows; without them no item has a popularity".to_owned();
            return Err(Error::Parameter { parameter: "items", message });
        }
        let mut users_of = vec![0_u32; n_items];
        histories.items().iter().for_each(|&item| users_of[item as usize] += 1);
        let mut interactions = vec![0_u64; n_items];
        items.iter().for_each(|&item| interactions[item as usize] += 1);
        let met = (0..n_users as u32).filter(|&user| !histories.of_user(user).is_empty());
        let n_met = met.count();
        let information = users_of.iter().map(|&users| (n_met as f64 / f64::from(users.max(1))).log2());
        let mut levels: Vec<u64> = interactions.iter().copied().filter(|&count| count > 0).collect();
        levels.sort_unstable();
        levels.dedup();
        let rank = |count: &u64| levels.binary_search(count).map_or(0, |level| (levels.len() - level) as u32);
        Ok(Self {
            n_users: n_met,
            n_interactions: items.len() as u64,
            information: information.collect(),
            ranks: interactions.iter().map(rank).collect(),
            n_ranks: levels.len(),
            users: users_of,
            interactions,
        })
    }

    /// How many users have a training row.
    pub fn n_users(&self) -> usize {
        self.n_users
    }

    /// The number of training rows.
    pub fn n_interactions(&self) -> u64 {
        self.n_interactions
    }

    /// How many users met the item; 0 for a cold one.
    pub fn n_users_of(&self, item: u32) -> u32 {
        self.users.get(item as usize).copied().unwrap_or(0)
    }

    /// How many training rows the item has; 0 for a cold one.
    pub fn n_interactions_of(&self, item: u32) -> u64 {
        self.interactions.get(item as usize).copied().unwrap_or(0)
    }

    /// `log2(n_users / users who met the item)`; a cold item is as surprising as one that a single user met.
    pub fn self_information(&self, item: u32) -> f64 {
        let known = self.information.get(item as usize);
        known.copied().unwrap_or_else(|| (self.n_users as f64).log2())
    }

    /// 1 for the items with the most training rows, 2 for those with the next lower number, and so on;
    /// `None` for a cold item. Items with as many rows share a rank.
    pub fn popularity_rank(&self, item: u32) -> Option<u32> {
        self.ranks.get(item as usize).copied().filter(|&rank| rank > 0)
    }

    /// The rank of the least popular item.
    pub(super) fn last_rank(&self) -> usize {
        self.n_ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_count_once_and_rows_each_time() {
        let popularity = ItemPopularity::of_pairs(9, 6, &[0, 8, 0, 0, 3], &[1, 1, 1, 4, 2]).unwrap();
        let users: Vec<u32> = (0..7).map(|item| popularity.n_users_of(item)).collect();
        assert_eq!(users, [0, 2, 1, 0, 1, 0, 0]);
        assert_eq!((popularity.n_interactions_of(1), popularity.n_interactions_of(99)), (3, 0));
        assert_eq!((popularity.n_users(), popularity.n_interactions()), (3, 5));
        assert_eq!(popularity.self_information(1), (3.0_f64 / 2.0).log2());
        assert_eq!(popularity.self_information(0), 3_f64.log2());
        assert_eq!(popularity.self_information(99), 3_f64.log2());
    }

    #[test]
    fn equally_popular_items_share_a_rank() {
        let popularity =
            ItemPopularity::of_pairs(4, 5, &[0, 1, 2, 0, 1, 2, 0], &[3, 3, 3, 1, 0, 2, 2]).unwrap();
        let ranks: Vec<_> = (0..6).map(|item| popularity.popularity_rank(item)).collect();
        assert_eq!(ranks, [Some(3), Some(3), Some(2), Some(1), None, None]);
        assert_eq!(popularity.last_rank(), 3);
    }

    #[test]
    fn bad_rows_are_named() {
        let refused =
            |users: &[u32], items: &[u32]| ItemPopularity::of_pairs(2, 3, users, items).unwrap_err();
        assert_eq!(refused(&[0, 1], &[2, 3]), Error::ItemIndex { row: 1, item: 3, n_items: 3 });
        assert_eq!(refused(&[0, 2], &[2, 1]), Error::UserIndex { row: 1, user: 2, n_users: 2 });
        assert!(matches!(refused(&[0], &[2, 1]), Error::ColumnLength { .. }));
        assert!(refused(&[], &[]).to_string().starts_with("items: there are no training rows"));
    }
}
