//! From a run to a folder that answers requests.

mod cohorts;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use burn::tensor::Device;
use burn_recsys_baselines::ItemKnnConfig;
use burn_recsys_data::{Csr, FeatureTable, IdMap, Interactions};
use burn_recsys_models::TwoTower;
use burn_recsys_ranking::{
    BoostedTrees, BoostedTreesConfig, CandidateSources, ItemFactColumns, ItemFacts, ItemNeighbours,
    PopularCandidates, RankFeatures, RankingExamples, ReciprocalRankFusion, TreeRanker, TwoStage,
    VectorCandidates, Visitor,
};
use burn_recsys_retrieval::{ExactIndex, ItemFilter};
use burn_recsys_serve::{
    ItemTables, ModelConfig, RankerTables, Rows, ServingTables, SourcesConfig, UserTables,
};
use serde::{Deserialize, Serialize};

use crate::late_counts::{counts_since, last_share};
use crate::prepare::{category_column, positives};
use crate::run::{BEST, fresh_model};
use crate::{Error, Prepared, Result, RunConfig, RunFolder, TestSet};

/// What is served of a run, and how candidates are found and ranked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServingConfig {
    /// How many candidates come from where.
    pub sources: SourcesConfig,
    /// Which items go together: by users in common.
    pub item_item: ItemKnnConfig,
    /// Popular candidates are counted in this share of the last positives, where one moment parts training from
    /// test; elsewhere in all. Above 0, at most 1. Default 0.2.
    pub recent: f64,
    /// Whether boosted trees learn to rank the candidates of the rows that `validation` holds out; without it, or
    /// without validation, candidates are ranked by reciprocal rank fusion. Default true.
    pub ranker: bool,
    /// The trees.
    pub trees: BoostedTreesConfig,
}

impl Default for ServingConfig {
    fn default() -> Self {
        ServingConfig {
            sources: SourcesConfig::default(),
            item_item: ItemKnnConfig::default(),
            recent: 0.2,
            ranker: true,
            trees: BoostedTreesConfig::default(),
        }
    }
}

impl ServingConfig {
    /// Checks every value.
    pub(crate) fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        if !(self.recent > 0.0 && self.recent <= 1.0) {
            return refuse("serving.recent", format!("{}; must be above 0, at most 1", self.recent));
        }
        let nothing = PopularCandidates::new(Vec::new().into(), Vec::new().into())?;
        let neighbours = ItemNeighbours::from_rows([], 1)?;
        let vectors = PopularCandidates::of_scores(&[], 0)?;
        if let Err(error) = self.sources.init(vectors, nothing, Some(neighbours)) {
            return refuse("serving.sources", error.to_string());
        }
        match self.trees.validate() {
            Ok(()) => Ok(()),
            Err(error) => refuse("serving.trees", error.to_string()),
        }
    }
}

/// What was written to be served.
#[derive(Debug)]
pub struct Served {
    /// The folder.
    pub folder: PathBuf,
    /// The version, a hash of its content.
    pub version: String,
    /// The same two stages, for an evaluation.
    pub stages: TwoStage,
    /// The visits that the ranker learned from; 0 if candidates are ranked by reciprocal rank fusion.
    pub n_visits: usize,
}

