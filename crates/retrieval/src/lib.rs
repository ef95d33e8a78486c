//! Vectors or scores in, the best `k` items out, and what happens to them before they are shown.
//!
//! This crate knows neither users nor models: a query is a vector or a row of scores, an item is an
//! index. Results are ordered: by score, ties by the lower item index. Exact ones do not depend on the number of
//! threads or on the processor, to the bit.
//!
//! | what | how |
//! |---|---|
//! | [`ExactIndex`] | item vectors by inner product, all of the best; a first pass over 8-bit integers with proven bounds |
//! | `HnswIndex` (feature `usearch`) | item vectors through a graph: faster, misses some, knows its own recall |
//! | [`ItemIndex`] | what both have in common; [`require_exact`] keeps the second out of evaluations |
//! | [`top_k`], [`top_k_blocked`] | rows of scores of any origin |
//! | [`ItemFilter`], [`ItemSet`] | which items may be answered, applied inside every search |
//! | [`rerank`] | diversity, exploration, items already shown, business rules |
//! | [`Buffer`], [`MappedFile`] | numbers that are owned or lie in a file |
//!
//! ```
//! use burn_recsys_retrieval::{ExactIndex, Hit, ItemFilter, ItemIndex, ItemSet};
//!
//! let index = ExactIndex::new(2, vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8])?;
//! let hits = index.search(&[1.0, 0.5], 2, |_query| &[0][..])?;
//! assert_eq!(hits, [[Hit { item: 2, score: 1.0 }, Hit { item: 1, score: 0.5 }]]);
//!
//! // Of what is available, without what was seen.
//! let mut available = ItemSet::full(3);
//! available.remove(2);
//! let filter = ItemFilter { exclude: &[0], allow: &[&available] };
//! assert_eq!(index.search_one(&[1.0, 0.5], 2, &filter)?, [Hit { item: 1, score: 0.5 }]);
//! # Ok::<(), burn_recsys_retrieval::Error>(())
//! ```

mod blocked;
mod buffer;
mod error;
mod exact;
mod files;
mod filter;
#[cfg(feature = "usearch")]
mod hnsw;
mod index;
pub mod rerank;
mod top_k;

pub use blocked::top_k_blocked;
pub use buffer::{Buffer, MappedFile};
pub use error::{Error, Result};
pub use exact::{ExactIndex, Precision};
pub use filter::{ItemFilter, ItemSet};
#[cfg(feature = "usearch")]
pub use hnsw::{HnswConfig, HnswIndex, Recall};
pub use index::{ItemIndex, require_exact};
pub use top_k::{Hit, top_k};
