//! Users with some of their positives each, and negatives that the batch shares.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{Csr, NegativeSampler, UniformNegatives};
use burn_recsys_embeddings::{JaggedIds, Tape};
use burn_recsys_models::{RetrievalLoss, SimpleX};

use crate::dealt::{DealtPositives, Hands, shared_loss};
use crate::{Result, SimpleXTraining, Task};

/// Trains a [`SimpleX`] on the items that each user has met.
///
/// A row is a user with at most `positives_per_user` of the user's items. Every epoch deals the items of a
/// user out anew, so that each is a positive once. The user is embedded once for them and compared once with
/// the negatives: the cost of a positive falls nearly by that factor, and the expected loss is that of one
/// positive a row. The negatives are drawn uniformly from the catalogue and shared by the batch: they are
/// scored by one matrix product. They are not checked against the user's items.
#[derive(Debug, Clone)]
pub struct SimpleXTask {
    rows: DealtPositives,
    negatives: UniformNegatives,
    loss: RetrievalLoss,
    n_negatives: usize,
    max_history: usize,
    seed: u64,
}

/// What one step of a [`SimpleXTask`] works on.
#[derive(Debug, Clone)]
pub struct SimpleXBatch {
    /// `[n_rows]`
    users: Vec<u32>,
    /// `[n_rows]` bags
    histories: JaggedIds,
    /// Positives `[n_pairs]`, then negatives.
    items: Vec<u32>,
    /// The row of each positive, ascending.
    row_of_pair: Vec<i32>,
}

impl SimpleXTask {
    /// Row `u` of `positives` holds the items of user `u`, ascending and unique.
    ///
    /// # Errors
    /// If there is no interaction, an item is not below `n_items`, or the configuration is not
    /// [valid](SimpleXTraining::validate).
    pub fn new(
        positives: impl Into<Arc<Csr>>,
        n_items: usize,
        config: &SimpleXTraining,
        seed: u64,
    ) -> Result<Self> {
        config.validate()?;
        let (per_user, batch_size) = (config.positives_per_user, config.batch_size);
        Ok(SimpleXTask {
            rows: DealtPositives::new(positives.into(), n_items, per_user, batch_size, seed)?,
            negatives: UniformNegatives::new(n_items as u32, seed)?,
            loss: config.loss,
            n_negatives: config.n_negatives,
            max_history: config.max_history,
            seed,
        })
    }

    fn batch(&self, epoch: u64, index: usize, rows: &[u32]) -> SimpleXBatch {
        let Hands { users, mut items, row_of_pair } = self.rows.deal(epoch, rows);
        let (mut histories, mut lengths) = (Vec::new(), Vec::with_capacity(rows.len()));
        let hiding = Random::new(self.seed, Stream::HiddenPast, epoch);
        for (&row, &user) in rows.iter().zip(&users) {
            let met = self.rows.positives().row(user);
            let before = histories.len();
            if met.len() <= self.max_history {
                histories.extend_from_slice(met);
            } else {
                let mut draws = hiding.row(u64::from(row));
                histories.extend((0..self.max_history).map(|_| met[draws.below(met.len() as u32) as usize]));
            }
            lengths.push((histories.len() - before) as u32);
        }
        #[expect(clippy::expect_used, reason = "lengths are counted above")]
        let histories = JaggedIds::new(histories, &lengths).expect("lengths of these values");
        let n_pairs = items.len();
        items.resize(n_pairs + self.n_negatives, 0);
        self.negatives.sample_into(epoch, index as u64, 0, &mut items[n_pairs..]);
        SimpleXBatch { users, histories, items, row_of_pair }
    }
}

impl Task for SimpleXTask {
    type Model = SimpleX;
    type Batch = SimpleXBatch;

