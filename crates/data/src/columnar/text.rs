//! Delimited text whose first line names the columns.
//!
//! Text without quotes is cut into blocks at line ends, which threads parse side by side; at the first
//! quote the file is read anew, record by record. Both give the fields of a row to the same
//! [`Builder::push`].

use std::io::{self, Read};
use std::path::Path;

use memchr::{memchr, memchr_iter};
use rayon::prelude::*;

use super::build::{Builder, Lines};
use super::{Request, refused};
use crate::source::Source;
use crate::table::{Blocks, Records, decode, split_line, trim};
use crate::{Error, Result};

/// Large enough that the ids of a block repeat, small enough that a block stays in the cache.
const BLOCK_BYTES: usize = 4 << 20;

/// What the first line says of the others.
#[derive(Debug)]
pub(super) struct TextFile {
    separator: u8,
    n_fields: usize,
    pub(super) block_bytes: usize,
}

impl TextFile {
    /// Reads the first line: the names of the columns.
    pub(super) fn open(path: &Path) -> Result<(Vec<String>, Self)> {
        let source = Source::file(path);
        let separator = source.read(|reader| separator(reader, &source))?;
        let names: Vec<String> = source.read(|reader| {
            let mut text = without_mark(reader).map_err(|error| source.failed(error))?;
            let mut records = Records::new(&mut text, separator);
            let header = records.next().map_err(|error| source.unreadable(error))?;
            let (_, fields) = header.ok_or_else(|| refused(path, EMPTY))?;
            Ok(fields.into_iter().map(|field| decode(trim(field)).into_owned()).collect())
        })?;
        let n_fields = names.len();
        Ok((names, TextFile { separator, n_fields, block_bytes: BLOCK_BYTES }))
    }

    /// The columns at `chosen` and the lines of the rows.
    pub(super) fn read(
        &self,
        path: &Path,
        names: &[String],
        requests: &[Request],
        chosen: &[usize],
    ) -> Result<(Builder, Lines)> {
        let reading = Reading { file: self, source: Source::file(path), names, requests, chosen };
        match reading.source.read(|reader| reading.in_blocks(reader))? {
            Some(rows) => Ok(rows),
            None => reading.source.read(|reader| reading.by_records(reader)),
        }
    }
}

const EMPTY: &str = "the file is empty; its first line must name the columns";

/// One call of [`TextFile::read`].
struct Reading<'r> {
    file: &'r TextFile,
    source: Source<'r>,
    names: &'r [String],
    requests: &'r [Request],
    chosen: &'r [usize],
}

/// Why the parsing of a block ends early.
enum Stop {
    Quoted,
    /// The line counts from 1 within the block.
    Fault(u64, String),
}

/// The rows of a block, their lines counted from 1 within the block, and the number of its lines.
struct Part {
    rows: Builder,
    lines: Lines,
    n_lines: u64,
}

