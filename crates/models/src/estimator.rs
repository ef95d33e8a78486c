//! A final ranker: estimates of several kinds of feedback for a user and an item.

mod heads;
mod row;

use burn::config::Config;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::dense::seeded_linear;
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, TableInitializer, Tape};

pub use heads::{Heads, HeadsConfig};

use row::{Part, Row};

use crate::examples::check_ids;
use crate::{ExampleError, Examples, IdLookup, ItemRepresentation, UserRepresentation, streams};

/// Configuration of a [`MultiTaskEstimator`].
#[derive(Config, Debug)]
pub struct MultiTaskEstimatorConfig {
    /// The number of tasks, the kinds of feedback to estimate.
    pub n_tasks: usize,
    /// The number of features of a user; 0 for none.
    pub n_user_features: usize,
    /// The number of features of an item; 0 for none.
    pub n_item_features: usize,
    /// The number of features of a user and an item together; 0 for none.
    pub n_cross_features: usize,
    /// The size of the vector that the cross features become.
    #[config(default = 128)]
    pub d_cross: usize,
    /// What turns the description of a row into logits.
    #[config(default = "HeadsConfig::new()")]
    pub heads: HeadsConfig,
    /// The number of positions whose bias is learned; later ones share the last. 0: positions play no
    /// part.
    #[config(default = 0)]
    pub n_positions: usize,
    /// What the first values of all parameters but those of the representations are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Estimates several kinds of feedback of a user to an item.
///
/// ```text
/// row    = [ user vector | linear user features | item vector | linear item features | linear cross features ]
/// logits = heads(row) + bias of the position
/// ```
///
/// How users are known is a type, `R`; the rest stays the same. The linear user features are as wide as
/// the user vector and the linear item features as the item vector; parts without features are left
/// out. The bias of a position is a number for each task, the shallow tower of Zhao et al. 2019: it explains
/// what an earlier ranking did to the clicks, and at position 0, which is what to ask for when ranking, it is
/// zero and stays so.
///
/// Made by [`MultiTaskEstimatorConfig::init`].
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{EmbeddingTableConfig, Tape};
/// use burn_recsys_models::{Cohort, Examples, IdLookup, MultiTaskEstimatorConfig};
///
/// let device = Device::default();
/// let users = Cohort::new(Cohort::original(2, 16, 8).init(&device));
/// let items = IdLookup::new(EmbeddingTableConfig::new(1_000, 8).init(&device));
/// let ranker = MultiTaskEstimatorConfig::new(3, 2, 0, 0).init(users, items, &device);
///
/// let rows = Examples::new(vec![5, 5], vec![17, 940])?.with_user_features(vec![0.5, 1.0, 0.5, 1.0], 2)?;
/// ranker.check(&rows)?;
/// assert_eq!(ranker.forward(&rows.inputs(&device), &mut Tape::off()).dims(), [2, 3]);
/// # Ok::<(), burn_recsys_models::ExampleError>(())
/// ```
#[derive(Module, Debug)]
pub struct MultiTaskEstimator<R: Module, I: Module = IdLookup> {
    /// How users are known.
    pub users: R,
    /// How items are known.
    pub items: I,
    /// From user features to `d_user` numbers; none without features. As the next two.
    pub user_features: Option<Linear>,
    /// From item features to `d_item` numbers.
    pub item_features: Option<Linear>,
    /// From cross features to `d_cross` numbers.
    pub cross_features: Option<Linear>,
    /// From the description of a row to logits.
    pub heads: Heads,
    /// The bias of each position, `[1 + n_positions, n_tasks]`; row 0 is zero. None without positions.
    pub positions: Option<EmbeddingTable>,
}

/// What an estimator reads of some rows.
#[derive(Debug, Clone)]
pub struct EstimatorInputs {
    /// `[batch]`, on the host
    pub user_ids: Vec<u64>,
    /// `[batch, n_user_features]`
    pub user_features: Tensor<2>,
    /// `[batch]`, on the host
    pub item_ids: Vec<u64>,
    /// `[batch, n_item_features]`
    pub item_features: Tensor<2>,
    /// `[batch, n_cross_features]`
    pub cross_features: Tensor<2>,
    /// `[batch]`, or empty where no position is known
    pub positions: Vec<u32>,
}

impl MultiTaskEstimatorConfig {
    /// An estimator that knows users by `users` and items by `items`.
    ///
    /// # Panics
    /// If there is no task, a width of the heads is 0, or a representation reads another number of features
    /// than there are; the message has the numbers.
    pub fn init<R: UserRepresentation, I: ItemRepresentation>(
        &self,
        users: R,
        items: I,
        device: &Device,
    ) -> MultiTaskEstimator<R, I> {
        let &MultiTaskEstimatorConfig { n_user_features, n_item_features, n_cross_features, seed, .. } = self;
        for (what, reads, there_are) in [
            ("user", users.n_user_features(), n_user_features),
            ("item", items.n_item_features(), n_item_features),
        ] {
            assert!(
                reads.is_none_or(|reads| reads == there_are),
                "a {what} representation of {} features in an estimator of {there_are}",
                reads.unwrap_or_default()
            );
        }
        let layer = |n_features: usize, width: usize, stream| {
            (n_features > 0)
                .then(|| seeded_linear(n_features, width, seed, streams::ESTIMATOR + stream, device))
        };
        let (d_user, d_item) = (users.d_user(), items.d_item());
        let part = |n_features, width| if n_features > 0 { width } else { 0 };
        let d_row = d_user
            + part(n_user_features, d_user)
            + d_item
            + part(n_item_features, d_item)
            + part(n_cross_features, self.d_cross);
        MultiTaskEstimator {
            user_features: layer(n_user_features, d_user, 0),
            item_features: layer(n_item_features, d_item, 1),
            cross_features: layer(n_cross_features, self.d_cross, 2),
            heads: self.heads.init(d_row, self.n_tasks, seed, device),
            positions: self.positions(device),
            users,
            items,
        }
    }

