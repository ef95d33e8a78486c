use burn_recsys_metrics::statistics::{Bootstrap, Confidence};

use crate::input::Relevance;
use crate::{Error, Result};

/// What is measured, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationConfig {
    /// The lengths at which lists are cut: 1, 5 and 10 by default.
    pub cutoffs: Vec<usize>,
    /// Rows of the ground truth with a lower rating are not relevant; by default all rows are.
    pub min_rating: Option<f64>,
    /// Ratings are grades of relevance: adds NDCG with linear and exponential gain. Off by default.
    pub is_graded: bool,
    /// Slices of users by their activity in training: cold, light, power. Off by default.
    pub by_activity: bool,
    /// Slices of items by their popularity in training: cold, head, tail. Off by default.
    pub by_popularity: bool,
    /// How often intervals are to hold what they estimate: 0.95 by default.
    pub confidence: Confidence,
    /// Intervals by the bootstrap with this many resamples; by the normal distribution if `None`, the default.
    /// A comparison of two models always has the bootstrap, with 1,000 resamples unless given.
    pub n_resamples: Option<usize>,
    /// What every resample is a function of: 1 by default.
    pub seed: u64,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        EvaluationConfig {
            cutoffs: vec![1, 5, 10],
            min_rating: None,
            is_graded: false,
            by_activity: false,
            by_popularity: false,
            confidence: Confidence::default(),
            n_resamples: None,
            seed: 1,
        }
    }
}

impl EvaluationConfig {
    /// The cutoffs in ascending order, each once.
    pub(crate) fn sorted_cutoffs(&self) -> Result<Vec<usize>> {
        let mut cutoffs = self.cutoffs.clone();
        cutoffs.sort_unstable();
        cutoffs.dedup();
        match cutoffs.first() {
            Some(1..) => Ok(cutoffs),
            first => {
                let found = if first.is_some() { "0 is not a list length" } else { "none is given" };
                let message = format!("{found}; give lengths of at least 1, such as 1, 5, 10");
                Err(Error::Parameter { parameter: "k", message })
            }
        }
    }

    pub(crate) fn relevance(&self) -> Result<Relevance> {
        if self.min_rating.is_some_and(f64::is_nan) {
            let message = "NaN is not a rating".to_owned();
            return Err(Error::Parameter { parameter: "min_rating", message });
        }
        Ok(Relevance { min_rating: self.min_rating, is_graded: self.is_graded })
    }

    pub(crate) fn bootstrap(&self) -> Result<Option<Bootstrap>> {
        self.n_resamples.map(|n_resamples| self.bootstrap_of(n_resamples)).transpose()
    }

    /// For comparisons, which always have one.
    pub(crate) fn bootstrap_or_usual(&self) -> Result<Bootstrap> {
        self.bootstrap_of(self.n_resamples.unwrap_or(1_000))
    }

    fn bootstrap_of(&self, n_resamples: usize) -> Result<Bootstrap> {
        Ok(Bootstrap::new(n_resamples, self.seed)?.with_confidence(self.confidence))
    }
}
