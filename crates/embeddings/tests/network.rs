//! The network parts of cohorts and mixtures in plain Rust and double precision.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Gradients, Tensor};

use crate::values;

/// Parameters of a module, one after the other, as a reference function reads them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flat {
    pub(crate) values: Vec<f64>,
    /// What autodiff says; in the same order.
    pub(crate) gradient: Vec<f64>,
}

impl Flat {
    pub(crate) fn push<const D: usize>(&mut self, param: &Param<Tensor<D>>, grads: &Gradients) {
        let gradient = param.val().grad(grads).expect("a gradient for every parameter");
        self.values.extend(values(param.val()).into_iter().map(f64::from));
        self.gradient.extend(values(gradient).into_iter().map(f64::from));
    }

    pub(crate) fn push_layers(&mut self, layers: &[Linear], grads: &Gradients) {
        for layer in layers {
            self.push(&layer.weight, grads);
            self.push(layer.bias.as_ref().expect("a bias"), grads);
        }
    }

    /// Compares autodiff's gradient to central differences of `loss` for every parameter.
    pub(crate) fn check_gradient(&self, loss: impl Fn(&[f64]) -> f64) {
        let step = 1e-5;
        let mut largest = 0f64;
        for index in 0..self.values.len() {
            let at = |change: f64| {
                let mut values = self.values.clone();
                values[index] += change;
                loss(&values)
            };
            let expected = (at(step) - at(-step)) / (2.0 * step);
            let actual = self.gradient[index];
            largest = largest.max(expected.abs());
            assert!(
                (actual - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                "parameter {index}: gradient {actual}, expected {expected}"
            );
        }
        assert!(largest > 0.01, "all gradients vanish: nothing was tested");
    }
}

/// Reads parameters in the order in which they were pushed.
pub(crate) struct Reader<'a>(pub(crate) &'a [f64]);

impl Reader<'_> {
    pub(crate) fn take(&mut self, n: usize) -> Vec<f64> {
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken.to_vec()
    }

    /// `input [rows, d_input]` times a weight and plus a bias.
    pub(crate) fn linear(&mut self, input: &[Vec<f64>], d_output: usize) -> Vec<Vec<f64>> {
        let weight = self.take(input[0].len() * d_output);
        let bias = self.take(d_output);
        let product = multiply(input, &weight, d_output);
        product.into_iter().map(|row| row.iter().zip(&bias).map(|(x, b)| x + b).collect()).collect()
    }

    /// Layers of these output widths, with a ReLU between two of them.
    pub(crate) fn layers(&mut self, input: &[Vec<f64>], widths: &[usize]) -> Vec<Vec<f64>> {
        let mut hidden = input.to_vec();
        for (index, &width) in widths.iter().enumerate() {
            if index > 0 {
                hidden = hidden.into_iter().map(relu).collect();
            }
            hidden = self.linear(&hidden, width);
        }
        hidden
    }
}

/// `rows` times a row-major matrix of `width` columns.
pub(crate) fn multiply(rows: &[Vec<f64>], matrix: &[f64], width: usize) -> Vec<Vec<f64>> {
    let dot = |row: &Vec<f64>, column: usize| {
        row.iter().enumerate().map(|(i, x)| x * matrix[i * width + column]).sum::<f64>()
    };
    rows.iter().map(|row| (0..width).map(|column| dot(row, column)).collect()).collect()
}

pub(crate) fn relu(row: Vec<f64>) -> Vec<f64> {
    row.into_iter().map(|x| x.max(0.0)).collect()
}

pub(crate) fn softmax(row: &[f64], temperature: f64) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|x| ((x - largest) / temperature).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// `1 / k` for the first `k` in the order of value, then index.
pub(crate) fn uniform_top_k(row: &[f64], k: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
    let mut weights = vec![0.0; row.len()];
    for &index in &order[..k] {
        weights[index] = 1.0 / k as f64;
    }
    weights
}

/// Any smooth function of the vectors will do: each entry has a target of its own.
pub(crate) fn target(index: usize) -> f64 {
    (index as f64 * 0.7).sin()
}

pub(crate) fn squared_error(vectors: &[Vec<f64>]) -> f64 {
    vectors.iter().flatten().enumerate().map(|(index, x)| (x - target(index)).powi(2)).sum()
}

/// As [`squared_error`], of a tensor.
pub(crate) fn tensor_squared_error(vectors: Tensor<2>) -> Tensor<1> {
    let [batch, width] = vectors.dims();
    let targets: Vec<f32> = (0..batch * width).map(|index| target(index) as f32).collect();
    let targets = Tensor::<1>::from_data(targets.as_slice(), &vectors.device()).reshape([batch, width]);
    (vectors - targets).powf_scalar(2.0).sum()
}

pub(crate) fn tensor(rows: &[Vec<f64>], device: &burn::tensor::Device) -> Tensor<2> {
    let flat: Vec<f32> = rows.iter().flatten().map(|&x| x as f32).collect();
    Tensor::<1>::from_data(flat.as_slice(), device).reshape([rows.len(), rows[0].len()])
}

pub(crate) fn assert_close(actual: Tensor<2>, expected: &[Vec<f64>]) {
    assert_eq!(actual.dims(), [expected.len(), expected[0].len()]);
    for (index, (actual, expected)) in values(actual).into_iter().zip(expected.iter().flatten()).enumerate() {
        assert!(
            (f64::from(actual) - expected).abs() < 1e-5 * (1.0 + expected.abs()),
            "value {index}: {actual}, expected {expected}"
        );
    }
}
