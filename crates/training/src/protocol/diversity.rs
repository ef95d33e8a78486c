//! What diversity costs: maximal marginal relevance on the recommendations of a model.

use std::sync::Arc;

use burn_recsys_data::{ColumnValues, FeatureTable};
use burn_recsys_metrics::RankingEvaluator;
use burn_recsys_metrics::beyond::{CategorySets, IntraListDiversity, ItemDistance, JaccardDistance};
use burn_recsys_metrics::ranking::Ndcg;
use burn_recsys_metrics::statistics::Bootstrap;
use burn_recsys_models::ItemScorer;
use burn_recsys_retrieval::rerank::maximal_marginal_relevance;
use burn_recsys_retrieval::top_k_blocked;
use rayon::prelude::*;
use serde::Serialize;

use super::TimeSplit;
use super::pages::of_unit_range;
use crate::{Error, Result, evaluate_lists};

/// The best items of a user that are ordered again.
const N_CANDIDATES: usize = 100;
/// Of users, for the intervals.
const N_RESAMPLES: usize = 2_000;

/// Lists made with one weight of similarity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DiversityPoint {
    /// The weight of similarity.
    pub beta: f32,
    /// NDCG of the lists.
    pub ndcg: f64,
    /// Its interval by the bootstrap over users.
    pub ndcg_interval: Option<[f64; 2]>,
    /// The mean distance of two items of a list, by their categories.
    pub diversity: f64,
    /// Its interval.
    pub diversity_interval: Option<[f64; 2]>,
}

/// Lists of `k` from the 100 best items of every tested user, ordered by maximal marginal relevance with each of
/// `betas`. Scores are brought to 0 to 1 within a user's candidates; items are as similar as the categories in
/// `column` of `items` that they share, by Jaccard's index.
///
/// # Errors
/// If the column is not there or not of categories, a weight is not between 0 and 1, `k` is 0, or a score is
/// NaN.
pub fn diversity_curve(
    split: &TimeSplit,
    scorer: &dyn ItemScorer,
    column: &str,
    betas: &[f32],
    k: usize,
) -> Result<Vec<DiversityPoint>> {
    if let Some(beta) = betas.iter().find(|beta| !(0.0..=1.0).contains(*beta)) {
        return Err(Error::Config { key: "beta", message: format!("{beta} is not between 0 and 1") });
    }
    let distance = Arc::new(JaccardDistance::new(Arc::new(categories(&split.items, column)?)));
    let bootstrap = Bootstrap::new(N_RESAMPLES, 1)?;
    let test = split.test();
    betas
        .iter()
        .map(|&beta| {
            let (ndcg, diversity) = (Ndcg::new(k)?, IntraListDiversity::new(k, Arc::clone(&distance))?);
            let evaluator = RankingEvaluator::new(vec![Box::new(ndcg), Box::new(diversity)])?;
            let evaluation = evaluate_lists(test, evaluator, |users| {
                let score = |range: std::ops::Range<usize>, out: &mut [f32]| scorer.score(&users[range], out);
                let seen = |query: usize| test.seen(users[query]);
                let best = top_k_blocked(users.len(), scorer.n_items(), N_CANDIDATES, score, seen)?;
                let similarity =
                    |a: u32, b: u32| distance.distance(a, b).map_or(0.0, |distance| 1.0 - distance as f32);
                let items = |hits: &Vec<_>| {
                    let list = maximal_marginal_relevance(&of_unit_range(hits), k, beta, similarity)?;
                    Ok(list.iter().map(|hit| hit.item).collect())
                };
                best.par_iter().map(items).collect()
            })?;
            let summaries = evaluation.report.summaries();
            let intervals = evaluation.report.bootstrap_intervals(&bootstrap);
            let value = |at: usize| summaries[at].value.unwrap_or(f64::NAN);
            let bounds = |at: usize| intervals[at].map(|interval| [interval.lower, interval.upper]);
            Ok(DiversityPoint {
                beta,
                ndcg: value(0),
                ndcg_interval: bounds(0),
                diversity: value(1),
                diversity_interval: bounds(1),
            })
        })
        .collect()
}

fn categories(items: &FeatureTable, column: &str) -> Result<CategorySets> {
    match items.column(column) {
        Some(ColumnValues::MultiCategorical { codes, .. }) => {
            Ok(CategorySets::from_rows(codes.rows().map(<[u32]>::to_vec)))
        }
        _ => Err(Error::Config {
            key: "column",
            message: format!("items have no column {column:?} of several categories each"),
        }),
    }
}
