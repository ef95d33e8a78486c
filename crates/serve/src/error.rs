//! What can be wrong with a folder, a configuration or a request.

use std::path::{Path, PathBuf};

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of writing or opening a serving folder, or of starting a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file of a serving folder is not what was written.
    #[error("{}: {message}; the folder is damaged or of another version, write it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Tables do not fit together.
    #[error("{table}: {message}")]
    Tables {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A model that was loaded could not answer.
    #[error("{}: the probe request failed: {message}", path.display())]
    Probe {
        /// The folder.
        path: PathBuf,
        /// What it answered.
        message: String,
    },
    /// An option cannot be used.
    #[error("{option}: {message}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// The value found and the values allowed.
        message: String,
    },
    /// Vectors cannot be searched.
    #[error(transparent)]
    Retrieval(#[from] burn_recsys_retrieval::Error),
    /// Sources or the ranker cannot be used.
    #[error(transparent)]
    Ranking(#[from] burn_recsys_ranking::Error),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { action, path: path.into(), source }
    }

    pub(crate) fn damaged(path: &Path, message: impl Into<String>) -> Self {
        Error::Damaged { path: path.into(), message: message.into() }
    }

    pub(crate) fn tables(table: &'static str, message: impl Into<String>) -> Self {
        Error::Tables { table, message: message.into() }
    }
}
