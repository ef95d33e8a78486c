//! From a data set to what is trained and tested on.

use std::sync::Arc;

use burn_recsys_data::{
    ColumnValues, Csr, Dataset, FeatureTable, Filter, Interactions, Split, SplitConfig, SplitManifest,
    Strategy, UniformNegatives,
};

use crate::{Error, Result, RunConfig, SampledPairs, TestSet};

/// A data set filtered and split as a configuration says.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The data set's name.
    pub dataset: String,
    /// Interactions, users and items after the filters.
    pub counts: [usize; 3],
    /// The training part.
    pub train: Interactions,
    /// The test rows that count as relevant.
    pub test: Interactions,
    /// The split's parameters, counts and hashes.
    pub manifest: SplitManifest,
    /// A title for every item of the training part; empty where none is known.
    pub titles: Vec<String>,
    /// What describes the users of the training part.
    pub users: FeatureTable,
    /// What describes its items.
    pub items: FeatureTable,
}

impl Prepared {
    /// Applies the filters and the split of `config`.
    ///
    /// # Errors
    /// If a filter or the split cannot be applied, or leaves nothing to train or test on.
    pub fn new(dataset: &Dataset, config: &RunConfig) -> Result<Self> {
        let mut interactions = dataset.interactions.clone();
        for filter in &config.filters {
            interactions = filter.apply(&interactions)?;
        }
        let interactions = interactions.compact();
        let counts = [interactions.len(), interactions.n_users(), interactions.n_items()];
        let Split { train, test, manifest, .. } = config.split.split(&interactions)?;
        // The model knows the ids of the training part alone: that a test item exists is the future.
        let train = train.compact();
        let test = relevant(&test, config.evaluation.relevant_rating, RELEVANT)?;
        let titles = titles(dataset, &train);
        let (user_ids, item_ids) = (dataset.interactions.user_ids(), dataset.interactions.item_ids());
        let users = dataset.users.select(&train.user_ids().translate(user_ids));
        let items = dataset.items.select(&train.item_ids().translate(item_ids));
        Ok(Prepared { dataset: dataset.name.clone(), counts, train, test, manifest, titles, users, items })
    }

    /// What models are tested on.
    ///
    /// # Errors
    /// If train and test overlap.
    pub fn test_set(&self) -> Result<TestSet> {
        TestSet::new(&self.train, &self.test)
    }

    /// The training part split again by `strategy`, over the same ids: what is left to train on, and
    /// the rows held out.
    ///
    /// # Errors
    /// If a part is empty.
    pub(crate) fn hold_out(&self, strategy: &Strategy, config: &RunConfig) -> Result<[Interactions; 2]> {
        let split =
            SplitConfig::new(strategy.clone()).with_row_order(config.split.row_order).split(&self.train);
        let split = split
            .map_err(|error| Error::Config { key: "validation.strategy", message: error.to_string() })?;
        let held_out = relevant(&split.test, config.evaluation.relevant_rating, RELEVANT)?;
        // Back to the ids of the whole training part, so that one model fits both.
        let (users, items) = (self.train.user_ids(), self.train.item_ids());
        Ok([split.train, held_out].map(|part| part.reindex(users, items)))
    }
}

const RELEVANT: &str = "evaluation.relevant_rating";

/// The rows rated at least `rating`, which the configuration calls `key`.
fn relevant(rows: &Interactions, rating: Option<f32>, key: &'static str) -> Result<Interactions> {
    match rating {
        Some(_) if rows.ratings().is_none() => {
            Err(Error::Config { key, message: "the data has no ratings; leave this key out".into() })
        }
        Some(rating) => Ok(Filter::RatingAtLeast { rating }.apply(rows)?),
        None => Ok(rows.clone()),
    }
}

/// The titles of the items that `train` has, in the order of its ids.
fn titles(dataset: &Dataset, train: &Interactions) -> Vec<String> {
    let ids = dataset.interactions.item_ids();
    let title = |id: burn_recsys_data::ExternalId<'_>| {
        let item = ids.index(&id.to_string())?;
        dataset.items.text("title", item).map(String::from)
    };
    train.item_ids().iter().map(|id| title(id).unwrap_or_default()).collect()
}

/// The rows that are learned.
///
/// # Errors
/// If no row is a positive.
pub(crate) fn positives(rows: &Interactions, config: &RunConfig) -> Result<Interactions> {
    relevant(rows, config.training.positive_rating, "training.positive_rating")
}

/// The task of learning `positives`: negatives are items that the user has not met in `met`.
///
/// # Errors
/// If no row is a positive or a user has met every item.
pub(crate) fn pairs(
    positives: &Interactions,
    met: &Interactions,
    config: &RunConfig,
) -> Result<SampledPairs> {
    let training = &config.training;
    let positives = self::positives(positives, config)?;
    let negatives =
        UniformNegatives::new(met.n_items() as u32, config.seed)?.excluding(Arc::new(met.items_by_user()))?;
    Ok(SampledPairs::new(&positives, negatives, training.n_negatives, training.batch_size, config.seed))
}

/// The first column of several categories for each item.
pub(crate) fn category_column(items: &FeatureTable) -> Option<(&Csr, &Vec<String>)> {
    items.columns().iter().find_map(|column| match &column.values {
        ColumnValues::MultiCategorical { codes, vocabulary } => Some((codes, vocabulary)),
        _ => None,
    })
}
