//! What can be wrong with an inference table.

use std::path::PathBuf;

/// Why an inference table cannot be written, opened or trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file system refused.
    #[error("{}: cannot {action} the table: {source}", path.display())]
    Io {
        /// The table.
        path: PathBuf,
        /// What was tried: a verb.
        action: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// Some rows of the table are shared by ids that have none of their own.
    #[error(
        "{}: {n_oov_rows} of the {n_rows} rows are out of vocabulary, and a file has a row for each id; look ids \
         up with EmbeddingTable::rows_of and write EmbeddingTable::vectors",
        path.display()
    )]
    OutOfVocabulary {
        /// The table.
        path: PathBuf,
        /// Its rows, those out of vocabulary among them.
        n_rows: usize,
        /// Its rows out of vocabulary.
        n_oov_rows: usize,
    },
    /// The file is something else.
    #[error(
        "{}: not an inference table, it begins with \"{}\"; give a file that InferenceTableWriter wrote",
        path.display(), first_bytes.escape_ascii()
    )]
    NotATable {
        /// The file.
        path: PathBuf,
        /// Up to eight bytes.
        first_bytes: Vec<u8>,
    },
    /// The file is of a format that this version of the library does not know.
    #[error(
        "{}: version {found} of the table format, this library reads version {supported}; convert the table again or use the library that wrote it",
        path.display()
    )]
    Version {
        /// The table.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The version that can be read.
        supported: u32,
    },
    /// The header is whole but has a precision that this version of the library does not know.
    #[error(
        "{}: values of {bits} bits, this library reads 32, 16, 8 and 4; convert the table again",
        path.display()
    )]
    Precision {
        /// The table.
        path: PathBuf,
        /// Bits a value.
        bits: u32,
    },
    /// The file was cut short, or something was added to it.
    #[error(
        "{}: the table is {found} bytes long and should be {expected}; copy or convert it again",
        path.display()
    )]
    Length {
        /// The table.
        path: PathBuf,
        /// Bytes that the header promises; of a file without a whole header, the size of the header.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// Bytes have changed since the table was written.
    #[error(
        "{}: the {part} of the table has checksum {found:016x} and should have {expected:016x}; copy or convert it again",
        path.display()
    )]
    Checksum {
        /// The table.
        path: PathBuf,
        /// `header` or `data`.
        part: &'static str,
        /// The checksum in the header.
        expected: u64,
        /// The checksum of what is there.
        found: u64,
    },
    /// A table of that shape cannot be.
    #[error(
        "{}: a table of shape [{n_rows}, {d_embedding}]; it needs 1 to 2^32 rows of at least one column, and this machine must be able to address it",
        path.display()
    )]
    Shape {
        /// The table.
        path: PathBuf,
        /// Rows.
        n_rows: u64,
        /// Columns.
        d_embedding: u64,
    },
    /// Values that are to be written are not whole rows.
    #[error(
        "{}: {n_values} values are not rows of {d_embedding}; write whole rows",
        path.display()
    )]
    NotRows {
        /// The table.
        path: PathBuf,
        /// The values given.
        n_values: usize,
        /// The size of a row.
        d_embedding: usize,
    },
    /// An embedding table is of another width than the table that is being written.
    #[error(
        "{}: vectors of width {found} for a table of width {expected}; create the writer with the width of the table",
        path.display()
    )]
    Width {
        /// The table.
        path: PathBuf,
        /// The width of what is being written.
        expected: usize,
        /// The width of the vectors given.
        found: usize,
    },
    /// A value that no precision keeps.
    #[error("{}: row {row}, column {column} is {value}; repair the row or train it again", path.display())]
    NotFinite {
        /// The table.
        path: PathBuf,
        /// The row, counted from the first row of the table.
        row: usize,
        /// The column.
        column: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A value that is too large for `f16`.
    #[error(
        "{}: row {row}, column {column} is {value}, and f16 ends at 65504; choose another precision",
        path.display()
    )]
    TooLargeForF16 {
        /// The table.
        path: PathBuf,
        /// The row, counted from the first row of the table.
        row: usize,
        /// The column.
        column: usize,
        /// The value.
        value: f32,
    },
}
