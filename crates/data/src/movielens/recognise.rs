//! The layout of a file of ratings that has a name of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::{LAYOUT_1M, LAYOUT_100K, LAYOUT_CSV, Layout};
use crate::source::Source;
use crate::table::decode;
use crate::{Error, Result};

/// No line of ratings is as long.
const LONGEST_LINE: u64 = 4096;

/// The layout that the first line, or the extension `csv`, says.
pub(super) fn recognise(source: &Source<'_>, path: &Path) -> Result<Layout> {
    let line = first_line(source)?;
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_csv || (line.contains("userId") && line.contains(',')) {
        Ok(LAYOUT_CSV)
    } else if line.contains("::") {
        Ok(LAYOUT_1M)
    } else if line.contains('\t') {
        Ok(LAYOUT_100K)
    } else {
        let start: String = line.chars().take(60).collect();
        let message = format!(
            "the first line, {start:?}, is of no MovieLens layout: expected user::movie::rating::timestamp \
             (1M), these four between tabs (100K), or a header with userId, movieId, rating and timestamp \
             (latest-small, 20M, 25M, 32M)"
        );
        Err(Error::File { path: source.path().to_path_buf(), message })
    }
}

/// The first line that is not blank; empty if there is none.
fn first_line(source: &Source<'_>) -> Result<String> {
    source.read(|reader| {
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = Vec::new();
            let n = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            let n = n.map_err(|error| source.failed(error))?;
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
            if n == 0 || !line.is_empty() {
                return Ok(decode(line).into_owned());
            }
        }
    })
}
