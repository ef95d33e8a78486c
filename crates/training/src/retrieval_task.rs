//! Pairs of a user and an item for two towers.

mod batch;
mod rows;

use std::marker::PhantomData;
use std::sync::Arc;

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Int, Tensor, TensorData};
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{Csr, NegativeSampler, SharedNegativeSampler};
use burn_recsys_embeddings::{IdEmbedding, Tape};
use burn_recsys_models::{CandidateLogits, FeatureTwoTower, MultiTaskLoss, RetrievalLoss, pair_logits};

pub use batch::RetrievalBatch;
pub use rows::RetrievalRows;

use crate::{Result, Task};
use batch::{Compared, Selection};
use rows::parameter;

/// What the pair of a row is compared with.
#[derive(Debug, Clone)]
pub enum Negatives {
    /// Nothing: each pair has a label, 1 for liked or 0, or a number between them. The loss is the binary
    /// cross-entropy.
    Labels,
    /// Items drawn for each row.
    PerRow {
        /// What draws them.
        sampler: Arc<dyn NegativeSampler>,
        /// How many for a row.
        n: usize,
    },
    /// Items that all rows of a batch share.
    Shared {
        /// What draws them, the same for all users: what a user has met is masked (see
        /// [`RetrievalTask::with_known`]), not left undrawn.
        sampler: Arc<dyn SharedNegativeSampler>,
        /// How many for a batch.
        n: usize,
    },
    /// The items of the other rows of the batch.
    InBatch,
    /// The items of the other rows, and items that all rows share (mixed negative sampling, Yang et al. 2020).
    Mixed {
        /// As of [`Shared`](Self::Shared).
        sampler: Arc<dyn SharedNegativeSampler>,
        /// How many are drawn for a batch.
        n: usize,
    },
}

/// Trains a [`FeatureTwoTower`]: every row once an epoch, shuffled.
///
/// An item that is the positive of a row is never its negative, however it was come by. Each user row and
/// item of a batch goes through its tower once, however often it occurs in the batch: batch normalisation
/// counts it once, and dropout drops the same units.
///
/// ```
/// use std::sync::Arc;
///
/// use burn::optim::AdamConfig;
/// use burn::tensor::Device;
/// use burn_recsys_data::UniformNegatives;
/// use burn_recsys_embeddings::{LazyAdam, SparseOptimizer};
/// use burn_recsys_models::{
///     FeatureTwoTowerConfig, FieldValues, RetrievalLoss, TowerConfig, TowerField, TowerRows,
/// };
/// use burn_recsys_training::{
///     FitConfig, Negatives, Optimizers, RetrievalRows, RetrievalTask, TrainState, fit,
/// };
///
/// let (user_fields, item_fields) = (vec![TowerField::id(3)], vec![TowerField::id(4)]);
/// let users = TowerRows::new(&user_fields, vec![FieldValues::Ids(vec![0, 1, 2])])?;
/// let items = TowerRows::new(&item_fields, vec![FieldValues::Ids(vec![0, 1, 2, 3])])?;
/// let rows = RetrievalRows::new(vec![0, 0, 1, 2], vec![0, 1, 2, 3], users, items)?;
///
/// let device = Device::default().autodiff();
/// let tower = |fields| TowerConfig::new(fields).with_hidden(vec![]).with_d_output(None);
/// let model = FeatureTwoTowerConfig::new(tower(user_fields), tower(item_fields)).init(&device);
/// let negatives = Negatives::PerRow { sampler: Arc::new(UniformNegatives::new(4, 7)?), n: 2 };
/// let task = RetrievalTask::new(rows, negatives, RetrievalLoss::Bpr, 2, 7)?;
///
/// let optimizers = Optimizers {
///     sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
///     dense: AdamConfig::new().init(),
/// };
/// let state = TrainState { model, optimizers, history: Vec::new() };
/// let config = FitConfig { n_epochs: 5, learning_rate: 0.1, patience: None, seed: 7, ..FitConfig::default() };
/// let state = fit(&task, None, state, &config, &device, &mut ())?;
/// assert!(state.history[4].train_loss < state.history[0].train_loss);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RetrievalTask<U, I> {
    rows: RetrievalRows,
    negatives: Negatives,
    loss: RetrievalLoss,
    batch_size: usize,
    seed: u64,
    log_q: bool,
    /// For every user the items that are no negatives, ascending and unique.
    known: Option<Arc<Csr>>,
    /// The share of each item of all rows.
    shares: Vec<f64>,
    model: PhantomData<fn(U, I)>,
}

