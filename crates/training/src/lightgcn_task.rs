//! Pairs of a user and an item, with negatives, for a model that propagates over their graph.

use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData};
use burn_recsys_data::{Csr, NegativeSampler, PopularityNegatives, UniformNegatives};
use burn_recsys_embeddings::Tape;
use burn_recsys_models::{CandidateLogits, LightGcn};

use crate::dealt::{DealtPositives, Hands, shared_loss};
use crate::{LightGcnTraining, Result, Task};

/// Trains a [`LightGcn`] on the items that each user has met: every pair once an epoch, shuffled.
///
/// Every step propagates over the whole graph, so the time of an epoch falls with the number of its steps: a
/// `batch_size` of all pairs is training on the full graph, one step an epoch.
///
/// Negatives of one pair are never items that the user has met, as in the paper; those that a batch shares are not
/// checked, and are scored by one matrix product.
#[derive(Debug, Clone)]
pub struct LightGcnTask {
    rows: DealtPositives,
    negatives: Arc<dyn NegativeSampler>,
    config: LightGcnTraining,
}

/// What one step of a [`LightGcnTask`] works on.
#[derive(Debug, Clone)]
pub struct LightGcnBatch {
    /// `[n_rows]`
    users: Vec<u32>,
    /// Positives `[n_pairs]`, then negatives, shared or `[n_pairs, n_negatives]`.
    items: Vec<u32>,
    /// The row of each positive, ascending.
    row_of_pair: Vec<i32>,
}

impl LightGcnTask {
    /// Row `u` of `positives` holds the items of user `u`, ascending and unique.
    ///
    /// # Errors
    /// If there is no interaction, an item is not below `n_items`, a user has met every item and negatives are not
    /// shared, or the configuration is not [valid](LightGcnTraining::validate).
    pub fn new(
        positives: impl Into<Arc<Csr>>,
        n_items: usize,
        config: &LightGcnTraining,
        seed: u64,
    ) -> Result<Self> {
        config.validate()?;
        let positives = positives.into();
        let (per_user, batch_size) = (config.positives_per_user, config.batch_size);
        let rows = DealtPositives::new(Arc::clone(&positives), n_items, per_user, batch_size, seed)?;
        let negatives: Arc<dyn NegativeSampler> = match config.negatives_exponent {
            0.0 => {
                let uniform = UniformNegatives::new(n_items as u32, seed)?;
                Arc::new(if config.shared_negatives { uniform } else { uniform.excluding(positives)? })
            }
            exponent => {
                let mut counts = vec![0; n_items];
                positives.rows().flatten().for_each(|&item| counts[item as usize] += 1);
                let popular = PopularityNegatives::new(&counts, exponent, seed)?;
                Arc::new(if config.shared_negatives { popular } else { popular.excluding(positives)? })
            }
        };
        Ok(LightGcnTask { rows, negatives, config: config.clone() })
    }

    fn batch(&self, epoch: u64, index: usize, rows: &[u32]) -> LightGcnBatch {
        let Hands { users, mut items, row_of_pair } = self.rows.deal(epoch, rows);
        let (n_pairs, n) = (items.len(), self.config.n_negatives);
        if self.config.shared_negatives {
            items.resize(n_pairs + n, 0);
            self.negatives.sample_into(epoch, index as u64, 0, &mut items[n_pairs..]);
        } else {
            items.resize(n_pairs + n_pairs * n, 0);
            let of_pairs = row_of_pair.iter().zip(items[n_pairs..].chunks_exact_mut(n));
            for (at, (&row, out)) in of_pairs.enumerate() {
                let draw = (index as u64) << 32 | at as u64;
                self.negatives.sample_into(epoch, draw, users[row as usize], out);
            }
        }
        LightGcnBatch { users, items, row_of_pair }
    }

    /// Half the squared lengths of the vectors before propagation, a pair.
    fn squares(&self, model: &LightGcn, batch: &LightGcnBatch, tape: &mut Tape) -> Tensor<1> {
        let [users, items] = model.embed_before_propagation(&batch.users, &batch.items, tape);
        let n_pairs = batch.row_of_pair.len();
        let mut pairs_of_row = vec![0f32; batch.users.len()];
        batch.row_of_pair.iter().for_each(|&row| pairs_of_row[row as usize] += 1.0);
        let pairs_of_row = TensorData::new(pairs_of_row, [batch.users.len(), 1]);
        let pairs_of_row = Tensor::<2>::from_data(pairs_of_row, &users.device());
        let squares = (users.square() * pairs_of_row).sum() + items.square().sum();
        squares / (2 * n_pairs) as f64
    }
}

impl Task for LightGcnTask {
    type Model = LightGcn;
    type Batch = LightGcnBatch;

