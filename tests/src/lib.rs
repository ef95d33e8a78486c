//! Tests of the whole workspace: see `tests/main.rs`.
