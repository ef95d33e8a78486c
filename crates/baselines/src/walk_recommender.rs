//! Items that short walks from a user's items visit.

use std::sync::Arc;

use burn_recsys_data::Csr;
use burn_recsys_data::graph::{EdgeSampler, ItemGraph};
use burn_recsys_data::random::{Random, Stream};
use serde::{Deserialize, Serialize};

use crate::medoids::medoids;
use crate::recent::{WeightedItem, check, n_items, recent_items, score_users};
use crate::{Error, ItemScorer, Result};

/// How a [`WalkRecommender`] walks (Eksombatchai et al. 2018, "Pixie: a system for recommending 3+ billion
/// items to 200+ million users in real-time").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WalkRecommenderConfig {
    /// Where the walks of a user start. Default [`Starts::Recent`].
    pub starts: Starts,
    /// How many items walks start from, at most; from 1. Default 20.
    pub n_starts: usize,
    /// How much less an item counts than the one after it, 0 (only the last) to 1 (all alike). Default 0.95.
    pub decay: f32,
    /// Steps of all walks of a user together, divided among the starts by weight; from 1.
    /// Time grows with it, and so does precision. Default 10,000.
    pub n_steps: usize,
    /// The probability with which a walk that is not at its start goes back there before a step; from 0 to 1.
    /// At 1 walks see the neighbours of the starts alone. Default 0.5.
    pub restart_probability: f64,
    /// Whether items reached from several starts are boosted, as in the paper's equation 3: the score is
    /// `(sum over starts of sqrt(visits))^2` instead of the sum of the visits. Default true.
    pub is_boosted: bool,
    /// Whether the graph's last node is no item, but where walks of users without history start
    /// ([`ItemGraph::with_start_node`]). Default false.
    pub has_start_node: bool,
    /// The seed. Default 0.
    pub seed: u64,
}

/// The items that stand for a history. Each is there once; items that are not in the graph, or from which no
/// edge leads on, are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Starts {
    /// The most recent ones; number k from 0 weighs `decay^k`.
    Recent,
    /// The medoids of clusters of the recent ones, by the neighbours that they share in the graph (Pal et al.
    /// 2020, "PinnerSage: multi-modal user embedding framework for recommendations at Pinterest"). A medoid
    /// weighs as much as the items of its cluster together.
    Medoids {
        /// How many recent items are clustered, at most; from 1. Time grows with its cube.
        max_history: usize,
    },
}

impl Default for WalkRecommenderConfig {
    fn default() -> Self {
        WalkRecommenderConfig {
            starts: Starts::Recent,
            n_starts: 20,
            decay: 0.95,
            n_steps: 10_000,
            restart_probability: 0.5,
            is_boosted: true,
            has_start_node: false,
            seed: 0,
        }
    }
}

impl WalkRecommenderConfig {
    /// A recommender of the items of `graph`.
    ///
    /// # Shapes
    /// - `histories`: row `u` holds the items of user `u` in time order, the most recent last; an item may be
    ///   there more than once
    ///
    /// # Errors
    /// If a parameter is out of range, or the graph lacks the start node.
    pub fn fit(
        &self,
        graph: impl Into<Arc<ItemGraph>>,
        histories: impl Into<Arc<Csr>>,
    ) -> Result<WalkRecommender> {
        let (graph, histories) = (graph.into(), histories.into());
        check("n_starts", self.n_starts, self.decay)?;
        if let Starts::Medoids { max_history } = self.starts {
            check("max_history", max_history, self.decay)?;
        }
        if self.n_steps == 0 {
            let message = "0 steps visit nothing; take 1 or more".into();
            return Err(Error::Parameter { parameter: "n_steps", message });
        }
        if !(0.0..=1.0).contains(&self.restart_probability) {
            let message = format!("{} is not from 0 to 1", self.restart_probability);
            return Err(Error::Parameter { parameter: "restart_probability", message });
        }
        let n_items = n_items(&graph, self.has_start_node)?;
        Ok(WalkRecommender { config: self.clone(), sampler: EdgeSampler::new(graph), histories, n_items })
    }
}

/// Scores an item by how often random walks from the user's items visit it.
///
/// A step follows an edge with a probability proportional to its weight. A walk that comes to a node without
/// edges goes back to its start. Items that the user has met are scored like others: who does not want them
/// leaves them out, as evaluation does.
///
/// Scores are a function of the history, the configuration and the graph alone. Users without a usable item,
/// or without a row of `histories`, start from the start node; without one, all their scores are 0.
#[derive(Debug, Clone)]
pub struct WalkRecommender {
    config: WalkRecommenderConfig,
    sampler: EdgeSampler,
    histories: Arc<Csr>,
    n_items: usize,
}

