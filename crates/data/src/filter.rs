//! Filters: which interactions a task keeps.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Csr, Error, Interactions, Result};

/// One rule that keeps some rows of [`Interactions`].
///
/// In a configuration file: `{ kind = "min-count-by-user", count = 20 }`. Filters are applied in the
/// order they are written, each to what the one before it left. Rows keep their order, and the id
/// maps are kept whole: call [`Interactions::compact`] to lose the ids that have no row left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Filter {
    /// Keeps users with at least `count` rows.
    MinCountByUser {
        /// The fewest rows of a user that stays; at least 1.
        count: u32,
    },
    /// Keeps items with at least `count` rows.
    MinCountByItem {
        /// The fewest rows of an item that stays; at least 1.
        count: u32,
    },
    /// Removes users and items with too few rows until every one that is left has enough. The result
    /// is the largest such table, whatever the order of removals. Costs 12 bytes a row.
    KCore {
        /// The fewest rows of a user that stays; at least 1.
        users: u32,
        /// The fewest rows of an item that stays; at least 1.
        items: u32,
    },
    /// Keeps rows rated `rating` or higher.
    RatingAtLeast {
        /// The lowest rating that stays.
        rating: f32,
    },
    /// Keeps rows with `from <= timestamp < until`; a bound that is left out does not bind.
    TimeRange {
        /// The first second that stays, since 1970-01-01 UTC.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<i64>,
        /// The first second that goes, since 1970-01-01 UTC.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    /// Keeps one row of every (user, item) pair. Costs 12 bytes a row.
    Duplicates {
        /// Which row stays.
        keep: Keep,
    },
}

/// Which of the rows of one (user, item) pair stays.
///
/// Rows are ordered by time; ties, and tables without timestamps, by input row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Keep {
    /// The first.
    First,
    /// The last.
    Last,
    /// The one rated highest; of equal ratings the first.
    Max,
}

impl Filter {
    /// Checks the parameters.
    ///
    /// # Errors
    /// If a count is 0, the rating is not finite, or the time range has no bound or holds no second.
    pub fn validate(&self) -> Result<()> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        match *self {
            Filter::MinCountByUser { count: 0 } => {
                refuse("min-count-by-user.count", "it is 0; it must be at least 1".into())
            }
            Filter::MinCountByItem { count: 0 } => {
                refuse("min-count-by-item.count", "it is 0; it must be at least 1".into())
            }
            Filter::KCore { users: 0, .. } => refuse("k-core.users", "it is 0; it must be at least 1".into()),
            Filter::KCore { items: 0, .. } => refuse("k-core.items", "it is 0; it must be at least 1".into()),
            Filter::RatingAtLeast { rating } if !rating.is_finite() => {
                refuse("rating-at-least.rating", format!("{rating} is not a finite number"))
            }
            Filter::TimeRange { from: None, until: None } => {
                refuse("time-range", "it has no bound; set from, until or both".into())
            }
            Filter::TimeRange { from: Some(from), until: Some(until) } if from >= until => {
                refuse("time-range", format!("from {from} must be before until {until}"))
            }
            _ => Ok(()),
        }
    }

    /// The rows that stay, in their order, over the same id maps.
    ///
    /// # Errors
    /// If a parameter is refused by [`validate`](Self::validate), the table lacks the column that
    /// the filter looks at, or no row is left.
    pub fn apply(&self, interactions: &Interactions) -> Result<Interactions> {
        self.validate()?;
        let kept = match *self {
            Filter::MinCountByUser { count } => {
                let counts = interactions.user_counts();
                let users = interactions.users();
                interactions.retain(|row| counts[users[row] as usize] >= count)
            }
            Filter::MinCountByItem { count } => {
                let counts = interactions.item_counts();
                let items = interactions.items();
                interactions.retain(|row| counts[items[row] as usize] >= count)
            }
            Filter::KCore { users, items } => k_core(interactions, users, items),
            Filter::RatingAtLeast { rating } => {
                let ratings = column(interactions.ratings(), "rating-at-least", "ratings")?;
                interactions.retain(|row| ratings[row] >= rating)
            }
            Filter::TimeRange { from, until } => {
                let timestamps = column(interactions.timestamps(), "time-range", "timestamps")?;
                interactions.retain(|row| {
                    from.is_none_or(|from| timestamps[row] >= from)
                        && until.is_none_or(|until| timestamps[row] < until)
                })
            }
            Filter::Duplicates { keep } => one_row_a_pair(interactions, keep)?,
        };
        if kept.is_empty() {
            return Err(Error::Empty { after: format!("the filter \"{self}\"") });
        }
        Ok(kept)
    }
}

