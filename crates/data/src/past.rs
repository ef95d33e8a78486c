//! Features of the past: what was known of a user, an item and both just before they met.
//!
//! A ranker learns from rows of a table of interactions, each described as it would have been when it
//! was about to happen. Features of a row at time t are therefore a function of the training events with
//! a timestamp below t, and of the user's and the item's description: rows of one moment do not see each
//! other, no row sees itself, and the test part is never seen. Scales and vocabularies are fitted once
//! on the whole training part, as is usual for the normalisation of inputs; what they take from it is
//! which users and items meet when, never a rating.
//!
//! [`PastFeatures`] computes them for the rows of a table, in one pass. [`PastIndex`] answers for any user,
//! item and moment, so for sampled negatives too; [`RecencyFeatures`] makes dense columns of its answers.
//! [`PastEvents`] refuses features from elsewhere that know the future.
//!
//! # Columns
//! "Standardised" is: minus the mean over training rows, divided by their standard deviation, within
//! -10 and 10. "Shrunken" is: mixed with [`prior_strength`](PastFeaturesConfig::prior_strength) events
//! at the prior mean, so that nothing known gives exactly the prior. The categories of an item are
//! those of its categorical and multi-categorical columns that have no more than
//! [`max_categories`](PastFeaturesConfig::max_categories), such as genres; its numbers are its dense
//! columns, such as the year, standardised.
//!
//! | user | |
//! |---|---|
//! | `gender=F`, ... | 1 for the user's categories |
//! | `age`, ... | dense columns, standardised; 0 if not known |
//! | `age_unknown`, ... | 1 if not known; only if that occurs in training rows |
//! | `past_log_count` | log(1 + events), standardised |
//! | `past_count_1_to_3`, ... | 1 for the bucket of the number of events |
//! | `past_mean_rating` | shrunken mean rating minus the mean of all events |
//! | `past_liked_share` | shrunken share of likes minus that of all events |
//! | `past_mean_log_count` | mean popularity of the items met, each when it was met, on the scale of the item's `past_log_count`; 0 without events |
//! | `past_mean_year`, ... | mean of a number of the items met; 0 without one |
//! | `past_share_genres=Action`, ... | share of the events in a category; 0 without events |
//! | `past_deviation_genres=Action`, ... | shrunken mean rating in a category minus the user's shrunken mean |
//!
//! | item | |
//! |---|---|
//! | `genres=Action`, ..., `year`, `year_unknown`, ... | as for users |
//! | `past_log_count` | popularity: log(1 + events), standardised |
//! | `past_count_0` | 1 without events |
//! | `past_mean_rating`, `past_liked_share` | as for users |
//!
//! | cross | |
//! |---|---|
//! | `category_deviation`, `.._max`, `.._min` | mean and extremes of the user's deviations in the item's categories |
//! | `category_share` | mean of the user's shares of the item's categories |
//! | `category_log_count` | log(1 + the user's events in the item's categories, summed over them), standardised |
//! | `item_mean_minus_user_mean` | difference of the shrunken means |
//! | `distance_log_count` | distance of the item's popularity from the user's `past_mean_log_count`; 0 without events |
//! | `distance_year`, ... | distance of a number of the item from the user's mean of it; 0 if either is not known |

mod columns;
mod config;
mod description;
mod history;
mod index;
mod leak;
mod recency;
mod standard;

use std::sync::Arc;

pub use config::PastFeaturesConfig;
pub use index::{HistoryConfig, ItemPast, PastIndex, UserPast};
pub use leak::PastEvents;
pub use recency::{RecencyConfig, RecencyFeatures};

use crate::{Error, FeatureTable, IdMap, Interactions, Result};
use description::Description;
use history::{Event, History};
use standard::{Moments, Standard};

