//! What can be wrong with vectors and scores.

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of building or searching an index.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flat array of vectors is not a whole number of vectors.
    #[error("{length} values are not a whole number of vectors of {dimension}")]
    Shape {
        /// The number of values given.
        length: usize,
        /// The size of one vector.
        dimension: usize,
    },
    /// A vector has NaN or infinity.
    #[error("vector {row} has the value {value} in column {column}")]
    NotFinite {
        /// The vector, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A vector has a value that is too large for 16 bits.
    #[error("vector {row} has the value {value} in column {column}, too large for f16; keep f32 or scale it")]
    TooLarge {
        /// The vector, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// More items than indices of 32 bits can count.
    #[error("{n_items} items are too many: an index holds at most 4294967295")]
    TooMany {
        /// The number given.
        n_items: usize,
    },
    /// A score is NaN.
    #[error("the score of item {item} for query {query} is NaN")]
    NanScore {
        /// The query, counted from 0.
        query: usize,
        /// The item.
        item: u32,
    },
    /// The library of approximate search refuses, or is asked for what cannot be.
    #[error("graph index: {message}")]
    Graph {
        /// What it says.
        message: String,
    },
    /// An index that is not exact where exact search is needed.
    #[error(
        "the index is not exact: what it misses would be counted against the model; allow it by name, or use an exact index"
    )]
    Approximate,
    /// A list cannot be re-ranked as asked.
    #[error("cannot re-rank: {message}")]
    Rerank {
        /// What is wrong.
        message: String,
    },
    /// A file cannot be used.
    #[error("cannot {action} {}: {message}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// What the operating system says.
        message: String,
    },
    /// A file holds other numbers than its description says.
    #[error("{message}; the file is damaged or of another version, write it again")]
    Layout {
        /// What does not fit.
        message: String,
    },
}
