//! Every way from ids and features to vectors, and embedding tables for Burn that train at the cost of
//! the rows touched, not of the table.
//!
//! Burn's own `Embedding` makes a gradient as large as the table at every step, and its optimizers
//! then walk every row. Here the result of a lookup is a leaf of the autodiff graph, recorded in a
//! [`Tape`]; after the backward pass a [`SparseOptimizer`] adds up the gradients of each touched row,
//! maps the module and updates only those rows. Dense parameters of the same module go through Burn's
//! optimizer as usual:
//!
//! ```
//! use burn::module::Module;
//! use burn::tensor::{Device, Tensor};
//! use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, RowWiseAdagrad, SparseOptimizer, Tape};
//!
//! #[derive(Module, Debug)]
//! struct Model {
//!     items: EmbeddingTable,
//! }
//!
//! let device = Device::default().autodiff();
//! let mut model = Model { items: EmbeddingTableConfig::new(1_000_000, 16).init(&device) };
//! let mut sparse = SparseOptimizer::new(RowWiseAdagrad::default());
//!
//! let mut tape = Tape::new();
//! let rows: Tensor<2> = model.items.forward(&[7, 42, 7], &mut tape); // [3, 16]
//! let loss = (rows - 1.0).powf_scalar(2.0).mean();
//! let mut grads = loss.backward();
//! let touched = tape.gradients(&mut grads); // rows 7 and 42 only
//! model = sparse.step(0.1, model, touched);
//! ```
//!
//! # What there is
//! - Tables: [`EmbeddingTable`], read by bags ([`EmbeddingBag`], [`JaggedIds`]) or by many features at
//!   once ([`EmbeddingCollection`], [`KeyedJaggedIds`]); [`DynamicIds`] for ids not known beforehand.
//! - Fewer parameters than ids: [`HashEmbedding`], [`CompositionalEmbedding`], [`DeepHashEmbedding`].
//! - From features: [`CohortAddressing`]; of several representations: [`Mixture`].
//! - [`SparseOptimizer`] with [`SparseSgd`], [`SparseAdagrad`], [`RowWiseAdagrad`], [`LazyAdam`],
//!   [`PartialRowWiseAdam`], or a rule of your own ([`RowUpdate`]).
//! - [`SparseMatrix`]: products with a constant sparse matrix, for graphs.
//! - Layers whose first values are a function of a seed: [`dense`].
//! - Read-only tables of int8, int4 and f16 for serving: [`inference`].
//!
//! What takes ids implements [`IdEmbedding`].
//!
//! # Invariants
//! - Nothing here names a backend: every constructor takes a `&Device`.
//! - A table never requires a gradient itself, so Burn's optimizers, records, device moves and
//!   visitors treat it as a frozen parameter.
//! - Training needs the table, the optimizer's row state and memory for the batch; never a second
//!   table.

mod adagrad;
mod adam;
mod bag;
mod cohort;
mod collection;
mod compositional;
mod deep_hash;
pub mod dense;
mod dynamic;
#[cfg(feature = "flex")]
mod fused;
mod gradients;
mod hash_embedding;
mod hashing;
mod host_step;
mod id_embedding;
pub mod inference;
mod initializer;
mod jagged;
mod kernels;
mod lookup;
mod mixture;
mod normal;
mod optimizer;
mod pooling;
mod reads;
mod rows;
mod sgd;
mod sparse_matrix;
mod table;
mod tape;

pub use adagrad::{RowWiseAdagrad, SparseAdagrad};
pub use adam::{LazyAdam, PartialRowWiseAdam};
pub use bag::{EmbeddingBag, EmbeddingBagConfig};
pub use cohort::{Addressed, CohortAddressing, CohortAddressingConfig};
pub use collection::{CollectionError, EmbeddingCollection, EmbeddingCollectionConfig, KeyedVectors};
pub use compositional::{Combination, CompositionalEmbedding, CompositionalEmbeddingConfig};
pub use deep_hash::{
    DecoderActivation, DeepHashEmbedding, DeepHashEmbeddingConfig, HashEncoder, HashEncoding,
};
pub use dynamic::{
    DynamicIds, DynamicIdsConfig, DynamicIdsError, DynamicIdsState, DynamicStats, Eviction, Resolved,
};
pub use gradients::{NonFiniteGradient, RowGradients};
pub use hash_embedding::{HashEmbedding, HashEmbeddingConfig};
pub use hashing::HashFamily;
pub use id_embedding::IdEmbedding;
pub use initializer::{TableInitializer, split_mix};
pub use jagged::{JaggedError, JaggedIds, KeyedJaggedIds};
pub use lookup::Lookup;
pub use mixture::{Mixed, Mixture, MixtureConfig};
pub use optimizer::{HostRule, RowState, RowUpdate, SparseOptimizer, StateError};
pub use pooling::Pooling;
pub use sgd::SparseSgd;
pub use sparse_matrix::{SparseMatrix, SparseMatrixError};
pub use table::{EmbeddingTable, EmbeddingTableConfig, MatrixError};
pub use tape::Tape;

use table::TableRules;
