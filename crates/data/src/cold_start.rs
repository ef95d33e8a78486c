//! The k-shot protocol: users who have just arrived, on data where nobody has.

use serde::{Deserialize, Serialize};

use crate::random::{Random, Stream};
use crate::split::whole;
use crate::{Error, Interactions, Result};

/// Makes some users new: of their training rows only the first few by time stay.
///
/// Data sets of ratings are often filtered to users with many rows (MovieLens: at least 20), and a split
/// by time leaves few test users with a short history. This makes a slice of any size of users with 0, 1,
/// 2, ... training rows, whose test rows are as they were. The first rows stay, not the last, because
/// that is what is known of a user who has just arrived: what people do first is a choice of its own
/// (popular items, the service's suggestions), unlike a sample of what they do later. There is then a
/// gap between the user's training and test rows, so features of recency mean less for these users.
///
/// The dropped rows are dropped for everything: statistics of items, and models of them, lose these rows
/// too, as if they had not happened. An item can lose all of its training rows.
///
/// In a configuration file:
/// ```toml
/// user_fraction = 0.2    # the default
/// shots = [0, 1, 2, 3]   # the default
/// seed = 0               # the default
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColdStartConfig {
    /// The part of the users with both training and test rows to make new, above 0, at most 1; the
    /// number of users is rounded down. Default: 0.2.
    pub user_fraction: f64,
    /// How many training rows these users keep: each draws one of these numbers, all equally likely (a
    /// number that is listed twice is twice as likely). Default: 0, 1, 2, 3.
    pub shots: Vec<u32>,
    /// The seed of both draws. Default: 0.
    pub seed: u64,
}

impl Default for ColdStartConfig {
    fn default() -> Self {
        ColdStartConfig { user_fraction: 0.2, shots: vec![0, 1, 2, 3], seed: 0 }
    }
}

/// A training part after [`ColdStartConfig::apply`]. The test part is as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct ColdStart {
    /// The training rows that stay, in their order, over the same id maps.
    pub train: Interactions,
    /// For every row of `train` its row in the training part before, ascending.
    pub train_rows: Vec<u32>,
    /// The users that were made new, ascending.
    pub users: Vec<u32>,
    /// For every one of `users` the number of rows drawn: it has this many training rows, or all if it
    /// had fewer.
    pub shots: Vec<u32>,
}

impl ColdStartConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    /// If `user_fraction` is not above 0 and at most 1, or `shots` is empty.
    pub fn validate(&self) -> Result<()> {
        if !(self.user_fraction > 0.0 && self.user_fraction <= 1.0) {
            return Err(Error::Parameter {
                parameter: "user_fraction",
                message: format!("{} must be above 0, at most 1", self.user_fraction),
            });
        }
        if self.shots.is_empty() {
            return Err(Error::Parameter {
                parameter: "shots",
                message: "there is no number of training rows to keep; give one or more, such as 0".into(),
            });
        }
        Ok(())
    }

    /// Drops the later training rows of the users that are drawn.
    ///
    /// The draw depends on which users have both training and test rows and on the order of their ids,
    /// on nothing else. Ties of time: by training row.
    ///
    /// # Errors
    /// If a parameter is refused by [`validate`](Self::validate), the parts have different user ids,
    /// `train` has no timestamps, the fraction is less than one user, or no training row is left.
    pub fn apply(&self, train: &Interactions, test: &Interactions) -> Result<ColdStart> {
        self.validate()?;
        let refuse = |parameter, message| Err(Error::Parameter { parameter, message });
        if train.timestamps().is_none() {
            let message = "which rows are a user's first needs timestamps and the training part has none";
            return refuse("train", message.into());
        }
        if train.user_ids() != test.user_ids() {
            let message = "the user ids are not those of the training part; give both parts of one split";
            return refuse("test", message.into());
        }
        let (trained, tested) = (train.user_counts(), test.user_counts());
        let both: Vec<u32> = (0..trained.len() as u32)
            .filter(|&user| trained[user as usize] > 0 && tested[user as usize] > 0)
            .collect();
        let n_users = whole(self.user_fraction * both.len() as f64);
        if n_users == 0 {
            let message = format!(
                "{} of {} users with training and test rows is no user; choose a larger fraction",
                self.user_fraction,
                both.len()
            );
            return refuse("user_fraction", message);
        }
        let order = Random::new(self.seed, Stream::ColdStart, 0).permutation(both.len() as u32);
        let mut ranks = order[..n_users].to_vec();
        ranks.sort_unstable();
        let users: Vec<u32> = ranks.iter().map(|&rank| both[rank as usize]).collect();
        let random = Random::new(self.seed, Stream::ColdStart, 1);
        let draw = |&rank: &u32| random.row(u64::from(rank)).below(self.shots.len() as u32);
        let shots: Vec<u32> = ranks.iter().map(|rank| self.shots[draw(rank) as usize]).collect();

        let mut is_kept = vec![true; train.len()];
        let by_user = train.rows_by_user();
        for (&user, &shots) in users.iter().zip(&shots) {
            for &row in by_user.row(user).iter().skip(shots as usize) {
                is_kept[row as usize] = false;
            }
        }
        let train_rows: Vec<u32> = (0..train.len() as u32).filter(|&row| is_kept[row as usize]).collect();
        if train_rows.is_empty() {
            return refuse("user_fraction", "no training row is left; choose a smaller fraction".into());
        }
        Ok(ColdStart { train: train.select(&train_rows), train_rows, users, shots })
    }
}
