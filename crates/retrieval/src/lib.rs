//! Vectors or scores in, the best `k` items out.
//!
//! This crate knows neither users nor models: a query is a vector or a row of scores, an item is an
//! index. Results are exact and ordered: by score, ties by the lower item index. They do not depend
//! on the number of threads.
//!
//! ```
//! use burn_recsys_retrieval::{ExactIndex, Hit};
//!
//! let index = ExactIndex::new(2, vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8])?;
//! let hits = index.search(&[1.0, 0.5], 2, |_query| &[0][..])?;
//! assert_eq!(hits, [[Hit { item: 2, score: 1.0 }, Hit { item: 1, score: 0.5 }]]);
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