/// Writes what a finished run serves into `serving` of its folder: vectors of users and items, what is popular,
/// which items go together, histories, and boosted trees that rank the candidates of all of them.
///
/// The trees learn from rows of the training part that the run's validation held out: the candidates are those of
/// the search's best model, which has not seen these rows, and of tables made without them. The test part plays no
/// role.
///
/// # Errors
/// If the run is not finished, a setting is out of range, or a file cannot be written.
pub fn write_serving(
    folder: &RunFolder,
    prepared: &Prepared,
    config: &RunConfig,
    device: &Device,
) -> Result<Served> {
    let mut model = fresh_model(prepared, config, device);
    folder.load_model(&mut model)?;
    let stage = Stage::new(&prepared.train, &model, prepared, config)?;
    let (trees, n_visits) = match learned(folder, prepared, config, &model)? {
        Some((trees, n_visits)) => (Some(trees), n_visits),
        None => (None, 0),
    };
    let facts = stage.facts.columns();
    let tables = ServingTables {
        model: format!("two-tower of {}", prepared.dataset),
        trained: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        items: item_tables(prepared, &model),
        users: UserTables {
            ids: names(prepared.train.user_ids()),
            histories: Rows::from_rows(stage.histories.rows()),
            seen: Rows::from_rows(stage.seen.rows()),
            vectors: Some(model.user_vectors()),
            gate_weights: None,
            cohorts: cohorts::cohorts(&prepared.users, &model.user_vectors(), model.d_embedding()),
        },
        popular: stage.popular.clone(),
        neighbours: Some(stage.neighbours.clone()),
        ranker: trees.clone().map(|trees| RankerTables {
            trees,
            counts: facts.counts.to_vec(),
            recent_counts: facts.recent_counts.to_vec(),
            mean_ratings: facts.mean_ratings.to_vec(),
            user_means: None,
        }),
        sources: config.serving.sources.clone(),
    };
    let path = folder.serving();
    let version = tables.write(&path)?;
    let stages = match trees {
        Some(trees) => TwoStage::new(stage.sources, TreeRanker::new(stage.features, trees)?),
        None => TwoStage::new(stage.sources, ReciprocalRankFusion::default()),
    };
    Ok(Served { folder: path, version, stages, n_visits })
}

/// The items that two stages answer for every user of `test` that they know, best first.
///
/// # Errors
/// If a source or the ranker fails.
pub fn served_lists(
    stages: &TwoStage,
    train: &Interactions,
    test: &TestSet,
    users: &[u32],
    k: usize,
) -> Result<Vec<Vec<u32>>> {
    let histories = histories(train);
    let list = |&user: &u32| {
        let visitor = Visitor { user: Some(user), history: histories.row(user), visit: 0 };
        let filter = ItemFilter { exclude: test.seen(user), allow: &[] };
        let items = stages.recommend(&visitor, &filter, k)?;
        Ok(items.into_iter().map(|recommended| recommended.item).collect())
    };
    users.iter().map(list).collect()
}

/// Sources and features as of the end of some rows.
struct Stage {
    sources: CandidateSources,
    features: RankFeatures,
    facts: ItemFacts,
    popular: PopularCandidates,
    neighbours: ItemNeighbours,
    /// What each user met, oldest first.
    histories: Csr,
    /// The same, ascending and unique.
    seen: Csr,
}

impl Stage {
    fn new(rows: &Interactions, model: &TwoTower, prepared: &Prepared, config: &RunConfig) -> Result<Self> {
        let ServingConfig { sources, item_item, recent, .. } = &config.serving;
        let (positives, n_items) = (positives(rows, config)?, rows.n_items());
        let items = model.item_vectors();
        let index = Arc::new(ExactIndex::new(model.d_embedding(), items.clone())?);
        let vectors = VectorCandidates::new(model.user_vectors().into(), items.into(), index)?;
        // Elsewhere the last rows hold what came after other users' test rows.
        let share = if prepared.manifest.horizon.is_some() { *recent } else { 1.0 };
        let since = last_share(&positives, share);
        let popular = PopularCandidates::of_scores(&counts_since(&positives, since), n_items)?;
        let knn = item_item.fit(&positives.items_by_user(), n_items)?;
        let neighbours = ItemNeighbours::of_knn(&knn, item_item.n_neighbours)?;
        let facts = facts(rows, since, &prepared.items)?;
        let sources = sources.init(vectors, popular.clone(), Some(neighbours.clone()))?;
        let features = RankFeatures::new(sources.names(), facts.clone()).with_neighbours(neighbours.clone());
        let (histories, seen) = (histories(rows), rows.items_by_user());
        Ok(Stage { sources, features, facts, popular, neighbours, histories, seen })
    }
}

