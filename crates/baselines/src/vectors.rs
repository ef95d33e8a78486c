//! Scoring by inner products of vectors that were computed beforehand.

use burn_recsys_retrieval::ExactIndex;

use crate::{ItemScorer, Result};

/// User and item vectors on the host: scores are inner products.
#[derive(Debug, Clone)]
pub struct VectorScorer {
    /// `[n_users, dimension]`, row-major.
    users: Vec<f32>,
    items: ExactIndex,
}

impl VectorScorer {
    /// Scores by these vectors.
    ///
    /// # Shapes
    /// - `users`: `[n_users, dimension]`, row-major
    ///
    /// # Errors
    /// If `users` are not vectors of the index's dimension.
    pub fn new(users: Vec<f32>, items: ExactIndex) -> Result<Self> {
        if !users.len().is_multiple_of(items.dimension()) {
            let (length, dimension) = (users.len(), items.dimension());
            return Err(burn_recsys_retrieval::Error::Shape { length, dimension }.into());
        }
        Ok(VectorScorer { users, items })
    }

    /// Scores by the vectors of users and of items, as models give them.
    ///
    /// # Shapes
    /// - `users`: `[n_users, dimension]`, row-major
    /// - `items`: `[n_items, dimension]`, row-major
    ///
    /// # Errors
    /// If one of them is not a whole number of vectors, or a vector of an item is not finite.
    pub fn of_vectors(dimension: usize, users: Vec<f32>, items: Vec<f32>) -> Result<Self> {
        Self::new(users, ExactIndex::new(dimension, items)?)
    }

    pub(crate) fn users(&self) -> &[f32] {
        &self.users
    }
}

impl ItemScorer for VectorScorer {
    fn n_items(&self) -> usize {
        self.items.n_items()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        let (d, n_items) = (self.items.dimension(), self.n_items());
        assert_eq!(scores.len(), users.len() * n_items, "scores must be [users, n_items]");
        // Together, so that the vectors of items are read once for several users.
        let queries: Vec<f32> =
            users.iter().flat_map(|&user| &self.users[user as usize * d..][..d]).copied().collect();
        self.items.scores(&queries, scores);
    }
}