/// Computes features of the past from a training part; see the [module](self).
///
/// Keeps a copy of the training events: 24 bytes each.
///
/// ```
/// # fn main() -> burn_recsys_data::Result<()> {
/// use burn_recsys_data::past::{PastFeatures, PastFeaturesConfig};
/// use burn_recsys_data::synthetic::SyntheticConfig;
/// use burn_recsys_data::{SplitConfig, Strategy};
///
/// let data = SyntheticConfig::default().generate()?.dataset;
/// let split = SplitConfig::new(Strategy::GlobalTime { test_fraction: 0.2 }).split(&data.interactions)?;
/// // The split keeps only ids with a row: bring the descriptions to its ids.
/// let users = data.users.select(&split.train.user_ids().translate(data.interactions.user_ids()));
/// let items = data.items.select(&split.train.item_ids().translate(data.interactions.item_ids()));
///
/// let past = PastFeatures::fit(&split.train, &users, &items, PastFeaturesConfig::default())?;
/// let train = past.compute(&split.train)?;
/// let test = past.compute(&split.test)?;
/// assert_eq!(train.user.len(), split.train.len() * past.user_names().len());
/// assert_eq!(test.n_rows(), split.test.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PastFeatures {
    config: PastFeaturesConfig,
    user_ids: Arc<IdMap>,
    item_ids: Arc<IdMap>,
    users: Description,
    items: Description,
    scales: Scales,
    /// In time order.
    events: Vec<Event>,
    user_names: Vec<String>,
    item_names: Vec<String>,
    cross_names: Vec<String>,
}

/// How the logarithms of counts are standardised.
#[derive(Debug, Clone, Copy)]
struct Scales {
    user_count: Standard,
    item_count: Standard,
    category_count: Standard,
}

/// The features of the rows of a table, block by block, in the order of the table. All are finite.
///
/// The blocks are row-major: the value of column `c` of row `r` is at `r * n_columns + c`, where
/// `n_columns` is the length of the block's names.
#[derive(Debug, Clone, PartialEq)]
pub struct PastFeatureBlocks {
    /// `[n_rows, n_user_features]`, named by [`PastFeatures::user_names`].
    pub user: Vec<f32>,
    /// `[n_rows, n_item_features]`, named by [`PastFeatures::item_names`].
    pub item: Vec<f32>,
    /// `[n_rows, n_cross_features]`, named by [`PastFeatures::cross_names`].
    pub cross: Vec<f32>,
    /// For every row the number of the user's training events before it.
    pub user_counts: Vec<u32>,
    /// For every row the number of the item's training events before it.
    pub item_counts: Vec<u32>,
    /// For every row the user's shrunken mean rating before it, on the scale of ratings: what a label
    /// such as "rated above the user's own mean" compares with.
    pub user_means: Vec<f32>,
}

impl PastFeatureBlocks {
    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.user_counts.len()
    }
}

impl PastFeatures {
    /// Takes vocabularies and scales from `train`, and its rows as the events that make up the past.
    ///
    /// Row `u` of `users` describes user index `u` of `train`, row `i` of `items` item index `i`.
    ///
    /// # Errors
    /// If the configuration is refused, `train` is empty or has no timestamps or no ratings, or a
    /// feature table has another number of rows than its id map.
    pub fn fit(
        train: &Interactions,
        users: &FeatureTable,
        items: &FeatureTable,
        config: PastFeaturesConfig,
    ) -> Result<Self> {
        config.validate()?;
        for (parameter, rows, ids) in
            [("users", users.n_rows(), train.n_users()), ("items", items.n_rows(), train.n_items())]
        {
            if rows != ids {
                return Err(Error::Parameter {
                    parameter,
                    message: format!("the feature table has {rows} rows, the id map {ids} ids"),
                });
            }
        }
        let events = history::events(train)?;
        if events.is_empty() {
            return Err(Error::Parameter {
                parameter: "train",
                message: "there are no interactions to fit features of the past on".into(),
            });
        }
        let identity = Standard::default();
        let mut past = PastFeatures {
            users: Description::fit(users, &train.user_counts(), config.max_categories),
            items: Description::fit(items, &train.item_counts(), config.max_categories),
            config,
            user_ids: Arc::clone(train.user_ids()),
            item_ids: Arc::clone(train.item_ids()),
            scales: Scales { user_count: identity, item_count: identity, category_count: identity },
            events,
            user_names: Vec::new(),
            item_names: Vec::new(),
            cross_names: Vec::new(),
        };
        past.name_columns();
        past.scales = past.fit_scales(train);
        Ok(past)
    }

    /// The same columns on the same scales with other events, such as those of a later day: what a
    /// trained model needs to go on.
    ///
    /// # Errors
    /// If `events` has no timestamps or no ratings, or other id maps than the training part.
    pub fn with_events(mut self, events: &Interactions) -> Result<Self> {
        self.check_ids("events", events)?;
        self.events = history::events(events)?;
        Ok(self)
    }

    /// The names of the columns that describe the user.
    pub fn user_names(&self) -> &[String] {
        &self.user_names
    }

    /// The names of the columns that describe the item.
    pub fn item_names(&self) -> &[String] {
        &self.item_names
    }

