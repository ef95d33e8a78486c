//! Models from PyTorch: their logits, and files that are refused.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, View};
use serde_json::{Value, json};

use crate::{Bench, exists};

const MODELS: [&str; 5] = ["id", "dhe", "cohort", "cohort-top1", "mixture"];

fn reference(model: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(model).join(file)
}

/// A folder with the weights `w` and the inputs `x` of a model.
fn bench(model: &str) -> Bench {
    let bench = Bench::new();
    fs::copy(reference(model, "weights.safetensors"), bench.path("w")).unwrap();
    fs::copy(reference(model, "inputs.safetensors"), bench.path("x")).unwrap();
    bench
}

fn command(model: &str) -> [&str; 9] {
    ["import-torch", "--model", model, "--weights", "w", "--inputs", "x", "--out", "y"]
}

/// Writes a file again with some tensors changed: `None` leaves one out.
fn change(path: &Path, edit: impl Fn(&str, &TensorView<'_>) -> Option<(Vec<usize>, Vec<u8>)>) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let edited: Vec<_> = file
        .iter()
        .filter_map(|(key, view)| edit(key, &view).map(|(shape, bytes)| (key, view.dtype(), shape, bytes)))
        .collect();
    let views = edited
        .iter()
        .map(|(key, dtype, shape, bytes)| (*key, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// Changes one value of four bytes.
fn poke(path: &Path, tensor: &str, at: usize, value: [u8; 4]) {
    change(path, |key, view| {
        let mut bytes = view.data().to_vec();
        if key == tensor {
            bytes[4 * at..][..4].copy_from_slice(&value);
        }
        Some((view.shape().to_vec(), bytes))
    });
}

/// The only tensor that `name` may hold, and its shape.
fn logits(path: &Path) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("logits").unwrap();
    assert_eq!(view.dtype(), Dtype::F32);
    let values = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    (view.shape().to_vec(), values)
}

/// Refused with each of `parts`, and the output that was there stays.
fn refused(bench: &Bench, model: &str, parts: &[&str]) {
    bench.write("y", "mine");
    let n_files = fs::read_dir(bench.path("")).unwrap().count();
    bench.refused(&command(model), 1, parts);
    assert_eq!(fs::read_to_string(bench.path("y")).unwrap(), "mine");
    assert_eq!(fs::read_dir(bench.path("")).unwrap().count(), n_files, "a file is left behind");
}

#[test]
fn logits_of_all_models_are_those_of_pytorch() {
    for model in MODELS {
        let bench = bench(model);
        // A file that is there is replaced.
        bench.write("y", "old");
        let n_files = fs::read_dir(bench.path("")).unwrap().count();
        let said = bench.done(&command(model)).stdout;
        assert!(said.contains("n_tasks 3") && said.contains("logits [16, 3] are in y"), "{said}");
        let (shape, actual) = logits(&bench.path("y"));
        let (_, expected) = logits(&reference(model, "expected.safetensors"));
        assert_eq!((shape, actual.len()), (vec![16, 3], expected.len()));
        for (actual, expected) in actual.iter().zip(expected) {
            assert!(
                (actual - expected).abs() <= 1e-5 * (1.0 + expected.abs()),
                "{model}: {actual} {expected}"
            );
        }
        assert_eq!(fs::read_dir(bench.path("")).unwrap().count(), n_files);
    }
}

#[test]
fn the_summary_has_the_sizes() {
    let bench = bench("cohort");
    let said = bench.done(&[&command("cohort")[..], &["--json"]].concat()).stdout;
    let expected = json!({
        "model": "cohort", "weights": "w", "inputs": "x", "out": "y", "n_rows": 16,
        "sizes": {
            "n_tasks": 3, "d_user": 50, "d_item": 30, "d_cross": 128, "n_user_features": 10,
            "n_item_features": 10, "n_cross_features": 10, "n_items": 200, "n_cohorts": 256
        }
    });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
}

#[test]
fn a_state_dict_that_does_not_fit_is_refused_with_all_its_faults() {
    let bench = bench("mixture");
    change(&bench.path("w"), |key, view| {
        let bytes = view.data().to_vec();
        match key {
            "mixture_layer.0.bias" | "dhe_stack.6.weight" => None,
            "task_arch.weight" => Some((vec![3, 144], bytes[..3 * 144 * 4].to_vec())),
            _ => Some((view.shape().to_vec(), bytes)),
        }
    });
    poke(&bench.path("w"), "cohort_embedding_matrix", 51, f32::INFINITY.to_le_bytes());
    let faults = [
        "w: not the state dict of the model mixture",
        "missing: mixture_layer.0.bias, expected with shape [2]",
        "missing: dhe_stack.6.weight, expected with shape [50, 50]",
        "shape: task_arch.weight has shape [3, 144], expected [3, 288]",
        "not finite: cohort_embedding_matrix, row 1, column 1 is inf",
    ];
    refused(&bench, "mixture", &faults);
    // As another model, what is too much is listed too.
    let others = [
        "w: not the state dict of the model id",
        "extra: cohort_embedding_matrix, with shape [256, 50]",
        "extra: mixture_layer.0.weight, with shape [2, 10]",
        "extra: dhe_stack.0.bias, with shape [50]",
        "shape: task_arch.weight has shape [3, 144], expected [3, 288]",
    ];
    refused(&bench, "id", &others);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let bench = bench("id");
    let x = bench.path("x");
    poke(&x, "item_features", 10 * 15 + 2, f32::NAN.to_le_bytes());
    refused(&bench, "id", &["x: not inputs of the model id", "item_features, row 15, column 2 is NaN"]);
    poke(&x, "user_id", 9, 1024i32.to_le_bytes());
    poke(&x, "item_id", 4, (-1i32).to_le_bytes());
    let faults = [
        "item_features, row 15, column 2 is NaN",
        "user_id, row 9 is 1024, not in 0..1024",
        "item_id, row 4 is -1, not in 0..200",
    ];
    refused(&bench, "id", &faults);
    change(&x, |key, view| match key {
        "user_features" => Some((vec![32, 5], view.data().to_vec())),
        "item_features" => Some((vec![15, 10], view.data()[..600].to_vec())),
        "cross_features" => None,
        _ => Some((view.shape().to_vec(), view.data().to_vec())),
    });
    let faults = [
        "user_features has shape [32, 5], expected [16, 10]",
        "item_features has shape [15, 10], expected [16, 10]",
        "missing: cross_features, expected with shape [16, 10]",
    ];
    refused(&bench, "id", &faults);
    fs::copy(reference("dhe", "weights.safetensors"), bench.path("w")).unwrap();
    refused(&bench, "dhe", &["missing: user_hash, expected with shape [16, 60]"]);
}

#[test]
fn files_that_are_cut_short_absent_or_something_else() {
    for name in ["w", "x"] {
        let bench = bench("cohort");
        let whole = fs::read(bench.path(name)).unwrap();
        for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
            fs::write(bench.path(name), &whole[..length]).unwrap();
            refused(&bench, "cohort", &[&format!("{name}: not a whole safetensors file")]);
        }
        bench.write(name, "PK, but neither zip nor safetensors");
        refused(&bench, "cohort", &[&format!("{name}: not a whole safetensors file")]);
        fs::remove_file(bench.path(name)).unwrap();
        refused(&bench, "cohort", &[&format!("cannot read {name}")]);
    }
}

#[test]
fn weights_that_overflow_are_no_answer() {
    let bench = bench("id");
    poke(&bench.path("w"), "task_arch.bias", 1, f32::MAX.to_le_bytes());
    change(&bench.path("w"), |key, view| {
        let bytes = match key {
            "task_arch.weight" => 1e38f32.to_le_bytes().repeat(view.data_len() / 4),
            _ => view.data().to_vec(),
        };
        Some((view.shape().to_vec(), bytes))
    });
    refused(&bench, "id", &["w: the logit of row 0, task 0 is", "the weights are too large"]);
}

#[test]
fn outputs_that_cannot_be() {
    let bench = bench("id");
    let out = |path| [&command("id")[..8], &[path]].concat();
    bench.refused(&out("none/y"), 1, &["cannot write none/y"]);
    fs::create_dir(bench.path("folder")).unwrap();
    bench.refused(&out("folder"), 1, &["cannot write folder"]);
    bench.refused(&out("w"), 2, &["--out: is the file of --weights too"]);
    bench.refused(&out("./x"), 2, &["--out: is the file of --inputs too"]);
    for (model, name) in [("id", "w"), ("id", "x")] {
        let file = if name == "w" { "weights.safetensors" } else { "inputs.safetensors" };
        assert_eq!(fs::read(bench.path(name)).unwrap(), fs::read(reference(model, file)).unwrap());
    }
    assert!(!exists(&bench.path("none")));
}

#[test]
fn wrong_arguments() {
    let bench = bench("id");
    let unknown = "there is no model \"cohorts\"; models are id, dhe, cohort, cohort-top1, mixture";
    bench.refused(&command("cohorts"), 2, &[unknown]);
    bench.refused(&command("id")[..7], 2, &["--out"]);
    bench.refused(&[&command("id")[..], &["--device", "abacus"]].concat(), 2, &["no device \"abacus\""]);
    let help = bench.done(&["import-torch", "--help"]).stdout;
    for part in ["--model", "--weights", "--inputs", "--out", "user_hash", "mixture", "--json"] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    assert!(!exists(&bench.path("y")));
}
