//! How long it takes to open a table, and what the first lookups cost.

use std::fmt;
use std::fs::remove_file;
use std::path::Path;
use std::time::Duration;

use burn_recsys_data::random::{Random, Stream};
use burn_recsys_embeddings::inference::{InferenceTable, InferenceTableWriter, Precision};
use serde::Serialize;

use super::{Arguments, random_rows, timed};
use crate::Result;
use crate::spread::Spread;

/// The file is in the system's page cache; its pages are not yet in the map of the process.
#[derive(Debug, Serialize)]
pub(super) struct Opening {
    precision: String,
    rows: u32,
    bytes: u64,
    open: Spread,
    /// One row.
    first_row: Spread,
    /// A batch after it.
    first_batch: Spread,
    /// Another batch.
    second_batch: Spread,
}

impl Opening {
    /// Makes a table, opens it again in every round, and removes it.
    pub(super) fn measure(
        folder: &Path,
        precision: Precision,
        n_rows: u32,
        arguments: &Arguments,
    ) -> Result<Self> {
        let &Arguments { d, batch, rounds, .. } = arguments;
        let path = folder.join("opened");
        let mut writer = InferenceTableWriter::create(&path, precision, d)?;
        // The same rows over and over: only their number matters here.
        let block = random_rows(n_rows.min(100_000) as usize, d);
        let mut n_left = n_rows as usize;
        while n_left > 0 {
            let n = n_left.min(block.len() / d);
            writer = writer.write_rows(&block[..n * d])?;
            n_left -= n;
        }
        let bytes = writer.finish()?.bytes;
        let mut times: [Vec<Duration>; 4] = Default::default();
        let mut out = vec![0.0; batch * d];
        for round in 0..rounds as u64 {
            let mut draws = Random::new(3, Stream::Synthetic, round).row(0);
            let mut ids = |n: usize| -> Vec<u32> { (0..n).map(|_| draws.below(n_rows)).collect() };
            let (one, first, second) = (ids(1), ids(batch), ids(batch));
            let (table, open) = timed(|| InferenceTable::open(&path));
            let table = table?;
            let mut look_up = |ids: &[u32]| timed(|| table.lookup_into(ids, &mut out[..ids.len() * d])).1;
            let of_round = [open, look_up(&one), look_up(&first), look_up(&second)];
            times.iter_mut().zip(of_round).for_each(|(times, time)| times.push(time));
        }
        remove_file(&path)?;
        let [open, first_row, first_batch, second_batch] =
            times.map(|times| Spread::of(&times).ok_or("no round was timed"));
        Ok(Opening {
            precision: format!("{precision:?}"),
            rows: n_rows,
            bytes,
            open: open?,
            first_row: first_row?,
            first_batch: first_batch?,
            second_batch: second_batch?,
        })
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Opening { precision, rows, bytes, open, first_row, first_batch, second_batch } = self;
        let megabytes = *bytes as f64 / 1e6;
        let ms = |spread: &Spread| format!("{:.3} ms", spread.median * 1e3);
        write!(
            f,
            "{precision}, {rows} rows, {megabytes:.0} MB: opened in {} (slowest {:.3} ms), one row after that \
             {}, the first batch {}, the second {}",
            ms(open),
            open.max * 1e3,
            ms(first_row),
            ms(first_batch),
            ms(second_batch)
        )
    }
}
