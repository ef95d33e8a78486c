//! Metrics on held-out interactions, over the full catalogue.

use std::sync::Arc;
use std::time::Instant;

use burn_recsys_data::{Csr, ExternalId, IdMap, Interactions};
use burn_recsys_metrics::catalogue::Coverage;
use burn_recsys_metrics::ranking::standard_metrics;
use burn_recsys_metrics::{RankingEvaluator, RankingReport, UserList};
use burn_recsys_models::ItemScorer;
use burn_recsys_retrieval::{ItemFilter, ItemIndex, require_exact, top_k_blocked};
use rayon::prelude::*;

use crate::{Error, Result};

/// How many users are ranked before their lists are measured and forgotten.
const USERS_AT_ONCE: usize = 4096;

/// What happens to items that the user met in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// They are not recommended.
    Removed,
    /// They are recommended like any other.
    Kept,
}

/// The users to evaluate, what they will like, and what they have seen, in the indices of the
/// training part.
#[derive(Debug, Clone)]
pub struct TestSet {
    /// Ascending. Users that are not in the training part follow the others, from `n_users` on.
    users: Vec<u32>,
    n_users: usize,
    /// For every one of `users` its relevant items, ascending. Items that are not in the training
    /// part have indices from the number of items on: no model finds them, and they count.
    relevant: Csr,
    seen: Arc<Csr>,
    /// Items with a training interaction: the catalogue.
    items: Vec<u32>,
}

/// The metrics of one model on one [`TestSet`].
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Per user and on average.
    pub report: RankingReport,
    /// Wall time of scoring, ranking and measuring.
    pub seconds: f64,
}

impl TestSet {
    /// Every row of `test` is a relevant item of its user.
    ///
    /// The id maps may differ: users and items of `test` that `train` does not know stay in the
    /// test set, and count as missed.
    ///
    /// # Errors
    /// If `test` is empty or shares an interaction with `train`.
    pub fn new(train: &Interactions, test: &Interactions) -> Result<Self> {
        if test.is_empty() {
            let after = "taking the test part; lower the rating that counts as relevant or test on more rows";
            return Err(burn_recsys_data::Error::Empty { after: after.into() }.into());
        }
        let seen = train.items_by_user();
        let users = indices_in(test.user_ids(), train.user_ids());
        let items = indices_in(test.item_ids(), train.item_ids());
        refuse_overlap(&seen, test, &users, &items)?;
        let mut rows: Vec<(u32, Vec<u32>)> = (0..)
            .zip(test.items_by_user().rows())
            .filter(|(_, relevant)| !relevant.is_empty())
            .map(|(user, relevant): (usize, _)| {
                let mut relevant: Vec<u32> = relevant.iter().map(|&item| items[item as usize]).collect();
                relevant.sort_unstable();
                (users[user], relevant)
            })
            .collect();
        rows.sort_unstable();
        let relevant = Csr::from_rows(rows.iter().map(|(_, relevant)| relevant));
        let users = rows.into_iter().map(|(user, _)| user).collect();
        let items = (0..).zip(train.item_counts()).filter(|&(_, count)| count > 0).map(|(i, _)| i).collect();
        Ok(TestSet { users, n_users: train.n_users(), relevant, seen: seen.into(), items })
    }

