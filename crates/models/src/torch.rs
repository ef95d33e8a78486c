//! Models trained with PyTorch: their state dicts and batches, in safetensors files.
//!
//! The five forms of the user preference model, by the way they know a user: see [`TorchModel`]. Each
//! is a `torch.nn.Module` with these parameters, where `d_user`, `d_item`, ... are whatever the file
//! says, as long as it says the same everywhere:
//!
//! | key | shape | in |
//! |---|---|---|
//! | `item_id_embedding_arch.weight` | `[n_items, d_item]` | all |
//! | `user_features_layer.{weight, bias}` | `[d_user, n_user_features]` | all |
//! | `item_features_layer.{weight, bias}` | `[d_item, n_item_features]` | all |
//! | `cross_features_layer.{weight, bias}` | `[d_cross, n_cross_features]` | all |
//! | `task_arch.{weight, bias}` | `[n_tasks, 2 d_user + 2 d_item + d_cross]` | all |
//! | `user_id_embedding_arch.weight` | `[n_users, d_user]` | id, mixture |
//! | `dhe_stack.0.{weight, bias}` | `[d_user, d_user_hash]` | dhe |
//! | `dhe_stack.0.{weight, bias}` | `[d_user, d_user]` | cohort, cohort-top1, mixture |
//! | `dhe_stack.{2, 4, 6}.{weight, bias}` | `[d_user, d_user]` | all but id |
//! | `cohort_embedding_matrix` | `[n_cohorts, d_user]` | cohort, cohort-top1, mixture |
//! | `cohort_addressing_layer.0.{weight, bias}` | `[n_cohorts, n_user_features]` | cohort, cohort-top1, mixture |
//! | `mixture_layer.0.{weight, bias}` | `[2, n_user_features]` | mixture |
//!
//! Shapes are of the weight; a bias has the first size. Values may be f64, f32, f16 or bf16; the model
//! here is f32.
//!
//! A file that does not fit is refused as a whole, and the error lists everything that is wrong with it.
//!
//! ```no_run
//! use std::path::Path;
//! use burn::tensor::Device;
//! use burn_recsys_models::torch::{StateDict, TorchInputs, TorchModel, load_torch};
//!
//! let weights = StateDict::read(Path::new("weights.safetensors"))?;
//! let model = load_torch(TorchModel::Mixture, &weights, &Device::default())?;
//! let sizes = weights.sizes(TorchModel::Mixture)?;
//! let inputs = TorchInputs::read(Path::new("inputs.safetensors"), TorchModel::Mixture, &sizes)?;
//! println!("{:?}", &model.logits(&inputs)[..sizes.n_tasks]);
//! # Ok::<(), burn_recsys_models::torch::TorchError>(())
//! ```

mod inputs;
mod layout;
mod load;
mod problem;
mod state_dict;
mod tensor_file;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use burn_recsys_embeddings::MatrixError;

use crate::ExampleError;

pub use inputs::TorchInputs;
pub use layout::TorchSizes;
pub use load::{TorchEstimator, load_torch};
pub use problem::TensorProblem;
pub use state_dict::StateDict;

/// Which of the five forms a state dict is of: how the model knows a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TorchModel {
    /// By a row of a table.
    Id,
    /// By a network that decodes an encoding of the id.
    Dhe,
    /// By cohorts, weighted by a softmax of affinities that are linear in the user's features.
    Cohort,
    /// By the one cohort with the largest affinity.
    CohortTop1,
    /// By a table and by cohorts, weighted by the user's features.
    Mixture,
}

/// A name that is not one of [`TorchModel`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no model {name:?}; models are {}", TorchModel::ALL.map(TorchModel::name).join(", "))]
pub struct UnknownTorchModel {
    /// The name.
    pub name: String,
}

/// Why a file from PyTorch cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is cut short, or something else.
    #[error(
        "{}: not a whole safetensors file ({source}); write it with safetensors.torch.save_file",
        path.display()
    )]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: safetensors::SafeTensorError,
    },
    /// The file is not the state dict of such a model.
    #[error("{}: not the state dict of the model {model}:{}", path.display(), listed(problems))]
    StateDict {
        /// The file.
        path: PathBuf,
        /// The model that was asked for.
        model: TorchModel,
        /// Everything that is wrong; never empty.
        problems: Vec<TensorProblem>,
    },
    /// The file is not a batch for such a model.
    #[error("{}: not inputs of the model {model}:{}", path.display(), listed(problems))]
    Inputs {
        /// The file.
        path: PathBuf,
        /// The model that they are for.
        model: TorchModel,
        /// Everything that is wrong; never empty.
        problems: Vec<TensorProblem>,
    },
    /// The tensors are in order but make no rows for an estimator.
    #[error("{}: {source}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ExampleError,
    },
    /// A table cannot be made of the values.
    #[error("{}: {key}: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The key of the table.
        key: &'static str,
        /// What is wrong.
        source: MatrixError,
    },
}

impl TorchModel {
    /// All of them.
    pub const ALL: [TorchModel; 5] =
        [TorchModel::Id, TorchModel::Dhe, TorchModel::Cohort, TorchModel::CohortTop1, TorchModel::Mixture];

    /// The name, as on a command line.
    pub fn name(self) -> &'static str {
        match self {
            TorchModel::Id => "id",
            TorchModel::Dhe => "dhe",
            TorchModel::Cohort => "cohort",
            TorchModel::CohortTop1 => "cohort-top1",
            TorchModel::Mixture => "mixture",
        }
    }
}

impl fmt::Display for TorchModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for TorchModel {
    type Err = UnknownTorchModel;

    fn from_str(name: &str) -> Result<Self, UnknownTorchModel> {
        let named = TorchModel::ALL.into_iter().find(|model| model.name() == name);
        named.ok_or_else(|| UnknownTorchModel { name: name.to_owned() })
    }
}

/// One line for each.
fn listed(problems: &[TensorProblem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

#[cfg(test)]
mod tests;
