//! Which items are near which.

use burn_recsys_baselines::ItemKnn;
use burn_recsys_data::graph::ItemGraph;
use burn_recsys_retrieval::{Buffer, Hit};

use crate::best::{best, by_score_then_item};
use crate::{Error, Result};

/// For every item its neighbours, best first: compressed rows that can lie in a mapped file.
///
/// Clones share the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemNeighbours {
    offsets: Buffer<u64>,
    items: Buffer<u32>,
    weights: Buffer<f32>,
}

impl ItemNeighbours {
    /// These rows. All numbers are looked at once.
    ///
    /// # Shapes
    /// - `offsets`: `[n_items + 1]`; `offsets[i]..offsets[i + 1]` are the neighbours of item `i`
    /// - `items`, `weights`: `[n_neighbours]`, in every row best first, ties by the lower item; weights are
    ///   finite and above 0
    ///
    /// # Errors
    /// If the offsets do not ascend from 0 to the number of neighbours, there is not one weight for each, an
    /// item does not exist, a weight cannot be used, or a row is not in order.
    pub fn new(offsets: Buffer<u64>, items: Buffer<u32>, weights: Buffer<f32>) -> Result<Self> {
        let refuse = |message: String| Err(Error::Parameter { parameter: "neighbours", message });
        let Some(n_items) = offsets.len().checked_sub(1) else {
            return refuse("there are no offsets; there is one more than items".into());
        };
        if items.len() != weights.len() {
            return refuse(format!("{} items, but {} weights", items.len(), weights.len()));
        }
        if offsets[0] != 0 || offsets[n_items] != items.len() as u64 {
            let (first, last, n) = (offsets[0], offsets[n_items], items.len());
            return refuse(format!("offsets go from {first} to {last}, but must go from 0 to {n}"));
        }
        if let Some(item) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            return refuse(format!("the row of item {item} ends before it begins"));
        }
        if let Some(item) = items.iter().find(|&&item| item as usize >= n_items) {
            return refuse(format!("item {item} is a neighbour, but there are {n_items} items"));
        }
        if let Some(weight) = weights.iter().find(|&&weight| !(weight > 0.0 && weight.is_finite())) {
            return refuse(format!("a weight is {weight}; weights must be finite and above 0"));
        }
        let neighbours = ItemNeighbours { offsets, items, weights };
        let is_in_order = |item: u32| {
            let (items, weights) = neighbours.row(item);
            let hit = |at: usize| Hit { item: items[at], score: weights[at] };
            (1..items.len()).all(|at| by_score_then_item(&hit(at - 1), &hit(at)).is_lt())
        };
        match (0..n_items as u32).find(|&item| !is_in_order(item)) {
            Some(item) => refuse(format!("the neighbours of item {item} are not in order, best first")),
            None => Ok(neighbours),
        }
    }

    /// The `n` best neighbours of every item; weights that are not above 0 are left out.
    ///
    /// # Shapes
    /// - `rows`: `[n_items]`, each in any order
    ///
    /// # Errors
    /// If a neighbour does not exist, is in a row twice with the same weight, or a weight is not finite.
    pub fn from_rows(rows: impl IntoIterator<Item = Vec<Hit>>, n: usize) -> Result<Self> {
        let (mut offsets, mut items, mut weights) = (vec![0], Vec::new(), Vec::new());
        for mut row in rows {
            row.retain(|hit| hit.score > 0.0 || hit.score.is_nan());
            for hit in best(row, n) {
                items.push(hit.item);
                weights.push(hit.score);
            }
            offsets.push(items.len() as u64);
        }
        Self::new(offsets.into(), items.into(), weights.into())
    }

    /// The `n` most similar items of every item, by the users that they share.
    ///
    /// # Errors
    /// If a similarity is not finite.
    pub fn of_knn(knn: &ItemKnn, n: usize) -> Result<Self> {
        use burn_recsys_baselines::ItemScorer;
        Self::from_rows((0..knn.n_items() as u32).map(|item| knn.neighbours(item).to_vec()), n)
    }

    /// The ends of the `n` heaviest edges from every node of a graph, whose nodes are items.
    ///
    /// # Errors
    /// If a weight is not finite.
    pub fn of_graph(graph: &ItemGraph, n: usize) -> Result<Self> {
        let row = |item: u32| {
            let edges = graph.neighbours(item).iter().zip(graph.weights(item));
            edges.map(|(&item, &score)| Hit { item, score }).collect()
        };
        Self::from_rows((0..graph.n_nodes() as u32).map(row), n)
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The neighbours of `item` and their weights, best first; none for an item that does not exist.
    pub fn row(&self, item: u32) -> (&[u32], &[f32]) {
        let item = item as usize;
        if item >= self.n_items() {
            return (&[], &[]);
        }
        let range = self.offsets[item] as usize..self.offsets[item + 1] as usize;
        (&self.items[range.clone()], &self.weights[range])
    }

    /// Where rows begin, `[n_items + 1]`.
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// The neighbours of all items, one row after the other.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// Their weights.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_baselines::ItemKnnConfig;
    use burn_recsys_data::Csr;
    use burn_recsys_data::graph::Edge;

    fn new(offsets: &[u64], items: &[u32], weights: &[f32]) -> Result<ItemNeighbours> {
        ItemNeighbours::new(offsets.to_vec().into(), items.to_vec().into(), weights.to_vec().into())
    }

    #[test]
    fn rows_that_are_no_rows_are_refused() {
        let good = new(&[0, 2, 2, 3], &[1, 2, 0], &[0.5, 0.5, 1.0]).unwrap();
        assert_eq!(good.row(0), (&[1, 2][..], &[0.5, 0.5][..]));
        assert_eq!(good.row(1), (&[][..], &[][..]));
        assert_eq!(good.row(3), (&[][..], &[][..]));
        let message = |offsets: &[u64], items: &[u32], weights: &[f32]| {
            new(offsets, items, weights).unwrap_err().to_string()
        };
        assert!(message(&[], &[], &[]).contains("no offsets"));
        assert!(message(&[0, 1], &[0], &[]).contains("1 items, but 0 weights"));
        assert!(message(&[0, 2], &[0], &[1.0]).contains("from 0 to 2"));
        assert!(message(&[1, 1], &[0], &[1.0]).contains("from 1 to 1"));
        assert!(message(&[0, u64::MAX, 1], &[0], &[1.0]).contains("item 1 ends before"));
        assert!(message(&[0, 1], &[1], &[1.0]).contains("item 1 is a neighbour"));
        for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(message(&[0, 0, 1], &[0], &[weight]).contains("weight is"));
        }
        assert!(message(&[0, 2, 2], &[1, 0], &[1.0, 1.0]).contains("item 0 are not in order"));
        assert!(message(&[0, 2, 2], &[0, 1], &[1.0, 2.0]).contains("item 0 are not in order"));
    }

    #[test]
    fn neighbours_come_from_models_and_graphs() {
        let knn = ItemKnnConfig { shrinkage: 0.0, user_discount: 0.0, ..ItemKnnConfig::default() };
        let knn = knn.fit(&Csr::from_rows([&[0u32, 1][..], &[0, 1, 2], &[2]]), 4).unwrap();
        let neighbours = ItemNeighbours::of_knn(&knn, 1).unwrap();
        assert_eq!((neighbours.n_items(), neighbours.items()), (4, &[1, 0, 0][..]));
        assert_eq!(neighbours.weights()[2], knn.neighbours(2)[0].score);
        let edge = |source, target, weight| Edge { source, target, weight };
        let edges = [edge(0, 1, 1.0), edge(0, 2, 3.0), edge(2, 1, 0.5)];
        let graph = ItemGraph::from_edges(3, &edges).unwrap().0;
        let neighbours = ItemNeighbours::of_graph(&graph, 9).unwrap();
        assert_eq!(neighbours.row(0), (&[2, 1][..], &[3.0, 1.0][..]));
        assert_eq!(neighbours.offsets(), [0, 2, 2, 3]);
    }
}