    fn n_batches(&self) -> usize {
        self.rows.n_batches()
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = SimpleXBatch> + Send {
        self.rows.batches(epoch).enumerate().map(move |(index, rows)| self.batch(epoch, index, &rows))
    }

    fn loss(&self, model: &SimpleX, batch: &SimpleXBatch, tape: &mut Tape) -> Tensor<1> {
        let users = model.embed_users(&batch.users, &batch.histories, tape);
        let items = model.embed_items(&batch.items, tape);
        shared_loss(self.loss, users, items, &batch.row_of_pair, None)
    }

    fn n_rows(&self, batch: &SimpleXBatch) -> usize {
        batch.row_of_pair.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Int, TensorData};
    use burn_recsys_models::{CandidateLogits, SimpleXConfig};

    fn positives() -> Csr {
        Csr::from_rows([vec![0, 3, 4, 7, 8], vec![], vec![2], vec![1, 2, 3, 4, 5, 6, 7, 8, 9]])
    }

    fn config() -> SimpleXTraining {
        SimpleXTraining {
            d_embedding: 6,
            positives_per_user: 2,
            batch_size: 6,
            n_negatives: 5,
            max_history: 4,
            ..SimpleXTraining::default()
        }
    }

    fn task(config: &SimpleXTraining) -> SimpleXTask {
        SimpleXTask::new(positives(), 10, config, 7).unwrap()
    }

    #[test]
    fn every_item_of_a_user_is_a_positive_once_an_epoch() {
        let task = task(&config());
        let dealt = |epoch| {
            let batches: Vec<SimpleXBatch> = task.batches(epoch).collect();
            assert_eq!(batches.len(), task.n_batches());
            let mut pairs = Vec::new();
            for batch in &batches {
                let n_pairs = batch.row_of_pair.len();
                assert_eq!(batch.items.len(), n_pairs + 5);
                assert!(batch.items.iter().all(|&item| item < 10));
                for (&row, &item) in batch.row_of_pair.iter().zip(&batch.items) {
                    pairs.push((batch.users[row as usize], item));
                }
                for (at, &user) in batch.users.iter().enumerate() {
                    let bag = batch.histories.bag(at);
                    assert_eq!(bag.len(), positives().row(user).len().min(4));
                    assert!(bag.iter().all(|item| positives().row(user).contains(item)));
                    let n_positives = batch.row_of_pair.iter().filter(|&&row| row == at as i32).count();
                    assert!((1..=2).contains(&n_positives));
                }
            }
            let order = pairs.clone();
            pairs.sort_unstable();
            let all = positives();
            let expected: Vec<(u32, u32)> = (0..4)
                .flat_map(|user| all.row(user).iter().map(move |&item| (user, item)).collect::<Vec<_>>())
                .collect();
            assert_eq!(pairs, expected);
            order
        };
        assert_eq!(dealt(1), dealt(1));
        assert_ne!(dealt(1), dealt(2));
    }

    #[test]
    fn the_loss_is_that_of_every_positive_with_all_negatives() {
        let device = Device::default();
        for loss in [
            RetrievalLoss::Softmax { temperature: 0.2 },
            RetrievalLoss::CosineContrastive { margin: 0.1, negative_weight: 3.0 },
            RetrievalLoss::Bpr,
        ] {
            let task = task(&SimpleXTraining { loss, ..config() });
            let model = SimpleXConfig::new(4, 10).with_d_embedding(6).init(&device);
            for batch in task.batches(2) {
                let n_pairs = task.n_rows(&batch);
                let users = model.embed_users(&batch.users, &batch.histories, &mut Tape::off());
                let rows = Tensor::<1, Int>::from_data(TensorData::from(&batch.row_of_pair[..]), &device);
                let cosines = |items: &[u32]| {
                    let items = model.embed_items(items, &mut Tape::off());
                    users.clone().select(0, rows.clone()).matmul(items.transpose())
                };
                let of_positives: Vec<f32> =
                    cosines(&batch.items[..n_pairs]).into_data().try_to_vec().unwrap();
                let diagonal: Vec<f32> = (0..n_pairs).map(|at| of_positives[at * (n_pairs + 1)]).collect();
                let positives = Tensor::from_data(TensorData::new(diagonal, [n_pairs, 1]), &device);
                let logits = CandidateLogits::new(positives, cosines(&batch.items[n_pairs..]));
                let expected: f32 = loss.forward(&logits).into_scalar();
                let actual: f32 = task.loss(&model, &batch, &mut Tape::off()).into_scalar();
                assert!((actual - expected).abs() < 1e-5, "{loss:?}: {actual} {expected}");
            }
        }
    }

    #[test]
    fn bad_data_is_refused() {
        let message = |positives: Csr| SimpleXTask::new(positives, 3, &config(), 7).unwrap_err().to_string();
        assert!(
            message(Csr::from_rows([vec![0, 3]])).contains("user 0 has met item 3, but there are 3 items")
        );
        assert!(message(Csr::from_rows([Vec::<u32>::new()])).contains("no interaction"));
    }
}
