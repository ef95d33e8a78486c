//! How a table is split, as users write it.

use serde::{Deserialize, Serialize};

use super::Strategy;
use crate::{Error, Result};

/// How to split interactions into a training and a test part.
///
/// In a configuration file:
/// ```toml
/// strategy = { kind = "global-time", test_fraction = 0.2 }
/// drop_cold_users = true  # the default
/// drop_cold_items = true  # the default
/// row_order = "oldest-first"  # the default
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitConfig {
    /// Which rows are the test part.
    pub strategy: Strategy,
    /// Whether test rows of users without a training row are dropped. Default: true.
    #[serde(default = "yes")]
    pub drop_cold_users: bool,
    /// Whether test rows of items without a training row are dropped. Default: true.
    #[serde(default = "yes")]
    pub drop_cold_items: bool,
    /// Which of a user's rows with equal timestamps is the later one. Default: oldest first.
    #[serde(default)]
    pub row_order: RowOrder,
}

/// How the input lists rows with equal timestamps; it breaks the ties of [`Strategy::UserTime`] and
/// [`Strategy::LeaveLastN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowOrder {
    /// The row further down is the later one, as in a log that is appended to.
    #[default]
    OldestFirst,
    /// The row further up is the later one, as in a listing that shows the newest first.
    NewestFirst,
}

fn yes() -> bool {
    true
}

impl SplitConfig {
    /// This strategy, cold users and items dropped. For [`Strategy::ColdUser`] cold users are kept:
    /// they are the test part.
    pub fn new(strategy: Strategy) -> Self {
        SplitConfig {
            drop_cold_users: !matches!(strategy, Strategy::ColdUser { .. }),
            drop_cold_items: true,
            row_order: RowOrder::default(),
            strategy,
        }
    }

    /// Sets whether test rows of users without a training row are dropped.
    pub fn with_drop_cold_users(mut self, drop_cold_users: bool) -> Self {
        self.drop_cold_users = drop_cold_users;
        self
    }

    /// Sets whether test rows of items without a training row are dropped.
    pub fn with_drop_cold_items(mut self, drop_cold_items: bool) -> Self {
        self.drop_cold_items = drop_cold_items;
        self
    }

    /// Sets which of a user's rows with equal timestamps is the later one.
    pub fn with_row_order(mut self, row_order: RowOrder) -> Self {
        self.row_order = row_order;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// If a fraction is outside (0, 1), a count is 0, `fold` is not below `n_folds`, there are fewer
    /// than 2 folds, or cold users are both the test part and dropped.
    pub fn validate(&self) -> Result<()> {
        self.strategy.validate()?;
        if self.drop_cold_users && matches!(self.strategy, Strategy::ColdUser { .. }) {
            return Err(Error::Parameter {
                parameter: "drop_cold_users",
                message: "the strategy cold-user tests on users without training rows, which this drops; \
                          set it to false"
                    .into(),
            });
        }
        Ok(())
    }
}
