//! Interactions, ids, features, readers, filters, splits and samplers for recommender systems.
//!
//! This crate knows files and tables, not models: it does not depend on Burn and can be used alone.
//! Data flows one way: a reader gives a [`Dataset`]; [`Filter`]s and a [`SplitConfig`] turn its
//! [`Interactions`] into a [`Split`]; samplers draw from the training part, and [`past`] describes rows
//! of both parts by what the training part held before them. [`graph`] links items instead, and walks;
//! [`windows`] reads [`Sequences`] as word2vec does.
//!
//! # Invariants
//! - An id's dense index is its rank in the order of external ids (integers by value, text by
//!   bytes), so "ties by item index" means "ties by item id" and no result depends on row order
//!   by accident.
//! - Every function of random numbers is a function of `(seed, stream, epoch, row)`; see [`random`].
//! - Nothing is written under its final name before it is whole.

pub mod amazon;
mod cold_start;
pub mod columnar;
mod csr;
mod dataset;
mod error;
mod features;
mod files;
mod filter;
pub mod graph;
mod ids;
mod interactions;
mod item_vectors;
mod lines;
pub mod movielens;
pub mod named;
pub mod past;
pub mod protocol;
pub mod random;
mod sample;
mod sequences;
mod source;
mod split;
pub mod synthetic;
mod table;
pub mod windows;

pub use cold_start::{ColdStart, ColdStartConfig};
pub use csr::Csr;
pub use dataset::Dataset;
pub use error::{Error, Result};
pub use features::{Column, ColumnValues, FeatureTable};
pub use files::write_atomic;
pub use filter::{Filter, Keep};
pub use ids::{ExternalId, IdMap};
pub use interactions::{Interaction, Interactions};
pub use item_vectors::ItemVectors;
pub use lines::{BrokenLine, ReadLimits, ReadReport};
pub use sample::{
    AccidentalHits, AliasTable, Candidates, FrequencyEstimator, FrequencyEstimatorConfig, ItemFrequencies,
    MixedNegatives, NegativeSampler, PopularityNegatives, SharedNegativeSampler, UniformNegatives,
    mixed_log_probability,
};
pub use sequences::{Sequences, StoredSequences};
pub use split::{DroppedCold, PartSummary, RowOrder, Split, SplitConfig, SplitManifest, Strategy};
pub use table::{InteractionFormat, parse_interactions, read_interactions};
