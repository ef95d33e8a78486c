//! Random walks: sequences of nodes that follow edges.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{EdgeSampler, ItemGraph};
use crate::random::{Draws, Random, Stream};
use crate::{Error, Result, Sequences};

/// How [`RandomWalks`] go.
///
/// With `p` and `q` 1 a step follows an edge with a probability proportional to its weight (Perozzi et al.
/// 2014, "DeepWalk: online learning of social representations"). Otherwise the node before counts, too
/// (Grover and Leskovec 2016, "node2vec: scalable feature learning for networks", section 3.2): from node v,
/// reached from t, the walk goes to x with a probability proportional to
///
/// ```text
/// w_vx / p   if x is t
/// w_vx       if there is an edge from t to x
/// w_vx / q   otherwise
/// ```
///
/// A first step, and one after a restart, has no node before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomWalksConfig {
    /// The number of nodes of a walk, its start included, from 1. A walk that comes to a node without edges
    /// ends there. Default 80.
    pub walk_length: usize,
    /// The number of walks from every start in an epoch, from 1. Default 10.
    pub walks_per_node: usize,
    /// Return parameter: the larger, the less walks go back at once. From 1e-6 to 1e6. Default 1.
    pub p: f64,
    /// In-out parameter: the larger, the more walks stay near. From 1e-6 to 1e6. Default 1.
    pub q: f64,
    /// The probability with which a walk that is not at its start goes there instead of along an edge; the
    /// start is then in the walk once more. From 0 to 1. Default 0.
    pub restart_probability: f64,
    /// The seed. Default 0.
    pub seed: u64,
}

impl Default for RandomWalksConfig {
    fn default() -> Self {
        RandomWalksConfig {
            walk_length: 80,
            walks_per_node: 10,
            p: 1.0,
            q: 1.0,
            restart_probability: 0.0,
            seed: 0,
        }
    }
}

impl RandomWalksConfig {
    /// Walks on `graph`, from every node.
    ///
    /// # Errors
    /// If a parameter is out of range.
    pub fn walks(&self, graph: impl Into<Arc<ItemGraph>>) -> Result<RandomWalks> {
        self.validate()?;
        let sampler = EdgeSampler::new(graph);
        let graph = sampler.graph();
        let bias = Bias { back: 1.0 / self.p, away: 1.0 / self.q };
        let is_second_order = bias.back != 1.0 || bias.away != 1.0;
        let is_symmetric = is_second_order && graph.is_symmetric();
        let needs_peaks = bias.back > bias.bound() && !sampler.is_uniform();
        let peaks = if needs_peaks { peaks(graph) } else { Vec::new() };
        let bias = is_second_order.then_some(bias);
        Ok(RandomWalks { config: self.clone(), sampler, bias, is_symmetric, peaks, starts: None })
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// If one is out of range.
    pub fn validate(&self) -> Result<()> {
        let refuse = |parameter, message| Err(Error::Parameter { parameter, message });
        for (parameter, value) in [("walk_length", self.walk_length), ("walks_per_node", self.walks_per_node)]
        {
            if value == 0 {
                return refuse(parameter, "0 is no walk; take 1 or more".into());
            }
            if value > MOST {
                return refuse(parameter, format!("{value} is too many; there can be {MOST}"));
            }
        }
        for (parameter, value) in [("p", self.p), ("q", self.q)] {
            if !(1e-6..=1e6).contains(&value) {
                return refuse(parameter, format!("{value} is not from 1e-6 to 1e6"));
            }
        }
        if !(0.0..=1.0).contains(&self.restart_probability) {
            let message = format!("{} is not from 0 to 1", self.restart_probability);
            return refuse("restart_probability", message);
        }
        Ok(())
    }
}

/// What the weight of an edge is multiplied by: `back` to the node before, 1 to its neighbours, `away` to all
/// others.
#[derive(Debug, Clone, Copy)]
struct Bias {
    back: f64,
    away: f64,
}

impl Bias {
    /// The largest factor of nodes other than the one before.
    fn bound(self) -> f64 {
        self.away.max(1.0)
    }
}

/// The largest of the weights from a node.
#[derive(Debug, Clone, Copy)]
struct Peak {
    weight: f32,
    /// Of their sum.
    share: f32,
}

fn peaks(graph: &ItemGraph) -> Vec<Peak> {
    let peak = |node| {
        let weights = graph.weights(node);
        let weight = weights.iter().copied().fold(0.0, f32::max);
        let sum: f64 = weights.iter().copied().map(f64::from).sum();
        Peak { weight, share: (f64::from(weight) / sum) as f32 }
    };
    (0..graph.n_nodes() as u32).into_par_iter().map(peak).collect()
}

/// Random walks on an [`ItemGraph`], computed when they are asked for.
///
/// Second-order steps need no table for every pair of edges: a step of first order is proposed and accepted
/// or not by its bias (Yang et al. 2019, "KnightKing: a fast distributed graph random walk engine"), which
/// gives exactly the stated distribution. What `1/p` has above the other factors is drawn apart, so that one
/// likely step back does not slow all others down. After as many rejections as a node has edges, and at
/// least [`MIN_PROPOSALS`], the step is drawn from all edges at once.
///
/// Sequence `w n + s` is the walk number w from start number s, of n starts; it is a function of the seed,
/// the epoch and its number alone. A node without edges is a sequence of its own.
///
/// Memory beside the graph: that of [`EdgeSampler`], and 8 bytes a node if weights differ and `1/p` is above
/// 1 and `1/q`.
///
/// ```
/// # fn main() -> burn_recsys_data::Result<()> {
/// use burn_recsys_data::Sequences;
/// use burn_recsys_data::graph::{Edge, ItemGraph, RandomWalksConfig};
///
/// let edge = |source, target| Edge { source, target, weight: 1.0 };
/// let (graph, _) = ItemGraph::from_edges(4, &[edge(0, 1), edge(1, 2), edge(2, 3)])?;
/// let config = RandomWalksConfig { walk_length: 5, q: 0.5, ..RandomWalksConfig::default() };
/// let walks = config.walks(graph.undirected())?;
/// let mut items = Vec::new();
/// walks.append(0, 3, &mut items);
/// assert_eq!((items.len(), items[0], items[1]), (5, 3, 2));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RandomWalks {
    config: RandomWalksConfig,
    sampler: EdgeSampler,
    /// `None` if every step is of first order.
    bias: Option<Bias>,
    is_symmetric: bool,
    /// Of the edges from every node, if steps back are drawn apart by weight.
    peaks: Vec<Peak>,
    /// `None` for all nodes.
    starts: Option<Vec<u32>>,
}

