//! A batch for a model from PyTorch.

use std::path::Path;

use super::layout::{Expected, Known, Size};
use super::tensor_file::TensorFile;
use super::{TensorProblem, TorchError, TorchModel, TorchSizes};

/// A batch of users, items and contexts, read from a safetensors file.
///
/// | tensor | shape | values |
/// |---|---|---|
/// | `user_id` | `[batch]` | integers; below `n_users` where the model has a table of users |
/// | `user_features` | `[batch, n_user_features]` | floating point |
/// | `item_id` | `[batch]` | integers below `n_items` |
/// | `item_features` | `[batch, n_item_features]` | floating point |
/// | `cross_features` | `[batch, n_cross_features]` | floating point |
/// | `position` | `[batch]` | integers, 0 or more; these models do without, so it may be left out |
/// | `user_hash` | `[batch, d_user_hash]` | floating point; for dhe only |
///
/// Integers and floating point may be of any width. Other tensors are not read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TorchInputs {
    /// `[batch]`
    pub user_ids: Vec<u32>,
    /// `[batch, n_user_features]`, row-major
    pub user_features: Vec<f32>,
    /// `[batch]`
    pub item_ids: Vec<u32>,
    /// `[batch, n_item_features]`, row-major
    pub item_features: Vec<f32>,
    /// `[batch, n_cross_features]`, row-major
    pub cross_features: Vec<f32>,
    /// `[batch]`; all 0 if the file has none
    pub positions: Vec<u32>,
    /// `[batch, d_user_hash]`, row-major; empty for all models but dhe
    pub user_hashes: Vec<f32>,
}

const INPUTS: [Expected; 5] = [
    ("user_id", &[Size::Batch]),
    ("user_features", &[Size::Batch, Size::UserFeatures]),
    ("item_id", &[Size::Batch]),
    ("item_features", &[Size::Batch, Size::ItemFeatures]),
    ("cross_features", &[Size::Batch, Size::CrossFeatures]),
];
const POSITION: Expected = ("position", &[Size::Batch]);
const USER_HASH: Expected = ("user_hash", &[Size::Batch, Size::UserHash]);

impl TorchInputs {
    /// Reads the inputs of a model of these sizes.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a whole safetensors file; or with everything that is wrong
    /// in it: tensors that are missing or of another type, width or length, features that are not
    /// finite, ids that are negative or not in their table.
    pub fn read(path: &Path, model: TorchModel, sizes: &TorchSizes) -> Result<Self, TorchError> {
        let file = TensorFile::read(path)?;
        let mut expected = INPUTS.to_vec();
        expected.extend(file.get(POSITION.0).map(|_| POSITION));
        expected.extend((model == TorchModel::Dhe).then_some(USER_HASH));
        let mut known = Known::of_model(sizes);
        known.read(&file, &expected);

        let mut problems = known.problems(&file, &expected);
        let has = |key: &str| file.get(key).is_some() && expected.iter().any(|expected| expected.0 == key);
        let mut keep = |problem: TensorProblem| problems.push(problem);
        let mut floats = |key| match has(key) {
            true => file.floats(key).map_err(&mut keep).unwrap_or_default(),
            false => Vec::new(),
        };
        let user_features = floats("user_features");
        let item_features = floats("item_features");
        let cross_features = floats("cross_features");
        let user_hashes = floats("user_hash");
        // Ids of users without a table serve no purpose in these models, beyond being ids.
        let n_users = sizes.n_users.map_or(1 << 32, |n_users| n_users as u64);
        let mut ids = |key, limit| match has(key) {
            true => file.ids(key, limit).map_err(&mut keep).unwrap_or_default(),
            false => Vec::new(),
        };
        let user_ids = ids("user_id", n_users);
        let item_ids = ids("item_id", sizes.n_items as u64);
        let mut positions = ids("position", 1 << 32);
        if problems.is_empty() {
            positions.resize(user_ids.len(), 0);
            return Ok(TorchInputs {
                user_ids,
                user_features,
                item_ids,
                item_features,
                cross_features,
                positions,
                user_hashes,
            });
        }
        Err(TorchError::Inputs { path: path.to_owned(), model, problems })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.user_ids.len()
    }

    /// Whether there are no rows; what [`read`](Self::read) gives has some.
    pub fn is_empty(&self) -> bool {
        self.user_ids.is_empty()
    }
}
