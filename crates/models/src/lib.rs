//! Recommender models on Burn.
//!
//! # Rankers
//! [`MultiTaskEstimator`] estimates several kinds of feedback for a user and an item. It is composed with
//! a [`UserRepresentation`]: [`IdLookup`], [`DeepHash`], [`Cohort`], a [`Mixture`] of them,
//! [`CrossDecoupled`], or one of your own. [`Examples`] are its rows, [`MultiTaskLoss`] is what it learns by,
//! with [`TwoBranch`] and [`rebalanced_rows`] for items of the long tail. [`UserValue`] makes one score of its
//! estimates, each with a [`Calibration`].
//!
//! # Retrieval
//! [`TwoTower`] knows ids, [`SimpleX`] histories of items, [`LightGcn`] the [graph](NormalizedAdjacency) of who
//! met what; [`FeatureTwoTower`] has a [`Tower`] of any fields
//! on each side. [`RetrievalLoss`] is what retrieval models learn by, from [`CandidateLogits`]. How a model
//! scores all items for a user is [`ItemScorer`], the same for all and for the models of
//! `burn-recsys-baselines`. Evaluation, serving and comparison know only that.
//!
//! # Graphs and events
//! [`GraphSage`] makes vectors of items from their features and from neighbours in a graph, new items included.
//! [`TemporalGraphNetwork`] follows events: what it knows of its nodes is a [`TemporalState`] that changes as they
//! pass.
//!
//! # Items
//! [`PairwiseFactorization`] and [`FeatureSkipGram`] learn vectors of items from pairs: edges of a graph or
//! windows of sequences. What they are to training is a [`PairEncoder`].

mod calibration;
mod estimator;
mod examples;
mod graph;
mod graph_sage;
mod item_pairs;
mod lightgcn;
mod loss;
mod rebalance;
mod representation;
mod simplex;
mod streams;
mod temporal;
pub mod torch;
mod tower;
mod two_tower;
mod user;
mod value;
mod vectors;

pub use burn_recsys_baselines::ItemScorer;
pub use calibration::{Calibration, CalibrationError};
pub use estimator::{EstimatorInputs, Heads, HeadsConfig, MultiTaskEstimator, MultiTaskEstimatorConfig};
pub use examples::{ExampleError, Examples};
pub use graph::{GraphError, NormalizedAdjacency};
pub use graph_sage::{Adjacency, GraphSage, GraphSageBatch, GraphSageConfig, NeighbourSampler, SageLayer};
pub use item_pairs::{
    FeatureSkipGram, FeatureSkipGramConfig, FieldError, FieldPooling, ItemField, ItemFields, PairEncoder,
    PairwiseFactorization, PairwiseFactorizationConfig,
};
pub use lightgcn::{LightGcn, LightGcnConfig};
pub use loss::{CandidateLogits, LossError, MultiTaskLoss, Reduction, RetrievalLoss, binary_cross_entropy};
pub use rebalance::{max_tail_count, rebalanced_rows};
pub use representation::{ItemRepresentation, UserRepresentation};
pub use simplex::{SimpleX, SimpleXConfig};
pub use temporal::{
    DecoderKind, LinkDecoder, MemoryCell, MemoryUpdater, RecentAttention, StateSizes, TemporalError,
    TemporalEvents, TemporalGraphNetwork, TemporalGraphNetworkConfig, TemporalQuery, TemporalState,
    TemporalVectors, TemporalView, TimeEncoding,
};
pub use tower::{
    FeatureTwoTower, FeatureTwoTowerConfig, FieldCombination, FieldLayer, FieldValues, HistoryAttention,
    HistoryPooling, Tower, TowerConfig, TowerError, TowerField, TowerRows, UNKNOWN, pair_logits,
};
pub use two_tower::{TwoTower, TwoTowerConfig};
pub use user::{
    Branch, BranchCoupling, Cohort, CrossDecoupled, CrossDecoupledConfig, DeepHash, DeepHashConfig, Experts,
    IdLookup, Mixture, Projected, TwoBranch, TwoBranchConfig,
};
pub use value::{UserValue, ValueError};
