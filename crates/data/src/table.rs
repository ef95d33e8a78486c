//! Reading interactions from delimited text.
//!
//! A file without quotes is read in blocks cut at line ends, which threads parse side by side
//! ([`lines`]); a file with quotes goes through the `csv` crate ([`quoted`]). Both hand the fields of a
//! line to the same [`block::Block`], so the result is the same, whatever the block size and the number
//! of threads. Lines of plain numbers take a shortcut to it ([`numbers`]).

mod block;
mod codes;
mod field;
mod format;
mod in_order;
mod layout;
mod lines;
mod numbers;
mod quoted;
mod rows;

use std::path::Path;

pub(crate) use codes::{Codes, Merged};
pub(crate) use field::{decode, trim};
pub use format::InteractionFormat;
pub(crate) use lines::{Blocks, split_line};
pub(crate) use quoted::Records;

use crate::source::Source;
use crate::{Error, Interactions, Result};

/// Reads a file of interactions.
///
/// Rows keep the order of the file; blank lines and spaces around fields do not count. Text is UTF-8;
/// a field that is not valid UTF-8 is taken as Latin-1. Ids are numbers if every id of the column is a
/// whole number in its usual spelling, else text. Where the separator is one character, fields may be
/// quoted with `"`.
///
/// Files without quotes are parsed on all threads of the current rayon pool; the peak of memory is
/// below twice the table (20 bytes a row with rating and timestamp).
///
/// # Errors
/// If the file cannot be read or holds no interactions, or a line is not what `format` says: the
/// message has the line.
pub fn read_interactions(path: &Path, format: &InteractionFormat) -> Result<Interactions> {
    read_source(&Source::file(path), format)
}

/// Reads interactions from `text`, which errors call `name`; else like [`read_interactions`].
///
/// # Errors
/// As [`read_interactions`].
pub fn parse_interactions(
    name: impl AsRef<Path>,
    text: &[u8],
    format: &InteractionFormat,
) -> Result<Interactions> {
    read_source(&Source::memory(name.as_ref(), text), format)
}

/// Large enough that the ids of a block repeat, small enough that a block stays in the cache.
const BLOCK_BYTES: usize = 4 << 20;

pub(crate) fn read_source(source: &Source<'_>, format: &InteractionFormat) -> Result<Interactions> {
    read_in_blocks(source, format, BLOCK_BYTES)
}

fn read_in_blocks(source: &Source<'_>, format: &InteractionFormat, bytes: usize) -> Result<Interactions> {
    format.validate()?;
    let rows = match source.read(|reader| lines::read(reader, source, format, bytes))? {
        lines::Outcome::Rows(rows) => rows,
        lines::Outcome::Quoted => source.read(|reader| quoted::read(reader, source, format))?,
    };
    let refused = |message: String| Error::File { path: source.path().to_path_buf(), message };
    let rows =
        rows.filter(|rows| rows.len() > 0).ok_or_else(|| refused("the file holds no interactions".into()))?;
    let n_rows = rows.len();
    if u32::try_from(n_rows).is_err() {
        return Err(refused(format!("the file holds {n_rows} rows; at most {} can be read", u32::MAX)));
    }
    rows.finish()
}

#[cfg(test)]
mod tests;
