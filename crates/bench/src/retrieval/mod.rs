//! Search of item vectors beside faiss and hnswlib.

#[cfg(feature = "usearch")]
mod graphs;
#[cfg(feature = "usearch")]
mod plot;
mod vectors;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use burn_recsys_retrieval::{ExactIndex, Hit, ItemFilter, ItemIndex, Precision};
use serde::Deserialize;
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::{Report, note};
use crate::rounds::measure;
use crate::spread::Spread;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Items.
    #[arg(long, default_value_t = 100_000)]
    items: usize,
    /// The size of the vectors.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Queries of a batch.
    #[arg(long, default_value_t = 1_000)]
    queries: usize,
    /// Queries that are searched one at a time.
    #[arg(long, default_value_t = 200)]
    singles: usize,
    /// Items that a query asks for.
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// Centres around which items and queries lie.
    #[arg(long, default_value_t = 500)]
    centres: usize,
    /// The seed of the vectors.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Timed rounds of everything that is compared, in turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Threads of batches and of building.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Draw recall over time of graphs into this SVG file; needs the feature `usearch`.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// Links of an item in a graph (M).
    #[arg(long, default_value_t = 16)]
    connectivity: usize,
    /// Candidates while a graph is built (efConstruction).
    #[arg(long, default_value_t = 128)]
    expansion_add: usize,
    /// Candidates of a search in a graph (ef), one or more.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512])]
    expansions: Vec<usize>,
    #[command(flatten)]
    python: Python,
}

#[derive(Debug, Deserialize)]
struct PeerTimes {
    seconds: Vec<f64>,
}

/// The peer and the folder that it shares with this program.
struct Shared {
    peer: RefCell<Peer>,
    folder: tempfile::TempDir,
}

/// What is measured in turn.
enum Subject<'a> {
    Ours { name: String, index: &'a ExactIndex, is_batch: bool },
    Faiss { is_batch: bool },
}

impl Subject<'_> {
    fn name(&self) -> String {
        match self {
            Subject::Ours { name, .. } => name.clone(),
            Subject::Faiss { .. } => "faiss IndexFlatIP".into(),
        }
    }

    fn is_batch(&self) -> bool {
        match self {
            Subject::Ours { is_batch, .. } | Subject::Faiss { is_batch } => *is_batch,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { items, d, queries, singles, k, centres, seed, rounds, threads, .. } = arguments;
    if [items, d, queries, singles, k, centres, rounds, threads].contains(&0)
        || singles > queries
        || k > items
    {
        return Err("all numbers must be at least 1, --singles at most --queries, --k at most --items".into());
    }
    if arguments.plot.is_some() && !cfg!(feature = "usearch") {
        return Err("--plot needs graphs: build with --features usearch".into());
    }
    note("generating vectors");
    let (item_vectors, query_vectors) = vectors::generate(seed, [items, queries], centres, d);
    let shared = share(arguments, &item_vectors, &query_vectors)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let indexes = [Precision::F32, Precision::F16, Precision::I8].map(|precision| {
        let start = Instant::now();
        pool.install(|| ExactIndex::with_precision(d, &item_vectors, precision))
            .map(|index| (index, start.elapsed()))
    });
    let indexes = indexes.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
    let mut subjects = Vec::new();
    for is_batch in [true, false] {
        subjects.push(Subject::Faiss { is_batch });
        for (index, _) in &indexes {
            let name = format!("burn-recsys {:?}", index.precision()).to_lowercase();
            subjects.push(Subject::Ours { name, index, is_batch });
        }
    }
    let mut exact: Vec<Vec<Hit>> = Vec::new();
    let series = measure(&subjects, rounds, |subject| match subject {
        Subject::Faiss { is_batch: true } => shared.ask("flat batch"),
        Subject::Faiss { is_batch: false } => shared.ask("flat single"),
        Subject::Ours { index, is_batch: true, .. } => {
            let start = Instant::now();
            let hits = pool.install(|| index.search(&query_vectors, k, |_| &[]))?;
            let time = start.elapsed();
            if index.is_exact() {
                exact = hits;
            }
            Ok(vec![time])
        }
        Subject::Ours { index, is_batch: false, .. } => {
            let one = |query: &[f32]| {
                let start = Instant::now();
                std::hint::black_box(index.search_one(query, k, &ItemFilter::default())?);
                Ok(start.elapsed())
            };
            query_vectors.chunks_exact(d).take(singles).map(one).collect()
        }
    })?;
    // Once more for the items that it finds: files are not part of what is timed.
    shared.ask("flat batch")?;
    let agreement = recall(&exact, &shared.found(queries, k)?);
    let mut table = vec![vec!["".to_string(), "what".into()]];
    table[0].extend(Spread::headers("ms"));
    table[0].push("faiss / this".into());
    let (mut findings, mut measured) = (Vec::new(), Vec::new());
    for (subject, times) in subjects.iter().zip(&series) {
        let is_base = |other: &Subject<'_>| {
            matches!(other, Subject::Faiss { .. }) && other.is_batch() == subject.is_batch()
        };
        let base = subjects.iter().position(is_base).ok_or("faiss was not measured")?;
        let (name, spread, ratio) = (subject.name(), times.spread()?, series[base].over(times)?);
        let what = if subject.is_batch() { format!("batch of {queries}") } else { "one query".into() };
        let mut row = vec![name.clone(), what.clone()];
        row.extend(spread.cells(1e-3));
        row.push(ratio.to_string());
        table.push(row);
        measured.push(json!({"name": name, "what": what, "seconds": spread, "faiss_over_this": ratio}));
    }
    findings.push(format!(
        "{items} items of dimension {d}, top {k}, {threads} threads; one query on one thread of ours, as many as \
         it likes of faiss"
    ));
    findings.push(format!(
        "burn-recsys f32 and faiss agree on {:.4} % of the items; they may part where scores tie within rounding",
        100.0 * agreement
    ));
    for (index, built) in &indexes {
        let name = format!("{:?}", index.precision()).to_lowercase();
        findings.push(format!("{name} built in {:.2} s", built.as_secs_f64()));
    }
    #[cfg(feature = "usearch")]
    let curves = match &arguments.plot {
        None => Vec::new(),
        Some(path) => {
            let mut curves = graphs::measure(arguments, &shared, &item_vectors, &query_vectors, &exact)?;
            for ((subject, times), (_, built)) in singles_of_ours(&subjects, &series).zip(&indexes).take(1) {
                let name = format!("{}, exact", subject.name());
                curves.push(graphs::Curve::exact(name, built.as_secs_f64(), times.spread()?));
            }
            for curve in &curves {
                findings.push(curve.finding());
            }
            std::fs::write(path, plot::svg(&curves, k)?)?;
            curves
        }
    };
    #[cfg(not(feature = "usearch"))]
    let curves: Vec<()> = Vec::new();
    let json = json!({
        "items": items, "d": d, "k": k, "queries": queries, "centres": centres, "seed": seed,
        "threads": threads, "agreement": agreement, "subjects": measured,
        "connectivity": arguments.connectivity, "expansion_add": arguments.expansion_add,
        "expansions": arguments.expansions, "graphs": curves,
    });
    Ok(Report { name: "retrieval", machine, table, findings, json })
}

