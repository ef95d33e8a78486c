//! Graphs whose edges come and age away.

use super::item_graph::Rows;
use super::{Edge, EdgeReport, Freshness, ItemGraph};
use crate::{Error, Result};

/// A graph that edges are added to and age away from, step by step: a day may be a step.
///
/// Only graphs that age know ages: an [`ItemGraph`] has none. Memory: that of the graph and 4 bytes an edge.
///
/// ```
/// # fn main() -> burn_recsys_data::Result<()> {
/// use burn_recsys_data::graph::{Edge, Freshness, TimedGraph};
///
/// let edge = |source, target| Edge { source, target, weight: 1.0 };
/// let mut timed = TimedGraph::new(3, Freshness { removed_per_step: 1.0, seed: 0 })?;
/// timed.reinforce(&[edge(0, 1), edge(1, 2)])?;
/// timed.advance()?;
/// assert_eq!(timed.graph().n_edges(), 0);
/// timed.reinforce(&[edge(1, 2)])?;
/// assert_eq!(timed.graph().weight(1, 2), Some(1.0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TimedGraph {
    graph: ItemGraph,
    /// The step at which every edge of the graph was last reinforced.
    reinforced: Vec<u32>,
    step: u32,
    freshness: Freshness,
}

impl TimedGraph {
    /// A graph of `n_nodes` nodes without edges, at step 0.
    ///
    /// # Errors
    /// If there are too many nodes or the share of `freshness` is not from 0 to 1.
    pub fn new(n_nodes: usize, freshness: Freshness) -> Result<Self> {
        freshness.validate()?;
        let graph = ItemGraph::without_edges(n_nodes)?;
        Ok(TimedGraph { graph, reinforced: Vec::new(), step: 0, freshness })
    }

    /// Adds the weights of `edges` to the graph, as [`ItemGraph::with_edges`] does; their age is 0 again. An
    /// edge that had been removed comes back with its new weight alone. Edges that are left out, as those of
    /// weight 0, reinforce nothing.
    ///
    /// # Errors
    /// As [`ItemGraph::with_edges`]; the graph is then as it was.
    pub fn reinforce(&mut self, edges: &[Edge]) -> Result<EdgeReport> {
        let (graph, report) = self.graph.with_edges(edges)?;
        let mut reinforced = vec![self.step; graph.n_edges()];
        for source in 0..self.graph.n_nodes() as u32 {
            // Both rows ascend, and the new one holds the old one's targets.
            let mut at = graph.range(source).start;
            for (target, &step) in self.graph.neighbours(source).iter().zip(self.steps(source)) {
                at += graph.neighbours(source)[at - graph.range(source).start..]
                    .partition_point(|t| t < target);
                reinforced[at] = step;
            }
        }
        for edge in edges.iter().filter(|edge| edge.weight > 0.0) {
            if let Ok(at) = graph.neighbours(edge.source).binary_search(&edge.target) {
                reinforced[graph.range(edge.source).start + at] = self.step;
            }
        }
        (self.graph, self.reinforced) = (graph, reinforced);
        Ok(report)
    }

    /// Goes one step on: all edges are a step older, and those that do not survive it are removed, weight and
    /// all. The number of edges removed.
    ///
    /// # Errors
    /// If there have been `u32::MAX` steps.
    pub fn advance(&mut self) -> Result<usize> {
        let Some(step) = self.step.checked_add(1) else {
            let message = format!("there have been {} steps; make a new graph", u32::MAX);
            return Err(Error::Parameter { parameter: "step", message });
        };
        let mut rows = Rows::with_capacity(self.graph.n_nodes(), self.graph.n_edges());
        let mut reinforced = Vec::with_capacity(self.graph.n_edges());
        for source in 0..self.graph.n_nodes() as u32 {
            for ((target, weight), &last) in self.graph.edges_of(source).zip(self.steps(source)) {
                if self.freshness.survives(source, target, last, step - last) {
                    rows.push(target, weight);
                    reinforced.push(last);
                }
            }
            rows.end_row();
        }
        let n_removed = self.graph.n_edges() - reinforced.len();
        (self.graph, self.reinforced, self.step) = (rows.into_graph(), reinforced, step);
        Ok(n_removed)
    }

