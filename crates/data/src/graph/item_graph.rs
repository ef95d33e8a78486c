//! Weighted directed graphs in compressed rows.

use super::edges::Grouped;
use super::{Edge, EdgeReport, Relation};
use crate::{Error, Result};

/// A weighted directed graph in compressed rows.
///
/// Weights are above 0, no node has an edge to itself, and there is at most one edge from a node to another.
/// Nodes without edges are nodes like any other, and a graph may have no edges at all, or no nodes.
///
/// Memory: 8 bytes an edge and 8 a node. Building takes 8 bytes more for every edge given, beside the edges.
///
/// ```
/// # fn main() -> burn_recsys_data::Result<()> {
/// use burn_recsys_data::graph::{Edge, ItemGraph};
///
/// let edge = |source, target, weight| Edge { source, target, weight };
/// let (graph, report) = ItemGraph::from_edges(4, &[edge(0, 2, 1.0), edge(0, 1, 2.0), edge(0, 2, 0.5)])?;
/// assert_eq!(graph.neighbours(0), [1, 2]);
/// assert_eq!(graph.weights(0), [2.0, 1.5]);
/// assert_eq!(report.n_duplicates, 1);
/// assert_eq!(graph.undirected().weight(2, 0), Some(1.5));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ItemGraph {
    /// `offsets[n]..offsets[n + 1]` are the edges from node `n`; `n_nodes + 1` entries.
    offsets: Vec<usize>,
    /// Ascending and unique within a row.
    targets: Vec<u32>,
    weights: Vec<f32>,
}

impl ItemGraph {
    /// A graph of `n_nodes` nodes without edges.
    ///
    /// # Errors
    /// If there are more nodes than `u32` can number.
    pub fn without_edges(n_nodes: usize) -> Result<Self> {
        if u32::try_from(n_nodes).is_err() {
            let message = format!("{n_nodes}; a graph has at most {}", u32::MAX);
            return Err(Error::Parameter { parameter: "n_nodes", message });
        }
        Ok(ItemGraph { offsets: vec![0; n_nodes + 1], targets: Vec::new(), weights: Vec::new() })
    }

    /// A graph of these edges. The weights of duplicates are summed, in the order given; edges from a node
    /// to itself and edges of weight 0 are left out; the report says how many.
    ///
    /// # Errors
    /// If a node is not below `n_nodes`, a weight is negative or not finite, or a sum is too large; the
    /// message says which.
    pub fn from_edges(n_nodes: usize, edges: &[Edge]) -> Result<(Self, EdgeReport)> {
        ItemGraph::without_edges(n_nodes)?.with_edges(edges)
    }

