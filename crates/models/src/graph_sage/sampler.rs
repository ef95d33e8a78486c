//! Which neighbours a batch looks at, layer by layer.

use std::sync::Arc;

use burn_recsys_data::Csr;
use burn_recsys_data::graph::ItemGraph;
use burn_recsys_data::random::{Draws, Random, Stream};
use burn_recsys_embeddings::JaggedIds;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::TowerRows;

/// Who is next to whom: all that neighbours are drawn from.
pub trait Adjacency: Send + Sync {
    /// The number of nodes; neighbours are below it.
    fn n_nodes(&self) -> usize;

    /// The neighbours of a node, in an order that stays.
    ///
    /// # Panics
    /// If there is no such node.
    fn neighbours(&self, node: u32) -> &[u32];
}

/// Row `n` holds the neighbours of node `n`.
impl Adjacency for Csr {
    fn n_nodes(&self) -> usize {
        self.n_rows()
    }

    fn neighbours(&self, node: u32) -> &[u32] {
        self.row(node)
    }
}

/// The nodes at the other ends of a node's edges, all alike whatever their weights.
impl Adjacency for ItemGraph {
    fn n_nodes(&self) -> usize {
        self.n_nodes()
    }

    fn neighbours(&self, node: u32) -> &[u32] {
        self.neighbours(node)
    }
}

/// Draws the neighbourhoods of a [`GraphSage`](crate::GraphSage), uniformly and without replacement; a node
/// with fewer neighbours than asked for has them all.
///
/// What is drawn for a node in a layer is a function of the seed, the epoch, the node and the layer: not of
/// the batch, so that a node has one vector an epoch whoever is beside it.
#[derive(Debug)]
pub struct NeighbourSampler<G> {
    graph: Arc<G>,
    fan_outs: Vec<usize>,
    seed: u64,
}

impl<G> Clone for NeighbourSampler<G> {
    fn clone(&self) -> Self {
        NeighbourSampler { graph: Arc::clone(&self.graph), fan_outs: self.fan_outs.clone(), seed: self.seed }
    }
}

/// The nodes of a batch, what is known of them, and whom each layer averages.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphSageBatch {
    /// Every node that is read, each once; those of a layer are the first of the layer before.
    nodes: Vec<u32>,
    /// Of the nodes, in their order.
    rows: TowerRows,
    /// The first layer to be computed first.
    hops: Vec<Hop>,
    /// For each node asked for its place among the outputs of the last layer.
    places: Vec<u32>,
}

/// What one layer reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hop {
    /// For each node that the layer gives a vector, the places of its drawn neighbours among the vectors
    /// before. The node itself has the same place there as here.
    pub(super) neighbours: JaggedIds,
}

impl GraphSageBatch {
    /// Every node that is read, each once.
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// What is known of [`nodes`](Self::nodes).
    pub fn rows(&self) -> &TowerRows {
        &self.rows
    }

    /// The number of nodes asked for: rows of the output.
    pub fn n_outputs(&self) -> usize {
        self.places.len()
    }

    pub(super) fn hops(&self) -> &[Hop] {
        &self.hops
    }

    pub(super) fn places(&self) -> &[u32] {
        &self.places
    }
}

impl<G: Adjacency> NeighbourSampler<G> {
    /// Draws at most `fan_outs[0]` neighbours of the nodes asked for, `fan_outs[1]` of each of those, and so on:
    /// as many as the model has layers.
    pub fn new(graph: Arc<G>, fan_outs: Vec<usize>, seed: u64) -> Self {
        NeighbourSampler { graph, fan_outs, seed }
    }

    /// The graph.
    pub fn graph(&self) -> &G {
        &self.graph
    }

    /// At most this many neighbours, layer by layer from the nodes asked for.
    pub fn fan_outs(&self) -> &[usize] {
        &self.fan_outs
    }

