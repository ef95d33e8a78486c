//! What all indexes of item vectors have in common.

use crate::{Error, Hit, ItemFilter, Result};

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

/// Lets an index into an evaluation: one that is not exact only if that is allowed, because what it misses would
/// be counted against the model.
///
/// # Errors
/// [`Error::Approximate`].
pub fn require_exact(index: &dyn ItemIndex, allow_approximate: bool) -> Result<()> {
    if index.is_exact() || allow_approximate { Ok(()) } else { Err(Error::Approximate) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExactIndex, Precision};

    #[test]
    fn approximate_indexes_must_be_allowed() {
        let exact = ExactIndex::new(1, vec![1.0]).unwrap();
        let rounded = ExactIndex::with_precision(1, &[1.0], Precision::I8).unwrap();
        assert_eq!(require_exact(&exact, false), Ok(()));
        assert_eq!(require_exact(&rounded, false), Err(Error::Approximate));
        assert_eq!(require_exact(&rounded, true), Ok(()));
    }
}
