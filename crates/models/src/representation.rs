//! What an estimator needs of a way to know users, and of a way to know items.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;
use burn_recsys_embeddings::Tape;

/// Turns users into vectors: from their ids, from their features, or from both.
///
/// [`MultiTaskEstimator`](crate::MultiTaskEstimator) is generic over it, so a representation that is
/// defined elsewhere trains, is compared and serves as those of this crate.
pub trait UserRepresentation: Module + ModuleDisplay {
    /// The size of each vector.
    fn d_user(&self) -> usize;

    /// The vectors of some users, tracked by autodiff if `tape` records.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host; duplicates welcome
    /// - `features`: `[batch, n_user_features]`, the features of the user of each row at the time of the row
    /// - output: `[batch, d_user]`
    ///
    /// # Panics
    /// If the sizes do not agree or an id has no vector; the message has both numbers.
    fn user_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2>;

    /// The number of features that are read; `None` if none are, or any number will do.
    fn n_user_features(&self) -> Option<usize> {
        None
    }

    /// Ids are below this; `None` if every id has a vector.
    fn n_users(&self) -> Option<u64> {
        None
    }

    /// How much each part of a mixture counts for each user; `None` where nothing is mixed.
    ///
    /// # Shapes
    /// - `features`: `[batch, n_user_features]`
    /// - output: `[batch, n_experts]`; every row sums to 1
    fn expert_weights(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        let _ = features;
        None
    }
}

/// Turns items into vectors: from their ids, from their features, or from both.
pub trait ItemRepresentation: Module + ModuleDisplay {
    /// The size of each vector.
    fn d_item(&self) -> usize;

    /// The vectors of some items, tracked by autodiff if `tape` records.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host; duplicates welcome
    /// - `features`: `[batch, n_item_features]`, the features of the item of each row at the time of the row
    /// - output: `[batch, d_item]`
    ///
    /// # Panics
    /// If the sizes do not agree or an id has no vector; the message has both numbers.
    fn item_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2>;

    /// The number of features that are read; `None` if none are, or any number will do.
    fn n_item_features(&self) -> Option<usize> {
        None
    }

    /// Ids are below this; `None` if every id has a vector.
    fn n_items(&self) -> Option<u64> {
        None
    }
}
