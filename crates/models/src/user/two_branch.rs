//! Users with a branch for all rows and a branch for rows in which items are rebalanced.

use burn::config::Config;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::Tape;
use burn_recsys_embeddings::dense::{forward_stack, seeded_stack};

use crate::{EstimatorInputs, ItemRepresentation, MultiTaskEstimator, UserRepresentation};

/// Configuration of a [`TwoBranch`].
#[derive(Config, Debug)]
pub struct TwoBranchConfig {
    /// The size of each vector that comes out.
    pub d_user: usize,
    /// How far attention shifts to the rebalanced rows: at the end of training the main branch still
    /// counts `1 - 1 / gamma^2`. Above 1.
    pub gamma: f64,
    /// The widths of the hidden layers of either branch.
    #[config(default = "Vec::new()")]
    pub hidden: Vec<usize>,
    /// What the first values of the branches are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Users known by a shared base and two branches of layers behind it, the user side of the Cross
/// Decoupling Network (Zhang et al. 2023, arXiv 2210.14309: regularised bilateral branches and the
/// gamma-adapter).
///
/// ```text
/// alpha  = 1 - (progress / gamma)^2        progress = t / T, from 0 to 1
/// vector = alpha * main(base) + (1 - alpha) * regulariser(base)
/// ```
///
/// The main branch learns from rows as they come, mostly of head items; the regulariser from rows in
/// which head items are thinned out ([`rebalanced_rows`](crate::rebalanced_rows)). `alpha` starts at 1 and
/// falls, so attention shifts softly to the tail without the head being forgotten. Serving has the last
/// `alpha`.
///
/// # Training
/// A step takes a batch of either sample:
///
/// ```text
/// loss = alpha * loss of the main batch + (1 - alpha) * loss of the rebalanced batch
/// ```
///
/// each with the logits of [`MultiTaskEstimator::forward_branch`]:
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{EmbeddingTableConfig, Tape};
/// use burn_recsys_models::{
///     Branch, Examples, IdLookup, MultiTaskEstimatorConfig, MultiTaskLoss, TwoBranchConfig, rebalanced_rows,
/// };
///
/// let device = Device::default().autodiff();
/// let lookup = |n_ids| IdLookup::new(EmbeddingTableConfig::new(n_ids, 8).init(&device));
/// let users = TwoBranchConfig::new(8, 2.0).init(lookup(100), &device);
/// let ranker = MultiTaskEstimatorConfig::new(1, 0, 0, 0).init(users, lookup(10), &device);
///
/// let rows = Examples::new(vec![1, 2, 3, 4], vec![7, 7, 7, 9])?.with_labels(vec![1.0, 0.0, 1.0, 1.0], 1)?;
/// let rebalanced = rows.select(&rebalanced_rows(rows.item_ids(), 1, 42, 0));
/// let (progress, loss, mut tape) = (0.5, MultiTaskLoss::new(1), Tape::new());
/// let mut of = |branch, rows: &Examples| {
///     let logits = ranker.forward_branch(branch, progress, &rows.inputs(&device), &mut tape);
///     loss.forward(logits, rows.label_tensor(&device), None) * ranker.users.share(branch, progress)
/// };
/// let total = of(Branch::Main, &rows) + of(Branch::Regulariser, &rebalanced);
/// let mut grads = total.backward();
/// let rows_of_tables = tape.gradients(&mut grads);
/// assert_eq!(rows_of_tables.len(), 2);
/// # Ok::<(), burn_recsys_models::ExampleError>(())
/// ```
///
/// # Differences from the paper
/// - It adds logits, here vectors are added. With the original heads, which are linear, and with a dot
///   product that is the same; heads with hidden layers see one vector either way, and cost no more.
/// - It pairs a user of one sample with a user of the other and adds their logits of all items. A ranker
///   has a logit for one row, so here both branches see the same row and the branch whose sample it is not
///   is held fixed: each branch learns from its own sample alone, what is trained is what is served, and
///   logits stay those of the row's own labels.
///
/// Made by [`TwoBranchConfig::init`].
#[derive(Module, Debug)]
pub struct TwoBranch<R: Module> {
    /// What both branches know of a user.
    pub base: R,
    /// The main branch, with a ReLU between two layers.
    pub main: Vec<Linear>,
    /// The regulariser branch, likewise.
    pub regulariser: Vec<Linear>,
    #[module(skip)]
    gamma: f64,
}

/// One of the two branches of a [`TwoBranch`], and the sample that it learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// Rows as they come.
    Main,
    /// Rows in which head items are thinned out.
    Regulariser,
}

