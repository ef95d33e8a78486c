//! What can go wrong between a file and a table, and where.

use std::path::{Path, PathBuf};

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of reading, fetching, filtering or splitting data.
///
/// Every message says where (file and line, or parameter), what, and where it is not obvious what
/// to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line of a text file is not what its format says.
    #[error("{} line {line}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong and what was expected.
        message: String,
    },
    /// A file as a whole is not what its format says.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// A named data set is not on this machine and could not be fetched.
    #[error(
        "data set {name} is not on this machine: {reason}. Fetch {url} by hand and put {file} into {}",
        folder.display()
    )]
    Absent {
        /// The data set's name.
        name: &'static str,
        /// Why it could not be fetched.
        reason: String,
        /// The official address.
        url: &'static str,
        /// The archive's file name.
        file: String,
        /// The folder that is searched first.
        folder: PathBuf,
    },
    /// A downloaded file differs from the published size or checksum.
    #[error("{}: {what} is {actual}, expected {expected}; the download is discarded, fetch it again", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// `size` or `MD5`.
        what: &'static str,
        /// The published value.
        expected: String,
        /// The value found.
        actual: String,
    },
    /// No interaction is left.
    #[error("no interactions are left after {after}")]
    Empty {
        /// The step that removed the last one.
        after: String,
    },
    /// A row of features was computed from an event at or after the row's own moment.
    #[error(
        "row {row} knows the future: its moment is {moment}, but {evidence}; compute the features of a row \
         from events with a timestamp below the row's own, and not from the row itself"
    )]
    Leak {
        /// The first such row, counted from 0.
        row: usize,
        /// The moment of the row, in seconds since 1970-01-01 UTC.
        moment: i64,
        /// What the row knows that it cannot.
        evidence: String,
    },
    /// A parameter cannot be used.
    #[error("{parameter}: {message}")]
    Parameter {
        /// The parameter's name as users write it.
        parameter: &'static str,
        /// The value found and the values allowed.
        message: String,
    },
}

impl Error {
    /// Wraps a system error with what was tried and on which path.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Error::Io { action, path: path.as_ref().to_path_buf(), source }
    }
}
