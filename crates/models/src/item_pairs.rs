//! Models of pairs of items: which item comes with, after or near which.

mod feature_skip_gram;
mod fields;
mod pairwise_factorization;

use burn::module::Module;
use burn::tensor::Tensor;
use burn_recsys_embeddings::Tape;

pub use feature_skip_gram::{FeatureSkipGram, FeatureSkipGramConfig, FieldPooling};
pub use fields::{FieldError, ItemField, ItemFields};
pub use pairwise_factorization::{PairwiseFactorization, PairwiseFactorizationConfig};

/// A model that gives an item two vectors, one as the item that is asked about and one as its context: the
/// logit of a pair is their inner product.
///
/// Edges of a graph and windows of sequences are both pairs. What the model learns by is in
/// `burn-recsys-training`.
pub trait PairEncoder: Module {
    /// The number of items; ids are below it.
    fn n_items(&self) -> usize;

    /// Vectors of items as those asked about.
    ///
    /// # Shapes
    /// - `items`: `[n]`
    /// - output: `[n, d]`
    ///
    /// # Panics
    /// If an id is not below the number of items.
    fn embed_centers(&self, items: &[u32], tape: &mut Tape) -> Tensor<2>;

    /// Vectors of items as contexts.
    ///
    /// # Shapes
    /// - `items`: `[n]`
    /// - output: `[n, d]`, the same `d`
    ///
    /// # Panics
    /// If an id is not below the number of items.
    fn embed_contexts(&self, items: &[u32], tape: &mut Tape) -> Tensor<2>;

    /// Vectors by which items are compared, on the host.
    ///
    /// An item that was in no pair has one only if the model knows it by its features.
    ///
    /// # Shapes
    /// - `is_trained`: `[n_items]`, whether the item was in a pair that the model was trained on
    /// - output: `[n_items]`, each of the same size
    ///
    /// # Panics
    /// If there is not one flag an item.
    fn similarity_vectors(&self, is_trained: &[bool]) -> Vec<Option<Vec<f32>>>;
}
