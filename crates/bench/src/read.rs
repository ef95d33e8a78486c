//! Reading a MovieLens 25M-like `ratings.csv` to dense ids beside Polars.

mod generate;
pub(crate) mod one;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Python, run_once};
use crate::report::{Report, note};
use crate::spread::{Ratio, Spread};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rows of the generated file.
    #[arg(long, default_value_t = 25_000_000)]
    rows: u32,
    /// Timed readings of each.
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// Where the file is generated and removed again: 28 bytes a row [default: the system's folder of
    /// temporary files].
    #[arg(long)]
    folder: Option<PathBuf>,
    #[command(flatten)]
    python: Python,
}

/// What a reading process reports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reading {
    seconds: f64,
    peak_memory: u64,
    /// What was read: the peers must agree.
    #[serde(flatten)]
    contents: Contents,
}

/// Counts and checksums of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Contents {
    rows: u64,
    users: u64,
    items: u64,
    /// Sum over rows of the user index times the row modulo 7.
    user_sum: u64,
    /// Sum over rows of the item index times the row modulo 7.
    item_sum: u64,
    /// Sum of twice the rating.
    rating_sum: u64,
    timestamp_sum: u64,
}

/// Bytes of a row's columns: two u32 indices, an f32 rating, an i64 timestamp.
const BYTES_A_ROW: u64 = 20;

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    if arguments.rows < generate::MIN_ROWS || arguments.repetitions == 0 {
        return Err(format!("--rows is at least {}, --repetitions at least 1", generate::MIN_ROWS).into());
    }
    // Generating takes long: better to fail before it.
    arguments.python.command(POLARS, machine.cores())?;
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let path = folder.path().join("ratings.csv");
    note(&format!("generating {} rows", arguments.rows));
    let file_bytes = generate::write(&path, arguments.rows)?;
    let mut readers: Vec<Reader> = [("burn-recsys", None)]
        .into_iter()
        .chain(ENCODINGS.map(|(name, encoding)| (name, Some(encoding))))
        .map(|(name, encoding)| Reader { name, encoding, readings: Vec::new() })
        .collect();
    let mut contents: Option<Contents> = None;
    // The first reading of each is not timed: it brings the file into the page cache.
    for repetition in 0..=arguments.repetitions {
        note(&format!("reading {repetition} of {}", arguments.repetitions));
        for reader in &mut readers {
            let reading = reader.read(&path, arguments, machine.cores())?;
            let expected = contents.get_or_insert_with(|| reading.contents.clone());
            if reading.contents != *expected {
                let (name, found) = (reader.name, &reading.contents);
                return Err(format!("{name} read {found:?}, burn-recsys {expected:?}").into());
            }
            if repetition > 0 {
                reader.readings.push(reading);
            }
        }
    }
    let contents = contents.ok_or("nothing was read")?;
    report(machine, arguments, file_bytes, &contents, &readers)
}

const POLARS: &str = "polars_read.py";
/// How Polars gets dense ids: see `peers/polars_read.py`.
const ENCODINGS: [(&str, &str); 2] =
    [("Polars, any ids", "search"), ("Polars, small integer ids only", "table")];

/// One that reads, and what it has done so far.
struct Reader {
    name: &'static str,
    /// None for ours.
    encoding: Option<&'static str>,
    readings: Vec<Reading>,
}

impl Reader {
    /// One reading in a process of its own.
    fn read(&self, path: &Path, arguments: &Arguments, cores: usize) -> Result<Reading> {
        match self.encoding {
            None => run_once(Command::new(std::env::current_exe()?).arg("read-one").arg(path)),
            Some(encoding) => {
                let mut command = arguments.python.command(POLARS, cores)?;
                run_once(command.arg(path).args(["--encoding", encoding]))
            }
        }
    }
}

fn report(
    machine: Machine,
    arguments: &Arguments,
    file_bytes: u64,
    contents: &Contents,
    readers: &[Reader],
) -> Result<Report> {
    let columns = u64::from(arguments.rows) * BYTES_A_ROW;
    let mut table = vec![vec!["reader".to_string()]];
    table[0].extend(Spread::headers("s"));
    table[0].extend(["peak MB".into(), "times columns".into()]);
    let sizes = format!(
        "{} rows, a file of {:.0} MB, columns of {:.0} MB; all tables are equal",
        arguments.rows,
        file_bytes as f64 / 1e6,
        columns as f64 / 1e6
    );
    let (mut findings, mut measured) = (vec![sizes], Vec::new());
    let mut ours = None;
    for Reader { name, readings, .. } in readers {
        let times: Vec<Duration> = readings.iter().map(|one| Duration::from_secs_f64(one.seconds)).collect();
        let spread = Spread::of(&times).ok_or("no reading was timed")?;
        let peak = readings.iter().map(|reading| reading.peak_memory).max().unwrap_or(0);
        let multiple = peak as f64 / columns as f64;
        let mut row = vec![name.to_string()];
        row.extend(spread.cells(1.0));
        row.extend([format!("{:.0}", peak as f64 / 1e6), format!("{multiple:.2}")]);
        table.push(row);
        let ratio = Ratio::of(ours.get_or_insert(spread), &spread);
        if !measured.is_empty() {
            findings.push(format!("burn-recsys / {name} = {ratio}"));
        }
        measured.push(json!({
            "name": name, "seconds": spread, "peak_memory": peak, "times_columns": multiple,
            "ours_over_this": ratio,
        }));
    }
    let json = json!({
        "file_bytes": file_bytes, "column_bytes": columns, "contents": contents, "readers": measured,
    });
    Ok(Report { name: "read", machine, table, findings, json })
}