    /// The names of the columns that describe the pair of user and item.
    pub fn cross_names(&self) -> &[String] {
        &self.cross_names
    }

    /// The features of every row of `rows` at its own timestamp, from the events strictly before it.
    ///
    /// `rows` can be the training part itself, the test part, or candidates; ratings are not looked at.
    /// Costs one pass over events and rows in time order, and 4 bytes a feature.
    ///
    /// # Errors
    /// If `rows` has no timestamps, or other id maps than the training part.
    pub fn compute(&self, rows: &Interactions) -> Result<PastFeatureBlocks> {
        self.compute_with_new_users(rows, |_| false)
    }

    /// As [`compute`](Self::compute), with the past of the user hidden in the rows for which `is_new` holds: to
    /// a model such a row shows a user who has just arrived. Items keep theirs, and so do
    /// [`user_counts`](PastFeatureBlocks::user_counts) and [`user_means`](PastFeatureBlocks::user_means).
    ///
    /// Few rows of a log are of new users, so a model sees little of them; hiding the past of some rows
    /// shows it more.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    pub fn compute_with_new_users(
        &self,
        rows: &Interactions,
        is_new: impl Fn(usize) -> bool,
    ) -> Result<PastFeatureBlocks> {
        self.check_ids("rows", rows)?;
        let timestamps = rows.timestamps().ok_or_else(|| Error::Parameter {
            parameter: "rows",
            message: "features of the past need timestamps and the rows have none; give every row the \
                      moment at which it is asked for"
                .into(),
        })?;
        let n = rows.len();
        let mut blocks = PastFeatureBlocks {
            user: vec![0.0; n * self.user_names.len()],
            item: vec![0.0; n * self.item_names.len()],
            cross: vec![0.0; n * self.cross_names.len()],
            user_counts: vec![0; n],
            item_counts: vec![0; n],
            user_means: vec![0.0; n],
        };
        let mut values = Vec::new();
        self.history().sweep(&self.events, rows, timestamps, |history, row| {
            let (user, item) = (rows.users()[row], rows.items()[row]);
            let mut store = |block: &mut [f32], write: &dyn Fn(&mut Vec<f32>)| {
                values.clear();
                write(&mut values);
                block[row * values.len()..][..values.len()].copy_from_slice(&values);
            };
            let past_of = if is_new(row) { history.no_one() } else { user };
            store(&mut blocks.user, &|out| self.write_user(history, user, past_of, out));
            store(&mut blocks.item, &|out| self.write_item(history, item, out));
            store(&mut blocks.cross, &|out| self.write_cross(history, past_of, item, out));
            blocks.user_counts[row] = history.user(user).count;
            blocks.item_counts[row] = history.item(item).count;
            blocks.user_means[row] = columns::finite(history.mean(history.user(user)));
        });
        Ok(blocks)
    }

    fn history(&self) -> History<'_> {
        History::new(&self.config, &self.items, self.user_ids.len(), self.item_ids.len())
    }

    /// The scales of the logarithms of counts, over the rows of `train` at their own moments.
    fn fit_scales(&self, train: &Interactions) -> Scales {
        let mut moments = [Moments::default(); 3];
        let timestamps = train.timestamps().unwrap_or_default();
        self.history().sweep(&self.events, train, timestamps, |history, row| {
            let (user, item) = (train.users()[row], train.items()[row]);
            let values = [
                History::log_count(history.user(user)),
                History::log_count(history.item(item)),
                self.log_category_count(history, user, item),
            ];
            for (moments, value) in moments.iter_mut().zip(values) {
                moments.add(value, 1.0);
            }
        });
        let [user_count, item_count, category_count] = moments.map(Moments::standard);
        Scales { user_count, item_count, category_count }
    }

    fn check_ids(&self, parameter: &'static str, table: &Interactions) -> Result<()> {
        let same = |ours: &Arc<IdMap>, theirs: &Arc<IdMap>| Arc::ptr_eq(ours, theirs) || ours == theirs;
        if same(&self.user_ids, table.user_ids()) && same(&self.item_ids, table.item_ids()) {
            return Ok(());
        }
        Err(Error::Parameter {
            parameter,
            message: format!(
                "{} users and {} items in the id maps, the training part has {} and {}; both parts of one \
                 split have the same id maps, and Interactions::reindex brings other tables to them",
                table.n_users(),
                table.n_items(),
                self.user_ids.len(),
                self.item_ids.len()
            ),
        })
    }
}