impl fmt::Display for Filter {
    /// What stays, for people: `minimum 20 interactions per user`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::MinCountByUser { count } => write!(f, "minimum {count} interactions per user"),
            Filter::MinCountByItem { count } => write!(f, "minimum {count} interactions per item"),
            Filter::KCore { users, items } => {
                write!(f, "core of minimum {users} interactions per user and {items} per item")
            }
            Filter::RatingAtLeast { rating } => write!(f, "rating at least {rating}"),
            Filter::TimeRange { from, until } => {
                write!(f, "time")?;
                if let Some(from) = from {
                    write!(f, " from {from}")?;
                }
                if let Some(until) = until {
                    write!(f, " until before {until}")?;
                }
                Ok(())
            }
            Filter::Duplicates { keep } => match keep {
                Keep::First => write!(f, "first of duplicates"),
                Keep::Last => write!(f, "last of duplicates"),
                Keep::Max => write!(f, "highest rated of duplicates"),
            },
        }
    }
}

fn column<'a, T>(column: Option<&'a [T]>, filter: &'static str, name: &str) -> Result<&'a [T]> {
    column.ok_or_else(|| Error::Parameter {
        parameter: filter,
        message: format!("the data has no {name}; leave this filter out"),
    })
}

/// Follows a queue of the users and items that fell below their minimum, so that every row is
/// removed once and no pass is repeated.
fn k_core(interactions: &Interactions, min_users: u32, min_items: u32) -> Interactions {
    enum Node {
        User(u32),
        Item(u32),
    }
    let (users, items) = (interactions.users(), interactions.items());
    let rows = 0..users.len() as u32;
    let rows_by_user = Csr::group(interactions.n_users(), users, rows.clone());
    let rows_by_item = Csr::group(interactions.n_items(), items, rows);
    let mut user_counts = interactions.user_counts();
    let mut item_counts = interactions.item_counts();
    let mut kept = vec![true; users.len()];

    let poor = |counts: &[u32], minimum: u32| -> Vec<u32> {
        (0..counts.len() as u32).filter(|&index| counts[index as usize] < minimum).collect()
    };
    let mut queue: Vec<Node> = poor(&user_counts, min_users).into_iter().map(Node::User).collect();
    queue.extend(poor(&item_counts, min_items).into_iter().map(Node::Item));
    while let Some(node) = queue.pop() {
        let rows = match node {
            Node::User(user) => rows_by_user.row(user),
            Node::Item(item) => rows_by_item.row(item),
        };
        for &row in rows {
            let row = row as usize;
            if !std::mem::take(&mut kept[row]) {
                continue;
            }
            let (user, item) = (users[row], items[row]);
            // A node enters the queue once: here, in the step from its minimum to below it.
            if user_counts[user as usize] == min_users {
                queue.push(Node::User(user));
            }
            if item_counts[item as usize] == min_items {
                queue.push(Node::Item(item));
            }
            user_counts[user as usize] -= 1;
            item_counts[item as usize] -= 1;
        }
    }
    interactions.retain(|row| kept[row])
}

fn one_row_a_pair(interactions: &Interactions, keep: Keep) -> Result<Interactions> {
    let items = interactions.items();
    let ratings = match keep {
        Keep::Max => column(interactions.ratings(), "duplicates.keep = \"max\"", "ratings")?,
        Keep::First | Keep::Last => &[],
    };
    let item = |row: u32| items[row as usize];
    let mut kept: Vec<u32> = Vec::new();
    let mut rows: Vec<u32> = Vec::new();
    for rows_in_time in interactions.rows_by_user().rows() {
        rows.clear();
        rows.extend_from_slice(rows_in_time);
        // Stable: the rows of one item stay in time order.
        rows.sort_by_key(|&row| item(row));
        kept.extend(rows.chunk_by(|&a, &b| item(a) == item(b)).map(|same| match keep {
            Keep::First => same[0],
            Keep::Last => same[same.len() - 1],
            Keep::Max => same.iter().copied().fold(same[0], |best, row| {
                if ratings[row as usize] > ratings[best as usize] { row } else { best }
            }),
        }));
    }
    kept.sort_unstable();
    Ok(interactions.select(&kept))
}
