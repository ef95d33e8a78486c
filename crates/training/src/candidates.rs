//! Metrics of one held-out item among a few candidates.

use std::time::Instant;

use burn_recsys_data::Csr;
use burn_recsys_metrics::ranking::{HitRate, Ndcg, RankingMetric};
use burn_recsys_metrics::{RankingEvaluator, SampledCandidates, UserList};
use burn_recsys_models::ItemScorer;
use burn_recsys_retrieval::{Error as SearchError, Hit, top_k};

use crate::evaluate::of_query;
use crate::{Error, Evaluation, Result};

/// Scores that are held at once: 16 MiB.
const BLOCK_SCORES: usize = 1 << 22;

/// Users, each with an item to find among candidates.
///
/// Sampled candidates make a test cheap and figures high, and they may order models otherwise than the
/// whole catalogue does (Krichene and Rendle 2020, "On sampled metrics for item recommendation"): they
/// are for comparison with published figures.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateSet {
    users: Vec<u32>,
    positives: Vec<u32>,
    candidates: Csr,
}

impl CandidateSet {
    /// For `users[i]` the item `positives[i]` is to be found among row `i` of `candidates`, which holds it.
    ///
    /// # Shapes
    /// - `users`, `positives`, `candidates`: `[n]`; users ascending, candidates ascending and unique
    ///
    /// # Errors
    /// If nobody is to be tested, the sizes differ, users or candidates do not ascend, or a positive is not
    /// among its candidates.
    pub fn new(users: Vec<u32>, positives: Vec<u32>, candidates: Csr) -> Result<Self> {
        let refuse =
            |parameter, message| Err(Error::Data(burn_recsys_data::Error::Parameter { parameter, message }));
        if users.is_empty() {
            return Err(burn_recsys_data::Error::Empty { after: "taking the users to test".into() }.into());
        }
        let [n_users, n_positives, n_rows] = [users.len(), positives.len(), candidates.n_rows()];
        if n_positives != n_users || n_rows != n_users {
            return refuse(
                "candidates",
                format!("{n_rows} rows and {n_positives} positives for {n_users} users"),
            );
        }
        if let Some(pair) = users.windows(2).find(|pair| pair[0] >= pair[1]) {
            return refuse("users", format!("{} comes after {}; each is tested once", pair[1], pair[0]));
        }
        for ((user, positive), row) in users.iter().zip(&positives).zip(candidates.rows()) {
            if !row.is_sorted_by(|a, b| a < b) {
                return refuse("candidates", format!("those of user {user} are not ascending and unique"));
            }
            if row.binary_search(positive).is_err() {
                return refuse(
                    "candidates",
                    format!("those of user {user} lack the item {positive} to find"),
                );
            }
        }
        Ok(CandidateSet { users, positives, candidates })
    }

    /// The number of users.
    pub fn n_users(&self) -> usize {
        self.users.len()
    }

    /// The users, ascending.
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// For each of [`users`](Self::users) the items to rank, ascending.
    pub fn candidates(&self) -> &Csr {
        &self.candidates
    }

    /// What the candidates are of `n_items` items; `None` if someone's are all of them.
    pub fn sampled_among(&self, n_items: usize) -> Option<SampledCandidates> {
        let most = self.candidates.rows().map(<[u32]>::len).max().unwrap_or(0);
        // One candidate of a row is the positive.
        let n_negatives = most.saturating_sub(1) as u64;
        (most < n_items).then_some(SampledCandidates { n_negatives, n_items: n_items as u64 })
    }
}

/// Ranks every user's candidates, ties by the lower item, and measures HitRate and NDCG at each of
/// `cutoffs`.
///
/// Users are scored in blocks: memory is for about four million scores, or those of one user.
///
/// # Errors
/// If there is no cutoff, one is 0, a candidate is not an item of `scorer`, or the score of a candidate is
/// NaN.
pub fn evaluate_candidates(
    scorer: &dyn ItemScorer,
    set: &CandidateSet,
    cutoffs: &[usize],
) -> Result<Evaluation> {
    let start = Instant::now();
    let Some(&k) = cutoffs.iter().max() else {
        return Err(Error::Config { key: "k", message: "names no cutoff; give for example 10".into() });
    };
    let mut metrics: Vec<Box<dyn RankingMetric>> = Vec::new();
    for &cutoff in cutoffs {
        metrics.push(Box::new(HitRate::new(cutoff)?));
        metrics.push(Box::new(Ndcg::new(cutoff)?));
    }
    let mut evaluator = RankingEvaluator::new(metrics)?;
    let n_items = scorer.n_items();
    if let Some(row) = set.candidates.rows().position(|row| row.iter().any(|&item| item as usize >= n_items))
    {
        let message = format!("user {} has one that is not among the {n_items} items", set.users[row]);
        return Err(burn_recsys_data::Error::Parameter { parameter: "candidates", message }.into());
    }
    if let Some(sampled) = set.sampled_among(n_items) {
        evaluator = evaluator.with_sampled_candidates(sampled);
    }
    // Candidates hold the positive, so there is an item.
    let block = (BLOCK_SCORES / n_items.max(1)).clamp(1, set.users.len());
    let mut scores = Vec::new();
    let mut rows = (0u32..).zip(set.users.iter().zip(&set.positives));
    for (at, users) in set.users.chunks(block).enumerate() {
        scores.clear();
        scores.resize(users.len() * n_items, 0.0);
        score_on_all_threads(scorer, users, &mut scores);
        let mut ranked = Vec::with_capacity(users.len());
        for (scores, (row, _)) in scores.chunks_exact(n_items).zip(rows.clone()) {
            let candidates = set.candidates.row(row);
            let scores: Vec<f32> = candidates.iter().map(|&item| scores[item as usize]).collect();
            // Candidates ascend: a tie goes to the lower item.
            let hits = top_k(&scores, k, &[]).map_err(|candidate| {
                let (query, item) = ((row as usize) - at * block, candidates[candidate as usize]);
                of_query(SearchError::NanScore { query, item }, at * block)
            })?;
            ranked.push(hits.iter().map(|hit: &Hit| candidates[hit.item as usize]).collect::<Vec<u32>>());
        }
        let lists: Vec<UserList<'_>> = ranked
            .iter()
            .zip(rows.by_ref())
            .map(|(recommended, (_, (&user, positive)))| {
                UserList::new(user, recommended, std::slice::from_ref(positive))
            })
            .collect();
        evaluator.observe_all(&lists)?;
    }
    Ok(Evaluation { report: evaluator.finish()?, seconds: start.elapsed().as_secs_f64() })
}

/// A user's scores do not depend on the others of a call, so threads may share the users.
fn score_on_all_threads(scorer: &dyn ItemScorer, users: &[u32], scores: &mut [f32]) {
    use rayon::prelude::*;
    /// Small enough to balance the load, large enough that item vectors are read for many users.
    const USERS: usize = 32;
    let n_items = scorer.n_items();
    users
        .par_chunks(USERS)
        .zip(scores.par_chunks_mut(USERS * n_items))
        .for_each(|(users, scores)| scorer.score(users, scores));
}
