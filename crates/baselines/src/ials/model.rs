//! What implicit ALS has learned.

use burn_recsys_data::Csr;

use super::objective::objective;
use super::solver::Problems;
use crate::{Error, ItemScorer, Result, VectorScorer};

/// User and item vectors by implicit alternating least squares; scores are inner products.
#[derive(Debug, Clone)]
pub struct ImplicitAls {
    scorer: VectorScorer,
    items: Vec<f32>,
    /// Of users, with the items as they are.
    problems: Problems,
}

impl ImplicitAls {
    pub(super) fn new(users: Vec<f32>, items: Vec<f32>, problems: Problems) -> Result<Self> {
        let scorer = VectorScorer::of_vectors(problems.d(), users, items.clone())?;
        Ok(ImplicitAls { scorer, items, problems: problems.into_exact() })
    }

    /// The size of each vector.
    pub fn d_embedding(&self) -> usize {
        self.problems.d()
    }

    /// The vectors of the users; zero for a user without items.
    ///
    /// # Shapes
    /// - returns `[n_users, d_embedding]`, row-major
    pub fn users(&self) -> &[f32] {
        self.scorer.users()
    }

    /// The vectors of the items; zero for an item without users.
    ///
    /// # Shapes
    /// - returns `[n_items, d_embedding]`, row-major
    pub fn items(&self) -> &[f32] {
        &self.items
    }

    /// The vector of a user who was not there in training, from the items that they have met.
    ///
    /// It is the exact minimum for these items; their order does not matter, repetitions do not count.
    /// No items give zeros. With one block, the items of a user of the training data give that user's
    /// own vector.
    ///
    /// # Errors
    /// If there is no such item.
    pub fn user_vector(&self, items: &[u32]) -> Result<Vec<f32>> {
        let n_items = self.scorer.n_items();
        if let Some(item) = items.iter().find(|&&item| item as usize >= n_items) {
            let message = format!("there is no item {item}; the model has {n_items}");
            return Err(Error::Parameter { parameter: "items", message });
        }
        let mut vector = vec![0.0; self.d_embedding()];
        let positives = Csr::from_rows([items]).sorted_unique();
        self.problems.solve_all(&mut vector, &positives, &self.items);
        Ok(vector)
    }

    /// What training minimises, over the rows of the training data.
    ///
    /// # Errors
    /// If there are not as many users as in training, or no such item.
    pub fn objective(&self, positives: &Csr) -> Result<f64> {
        objective(self.users(), &self.items, positives, self.d_embedding(), self.problems.weights())
    }

    /// The vectors alone, for scoring.
    pub fn into_scorer(self) -> VectorScorer {
        self.scorer
    }
}

impl ItemScorer for ImplicitAls {
    fn n_items(&self) -> usize {
        self.scorer.n_items()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        self.scorer.score(users, scores);
    }
}
