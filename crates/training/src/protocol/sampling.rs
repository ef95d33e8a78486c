//! What the choice of negatives does to popular and to rare items.

use burn::tensor::Device;
use burn_recsys_data::Csr;
use burn_recsys_metrics::catalogue::{CatalogueMetric, Coverage, TailShare};
use burn_recsys_metrics::ranking::{Ndcg, RankingMetric, Recall};
use burn_recsys_metrics::{RankingEvaluator, RankingReport};
use burn_recsys_models::ItemScorer;
use burn_recsys_retrieval::top_k_blocked;

use super::contender::Recipe;
use super::{Epochs, Sampling, TrainPart, TwoTowerRecipe};
use crate::Result;

/// The head: so many of the items that occur in the training part, those met most often.
pub const HEAD_FRACTION: f64 = 0.2;
/// Users whose lists are in memory at once.
const BLOCK: usize = 4096;

/// What was measured of one way to sample, all at `k`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SamplingOutcome {
    /// NDCG of the full ranking.
    pub ndcg: Option<f64>,
    /// Recall of all items of the test part.
    pub recall: Option<f64>,
    /// Recall of those of the head alone, over the users who have some.
    pub head_recall: Option<f64>,
    /// Recall of those of the tail alone, over the users who have some.
    pub tail_recall: Option<f64>,
    /// The share of the items of the training part that are recommended to anyone.
    pub coverage: Option<f64>,
    /// The share of recommendations that are of the tail.
    pub tail_share: Option<f64>,
}

/// Trains two towers of ids for `n_epochs` with negatives sampled as `sampling` says, and measures what they
/// recommend: the full ranking without seen items.
///
/// # Shapes
/// - `train`, `test`: `[n_users]`, items below `n_items`, ascending and unique
///
/// # Errors
/// If the towers cannot be trained, or a list cannot be measured.
pub fn sampling_bias(
    train: TrainPart<'_>,
    test: &Csr,
    sampling: Sampling,
    n_epochs: u64,
    k: usize,
    seed: u64,
    device: &Device,
) -> Result<SamplingOutcome> {
    let mut recipe = TwoTowerRecipe::new(device);
    recipe.sampling = sampling;
    let scorer = recipe.fit(train, seed, Epochs::Exactly(n_epochs))?;
    measure(scorer.as_ref(), train, test, k)
}

/// The share of the tail among the items of the test part: what an unbiased model would recommend.
pub fn tail_share_of_test(train: TrainPart<'_>, test: &Csr) -> f64 {
    let tail = tail(train);
    let items = || test.rows().flatten();
    items().filter(|&&item| tail.contains(item)).count() as f64 / items().count().max(1) as f64
}

fn tail(train: TrainPart<'_>) -> TailShare {
    let mut counts = vec![0u32; train.n_items];
    train.positives.rows().flatten().for_each(|&item| counts[item as usize] += 1);
    TailShare::of_counts(&counts, HEAD_FRACTION)
}

fn measure(scorer: &dyn ItemScorer, train: TrainPart<'_>, test: &Csr, k: usize) -> Result<SamplingOutcome> {
    let tail = tail(train);
    let n_known = {
        let mut items: Vec<u32> = train.positives.rows().flatten().copied().collect();
        items.sort_unstable();
        items.dedup();
        items
    };
    let whole: Vec<Box<dyn RankingMetric>> = vec![Box::new(Ndcg::new(k)?), Box::new(Recall::new(k)?)];
    let catalogue: Vec<Box<dyn CatalogueMetric>> = vec![Box::new(Coverage), Box::new(tail.clone())];
    let mut all = RankingEvaluator::new(whole)?.with_catalogue(k, n_known, catalogue)?;
    let mut parts = [
        RankingEvaluator::new(vec![Box::new(Recall::new(k)?)])?,
        RankingEvaluator::new(vec![Box::new(Recall::new(k)?)])?,
    ];
    let users: Vec<u32> =
        (0u32..).zip(test.rows()).filter(|(_, items)| !items.is_empty()).map(|(u, _)| u).collect();
    for users in users.chunks(BLOCK) {
        let score = |range: std::ops::Range<usize>, out: &mut [f32]| scorer.score(&users[range], out);
        let seen = |query: usize| train.positives.row(users[query]);
        for (&user, hits) in users.iter().zip(top_k_blocked(users.len(), train.n_items, k, score, seen)?) {
            let list: Vec<u32> = hits.iter().map(|hit| hit.item).collect();
            let relevant = test.row(user);
            all.observe(user, &list, relevant)?;
            for (part, is_tail) in parts.iter_mut().zip([false, true]) {
                let relevant: Vec<u32> =
                    relevant.iter().copied().filter(|&item| tail.contains(item) == is_tail).collect();
                part.observe(user, &list, &relevant)?;
            }
        }
    }
    let all = all.finish()?;
    let [head, tail] = parts.map(RankingEvaluator::finish);
    let value = |report: &RankingReport, metric: &str| -> Result<Option<f64>> {
        Ok(report.summary(&format!("{metric}@{k}"))?.value)
    };
    Ok(SamplingOutcome {
        ndcg: value(&all, "NDCG")?,
        recall: value(&all, "Recall")?,
        head_recall: value(&head?, "Recall")?,
        tail_recall: value(&tail?, "Recall")?,
        coverage: value(&all, "Coverage")?,
        tail_share: value(&all, "TailShare")?,
    })
}