/// How many proposals are made before a step looks at all edges, at least.
pub const MIN_PROPOSALS: usize = 16;

/// Nodes of a walk, and walks of a node, at most.
const MOST: usize = 1 << 20;

/// The length of rows that are searched whatever the length of others.
const SHORT_ROW: usize = 64;

impl RandomWalks {
    /// The same walks from these nodes instead of all; a node may be there more than once.
    ///
    /// # Errors
    /// If a node does not exist.
    pub fn starting_at(mut self, starts: Vec<u32>) -> Result<Self> {
        let n_nodes = self.graph().n_nodes();
        if let Some(position) = starts.iter().position(|&node| node as usize >= n_nodes) {
            let message =
                format!("start {position} is node {}, but there are {n_nodes} nodes", starts[position]);
            return Err(Error::Parameter { parameter: "starts", message });
        }
        self.starts = Some(starts);
        Ok(self)
    }

    /// The graph.
    pub fn graph(&self) -> &Arc<ItemGraph> {
        self.sampler.graph()
    }

    fn n_starts(&self) -> usize {
        self.starts.as_ref().map_or(self.graph().n_nodes(), Vec::len)
    }

    /// Where a walk goes from `node`, reached from `previous`; `None` from a node without edges.
    #[inline]
    fn step(&self, previous: Option<u32>, node: u32, draws: &mut Draws) -> Option<u32> {
        match (self.bias, previous) {
            (Some(bias), Some(previous)) => self.biased_step(bias, previous, node, draws),
            _ => self.sampler.draw(node, draws),
        }
    }

    fn biased_step(&self, bias: Bias, previous: u32, node: u32, draws: &mut Draws) -> Option<u32> {
        let degree = self.graph().neighbours(node).len();
        let (bound, least) = (bias.bound(), bias.away.min(1.0));
        let peak = self.peak(node, degree);
        let surplus = (bias.back - bound).max(0.0) * f64::from(peak.share);
        for _ in 0..degree.max(MIN_PROPOSALS) {
            // Below 0 is what steps back have above the bound, if their edge were the heaviest.
            let coin = draws.uniform() * (surplus + bound) - surplus;
            if coin < 0.0 {
                if self.is_accepted_back(peak, previous, node, draws) {
                    return Some(previous);
                }
                continue;
            }
            let next = self.sampler.draw(node, draws)?;
            let is_accepted = if next == previous {
                coin < bias.back
            } else {
                // Only coins between the two factors need to know which it is.
                coin < least || (least < bound && self.is_edge(previous, next) == (bias.away < 1.0))
            };
            if is_accepted {
                return Some(next);
            }
        }
        self.exact_step(bias, previous, node, draws)
    }

