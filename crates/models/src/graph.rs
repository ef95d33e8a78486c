//! Graphs of users and items as matrices.

use burn::tensor::Tensor;
use burn_recsys_embeddings::{SparseMatrix, SparseMatrixError};

/// The symmetrically normalised adjacency matrix of a graph of users and items, `D^-1/2 A D^-1/2`: an interaction
/// of user `u` and item `i` is an edge between nodes `u` and `n_users + i` of weight
/// `1 / sqrt(degree(u) degree(i))`.
///
/// There are no self-loops. A user or an item without interactions is a row of zeros.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_recsys_models::NormalizedAdjacency;
///
/// // User 0 has met both items, user 1 the first one.
/// let graph = NormalizedAdjacency::new(2, 2, &[0, 0, 1], &[0, 1, 0])?;
/// let of_user_0 = graph.matrix().row(0);
/// assert_eq!(of_user_0, (&[2u32, 3][..], &[0.5f32, 0.5f32.sqrt()][..]));
/// let nodes = Tensor::<2>::ones([4, 8], &Device::default());
/// assert_eq!(graph.propagate(nodes).dims(), [4, 8]);
/// # Ok::<(), burn_recsys_models::GraphError>(())
/// ```
#[derive(Debug, Clone)]
pub struct NormalizedAdjacency {
    n_users: usize,
    n_items: usize,
    matrix: SparseMatrix,
}

/// Interactions that do not make a graph.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// There is no edge.
    #[error(
        "a graph of {n_users} users and {n_items} items without an interaction; there must be at least 1"
    )]
    Empty {
        /// The number of users.
        n_users: usize,
        /// The number of items.
        n_items: usize,
    },
    /// Not one item for each user.
    #[error("{n_users} users and {n_items} items; an interaction has one of each")]
    Lengths {
        /// The users of the interactions.
        n_users: usize,
        /// The items of the interactions.
        n_items: usize,
    },
    /// A user or an item that is not among the nodes.
    #[error("interaction {interaction} is of {kind} {node}, but there are {n_nodes}")]
    Node {
        /// Which interaction, counted from 0.
        interaction: usize,
        /// "user" or "item".
        kind: &'static str,
        /// The number of the user or item.
        node: u32,
        /// How many there are.
        n_nodes: usize,
    },
    /// More nodes or edges than a matrix may have.
    #[error("{n_nodes} nodes and {n_edges} edges; there may be at most 2^31 - 1 nodes and 2^30 - 1 edges")]
    TooLarge {
        /// Users and items.
        n_nodes: usize,
        /// Distinct interactions.
        n_edges: usize,
    },
    /// The matrix is not one: never of a graph that was accepted so far.
    #[error(transparent)]
    Matrix(#[from] SparseMatrixError),
}

impl NormalizedAdjacency {
    /// The graph of interactions, in any order; one that is named twice counts once.
    ///
    /// # Shapes
    /// - `users`, `items`: `[n_interactions]`, below `n_users` and `n_items`
    ///
    /// # Errors
    /// If there is no interaction, or one is of a user or an item that does not exist.
    pub fn new(n_users: usize, n_items: usize, users: &[u32], items: &[u32]) -> Result<Self, GraphError> {
        if users.len() != items.len() {
            return Err(GraphError::Lengths { n_users: users.len(), n_items: items.len() });
        }
        if users.is_empty() {
            return Err(GraphError::Empty { n_users, n_items });
        }
        for (kind, nodes, n_nodes) in [("user", users, n_users), ("item", items, n_items)] {
            if let Some(interaction) = nodes.iter().position(|&node| node as usize >= n_nodes) {
                return Err(GraphError::Node { interaction, kind, node: nodes[interaction], n_nodes });
            }
        }
        let n_nodes = n_users.saturating_add(n_items);
        let mut edges: Vec<(u32, u32)> = users.iter().copied().zip(items.iter().copied()).collect();
        edges.sort_unstable();
        edges.dedup();
        let n_edges = edges.len();
        if i32::try_from(n_nodes).is_err() || n_edges >= 1 << 30 {
            return Err(GraphError::TooLarge { n_nodes, n_edges });
        }
        let node_of = |item: u32| item as usize + n_users;
        let mut offsets = vec![0u32; n_nodes + 1];
        for &(user, item) in &edges {
            offsets[user as usize + 1] += 1;
            offsets[node_of(item) + 1] += 1;
        }
        let root_of: Vec<f64> = offsets[1..].iter().map(|&degree| f64::from(degree).sqrt()).collect();
        for node in 0..n_nodes {
            offsets[node + 1] += offsets[node];
        }
        // In the order of the edges, so the columns of every row are ascending.
        let mut next = offsets.clone();
        let (mut columns, mut values) = (vec![0; 2 * n_edges], vec![0.0; 2 * n_edges]);
        for &(user, item) in &edges {
            let ends = [user as usize, node_of(item)];
            let weight = (1.0 / (root_of[ends[0]] * root_of[ends[1]])) as f32;
            for [from, to] in [ends, [ends[1], ends[0]]] {
                let place = next[from] as usize;
                (columns[place], values[place]) = (to as u32, weight);
                next[from] += 1;
            }
        }
        let matrix = SparseMatrix::symmetric(offsets, columns, values)?;
        Ok(NormalizedAdjacency { n_users, n_items, matrix })
    }

