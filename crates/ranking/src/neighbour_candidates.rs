//! Items near those of the history.

use burn_recsys_baselines::{WeightedItem, recent_items};
use burn_recsys_retrieval::{Hit, ItemFilter};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::best::best;
use crate::{CandidateGenerator, Error, ItemNeighbours, Result, Visitor};

/// How [`NeighbourCandidates`] sum.
///
/// The score of item j for a history i_0 (the most recent), i_1, ... is
///
/// ```text
/// sum_{k < n_recent} decay^k w(i_k, j)
/// ```
///
/// with the weights w of the neighbours, as in
/// [`CoVisitationScorer`](burn_recsys_baselines::CoVisitationScorer).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NeighbourCandidatesConfig {
    /// How many items of the history count, each once; from 1. Default 50.
    pub n_recent: usize,
    /// How much less every older item counts, 0 (only the last) to 1 (all alike). Default 0.95.
    pub decay: f32,
}

impl Default for NeighbourCandidatesConfig {
    fn default() -> Self {
        NeighbourCandidatesConfig { n_recent: 50, decay: 0.95 }
    }
}

impl NeighbourCandidatesConfig {
    /// Candidates by these neighbours.
    ///
    /// # Errors
    /// If a parameter is out of range.
    pub fn init(&self, neighbours: ItemNeighbours) -> Result<NeighbourCandidates> {
        check_recency("n_recent", self.n_recent, self.decay)?;
        Ok(NeighbourCandidates { config: self.clone(), neighbours })
    }
}

/// Refuses no items at all, and a decay outside 0 to 1.
pub(crate) fn check_recency(parameter: &'static str, n: usize, decay: f32) -> Result<()> {
    if n == 0 {
        let message = "0 items say nothing of a visitor; take 1 or more".into();
        return Err(Error::Parameter { parameter, message });
    }
    if !(0.0..=1.0).contains(&decay) {
        return Err(Error::Parameter { parameter: "decay", message: format!("{decay} is not from 0 to 1") });
    }
    Ok(())
}

/// The neighbours of the history's items, by the sum of their weights.
#[derive(Debug, Clone)]
pub struct NeighbourCandidates {
    config: NeighbourCandidatesConfig,
    neighbours: ItemNeighbours,
}

impl NeighbourCandidates {
    /// Candidates by these neighbours with the default [`NeighbourCandidatesConfig`].
    pub fn new(neighbours: ItemNeighbours) -> Self {
        NeighbourCandidates { config: NeighbourCandidatesConfig::default(), neighbours }
    }
}

impl CandidateGenerator for NeighbourCandidates {
    fn candidates(&self, visitor: &Visitor<'_>, k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
        let NeighbourCandidatesConfig { n_recent, decay } = self.config;
        let is_known = |item: u32| (item as usize) < self.neighbours.n_items();
        let mut scores: FxHashMap<u32, f32> = FxHashMap::default();
        for WeightedItem { item, weight } in recent_items(visitor.history, n_recent, decay, is_known) {
            let (items, weights) = self.neighbours.row(item);
            for (&other, near) in items.iter().zip(weights) {
                *scores.entry(other).or_default() += weight * near;
            }
        }
        let hits = scores.into_iter().filter(|&(item, _)| filter.passes(item));
        Ok(best(hits.map(|(item, score)| Hit { item, score }).collect(), k))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbours() -> ItemNeighbours {
        let hit = |item, score| Hit { item, score };
        let rows = [vec![hit(1, 0.5), hit(2, 0.25)], vec![hit(2, 1.0)], vec![hit(0, 4.0)], vec![]];
        ItemNeighbours::from_rows(rows, 9).unwrap()
    }

    fn found(config: NeighbourCandidatesConfig, history: &[u32], filter: &ItemFilter<'_>) -> Vec<(u32, f32)> {
        let visitor = Visitor { user: None, history, visit: 0 };
        let hits = config.init(neighbours()).unwrap().candidates(&visitor, 2, filter).unwrap();
        hits.iter().map(|hit| (hit.item, hit.score)).collect()
    }

    #[test]
    fn recent_items_count_more() {
        let config = NeighbourCandidatesConfig { n_recent: 2, decay: 0.5 };
        let all = ItemFilter::default();
        // Item 2 is too long ago; item 9 does not exist.
        assert_eq!(found(config.clone(), &[2, 1, 0, 9], &all), [(2, 0.25 + 0.5), (1, 0.5)]);
        assert_eq!(found(config.clone(), &[], &all), []);
        assert_eq!(found(config.clone(), &[3, 9], &all), []);
        let without = ItemFilter { exclude: &[2], allow: &[] };
        assert_eq!(
            found(NeighbourCandidatesConfig { n_recent: 9, ..config }, &[2, 1, 0], &without),
            [(0, 1.0), (1, 0.5)]
        );
    }

    #[test]
    fn bad_parameters_are_refused() {
        for config in [
            NeighbourCandidatesConfig { n_recent: 0, ..Default::default() },
            NeighbourCandidatesConfig { decay: 1.5, ..Default::default() },
            NeighbourCandidatesConfig { decay: f32::NAN, ..Default::default() },
        ] {
            assert!(config.init(neighbours()).is_err());
        }
    }
}
