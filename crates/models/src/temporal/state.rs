//! What a temporal graph network has seen so far.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{TemporalError, TemporalEvents};

/// The memory of every node, the messages that wait for it, and the last neighbours of every node: all that
/// changes as events pass, apart from the weights, which do not.
///
/// It is on the host and as explicit as any value: clone it to go back, serialise it to save. What an event
/// costs depends on the nodes that it touches, not on how many there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Columns", into = "Columns")]
pub struct TemporalState {
    columns: Columns,
}

/// The fields of a state, one value or row for each node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Columns {
    sizes: StateSizes,
    /// `[n_nodes, d_memory]`
    memory: Vec<f32>,
    /// The time of the last message that is in the memory; `NEVER` before the first.
    updated: Vec<i64>,
    /// The time of the message that waits; `NEVER` if none does.
    waits: Vec<i64>,
    /// The seconds from `updated` to `waits`.
    deltas: Vec<f32>,
    /// The node at the other end of the event that waits.
    others: Vec<u32>,
    /// Its memory as it was then, `[n_nodes, d_memory]`.
    other_memory: Vec<f32>,
    /// Of the event that waits, `[n_nodes, d_features]`.
    features: Vec<f32>,
    /// How many neighbours a node has met. The one met as number `i` is in place `i % n_neighbours`.
    met: Vec<u64>,
    /// `[n_nodes, n_neighbours]`
    neighbours: Vec<u32>,
    /// `[n_nodes, n_neighbours]`
    neighbour_times: Vec<i64>,
    /// `[n_nodes, n_neighbours, d_features]`
    neighbour_features: Vec<f32>,
}

const NEVER: i64 = i64::MIN;

/// The sizes of a [`TemporalState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSizes {
    /// Nodes are below it.
    pub n_nodes: usize,
    /// The size of a node's memory.
    pub d_memory: usize,
    /// The number of features of an event.
    pub d_features: usize,
    /// The most neighbours that are kept of a node, the last ones.
    pub n_neighbours: usize,
}

/// A node and the moment at which its vector is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporalQuery {
    /// The node.
    pub node: u32,
    /// In seconds; not before the events that the state has seen.
    pub time: i64,
}

/// What a forward pass reads of a state, copied out of it: the nodes asked for, their last neighbours and the
/// messages that wait for any of these.
#[derive(Debug, Clone, PartialEq)]
pub struct TemporalView {
    pub(super) sizes: StateSizes,
    /// Each once, `[n]`.
    pub(super) nodes: Vec<u32>,
    /// `[n, d_memory]`
    pub(super) memory: Vec<f32>,
    /// Which of the nodes a message waits for, `[m]`, ascending places.
    pub(super) waiting: Vec<u32>,
    /// `[m]` nodes, which need not be among those above.
    pub(super) others: Vec<u32>,
    /// `[m, d_memory]`
    pub(super) other_memory: Vec<f32>,
    /// `[m]`
    pub(super) deltas: Vec<f32>,
    /// `[m, d_features]`
    pub(super) features: Vec<f32>,
    /// The place of each node asked for, `[q]`.
    pub(super) queries: Vec<u32>,
    /// Places, `[q, n_neighbours]`, the last met first; `n` where there is none.
    pub(super) neighbours: Vec<u32>,
    /// Seconds since then, `[q, n_neighbours]`.
    pub(super) ages: Vec<f32>,
    /// `[q, n_neighbours, d_features]`
    pub(super) neighbour_features: Vec<f32>,
}

impl TemporalView {
    /// The nodes that are read, each once.
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// The number of vectors asked for.
    pub fn n_queries(&self) -> usize {
        self.queries.len()
    }
}

impl TemporalState {
    /// Nothing has happened: all memories are zeros.
    pub fn new(sizes: StateSizes) -> Self {
        let StateSizes { n_nodes, d_memory, d_features, n_neighbours } = sizes;
        let columns = Columns {
            sizes,
            memory: vec![0.0; n_nodes * d_memory],
            updated: vec![NEVER; n_nodes],
            waits: vec![NEVER; n_nodes],
            deltas: vec![0.0; n_nodes],
            others: vec![0; n_nodes],
            other_memory: vec![0.0; n_nodes * d_memory],
            features: vec![0.0; n_nodes * d_features],
            met: vec![0; n_nodes],
            neighbours: vec![0; n_nodes * n_neighbours],
            neighbour_times: vec![0; n_nodes * n_neighbours],
            neighbour_features: vec![0.0; n_nodes * n_neighbours * d_features],
        };
        TemporalState { columns }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = TemporalState::new(self.columns.sizes);
    }

