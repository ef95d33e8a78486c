//! What can be wrong with candidates and rankers.

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of finding or ranking candidates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter cannot be used.
    #[error("{parameter}: {message}")]
    Parameter {
        /// The parameter's name.
        parameter: &'static str,
        /// The value found and the values allowed.
        message: String,
    },
    /// Two things were made for different numbers of users, items or sources.
    #[error("{what}: {found}, but {expected} were expected")]
    Misfit {
        /// What was counted.
        what: String,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A source failed.
    #[error("source {name}: {message}")]
    Source {
        /// The source's name.
        name: String,
        /// What went wrong.
        message: String,
    },
    /// A file cannot be used.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Data cannot be used.
    #[error(transparent)]
    Data(#[from] burn_recsys_data::Error),
    /// A baseline failed.
    #[error(transparent)]
    Baseline(#[from] burn_recsys_baselines::Error),
    /// An index failed.
    #[error(transparent)]
    Retrieval(#[from] burn_recsys_retrieval::Error),
}
