//! Edges as they come, before a graph sorts them.

use rayon::prelude::*;

use crate::{Error, Result};

/// One weighted, directed edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The node it leaves.
    pub source: u32,
    /// The node it leads to.
    pub target: u32,
    /// How strong it is: finite, from 0.
    pub weight: f32,
}

/// Edges of one kind, as "also viewed".
#[derive(Debug, Clone, Copy)]
pub struct Relation<'a> {
    /// What the weights of its edges are multiplied by; finite, from 0. A relation of weight 0 is left out.
    pub weight: f32,
    /// Its edges.
    pub edges: &'a [Edge],
}

/// What became of the edges that a graph was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdgeReport {
    /// All that were given.
    pub n_given: usize,
    /// Those that repeated another; their weights were added to it.
    pub n_duplicates: usize,
    /// Edges from a node to itself, which were left out.
    pub n_self_loops: usize,
    /// Edges of weight 0 between two nodes, which were left out.
    pub n_zero_weights: usize,
}

/// Edges by source, ascending by target; of equal targets in the order given.
pub(super) struct Grouped {
    offsets: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Grouped {
    /// Sorts the usable ones of `edges`.
    ///
    /// # Errors
    /// If a node is not below `n_nodes`, or a weight is negative or not finite; the position is counted
    /// from 0.
    pub(super) fn new(n_nodes: usize, edges: &[Edge]) -> Result<(Self, EdgeReport)> {
        check(n_nodes, edges)?;
        let mut report = EdgeReport { n_given: edges.len(), ..EdgeReport::default() };
        let mut offsets = vec![0; n_nodes + 1];
        for edge in edges {
            if edge.source == edge.target {
                report.n_self_loops += 1;
            } else if edge.weight == 0.0 {
                report.n_zero_weights += 1;
            } else {
                offsets[edge.source as usize + 1] += 1;
            }
        }
        for node in 0..n_nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut entries = vec![(0, 0.0); offsets[n_nodes]];
        for edge in edges.iter().filter(|edge| edge.source != edge.target && edge.weight != 0.0) {
            let at = &mut next[edge.source as usize];
            entries[*at] = (edge.target, edge.weight);
            *at += 1;
        }
        let mut rows = Vec::with_capacity(n_nodes);
        let mut rest = &mut entries[..];
        for bounds in offsets.windows(2) {
            let (row, others) = rest.split_at_mut(bounds[1] - bounds[0]);
            rows.push(row);
            rest = others;
        }
        // Stable: sums of floats depend on their order.
        rows.into_par_iter().for_each(|row| row.sort_by_key(|&(target, _)| target));
        Ok((Grouped { offsets, entries }, report))
    }

    pub(super) fn row(&self, node: usize) -> &[(u32, f32)] {
        &self.entries[self.offsets[node]..self.offsets[node + 1]]
    }

    pub(super) fn n_edges(&self) -> usize {
        self.entries.len()
    }
}

fn check(n_nodes: usize, edges: &[Edge]) -> Result<()> {
    let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
    if u32::try_from(n_nodes).is_err() {
        return refuse("n_nodes", format!("{n_nodes}; a graph has at most {}", u32::MAX));
    }
    for (position, &Edge { source, target, weight }) in edges.iter().enumerate() {
        if !(weight >= 0.0 && weight.is_finite()) {
            return refuse(
                "edges",
                format!(
                    "edge {position}, from {source} to {target}, has weight {weight}; it must be a finite \
                     number, at least 0"
                ),
            );
        }
        let last = source.max(target);
        if last as usize >= n_nodes {
            let message = format!(
                "edge {position}, from {source} to {target}: there is no node {last}, only {n_nodes} nodes"
            );
            return refuse("edges", message);
        }
    }
    Ok(())
}

impl Relation<'_> {
    /// The edges of all relations, each weight multiplied by that of its relation.
    ///
    /// # Errors
    /// If an edge of any cannot be used, or a relation's weight is negative or not finite.
    pub(super) fn weighted(n_nodes: usize, relations: &[Relation<'_>]) -> Result<Vec<Edge>> {
        let refuse = |message: String| Error::Parameter { parameter: "relations", message };
        let mut all = Vec::with_capacity(relations.iter().map(|relation| relation.edges.len()).sum());
        for (number, relation) in relations.iter().enumerate() {
            if !(relation.weight >= 0.0 && relation.weight.is_finite()) {
                return Err(refuse(format!(
                    "relation {number} has weight {}; it must be a finite number, at least 0",
                    relation.weight
                )));
            }
            check(n_nodes, relation.edges).map_err(|error| match error {
                Error::Parameter { parameter: "edges", message } => {
                    refuse(format!("relation {number}, {message}"))
                }
                other => other,
            })?;
            for (position, edge) in relation.edges.iter().enumerate() {
                let weight = edge.weight * relation.weight;
                if !weight.is_finite() {
                    return Err(refuse(format!(
                        "relation {number}, edge {position}: weight {} times {} is too large",
                        edge.weight, relation.weight
                    )));
                }
                all.push(Edge { weight, ..*edge });
            }
        }
        Ok(all)
    }
}
