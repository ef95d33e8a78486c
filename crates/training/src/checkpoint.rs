//! What training needs to go on after the process died.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Bool, DType, Int, Tensor, TensorData};
use burn_store::{ModuleSnapshot, SafetensorsStore};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::fit::EpochRecord;
use crate::{Error, Optimizers, Result, TrainState, files};

const MODEL: &str = "model.safetensors";
const SPARSE: &str = "sparse-optimizer.safetensors";
const DENSE: &str = "dense-optimizer";
const STATE: &str = "state.json";

/// Which of the two trainings a checkpoint belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Finding the number of epochs with rows held out.
    Search,
    /// Training on the whole training part.
    Fit,
}

impl Phase {
    /// As it stands in file names.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Search => "search",
            Phase::Fit => "fit",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    n_steps: u64,
    /// SHA-256 of the other files by name: a changed weight still looks like a weight.
    checksums: BTreeMap<String, String>,
    history: Vec<EpochRecord>,
}

/// The checkpoint folders of a phase, oldest first.
pub(crate) fn list(root: &Path, phase: Phase) -> Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    if root.is_dir() {
        for entry in fs::read_dir(root).map_err(|source| Error::io("read", root, source))? {
            let path = entry.map_err(|source| Error::io("read", root, source))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(epoch) =
                name.strip_prefix(phase.name()).and_then(|rest| rest.strip_prefix('-')?.parse().ok())
            {
                found.push((epoch, path));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Saves `state` as the checkpoint of its last epoch; the one before it is kept too.
pub(crate) fn save<M: Module>(root: &Path, phase: Phase, state: &TrainState<M>) -> Result<()> {
    let epoch = state.history.len() as u64;
    let path = root.join(format!("{}-{epoch:04}", phase.name()));
    let (tensors, n_steps) = state.optimizers.sparse.state(&state.model);
    files::write_folder_atomic(&path, |folder| {
        save_weights(&state.model, &folder.join(MODEL))?;
        files::write_atomic(&folder.join(SPARSE), &pack(&tensors, folder)?)?;
        state
            .optimizers
            .dense
            .save(folder.join(DENSE))
            .map_err(|error| Error::corrupt(folder.join(DENSE), format!("cannot be written: {error}")))?;
        // Every file: Burn gives its own an ending.
        let mut checksums = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(|source| Error::io("read", folder, source))? {
            let entry = entry.map_err(|source| Error::io("read", folder, source))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            checksums.insert(name, files::sha256(&files::read(&entry.path())?));
        }
        let text = serde_json::to_vec_pretty(&State { n_steps, checksums, history: state.history.clone() })
            .map_err(|error| Error::corrupt(folder.join(STATE), error.to_string()))?;
        files::write_atomic(&folder.join(STATE), &text)
    })?;
    let all = list(root, phase)?;
    for (_, old) in &all[..all.len().saturating_sub(2)] {
        fs::remove_dir_all(old).map_err(|source| Error::io("delete", old, source))?;
    }
    Ok(())
}

/// The newest checkpoint of a phase, put into a fresh model and fresh optimizers; `None` if there
/// is none.
pub(crate) fn load<M: Module>(
    root: &Path,
    phase: Phase,
    mut model: M,
    mut optimizers: Optimizers,
) -> Result<Option<TrainState<M>>> {
    let Some((_, path)) = list(root, phase)?.pop() else { return Ok(None) };
    let remedy = "delete this checkpoint's folder and resume again: the one before it is used, or training \
                  starts over";
    let refuse = |file: &str, what: String| Error::corrupt(path.join(file), format!("{what}; {remedy}"));
    let read = |file: &str| files::read(&path.join(file)).map_err(|error| refuse(file, error.to_string()));
    let state: State =
        serde_json::from_slice(&read(STATE)?).map_err(|error| refuse(STATE, error.to_string()))?;
    load_weights(&mut model, &path.join(MODEL), remedy)?;
    for (name, expected) in &state.checksums {
        if files::sha256(&read(name)?) != *expected {
            return Err(refuse(name, "was changed after it was written (its SHA-256 is another)".into()));
        }
    }
    let tensors = unpack(&read(SPARSE)?).map_err(|what| refuse(SPARSE, what))?;
    optimizers
        .sparse
        .load_state(&model, tensors, state.n_steps)
        .map_err(|error| refuse(SPARSE, error.to_string()))?;
    optimizers.dense =
        optimizers.dense.load(path.join(DENSE)).map_err(|error| refuse(DENSE, error.to_string()))?;
    Ok(Some(TrainState { model, optimizers, history: state.history }))
}

/// Saves a model's weights as safetensors under their paths in the module.
pub(crate) fn save_weights<M: Module>(model: &M, path: &Path) -> Result<()> {
    // One entry: the order of several is random, and the same weights should be the same file.
    let mut store = SafetensorsStore::from_bytes(None).clear_metadata().metadata("producer", "burn-recsys");
    let refuse = |error: &dyn std::fmt::Display| Error::corrupt(path, format!("cannot be written: {error}"));
    model.save_into(&mut store).map_err(|error| refuse(&error))?;
    let bytes = store.get_bytes().map_err(|error| refuse(&error))?;
    files::write_atomic(path, &bytes)
}

/// Loads weights that [`save_weights`] wrote; every parameter must be there and fit.
pub(crate) fn load_weights<M: Module>(model: &mut M, path: &Path, remedy: &str) -> Result<()> {
    let refuse = |what: &dyn std::fmt::Display| Error::corrupt(path, format!("{what}; {remedy}"));
    let bytes = files::read(path).map_err(|error| refuse(&error))?;
    // Checked here, because the store reports a cut file less clearly.
    SafeTensors::deserialize(&bytes)
        .map_err(|error| refuse(&format!("not a whole safetensors file ({error})")))?;
    let mut store = SafetensorsStore::from_bytes(Some(bytes));
    let result = model.load_from(&mut store).map_err(|error| refuse(&error))?;
    let problem = if let Some(missing) = result.missing.first() {
        Some(format!("tensor {:?} is missing", missing.0))
    } else if let Some(unused) = result.unused.first() {
        Some(format!("tensor {unused:?} does not belong to this model"))
    } else {
        result.errors.first().map(|error| error.to_string())
    };
    problem.map_or(Ok(()), |problem| Err(refuse(&problem)))
}

/// Tensors of `f32` as safetensors.
fn pack(tensors: &[(String, TensorData)], folder: &Path) -> Result<Vec<u8>> {
    let refuse = |what: String| Error::corrupt(folder.join(SPARSE), format!("cannot be written: {what}"));
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, data)| {
            if data.dtype() != DType::F32 {
                return Err(refuse(format!("{name:?} is {:?}, expected F32", data.dtype())));
            }
            let view = TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes());
            Ok((name.as_str(), view.map_err(|error| refuse(error.to_string()))?))
        })
        .collect::<Result<_>>()?;
    safetensors::serialize(views, None).map_err(|error| refuse(error.to_string()))
}

