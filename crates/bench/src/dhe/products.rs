//! The matrix products of a step, and nothing else.

use std::hint::black_box;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor};

use super::{Parts, Size};
use crate::Result;

/// Tensors of the shapes that a step multiplies. All values are random: no product is the input of
/// another, which would let them vanish or grow.
pub(super) struct Products {
    layers: Vec<Layer>,
    device: Device,
}

struct Layer {
    /// `[batch, d_input]`
    input: Tensor<2>,
    /// `[d_input, d_output]`
    weight: Tensor<2>,
    /// The gradient of the output, `[batch, d_output]`.
    gradient: Tensor<2>,
}

impl Products {
    pub(super) fn new(size: &Size, d_hidden: usize, device: &Device) -> Self {
        let mut widths = vec![size.hashes];
        widths.resize(1 + size.hidden_layers, d_hidden);
        widths.push(size.d);
        let random = |shape: [usize; 2]| Tensor::random(shape, Distribution::Normal(0.0, 1.0), device);
        let layer = |pair: &[usize]| Layer {
            input: random([size.batch, pair[0]]),
            weight: random([pair[0], pair[1]]),
            gradient: random([size.batch, pair[1]]),
        };
        Products { layers: widths.windows(2).map(layer).collect(), device: device.clone() }
    }

    /// The times of the products of a forward pass and of a backward pass.
    pub(super) fn time(&self) -> Result<Parts> {
        self.device.sync()?;
        let start = Instant::now();
        for Layer { input, weight, .. } in &self.layers {
            black_box(input.clone().matmul(weight.clone()));
        }
        self.device.sync()?;
        let forward = start.elapsed();
        for (index, Layer { input, weight, gradient }) in self.layers.iter().enumerate().rev() {
            black_box(input.clone().transpose().matmul(gradient.clone()));
            // Codes have no gradient.
            if index > 0 {
                black_box(gradient.clone().matmul(weight.clone().transpose()));
            }
        }
        self.device.sync()?;
        Ok(Parts { forward, backward: start.elapsed() - forward, update: Duration::ZERO })
    }
}
