//! From interactions to the rows of a study.

use std::sync::Arc;

use burn_recsys_data::past::{PastFeatureBlocks, PastFeatures};
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{Dataset, FeatureTable, IdMap, Interactions};
use burn_recsys_models::Examples;

use super::config::{SliceConfig, StudyConfig, TaskConfig};
use crate::{Error, Result};

/// The kinds of feedback that a study estimates, in the order of the logits.
pub const TASKS: [&str; 3] = ["liked", "loved", "above-own-mean"];

/// Rows to train on and rows to measure, with features of their pasts.
#[derive(Debug, Clone)]
pub struct StudyRows {
    /// The rows to train on, the oldest first; equal timestamps by input row.
    pub train: Examples,
    /// The rows to measure.
    pub test: Examples,
    /// The user of every row to measure. In `test` users without a training event are the unknown user,
    /// whose id follows those of the data.
    pub test_users: Vec<u32>,
    /// What parts the rows to measure.
    pub slices: Slices,
    /// The names of the user features.
    pub user_feature_names: Vec<String>,
    /// The names of the item features.
    pub item_feature_names: Vec<String>,
    /// The names of the cross features.
    pub cross_feature_names: Vec<String>,
}

/// Which users and items a row belongs to.
#[derive(Debug, Clone)]
pub struct Slices {
    /// For every user the number of training events.
    pub user_counts: Vec<u32>,
    /// For every item whether it is of the head.
    pub is_head: Vec<bool>,
    config: SliceConfig,
}

/// Rows by the activity of their user, then by the popularity of their item.
pub(super) const SLICES: [&str; 8] =
    ["all", "cold (0)", "cold (1-3)", "light", "medium", "power", "head items", "tail items"];

impl Slices {
    fn new(train: &Interactions, config: &SliceConfig) -> Self {
        let item_counts = train.item_counts();
        let mut by_count: Vec<u32> = (0..item_counts.len() as u32).collect();
        by_count.sort_by_key(|&item| (std::cmp::Reverse(item_counts[item as usize]), item));
        let n_head = ((item_counts.len() as f64 * config.head_items).ceil() as usize).min(item_counts.len());
        let mut is_head = vec![false; item_counts.len()];
        by_count[..n_head].iter().for_each(|&item| is_head[item as usize] = true);
        Slices { user_counts: train.user_counts(), is_head, config: config.clone() }
    }

    /// The names of all slices.
    pub fn names(&self) -> Vec<String> {
        let cold =
            if self.config.cold == 1 { "cold (1)".into() } else { format!("cold (1-{})", self.config.cold) };
        let name = |name: &str| if name == SLICES[2] { cold.clone() } else { name.to_string() };
        SLICES.iter().map(|slice| name(slice)).collect()
    }

    /// Whether a row of `user` and `item` is in slice number `slice` of [`names`](Self::names).
    ///
    /// # Panics
    /// If there is no such slice, user or item.
    pub fn contains(&self, slice: usize, user: u32, item: u64) -> bool {
        let SliceConfig { cold, light, medium, .. } = self.config;
        let count = self.user_counts[user as usize];
        match slice {
            0 => true,
            1 => count == 0,
            2 => (1..=cold).contains(&count),
            3 => (cold + 1..=light).contains(&count),
            4 => (light + 1..=medium).contains(&count),
            5 => count > medium,
            6 => self.is_head[item as usize],
            _ => {
                assert!(slice < SLICES.len(), "slice {slice} of {}", SLICES.len());
                !self.is_head[item as usize]
            }
        }
    }

    /// Whether a slice is of users, so that whole lists of a user are in it.
    pub(super) fn is_of_users(slice: usize) -> bool {
        slice < 6
    }
}

/// What the rows of a study are made of.
pub(super) struct Source<'a> {
    config: &'a StudyConfig,
    past: PastFeatures,
}