    /// The neighbours drawn for a node at a distance of `hop` from those asked for, in the order of the graph.
    ///
    /// # Panics
    /// If there is no such node or no such hop.
    pub fn draw(&self, epoch: u64, hop: usize, node: u32) -> Vec<u32> {
        let all = self.graph.neighbours(node);
        let n = self.fan_outs[hop];
        if all.len() <= n {
            return all.to_vec();
        }
        let row = u64::from(node) * self.fan_outs.len() as u64 + hop as u64;
        let mut draws = Random::new(self.seed, Stream::Neighbours, epoch).row(row);
        subset(all.len() as u32, n as u32, &mut draws).into_iter().map(|at| all[at as usize]).collect()
    }

    /// The batch that gives vectors to `nodes`, in their order, a node any number of times.
    ///
    /// `hidden` are links that are not looked at, in either direction: those that training is to predict.
    ///
    /// # Shapes
    /// - `rows`: one for every node of the graph
    ///
    /// # Panics
    /// If a node is not in the graph, or the rows are not as many as its nodes; the message has both.
    pub fn sample(&self, epoch: u64, nodes: &[u32], hidden: &[[u32; 2]], rows: &TowerRows) -> GraphSageBatch {
        let (n_nodes, n_rows) = (self.graph.n_nodes(), rows.n_rows());
        assert!(n_rows == n_nodes, "{n_rows} rows for a graph of {n_nodes} nodes");
        let hidden: FxHashSet<[u32; 2]> = hidden.iter().flat_map(|&[a, b]| [[a, b], [b, a]]).collect();
        let mut known = Places::default();
        let places = nodes.iter().map(|&node| known.of(node)).collect();
        let mut hops = Vec::with_capacity(self.fan_outs.len());
        for hop in 0..self.fan_outs.len() {
            let (mut values, mut lengths) = (Vec::new(), Vec::new());
            for at in 0..known.nodes.len() {
                let node = known.nodes[at];
                let before = values.len();
                let drawn = self.draw(epoch, hop, node).into_iter();
                let looked_at = drawn.filter(|&neighbour| !hidden.contains(&[node, neighbour]));
                values.extend(looked_at.map(|neighbour| known.of(neighbour)));
                lengths.push((values.len() - before) as u32);
            }
            #[expect(
                clippy::expect_used,
                reason = "a documented limit: more neighbours than a batch may have"
            )]
            let neighbours =
                JaggedIds::new(values, &lengths).expect("at most 2^31 - 1 neighbours in a batch");
            hops.push(Hop { neighbours });
        }
        hops.reverse();
        GraphSageBatch { rows: rows.select(&known.nodes), nodes: known.nodes, hops, places }
    }
}

/// Nodes in the order in which they were met.
#[derive(Default)]
struct Places {
    nodes: Vec<u32>,
    of: FxHashMap<u32, u32>,
}

impl Places {
    fn of(&mut self, node: u32) -> u32 {
        *self.of.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            self.nodes.len() as u32 - 1
        })
    }
}