    /// The number of users: the first nodes.
    pub fn n_users(&self) -> usize {
        self.n_users
    }

    /// The number of items: the other nodes.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// Users and items.
    pub fn n_nodes(&self) -> usize {
        self.n_users + self.n_items
    }

    /// The number of distinct interactions.
    pub fn n_edges(&self) -> usize {
        self.matrix.n_entries() / 2
    }

    /// The nodes of users and of items, one after the other.
    ///
    /// # Panics
    /// If there is no such user or item; the message has it.
    pub fn nodes(&self, users: &[u32], items: &[u32]) -> Vec<u32> {
        let &NormalizedAdjacency { n_users, n_items, .. } = self;
        for (kind, nodes, n_nodes) in [("user", users, n_users), ("item", items, n_items)] {
            let largest = nodes.iter().copied().max().unwrap_or(0);
            assert!(nodes.is_empty() || (largest as usize) < n_nodes, "{kind} {largest} of {n_nodes}");
        }
        users.iter().copied().chain(items.iter().map(|item| item + n_users as u32)).collect()
    }

    /// One step along the edges: each node becomes the weighted sum of its neighbours. Gradients pass.
    ///
    /// # Shapes
    /// - `nodes`: `[n_users + n_items, d]`
    /// - output: the same
    ///
    /// # Panics
    /// If there is another number of nodes.
    pub fn propagate(&self, nodes: Tensor<2>) -> Tensor<2> {
        self.matrix.matmul(nodes)
    }

    /// The mean of `nodes` and of what 1 to `n_layers` steps make of them, for some nodes; see
    /// [`SparseMatrix::mean_of_powers`].
    ///
    /// # Shapes
    /// - `nodes`: `[n_users + n_items, d]`
    /// - `at`: `[n]`, numbers of nodes
    /// - output: `[n, d]`
    ///
    /// # Panics
    /// If there is another number of nodes, or one of `at` is not among them.
    pub fn mean_of_layers(&self, nodes: Tensor<2>, n_layers: usize, at: &[u32]) -> Tensor<2> {
        self.matrix.mean_of_powers(nodes, n_layers, at)
    }

    /// The weights of the edges.
    pub fn matrix(&self) -> &SparseMatrix {
        &self.matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn weights_are_over_the_roots_of_both_degrees() {
        // User 0 met items 0 and 2, user 1 nothing, user 2 item 2; nobody met item 1.
        let graph = NormalizedAdjacency::new(3, 3, &[2, 0, 0, 0], &[2, 2, 0, 2]).unwrap();
        assert_eq!((graph.n_nodes(), graph.n_edges()), (6, 3));
        let root = 0.5f32.sqrt();
        let expected: [(&[u32], &[f32]); 6] = [
            (&[3, 5], &[root, 0.5]),
            (&[], &[]),
            (&[5], &[root]),
            (&[0], &[root]),
            (&[], &[]),
            (&[0, 2], &[0.5, root]),
        ];
        for (node, expected) in expected.into_iter().enumerate() {
            assert_eq!(graph.matrix().row(node), expected, "node {node}");
        }
        assert_eq!(graph.nodes(&[1, 0], &[2]), [1, 0, 5]);
        let nodes = Tensor::<2>::from_data(
            TensorData::new(vec![1.0f32, 2.0, 4.0, 8.0, 16.0, 32.0], [6, 1]),
            &Device::default(),
        );
        let once: Vec<f32> = graph.propagate(nodes).into_data().try_to_vec().unwrap();
        assert_eq!(once, [root * 8.0 + 16.0, 0.0, root * 32.0, root, 0.0, 0.5 + root * 4.0]);
    }

    #[test]
    fn what_is_no_graph_is_refused() {
        let refused = |users: &[u32], items: &[u32]| {
            NormalizedAdjacency::new(2, 3, users, items).unwrap_err().to_string()
        };
        assert!(refused(&[], &[]).contains("2 users and 3 items without an interaction"));
        assert!(refused(&[0, 1], &[0]).contains("2 users and 1 items"));
        assert!(refused(&[0, 2], &[0, 1]).contains("interaction 1 is of user 2, but there are 2"));
        assert!(refused(&[0, 1], &[3, 1]).contains("interaction 0 is of item 3, but there are 3"));
    }
}
