//! What can be wrong with the files of an evaluation.

use std::path::PathBuf;

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Files that cannot be measured, and where and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read, or a value in it is not what its column must hold.
    #[error(transparent)]
    Data(#[from] burn_recsys_data::Error),
    /// Something cannot be measured.
    #[error(transparent)]
    Metrics(#[from] burn_recsys_metrics::Error),
    /// A file as a whole cannot be used.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// A row cannot be used.
    #[error("{} {position}: {message}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line of text, or the row of parquet; of two rows both.
        position: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// A parameter cannot be used.
    #[error("{parameter}: {message}")]
    Parameter {
        /// The parameter.
        parameter: &'static str,
        /// The value found and the values allowed.
        message: String,
    },
    /// A plot of the report cannot be drawn.
    #[error("the plot \"{plot}\" cannot be drawn: {message}")]
    Drawing {
        /// What the plot shows.
        plot: String,
        /// What failed.
        message: String,
    },
}
