//! What evaluation and serving need of a model.

/// A model that scores every item for a user.
pub trait ItemScorer: Sync {
    /// The number of items; scores are for `0..n_items`.
    fn n_items(&self) -> usize;

    /// Writes the scores of all items for each of `users`; higher is better.
    ///
    /// The scores of a user do not depend on the other users of the call.
    ///
    /// # Shapes
    /// - `users`: `[n]`, dense user indices
    /// - `scores`: `[n, n_items]`, row-major
    ///
    /// # Panics
    /// If the sizes do not agree or a user is not known to the model.
    fn score(&self, users: &[u32], scores: &mut [f32]);
}