fn unpack(bytes: &[u8]) -> std::result::Result<Vec<(String, TensorData)>, String> {
    let tensors =
        SafeTensors::deserialize(bytes).map_err(|error| format!("not a whole safetensors file ({error})"))?;
    tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(format!("{name:?} is {:?}, expected F32", view.dtype()));
            }
            let values: Vec<f32> =
                view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            Ok((name, TensorData::new(values, view.shape().to_vec())))
        })
        .collect()
}

/// Gives every parameter an id that depends on its place in the module alone.
///
/// Burn saves optimizer state by parameter id and draws ids at random: without this, the state of
/// one process fits no model of the next.
pub(crate) fn with_stable_ids<M: Module>(model: M) -> M {
    model.map(&mut StableIds { next: 1 })
}

struct StableIds {
    next: u64,
}

impl StableIds {
    fn id(&mut self) -> ParamId {
        self.next += 1;
        ParamId::from(self.next)
    }
}

impl ModuleMapper for StableIds {
    fn map_float<const D: usize>(&mut self, mut param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.id = self.id();
        param
    }

    fn map_int<const D: usize>(&mut self, mut param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        param.id = self.id();
        param
    }

    fn map_bool<const D: usize>(&mut self, mut param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        param.id = self.id();
        param
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::AdamConfig;
    use burn::tensor::Device;
    use burn_recsys_embeddings::{
        EmbeddingTable, EmbeddingTableConfig, LazyAdam, RowUpdate, SparseOptimizer, Tape,
    };

    use super::*;

    /// A table and dense layers, whose optimizers both keep state.
    #[derive(Module, Debug)]
    struct Model {
        first: Linear,
        table: EmbeddingTable,
        second: Linear,
    }

    fn device() -> Device {
        Device::default().autodiff()
    }

    fn fresh(seed: u64) -> (Model, Optimizers) {
        let device = device();
        device.seed(seed);
        let model = Model {
            first: LinearConfig::new(3, 2).init(&device),
            table: EmbeddingTableConfig::new(5, 3).with_seed(seed).init(&device),
            second: LinearConfig::new(2, 1).init(&device),
        };
        let rule: Box<dyn RowUpdate> = Box::new(LazyAdam::default());
        let optimizers = Optimizers { sparse: SparseOptimizer::new(rule), dense: AdamConfig::new().init() };
        (with_stable_ids(model), optimizers)
    }

    fn trained(mut model: Model, mut optimizers: Optimizers, n_steps: usize) -> (Model, Optimizers) {
        for _ in 0..n_steps {
            let mut tape = Tape::new();
            let rows = model.table.forward(&[1, 4, 1], &mut tape);
            let loss = (model.second.forward(model.first.forward(rows)) - 1.0).powf_scalar(2.0).mean();
            let grads = loss.backward();
            model = optimizers.step(0.05, model, tape, grads).unwrap();
        }
        (model, optimizers)
    }

    fn weights(model: &Model) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        save_weights(model, &path).unwrap();
        fs::read(path).unwrap()
    }

