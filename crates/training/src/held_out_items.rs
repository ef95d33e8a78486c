//! Items of users held out of their positives, to find the number of epochs by.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn_recsys_baselines::VectorScorer;
use burn_recsys_data::Csr;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_metrics::ranking::{Ndcg, RankingMetric, Recall};
use burn_recsys_metrics::{RankingEvaluator, UserList};
use burn_recsys_models::ItemScorer;
use burn_recsys_retrieval::top_k_blocked;

use crate::{HeldOut, Result};

/// A share of each user's items, and the rest.
#[derive(Debug)]
pub(crate) struct HeldOutItems {
    /// What is trained on.
    pub(crate) kept: Arc<Csr>,
    held_out: Csr,
    /// The users that are measured, ascending.
    pub(crate) users: Vec<u32>,
}

impl HeldOutItems {
    /// Takes a share of each user's items away, to the nearest number, and never all of them; at most `most_users`
    /// are measured.
    pub(crate) fn new(positives: &Csr, share: f64, most_users: usize, seed: u64) -> Self {
        let [kept, held_out] = hold_out(positives, share, seed);
        let users = measured_users(&held_out, most_users, seed);
        HeldOutItems { kept: Arc::new(kept), held_out, users }
    }

    /// Recall@20 and NDCG@20 over the catalogue without what is trained on. To the scorer, the measured users are
    /// `rows`.
    pub(crate) fn measure(&self, scorer: &VectorScorer, rows: &[u32]) -> Result<HeldOut> {
        const K: usize = 20;
        let HeldOutItems { kept, held_out, users } = self;
        let score = |range: std::ops::Range<usize>, out: &mut [f32]| scorer.score(&rows[range], out);
        let hits = top_k_blocked(users.len(), scorer.n_items(), K, score, |query| kept.row(users[query]))?;
        let lists: Vec<Vec<u32>> =
            hits.iter().map(|list| list.iter().map(|hit| hit.item).collect()).collect();
        let lists: Vec<UserList<'_>> = (users.iter().zip(&lists))
            .map(|(&user, recommended)| UserList::new(user, recommended, held_out.row(user)))
            .collect();
        let metrics: Vec<Box<dyn RankingMetric>> = vec![Box::new(Ndcg::new(K)?), Box::new(Recall::new(K)?)];
        let mut evaluator = RankingEvaluator::new(metrics)?;
        evaluator.observe_all(&lists)?;
        let report = evaluator.finish()?;
        let metrics: BTreeMap<String, f64> = report
            .summaries()
            .iter()
            .filter_map(|summary| Some((summary.label.clone(), summary.value?)))
            .collect();
        let score = metrics.get("NDCG@20").copied().unwrap_or_default();
        // What the model is stopped by is its loss here.
        Ok(HeldOut { held_out_loss: 1.0 - score, metrics, score })
    }
}

fn hold_out(positives: &Csr, share: f64, seed: u64) -> [Csr; 2] {
    let random = Random::new(seed, Stream::HoldOut, 0);
    let (mut kept, mut held_out) = (Vec::new(), Vec::new());
    for (user, met) in positives.rows().enumerate() {
        let n = ((met.len() as f64 * share).round() as usize).min(met.len().saturating_sub(1));
        let mut order = met.to_vec();
        let mut draws = random.row(user as u64);
        for at in 0..n {
            order.swap(at, at + draws.below((met.len() - at) as u32) as usize);
        }
        let mut rest = order.split_off(n);
        rest.sort_unstable();
        order.sort_unstable();
        kept.push(rest);
        held_out.push(order);
    }
    [kept, held_out].map(Csr::from_rows)
}

/// Users with held-out items, ascending, as many as wanted at most.
fn measured_users(held_out: &Csr, most: usize, seed: u64) -> Vec<u32> {
    let users: Vec<u32> =
        (0..).zip(held_out.rows()).filter(|(_, items)| !items.is_empty()).map(|(user, _)| user).collect();
    let order = Random::new(seed, Stream::HoldOut, 1).permutation(users.len() as u32);
    let mut users: Vec<u32> = order.iter().take(most).map(|&at| users[at as usize]).collect();
    users.sort_unstable();
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_each_users_items_is_held_out_and_never_all() {
        let positives = Csr::from_rows([(0..20).collect::<Vec<u32>>(), vec![3], vec![], vec![1, 2]]);
        for (share, expected) in [(0.1, [2, 0, 0, 0]), (0.3, [6, 0, 0, 1]), (0.99, [19, 0, 0, 1])] {
            let [kept, held_out] = hold_out(&positives, share, 9);
            let n: Vec<usize> = held_out.rows().map(<[u32]>::len).collect();
            assert_eq!(n, expected);
            for (user, met) in positives.rows().enumerate() {
                let mut both = [kept.row(user as u32), held_out.row(user as u32)].concat();
                both.sort_unstable();
                assert_eq!(both, met);
            }
        }
    }
}
