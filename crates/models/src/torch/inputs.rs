//! A batch for a model from PyTorch.

use std::ops::Range;
use std::path::Path;

use super::layout::{Expected, Known, Size};
use super::tensor_file::TensorFile;
use super::{TensorProblem, TorchError, TorchModel, TorchSizes};
use crate::Examples;

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
    /// The rows, without labels.
    pub examples: Examples,
    /// The encoding of the user of every row, `[n_rows, d_user_hash]`, row-major; empty for all models but
    /// dhe.
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
        let mut ids = |key, limit: Option<u64>| match has(key) {
            true => file.ids(key, limit).map_err(&mut keep).unwrap_or_default(),
            false => Vec::new(),
        };
        let user_ids = ids("user_id", sizes.n_users.map(|n_users| n_users as u64));
        let item_ids = ids("item_id", Some(sizes.n_items as u64));
        let positions = ids("position", Some(1 << 32));
        if !problems.is_empty() {
            return Err(TorchError::Inputs { path: path.to_owned(), model, problems });
        }
        let examples = || {
            let examples = Examples::new(user_ids, item_ids)?
                .with_user_features(user_features, sizes.n_user_features)?
                .with_item_features(item_features, sizes.n_item_features)?
                .with_cross_features(cross_features, sizes.n_cross_features)?;
            match positions.is_empty() {
                true => Ok(examples),
                false => examples.with_positions(positions.into_iter().map(|id| id as u32).collect()),
            }
        };
        let examples = examples().map_err(|source| TorchError::Rows { path: path.to_owned(), source })?;
        Ok(TorchInputs { examples, user_hashes })
    }

    /// The number of rows; 1 or more as they are read.
    pub fn n_rows(&self) -> usize {
        self.examples.n_rows()
    }

    /// The rows `rows`.
    pub(super) fn slice(&self, rows: Range<usize>) -> TorchInputs {
        let d_user_hash = self.user_hashes.len() / self.n_rows().max(1);
        TorchInputs {
            examples: self.examples.select(&(rows.start as u32..rows.end as u32).collect::<Vec<_>>()),
            user_hashes: self.user_hashes[rows.start * d_user_hash..rows.end * d_user_hash].to_vec(),
        }
    }
}
