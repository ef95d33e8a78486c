//! Lookups in read-only tables beside a copy of rows of floats.

mod opening;

use std::path::Path;
use std::time::{Duration, Instant};

use burn_recsys_data::random::{Draws, Random, Stream};
use burn_recsys_embeddings::inference::{Conversion, InferenceTable, InferenceTableWriter, Precision};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::report::{Report, note};
use crate::rounds::{Series, measure};
use crate::spread::Spread;
use opening::Opening;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rows of the tables.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
    /// The size of each vector.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Ids of a batch, drawn from all rows alike.
    #[arg(long, default_value_t = 81_920)]
    batch: usize,
    /// Visits to everything that is compared, in turn.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Timed batches of a visit, each of fresh ids; one before them is not timed.
    #[arg(long, default_value_t = 4)]
    repetitions: usize,
    /// Rows of a table of floats that is only opened, in the folder of temporary files; 0 for none.
    #[arg(long, default_value_t = 10_000_000)]
    file_rows: u32,
}

const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::F16, Precision::Int8, Precision::Int4];

/// Where rows are read from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    /// A vector of floats whose rows are copied, by no code of the library.
    Plain,
    /// A table in memory; the index of its precision.
    Memory(usize),
    /// A table in a mapped file; the index of its precision.
    Mapped(usize),
}

/// The same rows in every form.
struct Tables {
    d: usize,
    plain: Vec<f32>,
    memory: Vec<InferenceTable>,
    mapped: Vec<InferenceTable>,
    conversions: Vec<Conversion>,
}

impl Tables {
    fn new(arguments: &Arguments, folder: &Path) -> Result<Self> {
        let d = arguments.d;
        let mut tables = Tables {
            d,
            plain: random_rows(arguments.rows as usize, d),
            memory: Vec::new(),
            mapped: Vec::new(),
            conversions: Vec::new(),
        };
        for precision in PRECISIONS {
            let path = folder.join(format!("{precision:?}"));
            let writer = InferenceTableWriter::create(&path, precision, d)?;
            tables.conversions.push(writer.write_rows(&tables.plain)?.finish()?);
            let mapped = InferenceTable::open(&path)?;
            // Every page is read once, so that none is first read in a measurement.
            mapped.verify()?;
            tables.mapped.push(mapped);
            tables.memory.push(InferenceTable::from_rows(precision, &tables.plain, d)?);
        }
        Ok(tables)
    }

    fn gather(&self, source: Source, ids: &[u32], out: &mut [f32]) {
        match source {
            Source::Plain => copy_rows(&self.plain, self.d, ids, out),
            Source::Memory(index) => self.memory[index].lookup_into(ids, out),
            Source::Mapped(index) => self.mapped[index].lookup_into(ids, out),
        }
    }
}

/// `[n_rows, d]`, about normal, as trained rows are.
fn random_rows(n_rows: usize, d: usize) -> Vec<f32> {
    let random = Random::new(1, Stream::Synthetic, 0);
    let mut values = vec![0.0; n_rows * d];
    values.par_chunks_exact_mut(d).enumerate().for_each(|(row, values)| {
        let mut draws = random.row(row as u64);
        // The sum of four uniform values.
        let normal = |draws: &mut Draws| (0..4).map(|_| draws.uniform() - 0.5).sum::<f64>() * 0.17;
        values.iter_mut().for_each(|value| *value = normal(&mut draws) as f32);
    });
    values
}

/// Rows of a task, as many as in a task of [`InferenceTable::lookup_into`] at d = 64.
const ROWS_A_TASK: usize = 1024;

