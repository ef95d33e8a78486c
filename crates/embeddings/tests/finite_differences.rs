//! Gradients against differences of the function itself.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use burn_recsys_embeddings::{RowGradients, Tape};

use crate::values;

/// Asserts that the gradients of all parameters that `forward` depends on, sparse and dense, are those
/// of the function, and returns how many parameters have one.
///
/// The loss is the sum of `weight * (v + v * v)` over the elements of the output, with a weight of its
/// own for each. `tolerance` is absolute.
pub(crate) fn check_gradients<M: Module>(
    module: &M,
    tolerance: f64,
    forward: impl Fn(&M, &mut Tape) -> Tensor<2>,
) -> usize {
    let mut tape = Tape::new();
    let output = forward(module, &mut tape);
    let shape = output.dims();
    let weights = (0..shape[0] * shape[1]).map(weight).collect::<Vec<f32>>();
    let weights = Tensor::<2>::from_data(TensorData::new(weights, shape), &output.device());
    let mut grads = ((output.clone() + output.powf_scalar(2.0)) * weights).sum().backward();
    let rows = tape.gradients(&mut grads);
    let dense = GradientsParams::from_grads(grads, module);
    let mut gradients = Gradients { rows, dense, found: Vec::new() };
    module.visit(&mut gradients);

    let loss = |element, change| {
        let changed = module.clone().map(&mut Change { element, change });
        let output = values(forward(&changed, &mut Tape::new()));
        let terms = output.into_iter().map(f64::from).enumerate();
        terms.map(|(index, v)| f64::from(weight(index)) * (v + v * v)).sum::<f64>()
    };
    for (param, gradient) in &gradients.found {
        for (index, &actual) in gradient.iter().enumerate() {
            let step = 2e-3;
            let expected =
                (loss((*param, index), step) - loss((*param, index), -step)) / (2.0 * f64::from(step));
            assert!(
                (f64::from(actual) - expected).abs() < tolerance,
                "element {index} of {param:?}: gradient {actual}, difference quotient {expected}"
            );
        }
    }
    gradients.found.len()
}

/// Different for each element, so that no errors cancel.
fn weight(index: usize) -> f32 {
    (index as f32 * 0.7).sin() + 0.2
}

/// The gradient of each whole parameter that has one; rows that were not touched have zeros.
struct Gradients {
    rows: RowGradients,
    dense: GradientsParams,
    found: Vec<(ParamId, Vec<f32>)>,
}

impl ModuleVisitor for Gradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some((rows, gradient)) = self.rows.get(param.id) {
            let [_, width] = gradient.dims();
            let mut whole = vec![0.0; param.shape().num_elements()];
            for (&row, gradient) in rows.iter().zip(values(gradient.clone()).chunks(width)) {
                whole[row as usize * width..][..width].copy_from_slice(gradient);
            }
            self.found.push((param.id, whole));
        } else if let Some(gradient) = self.dense.get::<D>(param.id) {
            self.found.push((param.id, values(gradient)));
        }
    }
}

/// Adds `change` to one element of one parameter.
struct Change {
    element: (ParamId, usize),
    change: f32,
}

impl ModuleMapper for Change {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, index) = self.element;
        if param.id != id {
            return param;
        }
        param.map(|tensor| {
            let (shape, device) = (tensor.dims(), tensor.device());
            let mut values = values(tensor);
            values[index] += self.change;
            Tensor::from_data(TensorData::new(values, shape), &device)
        })
    }
}