/// Trees that learned from held-out rows, and of how many visits; none without validation.
fn learned(
    folder: &RunFolder,
    prepared: &Prepared,
    config: &RunConfig,
    model: &TwoTower,
) -> Result<Option<(BoostedTrees, usize)>> {
    let (Some(validation), true) = (&config.validation, config.serving.ranker) else { return Ok(None) };
    let [train, held_out] = prepared.hold_out(&validation.strategy, config)?;
    let mut best = model.clone();
    folder.load_weights(BEST, &mut best)?;
    let stage = Stage::new(&train, &best, prepared, config)?;
    let mut examples = RankingExamples::new(stage.features.names());
    let mut n_visits = 0;
    for (user, liked) in (0..).zip(held_out.items_by_user().rows()) {
        if liked.is_empty() {
            continue;
        }
        let visitor = Visitor { user: Some(user), history: stage.histories.row(user), visit: 0 };
        let filter = ItemFilter { exclude: stage.seen.row(user), allow: &[] };
        let candidates = stage.sources.candidates(&visitor, &filter)?;
        let label = |item: &u32| u8::from(liked.binary_search(item).is_ok());
        let labels: Vec<u8> = candidates.items().iter().map(label).collect();
        examples.push(&stage.features.rows(&visitor, &candidates)?, &labels)?;
        n_visits += 1;
    }
    if examples.is_empty() {
        return Ok(None);
    }
    let mut trees = BoostedTreesConfig { seed: config.seed, ..config.serving.trees.clone() };
    // Less of what a source says for an item never speaks for it.
    if trees.increasing.is_empty() {
        trees.increasing = stage.features.increasing();
    }
    Ok(Some((trees.fit(&examples)?, n_visits)))
}

fn item_tables(prepared: &Prepared, model: &TwoTower) -> ItemTables {
    let n_items = prepared.train.n_items();
    let (category_names, categories) = match category_column(&prepared.items) {
        Some((codes, vocabulary)) => (vocabulary.clone(), Rows::from_rows(codes.rows())),
        None => (Vec::new(), Rows::from_rows(vec![[0; 0]; n_items])),
    };
    ItemTables {
        ids: names(prepared.train.item_ids()),
        titles: prepared.titles.clone(),
        category_names,
        categories,
        dimension: model.d_embedding(),
        vectors: model.item_vectors(),
        unavailable: Vec::new(),
    }
}

fn names(ids: &IdMap) -> Vec<String> {
    ids.iter().map(|id| id.to_string()).collect()
}

/// What rankers know of items; without timestamps nothing is late.
fn facts(rows: &Interactions, since: i64, items: &FeatureTable) -> Result<ItemFacts> {
    let categories = category_column(items).map(|(codes, _)| codes);
    if let Some(moments) = rows.timestamps() {
        let last = moments.iter().max().copied().unwrap_or(since);
        return Ok(ItemFacts::of(rows, last.saturating_sub(since), categories)?);
    }
    let n_items = rows.n_items();
    let mut offsets = vec![0];
    let mut links = Vec::new();
    for item in 0..n_items as u32 {
        links.extend_from_slice(categories.map_or(&[][..], |codes| codes.row(item)));
        offsets.push(links.len() as u64);
    }
    Ok(ItemFacts::new(ItemFactColumns {
        counts: counts_since(rows, i64::MIN).into(),
        recent_counts: vec![0.0; n_items].into(),
        mean_ratings: vec![f32::NAN; n_items].into(),
        category_offsets: offsets.into(),
        categories: links.into(),
    })?)
}

/// The last items of every user, oldest first; in the order of the rows without timestamps. As many as a server
/// looks at: a ranker is to see in training what it will see there.
fn histories(rows: &Interactions) -> Csr {
    let n = ModelConfig::default().max_history;
    let items = |of_user: &[u32]| {
        let last = &of_user[of_user.len().saturating_sub(n)..];
        last.iter().map(|&row| rows.items()[row as usize]).collect::<Vec<u32>>()
    };
    Csr::from_rows(rows.rows_by_user().rows().map(items))
}
