//! Items that short walks from the history visit.

use burn_recsys_baselines::{WeightedItem, recent_items};
use burn_recsys_data::random::{Draws, Random, Stream};
use burn_recsys_retrieval::{Hit, ItemFilter};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::best::best;
use crate::neighbour_candidates::check_recency;
use crate::{CandidateGenerator, Error, ItemNeighbours, Result, Visitor};

/// How [`WalkCandidates`] walk (Eksombatchai et al. 2018, "Pixie: a system for recommending 3+ billion items
/// to 200+ million users in real-time").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WalkCandidatesConfig {
    /// How many of the most recent items walks start from, at most; from 1. Default 20.
    pub n_starts: usize,
    /// How much less an item counts than the one after it, 0 (only the last) to 1 (all alike). Default 0.95.
    pub decay: f32,
    /// Steps of all walks of a visit together, divided among the starts by weight; 1 to 10 million. Time grows with
    /// it, and so does precision. Default 2,000.
    pub n_steps: usize,
    /// The probability with which a walk that is not at its start goes back there before a step; from 0 to 1.
    /// Default 0.5.
    pub restart_probability: f64,
    /// Whether items reached from several starts are boosted, as in the paper's equation 3: the score is
    /// `(sum over starts of sqrt(visits))^2` instead of the sum of the visits. Default true.
    pub is_boosted: bool,
    /// The seed. Default 0.
    pub seed: u64,
}

impl Default for WalkCandidatesConfig {
    fn default() -> Self {
        WalkCandidatesConfig {
            n_starts: 20,
            decay: 0.95,
            n_steps: 2_000,
            restart_probability: 0.5,
            is_boosted: true,
            seed: 0,
        }
    }
}

/// A second of walking.
const MOST_STEPS: usize = 10_000_000;

impl WalkCandidatesConfig {
    fn check(&self) -> Result<()> {
        check_recency("n_starts", self.n_starts, self.decay)?;
        if !(1..=MOST_STEPS).contains(&self.n_steps) {
            let message = format!("{}; it is 1 to {MOST_STEPS}", self.n_steps);
            return Err(Error::Parameter { parameter: "n_steps", message });
        }
        if !(0.0..=1.0).contains(&self.restart_probability) {
            let message = format!("{} is not from 0 to 1", self.restart_probability);
            return Err(Error::Parameter { parameter: "restart_probability", message });
        }
        Ok(())
    }
}

/// Items by how often random walks from the history's items visit them.
///
/// A step goes to a neighbour with a probability proportional to its weight; a walk that comes to an item
/// without neighbours goes back to its start. Items that the filter leaves out are walked through.
///
/// The walks are a function of the seed, the visit, the user (of the history, if there is none) and the start:
/// another visit explores other ways, the same one can be replayed.
#[derive(Debug, Clone)]
pub struct WalkCandidates {
    config: WalkCandidatesConfig,
    neighbours: ItemNeighbours,
}

impl WalkCandidates {
    /// Walks among these neighbours.
    ///
    /// # Errors
    /// If a parameter is out of range.
    pub fn new(neighbours: ItemNeighbours, config: WalkCandidatesConfig) -> Result<Self> {
        config.check()?;
        Ok(WalkCandidates { config, neighbours })
    }

    /// Appends the items that `n_steps` steps from `start`, which has neighbours, come to.
    fn walk(&self, start: u32, n_steps: usize, draws: &mut Draws, visits: &mut Vec<u32>) {
        let mut item = start;
        for _ in 0..n_steps {
            if item != start && draws.uniform() < self.config.restart_probability {
                item = start;
            }
            if self.neighbours.row(item).0.is_empty() {
                item = start;
            }
            item = step(self.neighbours.row(item), draws);
            visits.push(item);
        }
    }
}

