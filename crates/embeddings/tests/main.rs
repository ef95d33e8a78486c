//! Sparse training against plain-Rust references and against Burn's dense embedding; tables for serving.

#![cfg(test)]
#![allow(clippy::expect_used)]

mod cohort;
mod compositional;
mod deep_hash;
mod dynamic;
mod finite_differences;
mod hash_embedding;
mod inference;
mod lookup;
mod mixture;
mod network;
mod training;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, TableInitializer};

/// A module with two tables and a dense parameter, as models have.
#[derive(Module, Debug)]
struct Tables {
    users: EmbeddingTable,
    items: EmbeddingTable,
}

fn table(n_rows: usize, d_embedding: usize, seed: u64) -> EmbeddingTable {
    EmbeddingTableConfig::new(n_rows, d_embedding)
        .with_initializer(TableInitializer::Normal { std: 0.5 })
        .with_seed(seed)
        .init(&device())
}

fn tables() -> Tables {
    Tables { users: table(6, 3, 1), items: table(9, 3, 2) }
}

fn device() -> Device {
    Device::default().autodiff()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("f32 values")
}