    /// Of every user `u` row `u` of `seen` is known, and row `u` of `relevant` is to be found; a user
    /// without relevant items is not evaluated.
    ///
    /// # Shapes
    /// - `seen`, `relevant`: `[n_users]`, items ascending and unique
    ///
    /// # Errors
    /// If there are not as many rows, no item is relevant, or one is seen and relevant.
    pub fn of_rows(seen: impl Into<Arc<Csr>>, relevant: &Csr) -> Result<Self> {
        let seen = seen.into();
        if seen.n_rows() != relevant.n_rows() {
            let message = format!("{} users, but {} with seen items", relevant.n_rows(), seen.n_rows());
            return Err(burn_recsys_data::Error::Parameter { parameter: "relevant", message }.into());
        }
        if relevant.n_values() == 0 {
            return Err(burn_recsys_data::Error::Empty { after: "taking the relevant items".into() }.into());
        }
        let rows = || (0u32..).zip(relevant.rows()).filter(|(_, items)| !items.is_empty());
        let is_seen = |user: u32, item: &u32| seen.row(user).binary_search(item).is_ok();
        let mut both = rows().flat_map(|(user, items)| {
            items.iter().filter(move |item| is_seen(user, item)).map(move |i| (user, i))
        });
        if let Some((user, item)) = both.next() {
            return Err(Error::Leakage {
                overlap: 1 + both.count(),
                test: relevant.n_values(),
                user: format!("index {user}"),
                item: format!("index {item}"),
            });
        }
        let users = rows().map(|(user, _)| user).collect();
        let mut items: Vec<u32> = seen.rows().flatten().copied().collect();
        items.sort_unstable();
        items.dedup();
        let n_users = seen.n_rows();
        Ok(TestSet { users, n_users, relevant: Csr::from_rows(rows().map(|(_, items)| items)), seen, items })
    }

    /// The number of users with a relevant item.
    pub fn n_users(&self) -> usize {
        self.users.len()
    }

    /// What a user met in training, ascending.
    ///
    /// # Panics
    /// If the training part does not have the user.
    pub fn seen(&self, user: u32) -> &[u32] {
        self.seen.row(user)
    }

    /// The metrics of [`evaluate`] at each of `cutoffs`.
    ///
    /// # Errors
    /// If a cutoff is 0.
    pub fn evaluator(&self, cutoffs: &[usize]) -> Result<RankingEvaluator> {
        let mut metrics = Vec::new();
        for &cutoff in cutoffs {
            metrics.extend(standard_metrics(cutoff)?);
        }
        let mut evaluator = RankingEvaluator::new(metrics)?;
        for &cutoff in cutoffs {
            evaluator =
                evaluator.with_catalogue(cutoff, self.items.iter().copied(), vec![Box::new(Coverage)])?;
        }
        Ok(evaluator)
    }

    /// What the user at `position` is to be given, ascending.
    pub(crate) fn relevant(&self, position: usize) -> &[u32] {
        self.relevant.row(position as u32)
    }

    /// The users that a model can be asked about: those of the training part. They come first.
    pub(crate) fn known_users(&self) -> &[u32] {
        &self.users[..self.users.partition_point(|&user| (user as usize) < self.n_users)]
    }
}