fn copy_rows(rows: &[f32], d: usize, ids: &[u32], out: &mut [f32]) {
    let tasks = ids.par_chunks(ROWS_A_TASK).zip(out.par_chunks_mut(ROWS_A_TASK * d));
    tasks.for_each(|(ids, out)| {
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(d)) {
            out.copy_from_slice(&rows[id as usize * d..][..d]);
        }
    });
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { rows, d, batch, rounds, repetitions, file_rows } = arguments;
    if [rows as usize, d, batch, rounds, repetitions].contains(&0) {
        return Err("--rows, --d, --batch, --rounds and --repetitions must be at least 1".into());
    }
    let folder = tempfile::tempdir()?;
    note(&format!("tables of {rows} rows"));
    let tables = Tables::new(arguments, folder.path())?;
    let mut threads = vec![1, machine.cores()];
    threads.dedup();
    let pool = |&threads: &usize| Ok((threads, ThreadPoolBuilder::new().num_threads(threads).build()?));
    let pools = threads.iter().map(pool).collect::<Result<Vec<(usize, ThreadPool)>>>()?;
    let indices = 0..PRECISIONS.len();
    let sources = std::iter::once(Source::Plain)
        .chain(indices.clone().map(Source::Memory))
        .chain(indices.map(Source::Mapped));
    let subjects: Vec<(usize, Source)> =
        sources.flat_map(|source| (0..pools.len()).map(move |pool| (pool, source))).collect();
    let mut out = vec![0.0; batch * d];
    let mut n_visits = 0;
    let series = measure(&subjects, rounds, |&(pool, source)| {
        n_visits += 1;
        let mut times = Vec::new();
        for repetition in 0..=repetitions as u64 {
            // Rows that the visits before have not read: most are in no cache.
            let mut draws = Random::new(2, Stream::Synthetic, n_visits).row(repetition);
            let ids: Vec<u32> = (0..batch).map(|_| draws.below(rows)).collect();
            let time = pools[pool].1.install(|| {
                let start = Instant::now();
                tables.gather(source, &ids, &mut out);
                start.elapsed()
            });
            if repetition > 0 {
                times.push(time);
            }
        }
        Ok(times)
    })?;
    let mut openings = Vec::new();
    for (precision, n_rows) in
        PRECISIONS.map(|precision| (precision, rows)).into_iter().chain([(Precision::F32, file_rows)])
    {
        if n_rows > 0 {
            note(&format!("opening a table of {n_rows} rows, {precision:?}"));
            openings.push(Opening::measure(folder.path(), precision, n_rows, arguments)?);
        }
    }
    let threads = pools.iter().map(|(threads, _)| *threads).collect::<Vec<_>>();
    report(machine, arguments, &tables, &threads, &subjects, &series, &openings)
}

fn report(
    machine: Machine,
    arguments: &Arguments,
    tables: &Tables,
    threads: &[usize],
    subjects: &[(usize, Source)],
    series: &[Series],
    openings: &[Opening],
) -> Result<Report> {
    let &Arguments { rows, d, batch, .. } = arguments;
    let mut table = vec![vec!["a batch".to_string(), "threads".into()]];
    table[0].extend(Spread::headers("ms"));
    table[0].extend(["bytes", "of f32", "largest error", "times copying (quartiles)"].map(String::from));
    let plain_bytes = u64::from(rows) * d as u64 * 4;
    let mut measured = Vec::new();
    for (&(pool, source), of_subject) in subjects.iter().zip(series) {
        let spread = of_subject.spread()?;
        let plain = subjects.iter().position(|&other| other == (pool, Source::Plain));
        let ratio = of_subject.over(&series[plain.ok_or("the copy was not measured")?])?;
        let (name, conversion) = match source {
            Source::Plain => ("copying f32 rows".to_string(), None),
            Source::Memory(index) => (format!("{:?} in memory", PRECISIONS[index]), Some(index)),
            Source::Mapped(index) => (format!("{:?} in a file", PRECISIONS[index]), Some(index)),
        };
        let conversion = conversion.map(|index| &tables.conversions[index]);
        let bytes = conversion.map_or(plain_bytes, |conversion| conversion.bytes);
        let error = conversion.map_or(0.0, |conversion| conversion.largest_error);
        let mut row = vec![name.clone(), threads[pool].to_string()];
        row.extend(spread.cells(1e-3));
        row.extend([
            bytes.to_string(),
            format!("{:.3}", bytes as f64 / plain_bytes as f64),
            format!("{error:.1e}"),
            ratio.to_string(),
        ]);
        table.push(row);
        measured.push(json!({
            "name": name, "threads": threads[pool], "seconds": spread, "bytes": bytes,
            "largest_error": error, "over_copying": ratio,
        }));
    }
    let mut findings = vec![format!("{batch} random ids a batch over {rows} rows of width {d}")];
    findings.extend(openings.iter().map(Opening::to_string));
    let json = json!({
        "rows": rows, "d": d, "batch": batch, "subjects": measured, "openings": openings,
    });
    Ok(Report { name: "gather", machine, table, findings, json })
}

/// The time of `work`.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}
