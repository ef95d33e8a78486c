//! The files of the parity tests, whole and spoilt.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

use super::{StateDict, TensorProblem, TorchError, TorchInputs, TorchModel, TorchSizes, load_torch};

fn reference(model: TorchModel, file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(model.name());
    folder.join(file).with_extension("safetensors")
}

fn reference_sizes(model: TorchModel) -> TorchSizes {
    StateDict::read(&reference(model, "weights")).unwrap().sizes(model).unwrap()
}

/// A file of the reference that can be changed.
struct Spoilt {
    folder: TempDir,
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Spoilt {
    fn new(model: TorchModel, file: &str) -> Self {
        let bytes = fs::read(reference(model, file)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors().into_iter();
        let tensors = tensors
            .map(|(key, view)| (key, (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
            .collect();
        Spoilt { folder: tempfile::tempdir().unwrap(), tensors }
    }

    fn floats(&self, key: &str) -> Vec<f32> {
        self.tensors[key].2.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    fn set(&mut self, key: &str, dtype: Dtype, bytes: Vec<u8>) {
        let tensor = self.tensors.get_mut(key).unwrap();
        (tensor.0, tensor.2) = (dtype, bytes);
    }

    /// Puts one value of four bytes somewhere.
    fn poke(&mut self, key: &str, at: usize, bytes: [u8; 4]) {
        self.tensors.get_mut(key).unwrap().2[4 * at..][..4].copy_from_slice(&bytes);
    }

    /// Gives a tensor another shape; its values are 1.
    fn reshape(&mut self, key: &str, shape: &[usize]) {
        let ones = vec![1f32.to_le_bytes(); shape.iter().product()].concat();
        self.tensors.insert(key.to_owned(), (Dtype::F32, shape.to_vec(), ones));
    }

    fn write(&self) -> PathBuf {
        let path = self.folder.path().join("spoilt.safetensors");
        let views = self.tensors.iter().map(|(key, (dtype, shape, bytes))| {
            (key, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        path
    }

    /// What is wrong with it as weights; nothing if it is in order.
    fn problems(&self, model: TorchModel) -> Vec<TensorProblem> {
        match StateDict::read(&self.write()).unwrap().sizes(model) {
            Ok(_) => Vec::new(),
            Err(TorchError::StateDict { problems, .. }) => problems,
            Err(other) => panic!("{other}"),
        }
    }

    /// The error as inputs of a model, without the name of the file.
    fn refused(&self, model: TorchModel) -> String {
        let path = self.write();
        let error = TorchInputs::read(&path, model, &reference_sizes(model)).unwrap_err().to_string();
        error.strip_prefix(&path.display().to_string()).unwrap().to_owned()
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for model in TorchModel::ALL {
        assert_eq!(model.to_string().parse(), Ok(model));
    }
    let error = "cohort-top2".parse::<TorchModel>().unwrap_err().to_string();
    let expected = "there is no model \"cohort-top2\"; models are id, dhe, cohort, cohort-top1, mixture";
    assert_eq!(error, expected);
}

#[test]
fn sizes_are_read_from_the_weights() {
    for model in TorchModel::ALL {
        let has_users = matches!(model, TorchModel::Id | TorchModel::Mixture);
        let has_cohorts = !matches!(model, TorchModel::Id | TorchModel::Dhe);
        let expected = TorchSizes {
            n_tasks: 3,
            d_user: 50,
            d_item: 30,
            d_cross: 128,
            n_user_features: 10,
            n_item_features: 10,
            n_cross_features: 10,
            n_items: 200,
            n_users: has_users.then_some(1024),
            n_cohorts: has_cohorts.then_some(256),
            d_user_hash: (model == TorchModel::Dhe).then_some(60),
        };
        assert_eq!(reference_sizes(model), expected, "{model}");
    }
    let weights = StateDict::read(&reference(TorchModel::Id, "weights")).unwrap();
    assert_eq!(weights.keys().count(), 10);
    assert_eq!(weights.shape("task_arch.weight"), Some(&[3, 288][..]));
    assert_eq!(weights.shape("dhe_stack.0.weight"), None);
}

#[test]
fn everything_that_is_wrong_is_listed() {
    let mut spoilt = Spoilt::new(TorchModel::Mixture, "weights");
    spoilt.tensors.remove("user_id_embedding_arch.weight");
    spoilt.tensors.remove("mixture_layer.0.bias");
    spoilt.reshape("task_arch.weight", &[3, 287]);
    spoilt.reshape("dhe_stack.2.weight", &[50, 51]);
    spoilt.reshape("dhe_stack.8.weight", &[50, 50]);
    spoilt.reshape("user_features_layer.bias", &[1, 50]);
    spoilt.set("dhe_stack.4.bias", Dtype::I32, vec![0; 200]);
    spoilt.poke("cohort_embedding_matrix", 50 * 7 + 3, f32::NAN.to_le_bytes());
    let path = spoilt.write();
    let weights = StateDict::read(&path).unwrap();
    let error = load_torch(TorchModel::Mixture, &weights, &Device::default()).unwrap_err().to_string();
    let expected = [
        &format!("{}: not the state dict of the model mixture:", path.display())[..],
        "shape: user_features_layer.bias has shape [1, 50], expected [50]",
        "shape: task_arch.weight has shape [3, 287], expected [3, 288]",
        "missing: user_id_embedding_arch.weight, expected with shape [n_users, 50]",
        "shape: dhe_stack.2.weight has shape [50, 51], expected [50, 50]",
        "missing: mixture_layer.0.bias, expected with shape [2]",
        "not finite: cohort_embedding_matrix, row 7, column 3 is NaN as f32",
        "type: dhe_stack.4.bias has type I32, expected F32 (or F64, F16, BF16)",
        "extra: dhe_stack.8.weight, with shape [50, 50]",
    ];
    assert_eq!(error.lines().map(str::trim).collect::<Vec<_>>(), expected);
}

#[test]
fn one_tensor_of_the_wrong_shape_is_one_problem() {
    // What no other tensor speaks of may be anything.
    let free = [
        "item_id_embedding_arch.weight 0",
        "user_id_embedding_arch.weight 0",
        "item_features_layer.weight 1",
        "cross_features_layer.weight 1",
    ];
    for model in TorchModel::ALL {
        let whole = Spoilt::new(model, "weights");
        for (key, (_, shape, _)) in &whole.tensors {
            for dimension in 0..shape.len() {
                let mut shape = shape.clone();
                shape[dimension] += 1;
                let mut spoilt = Spoilt::new(model, "weights");
                spoilt.reshape(key, &shape);
                let problems = spoilt.problems(model);
                let place = format!("{key} {dimension}");
                let is_free = free.contains(&&place[..])
                    || (model, &place[..]) == (TorchModel::Dhe, "dhe_stack.0.weight 1")
                    || (place == "user_features_layer.weight 1"
                        && matches!(model, TorchModel::Id | TorchModel::Dhe));
                assert_eq!(problems.len(), usize::from(!is_free), "{model}, {place}: {problems:?}");
                assert!(
                    problems.iter().all(|problem| matches!(problem, TensorProblem::Shape { .. })),
                    "{problems:?}"
                );
            }
        }
    }
}

#[test]
fn sizes_of_zero_are_refused() {
    let mut spoilt = Spoilt::new(TorchModel::Id, "weights");
    spoilt.reshape("item_id_embedding_arch.weight", &[0, 30]);
    spoilt.reshape("cross_features_layer.weight", &[128, 0]);
    let problems: Vec<String> = spoilt.problems(TorchModel::Id).iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "empty: item_id_embedding_arch.weight has shape [0, 30]; every size must be at least 1",
            "empty: cross_features_layer.weight has shape [128, 0]; every size must be at least 1",
        ]
    );
}

#[test]
fn weights_of_every_precision_are_read() {
    let device = Device::default();
    let inputs = TorchInputs::read(
        &reference(TorchModel::Cohort, "inputs"),
        TorchModel::Cohort,
        &reference_sizes(TorchModel::Cohort),
    )
    .unwrap();
    let logits = |spoilt: &Spoilt| {
        let weights = StateDict::read(&spoilt.write()).unwrap();
        load_torch(TorchModel::Cohort, &weights, &device).unwrap().logits(&inputs)
    };
    let mut spoilt = Spoilt::new(TorchModel::Cohort, "weights");
    let whole = logits(&spoilt);
    let keys: Vec<String> = spoilt.tensors.keys().cloned().collect();
    let floats: Vec<Vec<f32>> = keys.iter().map(|key| spoilt.floats(key)).collect();
    // Differences that the precision explains, but not nothing.
    for (dtype, largest) in [(Dtype::F64, 0.0), (Dtype::F16, 0.02), (Dtype::BF16, 0.2)] {
        for (key, values) in keys.iter().zip(&floats) {
            let bytes = values.iter().flat_map(|&value| match dtype {
                Dtype::F64 => f64::from(value).to_le_bytes().to_vec(),
                Dtype::F16 => f16::from_f32(value).to_le_bytes().to_vec(),
                _ => bf16::from_f32(value).to_le_bytes().to_vec(),
            });
            spoilt.set(key, dtype, bytes.collect());
        }
        let differences = logits(&spoilt).iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(differences <= largest && (differences > 0.0) == (largest > 0.0), "{dtype}: {differences}");
    }
}

#[test]
fn inputs_that_do_not_fit_are_listed() {
    let mut spoilt = Spoilt::new(TorchModel::Mixture, "inputs");
    spoilt.poke("user_id", 3, 1024i32.to_le_bytes());
    spoilt.poke("user_id", 5, (-7i32).to_le_bytes());
    spoilt.poke("position", 2, (-1i32).to_le_bytes());
    spoilt.poke("user_features", 10 * 4 + 9, f32::NAN.to_le_bytes());
    spoilt.reshape("item_features", &[16, 11]);
    spoilt.reshape("cross_features", &[15, 10]);
    spoilt.reshape("item_id", &[16]);
    assert_eq!(
        spoilt.refused(TorchModel::Mixture).lines().map(str::trim).collect::<Vec<_>>(),
        [
            ": not inputs of the model mixture:",
            "shape: item_features has shape [16, 11], expected [16, 10]",
            "shape: cross_features has shape [15, 10], expected [16, 10]",
            "not finite: user_features, row 4, column 9 is NaN as f32",
            "id: user_id, row 3 is 1024, not in 0..1024 (the first of 2)",
            "type: item_id has type F32, expected an integer of any width",
            "id: position, row 2 is -1, not in 0..4294967296",
        ]
    );
    // The encoding of users is what dhe needs and no other.
    let mut spoilt = Spoilt::new(TorchModel::Dhe, "inputs");
    spoilt.tensors.remove("user_hash");
    spoilt.tensors.remove("item_id");
    assert_eq!(
        spoilt.refused(TorchModel::Dhe).lines().map(str::trim).collect::<Vec<_>>(),
        [
            ": not inputs of the model dhe:",
            "missing: item_id, expected with shape [16]",
            "missing: user_hash, expected with shape [16, 60]",
        ]
    );
    let mut spoilt = Spoilt::new(TorchModel::Id, "inputs");
    for (key, width) in [("user_features", 10), ("item_features", 10), ("cross_features", 10)] {
        spoilt.reshape(key, &[0, width]);
    }
    for key in ["user_id", "item_id", "position"] {
        spoilt.tensors.insert(key.into(), (Dtype::I32, vec![0], Vec::new()));
    }
    assert!(spoilt.refused(TorchModel::Id).contains("empty: user_id has shape [0]"));
}

#[test]
fn inputs_may_differ_where_it_does_not_matter() {
    let model = TorchModel::Dhe;
    let whole = TorchInputs::read(&reference(model, "inputs"), model, &reference_sizes(model)).unwrap();
    let mut spoilt = Spoilt::new(model, "inputs");
    spoilt.tensors.remove("position");
    spoilt.reshape("of_another_program", &[2, 3]);
    // Without a table of users an id is any number from 0.
    let ids: Vec<u8> = (0..16).flat_map(|row| (u64::MAX - row).to_le_bytes()).collect();
    spoilt.set("user_id", Dtype::U64, ids);
    let read = TorchInputs::read(&spoilt.write(), model, &reference_sizes(model)).unwrap();
    assert_eq!(read.examples.user_ids()[15], u64::MAX - 15);
    let weights = StateDict::read(&reference(model, "weights")).unwrap();
    let estimator = load_torch(model, &weights, &Device::default()).unwrap();
    assert_eq!(estimator.logits(&read), estimator.logits(&whole));
}

#[test]
fn many_rows_go_through_in_blocks() {
    const N_ROWS: usize = 9000;
    for model in [TorchModel::Dhe, TorchModel::Mixture] {
        let weights = StateDict::read(&reference(model, "weights")).unwrap();
        let estimator = load_torch(model, &weights, &Device::default()).unwrap();
        let inputs = TorchInputs::read(&reference(model, "inputs"), model, &reference_sizes(model)).unwrap();
        let n_rows = inputs.n_rows();
        let rows: Vec<u32> = (0..N_ROWS).map(|row| (row % n_rows) as u32).collect();
        let n_hashes = N_ROWS * inputs.user_hashes.len() / n_rows;
        let hashes = inputs.user_hashes.iter().copied().cycle().take(n_hashes).collect();
        let many = TorchInputs { examples: inputs.examples.select(&rows), user_hashes: hashes };
        let (few, many) = (estimator.logits(&inputs), estimator.logits(&many));
        assert_eq!(many.len(), N_ROWS * 3);
        for (at, &logit) in many.iter().enumerate() {
            let expected = few[at % few.len()];
            assert!((logit - expected).abs() < 1e-5, "{model}, value {at}: {logit}, not {expected}");
        }
    }
}
