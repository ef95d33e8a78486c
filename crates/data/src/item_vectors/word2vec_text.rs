//! The text format of word2vec.

use std::io::Write;
use std::path::Path;

use super::{Claims, ItemVectors, check_word2vec_ids};
use crate::files::write_atomic;
use crate::lines::{Line, TextLines, excerpt};
use crate::table::decode;
use crate::{Error, Result};

/// More than a million values.
const MAX_LINE_BYTES: usize = 16 << 20;

pub(super) fn read(path: &Path) -> Result<ItemVectors> {
    let mut lines = TextLines::open(path, MAX_LINE_BYTES)?;
    let bad_line = |line: u64, message: String| Error::Line { path: path.to_path_buf(), line, message };
    let claims = match lines.next()? {
        Some((_, Line::Text(line))) => Claims::parse(line),
        Some((_, Line::TooLong(n_bytes))) => Err(Line::too_long(n_bytes, MAX_LINE_BYTES)),
        None => Err("the file is empty".into()),
    };
    let claims = claims.map_err(|message| bad_line(1, message))?;
    let mut ids: Vec<String> = Vec::new();
    let mut values: Vec<f32> = Vec::new();
    let mut end = None;
    while let Some((number, line)) = lines.next()? {
        let Line::Text(line) = line else {
            return Err(bad_line(number, format!("the line has more than {MAX_LINE_BYTES} bytes")));
        };
        let line = line.trim_ascii_end();
        // Blank lines may follow the last vector.
        if line.is_empty() {
            end.get_or_insert(number);
            continue;
        }
        if let Some(end) = end {
            return Err(bad_line(end, "the line is blank, but vectors follow".into()));
        }
        if ids.len() == claims.n_vectors as usize {
            let message = format!("the first line says {} vectors, but more follow", claims.n_vectors);
            return Err(bad_line(number, message));
        }
        let id = push(line, claims.dimension, &mut values).map_err(|message| bad_line(number, message))?;
        ids.push(id);
    }
    if ids.len() < claims.n_vectors as usize {
        let (found, claimed) = (ids.len(), claims.n_vectors);
        let message =
            format!("the file ends, but the first line says {claimed} vectors and there are {found}");
        return Err(bad_line(found as u64 + 2, message));
    }
    values.shrink_to_fit();
    ItemVectors::from_rows(ids, claims.dimension, values).map_err(|error| match error {
        Error::Parameter { message, .. } => {
            Error::File { path: path.to_path_buf(), message: format!("{message} (row 0 is on line 2)") }
        }
        other => other,
    })
}

/// Adds the values of a line to `values` and gives its id.
fn push(line: &[u8], dimension: usize, values: &mut Vec<f32>) -> std::result::Result<String, String> {
    let line = decode(line);
    let (id, rest) = line.split_once([' ', '\t']).unwrap_or((&line, ""));
    if id.is_empty() {
        return Err("the line begins with a space, not with an id".into());
    }
    let before = values.len();
    for (place, text) in rest.split_ascii_whitespace().enumerate() {
        let is_wrong =
            |what| format!("value {} of id {}, {}, is not a {what}", place + 1, excerpt(id), excerpt(text));
        match text.parse::<f32>() {
            Ok(value) if value.is_finite() => values.push(value),
            Ok(_) => return Err(is_wrong("finite number")),
            Err(_) => return Err(is_wrong("number")),
        }
    }
    match values.len() - before {
        found if found == dimension => Ok(id.to_owned()),
        found => Err(format!("id {} has {found} values, but the first line says {dimension}", excerpt(id))),
    }
}

pub(super) fn write(vectors: &ItemVectors, path: &Path) -> Result<()> {
    check_word2vec_ids(vectors, path)?;
    write_atomic(path, |writer| {
        writeln!(writer, "{} {}", vectors.len(), vectors.dimension)?;
        for (id, row) in vectors.ids.iter().zip(vectors.values.chunks_exact(vectors.dimension)) {
            write!(writer, "{id}")?;
            for value in row {
                // The shortest decimal that gives the same bits.
                write!(writer, " {value}")?;
            }
            writeln!(writer)?;
        }
        Ok(())
    })
}