impl WalkRecommender {
    /// Writes the scores of all items for a user of any, perhaps new, `history`, the most recent item last.
    ///
    /// # Shapes
    /// - `scores`: `[n_items]`
    ///
    /// # Panics
    /// If `scores` has another size.
    pub fn score_history(&self, history: &[u32], scores: &mut [f32]) {
        assert_eq!(scores.len(), self.n_items, "{} scores for {} items", scores.len(), self.n_items);
        scores.fill(0.0);
        let starts = self.starts(history);
        let sum: f32 = starts.iter().map(|start| start.weight).sum();
        let mut visits = Vec::new();
        let mut is_first = true;
        for WeightedItem { item, weight } in starts {
            let n_steps = (self.config.n_steps as f64 * f64::from(weight / sum)).round() as usize;
            // The first start always walks; one whose share is no step does not.
            if n_steps == 0 && !is_first {
                continue;
            }
            is_first = false;
            visits.clear();
            self.walk(item, n_steps.max(1), &mut visits);
            visits.sort_unstable();
            for of_item in visits.chunk_by(|a, b| a == b) {
                // A node that is no item has no score.
                if let Some(score) = scores.get_mut(of_item[0] as usize) {
                    let n = of_item.len() as f32;
                    *score += if self.config.is_boosted { n.sqrt() } else { n };
                }
            }
        }
        if self.config.is_boosted {
            scores.iter_mut().for_each(|score| *score *= *score);
        }
    }

    /// The items that walks for `history` start from, and the share of the steps that each gets.
    pub fn starts_of(&self, history: &[u32]) -> Vec<(u32, f32)> {
        let starts = self.starts(history);
        let sum: f32 = starts.iter().map(|start| start.weight).sum();
        starts.into_iter().map(|start| (start.item, start.weight / sum)).collect()
    }

    fn starts(&self, history: &[u32]) -> Vec<WeightedItem> {
        let WalkRecommenderConfig { starts, n_starts, decay, has_start_node, .. } = self.config;
        let graph = self.sampler.graph();
        let is_usable = |item| (item as usize) < self.n_items && !graph.neighbours(item).is_empty();
        let mut found = match starts {
            Starts::Recent => recent_items(history, n_starts, decay, is_usable),
            Starts::Medoids { max_history } => {
                medoids(graph, &recent_items(history, max_history, decay, is_usable), n_starts)
            }
        };
        if found.is_empty() && has_start_node {
            found.push(WeightedItem { item: self.n_items as u32, weight: 1.0 });
        }
        found
    }

    /// Appends the nodes that `n_steps` steps from `start` come to.
    fn walk(&self, start: u32, n_steps: usize, visits: &mut Vec<u32>) {
        let restart_probability = self.config.restart_probability;
        // The same walk for whoever starts there: scores depend on the history alone.
        let mut draws = Random::new(self.config.seed, Stream::Visits, 0).row(u64::from(start));
        let mut node = start;
        while visits.len() < n_steps {
            if node != start && draws.uniform() < restart_probability {
                node = start;
            }
            match self.sampler.draw(node, &mut draws) {
                Some(next) => {
                    visits.push(next);
                    node = next;
                }
                None if node != start => node = start,
                None => return,
            }
        }
    }
}