    fn record(epoch: u64) -> EpochRecord {
        EpochRecord { epoch, train_loss: 0.1, held_out: None, seconds: 1.0 / 3.0 }
    }

    #[test]
    fn dense_and_sparse_state_go_on_bit_for_bit() {
        let root = tempfile::tempdir().unwrap();
        let (model, optimizers) = fresh(1);
        let (model, optimizers) = trained(model, optimizers, 3);
        let state = TrainState { model, optimizers, history: vec![record(1)] };
        save(root.path(), Phase::Fit, &state).unwrap();
        // Another seed: everything that counts must come from the files.
        let (model, optimizers) = fresh(2);
        let loaded = load(root.path(), Phase::Fit, model, optimizers).unwrap().unwrap();
        assert_eq!(loaded.history, state.history);
        assert_eq!(weights(&loaded.model), weights(&state.model));
        let (resumed, _) = trained(loaded.model, loaded.optimizers, 3);
        let fresh_optimizers = fresh(2).1;
        let (forgetful, _) = trained(state.model.clone(), fresh_optimizers, 3);
        let (expected, _) = trained(state.model, state.optimizers, 3);
        assert_eq!(weights(&resumed), weights(&expected));
        assert_ne!(weights(&forgetful), weights(&expected), "the optimizers have no state to lose");
    }

    #[test]
    fn the_last_two_checkpoints_of_each_phase_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let (model, optimizers) = fresh(1);
        let mut state = TrainState { model, optimizers, history: Vec::new() };
        for epoch in 1..=4 {
            state.history.push(record(epoch));
            save(root.path(), Phase::Search, &state).unwrap();
            if epoch == 1 {
                save(root.path(), Phase::Fit, &state).unwrap();
            }
        }
        // What is not ours is neither counted nor deleted.
        fs::write(root.path().join("fit-notes"), "").unwrap();
        let epochs = |phase| list(root.path(), phase).unwrap().into_iter().map(|(epoch, _)| epoch);
        assert!(epochs(Phase::Search).eq([3, 4]));
        assert!(epochs(Phase::Fit).eq([1]));
        assert!(root.path().join("fit-notes").exists());
        let (model, optimizers) = fresh(1);
        assert!(load(&root.path().join("none"), Phase::Fit, model, optimizers).unwrap().is_none());
    }
}
