//! What takes part in a study.

use std::fmt;
use std::sync::Arc;

use burn::tensor::Device;
use burn_recsys_embeddings::{EmbeddingTableConfig, TableInitializer};
use burn_recsys_models::{
    IdLookup, ItemRepresentation, MultiTaskEstimator, MultiTaskEstimatorConfig, TwoBranch, UserRepresentation,
};

use super::config::{EstimatorConfig, StudyTrainingConfig};
use super::rows::{StudyRows, TASKS};
use super::train::{MakeTask, SeedOutcome, Training, all_and_rebalanced_rows, all_rows, train};
use crate::{Result, StepReport, Task};

/// The sizes that a representation is made for.
#[derive(Debug, Clone, PartialEq)]
pub struct StudySizes {
    /// User ids are below it. The last one is the unknown user: whoever had no training event, and the user
    /// of training rows whose past is hidden.
    pub n_users: usize,
    /// Item ids are below it.
    pub n_items: usize,
    /// The number of features of a user.
    pub n_user_features: usize,
    /// The number of features of an item.
    pub n_item_features: usize,
    /// The number of features of a user and an item together.
    pub n_cross_features: usize,
    /// The names of the user features, so that one can be found.
    pub user_feature_names: Vec<String>,
    /// The names of the item features.
    pub item_feature_names: Vec<String>,
    /// The size of user vectors that the configuration asks for.
    pub d_user: usize,
    /// The size of item vectors that the configuration asks for.
    pub d_item: usize,
    /// Standard deviation of the first values of tables.
    pub initial_std: f64,
}

impl StudySizes {
    pub(super) fn new(
        rows: &StudyRows,
        [n_users, n_items]: [usize; 2],
        estimator: &EstimatorConfig,
        training: &StudyTrainingConfig,
    ) -> Self {
        StudySizes {
            n_users,
            n_items,
            n_user_features: rows.train.n_user_features(),
            n_item_features: rows.train.n_item_features(),
            n_cross_features: rows.train.n_cross_features(),
            user_feature_names: rows.user_feature_names.clone(),
            item_feature_names: rows.item_feature_names.clone(),
            d_user: estimator.d_user,
            d_item: estimator.d_item,
            initial_std: training.initial_std,
        }
    }

    /// A table of vectors of width `d` for `n` ids, filled as the configuration says.
    pub fn table(&self, n: usize, d: usize, seed: u64) -> EmbeddingTableConfig {
        EmbeddingTableConfig::new(n, d)
            .with_initializer(TableInitializer::Normal { std: self.initial_std })
            .with_seed(seed)
    }
}

/// Trains one seed and measures it.
type Run = dyn Fn(&Training<'_>, &mut dyn FnMut(StepReport) -> bool) -> Result<SeedOutcome> + Send + Sync;

/// A representation that takes part in a study: a name and how to make it.
///
/// What is made must read as many features as the sizes say; a study panics at one that does not, as
/// [`MultiTaskEstimatorConfig::init`] does, with both numbers.
///
/// ```
/// use burn_recsys_models::{Cohort, UserRepresentation};
/// use burn_recsys_training::study::Candidate;
///
/// let few = Candidate::new("eight-cohorts", |sizes, seed, device| {
///     let cohorts = Cohort::original(sizes.n_user_features, 8, sizes.d_user).with_seed(seed);
///     Cohort::new(cohorts.init(device))
/// });
/// assert_eq!(few.name(), "eight-cohorts");
/// ```
#[derive(Clone)]
pub struct Candidate {
    name: String,
    budget: Option<(String, f64)>,
    run: Arc<Run>,
}

impl Candidate {
    /// A way to know users; items are known by a table.
    ///
    /// `users` gets the sizes, a seed, and the device to make it on.
    pub fn new<R: UserRepresentation + 'static>(
        name: impl Into<String>,
        users: impl Fn(&StudySizes, u64, &Device) -> R + Send + Sync + 'static,
    ) -> Self {
        Self::with_items(name, users, |sizes, seed, device| {
            IdLookup::new(sizes.table(sizes.n_items, sizes.d_item, seed).init(device))
        })
    }

    /// A way to know users and a way to know items.
    pub fn with_items<R: UserRepresentation + 'static, I: ItemRepresentation + 'static>(
        name: impl Into<String>,
        users: impl Fn(&StudySizes, u64, &Device) -> R + Send + Sync + 'static,
        items: impl Fn(&StudySizes, u64, &Device) -> I + Send + Sync + 'static,
    ) -> Self {
        Self::trained_on(name, users, items, all_rows)
    }

    /// A way to know users by two branches and a way to know items, trained by
    /// [`TwoBranchTask`](crate::TwoBranchTask): the head is `slices.head_items` of the items, and attention
    /// has shifted to the tail as far as it does when the last epoch ends.
    ///
    /// The search for the number of epochs shifts over the most epochs that are allowed, the training that
    /// is measured over the number found.
    pub fn two_branch<R: UserRepresentation + 'static, I: ItemRepresentation + 'static>(
        name: impl Into<String>,
        users: impl Fn(&StudySizes, u64, &Device) -> TwoBranch<R> + Send + Sync + 'static,
        items: impl Fn(&StudySizes, u64, &Device) -> I + Send + Sync + 'static,
    ) -> Self {
        Self::trained_on(name, users, items, all_and_rebalanced_rows)
    }

    fn trained_on<R, I, T>(
        name: impl Into<String>,
        users: impl Fn(&StudySizes, u64, &Device) -> R + Send + Sync + 'static,
        items: impl Fn(&StudySizes, u64, &Device) -> I + Send + Sync + 'static,
        task: MakeTask<T>,
    ) -> Self
    where
        R: UserRepresentation + 'static,
        I: ItemRepresentation + 'static,
        T: Task<Model = MultiTaskEstimator<R, I>> + 'static,
    {
        let build = move |training: &Training<'_>| -> MultiTaskEstimator<R, I> {
            let (sizes, device) = (&training.sizes, &training.device);
            // Parts of one model take different seeds: otherwise user 0 would begin as item 0.
            let seed = |part: u64| training.seed.wrapping_mul(4).wrapping_add(part);
            let config = MultiTaskEstimatorConfig::new(
                TASKS.len(),
                sizes.n_user_features,
                sizes.n_item_features,
                sizes.n_cross_features,
            );
            config
                .with_d_cross(training.estimator.d_cross)
                .with_heads(training.estimator.heads())
                .with_seed(seed(2))
                .init(users(sizes, seed(0), device), items(sizes, seed(1), device), device)
        };
        let run = move |training: &Training<'_>, step: &mut dyn FnMut(StepReport) -> bool| {
            train(training, &build, task, step)
        };
        Candidate { name: name.into(), budget: None, run: Arc::new(run) }
    }

    /// The name in tables and plots.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same under another name.
    pub fn renamed(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Marks it as one of a memory study: a way to save memory, and the part of the full table's bytes that
    /// it was made for.
    pub fn with_budget(mut self, way: impl Into<String>, budget: f64) -> Self {
        self.budget = Some((way.into(), budget));
        self
    }

    /// The way to save memory and the part of the full table's bytes, of one of a memory study.
    pub fn budget(&self) -> Option<&(String, f64)> {
        self.budget.as_ref()
    }

    pub(super) fn run(
        &self,
        training: &Training<'_>,
        step: &mut dyn FnMut(StepReport) -> bool,
    ) -> Result<SeedOutcome> {
        (self.run)(training, step)
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("name", &self.name).finish_non_exhaustive()
    }
}