    #[inline]
    fn peak(&self, node: u32, degree: usize) -> Peak {
        let equal = || Peak { weight: 1.0, share: 1.0 / degree as f32 };
        self.peaks.get(node as usize).copied().unwrap_or_else(equal)
    }

    /// Whether the edge back is there and as heavy as a draw says.
    fn is_accepted_back(&self, peak: Peak, previous: u32, node: u32, draws: &mut Draws) -> bool {
        if !self.peaks.is_empty() {
            let weight = self.graph().weight(node, previous).unwrap_or(0.0);
            draws.uniform() * f64::from(peak.weight) < f64::from(weight)
        } else {
            self.is_symmetric || self.graph().neighbours(node).binary_search(&previous).is_ok()
        }
    }

    #[inline]
    fn is_edge(&self, source: u32, target: u32) -> bool {
        let graph = self.graph();
        let there = graph.neighbours(source);
        // A short row is near at hand, as the walk was there; the other one would have to be fetched.
        if self.is_symmetric && there.len() > SHORT_ROW {
            let back = graph.neighbours(target);
            if back.len() < there.len() {
                return back.binary_search(&source).is_ok();
            }
        }
        there.binary_search(&target).is_ok()
    }

    /// The inverse of the distribution function over all edges.
    #[cold]
    fn exact_step(&self, bias: Bias, previous: u32, node: u32, draws: &mut Draws) -> Option<u32> {
        let weights = || {
            self.graph().edges_of(node).map(|(next, weight)| {
                let factor = if next == previous {
                    bias.back
                } else if self.is_edge(previous, next) {
                    1.0
                } else {
                    bias.away
                };
                (next, f64::from(weight) * factor)
            })
        };
        let mut rest = draws.uniform() * weights().map(|(_, weight)| weight).sum::<f64>();
        let mut last = None;
        for (next, weight) in weights() {
            last = Some(next);
            if rest < weight {
                break;
            }
            rest -= weight;
        }
        last
    }
}

impl Sequences for RandomWalks {
    fn n_items(&self) -> usize {
        self.graph().n_nodes()
    }

    fn n_sequences(&self) -> usize {
        self.n_starts() * self.config.walks_per_node
    }