impl ItemScorer for WalkRecommender {
    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        score_users(&self.histories, self.n_items, users, scores, |history, row| {
            self.score_history(history, row)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_data::graph::Edge;

    fn graph(n_nodes: usize, edges: &[(u32, u32, f32)]) -> ItemGraph {
        let edge = |&(source, target, weight)| Edge { source, target, weight };
        let edges: Vec<Edge> = edges.iter().map(edge).collect();
        ItemGraph::from_edges(n_nodes, &edges).unwrap().0
    }

    fn scores(config: &WalkRecommenderConfig, graph: &ItemGraph, history: &[u32]) -> Vec<f32> {
        let walks = config.fit(graph.clone(), Csr::from_rows([history])).unwrap();
        let mut scores = vec![f32::NAN; walks.n_items()];
        walks.score(&[0], &mut scores);
        scores
    }

    #[test]
    fn visits_of_a_path_are_known() {
        // 0 -> 1 -> 2 and back to 0 from where no edge leads on: without restarts, steps alternate.
        let graph = graph(4, &[(0, 1, 1.0), (1, 2, 1.0)]);
        let config = WalkRecommenderConfig {
            n_steps: 100,
            restart_probability: 0.0,
            is_boosted: false,
            ..WalkRecommenderConfig::default()
        };
        assert_eq!(scores(&config, &graph, &[0]), [0.0, 50.0, 50.0, 0.0]);
        let restarting = WalkRecommenderConfig { restart_probability: 1.0, ..config.clone() };
        assert_eq!(scores(&restarting, &graph, &[0]), [0.0, 100.0, 0.0, 0.0]);
        // 2 has no edges, 9 is not known: they start nothing. Decay 0.5 gives 1, the last, two thirds.
        let config = WalkRecommenderConfig { decay: 0.5, n_steps: 99, ..restarting };
        assert_eq!(scores(&config, &graph, &[9, 0, 2, 1]), [0.0, 33.0, 66.0, 0.0]);
        for nothing in [&[][..], &[2, 3, 9]] {
            assert_eq!(scores(&config, &graph, nothing), [0.0; 4]);
        }
    }

    #[test]
    fn items_of_several_starts_are_boosted() {
        // Both starts lead to 2; 3 is reached from one alone, but as often as 2 in all.
        let graph = graph(5, &[(0, 2, 1.0), (1, 2, 1.0), (4, 3, 1.0)]);
        let config = WalkRecommenderConfig { n_steps: 300, decay: 1.0, ..WalkRecommenderConfig::default() };
        let found = scores(&config, &graph, &[0, 1, 4]);
        // (2 sqrt(100))^2 and sqrt(100)^2.
        assert_eq!(found, [0.0, 0.0, 400.0, 100.0, 0.0]);
    }

    #[test]
    fn visits_follow_the_distribution_of_the_walk() {
        // With restarts at every step, visits are the edges of the start by weight; with restarts half of
        // the time, an edge further on is followed after half of the steps that came there.
        let graph = graph(4, &[(0, 1, 3.0), (0, 2, 1.0), (1, 3, 1.0)]);
        let config =
            WalkRecommenderConfig { n_steps: 100_000, is_boosted: false, ..WalkRecommenderConfig::default() };
        let found = scores(&config, &graph, &[0]);
        assert_eq!(found.iter().sum::<f32>(), 100_000.0);
        // Per round from 0: one step to 1 (3/4) or 2 (1/4), and from 1 in half of the cases one more.
        let rounds = 1.0 + 0.75 * 0.5;
        for (item, expected) in [(1, 0.75 / rounds), (2, 0.25 / rounds), (3, 0.375 / rounds)] {
            let share = f64::from(found[item]) / 1e5;
            assert!((share - expected).abs() < 0.008, "item {item}: {share}, expected {expected}");
        }
    }

    #[test]
    fn users_without_history_start_where_others_did() {
        let graph = graph(3, &[(0, 1, 1.0)]).with_start_node(&[1, 0, 3]).unwrap();
        let config = WalkRecommenderConfig {
            has_start_node: true,
            is_boosted: false,
            restart_probability: 1.0,
            ..WalkRecommenderConfig::default()
        };
        let walks = config.fit(graph.clone(), Csr::from_rows([&[][..], &[2], &[0]])).unwrap();
        let mut scores = [f32::NAN; 12];
        // User 3 has no row. Item 2 leads nowhere.
        walks.score(&[0, 1, 2, 3], &mut scores);
        assert!((2200.0..2800.0).contains(&scores[0]) && scores[0] + scores[2] == 10_000.0, "{scores:?}");
        assert_eq!(scores[0..3], scores[3..6]);
        assert_eq!(scores[0..3], scores[9..12]);
        assert_eq!(scores[6..9], [0.0, 10_000.0, 0.0]);
        assert_eq!(walks.starts_of(&[]), [(3, 1.0)]);
    }

    #[test]
    fn medoids_stand_for_clusters() {
        let graph = graph(6, &[(0, 4, 1.0), (1, 4, 1.0), (2, 4, 1.0), (3, 5, 1.0)]);
        let config = WalkRecommenderConfig {
            starts: Starts::Medoids { max_history: 10 },
            n_starts: 2,
            decay: 1.0,
            ..WalkRecommenderConfig::default()
        };
        let walks = config.fit(graph, Csr::from_rows::<&[u32]>([])).unwrap();
        assert_eq!(walks.starts_of(&[0, 3, 1, 2]), [(2, 0.75), (3, 0.25)]);
    }

    #[test]
    fn bad_parameters_are_refused() {
        let message = |config: WalkRecommenderConfig| {
            config.fit(graph(2, &[]), Csr::from_rows::<&[u32]>([])).unwrap_err().to_string()
        };
        let default = WalkRecommenderConfig::default;
        for (config, parameter) in [
            (WalkRecommenderConfig { n_starts: 0, ..default() }, "n_starts"),
            (WalkRecommenderConfig { n_steps: 0, ..default() }, "n_steps"),
            (WalkRecommenderConfig { decay: f32::NAN, ..default() }, "decay"),
            (WalkRecommenderConfig { restart_probability: 2.0, ..default() }, "restart_probability"),
            (
                WalkRecommenderConfig { starts: Starts::Medoids { max_history: 0 }, ..default() },
                "max_history",
            ),
        ] {
            assert!(message(config).starts_with(parameter));
        }
    }
}
