//! The parameters of a PyTorch model.

use std::path::Path;

use super::layout::{self, Known};
use super::tensor_file::TensorFile;
use super::{TensorProblem, TorchError, TorchModel, TorchSizes};

/// The named parameters of a PyTorch model, read from a safetensors file.
///
/// [`load_torch`](super::load_torch) makes a model of them.
#[derive(Debug)]
pub struct StateDict {
    pub(super) file: TensorFile,
}

impl StateDict {
    /// Reads a file. What is in it is looked at when it is asked for.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a whole safetensors file.
    pub fn read(path: &Path) -> Result<Self, TorchError> {
        Ok(StateDict { file: TensorFile::read(path)? })
    }

    /// The names of the parameters, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.file.iter().map(|(key, _)| key)
    }

    /// The shape of a parameter, as PyTorch has it: the weight of a linear layer is `[out, in]`.
    pub fn shape(&self, key: &str) -> Option<&[usize]> {
        self.file.get(key).map(|entry| &entry.shape[..])
    }

    /// The sizes of the model whose state dict this is, once all of it is found to be in order.
    ///
    /// # Errors
    /// [`TorchError::StateDict`] with every parameter that is missing, extra, of a shape that does not
    /// agree with the others, of another type than floating point, or with a value that is not finite.
    pub fn sizes(&self, model: TorchModel) -> Result<TorchSizes, TorchError> {
        let expected = layout::of_state_dict(model);
        let mut known = Known::default();
        known.read(&self.file, &expected);
        let mut problems = known.problems(&self.file, &expected);
        for (key, entry) in self.file.iter() {
            if expected.iter().any(|expected| expected.0 == key) {
                problems.extend(self.file.floats(key).err());
            } else {
                problems.push(TensorProblem::Extra { key: key.to_owned(), found: entry.shape.clone() });
            }
        }
        let sizes = known.of_state_dict().filter(|_| problems.is_empty());
        sizes.ok_or_else(|| TorchError::StateDict { path: self.file.path.clone(), model, problems })
    }

    /// The values of a parameter that [`sizes`](Self::sizes) has found to be in order.
    pub(super) fn values(&self, model: TorchModel, key: &str) -> Result<Vec<f32>, TorchError> {
        let refuse =
            |problem| TorchError::StateDict { path: self.file.path.clone(), model, problems: vec![problem] };
        self.file.floats(key).map_err(refuse)
    }
}
