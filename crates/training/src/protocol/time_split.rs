//! MovieLens 100K, split by time.

use burn_recsys_baselines::{ItemScorer, Popular, RecentPopular};
use burn_recsys_data::{Dataset, FeatureTable, Filter, Interactions, Split, SplitConfig, Strategy};

use crate::{Error, Evaluation, HorizonConfig, HorizonFeatures, Result, Seen, TestSet, evaluate};

/// Users with fewer ratings are left out.
const MIN_COUNT: u32 = 20;
/// The last fifth of all ratings is tested.
const TEST_FRACTION: f64 = 0.2;
/// Ratings from here on say that a user liked an item.
const LIKED: f32 = 4.0;

/// Rows before a moment to learn from, and what users liked after it.
///
/// Users with 20 ratings or more; the last fifth of the ratings by time is the test part, without users and
/// items that the training part does not have. A test row rated 4 or more is to be found among all items
/// that the user had not rated by then.
#[derive(Debug, Clone)]
pub struct TimeSplit {
    /// The training part.
    pub train: Interactions,
    /// What describes the users of `train`.
    pub users: FeatureTable,
    /// What describes the items of `train`.
    pub items: FeatureTable,
    /// The moment that separates the parts: no training row is at or after it.
    pub horizon: i64,
    /// The rows rated high enough in the test part.
    pub n_test: usize,
    test: TestSet,
}

impl TimeSplit {
    /// Splits a data set.
    ///
    /// # Errors
    /// If there are no timestamps or ratings, or a part is empty.
    pub fn new(dataset: &Dataset) -> Result<Self> {
        let kept = Filter::MinCountByUser { count: MIN_COUNT }.apply(&dataset.interactions)?.compact();
        Self::of_last(&kept, dataset, TEST_FRACTION)
    }

    /// The same within the training part: what parameters are chosen by. Row and test counts are of the
    /// training part's last `fraction` by time.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn hold_out(&self, dataset: &Dataset, fraction: f64) -> Result<Self> {
        Self::of_last(&self.train, dataset, fraction)
    }

    /// As [`hold_out`](Self::hold_out), with the users and items of the whole training part under the same
    /// indices: some may have no row.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn hold_out_in_place(&self, fraction: f64) -> Result<Self> {
        let split = SplitConfig::new(Strategy::GlobalTime { test_fraction: fraction }).split(&self.train)?;
        let same_ids = |rows: &Interactions| rows.reindex(self.train.user_ids(), self.train.item_ids());
        let (train, liked) =
            (same_ids(&split.train), same_ids(&Filter::RatingAtLeast { rating: LIKED }.apply(&split.test)?));
        Ok(TimeSplit {
            users: self.users.clone(),
            items: self.items.clone(),
            test: TestSet::new(&train, &liked)?,
            n_test: liked.len(),
            horizon: moment(&split)?,
            train,
        })
    }

    fn of_last(rows: &Interactions, dataset: &Dataset, fraction: f64) -> Result<Self> {
        let split = SplitConfig::new(Strategy::GlobalTime { test_fraction: fraction }).split(rows)?;
        let train = split.train.compact();
        let liked = Filter::RatingAtLeast { rating: LIKED }.apply(&split.test)?;
        let horizon = moment(&split)?;
        let (user_ids, item_ids) = (dataset.interactions.user_ids(), dataset.interactions.item_ids());
        Ok(TimeSplit {
            users: dataset.users.select(&train.user_ids().translate(user_ids)),
            items: dataset.items.select(&train.item_ids().translate(item_ids)),
            test: TestSet::new(&train, &liked)?,
            n_test: liked.len(),
            horizon,
            train,
        })
    }

    /// Who is tested, on what.
    pub fn test(&self) -> &TestSet {
        &self.test
    }

    /// The number of users that are tested.
    pub fn n_test_users(&self) -> usize {
        self.test.n_users()
    }

    /// What two towers read, from the training part.
    ///
    /// # Errors
    /// As [`HorizonFeatures::new`].
    pub fn features(&self, config: &HorizonConfig) -> Result<HorizonFeatures> {
        HorizonFeatures::new(&self.train, &self.users, &self.items, config)
    }

    /// Popularity in the training part.
    pub fn popular(&self) -> impl ItemScorer {
        Popular::new(self.train.n_items(), self.train.items())
    }

    /// Popularity in the last fifth of the rows of the training part.
    pub fn recent_popular(&self) -> impl ItemScorer {
        let moments = self.train.timestamps().unwrap_or_default();
        let mut ascending = moments.to_vec();
        ascending.sort_unstable();
        let first = ascending.get(ascending.len() * 4 / 5).copied().unwrap_or(self.horizon);
        let window = self.horizon.saturating_sub(first);
        RecentPopular::new(self.train.n_items(), self.train.items(), moments, self.horizon, window)
    }

    /// The metrics of a model at `k`, without items that a user has rated.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn evaluate(&self, scorer: &dyn ItemScorer, k: usize) -> Result<Evaluation> {
        evaluate(scorer, &self.test, &[k], Seen::Removed)
    }
}

fn moment(split: &Split) -> Result<i64> {
    split.manifest.horizon.ok_or_else(|| Error::Config {
        key: "split",
        message: "the parts of this split are not separated by a moment".into(),
    })
}
