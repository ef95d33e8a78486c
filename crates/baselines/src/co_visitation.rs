//! Items that are related to what a user met last.

use std::sync::Arc;

use burn_recsys_data::Csr;
use burn_recsys_data::graph::ItemGraph;
use serde::{Deserialize, Serialize};

use crate::recent::{WeightedItem, check, n_items, recent_items, score_users};
use crate::{ItemScorer, Result};

/// How a [`CoVisitationScorer`] sums.
///
/// The score of item j for a user whose items are i_0 (the most recent), i_1, ... is
///
/// ```text
/// sum_{k < n_recent} decay^k r(i_k, j)
/// ```
///
/// with the weights r of the edges of a graph, such as the relatedness of
/// [`CoVisitationConfig`](burn_recsys_data::graph::CoVisitationConfig).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CoVisitationScorerConfig {
    /// How many items of the history count, each once; from 1. Default 50.
    pub n_recent: usize,
    /// How much less every older item counts, 0 (only the last) to 1 (all alike). Default 0.95.
    pub decay: f32,
    /// Whether the graph's last node is no item, but the start of users without history, who get the weights
    /// of its edges ([`ItemGraph::with_start_node`]). Default false.
    pub has_start_node: bool,
}

impl Default for CoVisitationScorerConfig {
    fn default() -> Self {
        CoVisitationScorerConfig { n_recent: 50, decay: 0.95, has_start_node: false }
    }
}

impl CoVisitationScorerConfig {
    /// A scorer of the items of `graph`.
    ///
    /// # Shapes
    /// - `histories`: row `u` holds the items of user `u` in time order, the most recent last; an item may be
    ///   there more than once, and items that are not in the graph are passed over
    ///
    /// # Errors
    /// If a parameter is out of range, or the graph lacks the start node.
    pub fn fit(
        &self,
        graph: impl Into<Arc<ItemGraph>>,
        histories: impl Into<Arc<Csr>>,
    ) -> Result<CoVisitationScorer> {
        let (graph, histories) = (graph.into(), histories.into());
        check("n_recent", self.n_recent, self.decay)?;
        let n_items = n_items(&graph, self.has_start_node)?;
        Ok(CoVisitationScorer { config: self.clone(), graph, histories, n_items })
    }
}

/// Scores items by their relatedness to the recent items of the user.
///
/// Users without an item of the graph get 0 for every item, or the start node's weights; so do users that
/// have no row of `histories`.
#[derive(Debug, Clone)]
pub struct CoVisitationScorer {
    config: CoVisitationScorerConfig,
    graph: Arc<ItemGraph>,
    histories: Arc<Csr>,
    n_items: usize,
}

impl CoVisitationScorer {
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
        let CoVisitationScorerConfig { n_recent, decay, has_start_node } = self.config;
        let mut items = recent_items(history, n_recent, decay, |item| (item as usize) < self.n_items);
        if items.is_empty() && has_start_node {
            items.push(WeightedItem { item: self.n_items as u32, weight: 1.0 });
        }
        for WeightedItem { item, weight } in items {
            for (&other, relatedness) in self.graph.neighbours(item).iter().zip(self.graph.weights(item)) {
                // An edge to the start node is none to an item.
                if let Some(score) = scores.get_mut(other as usize) {
                    *score += weight * relatedness;
                }
            }
        }
    }
}

impl ItemScorer for CoVisitationScorer {
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

    fn graph() -> ItemGraph {
        let edges = [(0, 1, 0.5), (0, 2, 0.25), (1, 2, 1.0), (2, 0, 4.0)];
        let edges = edges.map(|(source, target, weight)| Edge { source, target, weight });
        ItemGraph::from_edges(4, &edges).unwrap().0
    }

    #[test]
    fn recent_items_count_more() {
        let config = CoVisitationScorerConfig { n_recent: 2, decay: 0.5, has_start_node: false };
        let histories = Csr::from_rows([&[2u32, 1, 0][..], &[], &[99, 3]]);
        let scorer = config.fit(graph(), histories).unwrap();
        let mut scores = [f32::NAN; 16];
        // User 3 is not known.
        scorer.score(&[0, 1, 2, 3], &mut scores);
        assert_eq!(scores[..4], [0.0, 0.5, 0.25 + 0.5, 0.0]);
        assert_eq!(scores[4..], [0.0; 12]);
    }

    #[test]
    fn users_without_history_begin_as_others_did() {
        let config = CoVisitationScorerConfig { has_start_node: true, ..Default::default() };
        let graph = graph().with_start_node(&[3, 0, 1, 0]).unwrap();
        let scorer = config.fit(graph, Csr::from_rows([&[][..], &[4], &[1]])).unwrap();
        let mut scores = [f32::NAN; 12];
        scorer.score(&[0, 1, 2], &mut scores);
        assert_eq!(scores, [3.0, 0.0, 1.0, 0.0, 3.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn bad_parameters_are_refused() {
        let message = |config: CoVisitationScorerConfig, graph: ItemGraph| {
            config.fit(graph, Csr::from_rows::<&[u32]>([])).unwrap_err().to_string()
        };
        let default = CoVisitationScorerConfig::default;
        assert!(
            message(CoVisitationScorerConfig { n_recent: 0, ..default() }, graph()).starts_with("n_recent")
        );
        let decay = CoVisitationScorerConfig { decay: 1.5, ..default() };
        assert_eq!(message(decay, graph()), "decay: 1.5 is not from 0 to 1");
        let start = CoVisitationScorerConfig { has_start_node: true, ..default() };
        let nothing = ItemGraph::without_edges(0).unwrap();
        assert!(message(start, nothing).starts_with("has_start_node: the graph has no node"));
    }
}
