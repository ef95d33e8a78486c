//! Which stage lost what.

use burn_recsys_retrieval::Hit;

use crate::{Candidates, Error, Result};

/// Counts what both stages lose, user by user.
#[derive(Debug, Clone)]
pub struct TwoStageTally {
    names: Vec<String>,
    n_users: usize,
    recall: f64,
    retrieval_loss: f64,
    ranking_loss: f64,
    /// For every source the sum of the shares that it found, and that it alone found.
    found: Vec<[f64; 2]>,
}

/// What is lost between held-out items and the answers.
///
/// Of the relevant items of a user, some are in the answer, some were no candidates, and some were candidates
/// but ranked too low: [`recall`](Self::recall) + [`retrieval_loss`](Self::retrieval_loss) +
/// [`ranking_loss`](Self::ranking_loss) = 1. All are means over users of shares of their relevant items.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoStageLoss {
    /// The number of users with relevant items.
    pub n_users: usize,
    /// The share of the relevant items that the answer holds.
    pub recall: f64,
    /// The share that no source found.
    pub retrieval_loss: f64,
    /// The share that was found and is not in the answer.
    pub ranking_loss: f64,
    /// What each source found.
    pub sources: Vec<SourceRecall>,
}

/// What one source found of the relevant items.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRecall {
    /// The source's name.
    pub name: String,
    /// The share that it found.
    pub recall: f64,
    /// The share that it alone found: what would be lost without it.
    pub unique: f64,
}

impl TwoStageTally {
    /// No user yet, for sources of these names.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let found = vec![[0.0; 2]; names.len()];
        TwoStageTally { names, n_users: 0, recall: 0.0, retrieval_loss: 0.0, ranking_loss: 0.0, found }
    }

    /// Counts one user; one without relevant items does not count.
    ///
    /// # Shapes
    /// - `relevant`: ascending and unique
    /// - `answer`: the best of the candidates
    ///
    /// # Errors
    /// If the candidates come from another number of sources, or the answer holds an item that is no candidate
    /// or that is there twice.
    pub fn observe(&mut self, relevant: &[u32], candidates: &Candidates, answer: &[Hit]) -> Result<()> {
        debug_assert!(relevant.is_sorted(), "relevant items must ascend");
        if candidates.n_sources() != self.names.len() {
            let (found, expected) = (candidates.n_sources(), self.names.len());
            return Err(Error::Misfit { what: "sources of candidates".into(), found, expected });
        }
        let mut answered: Vec<u32> = answer.iter().map(|hit| hit.item).collect();
        answered.sort_unstable();
        if let Some(item) = answered.iter().find(|item| candidates.items().binary_search(item).is_err()) {
            let message = format!("item {item} is answered, but no source found it");
            return Err(Error::Parameter { parameter: "answer", message });
        }
        if let Some(pair) = answered.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("item {} is answered twice", pair[0]);
            return Err(Error::Parameter { parameter: "answer", message });
        }
        if relevant.is_empty() {
            return Ok(());
        }
        let share = 1.0 / relevant.len() as f64;
        self.n_users += 1;
        for item in relevant {
            let Ok(position) = candidates.items().binary_search(item) else {
                self.retrieval_loss += share;
                continue;
            };
            if answered.binary_search(item).is_ok() {
                self.recall += share;
            } else {
                self.ranking_loss += share;
            }
            let found = candidates.found(position);
            let is_unique = found.iter().flatten().count() == 1;
            for (sums, _) in self.found.iter_mut().zip(found).filter(|(_, found)| found.is_some()) {
                sums[0] += share;
                sums[1] += if is_unique { share } else { 0.0 };
            }
        }
        Ok(())
    }

    /// The means; `None` without a user.
    pub fn finish(self) -> Option<TwoStageLoss> {
        let n = self.n_users as f64;
        let source = |(name, [recall, unique]): (String, [f64; 2])| SourceRecall {
            name,
            recall: recall / n,
            unique: unique / n,
        };
        (self.n_users > 0).then(|| TwoStageLoss {
            n_users: self.n_users,
            recall: self.recall / n,
            retrieval_loss: self.retrieval_loss / n,
            ranking_loss: self.ranking_loss / n,
            sources: self.names.into_iter().zip(self.found).map(source).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hits(items: &[u32]) -> Vec<Hit> {
        items.iter().map(|&item| Hit { item, score: 0.0 }).collect()
    }

    #[test]
    fn losses_by_hand() {
        let mut tally = TwoStageTally::new(["a", "b"]);
        let candidates = Candidates::merge(&[hits(&[1, 2]), hits(&[2, 3])]);
        // 2 is answered, 3 was found by b alone, 8 and 9 were not found.
        tally.observe(&[2, 3, 8, 9], &candidates, &hits(&[2, 1])).unwrap();
        tally.observe(&[], &candidates, &[]).unwrap();
        tally.observe(&[1], &candidates, &hits(&[1])).unwrap();
        let loss = tally.clone().finish().unwrap();
        assert_eq!((loss.n_users, loss.recall), (2, (0.25 + 1.0) / 2.0));
        assert_eq!((loss.retrieval_loss, loss.ranking_loss), (0.5 / 2.0, 0.25 / 2.0));
        let source = |name: &str, recall, unique| SourceRecall { name: name.into(), recall, unique };
        assert_eq!(loss.sources, [source("a", 1.25 / 2.0, 1.0 / 2.0), source("b", 0.5 / 2.0, 0.25 / 2.0)]);
        assert!(tally.observe(&[1], &candidates, &hits(&[7])).is_err());
        assert!(tally.observe(&[1], &candidates, &hits(&[1, 1])).is_err());
        assert!(tally.observe(&[1], &Candidates::merge(&[]), &[]).is_err());
        assert_eq!(TwoStageTally::new(["a"]).finish(), None);
    }

    proptest! {
        #[test]
        fn everything_is_answered_or_lost_once(
            users in prop::collection::vec(
                (
                    prop::collection::btree_set(0u32..30, 0..8),
                    prop::collection::btree_set(0u32..30, 0..12),
                    prop::collection::btree_set(0u32..30, 0..12),
                    0usize..10,
                ),
                1..20,
            ),
        ) {
            let mut tally = TwoStageTally::new(["a", "b"]);
            for (relevant, a, b, k) in users {
                let list = |set: std::collections::BTreeSet<u32>| hits(&set.into_iter().collect::<Vec<_>>());
                let candidates = Candidates::merge(&[list(a), list(b)]);
                let answer: Vec<Hit> = hits(candidates.items()).into_iter().take(k).collect();
                tally.observe(&relevant.into_iter().collect::<Vec<_>>(), &candidates, &answer).unwrap();
            }
            if let Some(loss) = tally.finish() {
                prop_assert!((loss.recall + loss.retrieval_loss + loss.ranking_loss - 1.0).abs() < 1e-12);
                for source in &loss.sources {
                    prop_assert!(source.unique <= source.recall + 1e-12);
                    prop_assert!(source.recall <= 1.0 - loss.retrieval_loss + 1e-12);
                }
            }
        }
    }
}
