//! Dense columns of activity, popularity, age and recency as of a moment.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::columns::finite;
use super::index::check_columns;
use super::standard::{Moments, Standard};
use super::{ItemPast, PastIndex, UserPast};
use crate::{Error, Interactions, Result};

const DAY: u64 = 86_400;

/// Which columns [`RecencyFeatures`] has. Every field has a default, so an empty table is a whole
/// configuration:
/// ```toml
/// windows = [604800, 2592000]
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecencyConfig {
    /// The lengths of time before the moment, in seconds and above 0, over which recent popularity is
    /// counted. Each costs one column of items and two binary searches a value. Default: 7 and 30 days.
    pub windows: Vec<u64>,
}

impl Default for RecencyConfig {
    fn default() -> Self {
        RecencyConfig { windows: vec![7 * DAY, 30 * DAY] }
    }
}

/// Dense features of any user and any item as of any moment, from the events strictly before it.
///
/// Popularity is relative: the logarithm of how much more often the item was met than the average item, with
/// one event more for every item. So it means the same early and late in a log, where plain counts grow.
/// Values are standardised: minus the mean over the training rows, each at its own moment, divided by their
/// standard deviation, within -10 and 10. What is not known is 0, the mean, and 1 in the column that says
/// so.
///
/// | users | |
/// |---|---|
/// | `log_activity` | log(1 + events), standardised |
/// | `log_recency` | log(1 + seconds since the last event), standardised |
/// | `no_activity` | 1 without events |
///
/// | items | |
/// |---|---|
/// | `log_popularity` | relative popularity over all the past, standardised |
/// | `log_popularity_7d`, ... | the same over a window |
/// | `log_age` | log(1 + seconds since the first event), standardised |
/// | `log_recency` | log(1 + seconds since the last event), standardised |
/// | `no_popularity` | 1 without events |
///
/// ```
/// # fn main() -> burn_recsys_data::Result<()> {
/// use burn_recsys_data::past::{RecencyConfig, RecencyFeatures};
/// use burn_recsys_data::synthetic::SyntheticConfig;
/// use burn_recsys_data::{NegativeSampler, UniformNegatives};
///
/// let train = SyntheticConfig::default().generate()?.dataset.interactions;
/// let features = RecencyFeatures::fit(&train, RecencyConfig::default())?;
/// assert_eq!(features.user_names(), ["log_activity", "log_recency", "no_activity"]);
///
/// // Training rows at their own moments, and a negative of each as of the same moment.
/// let moments = train.timestamps().unwrap_or_default();
/// let positives = features.items(train.items(), moments)?;
/// let sampler = UniformNegatives::new(train.n_items() as u32, 7)?;
/// let mut negatives = vec![0; train.len()];
/// for (row, negative) in negatives.iter_mut().enumerate() {
///     sampler.sample_into(0, row as u64, train.users()[row], std::slice::from_mut(negative));
/// }
/// let negatives = features.items(&negatives, moments)?;
/// assert_eq!(negatives.len(), train.len() * features.item_names().len());
/// assert_eq!(negatives.len(), positives.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RecencyFeatures {
    index: PastIndex,
    config: RecencyConfig,
    user_names: Vec<String>,
    item_names: Vec<String>,
    user_scales: Vec<Standard>,
    item_scales: Vec<Standard>,
}

/// A column before it is standardised.
#[derive(Debug, Clone, Copy)]
enum Value {
    Known(f64),
    Unknown,
    /// 0 or 1, as it is.
    Indicator(bool),
}

impl Value {
    fn log_seconds(seconds: Option<u64>) -> Self {
        seconds.map_or(Value::Unknown, |seconds| Value::Known((seconds as f64).ln_1p()))
    }
}

impl RecencyFeatures {
    /// Takes the rows of `train` as the events of the past, and their means and deviations as scales.
    ///
    /// # Errors
    /// If `train` is empty or has no timestamps, or a window is 0.
    pub fn fit(train: &Interactions, config: RecencyConfig) -> Result<Self> {
        if config.windows.contains(&0) {
            return Err(Error::Parameter {
                parameter: "windows",
                message: "a window of 0 seconds holds no event; it must be above 0".into(),
            });
        }
        if train.is_empty() {
            return Err(Error::Parameter {
                parameter: "train",
                message: "there are no interactions to fit features of the past on".into(),
            });
        }
        let index = PastIndex::new(train)?;
        let names = |names: &[&str]| names.iter().map(|&name| name.to_string()).collect::<Vec<_>>();
        let window = |&seconds: &u64| match seconds % DAY {
            0 => format!("log_popularity_{}d", seconds / DAY),
            _ => format!("log_popularity_{seconds}s"),
        };
        let mut item_names = names(&["log_popularity"]);
        item_names.extend(config.windows.iter().map(window));
        item_names.extend(names(&["log_age", "log_recency", "no_popularity"]));
        let mut features = RecencyFeatures {
            index,
            config,
            user_names: names(&["log_activity", "log_recency", "no_activity"]),
            item_names,
            user_scales: Vec::new(),
            item_scales: Vec::new(),
        };
        let moments = train.timestamps().unwrap_or_default();
        let mut of_users = vec![Moments::default(); features.user_names.len()];
        let mut of_items = vec![Moments::default(); features.item_names.len()];
        let mut values = Vec::new();
        for ((&user, &item), &moment) in train.users().iter().zip(train.items()).zip(moments) {
            for (scales, is_user) in [(&mut of_users, true), (&mut of_items, false)] {
                values.clear();
                match is_user {
                    true => features.user_values(features.index.user(user, moment), &mut values),
                    false => features.item_values(features.index.item(item, moment), moment, &mut values),
                }
                for (scale, value) in scales.iter_mut().zip(&values) {
                    if let Value::Known(value) = value {
                        scale.add(*value, 1.0);
                    }
                }
            }
        }
        features.user_scales = of_users.into_iter().map(Moments::standard).collect();
        features.item_scales = of_items.into_iter().map(Moments::standard).collect();
        Ok(features)
    }

