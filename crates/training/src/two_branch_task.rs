//! Rows as they come, and beside them rows in which items of the tail count for more.

use burn::tensor::Tensor;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_embeddings::Tape;
use burn_recsys_models::{
    BranchCoupling, Examples, ItemRepresentation, MultiTaskEstimator, TwoBranch, UserRepresentation,
    max_tail_count, rebalanced_rows,
};

use crate::{EstimatorTask, Task};

/// Trains an estimator whose users are a [`TwoBranch`] (Zhang et al. 2023, arXiv 2210.14309, sections 3.2
/// and 3.3).
///
/// Every step has a batch of each of two samples of the same rows. The main batches are those of an
/// [`EstimatorTask`]: every row once an epoch. As many rows come from the rebalanced sample, in which head
/// items are thinned out until none occurs more often than the most frequent item of the tail
/// ([`max_tail_count`], [`rebalanced_rows`]). Every epoch draws that sample anew and shuffles it; it is
/// smaller than all rows and starts over when it ends. The loss is
/// [`two_branch_loss`](MultiTaskEstimator::two_branch_loss) with [`BranchCoupling::Losses`]: the main
/// branch, which serves, stays calibrated to the rows as they come.
///
/// ```
/// use burn::optim::AdamConfig;
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{EmbeddingTableConfig, SparseAdagrad, SparseOptimizer};
/// use burn_recsys_models::{Examples, IdLookup, MultiTaskEstimatorConfig, MultiTaskLoss, TwoBranchConfig};
/// use burn_recsys_training::{EstimatorTask, FitConfig, Optimizers, TrainState, TwoBranchTask, fit};
///
/// let device = Device::default().autodiff();
/// let ids = |n, seed| IdLookup::new(EmbeddingTableConfig::new(n, 4).with_seed(seed).init(&device));
/// let users = TwoBranchConfig::new(4, 2.0).init(ids(10, 1), &device);
/// let model = MultiTaskEstimatorConfig::new(1, 0, 0, 0).init(users, ids(20, 2), &device);
///
/// // Item 7 is the head; items 8 and 9 are the tail.
/// let rows = Examples::new(vec![1, 2, 3, 4, 5], vec![7, 7, 7, 8, 9])?
///     .with_labels(vec![1.0, 0.0, 1.0, 1.0, 0.0], 1)?;
/// model.check(&rows)?;
/// let n_epochs = 3;
/// let task = TwoBranchTask::new(EstimatorTask::new(rows, MultiTaskLoss::new(1), 2, 7)?, 0.4, n_epochs);
///
/// let optimizers = Optimizers {
///     sparse: SparseOptimizer::new(Box::new(SparseAdagrad::default())),
///     dense: AdamConfig::new().init(),
/// };
/// let state = TrainState { model, optimizers, history: Vec::new() };
/// let config = FitConfig { n_epochs, learning_rate: 0.1, patience: None, seed: 7, ..FitConfig::default() };
/// let state = fit(&task, None, state, &config, &device, &mut ())?;
/// assert!(state.history[2].train_loss < state.history[0].train_loss);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TwoBranchTask<R: UserRepresentation, I> {
    main: EstimatorTask<TwoBranch<R>, I>,
    max_count: usize,
    n_epochs: u64,
}

/// What one step of a [`TwoBranchTask`] works on.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoBranchBatch {
    /// How much of the training was done before this step, from 0 to below 1.
    pub progress: f64,
    /// Rows as they come.
    pub main: Examples,
    /// As many rows, with head items thinned out.
    pub rebalanced: Examples,
}

impl<R: UserRepresentation, I: ItemRepresentation> TwoBranchTask<R, I> {
    /// The rows, loss, batch size, seed and order of `main`, with the rebalanced sample beside them.
    ///
    /// The `head_fraction` of the items that occur most often is the head; `n_epochs` is how long training
    /// will be, over which attention shifts to the tail.
    ///
    /// # Panics
    /// If `head_fraction` is not in `0..1`, or `n_epochs` is 0.
    pub fn new(main: EstimatorTask<TwoBranch<R>, I>, head_fraction: f64, n_epochs: u64) -> Self {
        assert!(n_epochs > 0, "0 epochs: attention has no time to shift");
        // Without rows there is no tail, and nothing to cap.
        let max_count = max_tail_count(main.rows().item_ids(), head_fraction).unwrap_or(1);
        TwoBranchTask { main, max_count, n_epochs }
    }

    /// All rows, in the order that they were given in.
    pub fn rows(&self) -> &Examples {
        self.main.rows()
    }

    /// How many rows of an item the rebalanced sample of an epoch has at most.
    pub fn max_count(&self) -> usize {
        self.max_count
    }

    /// The rebalanced sample of `epoch` in the order of that epoch.
    fn rebalanced(&self, epoch: u64) -> Vec<u32> {
        // Not the numbers that order the main sample: pairs of rows would not be random.
        let seed = !self.main.seed;
        let rows = rebalanced_rows(self.rows().item_ids(), self.max_count, seed, epoch);
        let order = Random::new(seed, Stream::Shuffle, epoch).permutation(rows.len() as u32);
        order.into_iter().map(|at| rows[at as usize]).collect()
    }
}

