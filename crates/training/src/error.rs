//! What can go wrong between a configuration and an answer.

use std::path::{Path, PathBuf};

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of preparing, training, evaluating, saving or answering.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading, filtering or splitting the data failed.
    #[error(transparent)]
    Data(#[from] burn_recsys_data::Error),
    /// Measuring failed.
    #[error(transparent)]
    Metrics(#[from] burn_recsys_metrics::Error),
    /// A baseline cannot be fitted.
    #[error(transparent)]
    Baseline(#[from] burn_recsys_baselines::Error),
    /// Rows do not fit a model.
    #[error(transparent)]
    Examples(#[from] burn_recsys_models::ExampleError),
    /// Rows do not fit a tower.
    #[error(transparent)]
    Tower(#[from] burn_recsys_models::TowerError),
    /// Events do not fit a temporal graph network.
    #[error(transparent)]
    Temporal(#[from] burn_recsys_models::TemporalError),
    /// Estimates cannot be calibrated.
    #[error(transparent)]
    Calibration(#[from] burn_recsys_models::CalibrationError),
    /// Estimates cannot be combined into a value.
    #[error(transparent)]
    Value(#[from] burn_recsys_models::ValueError),
    /// Searching failed.
    #[error(transparent)]
    Retrieval(#[from] burn_recsys_retrieval::Error),
    /// A file from PyTorch cannot be used.
    #[error(transparent)]
    Torch(#[from] burn_recsys_models::torch::TorchError),
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] crate::DeviceError),
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A configuration file is not valid.
    #[error("{}: {message}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line where there is one.
        message: String,
    },
    /// A value of the configuration is impossible.
    #[error("configuration: {key}: {message}")]
    Config {
        /// The key as it is written in the file.
        key: &'static str,
        /// The value found and the values allowed.
        message: String,
    },
    /// A file of a run folder cannot be used.
    #[error("{}: {message}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// The folder is not one that this operation can use.
    #[error("run folder {}: {message}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// The loss, the gradient of a table or a weight is not finite.
    #[error(
        "the loss, a gradient or a weight is {loss} at epoch {epoch}, step {step}: training has stopped and the last checkpoint stays; \
         lower the learning rate, or look for extreme values in the data"
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: u64,
        /// The step within the epoch, from 1; 0 for the held-out loss after it.
        step: usize,
        /// NaN or infinity.
        loss: f64,
    },
    /// What takes part in a study cannot be trained.
    #[error("{name}, seed {seed}: {source}")]
    Candidate {
        /// Its name.
        name: String,
        /// The seed.
        seed: u64,
        /// Why.
        source: Box<Error>,
    },
    /// Training was asked to stop.
    #[error("stopped on request after epoch {epoch}; resume to continue")]
    Stopped {
        /// The last epoch that was completed and saved.
        epoch: u64,
    },
    /// Candidates cannot be found or ranked.
    #[error(transparent)]
    Ranking(#[from] burn_recsys_ranking::Error),
    /// What is to be served cannot be written.
    #[error(transparent)]
    Serve(#[from] burn_recsys_serve::Error),
    /// Train and test share interactions.
    #[error(
        "{overlap} of {test} test interactions are in the training part (first: user {user}, item {item}); \
         a score on them would be worthless. To keep one row of every pair, add to the configuration: \
         filters = [{{ kind = \"duplicates\", keep = \"last\" }}]"
    )]
    Leakage {
        /// How many test rows are in train.
        overlap: usize,
        /// How many test rows there are.
        test: usize,
        /// External id of the first.
        user: String,
        /// External id of the first.
        item: String,
    },
    /// The id is not known to the model.
    #[error("user {id:?} is not among the {n_users} users of this run{hint}")]
    UnknownUser {
        /// The external id asked for.
        id: String,
        /// How many users there are.
        n_users: usize,
        /// Examples of ids that exist.
        hint: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Error::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    pub(crate) fn corrupt(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Error::Corrupt { path: path.as_ref().to_path_buf(), message: message.into() }
    }
}
