//! The five forms of the estimator beside PyTorch's: `reference/generate.py` made the values.
//!
//! Compared are logits, the summed loss, and the gradients of all parameters, in evaluation mode. The
//! addressing layer of cohort-top1 is left out: PyTorch has no gradient for it, the library a straight-through one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use burn_recsys::embeddings::{CohortAddressing, EmbeddingTable, RowGradients, Tape};
use burn_recsys::models::torch::{StateDict, TorchEstimator, TorchInputs, TorchModel, load_torch};
use burn_recsys::models::{MultiTaskEstimator, MultiTaskLoss, Reduction, UserRepresentation};
use safetensors::{Dtype, SafeTensors};

use crate::{TOLERANCE, devices, values};

/// Values by name.
type Values = BTreeMap<String, Vec<f32>>;

fn reference(model: TorchModel, file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference").join(model.name());
    folder.join(file).with_extension("safetensors")
}

/// All tensors of a file; ids become floats, which they are small enough for.
fn read(path: &Path) -> Values {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let words = view.data().as_chunks::<4>().0.iter();
        let values = match view.dtype() {
            Dtype::F32 => words.map(|&word| f32::from_le_bytes(word)).collect(),
            Dtype::I32 => words.map(|&word| i32::from_le_bytes(word) as f32).collect(),
            other => panic!("{name} has type {other}"),
        };
        (name, values)
    });
    tensors.collect()
}

/// The gradients of one step, under the names of the reference.
struct Collected<'a> {
    grads: &'a Gradients,
    rows: RowGradients,
    found: Values,
}

impl Collected<'_> {
    fn param<const D: usize>(&mut self, key: &str, param: &Param<Tensor<D>>) {
        let grad = param.val().grad(self.grads).unwrap_or_else(|| panic!("no gradient of {key}"));
        self.found.insert(format!("grad.{key}"), values(grad));
    }

    fn linear(&mut self, name: &str, layer: &Linear) {
        let key = format!("{name}.weight");
        let grad = layer.weight.val().grad(self.grads).unwrap_or_else(|| panic!("no gradient of {key}"));
        self.found.insert(format!("grad.{key}"), values(grad.transpose()));
        self.param(&format!("{name}.bias"), layer.bias.as_ref().unwrap());
    }

    fn table(&mut self, key: &str, table: &EmbeddingTable) {
        let (ids, grad) = self.rows.get(table.weight.id).unwrap_or_else(|| panic!("no gradient of {key}"));
        let grad = values(grad);
        let mut rows: Vec<_> = ids.iter().zip(grad.chunks_exact(table.d_embedding())).collect();
        rows.sort_unstable_by_key(|row| row.0);
        self.found.insert(format!("grad_ids.{key}"), rows.iter().map(|row| *row.0 as f32).collect());
        self.found.insert(format!("grad_rows.{key}"), rows.iter().flat_map(|row| row.1).copied().collect());
    }

    fn stack(&mut self, layers: &[Linear]) {
        for (index, layer) in layers.iter().enumerate() {
            self.linear(&format!("dhe_stack.{}", 2 * index), layer);
        }
    }

    fn cohorts(&mut self, cohorts: &CohortAddressing) {
        self.linear("cohort_addressing_layer.0", &cohorts.addressing[0]);
        self.param("cohort_embedding_matrix", &cohorts.cohorts);
        self.stack(&cohorts.decoder);
    }

    fn all_but_users<R: UserRepresentation>(&mut self, model: &MultiTaskEstimator<R>) {
        self.table("item_id_embedding_arch.weight", &model.items.embedding);
        self.linear("user_features_layer", model.user_features.as_ref().unwrap());
        self.linear("item_features_layer", model.item_features.as_ref().unwrap());
        self.linear("cross_features_layer", model.cross_features.as_ref().unwrap());
        self.linear("task_arch", &model.heads.towers[0][0]);
    }
}

