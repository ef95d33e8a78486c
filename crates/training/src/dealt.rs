//! Users with some of their positives each, and what is learned from them.

use std::sync::Arc;

use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};
use burn_recsys_data::Csr;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_models::{CandidateLogits, RetrievalLoss};

use crate::{Error, Result};

/// Rows of a user and at most `positives_per_user` of the user's items.
///
/// Every epoch deals the items of a user out anew, so that each is a positive once. A user with many items has
/// several rows.
#[derive(Debug, Clone)]
pub(crate) struct DealtPositives {
    positives: Arc<Csr>,
    /// The user of each row.
    users: Vec<u32>,
    /// Where the rows of each user begin.
    first_rows: Vec<u32>,
    rows_per_batch: usize,
    seed: u64,
}

/// Some rows of an epoch.
#[derive(Debug, Clone)]
pub(crate) struct Hands {
    /// The user of each row.
    pub(crate) users: Vec<u32>,
    /// The positives of all rows.
    pub(crate) items: Vec<u32>,
    /// The row of each positive, ascending.
    pub(crate) row_of_pair: Vec<i32>,
}

impl DealtPositives {
    /// Row `u` of `positives` holds the items of user `u`, ascending and unique; a batch has about `batch_size` of
    /// them.
    ///
    /// # Errors
    /// If there is no interaction, or an item is not below `n_items`.
    pub(crate) fn new(
        positives: Arc<Csr>,
        n_items: usize,
        positives_per_user: usize,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self> {
        let refuse = |message: String| Err(Error::Config { key: "positives", message });
        if positives.n_values() == 0 {
            return Err(burn_recsys_baselines::Error::Empty.into());
        }
        let (Ok(n_users), Ok(items)) = (u32::try_from(positives.n_rows()), u32::try_from(n_items)) else {
            return refuse(format!("{} users and {n_items} items; at most 2^32", positives.n_rows()));
        };
        let (mut users, mut first_rows) = (Vec::new(), vec![0]);
        for user in 0..n_users {
            let met = positives.row(user);
            if let Some(item) = met.iter().find(|&&item| item >= items) {
                return refuse(format!("user {user} has met item {item}, but there are {n_items} items"));
            }
            let n_rows = met.len().div_ceil(positives_per_user);
            users.extend(std::iter::repeat_n(user, n_rows));
            first_rows.push(users.len() as u32);
        }
        let positives_per_row = positives.n_values() as f64 / users.len() as f64;
        let rows_per_batch = ((batch_size as f64 / positives_per_row).round() as usize).max(1);
        Ok(DealtPositives { positives, users, first_rows, rows_per_batch, seed })
    }

    /// The items of each user.
    pub(crate) fn positives(&self) -> &Csr {
        &self.positives
    }

    /// The number of batches of an epoch.
    pub(crate) fn n_batches(&self) -> usize {
        self.users.len().div_ceil(self.rows_per_batch)
    }

    /// The rows of each batch of an epoch.
    pub(crate) fn batches(&self, epoch: u64) -> impl Iterator<Item = Vec<u32>> + Send {
        let order = Random::new(self.seed, Stream::Shuffle, epoch).permutation(self.users.len() as u32);
        (0..self.n_batches()).map(move |index| {
            let start = index * self.rows_per_batch;
            order[start..(start + self.rows_per_batch).min(order.len())].to_vec()
        })
    }

    /// What the rows hold in an epoch.
    pub(crate) fn deal(&self, epoch: u64, rows: &[u32]) -> Hands {
        let users: Vec<u32> = rows.iter().map(|&row| self.users[row as usize]).collect();
        let (mut items, mut row_of_pair) = (Vec::new(), Vec::new());
        let dealing = Random::new(self.seed, Stream::Partition, epoch);
        let mut hand = Vec::new();
        for (at, (&row, &user)) in rows.iter().zip(&users).enumerate() {
            let rows_of_user = self.first_rows[user as usize]..self.first_rows[user as usize + 1];
            // Every row of the user shuffles alike, and takes its part.
            hand.clear();
            hand.extend_from_slice(self.positives.row(user));
            let mut draws = dealing.row(u64::from(user));
            for last in (1..hand.len()).rev() {
                hand.swap(last, draws.below(last as u32 + 1) as usize);
            }
            let (part, n_parts) = ((row - rows_of_user.start) as usize, rows_of_user.len());
            let bounds = [part, part + 1].map(|part| part * hand.len() / n_parts);
            items.extend_from_slice(&hand[bounds[0]..bounds[1]]);
            row_of_pair.extend(std::iter::repeat_n(at as i32, bounds[1] - bounds[0]));
        }
        Hands { users, items, row_of_pair }
    }
}

/// The loss of every positive with all negatives, which the batch shares.
///
/// A softmax and a cosine contrastive loss sum over the negatives once for each row, not for each positive.
///
/// # Shapes
/// - `users`: `[n_rows, d]`
/// - `items`: `[n_pairs + n_negatives, d]`, the positives first
/// - `row_of_pair`: `[n_pairs]`
pub(crate) fn shared_loss(
    loss: RetrievalLoss,
    users: Tensor<2>,
    items: Tensor<2>,
    row_of_pair: &[i32],
    n_hardest: Option<usize>,
) -> Tensor<1> {
    let (n_pairs, [n_items, _]) = (row_of_pair.len(), items.dims());
    let row_of_pair = Tensor::<1, Int>::from_data(TensorData::from(row_of_pair), &users.device());
    let of_pairs = users.clone().select(0, row_of_pair.clone());
    let positives = (of_pairs * items.clone().narrow(0, 0, n_pairs)).sum_dim(1);
    let negatives = users.matmul(items.narrow(0, n_pairs, n_items - n_pairs).transpose());
    match (loss, n_hardest) {
        (RetrievalLoss::Softmax { temperature }, None) => {
            // -ln(e^p / (e^p + sum of e^n)): the negatives are one candidate whose logit is the
            // logarithm of their sum, the same for all positives of the row.
            let negatives = log_sum_exp(negatives / temperature).select(0, row_of_pair);
            let logits = CandidateLogits::new(positives / temperature, negatives);
            RetrievalLoss::Softmax { temperature: 1.0 }.forward(&logits)
        }
        (RetrievalLoss::CosineContrastive { margin, negative_weight }, None) => {
            let of_rows = relu(negatives - margin).mean_dim(1) * negative_weight;
            (relu(positives.neg() + 1.0) + of_rows.select(0, row_of_pair)).mean()
        }
        (other, n_hardest) => {
            let logits = CandidateLogits::new(positives, negatives.select(0, row_of_pair));
            other.forward(&n_hardest.map_or(logits.clone(), |n| logits.hardest(n)))
        }
    }
}

/// `ln(sum of e^x)` of each row, `[batch, 1]`.
fn log_sum_exp(logits: Tensor<2>) -> Tensor<2> {
    let largest = logits.clone().detach().max_dim(1);
    (logits - largest.clone()).exp().sum_dim(1).log() + largest
}