    /// The sizes.
    pub fn sizes(&self) -> StateSizes {
        self.columns.sizes
    }

    /// The memory of a node, without the message that may wait for it.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn memory(&self, node: u32) -> &[f32] {
        row(&self.columns.memory, node, self.columns.sizes.d_memory)
    }

    /// The last neighbours of a node and when they were met, the last met first.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn neighbours(&self, node: u32) -> impl Iterator<Item = (u32, i64)> {
        let columns = &self.columns;
        self.ring(node).map(move |at| (columns.neighbours[at], columns.neighbour_times[at]))
    }

    /// Places in the columns of neighbours, the last met first.
    fn ring(&self, node: u32) -> impl Iterator<Item = usize> + use<> {
        let k = self.columns.sizes.n_neighbours;
        let met = self.columns.met[node as usize];
        let first = met.saturating_sub(k as u64);
        (first..met).rev().map(move |number| node as usize * k + (number % k as u64) as usize)
    }

    /// What the vectors of `queries` depend on.
    ///
    /// # Panics
    /// If a node does not exist.
    pub fn view(&self, queries: &[TemporalQuery]) -> TemporalView {
        self.view_of(queries, self.columns.sizes.n_neighbours)
    }

    /// What the memories of `nodes` depend on: no neighbours.
    pub(super) fn view_of_nodes(&self, nodes: &[u32]) -> TemporalView {
        let queries: Vec<TemporalQuery> = nodes.iter().map(|&node| TemporalQuery { node, time: 0 }).collect();
        self.view_of(&queries, 0)
    }

    fn view_of(&self, queries: &[TemporalQuery], n_neighbours: usize) -> TemporalView {
        let columns = &self.columns;
        let sizes @ StateSizes { n_nodes, d_memory, d_features, .. } = columns.sizes;
        if let Some(largest) = queries.iter().map(|query| query.node).max() {
            assert!((largest as usize) < n_nodes, "node {largest}, but there are {n_nodes} nodes");
        }
        let mut places = FxHashMap::default();
        let mut nodes = Vec::new();
        let mut place = |node: u32| {
            *places.entry(node).or_insert_with(|| {
                nodes.push(node);
                nodes.len() as u32 - 1
            })
        };
        let asked: Vec<u32> = queries.iter().map(|query| place(query.node)).collect();
        let n_places = queries.len() * n_neighbours;
        let (mut neighbours, mut ages) = (vec![u32::MAX; n_places], vec![0f32; n_places]);
        let mut neighbour_features = vec![0f32; n_places * d_features];
        for (at, query) in queries.iter().enumerate() {
            for (slot, from) in (at * n_neighbours..(at + 1) * n_neighbours).zip(self.ring(query.node)) {
                neighbours[slot] = place(columns.neighbours[from]);
                ages[slot] = seconds(columns.neighbour_times[from], query.time);
                neighbour_features[slot * d_features..][..d_features].copy_from_slice(row(
                    &columns.neighbour_features,
                    from as u32,
                    d_features,
                ));
            }
        }
        let none = nodes.len() as u32;
        neighbours.iter_mut().filter(|place| **place == u32::MAX).for_each(|place| *place = none);
        let waiting: Vec<u32> =
            (0..none).filter(|&at| columns.waits[nodes[at as usize] as usize] != NEVER).collect();
        let of_waiting = || waiting.iter().map(|&at| nodes[at as usize]);
        let gather = |values: &[f32], d: usize, nodes: &mut dyn Iterator<Item = u32>| {
            nodes.flat_map(|node| row(values, node, d).iter().copied()).collect::<Vec<f32>>()
        };
        TemporalView {
            sizes,
            memory: gather(&columns.memory, d_memory, &mut nodes.iter().copied()),
            others: of_waiting().map(|node| columns.others[node as usize]).collect(),
            other_memory: gather(&columns.other_memory, d_memory, &mut of_waiting()),
            deltas: of_waiting().map(|node| columns.deltas[node as usize]).collect(),
            features: gather(&columns.features, d_features, &mut of_waiting()),
            waiting,
            queries: asked,
            neighbours,
            ages,
            neighbour_features,
            nodes,
        }
    }

    /// Lets events pass: the memories of their nodes are now those of `memory`, the messages of the events wait,
    /// and the ends of each event are each other's last neighbours. Of several messages to a node the last
    /// one stays.
    ///
    /// # Shapes
    /// - `memory`: `[view.nodes().len(), d_memory]`, row-major: the memories of the nodes of the view, with the
    ///   messages that waited
    ///
    /// # Panics
    /// If a size is another, or the view lacks a node of the events.
    pub fn pass(&mut self, events: &TemporalEvents, view: &TemporalView, memory: &[f32]) {
        let columns = &mut self.columns;
        let StateSizes { d_memory: d, d_features, n_neighbours, .. } = columns.sizes;
        let (n_view, n_memory) = (view.nodes.len(), memory.len());
        assert!(view.sizes == columns.sizes, "a view of {:?} for a state of {:?}", view.sizes, columns.sizes);
        assert!(n_memory == n_view * d, "{n_memory} numbers for the memories of {n_view} nodes of size {d}");
        assert!(
            events.d_features() == d_features,
            "events of {} features for a state of {d_features}",
            events.d_features()
        );
        let places: FxHashMap<u32, u32> = view.nodes.iter().copied().zip(0..).collect();
        // All memories first: what a message holds of the other node is as of this moment.
        for &node in events.sources().iter().chain(events.targets()) {
            let place = places.get(&node).copied();
            assert!(place.is_some(), "the view lacks node {node}, which the events touch");
            let at = node as usize;
            if let Some(place) = place
                && columns.waits[at] != NEVER
            {
                columns.memory[at * d..][..d].copy_from_slice(row(memory, place, d));
                columns.updated[at] = std::mem::replace(&mut columns.waits[at], NEVER);
            }
        }
        for event in 0..events.len() {
            let (source, target) = (events.sources()[event], events.targets()[event]);
            let (time, features) = (events.times()[event], events.features(event));
            for (node, other) in [(source, target), (target, source)] {
                let at = node as usize;
                columns.waits[at] = time;
                columns.deltas[at] = match columns.updated[at] {
                    NEVER => 0.0,
                    updated => seconds(updated, time),
                };
                columns.others[at] = other;
                let from = other as usize * d;
                columns.other_memory[at * d..][..d].copy_from_slice(&columns.memory[from..from + d]);
                columns.features[at * d_features..][..d_features].copy_from_slice(features);
                if n_neighbours > 0 {
                    let slot = at * n_neighbours + (columns.met[at] % n_neighbours as u64) as usize;
                    columns.neighbours[slot] = other;
                    columns.neighbour_times[slot] = time;
                    columns.neighbour_features[slot * d_features..][..d_features].copy_from_slice(features);
                    columns.met[at] += 1;
                }
            }
        }
    }
}

