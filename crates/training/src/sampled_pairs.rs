//! Positive pairs with sampled negatives.

use burn::tensor::Tensor;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{Interactions, NegativeSampler, UniformNegatives};
use burn_recsys_embeddings::{Lookup, Tape};
use burn_recsys_models::{TwoTower, binary_cross_entropy};

use crate::Task;

/// Learns to tell the items a user met from items drawn at random: binary cross-entropy over one
/// positive and `n_negatives` negatives a row.
#[derive(Debug, Clone)]
pub struct SampledPairs {
    users: Vec<u32>,
    items: Vec<u32>,
    negatives: UniformNegatives,
    n_negatives: usize,
    batch_size: usize,
    seed: u64,
}

/// Users, each with a positive item followed by negatives.
#[derive(Debug, Clone)]
pub struct PairBatch {
    /// `[batch]`
    users: Lookup,
    /// `[batch, 1 + n_negatives]`
    items: Lookup,
}

impl SampledPairs {
    /// Every row of `positives` is one positive.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    pub fn new(
        positives: &Interactions,
        negatives: UniformNegatives,
        n_negatives: usize,
        batch_size: usize,
        seed: u64,
    ) -> Self {
        assert!(batch_size > 0, "a batch needs rows");
        SampledPairs {
            users: positives.users().to_vec(),
            items: positives.items().to_vec(),
            negatives,
            n_negatives,
            batch_size,
            seed,
        }
    }

    fn batch(&self, epoch: u64, rows: &[u32]) -> PairBatch {
        let width = 1 + self.n_negatives;
        let users: Vec<u32> = rows.iter().map(|&row| self.users[row as usize]).collect();
        let mut items = vec![0; rows.len() * width];
        for ((&row, &user), items) in rows.iter().zip(&users).zip(items.chunks_exact_mut(width)) {
            items[0] = self.items[row as usize];
            self.negatives.sample_into(epoch, u64::from(row), user, &mut items[1..]);
        }
        PairBatch { users: Lookup::new(&users), items: Lookup::new(&items) }
    }
}

impl Task for SampledPairs {
    type Model = TwoTower;
    type Batch = PairBatch;

    fn n_batches(&self) -> usize {
        self.users.len().div_ceil(self.batch_size)
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = PairBatch> + Send {
        let order = Random::new(self.seed, Stream::Shuffle, epoch).permutation(self.users.len() as u32);
        (0..self.n_batches()).map(move |index| {
            let start = index * self.batch_size;
            self.batch(epoch, &order[start..(start + self.batch_size).min(order.len())])
        })
    }

    fn loss(&self, model: &TwoTower, batch: &PairBatch, tape: &mut Tape) -> Tensor<1> {
        binary_cross_entropy(model.forward_lookups(&batch.users, &batch.items, tape))
    }

    fn n_rows(&self, batch: &PairBatch) -> usize {
        batch.users.len()
    }
}
