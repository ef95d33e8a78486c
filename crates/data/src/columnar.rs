//! Chosen columns of a file that another program wrote: delimited text or parquet, typed and checked.
//!
//! [`ColumnFile::open`] recognises the file by its content, not by its name: parquet by its first bytes,
//! else text whose first line names the columns. [`ColumnFile::read`] takes the columns that are asked for,
//! each as ids or as numbers; what is not an id or a number is an error with its place, never a guess.
//!
//! ```
//! use burn_recsys_data::columnar::{ColumnFile, Request};
//! # let path = std::env::temp_dir().join(format!("burn-recsys-columnar-{}.csv", std::process::id()));
//! # std::fs::write(&path, "user_id;item_id;score\n7;b;0.5\n3;a;2\n").unwrap();
//!
//! let file = ColumnFile::open(&path)?;
//! assert_eq!(file.names(), ["user_id", "item_id", "score"]);
//!
//! let table = file.read(&[Request::ids("user_id"), Request::numbers("score")])?;
//! let users = table.columns[0].ids().expect("ids were asked for");
//! // The index of an id is its rank: 3, 7.
//! assert_eq!(users.indices, [1, 0]);
//! assert_eq!(table.columns[1].numbers(), Some(&[0.5, 2.0][..]));
//! assert_eq!(table.position(1), "line 3");
//! # std::fs::remove_file(&path).unwrap();
//! # Ok::<(), burn_recsys_data::Error>(())
//! ```
//!
//! Columns of several files get the same indices by [`IdMap::union`] and [`IdMap::translate`].
//!
//! # Formats
//! - Text is UTF-8 (a field that is not valid UTF-8 is taken as Latin-1), with or without a byte order mark.
//!   The separator is the one of `,` `;` tab `|` that the first line has most of. Fields may be quoted with
//!   `"`; spaces around them do not count, nor do blank lines. Every line must have as many fields as the
//!   first.
//! - Parquet needs the feature `parquet` of this crate. Pages may be uncompressed or compressed with Snappy,
//!   zstd, gzip or LZ4.
//!
//! # Values
//! - Ids are whole numbers or text. A column holds numbers if every id is one in its usual spelling of at
//!   most 18 digits, else text, whatever the file stores; so the same ids give the same [`IdMap`] from text
//!   and from parquet. Floating-point ids of parquet are taken if they are whole: pandas turns integers with
//!   gaps into them.
//! - Numbers are finite. Dates and timestamps of parquet are seconds since 1970-01-01; those without a time
//!   zone are taken as UTC.
//! - Empty, null and NaN are errors.

mod build;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod stored;
mod text;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use build::{Builder, Lines};

use crate::{Error, IdMap, Result};

/// A file of named columns.
#[derive(Debug)]
pub struct ColumnFile {
    path: PathBuf,
    names: Vec<String>,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Text(text::TextFile),
    #[cfg(feature = "parquet")]
    Parquet(parquet::ParquetFile),
}

/// A column to be read, and what it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ids,
    Numbers,
}

impl Request {
    /// The column `name` as ids.
    pub fn ids(name: impl Into<String>) -> Self {
        Request { name: name.into(), kind: Kind::Ids }
    }

    /// The column `name` as finite numbers.
    pub fn numbers(name: impl Into<String>) -> Self {
        Request { name: name.into(), kind: Kind::Numbers }
    }
}

/// The columns that were asked for, row by row as in the file.
#[derive(Debug)]
pub struct Table {
    /// In the order of the requests, each with [`n_rows`](Self::n_rows) values.
    pub columns: Vec<ColumnData>,
    n_rows: usize,
    positions: Positions,
}

#[derive(Debug)]
enum Positions {
    Lines(Lines),
    #[cfg(feature = "parquet")]
    Rows,
}

impl Table {
    /// The number of rows, which may be 0.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Where in the file the row with index `row` is, for messages: `line 813` of text, however many lines
    /// the rows before it take; `row 812 (the first is 1)` of parquet.
    pub fn position(&self, row: usize) -> String {
        match &self.positions {
            Positions::Lines(lines) => format!("line {}", lines.line(row)),
            #[cfg(feature = "parquet")]
            Positions::Rows => parquet::position(row),
        }
    }
}

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// As [`Request::ids`] asks for.
    Ids(IdColumn),
    /// As [`Request::numbers`] asks for.
    Numbers(Vec<f64>),
}

