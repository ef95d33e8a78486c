//! Users with a branch for all rows and a branch for rows in which items are rebalanced.

use burn::config::Config;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::Tape;
use burn_recsys_embeddings::dense::{forward_stack, seeded_stack};

use crate::{
    EstimatorInputs, Examples, ItemRepresentation, MultiTaskEstimator, MultiTaskLoss, UserRepresentation,
    streams,
};

/// Configuration of a [`TwoBranch`].
#[derive(Config, Debug)]
pub struct TwoBranchConfig {
    /// The size of each vector that comes out.
    pub d_user: usize,
    /// How far attention shifts to the rebalanced rows: at the end of training the main branch still
    /// counts `1 - 1 / gamma^2`. Above 1; larger where items are more skewed.
    pub gamma: f64,
    /// The widths of the hidden layers of either branch.
    #[config(default = "Vec::new()")]
    pub hidden: Vec<usize>,
    /// What the first values of the branches are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Users known by a shared base and two branches of layers behind it: the user side of the Cross
/// Decoupling Network (Zhang et al. 2023, arXiv 2210.14309, sections 3.2 and 3.3).
///
/// ```text
/// main vector        = main(base)              serves and learns from rows as they come      (Eq. 4)
/// regulariser vector = regulariser(base)       learns from rows with items rebalanced        (Eq. 4)
/// alpha              = 1 - (progress / gamma)^2          progress = t / T, from 0 to 1       (Eq. 6)
/// ```
///
/// Rows as they come are mostly of head items; for the regulariser those are thinned out
/// ([`rebalanced_rows`](crate::rebalanced_rows)). `alpha` starts at 1 and falls, so attention shifts softly
/// to the tail without the head being forgotten. What serves is the main branch alone (Eq. 9): the
/// regulariser teaches the base and the items, and costs nothing later.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{EmbeddingTableConfig, Tape};
/// use burn_recsys_models::{
///     BranchCoupling, Examples, IdLookup, MultiTaskEstimatorConfig, MultiTaskLoss, TwoBranchConfig,
///     rebalanced_rows,
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
/// let loss = ranker.two_branch_loss(
///     &loss, BranchCoupling::Losses, progress, [&rows, &rebalanced], &device, &mut tape,
/// );
/// let mut grads = loss.backward();
/// assert_eq!(tape.gradients(&mut grads).len(), 2);
/// # Ok::<(), burn_recsys_models::ExampleError>(())
/// ```
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

/// How a row of the main sample and a row of the rebalanced sample become one loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchCoupling {
    /// `alpha * loss(main, its labels) + (1 - alpha) * loss(regulariser, its labels)`: each branch has
    /// the loss of its own rows. The main branch, which serves, stays calibrated to the rows as they come.
    Losses,
    /// As the paper (Eq. 5 and 8): row `i` of one sample goes with row `i` of the other, and with
    /// `s = alpha * main + (1 - alpha) * regulariser` the loss is `alpha * loss(s, labels of the main row) +
    /// (1 - alpha) * loss(s, labels of the other)`.
    ///
    /// The paper does so before a softmax over all items. A logit for one row is another matter: it takes
    /// part in the labels of an unrelated row, so probabilities need a
    /// [`Calibration`](crate::Calibration) afterwards.
    Logits,
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
            main: seeded_stack(&widths, seed, streams::TWO_BRANCH, device),
            // 2^16 streams for each: a layer more changes no other first value.
            regulariser: seeded_stack(&widths, seed, streams::TWO_BRANCH + (1 << 16), device),
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

    /// User vectors of one branch.
    ///
    /// # Shapes
    /// - as [`UserRepresentation::user_vectors`]
    ///
    /// # Panics
    /// As [`UserRepresentation::user_vectors`].
    pub fn branch_vectors(
        &self,
        branch: Branch,
        ids: &[u64],
        features: &Tensor<2>,
        tape: &mut Tape,
    ) -> Tensor<2> {
        let layers = match branch {
            Branch::Main => &self.main,
            Branch::Regulariser => &self.regulariser,
        };
        forward_stack(layers, self.base.user_vectors(ids, features, tape))
    }
}

/// Those of the main branch.
impl<R: UserRepresentation> UserRepresentation for TwoBranch<R> {
    fn d_user(&self) -> usize {
        self.main.last().map_or(0, |layer| layer.weight.lazy_shape()[1])
    }

    fn user_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        self.branch_vectors(Branch::Main, ids, features, tape)
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
    /// The logits by one branch of users. Items, heads and all else are shared; with [`Branch::Main`] it is
    /// [`forward`](Self::forward).
    ///
    /// # Shapes
    /// - `inputs`: `batch` rows
    /// - output: `[batch, n_tasks]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_branch(&self, branch: Branch, inputs: &EstimatorInputs, tape: &mut Tape) -> Tensor<2> {
        let EstimatorInputs { user_ids, user_features, .. } = inputs;
        let users = self.users.branch_vectors(branch, user_ids, user_features, tape);
        self.forward_users(users, inputs, tape)
    }

    /// The loss of a batch of the main sample and a batch of the rebalanced sample, both with labels,
    /// when `progress` of the training is done; see [`TwoBranch`].
    ///
    /// # Shapes
    /// - output: `[1]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward) and [`MultiTaskLoss::forward`], if `progress` is not in `0..=1`, or
    /// if logits are coupled and the batches differ in size; the message has both.
    pub fn two_branch_loss(
        &self,
        loss: &MultiTaskLoss,
        coupling: BranchCoupling,
        progress: f64,
        [main, rebalanced]: [&Examples; 2],
        device: &Device,
        tape: &mut Tape,
    ) -> Tensor<1> {
        let alpha = self.users.share(Branch::Main, progress);
        let of_main = self.forward_branch(Branch::Main, &main.inputs(device), tape);
        let of_regulariser = self.forward_branch(Branch::Regulariser, &rebalanced.inputs(device), tape);
        let [of_main, of_regulariser] = match coupling {
            BranchCoupling::Losses => [of_main, of_regulariser],
            BranchCoupling::Logits => {
                let (n_main, n_rebalanced) = (main.n_rows(), rebalanced.n_rows());
                assert!(n_main == n_rebalanced, "{n_main} main rows cannot pair {n_rebalanced} rebalanced");
                let logits = of_main * alpha + of_regulariser * (1.0 - alpha);
                [logits.clone(), logits]
            }
        };
        let of = |logits, rows: &Examples| {
            loss.forward(logits, rows.label_tensor(device), rows.weight_tensor(device))
        };
        of(of_main, main) * alpha + of(of_regulariser, rebalanced) * (1.0 - alpha)
    }
}
