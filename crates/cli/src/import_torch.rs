//! A model from PyTorch, and what it says of some rows.

use std::fs;
use std::path::Path;

use burn_recsys_models::torch::{StateDict, TorchInputs, TorchSizes, load_torch};
use burn_recsys_training::{Error, Result, device_from_name, write_atomic};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Map, Value, json};

use crate::arguments::{Common, ImportTorch};
use crate::data::print_json;
use crate::output::line;

/// `import-torch`.
pub(crate) fn run(common: &Common, arguments: &ImportTorch) -> Result<()> {
    let ImportTorch { model, weights, inputs, out } = arguments;
    keep_apart(out, [("--weights", weights), ("--inputs", inputs)])?;
    let device = device_from_name(&common.device)?;
    let state = StateDict::read(weights)?;
    let estimator = load_torch(*model, &state, &device)?;
    let sizes = state.sizes(*model)?;
    let rows = TorchInputs::read(inputs, *model, &sizes)?;
    let (logits, n_rows) = (estimator.logits(&rows), rows.n_rows());
    if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
        let (row, task) = (at / sizes.n_tasks, at % sizes.n_tasks);
        let message =
            format!("the logit of row {row}, task {task} is {}; the weights are too large", logits[at]);
        return Err(Error::Corrupt { path: weights.clone(), message });
    }
    write(out, &logits, [n_rows, sizes.n_tasks])?;
    if common.json {
        // A path need not be Unicode, JSON must be.
        let shown = |path: &Path| path.display().to_string();
        return print_json(&json!({
            "model": model.name(), "weights": shown(weights), "inputs": shown(inputs), "out": shown(out),
            "n_rows": n_rows, "sizes": named(&sizes),
        }));
    }
    let shown: Vec<String> = named(&sizes).into_iter().map(|(name, size)| format!("{name} {size}")).collect();
    line(format_args!("model {model}: {}", shown.join(", ")));
    line(format_args!("logits [{n_rows}, {}] are in {}", sizes.n_tasks, out.display()));
    Ok(())
}

/// The output must not take the place of an input.
fn keep_apart(out: &Path, inputs: [(&str, &Path); 2]) -> Result<()> {
    let Ok(out) = fs::canonicalize(out) else { return Ok(()) };
    let same = inputs.into_iter().find(|(_, path)| fs::canonicalize(path).is_ok_and(|path| path == out));
    let Some((name, _)) = same else { return Ok(()) };
    let message = format!("is the file of {name} too, which would be lost; name another file");
    Err(Error::Config { key: "--out", message })
}

/// The file appears when it is whole, in place of one that is there.
fn write(path: &Path, logits: &[f32], shape: [usize; 2]) -> Result<()> {
    let refuse = |error: safetensors::SafeTensorError| Error::Corrupt {
        path: path.to_owned(),
        message: format!("cannot be made: {error}"),
    };
    let bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes).map_err(refuse)?;
    write_atomic(path, &safetensors::serialize([("logits", view)], None).map_err(refuse)?)
}

/// The sizes that the model has.
fn named(sizes: &TorchSizes) -> Map<String, Value> {
    let all = [
        ("n_tasks", Some(sizes.n_tasks)),
        ("d_user", Some(sizes.d_user)),
        ("d_item", Some(sizes.d_item)),
        ("d_cross", Some(sizes.d_cross)),
        ("n_user_features", Some(sizes.n_user_features)),
        ("n_item_features", Some(sizes.n_item_features)),
        ("n_cross_features", Some(sizes.n_cross_features)),
        ("n_items", Some(sizes.n_items)),
        ("n_users", sizes.n_users),
        ("n_cohorts", sizes.n_cohorts),
        ("d_user_hash", sizes.d_user_hash),
    ];
    all.into_iter().filter_map(|(name, size)| Some((name.to_owned(), size?.into()))).collect()
}
