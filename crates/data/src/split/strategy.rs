//! Which rows are the test part.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::RowOrder;
use crate::random::{Random, Stream};
use crate::{Error, Interactions, Result};

/// Which rows of a table are the test part; the others are the training part.
///
/// Where a fraction of n rows is a number of rows, it is rounded down (a product within 1e-6 of a
/// whole number is that number: 0.29 of 100 is 29).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Strategy {
    /// The last rows of the whole table by time.
    ///
    /// With rows sorted by time, the timestamp of row `(1 - test_fraction) n` (counted from 0, rounded
    /// down) is the moment from which on rows are tested. Ties: rows of that very timestamp are all
    /// tested, so no timestamp is in both parts and the test part can be larger than asked for. This
    /// is `TimeSplitter` of RePlay 0.22 with a fraction.
    GlobalTime {
        /// The part of the rows to test on, in (0, 1).
        test_fraction: f64,
    },
    /// The rows at or after a moment. No ties: the moment itself is tested.
    GlobalMoment {
        /// The first second that is tested, since 1970-01-01 UTC.
        moment: i64,
    },
    /// The last rows of every user by time: `test_fraction` of the user's n rows, rounded down, so
    /// every user keeps a training row and users with few rows have no test row.
    ///
    /// Ties: by input row, the one further down being the later one; the other way round with
    /// [`RowOrder::NewestFirst`].
    UserTime {
        /// The part of every user's rows to test on, in (0, 1).
        test_fraction: f64,
    },
    /// The last `n` rows of every user by time; users with `n` rows or fewer are not tested. Ties as
    /// for [`UserTime`](Strategy::UserTime).
    LeaveLastN {
        /// The number of rows of a user to test on; at least 1.
        n: u32,
    },
    /// Rows drawn without replacement: `test_fraction` n of them, rounded down. Time plays no part,
    /// so training rows can be later than test rows. No ties: the draw depends on row numbers only.
    Random {
        /// The part of the rows to test on, in (0, 1).
        test_fraction: f64,
        /// The seed of the draw.
        seed: u64,
    },
    /// Fold `fold` of `n_folds` random parts whose sizes differ by one at most. With one seed, the test
    /// parts of all folds hold every row once (before cold rows are dropped). No ties.
    KFold {
        /// The number of parts; at least 2.
        n_folds: u32,
        /// The part to test on, below `n_folds`.
        fold: u32,
        /// The seed of the partition.
        seed: u64,
    },
    /// All rows of some users: `test_fraction` of the users that have a row, rounded down. Cold users
    /// must be kept. No ties: the draw depends on the order of external user ids only.
    ColdUser {
        /// The part of the users to test on, in (0, 1).
        test_fraction: f64,
        /// The seed of the draw.
        seed: u64,
    },
}

/// The test rows of a strategy, before cold ones are dropped.
pub(super) struct Assignment {
    /// For every input row whether it is tested.
    pub(super) is_test: Vec<bool>,
    /// The moment that separates the parts, if one does.
    pub(super) horizon: Option<i64>,
}