    /// The same columns on the same scales with other events, such as those of a later day: what a trained
    /// model needs to go on.
    ///
    /// # Errors
    /// If `events` has no timestamps, or another number of users or items than the training part.
    pub fn with_events(self, events: &Interactions) -> Result<Self> {
        let (n_users, n_items) = (self.index.n_users(), self.index.n_items());
        if (events.n_users(), events.n_items()) != (n_users, n_items) {
            return Err(Error::Parameter {
                parameter: "events",
                message: format!(
                    "{} users and {} items in the id maps, the training part has {n_users} and {n_items}; \
                     Interactions::reindex brings tables to its id maps",
                    events.n_users(),
                    events.n_items()
                ),
            });
        }
        Ok(RecencyFeatures { index: PastIndex::new(events)?, ..self })
    }

    /// The index that questions are answered from.
    pub fn index(&self) -> &PastIndex {
        &self.index
    }

    /// The columns of [`users`](Self::users).
    pub fn user_names(&self) -> &[String] {
        &self.user_names
    }

    /// The columns of [`items`](Self::items).
    pub fn item_names(&self) -> &[String] {
        &self.item_names
    }

    /// For every n the features of `users[n]` as of `moments[n]`: row-major,
    /// `[users.len(), user_names().len()]`, all finite.
    ///
    /// # Errors
    /// If the columns differ in length or a user is not known.
    pub fn users(&self, users: &[u32], moments: &[i64]) -> Result<Vec<f32>> {
        check_columns(("users", users, self.index.n_users()), moments)?;
        Ok(block(users, moments, &self.user_scales, |user, moment, out| {
            self.user_values(self.index.user(user, moment), out);
        }))
    }

    /// For every n the features of `items[n]` as of `moments[n]`: row-major,
    /// `[items.len(), item_names().len()]`, all finite. An item of a training row and one that was sampled
    /// are described alike.
    ///
    /// # Errors
    /// If the columns differ in length or an item is not known.
    pub fn items(&self, items: &[u32], moments: &[i64]) -> Result<Vec<f32>> {
        check_columns(("items", items, self.index.n_items()), moments)?;
        Ok(block(items, moments, &self.item_scales, |item, moment, out| {
            self.item_values(self.index.item(item, moment), moment, out);
        }))
    }

    fn user_values(&self, past: UserPast<'_>, out: &mut Vec<Value>) {
        out.push(Value::Known(f64::from(past.activity()).ln_1p()));
        out.push(Value::log_seconds(past.recency()));
        out.push(Value::Indicator(past.activity() == 0));
    }

    fn item_values(&self, past: ItemPast<'_>, moment: i64, out: &mut Vec<Value>) {
        let n_items = self.index.n_items() as f64;
        let relative = |count: u32, events: usize| {
            Value::Known(((f64::from(count) + 1.0) * n_items / (events as f64 + n_items)).ln())
        };
        out.push(relative(past.popularity(), self.index.events_before(moment)));
        out.extend(self.config.windows.iter().map(|&window| {
            relative(past.recent_popularity(window), self.index.recent_events(moment, window))
        }));
        out.push(Value::log_seconds(past.age()));
        out.push(Value::log_seconds(past.recency()));
        out.push(Value::Indicator(past.popularity() == 0));
    }
}

/// Questions that one thread answers in a row.
const CHUNK: usize = 1024;

/// The standardised values of `questions` as of `moments`, row-major.
fn block(
    questions: &[u32],
    moments: &[i64],
    scales: &[Standard],
    write: impl Fn(u32, i64, &mut Vec<Value>) + Sync,
) -> Vec<f32> {
    let n = scales.len();
    let mut block = vec![0.0; questions.len() * n];
    let chunks = block.par_chunks_mut(CHUNK * n).zip(questions.par_chunks(CHUNK));
    chunks.zip(moments.par_chunks(CHUNK)).for_each(|((block, questions), moments)| {
        let mut values = Vec::with_capacity(n);
        for ((row, &question), &moment) in block.chunks_mut(n).zip(questions).zip(moments) {
            values.clear();
            write(question, moment, &mut values);
            for ((cell, value), scale) in row.iter_mut().zip(&values).zip(scales) {
                *cell = match *value {
                    Value::Known(value) => finite(scale.apply(value)),
                    Value::Unknown => 0.0,
                    Value::Indicator(holds) => f32::from(u8::from(holds)),
                };
            }
        }
    });
    block
}
