//! Links to predict, and negatives that the batch shares.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{SharedNegativeSampler, UniformNegatives};
use burn_recsys_embeddings::Tape;
use burn_recsys_models::{
    Adjacency, CandidateLogits, GraphSage, GraphSageBatch, NeighbourSampler, RetrievalLoss, TowerRows,
};

use crate::{Error, GraphSageTraining, Result, Task};

/// Trains a [`GraphSage`] to tell links from random pairs: the unsupervised loss of the paper (equation 1),
/// with any [`RetrievalLoss`] in place of its own.
///
/// A row is a link; its first node is compared with the second and with negatives that are drawn uniformly and
/// shared by the batch. Links of the batch are not looked at as neighbourhoods while they are to be predicted:
/// otherwise the model would read the answer.
#[derive(Debug)]
pub struct GraphSageTask<G> {
    sampler: NeighbourSampler<G>,
    rows: Arc<TowerRows>,
    links: Vec<[u32; 2]>,
    negatives: UniformNegatives,
    loss: RetrievalLoss,
    n_negatives: usize,
    batch_size: usize,
    seed: u64,
}

/// What one step of a [`GraphSageTask`] works on.
#[derive(Debug, Clone)]
pub struct LinkBatch {
    /// First nodes, second nodes, negatives.
    nodes: GraphSageBatch,
    firsts: Vec<u32>,
    seconds: Vec<u32>,
    negatives: Vec<u32>,
}

impl<G: Adjacency> GraphSageTask<G> {
    /// Learns `links` from the features of nodes and the neighbourhoods of `graph`.
    ///
    /// # Shapes
    /// - `rows`: one for every node of the graph
    ///
    /// # Errors
    /// If there is no link, one is of a node that is not in the graph, the rows are not as many as its nodes, or
    /// the configuration is not [valid](GraphSageTraining::validate).
    pub fn new(
        graph: Arc<G>,
        rows: Arc<TowerRows>,
        links: Vec<[u32; 2]>,
        config: &GraphSageTraining,
        seed: u64,
    ) -> Result<Self> {
        config.validate()?;
        let (n_nodes, n_rows) = (graph.n_nodes(), rows.n_rows());
        let refuse = |key, message: String| Err(Error::Config { key, message });
        if n_rows != n_nodes {
            return refuse("rows", format!("{n_rows} for a graph of {n_nodes} nodes"));
        }
        if links.is_empty() {
            return refuse("links", "there is none to learn from".into());
        }
        if let Some(at) = links.iter().position(|link| link.iter().any(|&node| node as usize >= n_nodes)) {
            let [from, to] = links[at];
            return refuse("links", format!("link {at} is from {from} to {to}; there are {n_nodes} nodes"));
        }
        Ok(GraphSageTask {
            sampler: NeighbourSampler::new(graph, config.fan_outs.clone(), seed),
            rows,
            links,
            negatives: UniformNegatives::new(n_nodes as u32, seed)?,
            loss: config.loss,
            n_negatives: config.n_negatives,
            batch_size: config.batch_size,
            seed,
        })
    }

    /// How neighbourhoods are drawn.
    pub fn sampler(&self) -> &NeighbourSampler<G> {
        &self.sampler
    }

    fn batch(&self, epoch: u64, index: usize, rows: &[u32]) -> LinkBatch {
        let links: Vec<[u32; 2]> = rows.iter().map(|&row| self.links[row as usize]).collect();
        let seconds: Vec<u32> = links.iter().map(|link| link[1]).collect();
        let mut negatives = vec![0; self.n_negatives];
        self.negatives.sample_shared_into(epoch, index as u64, &mut negatives);
        let firsts: Vec<u32> = links.iter().map(|link| link[0]).collect();
        let nodes: Vec<u32> = firsts.iter().chain(&seconds).chain(&negatives).copied().collect();
        LinkBatch {
            nodes: self.sampler.sample(epoch, &nodes, &links, &self.rows),
            firsts,
            seconds,
            negatives,
        }
    }
}

impl<G: Adjacency> Task for GraphSageTask<G> {
    type Model = GraphSage;
    type Batch = LinkBatch;

    fn n_batches(&self) -> usize {
        self.links.len().div_ceil(self.batch_size)
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = LinkBatch> + Send {
        let order = Random::new(self.seed, Stream::Shuffle, epoch).permutation(self.links.len() as u32);
        (0..self.n_batches()).map(move |index| {
            let start = index * self.batch_size;
            self.batch(epoch, index, &order[start..(start + self.batch_size).min(order.len())])
        })
    }

    fn loss(&self, model: &GraphSage, batch: &LinkBatch, tape: &mut Tape) -> Tensor<1> {
        let n = batch.seconds.len();
        let vectors = model.forward(&batch.nodes, tape);
        let firsts = vectors.clone().narrow(0, 0, n);
        let positives = (firsts.clone() * vectors.clone().narrow(0, n, n)).sum_dim(1);
        let negatives = firsts.matmul(vectors.narrow(0, 2 * n, batch.negatives.len()).transpose());
        // Nor is a node its own negative.
        let logits = CandidateLogits::new(positives, negatives)
            .without_hits(&batch.seconds, &batch.negatives)
            .without_hits(&batch.firsts, &batch.negatives);
        self.loss.forward(&logits)
    }

    fn n_rows(&self, batch: &LinkBatch) -> usize {
        batch.seconds.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_data::Csr;
    use burn_recsys_models::{FieldValues, TowerField};

    fn task(links: Vec<[u32; 2]>) -> Result<GraphSageTask<Csr>> {
        let graph = Csr::from_rows([&[1u32, 2][..], &[0], &[0], &[]]);
        let values = vec![FieldValues::Dense(vec![0.1, 0.2, 0.3, 0.4])];
        let rows = TowerRows::new(&[TowerField::dense("price", 1)], values)?;
        let config = GraphSageTraining { batch_size: 2, n_negatives: 3, ..GraphSageTraining::default() };
        GraphSageTask::new(Arc::new(graph), Arc::new(rows), links, &config, 3)
    }

    #[test]
    fn every_link_is_learned_once_an_epoch() {
        let links = vec![[0, 1], [1, 0], [0, 2]];
        let task = task(links.clone()).unwrap();
        let seen = |epoch| {
            let batches: Vec<LinkBatch> = task.batches(epoch).collect();
            assert_eq!(batches.len(), task.n_batches());
            assert!(batches.iter().all(|batch| batch.nodes.n_outputs() == 2 * batch.seconds.len() + 3));
            batches.iter().flat_map(|batch| batch.seconds.clone()).collect::<Vec<u32>>()
        };
        assert_eq!(seen(1), seen(1));
        assert!((2..30).any(|epoch| seen(epoch) != seen(1)));
        let mut sorted = seen(1);
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2]);
    }

    #[test]
    fn bad_links_are_refused() {
        let message = |links| task(links).unwrap_err().to_string();
        assert!(message(vec![]).contains("links: there is none"));
        assert!(message(vec![[0, 1], [2, 4]]).contains("link 1 is from 2 to 4; there are 4 nodes"));
    }
}
