//! Rows with several kinds of feedback.

use std::marker::PhantomData;

use burn::tensor::Tensor;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_embeddings::Tape;
use burn_recsys_models::{
    ExampleError, Examples, ItemRepresentation, MultiTaskEstimator, MultiTaskLoss, UserRepresentation,
};

use crate::Task;

/// In which order an epoch goes through its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Another order in every epoch, a function of the seed and the epoch.
    #[default]
    Shuffled,
    /// As they were given: by time, say, so that the last steps are about the latest rows.
    AsGiven,
}

/// Learns to estimate several kinds of feedback: every row of [`Examples`] once an epoch, with
/// [`MultiTaskLoss`].
///
/// Rows are gathered on the thread that makes batches; only tensors are made on the thread that trains.
/// The task does not know the model before it trains it: [`MultiTaskEstimator::check`] says beforehand
/// whether the two fit.
///
/// ```
/// use burn::optim::AdamConfig;
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{EmbeddingTableConfig, SparseAdagrad, SparseOptimizer};
/// use burn_recsys_models::{Examples, IdLookup, MultiTaskEstimatorConfig, MultiTaskLoss};
/// use burn_recsys_training::{EstimatorTask, FitConfig, Optimizers, Order, TrainState, fit};
///
/// let device = Device::default().autodiff();
/// let ids = |n, seed| IdLookup::new(EmbeddingTableConfig::new(n, 4).with_seed(seed).init(&device));
/// let model = MultiTaskEstimatorConfig::new(2, 0, 0, 0).init(ids(10, 1), ids(20, 2), &device);
///
/// let rows = Examples::new(vec![3, 3, 9], vec![0, 19, 0])?
///     .with_labels(vec![1.0, 0.0, 0.0, 0.0, 1.0, 1.0], 2)?;
/// model.check(&rows)?;
/// let task = EstimatorTask::new(rows, MultiTaskLoss::new(2), 2, 7)?.with_order(Order::AsGiven);
///
/// let optimizers = Optimizers {
///     sparse: SparseOptimizer::new(Box::new(SparseAdagrad::default())),
///     dense: AdamConfig::new().init(),
/// };
/// let state = TrainState { model, optimizers, history: Vec::new() };
/// let config = FitConfig { n_epochs: 3, learning_rate: 0.1, patience: None, seed: 7, ..FitConfig::default() };
/// let state = fit(&task, None, state, &config, &device, &mut ())?;
/// assert!(state.history[2].train_loss < state.history[0].train_loss);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct EstimatorTask<R, I> {
    rows: Examples,
    pub(crate) loss: MultiTaskLoss,
    batch_size: usize,
    pub(crate) seed: u64,
    order: Order,
    model: PhantomData<fn(R, I)>,
}

impl<R, I> EstimatorTask<R, I> {
    /// Every row of `rows` once an epoch, shuffled, `batch_size` at a time; the last batch may be smaller.
    ///
    /// # Errors
    /// If the rows have no labels, or of another number of tasks than the loss.
    ///
    /// # Panics
    /// If `batch_size` is 0, or there are 2^32 rows or more.
    pub fn new(
        rows: Examples,
        loss: MultiTaskLoss,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, ExampleError> {
        assert!(batch_size > 0, "a batch needs rows");
        let n_rows = rows.n_rows();
        assert!(u32::try_from(n_rows).is_ok(), "{n_rows} rows; an epoch has at most {}", u32::MAX);
        let (actual, expected) = (rows.n_tasks(), loss.n_tasks());
        if actual == 0 {
            return Err(ExampleError::NoLabels);
        }
        if actual != expected {
            return Err(ExampleError::Width { what: "labels", actual, expected });
        }
        Ok(EstimatorTask { rows, loss, batch_size, seed, order: Order::Shuffled, model: PhantomData })
    }

    /// Sets the order of rows.
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// All rows, in the order that they were given in.
    pub fn rows(&self) -> &Examples {
        &self.rows
    }

    /// The order of rows in `epoch`.
    fn order_of(&self, epoch: u64) -> Vec<u32> {
        let n_rows = self.rows.n_rows() as u32;
        match self.order {
            Order::Shuffled => Random::new(self.seed, Stream::Shuffle, epoch).permutation(n_rows),
            Order::AsGiven => (0..n_rows).collect(),
        }
    }
}

impl<R: UserRepresentation, I: ItemRepresentation> Task for EstimatorTask<R, I> {
    type Model = MultiTaskEstimator<R, I>;
    type Batch = Examples;

