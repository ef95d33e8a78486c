//! What all indexes of item vectors have in common.

use crate::{Hit, ItemFilter, Result};

/// Item vectors that can be searched by inner product.
pub trait ItemIndex: Send + Sync {
    /// The number of items, those that were taken out among them.
    fn n_items(&self) -> usize;

    /// The size of each vector.
    fn dimension(&self) -> usize;

    /// Whether the best items are always found.
    fn is_exact(&self) -> bool;

    /// The best `k` items that pass `filter`, best first, ties by the lower index; fewer if not that many
    /// pass, or if an index that is not exact does not find them.
    ///
    /// # Shapes
    /// - `query`: `[dimension]`
    ///
    /// # Errors
    /// If the query has another size or holds NaN or infinity.
    fn search_one(&self, query: &[f32], k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>>;
}