/// Logits, loss and gradients of the reference batch.
fn computed(model: TorchModel, device: &Device) -> Values {
    let weights = StateDict::read(&reference(model, "weights")).unwrap();
    let estimator = load_torch(model, &weights, device).unwrap();
    let sizes = weights.sizes(model).unwrap();
    let inputs = TorchInputs::read(&reference(model, "inputs"), model, &sizes).unwrap();
    let labels = read(&reference(model, "inputs")).remove("labels").unwrap();
    let labels = Tensor::from_data(TensorData::new(labels, [inputs.n_rows(), sizes.n_tasks]), device);

    let mut tape = Tape::new();
    let logits = estimator.forward(&inputs, &mut tape);
    let loss = MultiTaskLoss::new(sizes.n_tasks).with_reduction(Reduction::Sum);
    let loss = loss.forward(logits.clone(), labels, None);
    let mut grads = loss.clone().backward();
    let rows = tape.gradients(&mut grads);
    let found = Values::from([("logits".into(), values(logits)), ("loss".into(), values(loss))]);
    let mut collected = Collected { grads: &grads, rows, found };
    match &estimator {
        TorchEstimator::Id(estimator) => {
            collected.all_but_users(estimator);
            collected.table("user_id_embedding_arch.weight", &estimator.users.embedding);
        }
        TorchEstimator::Dhe(estimator) => {
            collected.all_but_users(estimator);
            collected.stack(&estimator.users.stack);
        }
        TorchEstimator::Cohort(estimator) => {
            collected.all_but_users(estimator);
            collected.cohorts(&estimator.users.addressing);
        }
        TorchEstimator::Mixture(estimator) => {
            collected.all_but_users(estimator);
            let (ids, cohorts) = &estimator.users.experts;
            collected.table("user_id_embedding_arch.weight", &ids.embedding);
            collected.cohorts(&cohorts.addressing);
            collected.linear("mixture_layer.0", &estimator.users.gate.hidden);
        }
        other => panic!("{other:?} is not compared"),
    }
    collected.found
}

/// The largest difference, as a share of what is allowed: the tolerance absolute plus relative.
fn share_of_tolerance(actual: &[f32], expected: &[f32], what: &str) -> f64 {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let mut largest = 0f64;
    for (&actual, &expected) in actual.iter().zip(expected) {
        let (actual, expected) = (f64::from(actual), f64::from(expected));
        let share = (actual - expected).abs() / (TOLERANCE * (1.0 + expected.abs()));
        assert!(share <= 1.0, "{what}: {actual}, not {expected}");
        largest = largest.max(share);
    }
    largest
}

#[test]
fn logits_loss_and_gradients_are_those_of_pytorch() {
    for (device_name, device) in devices() {
        for model in TorchModel::ALL {
            let expected = read(&reference(model, "expected"));
            let mut actual = computed(model, &device);
            if model == TorchModel::CohortTop1 {
                for part in ["weight", "bias"] {
                    let key = format!("grad.cohort_addressing_layer.0.{part}");
                    assert!(!expected.contains_key(&key));
                    let grad = actual.remove(&key).unwrap();
                    assert!(grad.iter().any(|&value| value != 0.0), "{key} is zero");
                }
            }
            let keys = |values: &Values| values.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&actual), keys(&expected), "{model}");
            let shares = expected.iter().map(|(key, expected)| {
                let share =
                    share_of_tolerance(&actual[key], expected, &format!("{device_name}, {model}, {key}"));
                (share * TOLERANCE, key)
            });
            let (largest, key) = shares.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            println!("{device_name}, {model}: at most {largest:.1e} off, in {key}");
        }
    }
}

#[test]
fn logits_without_autodiff_are_the_same() {
    for (device_name, device) in devices() {
        for model in TorchModel::ALL {
            let weights = StateDict::read(&reference(model, "weights")).unwrap();
            let sizes = weights.sizes(model).unwrap();
            let inputs = TorchInputs::read(&reference(model, "inputs"), model, &sizes).unwrap();
            let expected = read(&reference(model, "expected")).remove("logits").unwrap();
            let estimator = load_torch(model, &weights, &device.clone().inner()).unwrap();
            share_of_tolerance(&estimator.logits(&inputs), &expected, &format!("{device_name}, {model}"));
        }
    }
}