/// For every index of `from` the index of the same id in `to`, or one of its own after the last.
fn indices_in(from: &IdMap, to: &IdMap) -> Vec<u32> {
    let mut next = to.len() as u32;
    let translated = from.translate(to).into_iter();
    translated
        .map(|index| {
            index.unwrap_or_else(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

fn refuse_overlap(seen: &Csr, test: &Interactions, users: &[u32], items: &[u32]) -> Result<()> {
    let is_seen = |&row: &usize| {
        let (user, item) = (users[test.users()[row] as usize], items[test.items()[row] as usize]);
        (user as usize) < seen.n_rows() && seen.row(user).binary_search(&item).is_ok()
    };
    let overlap = (0..test.len()).filter(is_seen).count();
    let Some(first) = (0..test.len()).find(is_seen) else { return Ok(()) };
    let first = test.get(first);
    let text = |id: Option<ExternalId<'_>>| id.map(|id| id.to_string()).unwrap_or_default();
    Err(Error::Leakage {
        overlap,
        test: test.len(),
        user: text(test.user_ids().external(first.user)),
        item: text(test.item_ids().external(first.item)),
    })
}

/// Ranks the whole catalogue for every user of `test` and measures NDCG, HitRate, Recall,
/// Precision, MAP, MRR and Coverage at each of `cutoffs`.
///
/// Lists are measured as they are made: beside the scores of a few users a thread, memory is for the lists
/// of 4,096 users and 8 bytes for each user and metric.
///
/// # Errors
/// If there is no cutoff, one is 0, or a score is NaN.
pub fn evaluate(
    scorer: &dyn ItemScorer,
    test: &TestSet,
    cutoffs: &[usize],
    seen: Seen,
) -> Result<Evaluation> {
    let Some(&k) = cutoffs.iter().max() else {
        return Err(Error::Config {
            key: "evaluation.k",
            message: "names no cutoff; write for example [10]".into(),
        });
    };
    let mut first = 0;
    evaluate_lists(test, test.evaluator(cutoffs)?, |asked| {
        let score = |range: std::ops::Range<usize>, out: &mut [f32]| scorer.score(&asked[range], out);
        let exclude = |query: usize| match seen {
            Seen::Removed => test.seen(asked[query]),
            Seen::Kept => &[],
        };
        let hits = top_k_blocked(asked.len(), scorer.n_items(), k, score, exclude)
            .map_err(|error| of_query(error, first))?;
        first += asked.len();
        Ok(hits.iter().map(|list| list.iter().map(|hit| hit.item).collect()).collect())
    })
}

/// As [`evaluate`], of the users' vectors searched in an index.
///
/// An index that is not exact misses items that the model would have found, which a measurement of the model must
/// not blame on it: it is refused unless `allow_approximate` says that the index is to be measured too.
///
/// # Shapes
/// - `users`: `[n_users, dimension]`, row-major
///
/// # Errors
/// If the index is not exact and must be, the vectors are not whole or not finite, there is no cutoff, or one is 0.
///
/// # Panics
/// If a user of the training part has no vector.
pub fn evaluate_index(
    users: &[f32],
    index: &dyn ItemIndex,
    test: &TestSet,
    cutoffs: &[usize],
    seen: Seen,
    allow_approximate: bool,
) -> Result<Evaluation> {
    require_exact(index, allow_approximate)?;
    let (k, d) = (cutoffs.iter().max().copied().unwrap_or(0), index.dimension());
    evaluate_lists(test, test.evaluator(cutoffs)?, |asked| {
        let list = |&user: &u32| {
            let exclude = match seen {
                Seen::Removed => test.seen(user),
                Seen::Kept => &[],
            };
            let query = &users[user as usize * d..(user as usize + 1) * d];
            let hits = index.search_one(query, k, &ItemFilter { exclude, allow: &[] })?;
            Ok(hits.into_iter().map(|hit| hit.item).collect())
        };
        asked.par_iter().map(list).collect()
    })
}

/// Measures what `recommend` gives for the users of `test`, thousands at a time: for each user the items, best
/// first. Users that the training part does not have are not asked for and have empty lists.
///
/// # Errors
/// Those of `recommend`, and of lists that cannot be measured, such as one with an item twice.
///
/// # Panics
/// If `recommend` does not give a list for every user.
pub fn evaluate_lists(
    test: &TestSet,
    mut evaluator: RankingEvaluator,
    mut recommend: impl FnMut(&[u32]) -> Result<Vec<Vec<u32>>>,
) -> Result<Evaluation> {
    let start = Instant::now();
    let known = test.known_users();
    let mut blocks = test.relevant.rows();
    for first in (0..test.users.len()).step_by(USERS_AT_ONCE) {
        let users = &test.users[first..test.users.len().min(first + USERS_AT_ONCE)];
        // Users that the model does not know come last.
        let asked = &known[first.min(known.len())..known.len().min(first + users.len())];
        let mut lists = recommend(asked)?;
        assert_eq!(lists.len(), asked.len(), "there must be a list for every user");
        lists.resize(users.len(), Vec::new());
        let lists: Vec<UserList<'_>> = users
            .iter()
            .zip(&lists)
            .zip(blocks.by_ref())
            .map(|((&user, recommended), relevant)| UserList::new(user, recommended, relevant))
            .collect();
        evaluator.observe_all(&lists)?;
    }
    let report = evaluator.finish()?;
    Ok(Evaluation { report, seconds: start.elapsed().as_secs_f64() })
}

/// The error with queries counted from the first of all.
pub(crate) fn of_query(error: burn_recsys_retrieval::Error, first: usize) -> Error {
    use burn_recsys_retrieval::Error::NanScore;
    match error {
        NanScore { query, item } => NanScore { query: first + query, item }.into(),
        error => error.into(),
    }
}
