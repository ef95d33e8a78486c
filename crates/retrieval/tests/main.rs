//! Tests of retrieval through its public interface that need whole processes.

// clippy.toml allows this inside `#[test]` functions; here all functions are test code.
#![allow(clippy::unwrap_used, clippy::panic)]

mod killed_writer;