impl<R: UserRepresentation, I: ItemRepresentation> Task for TwoBranchTask<R, I> {
    type Model = MultiTaskEstimator<TwoBranch<R>, I>;
    type Batch = TwoBranchBatch;

    fn n_batches(&self) -> usize {
        self.main.n_batches()
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = TwoBranchBatch> + Send {
        let n_steps = self.n_batches() as f64;
        let mut rebalanced = self.rebalanced(epoch).into_iter().cycle();
        self.main.batches(epoch).enumerate().map(move |(step, main)| {
            let done = epoch.saturating_sub(1) as f64 + step as f64 / n_steps;
            let rows: Vec<u32> = rebalanced.by_ref().take(main.n_rows()).collect();
            TwoBranchBatch {
                // An epoch after the last one goes on as training ended.
                progress: (done / self.n_epochs as f64).min(1.0),
                rebalanced: self.rows().select(&rows),
                main,
            }
        })
    }

    /// [`two_branch_loss`](MultiTaskEstimator::two_branch_loss): of either sample the mean or the sum, as the
    /// [`MultiTaskLoss`](burn_recsys_models::MultiTaskLoss) says.
    fn loss(&self, model: &Self::Model, batch: &TwoBranchBatch, tape: &mut Tape) -> Tensor<1> {
        let TwoBranchBatch { progress, main, rebalanced } = batch;
        let (loss, coupling) = (&self.main.loss, BranchCoupling::Losses);
        model.two_branch_loss(loss, coupling, *progress, [main, rebalanced], &model.device(), tape)
    }

    /// The number of main rows; there are as many rebalanced rows.
    fn n_rows(&self, batch: &TwoBranchBatch) -> usize {
        batch.main.n_rows()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::optim::AdamConfig;
    use burn::tensor::Device;
    use burn_recsys_embeddings::{EmbeddingTableConfig, SparseAdagrad, SparseOptimizer};
    use burn_recsys_models::{IdLookup, MultiTaskEstimatorConfig, MultiTaskLoss, TwoBranchConfig};

    use super::*;
    use crate::{FitConfig, Optimizers, Order, TrainState, fit};

    const N_EPOCHS: u64 = 4;
    const BATCH_SIZE: usize = 7;

    /// Row `i` is of user `i`. Item 0 has 40 rows, item 1 has 20, items 2 to 9 have 3 each.
    fn rows() -> Examples {
        let items: Vec<u64> =
            [0; 40].into_iter().chain([1; 20]).chain((2..10).flat_map(|item| [item; 3])).collect();
        let n_rows = items.len() as u64;
        let labels = items.iter().zip(0..).map(|(item, row)| f32::from((item + row) % 3 == 0)).collect();
        Examples::new((0..n_rows).collect(), items).and_then(|rows| rows.with_labels(labels, 1)).unwrap()
    }

    type Model = MultiTaskEstimator<TwoBranch<IdLookup>>;

    fn task(seed: u64) -> TwoBranchTask<IdLookup, IdLookup> {
        let main = EstimatorTask::new(rows(), MultiTaskLoss::new(1), BATCH_SIZE, seed).unwrap();
        TwoBranchTask::new(main, 0.2, N_EPOCHS)
    }

    fn model(device: &Device) -> Model {
        let ids = |n, seed| IdLookup::new(EmbeddingTableConfig::new(n, 4).with_seed(seed).init(device));
        let users = TwoBranchConfig::new(4, 2.0).with_seed(3).init(ids(84, 1), device);
        MultiTaskEstimatorConfig::new(1, 0, 0, 0).with_seed(4).init(users, ids(10, 2), device)
    }

    fn users(batches: &[TwoBranchBatch], sample: fn(&TwoBranchBatch) -> &Examples) -> Vec<u64> {
        batches.iter().flat_map(|batch| sample(batch).user_ids().to_vec()).collect()
    }

    #[test]
    fn batches_are_a_function_of_seed_and_epoch() {
        let batches = |seed, epoch| task(seed).batches(epoch).collect::<Vec<_>>();
        assert_eq!(batches(5, 2), batches(5, 2));
        for other in [batches(5, 3), batches(6, 2)] {
            let same = batches(5, 2);
            assert_ne!(users(&other, |batch| &batch.main), users(&same, |batch| &batch.main));
            assert_ne!(users(&other, |batch| &batch.rebalanced), users(&same, |batch| &batch.rebalanced));
        }
    }

    #[test]
    fn main_batches_are_those_of_the_estimator_task() {
        for order in [Order::Shuffled, Order::AsGiven] {
            let main = EstimatorTask::new(rows(), MultiTaskLoss::new(1), BATCH_SIZE, 5).unwrap();
            let main = main.with_order(order);
            let task: TwoBranchTask<IdLookup, IdLookup> = TwoBranchTask::new(main.clone(), 0.2, N_EPOCHS);
            assert_eq!(task.n_batches(), 12);
            let batches: Vec<_> = task.batches(2).collect();
            assert!(main.batches(2).eq(batches.iter().map(|batch| batch.main.clone())));
            let mut seen = users(&batches, |batch| &batch.main);
            seen.sort_unstable();
            assert_eq!(seen, (0..84).collect::<Vec<_>>());
            for batch in &batches {
                assert_eq!(task.n_rows(batch), batch.main.n_rows());
                assert_eq!(batch.rebalanced.n_rows(), batch.main.n_rows());
            }
        }
    }

    #[test]
    fn the_rebalanced_sample_caps_head_items_and_starts_over() {
        let task = task(5);
        assert_eq!(task.max_count(), 3);
        let batches: Vec<_> = task.batches(1).collect();
        let order = users(&batches, |batch| &batch.rebalanced);
        // 10 items with 3 rows each, of 84.
        let sample = &order[..30];
        assert_eq!((&order[30..60], &order[60..]), (sample, &sample[..24]));
        let mut distinct = sample.to_vec();
        distinct.sort_unstable();
        assert_ne!(distinct, sample, "not shuffled");
        distinct.dedup();
        assert_eq!(distinct.len(), 30);
        let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
        for user in sample {
            *counts.entry(rows().item_ids()[*user as usize]).or_default() += 1;
        }
        assert!(counts.len() == 10 && counts.values().all(|&count| count == 3), "{counts:?}");
        for batch in &batches {
            let at: Vec<u32> = batch.rebalanced.user_ids().iter().map(|&user| user as u32).collect();
            assert_eq!(batch.rebalanced, task.rows().select(&at));
        }
    }

    #[test]
    fn progress_goes_from_0_to_below_1() {
        let task = task(5);
        let progress: Vec<f64> =
            (1..=N_EPOCHS).flat_map(|epoch| task.batches(epoch)).map(|batch| batch.progress).collect();
        assert_eq!(progress.len(), 48);
        for (step, progress) in progress.iter().enumerate() {
            assert!((progress - step as f64 / 48.0).abs() < 1e-12, "step {step}: {progress}");
        }
        assert!(task.batches(N_EPOCHS + 1).all(|batch| batch.progress == 1.0));
    }

    #[test]
    fn the_loss_is_that_of_the_model_at_the_progress_of_the_batch() {
        let device = Device::default();
        let (task, model) = (task(5), model(&device));
        let batch = task.batches(3).nth(4).unwrap();
        let loss: f32 = task.loss(&model, &batch, &mut Tape::off()).into_scalar();
        let at = |progress| -> f32 {
            let (samples, coupling) = ([&batch.main, &batch.rebalanced], BranchCoupling::Losses);
            let loss = MultiTaskLoss::new(1);
            model.two_branch_loss(&loss, coupling, progress, samples, &device, &mut Tape::off()).into_scalar()
        };
        assert_eq!(loss, at((2.0 + 4.0 / 12.0) / 4.0));
        assert_ne!(loss, at(0.0));
    }

    #[test]
    fn a_fit_lowers_the_loss_and_repeats_its_bits() {
        let device = Device::default().autodiff();
        let fitted = || {
            let optimizers = Optimizers {
                sparse: SparseOptimizer::new(Box::new(SparseAdagrad::default())),
                dense: AdamConfig::new().init(),
            };
            let state = TrainState { model: model(&device), optimizers, history: Vec::new() };
            let config = FitConfig {
                n_epochs: N_EPOCHS,
                learning_rate: 0.05,
                patience: None,
                seed: 7,
                ..FitConfig::default()
            };
            fit(&task(7), None, state, &config, &device, &mut ()).unwrap()
        };
        let (first, second) = (fitted(), fitted());
        let losses = |state: &TrainState<Model>| -> Vec<f64> {
            state.history.iter().map(|record| record.train_loss).collect()
        };
        assert!(losses(&first)[3] < losses(&first)[0], "{:?}", losses(&first));
        assert_eq!(losses(&first), losses(&second));
        let logits = |state: &TrainState<Model>| {
            state.model.forward(&rows().inputs(&device), &mut Tape::off()).into_data()
        };
        assert_eq!(logits(&first), logits(&second));
        let before = model(&device);
        let moved = first.model.users.regulariser[0].weight.val().into_data();
        assert_ne!(moved, before.users.regulariser[0].weight.val().into_data());
    }

    #[test]
    fn without_rows_there_is_no_batch() {
        let rows = rows().select(&[]);
        let main = EstimatorTask::new(rows, MultiTaskLoss::new(1), BATCH_SIZE, 5).unwrap();
        let task: TwoBranchTask<IdLookup, IdLookup> = TwoBranchTask::new(main, 0.2, N_EPOCHS);
        assert_eq!(task.batches(1).count(), 0);
    }

    #[test]
    #[should_panic(expected = "a head fraction of 1 is not in 0..1")]
    fn a_head_of_all_items_panics() {
        TwoBranchTask::new(task(5).main, 1.0, N_EPOCHS);
    }
}