    fn positions(&self, device: &Device) -> Option<EmbeddingTable> {
        (self.n_positions > 0).then(|| {
            EmbeddingTableConfig::new(1 + self.n_positions, self.n_tasks)
                .with_initializer(TableInitializer::Zeros)
                .with_padding(Some(0))
                .init(device)
        })
    }
}

impl<R: UserRepresentation, I: ItemRepresentation> MultiTaskEstimator<R, I> {
    /// The logits of some rows.
    ///
    /// # Shapes
    /// - `inputs`: `batch` rows
    /// - output: `[batch, n_tasks]`
    ///
    /// # Panics
    /// If a size is not that of the model or of the batch; [`check`](Self::check) finds that out
    /// beforehand, as an error.
    pub fn forward(&self, inputs: &EstimatorInputs, tape: &mut Tape) -> Tensor<2> {
        let users = self.users.user_vectors(&inputs.user_ids, &inputs.user_features, tape);
        self.forward_users(users, inputs, tape)
    }

    /// As [`forward`](Self::forward), with user vectors that were made elsewhere.
    ///
    /// # Shapes
    /// - `users`: `[batch, d_user]`
    /// - output: `[batch, n_tasks]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_users(&self, users: Tensor<2>, inputs: &EstimatorInputs, tape: &mut Tape) -> Tensor<2> {
        let row = Row::new(self.parts(users, inputs, tape), self.heads.d_first());
        let logits = self.heads.forward_row(&row);
        let (Some(positions), false) = (&self.positions, inputs.positions.is_empty()) else { return logits };
        assert!(
            inputs.positions.len() == inputs.user_ids.len(),
            "{} positions for {} rows",
            inputs.positions.len(),
            inputs.user_ids.len()
        );
        let last = positions.n_rows() as u32 - 1;
        let rows: Vec<u32> = inputs.positions.iter().map(|&position| position.min(last)).collect();
        logits + positions.forward(&rows, tape)
    }

    /// The description of rows that the heads read: the parts side by side, in the order of the type's
    /// formula.
    ///
    /// # Shapes
    /// - `users`: `[batch, d_user]`
    /// - output: `[batch, d_row]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn describe(&self, users: Tensor<2>, inputs: &EstimatorInputs, tape: &mut Tape) -> Tensor<2> {
        // Without layers behind it there is nothing to fold.
        Row::new(self.parts(users, inputs, tape), 0).into_tensor()
    }

    fn parts(&self, users: Tensor<2>, inputs: &EstimatorInputs, tape: &mut Tape) -> Vec<Part<'_>> {
        let items = self.items.item_vectors(&inputs.item_ids, &inputs.item_features, tape);
        let mut parts = vec![Part { input: users, layer: None }];
        let blocks = [
            (&self.user_features, &inputs.user_features, Some(items)),
            (&self.item_features, &inputs.item_features, None),
            (&self.cross_features, &inputs.cross_features, None),
        ];
        for (layer, features, next) in blocks {
            if let Some(layer) = layer {
                let (width, n_features) = (features.dims()[1], layer.weight.lazy_shape()[0]);
                assert!(width == n_features, "features of width {width} for an estimator of {n_features}");
                parts.push(Part { input: features.clone(), layer: Some(layer) });
            }
            parts.extend(next.map(|input| Part { input, layer: None }));
        }
        parts
    }

    /// Whether the model can read these rows.
    ///
    /// # Errors
    /// If features have another width than the model, labels another number of tasks, or an id has no
    /// vector; the message names the row.
    pub fn check(&self, rows: &Examples) -> Result<(), ExampleError> {
        let width = |layer: &Option<Linear>| layer.as_ref().map_or(0, |layer| layer.weight.lazy_shape()[0]);
        rows.check_widths([
            width(&self.user_features),
            width(&self.item_features),
            width(&self.cross_features),
            self.n_tasks(),
        ])?;
        check_ids("user ids", rows.user_ids(), self.users.n_users())?;
        check_ids("item ids", rows.item_ids(), self.items.n_items())
    }

    /// The number of tasks.
    pub fn n_tasks(&self) -> usize {
        self.heads.n_tasks()
    }

    /// The device that features go to.
    pub fn device(&self) -> Device {
        self.heads.device()
    }
}
