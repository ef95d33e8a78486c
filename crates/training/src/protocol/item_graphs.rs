//! Models of items that were met together, on a split by time.

use std::sync::Arc;
use std::time::Instant;

use burn_recsys_baselines::{
    CoVisitationScorerConfig, ItemKnnConfig, ItemScorer, Starts, WalkRecommenderConfig,
};
use burn_recsys_data::graph::{CoVisitationConfig, ItemGraph, Normalization};
use burn_recsys_data::{Csr, Dataset, Filter, Interactions};
use serde::Serialize;

use super::TimeSplit;
use crate::{Evaluation, Result};

/// The share of the training part by time on which parameters are chosen.
const HELD_OUT: f64 = 0.2;
/// Ratings from here on are what models learn from.
const LIKED: f32 = 4.0;
const DAY: i64 = 86_400;

/// A model of items that were met together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemGraphModel {
    /// The items whose users are most alike, by cosine.
    Cosine(ItemKnnConfig),
    /// What is related to the user's recent items.
    CoVisitation {
        /// The graph.
        graph: CoVisitationConfig,
        /// What is summed.
        scorer: CoVisitationScorerConfig,
    },
    /// What short walks from the user's items visit.
    Walks {
        /// The graph.
        graph: CoVisitationConfig,
        /// How to walk.
        walks: WalkRecommenderConfig,
    },
}

/// A model, the parameters that were best on held-out rows, and what it is worth.
#[derive(Debug)]
pub struct ChosenItemGraph {
    /// The name in tables.
    pub name: &'static str,
    /// With its parameters.
    pub model: ItemGraphModel,
    /// NDCG on the held-out part of the training rows.
    pub held_out: Option<f64>,
    /// The metrics on the test part, one for each seed; models without random numbers have one.
    pub evaluations: Vec<Evaluation>,
    /// Seconds of the search for parameters.
    pub search_seconds: f64,
    /// Seconds of each fit.
    pub train_seconds: Vec<f64>,
}

impl ItemGraphModel {
    /// The kinds by name, each with the parameters to choose from.
    pub fn candidates() -> Vec<(&'static str, Vec<ItemGraphModel>)> {
        let graphs: Vec<CoVisitationConfig> = [Normalization::Product, Normalization::Cosine]
            .into_iter()
            .flat_map(|normalization| {
                [(DAY, 1), (DAY, 5), (i64::MAX / 2, 5)].map(|(window_seconds, min_count)| {
                    CoVisitationConfig { window_seconds, min_count, max_neighbours: 200, normalization }
                })
            })
            .collect();
        let scorers = [(20, 0.9), (50, 0.95), (200, 1.0)].map(|(n_recent, decay)| CoVisitationScorerConfig {
            n_recent,
            decay,
            ..CoVisitationScorerConfig::default()
        });
        let starts = [Starts::Recent, Starts::Medoids { max_history: 100 }];
        let walks = starts.into_iter().flat_map(|starts| {
            [0.3, 0.6].map(|restart_probability| WalkRecommenderConfig {
                starts,
                restart_probability,
                ..WalkRecommenderConfig::default()
            })
        });
        let walks: Vec<WalkRecommenderConfig> = walks.collect();
        let each = |graph: &CoVisitationConfig| graph.clone();
        vec![
            ("item-cosine", ItemKnnConfig::candidates().into_iter().map(ItemGraphModel::Cosine).collect()),
            (
                "co-visitation",
                graphs
                    .iter()
                    .flat_map(|graph| {
                        scorers.iter().map(|scorer| ItemGraphModel::CoVisitation {
                            graph: each(graph),
                            scorer: scorer.clone(),
                        })
                    })
                    .collect(),
            ),
            (
                "walks",
                graphs
                    .iter()
                    .flat_map(|graph| {
                        walks
                            .iter()
                            .map(|walks| ItemGraphModel::Walks { graph: each(graph), walks: walks.clone() })
                    })
                    .collect(),
            ),
        ]
    }

    /// Fits the model to what users liked in the training part of a split.
    ///
    /// # Errors
    /// If it cannot be fitted.
    pub fn fit(&self, split: &TimeSplit, seed: u64) -> Result<Box<dyn ItemScorer>> {
        let liked = Filter::RatingAtLeast { rating: LIKED }.apply(&split.train)?;
        let n_items = split.train.n_items();
        let graph =
            |config: &CoVisitationConfig| -> Result<Arc<ItemGraph>> { Ok(Arc::new(config.graph(&liked)?)) };
        Ok(match self {
            ItemGraphModel::Cosine(config) => {
                let rows = Csr::group(liked.n_users(), liked.users(), liked.items().iter().copied());
                Box::new(config.fit(&rows.sorted_unique(), n_items)?)
            }
            ItemGraphModel::CoVisitation { graph: config, scorer } => {
                Box::new(scorer.fit(graph(config)?, histories(&liked))?)
            }
            ItemGraphModel::Walks { graph: config, walks } => {
                let walks = WalkRecommenderConfig { seed, ..walks.clone() };
                Box::new(walks.fit(graph(config)?, histories(&liked))?)
            }
        })
    }

    fn is_random(&self) -> bool {
        matches!(self, ItemGraphModel::Walks { .. })
    }
}

/// The items of every user in time order, ties in the order of the rows.
fn histories(rows: &Interactions) -> Csr {
    let moments = rows.timestamps().unwrap_or_default();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| moments.get(row));
    let users: Vec<u32> = order.iter().map(|&row| rows.users()[row]).collect();
    Csr::group(rows.n_users(), &users, order.iter().map(|&row| rows.items()[row]))
}

/// Chooses the parameters of each kind by `label`, such as `NDCG@10`, on the last fifth of the training part,
/// and measures what was chosen on the test part.
///
/// # Errors
/// If a model cannot be fitted or measured.
pub fn item_graphs(
    dataset: &Dataset,
    split: &TimeSplit,
    label: &str,
    k: usize,
    seeds: &[u64],
) -> Result<Vec<ChosenItemGraph>> {
    let within = split.hold_out(dataset, HELD_OUT)?;
    let first = seeds.first().copied().unwrap_or(1);
    let mut chosen = Vec::new();
    for (name, candidates) in ItemGraphModel::candidates() {
        let start = Instant::now();
        let mut best: Option<(f64, ItemGraphModel)> = None;
        for candidate in candidates {
            let evaluation = within.evaluate(candidate.fit(&within, first)?.as_ref(), k)?;
            let value = evaluation.report.summary(label)?.value.unwrap_or(0.0);
            if best.as_ref().is_none_or(|(highest, _)| value > *highest) {
                best = Some((value, candidate));
            }
        }
        let Some((value, model)) = best else { continue };
        let seeds = if model.is_random() { seeds } else { &seeds[..seeds.len().min(1)] };
        let search_seconds = start.elapsed().as_secs_f64();
        let (mut evaluations, mut train_seconds) = (Vec::new(), Vec::new());
        for &seed in seeds {
            let start = Instant::now();
            let scorer = model.fit(split, seed)?;
            train_seconds.push(start.elapsed().as_secs_f64());
            evaluations.push(split.evaluate(scorer.as_ref(), k)?);
        }
        let held_out = Some(value);
        chosen.push(ChosenItemGraph { name, model, held_out, evaluations, search_seconds, train_seconds });
    }
    Ok(chosen)
}