impl Reading<'_> {
    /// `None` if the text has quotes.
    fn in_blocks(&self, reader: &mut (dyn Read + Send)) -> Result<Option<(Builder, Lines)>> {
        let mut text = without_mark(reader).map_err(|error| self.source.failed(error))?;
        let mut blocks = Blocks::new(&mut text, self.file.block_bytes);
        let (mut rows, mut lines) = (Builder::new(self.requests), Lines::default());
        let mut n_lines = 0;
        let mut has_header = false;
        // Parts are added in the order of the file, so the number of threads does not show.
        loop {
            let mut wave = Vec::new();
            while wave.len() < 2 * rayon::current_num_threads()
                && let Some(mut block) = blocks.next().map_err(|error| self.source.failed(error))?
            {
                if !has_header {
                    if memchr(b'"', &block).is_some() {
                        return Ok(None);
                    }
                    let (line, rest) = self.after_header(&block)?;
                    has_header = line > 0;
                    n_lines += if has_header { line } else { memchr_iter(b'\n', &block).count() as u64 };
                    block.drain(..block.len() - rest);
                }
                wave.push(block);
            }
            if wave.is_empty() {
                return Ok(Some((rows, lines)));
            }
            let n_bytes: usize = wave.iter().map(Vec::len).sum();
            let parts: Vec<_> = wave.into_par_iter().map(|block| self.part(&block)).collect();
            for part in parts {
                match part {
                    Ok(part) => {
                        if part.rows.n_rows > 0 {
                            lines.append(&part.lines, rows.n_rows, n_lines);
                        }
                        if rows.n_rows == 0 {
                            rows.reserve(self.expected_rows(part.rows.n_rows, n_bytes));
                        }
                        rows.append(part.rows);
                        n_lines += part.n_lines;
                        self.check_n_rows(rows.n_rows)?;
                    }
                    Err(Stop::Quoted) => return Ok(None),
                    Err(Stop::Fault(line, message)) => {
                        return Err(self.source.bad_line(n_lines + line, message));
                    }
                }
            }
        }
    }

    /// The line of the header in the first block, 0 if all its lines are blank, and how many bytes follow.
    fn after_header(&self, block: &[u8]) -> Result<(u64, usize)> {
        let (mut rest, mut n_lines) = (block, 0);
        while let Some((line, after)) = split_line(rest) {
            (rest, n_lines) = (after, n_lines + 1);
            if !line.is_empty() {
                let fields: Vec<&[u8]> = line.split(|&byte| byte == self.file.separator).collect();
                self.check_header(&fields)?;
                return Ok((n_lines, rest.len()));
            }
        }
        Ok((0, 0))
    }

    fn check_header(&self, fields: &[&[u8]]) -> Result<()> {
        let is_same = fields.len() == self.names.len()
            && fields.iter().zip(self.names).all(|(field, name)| decode(trim(field)) == name.as_str());
        if is_same { Ok(()) } else { Err(self.refused("the file has changed since it was opened")) }
    }

    fn part(&self, text: &[u8]) -> std::result::Result<Part, Stop> {
        if memchr(b'"', text).is_some() {
            return Err(Stop::Quoted);
        }
        let mut part = Part { rows: Builder::new(self.requests), lines: Lines::default(), n_lines: 0 };
        part.rows.reserve(memchr_iter(b'\n', text).count() + 1);
        let mut fields: Vec<&[u8]> = Vec::with_capacity(self.file.n_fields);
        let mut rest = text;
        while let Some((line, after)) = split_line(rest) {
            (rest, part.n_lines) = (after, part.n_lines + 1);
            if !line.is_empty() {
                fields.clear();
                fields.extend(line.split(|&byte| byte == self.file.separator));
                part.lines.push(part.rows.n_rows, part.n_lines);
                self.push(&mut part.rows, &fields).map_err(|message| Stop::Fault(part.n_lines, message))?;
            }
        }
        Ok(part)
    }

    fn push(&self, rows: &mut Builder, fields: &[&[u8]]) -> std::result::Result<(), String> {
        if fields.len() != self.file.n_fields {
            let (found, wanted) = (fields.len(), self.file.n_fields);
            let s = if found == 1 { "" } else { "s" };
            return Err(format!("{found} field{s}, but the first line names {wanted} columns"));
        }
        rows.push(fields, self.requests, self.chosen)
    }

    /// The sequential path: text with quotes.
    fn by_records(&self, reader: &mut (dyn Read + Send)) -> Result<(Builder, Lines)> {
        let mut text = without_mark(reader).map_err(|error| self.source.failed(error))?;
        let mut records = Records::new(&mut text, self.file.separator);
        let (mut rows, mut lines) = (Builder::new(self.requests), Lines::default());
        let mut has_header = false;
        while let Some((line, fields)) = records.next().map_err(|error| self.source.unreadable(error))? {
            if has_header {
                lines.push(rows.n_rows, line);
                self.push(&mut rows, &fields).map_err(|message| self.source.bad_line(line, message))?;
                self.check_n_rows(rows.n_rows)?;
            } else {
                self.check_header(&fields)?;
                has_header = true;
            }
        }
        Ok((rows, lines))
    }

    /// The rows of a file of which `n_bytes` bytes hold `n_rows`, and a few more.
    fn expected_rows(&self, n_rows: usize, n_bytes: usize) -> usize {
        let blocks = self.source.size().unwrap_or(0) as f64 / n_bytes.max(1) as f64;
        (n_rows as f64 * blocks * 1.02) as usize
    }

    fn check_n_rows(&self, n_rows: usize) -> Result<()> {
        match u32::try_from(n_rows) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.refused(format!("the file holds more than {} rows; split it", u32::MAX))),
        }
    }

    fn refused(&self, message: impl Into<String>) -> Error {
        refused(self.source.path(), message)
    }
}

/// The text of `reader` without the byte order mark that it may start with.
fn without_mark(reader: &mut (dyn Read + Send)) -> io::Result<impl Read + Send> {
    let mut start = Vec::new();
    (&mut *reader).take(3).read_to_end(&mut start)?;
    if start == b"\xef\xbb\xbf" {
        start.clear();
    }
    Ok(io::Cursor::new(start).chain(reader))
}

/// The separator that the first line which is not blank has most of, outside quotes.
fn separator(reader: &mut (dyn Read + Send), source: &Source<'_>) -> Result<u8> {
    let mut text = without_mark(reader).map_err(|error| source.failed(error))?;
    let mut blocks = Blocks::new(&mut text, 1 << 16);
    let mut is_first = true;
    while let Some(block) = blocks.next().map_err(|error| source.failed(error))? {
        if std::mem::take(&mut is_first) {
            if block.starts_with(b"\xff\xfe") || block.starts_with(b"\xfe\xff") {
                return Err(refused(source.path(), "the text is UTF-16; save it as UTF-8"));
            }
            let start = &block[..block.len().min(1 << 12)];
            if memchr(0, start).is_some() {
                return Err(refused(
                    source.path(),
                    "this is neither parquet nor text; write it as one of them",
                ));
            }
        }
        let mut rest = block.as_slice();
        while let Some((line, after)) = split_line(rest) {
            if !line.is_empty() {
                // A name in quotes may go on for lines.
                return Ok(most_frequent(rest, line));
            }
            rest = after;
        }
    }
    Err(refused(source.path(), EMPTY))
}

/// `line` is the start of `text`.
fn most_frequent(text: &[u8], line: &[u8]) -> u8 {
    const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];
    let mut counts = [0usize; CANDIDATES.len()];
    let mut is_quoted = false;
    for (n, byte) in text.iter().enumerate() {
        match CANDIDATES.iter().position(|candidate| candidate == byte) {
            _ if *byte == b'"' => is_quoted = !is_quoted,
            Some(candidate) if !is_quoted => counts[candidate] += 1,
            _ if !is_quoted && n >= line.len() => break,
            _ => {}
        }
    }
    let (mut best, mut most) = (CANDIDATES[0], 0);
    for (candidate, count) in CANDIDATES.into_iter().zip(counts) {
        if count > most {
            (best, most) = (candidate, count);
        }
    }
    best
}