/// A neighbour drawn with a probability proportional to its weight: one is proposed, and accepted by its
/// weight against the largest, which is the first. No table is needed, so rows can lie in a mapped file.
fn step((items, weights): (&[u32], &[f32]), draws: &mut Draws) -> u32 {
    loop {
        let proposed = draws.below(items.len() as u32) as usize;
        if proposed == 0 || draws.uniform() < f64::from(weights[proposed]) / f64::from(weights[0]) {
            return items[proposed];
        }
    }
}

/// A number for the one who visits, that users and histories do not share.
fn row_of(visitor: &Visitor<'_>) -> u64 {
    match visitor.user {
        Some(user) => u64::from(user),
        None => {
            let hash = |hash: u64, &item: &u32| {
                (hash.rotate_left(5) ^ u64::from(item)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            };
            visitor.history.iter().fold(1, hash) | 1 << 63
        }
    }
}

impl CandidateGenerator for WalkCandidates {
    fn candidates(&self, visitor: &Visitor<'_>, k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
        let WalkCandidatesConfig { n_starts, decay, n_steps, is_boosted, seed, .. } = self.config;
        let is_usable = |item: u32| !self.neighbours.row(item).0.is_empty();
        let starts = recent_items(visitor.history, n_starts, decay, is_usable);
        let sum: f32 = starts.iter().map(|start| start.weight).sum();
        let mut draws = Random::new(seed, Stream::Visits, visitor.visit).row(row_of(visitor));
        let mut visits = Vec::new();
        let mut scores: FxHashMap<u32, f32> = FxHashMap::default();
        for (number, WeightedItem { item, weight }) in starts.into_iter().enumerate() {
            let share = (n_steps as f64 * f64::from(weight / sum)).round() as usize;
            // The first start always walks; one whose share is no step does not.
            visits.clear();
            self.walk(item, if number == 0 { share.max(1) } else { share }, &mut draws, &mut visits);
            visits.sort_unstable();
            for of_item in visits.chunk_by(|a, b| a == b) {
                let n = of_item.len() as f32;
                *scores.entry(of_item[0]).or_default() += if is_boosted { n.sqrt() } else { n };
            }
        }
        let hits = scores.into_iter().filter(|&(item, _)| filter.passes(item));
        let score = |score: f32| if is_boosted { score * score } else { score };
        Ok(best(hits.map(|(item, sum)| Hit { item, score: score(sum) }).collect(), k))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbours(rows: &[&[(u32, f32)]]) -> ItemNeighbours {
        let rows = rows.iter().map(|row| row.iter().map(|&(item, score)| Hit { item, score }).collect());
        ItemNeighbours::from_rows(rows, 9).unwrap()
    }

    fn found(
        neighbours: ItemNeighbours,
        config: &WalkCandidatesConfig,
        visitor: &Visitor<'_>,
        filter: &ItemFilter<'_>,
    ) -> Vec<(u32, f32)> {
        let walks = WalkCandidates::new(neighbours, config.clone()).unwrap();
        walks.candidates(visitor, 9, filter).unwrap().iter().map(|hit| (hit.item, hit.score)).collect()
    }

    #[test]
    fn visits_of_a_path_are_known() {
        // 0 -> 1 -> 2 and back to 0 from where nothing is near: without restarts, steps alternate.
        let path = neighbours(&[&[(1, 1.0)], &[(2, 1.0)], &[]]);
        let config = WalkCandidatesConfig {
            n_steps: 100,
            restart_probability: 0.0,
            is_boosted: false,
            ..Default::default()
        };
        let visitor = Visitor { user: Some(3), history: &[0], visit: 0 };
        let all = ItemFilter::default();
        assert_eq!(found(path.clone(), &config, &visitor, &all), [(1, 50.0), (2, 50.0)]);
        // What is filtered out is walked through.
        let without = ItemFilter { exclude: &[1], allow: &[] };
        assert_eq!(found(path.clone(), &config, &visitor, &without), [(2, 50.0)]);
        let nowhere = Visitor { history: &[2, 9], ..visitor };
        assert_eq!(found(path.clone(), &config, &nowhere, &all), []);
        // Decay 0.5 gives 1, the last, two thirds.
        let config = WalkCandidatesConfig { decay: 0.5, n_steps: 99, restart_probability: 1.0, ..config };
        let visitor = Visitor { history: &[9, 0, 2, 1], ..visitor };
        assert_eq!(found(path, &config, &visitor, &all), [(2, 66.0), (1, 33.0)]);
    }

    #[test]
    fn items_of_several_starts_are_boosted() {
        let graph = neighbours(&[&[(2, 1.0)], &[(2, 1.0)], &[], &[], &[(3, 1.0)]]);
        let config = WalkCandidatesConfig { n_steps: 300, decay: 1.0, ..Default::default() };
        let visitor = Visitor { user: None, history: &[0, 1, 4], visit: 0 };
        let hits = found(graph, &config, &visitor, &ItemFilter::default());
        // (2 sqrt(100))^2 and sqrt(100)^2.
        assert_eq!(hits, [(2, 400.0), (3, 100.0)]);
    }

    #[test]
    fn steps_follow_the_weights() {
        let weights = [4.0f32, 2.0, 1.0, 0.5, 0.5];
        let items = [5, 6, 7, 8, 9];
        let mut draws = Random::new(1, Stream::Visits, 0).row(0);
        let (n, mut counts) = (100_000, [0u32; 5]);
        for _ in 0..n {
            counts[step((&items, &weights), &mut draws) as usize - 5] += 1;
        }
        let terms = counts.iter().zip(weights).map(|(&count, weight)| {
            let expected = f64::from(n) * f64::from(weight) / 8.0;
            (f64::from(count) - expected).powi(2) / expected
        });
        // 4 degrees of freedom: 23.5 is exceeded once in 10,000.
        let chi: f64 = terms.sum();
        assert!(chi < 23.5, "chi-square {chi}, counts {counts:?}");
    }

    #[test]
    fn a_visit_can_be_replayed_and_another_explores() {
        let graph = neighbours(&[&[(1, 1.0), (2, 1.0)], &[(0, 1.0), (2, 1.0)], &[(0, 1.0), (1, 1.0)]]);
        let config = WalkCandidatesConfig { is_boosted: false, ..Default::default() };
        let walk = |user, history: &[u32], visit, seed| {
            let config = WalkCandidatesConfig { seed, ..config.clone() };
            found(graph.clone(), &config, &Visitor { user, history, visit }, &ItemFilter::default())
        };
        let base = walk(Some(0), &[0, 1], 0, 0);
        assert_eq!(base, walk(Some(0), &[0, 1], 0, 0));
        for other in [
            walk(Some(1), &[0, 1], 0, 0),
            walk(None, &[0, 1], 0, 0),
            walk(Some(0), &[0, 1], 1, 0),
            walk(Some(0), &[0, 1], 0, 1),
        ] {
            assert_ne!(base, other);
        }
        let visitor = |history| row_of(&Visitor { user: None, history, visit: 0 });
        assert_ne!(visitor(&[0, 1]), visitor(&[1, 0]));
        assert_ne!(visitor(&[]), visitor(&[0]));
    }

    #[test]
    fn bad_parameters_are_refused() {
        let default = WalkCandidatesConfig::default;
        for (config, parameter) in [
            (WalkCandidatesConfig { n_starts: 0, ..default() }, "n_starts"),
            (WalkCandidatesConfig { n_steps: 0, ..default() }, "n_steps"),
            (WalkCandidatesConfig { decay: f32::NAN, ..default() }, "decay"),
            (WalkCandidatesConfig { restart_probability: 2.0, ..default() }, "restart_probability"),
        ] {
            let error = WalkCandidates::new(neighbours(&[]), config).unwrap_err().to_string();
            assert!(error.starts_with(parameter), "{error}");
        }
    }
}
