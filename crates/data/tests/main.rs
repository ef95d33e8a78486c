//! The integration tests of the crate in one program.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod accidental_hits;
mod amazon;
mod cold_start;
#[cfg(feature = "parquet")]
mod columnar;
mod filters;
mod frequencies;
mod item_vectors;
mod naive_past;
mod named;
mod past;
mod past_index;
mod popularity_samplers;
mod protocol;
mod ratings_files;
mod readers;
mod samplers;
mod splits;
mod synthetic;
mod tables;
