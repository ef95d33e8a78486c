//! How a model of horizons is made and trained, as users write it.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

const DAY: u64 = 86_400;

/// How to describe users and items as of a moment, and how to train two towers on it. Every field has a
/// default, so an empty table is a whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HorizonConfig {
    /// From which rating on an item was liked; without ratings all events are likes. Default: 4.
    pub liked_rating: f32,
    /// The lengths of time, in seconds, over which recent popularity is counted, of all events and of
    /// likes. Each costs two columns of items. Default: 3, 7, 14 and 28 days.
    pub windows: Vec<u64>,
    /// How many liked items of a user at most make up the history, the most recent ones. 0 leaves the
    /// history out. Default: 50.
    pub max_history: usize,
    /// Whether the items of a history have vectors; otherwise only their categories, such as genres, are
    /// known. Default: true.
    pub history_items: bool,
    /// Whether the items of a history are weighted by learned attention; otherwise all alike.
    /// Default: false.
    pub attention: bool,
    /// Whether items have vectors of their own, beside those of their features. With a few
    /// months of events such vectors learn what was liked then, not what will be. Default: false.
    pub item_ids: bool,
    /// Whether users are described by columns such as age and occupation. Default: false.
    pub user_columns: bool,
    /// How many categories a column has at most; one with more, such as a zip code, is left out.
    /// Default: 32.
    pub max_categories: usize,
    /// The size of the vectors of items of a history, ids and categories. Default: 4.
    pub d_embedding: usize,
    /// The widths of the hidden layers of both towers. Default: none, so that towers are linear in what they read.
    pub hidden: Vec<usize>,
    /// The size of the vectors of users and items. Default: 8.
    pub d_output: usize,
    /// Whether hidden layers are normalised over the batch. Default: false.
    pub batch_norm: bool,
    /// The probability that a hidden unit is dropped while training, in `0..1`. Default: 0.2.
    pub dropout: f64,
    /// Horizons an epoch, each a step. Default: 32.
    pub n_horizons: usize,
    /// Passes over so many horizons. Default: 8.
    pub n_epochs: u64,
    /// Which share of the events lies before the first horizon, in `0..1`. Default: 0.2.
    pub first_horizon: f64,
    /// How long after a horizon a like counts, in seconds; absent for all that follow. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_window: Option<u64>,
    /// Users of a step at most, drawn from those who liked something after the horizon. Default: 256.
    pub max_users: usize,
    /// The learning rate of Adam. Default: 0.005.
    pub learning_rate: f64,
    /// By how much, times the learning rate, weights shrink in each step: strongly, for a
    /// few months of events say little of what the next ones bring. Default: 5.
    pub weight_decay: f64,
}

impl Default for HorizonConfig {
    fn default() -> Self {
        HorizonConfig {
            liked_rating: 4.0,
            windows: vec![3 * DAY, 7 * DAY, 14 * DAY, 28 * DAY],
            max_history: 50,
            history_items: true,
            attention: false,
            item_ids: false,
            user_columns: false,
            max_categories: 32,
            d_embedding: 4,
            hidden: vec![],
            d_output: 8,
            batch_norm: false,
            dropout: 0.2,
            n_horizons: 32,
            n_epochs: 8,
            first_horizon: 0.2,
            target_window: None,
            max_users: 256,
            learning_rate: 0.005,
            weight_decay: 5.0,
        }
    }
}

impl HorizonConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Config`] for a value that is not possible.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        let share = |value: f64| (0.0..1.0).contains(&value);
        if !self.liked_rating.is_finite() {
            return refuse("liked_rating", format!("{} must be a finite number", self.liked_rating));
        }
        for (key, value) in [("dropout", self.dropout), ("first_horizon", self.first_horizon)] {
            if !share(value) {
                return refuse(key, format!("{value}; it is at least 0 and below 1"));
            }
        }
        if self.learning_rate <= 0.0 || !self.learning_rate.is_finite() {
            return refuse("learning_rate", format!("{} must be above 0", self.learning_rate));
        }
        if self.weight_decay < 0.0 || !self.weight_decay.is_finite() {
            return refuse("weight_decay", format!("{} must not be negative", self.weight_decay));
        }
        let positive = [
            ("d_embedding", self.d_embedding),
            ("d_output", self.d_output),
            ("n_horizons", self.n_horizons),
            ("max_users", self.max_users),
            ("hidden", self.hidden.iter().copied().min().unwrap_or(1)),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => refuse(key, "0; it must be at least 1".into()),
            None => Ok(()),
        }
    }
}
