//! The second stage: candidates of several sources come in, a ranked list goes out.
//!
//! This crate knows no tensors: it answers from tables, in microseconds. A [`CandidateGenerator`] finds items
//! for a [`Visitor`]; [`CandidateSources`] asks several, each for its quota, and remembers which found what; a
//! [`Ranker`] orders the union.

mod candidates;
mod error;
mod fusion;
mod visitor;

pub use candidates::{CandidateGenerator, CandidateSources, Candidates, Found};
pub use error::{Error, Result};
pub use fusion::ReciprocalRankFusion;
pub use visitor::Visitor;

/// Orders candidates.
pub trait Ranker: Send + Sync {
    /// A score for every candidate, in their order; higher is better.
    ///
    /// # Errors
    /// If the candidates come from other sources than the ranker was made for, or a score is NaN.
    fn scores(&self, visitor: &Visitor<'_>, candidates: &Candidates) -> Result<Vec<f32>>;
}