impl TwoBranchConfig {
    /// Fresh branches over `base`; their values are a pure function of the configuration.
    ///
    /// # Panics
    /// If a width is 0, or gamma is not finite and above 1.
    pub fn init<R: UserRepresentation>(&self, base: R, device: &Device) -> TwoBranch<R> {
        let TwoBranchConfig { d_user, gamma, seed, .. } = *self;
        let widths = [&[base.d_user()], &self.hidden[..], &[d_user]].concat();
        assert!(widths.iter().all(|&width| width > 0), "branches need positive widths; asked for {widths:?}");
        assert!(gamma > 1.0 && gamma.is_finite(), "gamma is {gamma}, not a finite number above 1");
        TwoBranch {
            base,
            main: seeded_stack(&widths, seed, 0, device),
            // 2^16 streams for each: a layer more changes no other first value.
            regulariser: seeded_stack(&widths, seed, 1 << 16, device),
            gamma,
        }
    }
}

impl<R: UserRepresentation> TwoBranch<R> {
    /// How much a branch counts when `progress` of the training is done; the two sum to 1.
    ///
    /// # Panics
    /// If `progress` is not in `0..=1`.
    pub fn share(&self, branch: Branch, progress: f64) -> f64 {
        assert!((0.0..=1.0).contains(&progress), "a progress of {progress} is not in 0..=1");
        let of_regulariser = (progress / self.gamma).powi(2);
        match branch {
            Branch::Main => 1.0 - of_regulariser,
            Branch::Regulariser => of_regulariser,
        }
    }

    /// User vectors from which only `branch`, and the base through it, learns: the other branch gives
    /// its part of the vectors and no gradient.
    ///
    /// # Shapes
    /// - as [`UserRepresentation::user_vectors`]
    ///
    /// # Panics
    /// As [`UserRepresentation::user_vectors`], or if `progress` is not in `0..=1`.
    pub fn branch_vectors(
        &self,
        branch: Branch,
        progress: f64,
        ids: &[u64],
        features: &Tensor<2>,
        tape: &mut Tape,
    ) -> Tensor<2> {
        let base = self.base.user_vectors(ids, features, tape);
        let [main, regulariser] = self.branches(base);
        match branch {
            Branch::Main => self.mix(main, regulariser.detach(), progress),
            Branch::Regulariser => self.mix(main.detach(), regulariser, progress),
        }
    }

    fn branches(&self, base: Tensor<2>) -> [Tensor<2>; 2] {
        [forward_stack(&self.main, base.clone()), forward_stack(&self.regulariser, base)]
    }

    fn mix(&self, main: Tensor<2>, regulariser: Tensor<2>, progress: f64) -> Tensor<2> {
        main * self.share(Branch::Main, progress) + regulariser * self.share(Branch::Regulariser, progress)
    }
}

/// The vectors at the end of training; both branches learn from them.
impl<R: UserRepresentation> UserRepresentation for TwoBranch<R> {
    fn d_user(&self) -> usize {
        self.main.last().map_or(0, |layer| layer.weight.lazy_shape()[1])
    }

    fn user_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        let [main, regulariser] = self.branches(self.base.user_vectors(ids, features, tape));
        self.mix(main, regulariser, 1.0)
    }

    fn n_user_features(&self) -> Option<usize> {
        self.base.n_user_features()
    }

    fn n_users(&self) -> Option<u64> {
        self.base.n_users()
    }

    fn expert_weights(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        self.base.expert_weights(features)
    }
}

impl<R: UserRepresentation, I: ItemRepresentation> MultiTaskEstimator<TwoBranch<R>, I> {
    /// The logits of rows of the sample of `branch`, for training; see [`TwoBranch`]. Items, heads and all
    /// else are shared and learn from both samples.
    ///
    /// # Shapes
    /// - `inputs`: `batch` rows
    /// - output: `[batch, n_tasks]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward), or if `progress` is not in `0..=1`.
    pub fn forward_branch(
        &self,
        branch: Branch,
        progress: f64,
        inputs: &EstimatorInputs,
        tape: &mut Tape,
    ) -> Tensor<2> {
        let EstimatorInputs { user_ids, user_features, .. } = inputs;
        let users = self.users.branch_vectors(branch, progress, user_ids, user_features, tape);
        self.forward_users(users, inputs, tape)
    }
}
