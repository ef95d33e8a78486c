//! The second stage: candidates of several sources come in, a ranked list goes out.
//!
//! This crate knows no tensors: it answers from tables, in microseconds. A [`CandidateGenerator`] finds items
//! for a [`Visitor`]; [`CandidateSources`] asks several, each for its quota, and remembers which found what; a
//! [`Ranker`] orders the union.

mod best;
mod candidates;
mod error;
mod examples;
mod first_stage;
mod fusion;
mod item_facts;
mod item_neighbours;
mod neighbour_candidates;
mod popular_candidates;
mod rank_features;
mod trees;
mod two_stage;
mod two_stage_loss;
mod vector_candidates;
mod visitor;
mod walk_candidates;

pub use candidates::{CandidateGenerator, CandidateSources, Candidates, Found};
pub use error::{Error, Result};
pub use examples::{ExamplesConfig, LARGEST_LABEL, LoggedSlate, RankingExamples, SlateCounts};
pub use first_stage::FirstStage;
pub use fusion::ReciprocalRankFusion;
pub use item_facts::{ItemFactColumns, ItemFacts};
pub use item_neighbours::ItemNeighbours;
pub use neighbour_candidates::{NeighbourCandidates, NeighbourCandidatesConfig};
pub use popular_candidates::PopularCandidates;
pub use rank_features::RankFeatures;
pub use trees::{BoostedTrees, BoostedTreesConfig, RankingObjective, TreeRanker};
pub use two_stage::{Recommended, TwoStage, TwoStageConfig, rank};
pub use two_stage_loss::{SourceRecall, TwoStageLoss, TwoStageTally};
pub use vector_candidates::VectorCandidates;
pub use visitor::Visitor;
pub use walk_candidates::{WalkCandidates, WalkCandidatesConfig};

/// Orders candidates.
pub trait Ranker: Send + Sync {
    /// A score for every candidate, in their order; higher is better.
    ///
    /// # Errors
    /// If the candidates come from other sources than the ranker was made for, or a score is NaN.
    fn scores(&self, visitor: &Visitor<'_>, candidates: &Candidates) -> Result<Vec<f32>>;
}
