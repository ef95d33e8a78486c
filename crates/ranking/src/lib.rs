//! The second stage: candidates of several sources come in, a ranked list goes out.
//!
//! This crate knows no tensors: it answers from tables, in microseconds.
//!
//! | step | types |
//! |---|---|
//! | find | a [`CandidateGenerator`] finds items for a [`Visitor`]: by vectors ([`VectorCandidates`]), neighbours ([`NeighbourCandidates`]), walks ([`WalkCandidates`]) or for everybody ([`PopularCandidates`]); [`CandidateSources`] asks several, each for its quota, and remembers which found what |
//! | rank | a [`Ranker`] orders the union: [`ReciprocalRankFusion`] without training, [`TreeRanker`] by [`BoostedTrees`] over [`RankFeatures`] |
//! | learn | [`RankingExamples`] of what came after a [`FirstStage`] was fitted: from later rows, logged slates or ratings |
//! | both | [`TwoStage`], fitted by [`TwoStageConfig`] |
//! | judge | [`TwoStageTally`]: what retrieval lost, and what ranking lost |
//! | value | [`ValueModel`]: probabilities of several kinds of feedback as one number |
//!
//! # Invariants
//! - What a visitor may not be shown uses up nothing: filters are applied where items are found.
//! - A ranker learns from sources and features that know nothing of its labels.
//! - Ties go to the lower item; the same seed, visitor and visit give the same bits on any number of threads.
//! - Bytes of trees that are damaged are an [`Error`].

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
mod value;
mod vector_candidates;
mod visitor;
mod walk_candidates;
mod watch_next;

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
pub use value::{Value, ValueGroup, ValueModel, ValueTask};
pub use vector_candidates::VectorCandidates;
pub use visitor::Visitor;
pub use walk_candidates::{WalkCandidates, WalkCandidatesConfig};
pub use watch_next::{WatchNext, WatchNextConfig, Watched};

/// Orders candidates.
pub trait Ranker: Send + Sync {
    /// A score for every candidate, in their order; higher is better.
    ///
    /// # Errors
    /// If the candidates come from other sources than the ranker was made for, or a score is NaN.
    fn scores(&self, visitor: &Visitor<'_>, candidates: &Candidates) -> Result<Vec<f32>>;
}
