//! Blocks that threads finish in any order, added to the table in the order of the file.

use std::collections::BTreeMap;
use std::io;

use super::block::Block;
use super::layout::Layout;
use super::rows::Rows;

/// What is wrong with a line of a block.
pub(super) struct Fault {
    /// Counted from 0 within the block.
    pub(super) line: u64,
    pub(super) message: String,
}

/// Why reading ends before the file does.
pub(super) enum Stop {
    Quoted,
    Fault(Fault),
    Unreadable(io::Error),
}

/// What became of the text of a block.
pub(super) struct Parsed {
    pub(super) n_bytes: usize,
    pub(super) n_lines: u64,
    pub(super) result: Result<Block, Stop>,
}

/// The rows of all blocks before the first that is still missing.
///
/// Rows move to the table while the blocks after them are parsed, and the emptied block is filled
/// again: its memory is in the cache, and only the table's is new.
pub(super) struct InOrder {
    pub(super) rows: Rows,
    /// The lines before the next block, or before the one that stopped the reading.
    pub(super) n_lines: u64,
    pub(super) stop: Option<Stop>,
    /// Emptied blocks.
    pub(super) spare: Vec<Block>,
    file_bytes: Option<u64>,
    next: usize,
    early: BTreeMap<usize, Parsed>,
}

impl InOrder {
    /// Waits for block 0, which `n_lines` lines come before.
    pub(super) fn new(layout: &Layout, n_lines: u64, file_bytes: Option<u64>) -> Self {
        let (spare, early) = (Vec::new(), BTreeMap::new());
        InOrder { rows: Rows::new(layout), n_lines, stop: None, spare, file_bytes, next: 0, early }
    }

    /// Takes block `number`. Blocks after one that stops the reading do not count.
    pub(super) fn add(&mut self, number: usize, parsed: Parsed) {
        self.early.insert(number, parsed);
        while self.stop.is_none()
            && let Some(Parsed { n_bytes, n_lines, result }) = self.early.remove(&self.next)
        {
            match result {
                Ok(mut block) => {
                    if self.next == 0 {
                        self.rows.reserve(self.expected_rows(block.len(), n_bytes));
                    }
                    self.rows.append(&mut block);
                    self.spare.push(block);
                    self.n_lines += n_lines;
                    self.next += 1;
                }
                Err(stop) => self.stop = Some(stop),
            }
        }
    }

    /// The rows of a file of which `n_bytes` bytes hold `n_rows`, and a few more.
    fn expected_rows(&self, n_rows: usize, n_bytes: usize) -> usize {
        let blocks = self.file_bytes.unwrap_or(0) as f64 / n_bytes.max(1) as f64;
        (n_rows as f64 * blocks * 1.02) as usize
    }
}