impl ColumnData {
    /// The ids, if ids were asked for.
    pub fn ids(&self) -> Option<&IdColumn> {
        match self {
            ColumnData::Ids(ids) => Some(ids),
            ColumnData::Numbers(_) => None,
        }
    }

    /// The numbers, if numbers were asked for.
    pub fn numbers(&self) -> Option<&[f64]> {
        match self {
            ColumnData::Ids(_) => None,
            ColumnData::Numbers(numbers) => Some(numbers),
        }
    }
}

/// A column of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdColumn {
    /// The ids that occur.
    pub ids: IdMap,
    /// For every row the index of its id in `ids`.
    pub indices: Vec<u32>,
}

impl ColumnFile {
    /// Opens the file at `path` and reads the names of its columns.
    ///
    /// # Errors
    /// If the file cannot be read, is empty, is not whole, or is parquet and the feature `parquet` is off.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let metadata = path.metadata().map_err(|source| Error::io("read", path, source))?;
        if !metadata.is_file() && !metadata.is_dir() {
            // It is read more than once.
            return Err(refused(path, "this is not a regular file; write what comes from it to one first"));
        }
        let start = first_bytes(path).map_err(|source| Error::io("read", path, source))?;
        match start.as_slice() {
            b"PAR1" => Self::open_parquet(path),
            b"PARE" => Err(refused(path, "the file is encrypted parquet; write it without encryption")),
            _ => {
                let (names, file) = text::TextFile::open(path)?;
                Ok(ColumnFile { path: path.to_path_buf(), names, format: Format::Text(file) })
            }
        }
    }

    #[cfg(feature = "parquet")]
    fn open_parquet(path: &Path) -> Result<Self> {
        let (names, file) = parquet::ParquetFile::open(path)?;
        Ok(ColumnFile { path: path.to_path_buf(), names, format: Format::Parquet(file) })
    }

    #[cfg(not(feature = "parquet"))]
    fn open_parquet(path: &Path) -> Result<Self> {
        Err(refused(
            path,
            "this is a parquet file, which this program was built without; build it with the feature \
             `parquet` of burn-recsys-data, or write the table as CSV",
        ))
    }

    /// The names of the columns in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads the columns that `requests` name, on all threads of the current rayon pool.
    ///
    /// An id takes 4 bytes a row and a number 8; every id itself is kept once.
    ///
    /// # Errors
    /// If a column is absent or its name occurs twice, if a value is not what was asked for, if lines have
    /// more or fewer fields than the first, or if the file is damaged or has changed since it was opened.
    pub fn read(&self, requests: &[Request]) -> Result<Table> {
        let chosen: Vec<usize> =
            requests.iter().map(|request| self.find(&request.name)).collect::<Result<_>>()?;
        match &self.format {
            Format::Text(file) => {
                let (rows, lines) = file.read(&self.path, &self.names, requests, &chosen)?;
                Ok(finish(rows, Positions::Lines(lines)))
            }
            #[cfg(feature = "parquet")]
            Format::Parquet(file) => {
                let rows = file.read(&self.path, requests, &chosen)?;
                Ok(finish(rows, Positions::Rows))
            }
        }
    }

    /// The place of the one column called `name`.
    fn find(&self, name: &str) -> Result<usize> {
        let mut places = (0..self.names.len()).filter(|&place| self.names[place] == name);
        let message = match (places.next(), places.next()) {
            (Some(place), None) => return Ok(place),
            (None, _) => format!("there is no column {name:?}"),
            (Some(_), Some(_)) => format!("more than one column is called {name:?}; rename all but one"),
        };
        let names: Vec<String> = self.names.iter().map(|name| format!("{name:?}")).collect();
        Err(refused(&self.path, format!("{message}; the columns are {}", names.join(", "))))
    }
}

fn finish(rows: Builder, positions: Positions) -> Table {
    let (n_rows, columns) = rows.finish();
    Table { columns, n_rows, positions }
}

/// Up to four bytes.
fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(start)
}

fn refused(path: &Path, message: impl Into<String>) -> Error {
    Error::File { path: path.to_path_buf(), message: message.into() }
}

#[cfg(test)]
mod tests;
