//! Every compiled-in backend against plain Rust, and the facade from end to end.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documents;
mod embeddings;
mod estimator;
mod facade;
mod feature_two_tower;
mod parity;
mod training;
mod two_tower;

use burn::tensor::{Device, Tensor};
use burn_recsys::training::{device_from_name, device_names};

/// What a backend may differ from plain Rust in.
const TOLERANCE: f64 = 1e-5;

/// The backends whose features this program was built with.
const BACKENDS: [(&str, bool); 6] = [
    ("flex", cfg!(feature = "flex")),
    ("ndarray", cfg!(feature = "ndarray")),
    ("wgpu", cfg!(feature = "wgpu")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("cuda", cfg!(feature = "cuda")),
    ("tch", cfg!(feature = "tch")),
];

/// A device of every backend that is compiled in, with its name, for training.
///
/// None is passed over: one that cannot be made fails the test that asks.
fn devices() -> Vec<(&'static str, Device)> {
    let compiled_in = BACKENDS.into_iter().filter(|(_, is_compiled_in)| *is_compiled_in);
    compiled_in.map(|(name, _)| (name, device_from_name(name).unwrap().autodiff())).collect()
}

#[test]
fn every_backend_computes() {
    assert_eq!(BACKENDS.map(|(name, _)| name), device_names());
    let devices = devices();
    let names: Vec<_> = devices.iter().map(|(name, _)| *name).collect();
    println!("backends under test: {}", names.join(", "));
    assert!(!names.is_empty(), "no backend is compiled in");
    for (name, device) in devices {
        let sum = Tensor::<1>::from_floats([1.0, 2.0, 4.0], &device).sum();
        assert_eq!(values(sum), [7.0], "{name}");
    }
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