impl Strategy {
    pub(super) fn validate(&self) -> Result<()> {
        let refuse = |parameter, message| Err(Error::Parameter { parameter, message });
        match *self {
            Strategy::GlobalTime { test_fraction }
            | Strategy::UserTime { test_fraction }
            | Strategy::Random { test_fraction, .. }
            | Strategy::ColdUser { test_fraction, .. }
                if !(test_fraction > 0.0 && test_fraction < 1.0) =>
            {
                refuse("test_fraction", format!("{test_fraction} must be above 0 and below 1"))
            }
            Strategy::LeaveLastN { n: 0 } => refuse("n", "0 rows per user; it must be at least 1".into()),
            Strategy::KFold { n_folds, .. } if n_folds < 2 => {
                refuse("n_folds", format!("{n_folds} must be at least 2"))
            }
            Strategy::KFold { n_folds, fold, .. } if fold >= n_folds => {
                refuse("fold", format!("{fold} must be below n_folds, {n_folds}; folds are counted from 0"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn assign(&self, interactions: &Interactions, order: RowOrder) -> Result<Assignment> {
        let n = interactions.len();
        let random = |seed| Random::new(seed, Stream::Split, 0);
        let without_horizon = |is_test| Assignment { is_test, horizon: None };
        Ok(match *self {
            Strategy::GlobalTime { test_fraction } => {
                let timestamps = self.timestamps(interactions)?;
                let mut sorted = timestamps.to_vec();
                let first = whole((1.0 - test_fraction) * n as f64).min(n.saturating_sub(1));
                let (_, &mut moment, _) = sorted.select_nth_unstable(first);
                from_moment(timestamps, moment)
            }
            Strategy::GlobalMoment { moment } => from_moment(self.timestamps(interactions)?, moment),
            Strategy::UserTime { test_fraction } => {
                self.timestamps(interactions)?;
                let last = |n_rows: usize| whole(test_fraction * n_rows as f64).min(n_rows.saturating_sub(1));
                without_horizon(last_of_users(interactions, order, last))
            }
            Strategy::LeaveLastN { n } => {
                self.timestamps(interactions)?;
                let last = |n_rows: usize| if n_rows > n as usize { n as usize } else { 0 };
                without_horizon(last_of_users(interactions, order, last))
            }
            Strategy::Random { test_fraction, seed } => {
                let order = random(seed).permutation(n as u32);
                without_horizon(marked(n, &order[..whole(test_fraction * n as f64)]))
            }
            Strategy::KFold { n_folds, fold, seed } => {
                let order = random(seed).permutation(n as u32);
                let rows: Vec<u32> =
                    order.into_iter().skip(fold as usize).step_by(n_folds as usize).collect();
                without_horizon(marked(n, &rows))
            }
            Strategy::ColdUser { test_fraction, seed } => {
                let counts = interactions.user_counts();
                // Only users with rows take part, so that ids without rows do not change the draw.
                let present: Vec<u32> =
                    (0..counts.len() as u32).filter(|&user| counts[user as usize] > 0).collect();
                let order = random(seed).permutation(present.len() as u32);
                let n_tested = whole(test_fraction * present.len() as f64);
                let tested: Vec<u32> = order[..n_tested].iter().map(|&rank| present[rank as usize]).collect();
                let is_tested = marked(counts.len(), &tested);
                let users = interactions.users();
                without_horizon(users.iter().map(|&user| is_tested[user as usize]).collect())
            }
        })
    }

    fn timestamps<'a>(&self, interactions: &'a Interactions) -> Result<&'a [i64]> {
        interactions.timestamps().ok_or_else(|| Error::Parameter {
            parameter: "strategy",
            message: format!(
                "{self} needs timestamps and the data has none; use random, k-fold or cold-user"
            ),
        })
    }

    /// What to change when a part is empty.
    pub(super) fn remedy(&self, part: &str) -> &'static str {
        match (self, part) {
            (Strategy::GlobalMoment { .. }, "train") => "choose a later moment",
            (Strategy::GlobalMoment { .. }, _) => "choose an earlier moment",
            (Strategy::LeaveLastN { .. }, "test") => "choose a smaller n",
            (Strategy::KFold { .. }, _) => "choose fewer folds",
            (_, "train") => "choose a smaller test_fraction",
            _ => "choose a larger test_fraction",
        }
    }
}

impl fmt::Display for Strategy {
    /// The strategy and its parameters, for messages: `global-time (test_fraction 0.2)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Strategy::GlobalTime { test_fraction } => {
                write!(f, "global-time (test_fraction {test_fraction})")
            }
            Strategy::GlobalMoment { moment } => write!(f, "global-moment (moment {moment})"),
            Strategy::UserTime { test_fraction } => write!(f, "user-time (test_fraction {test_fraction})"),
            Strategy::LeaveLastN { n } => write!(f, "leave-last-n (n {n})"),
            Strategy::Random { test_fraction, seed } => {
                write!(f, "random (test_fraction {test_fraction}, seed {seed})")
            }
            Strategy::KFold { n_folds, fold, seed } => {
                write!(f, "k-fold (n_folds {n_folds}, fold {fold}, seed {seed})")
            }
            Strategy::ColdUser { test_fraction, seed } => {
                write!(f, "cold-user (test_fraction {test_fraction}, seed {seed})")
            }
        }
    }
}

/// Rounds down, but takes a product that misses a whole number by floating-point error for it.
pub(crate) fn whole(product: f64) -> usize {
    let nearest = product.round();
    if (product - nearest).abs() < 1e-6 { nearest as usize } else { product.floor() as usize }
}

fn from_moment(timestamps: &[i64], moment: i64) -> Assignment {
    let is_test = timestamps.iter().map(|&timestamp| timestamp >= moment).collect();
    Assignment { is_test, horizon: Some(moment) }
}

fn marked(n: usize, indices: &[u32]) -> Vec<bool> {
    let mut marks = vec![false; n];
    for &index in indices {
        marks[index as usize] = true;
    }
    marks
}

/// Marks the last `last(n)` rows of every user with n rows.
fn last_of_users(interactions: &Interactions, order: RowOrder, last: impl Fn(usize) -> usize) -> Vec<bool> {
    let mut is_test = vec![false; interactions.len()];
    let timestamps = interactions.timestamps().unwrap_or_default();
    let mut newest_first = Vec::new();
    for rows in interactions.rows_by_user().rows() {
        let n_tested = last(rows.len());
        newest_first.clear();
        newest_first.extend(rows.iter().rev().copied());
        if order == RowOrder::NewestFirst {
            newest_first.sort_by_key(|&row| (std::cmp::Reverse(timestamps[row as usize]), row));
        }
        for &row in &newest_first[..n_tested] {
            is_test[row as usize] = true;
        }
    }
    is_test
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_round_down_but_not_by_floating_point_error() {
        assert_eq!(whole(0.29 * 100.0), 29);
        assert_eq!(whole((1.0 - 0.9) * 10.0), 1);
        assert_eq!(whole(0.2 * 24.0), 4);
        assert_eq!(whole(0.2 * 4.0), 0);
    }
}
