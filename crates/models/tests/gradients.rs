//! Gradients against differences of the plain-Rust function.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use burn_recsys_embeddings::{MixtureConfig, RowGradients, Tape};
use burn_recsys_models::{
    DeepHashConfig, Examples, HeadsConfig, ItemRepresentation, Mixture, MultiTaskEstimator, MultiTaskLoss,
    UserRepresentation,
};

use crate::reference::{self, Reference};
use crate::{
    D, N_ITEM_FEATURES, N_ITEMS, N_TASKS, N_USER_FEATURES, N_USERS, autodiff, cohort, cross_decoupled,
    estimator, lookup, n_parameters, rows,
};

/// The gradient of every parameter that `loss` depends on, sparse and dense; zeros for rows that were
/// not touched.
pub(crate) fn gradients<M: Module>(
    module: &M,
    loss: impl FnOnce(&mut Tape) -> Tensor<1>,
) -> Vec<(ParamId, Vec<f32>)> {
    let mut tape = Tape::new();
    let mut grads = loss(&mut tape).backward();
    let sparse = tape.gradients(&mut grads);
    let dense = GradientsParams::from_grads(grads, module);
    let mut collected = Collected { sparse, dense, found: Vec::new() };
    module.visit(&mut collected);
    collected.found
}

struct Collected {
    sparse: RowGradients,
    dense: GradientsParams,
    found: Vec<(ParamId, Vec<f32>)>,
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("f32 values")
}

impl ModuleVisitor for Collected {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some((rows, gradient)) = self.sparse.get(param.id) {
            let width = gradient.dims()[1];
            let mut whole = vec![0.0; param.shape().num_elements()];
            for (&row, gradient) in rows.iter().zip(flat(gradient).chunks(width)) {
                whole[row as usize * width..][..width].copy_from_slice(gradient);
            }
            self.found.push((param.id, whole));
        } else if let Some(gradient) = self.dense.get::<D>(param.id) {
            self.found.push((param.id, flat(gradient)));
        }
    }
}

/// Adds to one element, and keeps what was added after rounding.
struct Nudge {
    param: ParamId,
    element: usize,
    change: f32,
    made: f64,
}

impl ModuleMapper for Nudge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.id != self.param {
            return param;
        }
        param.map(|tensor| {
            let (shape, device) = (tensor.dims(), tensor.device());
            let mut values = flat(tensor);
            let before = values[self.element];
            values[self.element] += self.change;
            self.made = f64::from(values[self.element]) - f64::from(before);
            Tensor::from_data(TensorData::new(values, shape), &device)
        })
    }
}

/// Compares each gradient to the central difference of `loss`, which is computed in double precision
/// from the parameters of a module. Returns how many elements were compared.
pub(crate) fn check_differences<M: Module>(
    module: &M,
    gradients: &[(ParamId, Vec<f32>)],
    loss: impl Fn(&M) -> f64,
) -> usize {
    let mut largest = 0f64;
    for (param, gradient) in gradients {
        for (element, &actual) in gradient.iter().enumerate() {
            let at = |change: f32| {
                let mut nudge = Nudge { param: *param, element, change, made: 0.0 };
                let nudged = module.clone().map(&mut nudge);
                (loss(&nudged), nudge.made)
            };
            // Short, so that no ReLU is crossed; double precision can afford it.
            let ((above, up), (below, down)) = (at(2e-5), at(-2e-5));
            let expected = (above - below) / (up - down);
            largest = largest.max(expected.abs());
            assert!(
                (f64::from(actual) - expected).abs() < 2e-5 * (1.0 + expected.abs()),
                "element {element} of {param:?}: gradient {actual}, difference quotient {expected}"
            );
        }
    }
    assert!(largest > 0.01, "all gradients vanish: nothing was tested");
    gradients.iter().map(|(_, gradient)| gradient.len()).sum()
}

pub(crate) fn loss_of<R: UserRepresentation, I: ItemRepresentation>(
    model: &MultiTaskEstimator<R, I>,
    rows: &Examples,
    tape: &mut Tape,
) -> Tensor<1> {
    let device = autodiff();
    let logits = model.forward(&rows.inputs(&device), tape);
    MultiTaskLoss::new(N_TASKS).forward(logits, rows.label_tensor(&device), rows.weight_tensor(&device))
}

fn check<R: Reference + UserRepresentation, I: Reference + ItemRepresentation>(
    users: R,
    items: I,
    heads: HeadsConfig,
) {
    let (rows, device) = (rows(), autodiff());
    let model = estimator(users, items, heads, &device);
    let gradients = gradients(&model, |tape| loss_of(&model, &rows, tape));
    let inputs = rows.inputs(&device);
    let n_compared = check_differences(&model, &gradients, |model| {
        reference::loss(&reference::logits(model, &inputs), rows.labels())
    });
    assert_eq!(n_compared, n_parameters(&model), "every parameter has a gradient");
}

fn experts() -> HeadsConfig {
    HeadsConfig::new().with_hidden(vec![3]).with_tower(vec![2]).with_n_experts(2)
}

#[test]
fn of_id_lookup_and_linear_heads() {
    check(lookup(N_USERS, 1, &autodiff()), lookup(N_ITEMS, 2, &autodiff()), HeadsConfig::new());
}

#[test]
fn of_deep_hash_and_hidden_layers() {
    let users = DeepHashConfig::new(D).with_n_hashes(6).with_n_layers(2).init(&autodiff());
    check(users, lookup(N_ITEMS, 2, &autodiff()), HeadsConfig::new().with_hidden(vec![4]));
}

#[test]
fn of_a_mixture_and_experts() {
    let gate = MixtureConfig::new(N_USER_FEATURES, 2, 0).with_seed(1).init(&autodiff());
    let users = Mixture::new((lookup(N_USERS, 1, &autodiff()), cohort(&autodiff())), gate);
    check(users, lookup(N_ITEMS, 2, &autodiff()), experts());
}

#[test]
fn of_cross_decoupled_on_either_side() {
    let users = cross_decoupled(N_USERS, N_USER_FEATURES, &autodiff());
    let items = cross_decoupled(N_ITEMS, N_ITEM_FEATURES, &autodiff());
    check(users, items, HeadsConfig::new());
}

#[test]
fn a_row_of_weight_0_is_as_good_as_left_out() {
    let device = autodiff();
    let model = estimator(lookup(N_USERS, 1, &device), lookup(N_ITEMS, 2, &device), experts(), &device);
    // Rows 1, 2 and 5 are of cohort 1.
    let weighted = rows().with_cohort_weights(&[0, 1, 1, 0, 0, 1, 0], &[1.0, 0.0]).expect("weights");
    let left = rows().select(&[0, 3, 4, 6]);
    let scalar = |rows: &Examples| f64::from(loss_of(&model, rows, &mut Tape::new()).into_scalar::<f32>());
    assert!((scalar(&weighted) - scalar(&left)).abs() < 1e-6);
    assert!((scalar(&weighted) - scalar(&rows())).abs() > 1e-3);
    let of = |rows: &Examples| gradients(&model, |tape| loss_of(&model, rows, tape));
    let (weighted, left) = (of(&weighted), of(&left));
    assert_eq!(weighted.len(), left.len());
    for ((param, weighted), (_, left)) in weighted.iter().zip(&left) {
        let is_close = weighted.iter().zip(left).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(is_close, "{param:?}: {weighted:?}, expected {left:?}");
    }
}
