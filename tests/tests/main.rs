//! Every compiled-in backend against plain Rust, and the facade from end to end.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documents;
mod embeddings;
mod facade;
mod training;
mod two_tower;

use burn::tensor::{Device, Tensor};
use burn_recsys::training::{device_from_name, device_names};

/// What a backend may differ from plain Rust in.
const TOLERANCE: f64 = 1e-5;

/// Every device that is compiled in, with its name, for training.
fn devices() -> Vec<(&'static str, Device)> {
    let devices: Vec<_> = device_names()
        .into_iter()
        .filter_map(|name| Some((name, device_from_name(name).ok()?.autodiff())))
        .collect();
    assert!(!devices.is_empty(), "no backend is compiled in");
    devices
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("f32 values")
}

fn assert_close(actual: &[f32], expected: impl IntoIterator<Item = f64>, what: &str) {
    let expected: Vec<f64> = expected.into_iter().collect();
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (at, (&actual, expected)) in actual.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(actual) - expected).abs() < TOLERANCE,
            "{what}, value {at}: {actual}, not {expected}"
        );
    }
}
