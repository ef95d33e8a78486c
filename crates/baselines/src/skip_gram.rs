//! Skip-gram with negative sampling.

mod config;
mod kernels;
mod lock_free;
mod model;
mod synchronous;
mod table;
mod vocabulary;
mod windows;

pub use config::{SkipGramConfig, SkipGramMode};
pub use model::{SkipGram, SkipGramEpoch};