/// The single queries of our indexes, in their order.
#[cfg(feature = "usearch")]
fn singles_of_ours<'a>(
    subjects: &'a [Subject<'a>],
    series: &'a [crate::rounds::Series],
) -> impl Iterator<Item = (&'a Subject<'a>, &'a crate::rounds::Series)> {
    let is_one = |subject: &Subject<'_>| matches!(subject, Subject::Ours { is_batch: false, .. });
    subjects.iter().zip(series).filter(move |(subject, _)| is_one(subject))
}

/// Writes the vectors where the peer reads them, and starts it.
fn share(arguments: &Arguments, items: &[f32], queries: &[f32]) -> Result<Shared> {
    let folder = tempfile::tempdir()?;
    for (name, values) in [("items.f32", items), ("queries.f32", queries)] {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(folder.path().join(name), bytes)?;
    }
    let mut command = arguments.python.command_in(".venv-search", "vector_search.py", arguments.threads)?;
    command.arg(folder.path());
    for (flag, value) in [
        ("--d", arguments.d),
        ("--k", arguments.k),
        ("--threads", arguments.threads),
        ("--singles", arguments.singles),
        ("--m", arguments.connectivity),
        ("--ef-construction", arguments.expansion_add),
    ] {
        command.args([flag, &value.to_string()]);
    }
    Ok(Shared { peer: RefCell::new(Peer::start(&mut command)?), folder })
}

impl Shared {
    fn ask(&self, work: &str) -> Result<Vec<Duration>> {
        let times: PeerTimes = self.peer.borrow_mut().ask_for(work)?;
        Ok(times.seconds.into_iter().map(Duration::from_secs_f64).collect())
    }

    /// The items of every query that the peer found last.
    fn found(&self, n_queries: usize, k: usize) -> Result<Vec<Vec<u32>>> {
        let bytes = std::fs::read(self.folder.path().join("found.i64"))?;
        let (values, rest) = bytes.as_chunks::<8>();
        if values.len() != n_queries * k || !rest.is_empty() {
            return Err(format!("the peer found {} items for {n_queries} queries", values.len()).into());
        }
        // Where it found fewer, it writes -1, which no item is.
        let item = |bytes: &[u8; 8]| u32::try_from(i64::from_le_bytes(*bytes)).unwrap_or(u32::MAX);
        Ok(values.chunks_exact(k).map(|row| row.iter().map(item).collect()).collect())
    }
}

/// The share of the exact best items that are among those found.
fn recall(exact: &[Vec<Hit>], found: &[Vec<u32>]) -> f64 {
    let hits = exact
        .iter()
        .zip(found)
        .map(|(exact, found)| exact.iter().filter(|hit| found.contains(&hit.item)).count());
    hits.sum::<usize>() as f64 / exact.iter().map(Vec::len).sum::<usize>().max(1) as f64
}
