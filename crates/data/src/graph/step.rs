//! Random steps along the edges of a graph.

use std::hint::select_unpredictable;
use std::sync::Arc;

use rayon::prelude::*;

use super::ItemGraph;
use crate::random::Draws;
use crate::sample::alias_slots;

/// Draws edges from a node with a probability proportional to their weights, in constant time.
///
/// If the edges from every single node weigh the same, as they do without weights, nothing is kept beside
/// the graph. Else every node has an alias table, of 12 bytes an edge; a probability differs from the
/// normalised weight as that of [`AliasTable`](crate::AliasTable) does.
#[derive(Debug, Clone)]
pub struct EdgeSampler {
    graph: Arc<ItemGraph>,
    /// The slots of every edge; none if weights need not be looked at.
    slots: Vec<Slot>,
}

/// A slot of an alias table, with nodes for indices, so that a draw looks at one place alone.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The slot gives its own target for coins below this.
    threshold: u32,
    target: u32,
    alias: u32,
}

/// Nodes whose tables are made together.
const BLOCK: usize = 1024;

impl EdgeSampler {
    /// Draws from `graph`; its tables are made on all threads of the current pool.
    pub fn new(graph: impl Into<Arc<ItemGraph>>) -> Self {
        let graph = graph.into();
        let nodes = 0..graph.n_nodes() as u32;
        let is_equal = |node: u32| graph.weights(node).windows(2).all(|pair| pair[0] == pair[1]);
        let slots = if nodes.into_par_iter().all(is_equal) { Vec::new() } else { slots(&graph) };
        EdgeSampler { graph, slots }
    }

    /// The graph.
    pub fn graph(&self) -> &Arc<ItemGraph> {
        &self.graph
    }

    /// Where a random edge from `node` leads; `None` if there is no edge, and then nothing is drawn.
    ///
    /// # Panics
    /// If there is no such node.
    #[inline]
    pub fn draw(&self, node: u32, draws: &mut Draws) -> Option<u32> {
        let range = self.graph.range(node);
        if range.is_empty() {
            return None;
        }
        let (index, coin) = draws.below_and_bits(range.len() as u32);
        if self.slots.is_empty() {
            return Some(self.graph.neighbours(node)[index as usize]);
        }
        let Slot { threshold, target, alias } = self.slots[range.start + index as usize];
        Some(select_unpredictable(coin < threshold, target, alias))
    }

    /// Whether all edges from a node are drawn alike, whichever the node.
    pub fn is_uniform(&self) -> bool {
        self.slots.is_empty()
    }
}

fn slots(graph: &ItemGraph) -> Vec<Slot> {
    let mut all = vec![Slot::default(); graph.n_edges()];
    let mut blocks = Vec::new();
    let mut rest = &mut all[..];
    for first in (0..graph.n_nodes()).step_by(BLOCK) {
        let nodes = first as u32..graph.n_nodes().min(first + BLOCK) as u32;
        let n_edges = nodes.clone().map(|node| graph.neighbours(node).len()).sum();
        let (block, others) = rest.split_at_mut(n_edges);
        blocks.push((nodes, block));
        rest = others;
    }
    blocks.into_par_iter().for_each(|(nodes, block)| {
        let mut slots = block.iter_mut();
        let mut weights = Vec::new();
        for node in nodes {
            let neighbours = graph.neighbours(node);
            weights.clear();
            weights.extend(graph.weights(node).iter().copied().map(f64::from));
            let filled = alias_slots(&weights).zip(neighbours);
            // The node's own slots come last: zip takes from its first side before it sees the end.
            for (((threshold, alias), &target), slot) in filled.zip(&mut slots) {
                *slot = Slot { threshold, target, alias: neighbours[alias as usize] };
            }
        }
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Edge;
    use crate::random::{Random, Stream};

    fn star(weights: &[f32]) -> ItemGraph {
        let edge = |(target, &weight)| Edge { source: 0, target, weight };
        let edges: Vec<Edge> = (1..).zip(weights).map(edge).collect();
        ItemGraph::from_edges(weights.len() + 2, &edges).unwrap().0
    }

    #[test]
    fn edges_are_drawn_by_weight() {
        for weights in [&[1.0, 2.0, 4.0, 0.5, 0.5][..], &[3.0; 5]] {
            let sampler = EdgeSampler::new(star(weights));
            assert_eq!(sampler.is_uniform(), weights[0] == weights[1]);
            let mut draws = Random::new(4, Stream::Walks, 0).row(0);
            let (n, mut counts) = (100_000, [0u32; 5]);
            for _ in 0..n {
                counts[sampler.draw(0, &mut draws).unwrap() as usize - 1] += 1;
            }
            let sum: f32 = weights.iter().sum();
            let terms = counts.iter().zip(weights).map(|(&count, weight)| {
                let expected = f64::from(n) * f64::from(weight / sum);
                (f64::from(count) - expected).powi(2) / expected
            });
            // 4 degrees of freedom: 23.5 is exceeded once in 10,000.
            let chi: f64 = terms.sum();
            assert!(chi < 23.5, "chi-square {chi}, counts {counts:?}");
            // A node without edges.
            assert_eq!(sampler.draw(1, &mut draws), None);
        }
    }
}
