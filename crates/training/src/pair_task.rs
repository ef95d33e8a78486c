//! Windows of sequences as training pairs, with noise that the batch shares.

use std::marker::PhantomData;

use burn::tensor::Tensor;
use burn::tensor::activation::softplus;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::windows::Subsampling;
use burn_recsys_data::{AliasTable, Sequences};
use burn_recsys_embeddings::Tape;
use burn_recsys_models::PairEncoder;

use crate::{PairTraining, Result, Task};

/// Trains a [`PairEncoder`] to tell the pairs of an item and its context from pairs of an item and noise, by
/// the binary cross-entropy of logits (Mikolov et al. 2013, equation 4):
///
/// ```text
/// -ln sigmoid(u . v) - K mean over noise of ln sigmoid(-u . v_noise)
/// ```
///
/// A batch is some whole sequences in an order of the epoch. Its noise is drawn once for all its pairs, in
/// proportion to a power of the counts of items, and scored by one matrix product: `K` (the number of
/// negatives of a pair) is a weight, not a cost. Noise may be the pair's own context, as in word2vec's
/// expectation.
///
/// Edges of a graph are sequences of two items.
pub struct PairTask<'a, M> {
    sequences: &'a dyn Sequences,
    noise: AliasTable,
    subsampling: Option<Subsampling>,
    config: PairTraining,
    sequences_per_batch: usize,
    seed: u64,
    model: PhantomData<fn() -> M>,
}

/// What one step of a [`PairTask`] works on.
#[derive(Debug, Clone)]
pub struct PairBatch {
    /// `[n_pairs]`
    centers: Vec<u32>,
    /// `[n_pairs]`
    contexts: Vec<u32>,
    /// Shared by all pairs.
    noise: Vec<u32>,
}

/// Sequences whose pairs are counted to tell how many make a batch.
const N_COUNTED: usize = 1000;

impl<'a, M: PairEncoder> PairTask<'a, M> {
    /// Pairs of `sequences`; `counts` are those of its items, `[n_items]`, such as
    /// [`Sequences::counts`] gives.
    ///
    /// # Errors
    /// If the configuration is not [valid](PairTraining::validate), or no item is counted.
    pub fn new(
        sequences: &'a dyn Sequences,
        counts: &[u64],
        config: &PairTraining,
        seed: u64,
    ) -> Result<Self> {
        config.validate()?;
        if u32::try_from(sequences.n_sequences()).is_err() {
            let message = format!("{}; at most {} can be shuffled", sequences.n_sequences(), u32::MAX);
            return Err(burn_recsys_data::Error::Parameter { parameter: "sequences", message }.into());
        }
        if counts.iter().all(|&count| count == 0) {
            return Err(burn_recsys_data::Error::Empty { after: "reading the sequences".into() }.into());
        }
        let subsampling = match config.subsampling {
            0.0 => None,
            threshold => Some(Subsampling::new(counts, threshold)?),
        };
        let mut task = PairTask {
            sequences,
            noise: AliasTable::from_counts(counts, config.noise_power)?,
            subsampling,
            config: config.clone(),
            sequences_per_batch: N_COUNTED,
            seed,
            model: PhantomData,
        };
        let n_counted = sequences.n_sequences().min(N_COUNTED);
        let order = task.order(1);
        let n_pairs = task.batch(1, 0, &order[..n_counted]).centers.len().max(1);
        task.sequences_per_batch = (config.batch_size * n_counted / n_pairs).max(1);
        Ok(task)
    }

    fn order(&self, epoch: u64) -> Vec<u32> {
        Random::new(self.seed, Stream::Shuffle, epoch).permutation(self.sequences.n_sequences() as u32)
    }

    fn batch(&self, epoch: u64, index: usize, sequences: &[u32]) -> PairBatch {
        let windows = Random::new(self.seed, Stream::Windows, epoch);
        let (mut centers, mut contexts, mut items) = (Vec::new(), Vec::new(), Vec::new());
        for &sequence in sequences {
            items.clear();
            self.sequences.append(epoch, sequence as usize, &mut items);
            let mut draws = windows.row(u64::from(sequence));
            if let Some(subsampling) = &self.subsampling {
                subsampling.retain(&mut items, &mut draws);
            }
            for (center, context) in self.config.windows.pairs(&items, &mut draws) {
                // Walks come back, and carts hold an item twice: no item is its own context.
                if center != context {
                    centers.push(center);
                    contexts.push(context);
                }
            }
        }
        let mut draws = Random::new(self.seed, Stream::Negatives, epoch).row(index as u64);
        let noise = (0..self.config.n_noise).map(|_| self.noise.draw(&mut draws)).collect();
        PairBatch { centers, contexts, noise }
    }
}

impl<M: PairEncoder> Task for PairTask<'_, M> {
    type Model = M;
    type Batch = PairBatch;

    fn n_batches(&self) -> usize {
        self.sequences.n_sequences().div_ceil(self.sequences_per_batch)
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = PairBatch> + Send {
        let order = self.order(epoch);
        (0..self.n_batches())
            .map(move |index| {
                let start = index * self.sequences_per_batch;
                let end = (start + self.sequences_per_batch).min(order.len());
                self.batch(epoch, index, &order[start..end])
            })
            // Sequences of one item have no pair.
            .filter(|batch| !batch.centers.is_empty())
    }

    fn loss(&self, model: &M, batch: &PairBatch, tape: &mut Tape) -> Tensor<1> {
        let (n_pairs, n_noise) = (batch.centers.len(), batch.noise.len());
        let centers = model.embed_centers(&batch.centers, tape);
        let others: Vec<u32> = batch.contexts.iter().chain(&batch.noise).copied().collect();
        let others = model.embed_contexts(&others, tape);
        let contexts = others.clone().narrow(0, 0, n_pairs);
        let noise = others.narrow(0, n_pairs, n_noise);
        let of_pairs = softplus((centers.clone() * contexts).sum_dim(1).neg(), 1.0).mean();
        let of_noise = softplus(centers.matmul(noise.transpose()), 1.0).mean();
        of_pairs + of_noise * self.config.n_negatives
    }

    fn n_rows(&self, batch: &PairBatch) -> usize {
        batch.centers.len()
    }
}