    /// Makes room for new items: the graph has `n_nodes` nodes.
    ///
    /// # Errors
    /// As [`ItemGraph::grown_to`].
    pub fn grown_to(mut self, n_nodes: usize) -> Result<Self> {
        self.graph = self.graph.grown_to(n_nodes)?;
        Ok(self)
    }

    /// The edges that are there now.
    pub fn graph(&self) -> &ItemGraph {
        &self.graph
    }

    /// The steps since the edge from `source` to `target` was last reinforced; `None` without such an edge.
    ///
    /// # Panics
    /// If there is no node `source`.
    pub fn age(&self, source: u32, target: u32) -> Option<u32> {
        let at = self.graph.neighbours(source).binary_search(&target).ok()?;
        Some(self.step - self.steps(source)[at])
    }

    /// The number of steps so far.
    pub fn step(&self) -> u32 {
        self.step
    }

    fn steps(&self, source: u32) -> &[u32] {
        &self.reinforced[self.graph.range(source)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};
    use std::collections::BTreeMap;

    #[test]
    fn edges_live_as_long_as_they_survive() {
        let freshness = Freshness { removed_per_step: 0.3, seed: 5 };
        let mut timed = TimedGraph::new(20, freshness).unwrap();
        // By hand: weight and step of every edge.
        let mut naive: BTreeMap<(u32, u32), (f32, u32)> = BTreeMap::new();
        for step in 0..12 {
            let mut draws = Random::new(1, Stream::Synthetic, 0).row(u64::from(step));
            let edge =
                |_| Edge { source: draws.below(20), target: draws.below(20), weight: draws.below(3) as f32 };
            let edges: Vec<Edge> = (0..40).map(edge).collect();
            timed.reinforce(&edges).unwrap();
            for edge in edges.iter().filter(|edge| edge.source != edge.target && edge.weight > 0.0) {
                let entry = naive.entry((edge.source, edge.target)).or_default();
                *entry = (entry.0 + edge.weight, step);
            }
            let before = naive.len();
            naive.retain(|&(source, target), entry| {
                freshness.survives(source, target, entry.1, step + 1 - entry.1)
            });
            assert_eq!(timed.advance().unwrap(), before - naive.len());
            let edges = timed.graph().edges().map(|edge| ((edge.source, edge.target), edge.weight));
            assert!(edges.eq(naive.iter().map(|(&pair, entry)| (pair, entry.0))));
            for (&(source, target), entry) in &naive {
                assert_eq!(timed.age(source, target), Some(step + 1 - entry.1));
            }
        }
        assert_eq!((timed.step(), timed.age(0, 0)), (12, None));
    }

    #[test]
    fn a_refused_edge_changes_nothing() {
        let edge = |source, target, weight| Edge { source, target, weight };
        let mut timed = TimedGraph::new(3, Freshness { removed_per_step: 0.1, seed: 0 }).unwrap();
        timed.reinforce(&[edge(0, 1, 1.0)]).unwrap();
        let before = timed.clone();
        assert!(timed.reinforce(&[edge(1, 2, 1.0), edge(0, 2, -1.0)]).is_err());
        assert_eq!(timed, before);
        let mut grown = timed.grown_to(5).unwrap();
        grown.reinforce(&[edge(4, 0, 1.0)]).unwrap();
        assert_eq!((grown.age(0, 1), grown.age(4, 0)), (Some(0), Some(0)));
        assert!(TimedGraph::new(3, Freshness { removed_per_step: 2.0, seed: 0 }).is_err());
    }
}
