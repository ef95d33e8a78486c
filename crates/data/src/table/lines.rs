//! The parallel path: text without quotes, read in blocks that end at line ends.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};
use rayon::prelude::*;

use super::block::Block;
use super::format::InteractionFormat;
use super::in_order::{Fault, InOrder, Parsed, Stop};
use super::layout::Layout;
use super::numbers::Numbers;
use super::rows::Rows;
use crate::source::Source;
use crate::{Error, Result};

/// What became of a file.
pub(super) enum Outcome {
    /// Its rows, if the file holds any.
    Rows(Option<Rows>),
    /// It has quotes, which this path does not understand.
    Quoted,
}

/// Reads all of `reader` in blocks of about `block_bytes`.
pub(super) fn read(
    reader: &mut (dyn Read + Send),
    source: &Source<'_>,
    format: &InteractionFormat,
    block_bytes: usize,
) -> Result<Outcome> {
    let separator = Separator::new(&format.separator);
    let mut blocks = Blocks::new(reader, block_bytes);
    let (layout, first, n_lines_before) = match start(&mut blocks, source, format, &separator)? {
        Start::Empty => return Ok(Outcome::Rows(None)),
        Start::Quoted => return Ok(Outcome::Quoted),
        Start::Rows { layout, block, offset, n_lines_before } => (layout, (block, offset), n_lines_before),
    };
    let in_order = InOrder::new(&layout, n_lines_before, source.size());
    let in_order = parse_all(blocks, first, &layout, &separator, in_order);
    match in_order.stop {
        None => Ok(Outcome::Rows(Some(in_order.rows))),
        Some(Stop::Quoted) => Ok(Outcome::Quoted),
        Some(Stop::Fault(Fault { line, message })) => {
            Err(source.bad_line(in_order.n_lines + line + 1, message))
        }
        Some(Stop::Unreadable(error)) => Err(source.failed(error)),
    }
}

/// What the first line that is not blank says.
enum Start {
    /// There is none.
    Empty,
    /// It, or another line of its block, has quotes.
    Quoted,
    /// Rows begin at `offset` in `block`.
    Rows { layout: Layout, block: Vec<u8>, offset: usize, n_lines_before: u64 },
}

fn start(
    blocks: &mut Blocks<'_>,
    source: &Source<'_>,
    format: &InteractionFormat,
    separator: &Separator<'_>,
) -> Result<Start> {
    let mut n_lines_before = 0;
    let mut is_first = true;
    while let Some(mut block) = blocks.next().map_err(|error| source.failed(error))? {
        if std::mem::take(&mut is_first) {
            if block.starts_with(b"\xff\xfe") || block.starts_with(b"\xfe\xff") {
                let message = "the text is UTF-16; save it as UTF-8".into();
                return Err(Error::File { path: source.path().to_path_buf(), message });
            }
            if block.starts_with(b"\xef\xbb\xbf") {
                block.drain(..3);
            }
        }
        if separator.has_quotes(&block) {
            return Ok(Start::Quoted);
        }
        let mut rest = block.as_slice();
        while let Some((line, after)) = split_line(rest) {
            if !line.is_empty() {
                let fields: Vec<&[u8]> = separator.split(line).collect();
                let layout = Layout::new(format, &fields)
                    .map_err(|message| source.bad_line(n_lines_before + 1, message))?;
                if format.header {
                    n_lines_before += 1;
                    rest = after;
                }
                let offset = block.len() - rest.len();
                return Ok(Start::Rows { layout, block, offset, n_lines_before });
            }
            n_lines_before += 1;
            rest = after;
        }
    }
    Ok(Start::Empty)
}

