//! Tests of the whole workspace: see `tests/main.rs`. What the guides show is compiled and run here.

#[cfg(doctest)]
#[doc = include_str!("../../docs/embeddings.md")]
mod embeddings_guide {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/user-representations.md")]
mod user_representations_guide {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/retrieval.md")]
mod retrieval_guide {}