    fn n_batches(&self) -> usize {
        self.rows.n_batches()
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = LightGcnBatch> + Send {
        self.rows.batches(epoch).enumerate().map(move |(index, rows)| self.batch(epoch, index, &rows))
    }

    fn loss(&self, model: &LightGcn, batch: &LightGcnBatch, tape: &mut Tape) -> Tensor<1> {
        let LightGcnTraining { loss, n_hardest, l2, shared_negatives, .. } = self.config;
        let [users, items] = model.embed(&batch.users, &batch.items, tape);
        let ranking = if shared_negatives {
            shared_loss(loss, users, items, &batch.row_of_pair, n_hardest)
        } else {
            let logits = pair_logits(users, items, &batch.row_of_pair);
            loss.forward(&n_hardest.map_or(logits.clone(), |n| logits.hardest(n)))
        };
        match l2 {
            0.0 => ranking,
            l2 => ranking + self.squares(model, batch, tape) * l2,
        }
    }

    fn n_rows(&self, batch: &LightGcnBatch) -> usize {
        batch.row_of_pair.len()
    }
}

/// The logits of each pair and of its own negatives.
fn pair_logits(users: Tensor<2>, items: Tensor<2>, row_of_pair: &[i32]) -> CandidateLogits {
    let (n_pairs, [n_items, d]) = (row_of_pair.len(), items.dims());
    let n = n_items / n_pairs - 1;
    let row_of_pair = Tensor::<1, Int>::from_data(TensorData::from(row_of_pair), &users.device());
    let users = users.select(0, row_of_pair);
    let positives = (users.clone() * items.clone().narrow(0, 0, n_pairs)).sum_dim(1);
    let negatives = items.narrow(0, n_pairs, n_pairs * n);
    let negatives = match n {
        1 => (users * negatives).sum_dim(1),
        n => (users.reshape([n_pairs, 1, d]) * negatives.reshape([n_pairs, n, d]))
            .sum_dim(2)
            .reshape([n_pairs, n]),
    };
    CandidateLogits::new(positives, negatives)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use burn_recsys_models::{LightGcnConfig, NormalizedAdjacency, RetrievalLoss};

    const N_ITEMS: usize = 10;

    fn positives() -> Csr {
        Csr::from_rows([vec![0, 3, 4, 7, 8], vec![], vec![2], vec![1, 2, 3, 4, 5, 6, 7, 8, 9]])
    }

    fn config() -> LightGcnTraining {
        LightGcnTraining {
            d_embedding: 6,
            n_negatives: 3,
            batch_size: 6,
            positives_per_user: 2,
            ..LightGcnTraining::default()
        }
    }

    fn model(config: &LightGcnTraining) -> LightGcn {
        let pairs: Vec<(u32, u32)> = (0..)
            .zip(positives().rows())
            .flat_map(|(user, items)| items.iter().map(move |&i| (user, i)).collect::<Vec<_>>())
            .collect();
        let (users, items): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        let graph = NormalizedAdjacency::new(4, N_ITEMS, &users, &items).unwrap();
        let model = LightGcnConfig::new().with_d_embedding(6).with_unit_length(config.unit_length);
        model.init(graph, &Device::default())
    }

    #[test]
    fn negatives_of_a_pair_are_unmet_and_a_batch_may_hold_everything() {
        for (batch_size, n_batches) in [(6, 3), (1000, 1)] {
            let config = LightGcnTraining { shared_negatives: false, batch_size, ..config() };
            let task = LightGcnTask::new(positives(), N_ITEMS, &config, 7).unwrap();
            assert_eq!((task.n_batches(), task.batches(1).count()), (n_batches, n_batches));
            let mut n_pairs = 0;
            for batch in task.batches(1) {
                let of_batch = batch.row_of_pair.len();
                assert_eq!(batch.items.len(), 4 * of_batch);
                for (row, negatives) in batch.row_of_pair.iter().zip(batch.items[of_batch..].chunks(3)) {
                    let all = positives();
                    let met = all.row(batch.users[*row as usize]);
                    assert!(negatives.iter().all(|item| !met.contains(item)));
                }
                n_pairs += task.n_rows(&batch);
            }
            assert_eq!(n_pairs, positives().n_values());
        }
    }

    #[test]
    fn the_loss_is_that_of_every_pair_and_of_what_lies_before_propagation() {
        let device = Device::default();
        for (shared_negatives, n_hardest, loss) in [
            (true, None, RetrievalLoss::Softmax { temperature: 0.2 }),
            (true, Some(2), RetrievalLoss::Softmax { temperature: 0.2 }),
            (false, None, RetrievalLoss::Bpr),
            (false, Some(1), RetrievalLoss::Bpr),
        ] {
            let config = LightGcnTraining {
                shared_negatives,
                n_hardest,
                loss,
                l2: 0.3,
                unit_length: shared_negatives,
                ..config()
            };
            let (model, task) =
                (model(&config), LightGcnTask::new(positives(), N_ITEMS, &config, 7).unwrap());
            let batch = task.batches(2).next().unwrap();
            let n_pairs = task.n_rows(&batch);
            let table = model.nodes.vectors();
            let square = |node: u32| -> f64 {
                table[node as usize * 6..][..6].iter().map(|&v| f64::from(v) * f64::from(v)).sum()
            };
            let (mut logits, mut squares) = (Vec::new(), 0.0);
            for (at, &row) in batch.row_of_pair.iter().enumerate() {
                let user = batch.users[row as usize];
                let negatives = if shared_negatives { 0..3 } else { at * 3..at * 3 + 3 };
                let mut items = vec![batch.items[at]];
                items.extend(&batch.items[n_pairs..][negatives]);
                let [users, vectors] = model.embed(&[user], &items, &mut Tape::off());
                logits.extend(users.matmul(vectors.transpose()).into_data().try_to_vec::<f32>().unwrap());
                squares += square(user);
            }
            squares += batch.items.iter().map(|item| square(item + 4)).sum::<f64>();
            let logits = Tensor::<2>::from_data(TensorData::new(logits, [n_pairs, 4]), &device);
            let logits = CandidateLogits::from_columns(logits);
            let logits = n_hardest.map_or(logits.clone(), |n| logits.hardest(n));
            let ranking: f32 = loss.forward(&logits).into_scalar();
            let expected = f64::from(ranking) + 0.3 * squares / (2 * n_pairs) as f64;
            let actual: f32 = task.loss(&model, &batch, &mut Tape::off()).into_scalar();
            assert!((f64::from(actual) - expected).abs() < 1e-5, "{loss:?}: {actual} {expected}");
        }
    }
}
