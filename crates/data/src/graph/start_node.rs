//! Where walks start for users without history.

use super::{Edge, ItemGraph};
use crate::{Error, Interactions, Result};

/// For every item the number of users whose first interaction it was, `[n_items]`; of one moment, or without
/// timestamps, the row that comes first.
pub fn first_item_counts(interactions: &Interactions) -> Vec<u32> {
    let mut counts = vec![0; interactions.n_items()];
    for rows in interactions.rows_by_user().rows() {
        if let Some(&first) = rows.first() {
            counts[interactions.items()[first as usize] as usize] += 1;
        }
    }
    counts
}

impl ItemGraph {
    /// This graph and one node more, its last, from which walks for users without history start: it has an
    /// edge to every item with a count above 0, of that weight. [`first_item_counts`] gives the counts. No
    /// edge leads to it, so no walk comes through it. If all counts are 0, it is a node without edges.
    ///
    /// # Errors
    /// If there are not as many counts as nodes, or there is no room for another node.
    pub fn with_start_node(&self, counts: &[u32]) -> Result<Self> {
        let n_nodes = self.n_nodes();
        if counts.len() != n_nodes {
            let message = format!("{} counts for {n_nodes} nodes; they must be equal", counts.len());
            return Err(Error::Parameter { parameter: "counts", message });
        }
        let start = n_nodes as u32;
        let edges: Vec<Edge> = (0u32..)
            .zip(counts)
            .map(|(item, &count)| Edge { source: start, target: item, weight: count as f32 })
            .collect();
        let (graph, _) = self.clone().grown_to(n_nodes + 1)?.with_edges(&edges)?;
        Ok(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IdMap;
    use std::sync::Arc;

    #[test]
    fn new_users_start_where_others_did() {
        let ids = |n| Arc::new(IdMap::from_integers(0..n));
        let new = |moments| {
            let (users, items) = (vec![0, 0, 1, 2, 2], vec![1, 2, 2, 0, 2]);
            Interactions::new(ids(4), ids(3), users, items, None, moments).unwrap()
        };
        assert_eq!(first_item_counts(&new(None)), [1, 1, 1]);
        let counts = first_item_counts(&new(Some(vec![9, 8, 0, 3, 3])));
        assert_eq!(counts, [1, 0, 2]);

        let edge = Edge { source: 2, target: 0, weight: 0.5 };
        let (graph, _) = ItemGraph::from_edges(3, &[edge]).unwrap();
        let with_start = graph.with_start_node(&counts).unwrap();
        assert_eq!((with_start.n_nodes(), with_start.n_edges()), (4, 3));
        assert_eq!((with_start.neighbours(3), with_start.weights(3)), (&[0, 2][..], &[1.0, 2.0][..]));
        assert_eq!(with_start.weights(2), [0.5]);
        assert_eq!(graph.with_start_node(&[0; 3]).unwrap().neighbours(3), [0u32; 0]);
        let message = graph.with_start_node(&[1]).unwrap_err().to_string();
        assert_eq!(message, "counts: 1 counts for 3 nodes; they must be equal");
    }
}
