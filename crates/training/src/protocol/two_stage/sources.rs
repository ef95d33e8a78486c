//! Generators of candidates, fitted to a training part.

use std::sync::Arc;

use burn::tensor::Device;
use burn_recsys_baselines::{ImplicitAlsConfig, ItemKnnConfig};
use burn_recsys_data::graph::{CoVisitationConfig, Normalization};
use burn_recsys_data::{FeatureTable, Filter, Interactions};
use burn_recsys_ranking::{
    CandidateSources, ItemFacts, ItemNeighbours, NeighbourCandidatesConfig, PopularCandidates, RankFeatures,
    VectorCandidates, WalkCandidates, WalkCandidatesConfig,
};
use burn_recsys_retrieval::ExactIndex;
use serde::{Deserialize, Serialize};

use crate::late_counts::{counts_since, last_share};
use crate::prepare::category_column;
use crate::{HorizonConfig, HorizonFeatures, Result, fit_horizons};

/// Ratings from here on say that a user liked an item.
pub(super) const LIKED: f32 = 4.0;

/// Which generators there are, and how many candidates each gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourcesConfig {
    /// Candidates of each generator. Default 50.
    pub quota: usize,
    /// Two towers of features.
    pub towers: HorizonConfig,
    /// Vectors of users and items.
    pub als: ImplicitAlsConfig,
    /// The share of the last likes in which items are counted for recent popularity. Default 0.1.
    pub recent: f64,
    /// Neighbours by users in common.
    pub item_item: ItemKnnConfig,
    /// How neighbours of the history are summed.
    pub sum: NeighbourCandidatesConfig,
    /// The graph of items that are met together, to walk on.
    pub graph: CoVisitationConfig,
    /// Walks from the history.
    pub walks: WalkCandidatesConfig,
}

impl Default for SourcesConfig {
    fn default() -> Self {
        SourcesConfig {
            quota: 50,
            towers: HorizonConfig::default(),
            als: ImplicitAlsConfig {
                d_embedding: 32,
                unobserved_weight: 0.3,
                l2: 0.02,
                ..ImplicitAlsConfig::default()
            },
            recent: 0.1,
            item_item: ItemKnnConfig { n_neighbours: 300, shrinkage: 200.0, user_discount: 0.0 },
            sum: NeighbourCandidatesConfig { n_recent: 200, decay: 1.0 },
            graph: CoVisitationConfig {
                window_seconds: i64::MAX / 2,
                min_count: 20,
                max_neighbours: 500,
                normalization: Normalization::Cosine,
            },
            walks: WalkCandidatesConfig {
                n_starts: 50,
                restart_probability: 0.3,
                n_steps: 5_000,
                ..WalkCandidatesConfig::default()
            },
        }
    }
}

impl SourcesConfig {
    /// Fits all generators, and what a ranker knows of candidates, to `train`, as of the moment after its last
    /// row. Row `u` of `users` describes user index `u`, row `i` of `items` item index `i`.
    ///
    /// # Errors
    /// If there are no timestamps, nobody likes anything, or a parameter is out of range.
    pub fn fit(
        &self,
        train: &Interactions,
        [users, items]: [&FeatureTable; 2],
        seed: u64,
        device: &Device,
    ) -> Result<(CandidateSources, RankFeatures)> {
        let liked = Filter::RatingAtLeast { rating: LIKED }.apply(train)?;
        let (n_items, positives) = (train.n_items(), liked.items_by_user());
        let moments = train.timestamps().unwrap_or_default();
        let moment = moments.iter().max().map_or(0, |last| last.saturating_add(1));
        let features = HorizonFeatures::new(train, users, items, &self.towers)?;
        let towers = fit_horizons(&features, &self.towers, seed, device, &mut ())?.vectors(moment)?;
        let als = ImplicitAlsConfig { seed, ..self.als.clone() }.fit(&positives, n_items)?;
        let item_item = self.item_item.fit(&positives, n_items)?;
        let item_item = ItemNeighbours::of_knn(&item_item, self.item_item.n_neighbours)?;
        let graph = ItemNeighbours::of_graph(&self.graph.graph(&liked)?, self.graph.max_neighbours)?;
        let window = moment.saturating_sub(last_share(&liked, self.recent));
        let recent = PopularCandidates::of_scores(&counts_since(&liked, moment - window), n_items)?;
        let quota = self.quota;
        let sources = CandidateSources::new()
            .with_source("two-tower", quota, vectors(towers.dimension, towers.users, towers.items)?)?
            .with_source("als", quota, vectors(als.d_embedding(), als.users().into(), als.items().into())?)?
            .with_source("recent-popular", quota, recent)?
            .with_source("item-item", quota, self.sum.init(item_item.clone())?)?
            .with_source("walks", quota, WalkCandidates::new(graph, self.walks.clone())?)?;
        let facts = ItemFacts::of(train, window, category_column(items).map(|(codes, _)| codes))?;
        let features = RankFeatures::new(sources.names(), facts)
            .with_neighbours(item_item)
            .with_user_means(mean_ratings(train).into());
        Ok((sources, features))
    }
}

fn mean_ratings(rows: &Interactions) -> Vec<f32> {
    let mut sums = vec![(0.0, 0.0); rows.n_users()];
    for (&user, &rating) in rows.users().iter().zip(rows.ratings().unwrap_or_default()) {
        let (sum, n) = &mut sums[user as usize];
        *sum += rating;
        *n += 1.0;
    }
    sums.into_iter().map(|(sum, n)| sum / n).collect()
}

fn vectors(dimension: usize, users: Vec<f32>, items: Vec<f32>) -> Result<VectorCandidates> {
    let index = Arc::new(ExactIndex::new(dimension, items.clone())?);
    Ok(VectorCandidates::new(users.into(), items.into(), index)?)
}