    fn n_batches(&self) -> usize {
        self.rows.n_rows().div_ceil(self.batch_size)
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = Examples> + Send {
        let order = self.order_of(epoch);
        (0..self.n_batches()).map(move |index| {
            let start = index * self.batch_size;
            self.rows.select(&order[start..(start + self.batch_size).min(order.len())])
        })
    }

    /// The loss of a batch: over its rows and tasks the mean, or the sum if the [`MultiTaskLoss`] says so.
    fn loss(&self, model: &Self::Model, batch: &Examples, tape: &mut Tape) -> Tensor<1> {
        let device = model.device();
        let logits = model.forward(&batch.inputs(&device), tape);
        self.loss.forward(logits, batch.label_tensor(&device), batch.weight_tensor(&device))
    }

    fn n_rows(&self, batch: &Examples) -> usize {
        batch.n_rows()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};
    use burn_recsys_embeddings::EmbeddingTableConfig;
    use burn_recsys_models::{IdLookup, MultiTaskEstimatorConfig};

    /// Row `i` is of user `i`, and its feature is `i`.
    fn rows(n: u64) -> Examples {
        Examples::new((0..n).collect(), (0..n).map(|row| row % 3).collect())
            .and_then(|rows| rows.with_user_features((0..n).map(|row| row as f32).collect(), 1))
            .and_then(|rows| rows.with_labels((0..2 * n).map(|at| (at % 3 == 0) as u8 as f32).collect(), 2))
            .unwrap()
    }

    fn task(n: u64, batch_size: usize) -> EstimatorTask<IdLookup, IdLookup> {
        EstimatorTask::new(rows(n), MultiTaskLoss::new(2), batch_size, 5).unwrap()
    }

    fn users(task: &EstimatorTask<IdLookup, IdLookup>, epoch: u64) -> Vec<u64> {
        task.batches(epoch).flat_map(|batch| batch.user_ids().to_vec()).collect()
    }

    fn model() -> MultiTaskEstimator<IdLookup> {
        let device = Device::default();
        let ids = |n| IdLookup::new(EmbeddingTableConfig::new(n, 4).init(&device));
        MultiTaskEstimatorConfig::new(2, 1, 0, 0).init(ids(100), ids(3), &device)
    }

    #[test]
    fn every_row_comes_once_an_epoch_and_whole() {
        let task = task(10, 4);
        assert_eq!(task.n_batches(), 3);
        let sizes: Vec<usize> = task.batches(1).map(|batch| task.n_rows(&batch)).collect();
        assert_eq!(sizes, [4, 4, 2]);
        let mut seen = users(&task, 1);
        assert_ne!(seen, (0..10).collect::<Vec<_>>());
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        for batch in task.batches(2) {
            let order: Vec<u32> = batch.user_ids().iter().map(|&user| user as u32).collect();
            assert_eq!(batch, task.rows().select(&order));
        }
    }

    #[test]
    fn the_order_is_a_function_of_the_epoch() {
        let shuffled = task(50, 7);
        assert_eq!(users(&shuffled, 3), users(&shuffled, 3));
        assert_ne!(users(&shuffled, 3), users(&shuffled, 4));
        let as_given = shuffled.with_order(Order::AsGiven);
        assert_eq!(users(&as_given, 3), (0..50).collect::<Vec<_>>());
        assert_eq!(users(&as_given, 4), users(&as_given, 3));
    }

    #[test]
    fn the_mean_loss_does_not_depend_on_the_batches() {
        let model = model();
        let device = Device::default();
        let logits = model.forward(&rows(10).inputs(&device), &mut Tape::off());
        let whole: f32 =
            MultiTaskLoss::new(2).forward(logits, rows(10).label_tensor(&device), None).into_scalar();
        for batch_size in [1, 4, 10, 100] {
            let mean = task(10, batch_size).mean_loss(&model, 1).unwrap();
            assert!((mean - f64::from(whole)).abs() < 1e-6, "{mean} {whole}");
        }
        assert!(task(0, 4).mean_loss(&model, 1).is_err());
    }

    #[test]
    fn weights_of_rows_reach_the_loss() {
        let model = model();
        let loss = |rows: Examples| {
            let task = EstimatorTask::new(rows, MultiTaskLoss::new(2), 100, 5).unwrap();
            task.mean_loss(&model, 1).unwrap()
        };
        let weighted = loss(rows(3).with_weights(vec![0.0, 1.0, 0.0]).unwrap());
        assert!((weighted - loss(rows(3).select(&[1]))).abs() < 1e-6);
        assert!((weighted - loss(rows(3))).abs() > 1e-4);
    }

    #[test]
    fn features_and_labels_are_not_tracked() {
        let device = Device::default().autodiff();
        let batch = rows(4);
        let inputs = batch.inputs(&device);
        let tensors = [inputs.user_features, batch.label_tensor(&device)];
        assert!(tensors.iter().all(|tensor| !tensor.is_require_grad()));
        assert_eq!(tensors[0].to_data(), TensorData::new(vec![0f32, 1.0, 2.0, 3.0], [4, 1]));
    }

    #[test]
    fn labels_must_be_those_of_the_loss() {
        let refused = |rows: Examples, n_tasks| {
            EstimatorTask::<IdLookup, IdLookup>::new(rows, MultiTaskLoss::new(n_tasks), 4, 5).unwrap_err()
        };
        assert_eq!(refused(rows(3), 3), ExampleError::Width { what: "labels", actual: 2, expected: 3 });
        assert_eq!(refused(Examples::new(vec![1], vec![1]).unwrap(), 1), ExampleError::NoLabels);
    }
}