/// `n` numbers below `all`, ascending, every set of them equally likely (Floyd's method; Bentley 1987,
/// "Programming pearls: a sample of brilliance").
fn subset(all: u32, n: u32, draws: &mut Draws) -> Vec<u32> {
    let mut chosen: Vec<u32> = Vec::with_capacity(n as usize);
    for last in all - n..all {
        let drawn = draws.below(last + 1);
        let number = if chosen.contains(&drawn) { last } else { drawn };
        chosen.push(number);
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldValues, TowerField};

    fn star() -> Arc<Csr> {
        // Node 0 is next to 1 to 9; those to 0 alone; 10 to nobody.
        let rows =
            [(1..10).collect::<Vec<u32>>()].into_iter().chain((1..10).map(|_| vec![0])).chain([vec![]]);
        Arc::new(Csr::from_rows(rows))
    }

    fn rows(n: usize) -> TowerRows {
        let values = vec![FieldValues::Dense((0..n).map(|node| node as f32).collect())];
        TowerRows::new(&[TowerField::dense("number", 1)], values).unwrap()
    }

    #[test]
    fn every_neighbour_is_drawn_equally_often_and_none_twice() {
        let sampler = NeighbourSampler::new(star(), vec![4], 3);
        let (n_epochs, mut counts) = (20_000u64, [0u32; 10]);
        for epoch in 0..n_epochs {
            let drawn = sampler.draw(epoch, 0, 0);
            assert!(drawn.len() == 4 && drawn.is_sorted_by(|a, b| a < b));
            drawn.iter().for_each(|&node| counts[node as usize] += 1);
        }
        // Each of the nine is in a draw with probability p = 4/9. Draws without replacement vary less than
        // independent ones: the sum of squares over n p (1 - p) 9/8 is chi-square with 8 degrees of freedom,
        // above 31.8 once in 10,000.
        let p = 4.0 / 9.0;
        let expected = n_epochs as f64 * p;
        let squares: f64 = counts[1..].iter().map(|&count| (f64::from(count) - expected).powi(2)).sum();
        let chi = squares / (expected * (1.0 - p) * 9.0 / 8.0);
        assert!(chi < 31.8, "{chi} {counts:?}");
    }

    #[test]
    fn a_draw_depends_on_epoch_hop_and_node_alone() {
        let sampler = NeighbourSampler::new(star(), vec![4, 4], 3);
        let batch = sampler.sample(1, &[0, 5], &[], &rows(11));
        assert_eq!(batch, sampler.sample(1, &[0, 5], &[], &rows(11)));
        let draws = |epoch, hop| sampler.draw(epoch, hop, 0);
        assert_eq!(draws(1, 0), sampler.clone().draw(1, 0, 0));
        let others = [draws(2, 0), draws(1, 1), NeighbourSampler::new(star(), vec![4, 4], 4).draw(1, 0, 0)];
        assert!(others.iter().all(|other| *other != draws(1, 0)), "{others:?}");
        // Beside others it is the same.
        let alone = sampler.sample(1, &[0], &[], &rows(11));
        let names = |batch: &GraphSageBatch| -> Vec<u32> {
            let places = batch.hops.last().unwrap().neighbours.bag(0);
            places.iter().map(|&at| batch.nodes[at as usize]).collect()
        };
        assert_eq!(names(&alone), names(&batch));
        assert_eq!(names(&alone), draws(1, 0));
    }

    #[test]
    fn nodes_of_a_layer_are_the_first_of_the_layer_before() {
        let sampler = NeighbourSampler::new(star(), vec![20, 20], 0);
        let batch = sampler.sample(0, &[5, 10, 5], &[], &rows(11));
        assert_eq!(batch.places, [0, 1, 0]);
        assert_eq!(batch.n_outputs(), 3);
        // 5 and 10, then 0, then what is next to 0.
        assert_eq!(batch.nodes, [5, 10, 0, 1, 2, 3, 4, 6, 7, 8, 9]);
        let [first, last] = &batch.hops[..] else { panic!("two hops") };
        assert_eq!((last.neighbours.n_bags(), first.neighbours.n_bags()), (2, 3));
        assert_eq!(last.neighbours.bag(0), [2]);
        assert!(last.neighbours.bag(1).is_empty());
        assert_eq!(first.neighbours.bag(2), [3, 4, 5, 6, 0, 7, 8, 9, 10]);
        assert_eq!(batch.rows, rows(11).select(&batch.nodes));
    }

    #[test]
    fn hidden_links_are_not_looked_at_either_way() {
        let sampler = NeighbourSampler::new(star(), vec![20, 20], 0);
        let batch = sampler.sample(0, &[5, 0], &[[5, 0]], &rows(11));
        let last = &batch.hops[1].neighbours;
        assert!(last.bag(0).is_empty());
        assert_eq!(last.bag(1).len(), 8);
    }
}