/// From one moment to a later one.
fn seconds(from: i64, to: i64) -> f32 {
    to.saturating_sub(from).max(0) as f32
}

fn row(values: &[f32], row: u32, d: usize) -> &[f32] {
    &values[row as usize * d..][..d]
}

impl From<TemporalState> for Columns {
    fn from(state: TemporalState) -> Self {
        state.columns
    }
}

impl TryFrom<Columns> for TemporalState {
    type Error = TemporalError;

    fn try_from(columns: Columns) -> Result<Self, TemporalError> {
        let StateSizes { n_nodes, d_memory, d_features, n_neighbours } = columns.sizes;
        let size =
            |factors: &[usize]| factors.iter().fold(1usize, |size, &factor| size.saturating_mul(factor));
        let lengths = [
            ("memory", columns.memory.len(), size(&[n_nodes, d_memory])),
            ("updated", columns.updated.len(), n_nodes),
            ("waits", columns.waits.len(), n_nodes),
            ("deltas", columns.deltas.len(), n_nodes),
            ("others", columns.others.len(), n_nodes),
            ("other_memory", columns.other_memory.len(), size(&[n_nodes, d_memory])),
            ("features", columns.features.len(), size(&[n_nodes, d_features])),
            ("met", columns.met.len(), n_nodes),
            ("neighbours", columns.neighbours.len(), size(&[n_nodes, n_neighbours])),
            ("neighbour_times", columns.neighbour_times.len(), size(&[n_nodes, n_neighbours])),
            (
                "neighbour_features",
                columns.neighbour_features.len(),
                size(&[n_nodes, n_neighbours, d_features]),
            ),
        ];
        for (column, actual, expected) in lengths {
            if actual != expected {
                return Err(TemporalError::Length { column, actual, expected });
            }
        }
        let in_others = columns.others.iter().copied().enumerate();
        let in_rings =
            columns.neighbours.iter().enumerate().map(|(at, &node)| (at / n_neighbours.max(1), node));
        match in_others.chain(in_rings).find(|&(_, node)| node as usize >= n_nodes) {
            Some((row, node)) => Err(TemporalError::Node { row, node, n_nodes }),
            None => Ok(TemporalState { columns }),
        }
    }
}
