//! The sequential path: text with quotes, parsed by the `csv` crate.

use std::io::Read;

use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::block::Block;
use super::format::InteractionFormat;
use super::layout::Layout;
use super::rows::Rows;
use crate::Result;
use crate::source::Source;

/// Ids are numbered anew in every block, so that they are decoded in parallel.
const BLOCK_ROWS: usize = 1 << 18;

/// Reads all of `reader`, whose separator is one character; `None` if it holds no rows.
pub(super) fn read(
    reader: &mut (dyn Read + Send),
    source: &Source<'_>,
    format: &InteractionFormat,
) -> Result<Option<Rows>> {
    let separator = format.separator.as_bytes().first().copied().unwrap_or(b',');
    let mut records = Records::new(reader, separator);
    let mut layout = None;
    let mut parts: Option<(Rows, Block)> = None;
    while let Some((line, fields)) = records.next().map_err(|error| source.unreadable(error))? {
        let layout = match &mut layout {
            Some(layout) => &*layout,
            none => {
                let found = none
                    .insert(Layout::new(format, &fields).map_err(|message| source.bad_line(line, message))?);
                if format.header {
                    continue;
                }
                found
            }
        };
        let (rows, block) = parts.get_or_insert_with(|| (Rows::new(layout), Block::new(layout)));
        layout
            .pick(fields.into_iter())
            .and_then(|fields| block.push(&fields))
            .map_err(|message| source.bad_line(line, message))?;
        if block.len() == BLOCK_ROWS {
            rows.append(block);
        }
    }
    Ok(parts.map(|(mut rows, mut block)| {
        rows.append(&mut block);
        rows
    }))
}

/// The line on which a record starts, counted from 1, and its fields.
pub(crate) type Record<'r> = (u64, Vec<&'r [u8]>);

/// Records of comma-separated text with the lines they start on; blank lines are passed over.
pub(crate) struct Records<'r> {
    reader: csv::Reader<Box<dyn Read + 'r>>,
    record: ByteRecord,
}

impl<'r> Records<'r> {
    /// The records of all of `reader`.
    pub(crate) fn new(reader: &'r mut (dyn Read + Send), separator: u8) -> Self {
        // The line end that is added makes the last record like all others.
        let reader: Box<dyn Read + 'r> = Box::new(reader.chain(&b"\n"[..]));
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(reader);
        Records { reader, record: ByteRecord::new() }
    }

    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> csv::Result<Option<Record<'_>>> {
        loop {
            let before = self.reader.position().line();
            if !self.reader.read_byte_record(&mut self.record)? {
                return Ok(None);
            }
            if !matches!(self.record.as_slice(), b"" | b"\r") || self.record.len() > 1 {
                // The reader stands after the record's line end. Blank lines before the record do not
                // belong to it; in a quote that is never closed the last line end does.
                let within = memchr::memchr_iter(b'\n', self.record.as_slice()).count() as u64;
                let line = self.reader.position().line().saturating_sub(1 + within).max(before);
                let mut fields: Vec<&[u8]> = self.record.iter().collect();
                if let Some(last) = fields.last_mut() {
                    *last = last.strip_suffix(b"\r").unwrap_or(last);
                }
                return Ok(Some((line, fields)));
            }
        }
    }
}