impl<'a> Source<'a> {
    /// Columns and scales of features, from all of the training part: those of the search are the same, and
    /// only its events are fewer.
    ///
    /// # Errors
    /// If there are no ratings or timestamps.
    pub(super) fn new(dataset: &Dataset, train: &Interactions, config: &'a StudyConfig) -> Result<Self> {
        let ids = &dataset.interactions;
        let users = describe(&dataset.users, ids.user_ids(), train.user_ids());
        let items = describe(&dataset.items, ids.item_ids(), train.item_ids());
        let past = PastFeatures::fit(train, &users, &items, config.features.clone())?;
        Ok(Source { config, past })
    }

    /// Rows of `train` and `test`, two parts over the ids of the training part. The past of either is
    /// `train`.
    ///
    /// # Errors
    /// If there are no ratings or timestamps, or a task has one kind of label alone.
    pub(super) fn rows(&self, train: &Interactions, test: &Interactions) -> Result<StudyRows> {
        let train = &train.select(&train.rows_by_time());
        let past = self.past.clone().with_events(train)?;
        let random = Random::new(0, Stream::HiddenPast, 0);
        let hides = |row: usize| random.row(row as u64).uniform() < self.config.training.hidden_past;
        let counts = train.user_counts();
        let rows = StudyRows {
            train: examples(
                self.config.tasks,
                train,
                past.compute_with_new_users(train, hides)?,
                &past,
                hides,
            )?,
            test: examples(self.config.tasks, test, past.compute(test)?, &past, |row| {
                counts[test.users()[row] as usize] == 0
            })?,
            test_users: test.users().to_vec(),
            slices: Slices::new(train, &self.config.slices),
            user_feature_names: past.user_names().to_vec(),
            item_feature_names: past.item_names().to_vec(),
            cross_feature_names: past.cross_names().to_vec(),
        };
        for (task, name) in TASKS.iter().enumerate() {
            let mut labels = rows.train.labels().iter().skip(task).step_by(TASKS.len());
            let first = labels.next();
            if labels.all(|label| Some(label) == first) {
                let message = format!(
                    "every training row has the same label for {name:?}: liked is rated {} or more, loved \
                     {} or more; set tasks.liked and tasks.loved to the scale of the ratings",
                    self.config.tasks.liked, self.config.tasks.loved
                );
                return Err(Error::Config { key: "data", message });
            }
        }
        Ok(rows)
    }
}

/// `table`, whose rows are those of `from`, for the ids `to`.
fn describe(table: &FeatureTable, from: &Arc<IdMap>, to: &Arc<IdMap>) -> FeatureTable {
    if table.n_rows() == 0 { FeatureTable::new(to.len()) } else { table.select(&to.translate(from)) }
}

/// `is_unknown` says in which rows the user is the unknown one, whose id follows those of the data.
fn examples(
    tasks: TaskConfig,
    rows: &Interactions,
    blocks: PastFeatureBlocks,
    past: &PastFeatures,
    is_unknown: impl Fn(usize) -> bool,
) -> Result<Examples> {
    // The features of the past have refused data without.
    let ratings = rows.ratings().unwrap_or_default();
    let labels = ratings.iter().zip(&blocks.user_means).flat_map(|(&rating, &mean)| {
        [rating >= tasks.liked, rating >= tasks.loved, rating > mean].map(|label| f32::from(u8::from(label)))
    });
    let labels: Vec<f32> = labels.collect();
    let unknown = rows.n_users() as u64;
    let user_ids = rows.users().iter().enumerate();
    let user_ids = user_ids.map(|(row, &user)| if is_unknown(row) { unknown } else { u64::from(user) });
    let item_ids = rows.items().iter().map(|&item| u64::from(item));
    Ok(Examples::new(user_ids.collect(), item_ids.collect())?
        .with_user_features(blocks.user, past.user_names().len())?
        .with_item_features(blocks.item, past.item_names().len())?
        .with_cross_features(blocks.cross, past.cross_names().len())?
        .with_labels(labels, TASKS.len())?)
}

#[cfg(test)]
pub(super) mod tests;