/// Parses blocks on all threads, each thread fetching the next block when it has parsed one. Blocks are
/// handed out in order, so all blocks before one that stops the reading are parsed.
fn parse_all(
    mut blocks: Blocks<'_>,
    first: (Vec<u8>, usize),
    layout: &Layout,
    separator: &Separator<'_>,
    in_order: InOrder,
) -> InOrder {
    let stopped = AtomicBool::new(false);
    let spare: Mutex<Vec<Vec<u8>>> = Mutex::default();
    let in_order = Mutex::new(in_order);
    let mut first = Some(first);
    let texts = std::iter::from_fn(|| {
        if let Some((text, start)) = first.take() {
            return Some((Ok(text), start));
        }
        if stopped.load(Ordering::Relaxed) {
            return None;
        }
        let buffer = lock(&spare).pop().unwrap_or_default();
        Some((blocks.fill(buffer).transpose()?, 0))
    });
    texts.enumerate().par_bridge().for_each(|(number, (text, start))| {
        let parsed = match text {
            Ok(text) => {
                let block = lock(&in_order).spare.pop().unwrap_or_else(|| Block::new(layout));
                let parsed = parse(&text[start..], block, layout, separator);
                lock(&spare).push(text);
                parsed
            }
            Err(error) => Parsed { n_bytes: 0, n_lines: 0, result: Err(Stop::Unreadable(error)) },
        };
        if parsed.result.is_err() {
            stopped.store(true, Ordering::Relaxed);
        }
        lock(&in_order).add(number, parsed);
    });
    in_order.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that panicked ends the reading anyway: rayon hands its panic on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rows of `text`, added to `block`.
fn parse(text: &[u8], mut block: Block, layout: &Layout, separator: &Separator<'_>) -> Parsed {
    let n_lines = memchr_iter(b'\n', text).count();
    let parsed = |result| Parsed { n_bytes: text.len(), n_lines: n_lines as u64, result };
    if separator.has_quotes(text) {
        return parsed(Err(Stop::Quoted));
    }
    block.reserve(n_lines + 1);
    let quick = match separator {
        Separator::Byte(byte) => Some(*byte).filter(|&byte| Numbers::understand(byte)),
        Separator::Text(_) => None,
    };
    let mut rest = text;
    let mut line_number = 0;
    loop {
        if let Some(separator) = quick {
            while let Some((row, after)) = Numbers::split(rest, layout, separator) {
                block.push_numbers(&row);
                line_number += 1;
                rest = after;
            }
        }
        let Some((line, after)) = split_line(rest) else { break };
        if !line.is_empty() {
            let pushed = match separator {
                Separator::Byte(byte) => layout.pick(line.split(|b| b == byte)),
                Separator::Text(_) => layout.pick(separator.split(line)),
            }
            .and_then(|fields| block.push(&fields));
            if let Err(message) = pushed {
                return parsed(Err(Stop::Fault(Fault { line: line_number, message })));
            }
        }
        line_number += 1;
        rest = after;
    }
    parsed(Ok(block))
}

/// The first line of `text` without its line end, and what follows; `None` at the end.
#[inline]
pub(crate) fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let (line, after) = match memchr(b'\n', text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[][..]),
    };
    Some((line.strip_suffix(b"\r").unwrap_or(line), after))
}

/// What separates fields.
enum Separator<'a> {
    Byte(u8),
    Text(Box<Finder<'a>>),
}

impl<'a> Separator<'a> {
    fn new(separator: &'a str) -> Self {
        match separator.as_bytes() {
            [byte] => Separator::Byte(*byte),
            bytes => Separator::Text(Box::new(Finder::new(bytes))),
        }
    }

    /// Whether quotes mean something in `text`, as they do where the separator is one character.
    fn has_quotes(&self, text: &[u8]) -> bool {
        matches!(self, Separator::Byte(_)) && memchr(b'"', text).is_some()
    }

    fn split<'t>(&self, line: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let line = rest?;
            let found = match self {
                Separator::Byte(byte) => memchr(*byte, line).map(|start| (start, start + 1)),
                Separator::Text(finder) => {
                    finder.find(line).map(|start| (start, start + finder.needle().len()))
                }
            };
            Some(match found {
                Some((start, end)) => {
                    rest = Some(&line[end..]);
                    &line[..start]
                }
                None => {
                    rest = None;
                    line
                }
            })
        })
    }
}

/// Text cut into blocks that end at line ends.
pub(crate) struct Blocks<'r> {
    reader: &'r mut (dyn Read + Send),
    block_bytes: usize,
    /// The start of a line whose end is not read yet.
    carry: Vec<u8>,
    ended: bool,
}

impl<'r> Blocks<'r> {
    /// The text of all of `reader` in blocks of about `block_bytes`.
    pub(crate) fn new(reader: &'r mut (dyn Read + Send), block_bytes: usize) -> Self {
        Blocks { reader, block_bytes, carry: Vec::new(), ended: false }
    }

    /// The next block; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.fill(Vec::new())
    }

    /// The next block, in `buffer`'s memory; `None` at the end.
    fn fill(&mut self, mut buffer: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        buffer.clear();
        buffer.append(&mut self.carry);
        let mut wanted = self.block_bytes.max(1);
        while !self.ended {
            let missing = wanted.saturating_sub(buffer.len()).max(1);
            buffer.reserve(missing);
            let n_read = (&mut *self.reader).take(missing as u64).read_to_end(&mut buffer)?;
            self.ended = n_read < missing;
            if let Some(end) = memrchr(b'\n', &buffer) {
                self.carry.extend_from_slice(&buffer[end + 1..]);
                buffer.truncate(end + 1);
                return Ok(Some(buffer));
            }
            // A line longer than a block.
            wanted *= 2;
        }
        Ok((!buffer.is_empty()).then_some(buffer))
    }
}
