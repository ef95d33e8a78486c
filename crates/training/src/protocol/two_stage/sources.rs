//! Generators of candidates, fitted to a training part.

use std::sync::Arc;

use burn::tensor::Device;
use burn_recsys_baselines::{ImplicitAlsConfig, ItemKnnConfig};
use burn_recsys_data::graph::{CoVisitationConfig, Normalization};
use burn_recsys_data::{Csr, Filter, Interactions};
use burn_recsys_ranking::{
    CandidateSources, ItemNeighbours, NeighbourCandidatesConfig, PopularCandidates, VectorCandidates,
    WalkCandidates, WalkCandidatesConfig,
};
use burn_recsys_retrieval::ExactIndex;
use serde::{Deserialize, Serialize};

use super::super::TimeSplit;
use crate::{HorizonConfig, HorizonFeatures, Result, fit_horizons};

/// Ratings from here on say that a user liked an item.
pub(super) const LIKED: f32 = 4.0;

/// Which generators there are, and how many candidates each gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourcesConfig {
    /// Candidates of each generator. Default 100.
    pub quota: usize,
    /// Two towers of features.
    pub towers: HorizonConfig,
    /// Vectors of users and items.
    pub als: ImplicitAlsConfig,
    /// The share of the last likes in which items are counted for recent popularity. Default 0.2.
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
            quota: 100,
            towers: HorizonConfig::default(),
            als: ImplicitAlsConfig::default(),
            recent: 0.2,
            item_item: ItemKnnConfig::default(),
            sum: NeighbourCandidatesConfig::default(),
            graph: CoVisitationConfig {
                window_seconds: i64::MAX / 2,
                min_count: 5,
                max_neighbours: 200,
                normalization: Normalization::Cosine,
            },
            walks: WalkCandidatesConfig::default(),
        }
    }
}

/// What generators were made of.
pub(super) struct FittedSources {
    pub(super) sources: CandidateSources,
    /// Of items by users in common.
    pub(super) neighbours: ItemNeighbours,
    /// What each user met, oldest first.
    pub(super) histories: Csr,
}

impl SourcesConfig {
    /// stand-in
    pub fn read(path: &std::path::Path) -> Result<Self> {
        crate::config::read_file(path, |text| crate::config::from_toml(text, "sources"))
    }
    /// Fits all generators to the training part of `split`.
    pub(super) fn fit(&self, split: &TimeSplit, seed: u64, device: &Device) -> Result<FittedSources> {
        let liked = Filter::RatingAtLeast { rating: LIKED }.apply(&split.train)?;
        let n_items = split.train.n_items();
        let positives = liked.items_by_user();
        let features = HorizonFeatures::new(&split.train, &split.users, &split.items, &self.towers)?;
        let towers = fit_horizons(&features, &self.towers, seed, device, &mut ())?.vectors(split.horizon)?;
        let als = ImplicitAlsConfig { seed, ..self.als.clone() }.fit(&positives, n_items)?;
        let knn = self.item_item.fit(&positives, n_items)?;
        let knn = ItemNeighbours::of_knn(&knn, self.item_item.n_neighbours)?;
        let graph = ItemNeighbours::of_graph(&self.graph.graph(&liked)?, self.graph.max_neighbours)?;
        let als = vectors(als.d_embedding(), als.users().to_vec(), als.items().to_vec())?;
        let quota = self.quota;
        let recent = PopularCandidates::of_scores(&recent_counts(&liked, n_items, self.recent), n_items)?;
        let sources = CandidateSources::new()
            .with_source("two-tower", quota, vectors(towers.dimension, towers.users, towers.items)?)?
            .with_source("als", quota, als)?
            .with_source("recent-popular", quota, recent)?
            .with_source("item-item", quota, self.sum.init(knn.clone())?)?
            .with_source("walks", quota, WalkCandidates::new(graph, self.walks.clone())?)?;
        Ok(FittedSources { sources, neighbours: knn, histories: histories(&split.train) })
    }
}

fn vectors(dimension: usize, users: Vec<f32>, items: Vec<f32>) -> Result<VectorCandidates> {
    let index = Arc::new(ExactIndex::new(dimension, items.clone())?);
    Ok(VectorCandidates::new(users.into(), items.into(), index)?)
}

/// How often each item is met in the last `share` of the rows by time.
fn recent_counts(rows: &Interactions, n_items: usize, share: f64) -> Vec<f32> {
    let moments = rows.timestamps().unwrap_or_default();
    let mut ascending = moments.to_vec();
    ascending.sort_unstable();
    let first = ((1.0 - share) * ascending.len() as f64) as usize;
    let since = ascending.get(first).copied().unwrap_or(i64::MIN);
    let mut counts = vec![0.0; n_items];
    for (&item, _) in rows.items().iter().zip(moments).filter(|&(_, &moment)| moment >= since) {
        counts[item as usize] += 1.0;
    }
    counts
}

/// The items of every user in time order, ties in the order of the rows.
pub(super) fn histories(rows: &Interactions) -> Csr {
    let moments = rows.timestamps().unwrap_or_default();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| moments.get(row));
    let users: Vec<u32> = order.iter().map(|&row| rows.users()[row]).collect();
    Csr::group(rows.n_users(), &users, order.iter().map(|&row| rows.items()[row]))
}