impl<U, I> RetrievalTask<U, I> {
    /// Every row of `rows` once an epoch, `batch_size` at a time; the last batch may be smaller.
    ///
    /// With [`Negatives::Labels`] the loss is the binary cross-entropy, whatever `loss`.
    ///
    /// # Errors
    /// If rows lack the labels, the sampler draws items that have no row or draws none a row, the loss has
    /// impossible parameters, or `batch_size` is 0.
    pub fn new(
        rows: RetrievalRows,
        negatives: Negatives,
        loss: RetrievalLoss,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self> {
        if batch_size == 0 {
            return Err(parameter("batch_size", "0; a batch needs rows".into()));
        }
        loss.validate().map_err(|error| parameter("loss", error.to_string()))?;
        match &negatives {
            Negatives::Labels if rows.labels().is_none() => {
                return Err(parameter("labels", "the rows have none; give them with `with_labels`".into()));
            }
            Negatives::PerRow { sampler, n } => check_sampler(sampler.n_items(), *n, &rows)?,
            Negatives::Shared { sampler, n } | Negatives::Mixed { sampler, n } => {
                check_sampler(sampler.n_items(), *n, &rows)?;
            }
            Negatives::Labels | Negatives::InBatch => {}
        }
        let shares = rows.item_shares();
        Ok(RetrievalTask {
            rows,
            negatives,
            loss,
            batch_size,
            seed,
            log_q: false,
            known: None,
            shares,
            model: PhantomData,
        })
    }

    /// Whether logits are corrected by how likely a candidate was to be there (logQ). Q is exact: of drawn
    /// items that of the sampler, of the items of other rows their share of all rows, of mixed ones the
    /// expected number from both.
    pub fn with_log_q(mut self, log_q: bool) -> Self {
        self.log_q = log_q;
        self
    }

    /// Takes all items that a user has met out of the negatives of that user's rows: row `u` of `known` holds
    /// those of user `u`, ascending and unique.
    ///
    /// # Errors
    /// If there is no row for a user, or the items of one are not ascending and unique.
    pub fn with_known(mut self, known: impl Into<Arc<Csr>>) -> Result<Self> {
        let known = known.into();
        if let Some(&user) = self.rows.users().iter().max()
            && user as usize >= known.n_rows()
        {
            let message = format!("user {user} has none of {} rows", known.n_rows());
            return Err(parameter("known", message));
        }
        if let Some(user) = known.rows().position(|items| !items.is_sorted_by(|a, b| a < b)) {
            let message = format!("the items of user {user} are not ascending and unique");
            return Err(parameter("known", message));
        }
        self.known = Some(known);
        Ok(self)
    }

    /// All rows, in the order that they were given in.
    pub fn rows(&self) -> &RetrievalRows {
        &self.rows
    }
}

impl<U, I> Task for RetrievalTask<U, I>
where
    U: IdEmbedding + Module + ModuleDisplay,
    I: IdEmbedding + Module + ModuleDisplay,
{
    type Model = FeatureTwoTower<U, I>;
    type Batch = RetrievalBatch;

    fn n_batches(&self) -> usize {
        self.rows.n_rows().div_ceil(self.batch_size)
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = RetrievalBatch> + Send {
        let order = Random::new(self.seed, Stream::Shuffle, epoch).permutation(self.rows.n_rows() as u32);
        (0..self.n_batches()).map(move |index| {
            let start = index * self.batch_size;
            self.batch(epoch, index, &order[start..(start + self.batch_size).min(order.len())])
        })
    }

    fn loss(&self, model: &Self::Model, batch: &RetrievalBatch, tape: &mut Tape) -> Tensor<1> {
        let users = model.user_vectors(&batch.users.rows, tape);
        let items = model.item_vectors(&batch.items.rows, tape);
        let users = part(&users, &batch.users, 0..batch.users.len());
        let n = batch.n_rows;
        let positives = pair_logits(users.clone(), part(&items, &batch.items, 0..n));
        match &batch.compared {
            Compared::Labels(labels) => {
                let labels = TensorData::new(labels.clone(), [n, 1]);
                let labels = Tensor::from_data(labels, &positives.device());
                MultiTaskLoss::new(1).forward(positives, labels, None)
            }
            Compared::Candidates { first, is_shared, hits, log_q } => {
                let negatives = part(&items, &batch.items, *first..batch.items.len());
                let negatives = match is_shared {
                    true => users.matmul(negatives.transpose()),
                    false => pair_logits(users, negatives),
                };
                let mut logits = CandidateLogits::new(positives, negatives).masked(hits);
                if let Some([of_positives, of_negatives]) = log_q {
                    logits = logits.log_q_corrected(of_positives, of_negatives);
                }
                self.loss.forward(&logits)
            }
        }
    }

    fn n_rows(&self, batch: &RetrievalBatch) -> usize {
        batch.n_rows
    }
}

/// Refuses a sampler of items that have no row, or one that draws none.
fn check_sampler(n_drawn: u32, n: usize, rows: &RetrievalRows) -> Result<()> {
    let (drawn, there_are) = (n_drawn as usize, rows.item_table().n_rows());
    if drawn > there_are {
        return Err(parameter("negatives", format!("a sampler of {drawn} items, but there are {there_are}")));
    }
    if n == 0 {
        return Err(parameter("n_negatives", "0; a sampler draws at least 1".into()));
    }
    Ok(())
}

/// The vectors of some positions of a selection.
fn part(vectors: &Tensor<2>, selection: &Selection, positions: std::ops::Range<usize>) -> Tensor<2> {
    let Some(inverse) = &selection.inverse else {
        return vectors.clone().narrow(0, positions.start, positions.len());
    };
    let indices: Vec<i32> = inverse[positions].iter().map(|&index| index as i32).collect();
    let n = indices.len();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [n]), &vectors.device());
    vectors.clone().select(0, indices)
}