    /// A graph of the edges of all relations, as [`from_edges`](Self::from_edges) of their weights times
    /// that of the relation.
    ///
    /// # Errors
    /// As [`from_edges`](Self::from_edges), and if the weight of a relation is negative or not finite.
    pub fn from_relations(n_nodes: usize, relations: &[Relation<'_>]) -> Result<(Self, EdgeReport)> {
        ItemGraph::from_edges(n_nodes, &Relation::weighted(n_nodes, relations)?)
    }

    /// This graph and more edges: exactly the graph that [`from_edges`](Self::from_edges) makes of all edges,
    /// those of this graph first. Only the new edges are sorted; a duplicate is also one of an edge that was
    /// there before.
    ///
    /// # Errors
    /// As [`from_edges`](Self::from_edges).
    pub fn with_edges(&self, edges: &[Edge]) -> Result<(Self, EdgeReport)> {
        let (added, mut report) = Grouped::new(self.n_nodes(), edges)?;
        let mut rows = Rows::with_capacity(self.n_nodes(), self.n_edges() + added.n_edges());
        for node in 0..self.n_nodes() {
            let mut olds = self.edges_of(node as u32).peekable();
            let mut news = added.row(node).iter().copied().peekable();
            loop {
                let target = match (olds.peek(), news.peek()) {
                    (Some(old), Some(new)) => old.0.min(new.0),
                    (Some(old), None) => old.0,
                    (None, Some(new)) => new.0,
                    (None, None) => break,
                };
                let old = olds.next_if(|old| old.0 == target);
                let (mut n, mut weight) = (usize::from(old.is_some()), old.map_or(0.0, |old| old.1));
                while let Some(new) = news.next_if(|new| new.0 == target) {
                    weight += new.1;
                    n += 1;
                }
                if !weight.is_finite() {
                    let message = format!("the weights from {node} to {target} are too large to be summed");
                    return Err(Error::Parameter { parameter: "edges", message });
                }
                report.n_duplicates += n - 1;
                rows.push(target, weight);
            }
            rows.end_row();
        }
        Ok((rows.into_graph(), report))
    }

    /// The same graph with more nodes, which have no edges yet: room for new items.
    ///
    /// # Errors
    /// If `n_nodes` is below the number of nodes, or more than `u32` can number.
    pub fn grown_to(mut self, n_nodes: usize) -> Result<Self> {
        if n_nodes < self.n_nodes() || u32::try_from(n_nodes).is_err() {
            let message = format!("{n_nodes} is not from {} to {}", self.n_nodes(), u32::MAX);
            return Err(Error::Parameter { parameter: "n_nodes", message });
        }
        self.offsets.resize(n_nodes + 1, self.targets.len());
        Ok(self)
    }

    /// The graph with every edge in both directions: the weight between two nodes is the sum of those there
    /// and back. A sum too large for `f32` is its largest number.
    pub fn undirected(&self) -> Self {
        let back = self.transposed();
        let mut rows = Rows::with_capacity(self.n_nodes(), self.n_edges() + back.n_edges());
        for node in 0..self.n_nodes() as u32 {
            let mut there = self.edges_of(node).peekable();
            let mut back = back.edges_of(node).peekable();
            loop {
                let (target, weight) = match (there.peek().copied(), back.peek().copied()) {
                    (Some(a), Some(b)) if a.0 == b.0 => (a.0, a.1 + b.1),
                    (Some(a), Some(b)) => {
                        if a.0 < b.0 {
                            a
                        } else {
                            b
                        }
                    }
                    (Some(edge), None) | (None, Some(edge)) => edge,
                    (None, None) => break,
                };
                there.next_if(|edge| edge.0 == target);
                back.next_if(|edge| edge.0 == target);
                rows.push(target, weight.min(f32::MAX));
            }
            rows.end_row();
        }
        rows.into_graph()
    }

    /// The graph with every edge turned round.
    pub fn transposed(&self) -> Self {
        let mut offsets = vec![0; self.n_nodes() + 1];
        self.targets.iter().for_each(|&target| offsets[target as usize + 1] += 1);
        for node in 0..self.n_nodes() {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let (mut targets, mut weights) = (vec![0; self.n_edges()], vec![0.0; self.n_edges()]);
        for edge in self.edges() {
            let at = &mut next[edge.target as usize];
            targets[*at] = edge.source;
            weights[*at] = edge.weight;
            *at += 1;
        }
        ItemGraph { offsets, targets, weights }
    }

    /// The graph with weight 1 for every edge.
    pub fn unweighted(mut self) -> Self {
        self.weights.fill(1.0);
        self
    }

    /// The number of nodes, those without edges included.
    pub fn n_nodes(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of edges; one in both directions is two.
    pub fn n_edges(&self) -> usize {
        self.targets.len()
    }

    /// The nodes that edges from `node` lead to, ascending.
    ///
    /// # Panics
    /// If there is no such node.
    #[inline]
    pub fn neighbours(&self, node: u32) -> &[u32] {
        &self.targets[self.range(node)]
    }

    /// The weights of the edges from `node`, in the order of [`neighbours`](Self::neighbours).
    ///
    /// # Panics
    /// If there is no such node.
    #[inline]
    pub fn weights(&self, node: u32) -> &[f32] {
        &self.weights[self.range(node)]
    }

    /// The weight of the edge from `source` to `target`; `None` without one, or if `target` is not a node.
    ///
    /// # Panics
    /// If there is no node `source`.
    pub fn weight(&self, source: u32, target: u32) -> Option<f32> {
        let at = self.neighbours(source).binary_search(&target).ok()?;
        Some(self.weights(source)[at])
    }

    /// All edges, ascending by source, then by target.
    pub fn edges(&self) -> impl Iterator<Item = Edge> {
        (0..self.n_nodes() as u32).flat_map(move |source| {
            self.edges_of(source).map(move |(target, weight)| Edge { source, target, weight })
        })
    }

    /// Whether every edge has one back, of whatever weight. Costs a pass over the edges, less if not.
    pub fn is_symmetric(&self) -> bool {
        // Sources come ascending, so the sources of the edges to a node must be its own row, one by one.
        let mut next = self.offsets[..self.n_nodes()].to_vec();
        self.edges().all(|edge| {
            let at = &mut next[edge.target as usize];
            let is_back = *at < self.offsets[edge.target as usize + 1] && self.targets[*at] == edge.source;
            *at += 1;
            is_back
        })
    }

    /// Where the edges from `node` are among all.
    #[inline]
    pub(super) fn range(&self, node: u32) -> std::ops::Range<usize> {
        self.offsets[node as usize]..self.offsets[node as usize + 1]
    }

    /// The edges from `node`: target and weight, ascending by target.
    pub(super) fn edges_of(&self, node: u32) -> impl Iterator<Item = (u32, f32)> {
        self.neighbours(node).iter().copied().zip(self.weights(node).iter().copied())
    }
}

/// A graph that is written row by row.
pub(super) struct Rows(ItemGraph);

impl Rows {
    pub(super) fn with_capacity(n_nodes: usize, n_edges: usize) -> Self {
        let mut offsets = Vec::with_capacity(n_nodes + 1);
        offsets.push(0);
        Rows(ItemGraph {
            offsets,
            targets: Vec::with_capacity(n_edges),
            weights: Vec::with_capacity(n_edges),
        })
    }

    /// Adds an edge to the row; its target is above those before, and its weight is above 0 and finite.
    pub(super) fn push(&mut self, target: u32, weight: f32) {
        self.0.targets.push(target);
        self.0.weights.push(weight);
    }

    pub(super) fn end_row(&mut self) {
        self.0.offsets.push(self.0.targets.len());
    }

    pub(super) fn into_graph(mut self) -> ItemGraph {
        self.0.targets.shrink_to_fit();
        self.0.weights.shrink_to_fit();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edge(source: u32, target: u32, weight: f32) -> Edge {
        Edge { source, target, weight }
    }

    #[test]
    fn edges_are_sorted_and_summed() {
        let edges = [
            edge(2, 0, 1.0),
            edge(0, 3, 0.5),
            edge(0, 1, 2.0),
            edge(1, 1, 9.0),
            edge(0, 3, 0.25),
            edge(3, 0, 0.0),
            edge(1, 1, 0.0),
        ];
        let (graph, report) = ItemGraph::from_edges(5, &edges).unwrap();
        assert_eq!((graph.n_nodes(), graph.n_edges()), (5, 3));
        assert_eq!((graph.neighbours(0), graph.weights(0)), (&[1, 3][..], &[2.0, 0.75][..]));
        assert_eq!((graph.neighbours(2), graph.weights(2)), (&[0][..], &[1.0][..]));
        for node in [1, 3, 4] {
            assert_eq!(graph.neighbours(node), [0u32; 0]);
        }
        let expected = EdgeReport { n_given: 7, n_duplicates: 1, n_self_loops: 2, n_zero_weights: 1 };
        assert_eq!(report, expected);
        assert_eq!([graph.weight(0, 3), graph.weight(3, 0), graph.weight(0, 99)], [Some(0.75), None, None]);
        let both = graph.undirected();
        assert_eq!((both.neighbours(0), both.weights(0)), (&[1, 2, 3][..], &[2.0, 1.0, 0.75][..]));
        assert!(both.is_symmetric() && !graph.is_symmetric());
        assert_eq!(both.unweighted().weights(0), [1.0; 3]);
    }

    #[test]
    fn a_graph_may_be_empty() {
        for n_nodes in [0, 3] {
            let (graph, report) = ItemGraph::from_edges(n_nodes, &[]).unwrap();
            assert_eq!((graph.n_nodes(), graph.n_edges()), (n_nodes, 0));
            assert_eq!(report, EdgeReport::default());
            assert!(graph.is_symmetric());
            assert_eq!(graph.undirected(), graph);
        }
    }

    #[test]
    fn bad_edges_are_refused_by_position() {
        let message = |edges: &[Edge]| ItemGraph::from_edges(3, edges).unwrap_err().to_string();
        for bad in [-1.0, f32::NAN, f32::INFINITY] {
            let message = message(&[edge(0, 1, 1.0), edge(2, 2, bad)]);
            let expected =
                format!("edges: edge 1, from 2 to 2, has weight {bad}; it must be a finite number");
            assert!(message.starts_with(&expected), "{message}");
        }
        assert_eq!(
            message(&[edge(0, 3, 1.0)]),
            "edges: edge 0, from 0 to 3: there is no node 3, only 3 nodes"
        );
        assert_eq!(
            message(&[edge(0, 1, f32::MAX), edge(0, 1, f32::MAX)]),
            "edges: the weights from 0 to 1 are too large to be summed"
        );
        assert!(ItemGraph::from_edges(usize::MAX, &[]).unwrap_err().to_string().starts_with("n_nodes: "));
    }

    #[test]
    fn relations_have_weights() {
        let (bought, viewed) = ([edge(0, 1, 1.0)], [edge(0, 1, 1.0), edge(1, 2, 2.0)]);
        let relation = |weight, edges| Relation { weight, edges };
        let graph = |relations: &[Relation<'_>]| ItemGraph::from_relations(3, relations);
        let (both, report) = graph(&[relation(1.0, &bought), relation(0.25, &viewed)]).unwrap();
        assert_eq!([both.weight(0, 1), both.weight(1, 2)], [Some(1.25), Some(0.5)]);
        assert_eq!(report.n_duplicates, 1);
        let (one, report) = graph(&[relation(1.0, &bought), relation(0.0, &viewed)]).unwrap();
        assert_eq!((one.n_edges(), report.n_zero_weights), (1, 2));
        let message = |relations: &[Relation<'_>]| graph(relations).unwrap_err().to_string();
        assert!(message(&[relation(-1.0, &bought)]).starts_with("relations: relation 0 has weight -1"));
        let unknown = [edge(0, 1, 1.0), edge(0, 9, 1.0)];
        assert!(
            message(&[relation(1.0, &bought), relation(1.0, &unknown)])
                .starts_with("relations: relation 1, edge 1, from 0 to 9: there is no node 9")
        );
        assert!(message(&[relation(f32::MAX, &viewed)]).contains("edge 1: weight 2 times"));
    }

    #[test]
    fn new_nodes_have_no_edges() {
        let (graph, _) = ItemGraph::from_edges(2, &[edge(1, 0, 1.0)]).unwrap();
        assert!(graph.clone().grown_to(1).is_err());
        let grown = graph.grown_to(4).unwrap();
        assert_eq!((grown.n_nodes(), grown.neighbours(3).len()), (4, 0));
        assert_eq!(grown.with_edges(&[edge(3, 0, 1.0)]).unwrap().0.neighbours(3), [0]);
    }

    fn any_edges() -> impl Strategy<Value = Vec<Edge>> {
        let weight = prop_oneof![Just(0.0), 1e-3f32..1e3];
        proptest::collection::vec((0u32..8, 0u32..8, weight).prop_map(|(s, t, w)| edge(s, t, w)), 0..60)
    }

    proptest! {
        #[test]
        fn edges_may_come_in_parts(edges in any_edges(), cut in 0usize..60) {
            let (first, rest) = edges.split_at(cut.min(edges.len()));
            let (whole, report) = ItemGraph::from_edges(8, &edges).unwrap();
            let (part, first_report) = ItemGraph::from_edges(8, first).unwrap();
            let (sum, rest_report) = part.with_edges(rest).unwrap();
            prop_assert_eq!(&sum, &whole);
            prop_assert_eq!(first_report.n_duplicates + rest_report.n_duplicates, report.n_duplicates);
            prop_assert_eq!(
                whole.n_edges() + report.n_duplicates + report.n_self_loops + report.n_zero_weights,
                edges.len()
            );
            // Its own edges make it again.
            let own: Vec<Edge> = whole.edges().collect();
            prop_assert_eq!(&ItemGraph::from_edges(8, &own).unwrap().0, &whole);
        }

        #[test]
        fn both_directions_weigh_the_same(edges in any_edges()) {
            let (graph, _) = ItemGraph::from_edges(8, &edges).unwrap();
            let both = graph.undirected();
            prop_assert!(both.is_symmetric());
            prop_assert_eq!(&both.transposed(), &both);
            prop_assert_eq!(&graph.transposed().transposed(), &graph);
            let naive = graph.edges().all(|edge| graph.weight(edge.target, edge.source).is_some());
            prop_assert_eq!(graph.is_symmetric(), naive);
            for u in 0..8 {
                for v in 0..8 {
                    let sum = graph.weight(u, v).unwrap_or(0.0) + graph.weight(v, u).unwrap_or(0.0);
                    prop_assert_eq!(both.weight(u, v).unwrap_or(0.0), sum);
                }
            }
        }
    }
}