    fn append(&self, epoch: u64, index: usize, items: &mut Vec<u32>) {
        let n_sequences = self.n_sequences();
        assert!(index < n_sequences, "sequence {index}, but there are {n_sequences}");
        let RandomWalksConfig { walk_length, restart_probability, seed, .. } = self.config;
        let start = index % self.n_starts();
        let start = self.starts.as_ref().map_or(start as u32, |starts| starts[start]);
        let mut draws = Random::new(seed, Stream::Walks, epoch).row(index as u64);
        let (mut previous, mut node) = (None, start);
        items.push(start);
        for _ in 1..walk_length {
            if node != start && restart_probability > 0.0 && draws.uniform() < restart_probability {
                (previous, node) = (None, start);
            } else if let Some(next) = self.step(previous, node, &mut draws) {
                (previous, node) = (Some(node), next);
            } else {
                break;
            }
            items.push(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Edge;

    fn graph(n_nodes: usize, edges: &[(u32, u32, f32)]) -> ItemGraph {
        let edge = |&(source, target, weight)| Edge { source, target, weight };
        let edges: Vec<Edge> = edges.iter().map(edge).collect();
        ItemGraph::from_edges(n_nodes, &edges).unwrap().0
    }

    /// Seven nodes: 1 is next to 0, 2, 3, 4, and of these 2 and 3 are next to 0.
    fn links() -> Vec<(u32, u32, f32)> {
        vec![
            (0, 1, 1.0),
            (0, 2, 2.0),
            (0, 3, 0.5),
            (1, 2, 3.0),
            (1, 3, 1.0),
            (1, 4, 2.0),
            (4, 5, 1.0),
            (2, 6, 0.25),
        ]
    }

    fn config(p: f64, q: f64) -> RandomWalksConfig {
        RandomWalksConfig { p, q, seed: 11, ..RandomWalksConfig::default() }
    }

    /// The distribution of a step by the definition.
    fn exact(graph: &ItemGraph, p: f64, q: f64, previous: u32, node: u32) -> Vec<f64> {
        let mut weights = vec![0.0; graph.n_nodes()];
        for edge in graph.edges().filter(|edge| edge.source == node) {
            let factor = if edge.target == previous {
                1.0 / p
            } else if graph.weight(previous, edge.target).is_some() {
                1.0
            } else {
                1.0 / q
            };
            weights[edge.target as usize] = f64::from(edge.weight) * factor;
        }
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    fn assert_distribution(counts: &[u32], expected: &[f64], what: &str) {
        let n: u32 = counts.iter().sum();
        let mut chi = 0.0;
        for (&count, probability) in counts.iter().zip(expected) {
            if *probability == 0.0 {
                assert_eq!(count, 0, "{what}");
            } else {
                let mean = probability * f64::from(n);
                chi += (f64::from(count) - mean).powi(2) / mean;
            }
        }
        // At most 6 degrees of freedom: 27.9 is exceeded once in 10,000.
        assert!(chi < 27.9, "{what}: chi-square {chi}, counts {counts:?}, expected {expected:?}");
    }

    #[test]
    fn second_order_steps_follow_the_stated_distribution() {
        let (directed, mut equal) = (graph(7, &links()), links());
        equal.iter_mut().for_each(|edge| edge.2 = 2.0);
        let equal = graph(7, &equal).undirected();
        let mut back = links();
        back.push((1, 0, 1.5));
        for (name, graph) in
            [("weighted", directed.undirected()), ("equal", equal), ("directed", graph(7, &back))]
        {
            for (p, q) in [(0.25, 4.0), (4.0, 0.25), (0.1, 0.5), (2.0, 1.0), (1.0, 2.0), (0.5, 1.0)] {
                let walks = config(p, q).walks(graph.clone()).unwrap();
                let mut draws = Random::new(2, Stream::Walks, 0).row(0);
                for edge in graph.edges().filter(|edge| !graph.neighbours(edge.target).is_empty()) {
                    let (previous, node) = (edge.source, edge.target);
                    let expected = exact(&graph, p, q, previous, node);
                    let mut counts = [[0u32; 7]; 2];
                    for _ in 0..20_000 {
                        let next = walks.step(Some(previous), node, &mut draws).unwrap();
                        counts[0][next as usize] += 1;
                        let bias = walks.bias.unwrap();
                        let next = walks.exact_step(bias, previous, node, &mut draws).unwrap();
                        counts[1][next as usize] += 1;
                    }
                    for counts in counts {
                        let what = format!("{name}, p {p}, q {q}, {previous} to {node}");
                        assert_distribution(&counts, &expected, &what);
                    }
                }
            }
        }
    }

    #[test]
    fn a_step_by_hand() {
        // From 1, reached from 0: back 1/p = 4, to 2 and 3 their weights, to 4 2/q = 0.5.
        let expected = exact(&graph(7, &links()).undirected(), 0.25, 4.0, 0, 1);
        let sum = 4.0 + 3.0 + 1.0 + 0.5;
        assert_eq!(expected, [4.0 / sum, 0.0, 3.0 / sum, 1.0 / sum, 0.5 / sum, 0.0, 0.0]);
    }

    #[test]
    fn extreme_parameters_end() {
        // A leaf can only go back, which p makes a million times less likely than anything else.
        let path = graph(3, &[(0, 1, 1.0), (1, 2, 1.0)]).undirected();
        for (p, q) in [(1e6, 1.0), (1e6, 1e-6), (1e-6, 1e6), (1e6, 1e6)] {
            let walks = RandomWalksConfig { walk_length: 50, ..config(p, q) }.walks(path.clone()).unwrap();
            let mut items = Vec::new();
            walks.append(0, 0, &mut items);
            assert_eq!(items.len(), 50);
            assert!(items.windows(2).all(|pair| path.weight(pair[0], pair[1]).is_some()));
        }
    }

    #[test]
    fn first_order_walks_are_those_of_equal_parameters() {
        // p and q just off 1 take the second-order path, and accept nearly all.
        let graph = graph(7, &links()).undirected();
        let counts = |p, q| {
            let config = RandomWalksConfig { walk_length: 30, walks_per_node: 4000, ..config(p, q) };
            let walks = config.walks(graph.clone()).unwrap();
            let mut counts = vec![[0u32; 7]; 7];
            let mut items = Vec::new();
            for index in 0..walks.n_sequences() {
                items.clear();
                walks.append(0, index, &mut items);
                items.windows(2).for_each(|pair| counts[pair[0] as usize][pair[1] as usize] += 1);
            }
            counts
        };
        let near = 1.0 + 1e-12;
        for (p, q) in [(1.0, 1.0), (near, 1.0 / near)] {
            for (node, counts) in (0u32..).zip(counts(p, q)) {
                let sum: f32 = graph.weights(node).iter().sum();
                let share = |other| f64::from(graph.weight(node, other).unwrap_or(0.0) / sum);
                let expected: Vec<f64> = (0..7).map(share).collect();
                assert_distribution(&counts, &expected, &format!("p {p}, from {node}"));
            }
        }
    }

    #[test]
    fn walks_restart_as_often_as_stated() {
        // On a long directed path every step but a restart leads on.
        let n = 2000;
        let path: Vec<_> = (0..n).map(|node| (node, node + 1, 1.0)).collect();
        let config = RandomWalksConfig {
            walk_length: 1000,
            walks_per_node: 1,
            restart_probability: 0.2,
            ..config(1.0, 2.0)
        };
        let walks = config.walks(graph(n as usize + 1, &path)).unwrap();
        let (mut items, mut restarts, mut chances) = (Vec::new(), 0u32, 0u32);
        for index in 0..100 {
            items.clear();
            walks.append(0, index, &mut items);
            assert_eq!(items.len(), 1000);
            for pair in items.windows(2) {
                assert!(pair[1] == pair[0] + 1 || (pair[1] == items[0] && pair[0] != items[0]));
                chances += u32::from(pair[0] != items[0]);
                restarts += u32::from(pair[1] == items[0]);
            }
        }
        let mean = f64::from(chances) * 0.2;
        assert!((f64::from(restarts) - mean).abs() < 4.0 * (mean * 0.8).sqrt(), "{restarts} of {chances}");
    }

    #[test]
    fn walks_end_where_no_edge_leads_on() {
        let graph = graph(4, &[(0, 1, 1.0), (1, 2, 1.0)]);
        let walks = RandomWalksConfig { walks_per_node: 2, ..config(0.5, 2.0) }.walks(graph).unwrap();
        assert_eq!((walks.n_items(), walks.n_sequences()), (4, 8));
        for (index, expected) in [(0, &[0, 1, 2][..]), (1, &[1, 2]), (2, &[2]), (3, &[3]), (4, &[0, 1, 2])] {
            let mut items = vec![9];
            walks.append(0, index, &mut items);
            assert_eq!((items[0], &items[1..]), (9, expected));
        }
        let walks = walks.starting_at(vec![1, 1, 0]).unwrap();
        let mut items = Vec::new();
        walks.append(0, 5, &mut items);
        assert_eq!((walks.n_sequences(), &items[..]), (6, &[0, 1, 2][..]));
        let message = walks.starting_at(vec![0, 4]).unwrap_err().to_string();
        assert_eq!(message, "starts: start 1 is node 4, but there are 4 nodes");
        let nothing = config(1.0, 1.0).walks(ItemGraph::without_edges(0).unwrap()).unwrap();
        assert_eq!(nothing.n_sequences(), 0);
    }

    #[test]
    fn walks_are_functions_of_epoch_and_number() {
        let graph = Arc::new(graph(7, &links()).undirected());
        let walks = config(0.5, 2.0).walks(graph.clone()).unwrap();
        let walk = |walks: &RandomWalks, epoch, index| {
            let mut items = Vec::new();
            walks.append(epoch, index, &mut items);
            items
        };
        let one: Vec<_> = (0..70).map(|index| walk(&walks, 3, index)).collect();
        let many: Vec<_> = (0..70usize).into_par_iter().map(|index| walk(&walks, 3, index)).collect();
        assert_eq!(one, many);
        assert_ne!(one[0], walk(&walks, 4, 0));
        assert_ne!(one[0], one[7]);
        let other = RandomWalksConfig { seed: 12, ..config(0.5, 2.0) }.walks(graph).unwrap();
        assert_ne!(one[0], walk(&other, 3, 0));
    }

    #[test]
    fn bad_parameters_are_refused() {
        let message = |config: RandomWalksConfig| {
            config.walks(ItemGraph::without_edges(1).unwrap()).unwrap_err().to_string()
        };
        let default = RandomWalksConfig::default;
        assert!(message(RandomWalksConfig { walk_length: 0, ..default() }).starts_with("walk_length: 0"));
        assert!(message(RandomWalksConfig { walks_per_node: 0, ..default() }).starts_with("walks_per_node"));
        assert_eq!(message(config(0.0, 1.0)), "p: 0 is not from 1e-6 to 1e6");
        assert_eq!(message(config(1.0, f64::NAN)), "q: NaN is not from 1e-6 to 1e6");
        let restarts = RandomWalksConfig { restart_probability: 1.5, ..default() };
        assert_eq!(message(restarts), "restart_probability: 1.5 is not from 0 to 1");
    }
}
