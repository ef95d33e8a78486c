//! BPR factorisation beside `implicit`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn_recsys_baselines::{BprMf, BprMfConfig};
use burn_recsys_data::Csr;
use clap::ValueEnum;
use rayon::ThreadPool;
use serde::Deserialize;
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::Report;
use crate::rounds::{Series, measure};
use crate::spread::Spread;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file of training interactions, such as gowalla/train.txt or ncf-ml-1m/ml-1m.train.rating.
    file: PathBuf,
    /// What a line of it holds.
    #[arg(long, value_enum, default_value_t = Layout::Lightgcn)]
    layout: Layout,
    /// The size of each vector, beside the item's bias.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Epochs of every timed training.
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    /// Visits to everything that is compared, in turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    #[command(flatten)]
    python: Python,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Layout {
    /// A user and then their items.
    Lightgcn,
    /// A user, an item and more, which is not read.
    Ncf,
}

const LEARNING_RATE: f32 = 0.05;
const L2: f32 = 0.01;

/// What a peer reports of a training.
#[derive(Debug, Deserialize)]
struct Training {
    seconds: f64,
    n_samples: usize,
}

/// Both sides with so many threads.
struct Pair {
    threads: usize,
    ours: ThreadPool,
    implicit: Peer,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Subject {
    is_ours: bool,
    threads: usize,
}

impl Subject {
    fn name(&self) -> String {
        let side = if self.is_ours { "burn-recsys" } else { "implicit" };
        format!("{side}, {} thread{}", self.threads, if self.threads == 1 { "" } else { "s" })
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    if arguments.rounds == 0 || arguments.epochs == 0 {
        return Err("--rounds and --epochs must be at least 1".into());
    }
    let positives = read(&arguments.file, arguments.layout)?;
    let n_items = positives.rows().flatten().max().map_or(0, |&item| item as usize + 1);
    let config = BprMfConfig {
        d_embedding: arguments.d,
        learning_rate: LEARNING_RATE,
        final_learning_rate: 1.0,
        l2: L2,
        n_epochs: arguments.epochs,
        n_candidates: 1,
        has_item_bias: true,
        excludes_positives: true,
        ..BprMfConfig::default()
    };
    let pairs = pairs_file(&positives)?;
    let mut threads = vec![1, machine.cores()];
    threads.dedup();
    let start = |&threads: &usize| start(arguments, pairs.path(), threads);
    let mut pairs = threads.iter().map(start).collect::<Result<Vec<Pair>>>()?;
    let subjects: Vec<Subject> = [true, false]
        .into_iter()
        .flat_map(|is_ours| threads.iter().map(move |&threads| Subject { is_ours, threads }))
        .collect();
    let n_samples = positives.n_values() * arguments.epochs;
    let series = measure(&subjects, arguments.rounds, |subject| {
        let pair = pairs.iter_mut().find(|pair| pair.threads == subject.threads);
        let Pair { ours, implicit, .. } = pair.ok_or("there is no process for this subject")?;
        if subject.is_ours {
            let start = Instant::now();
            let model: BprMf = ours.install(|| config.fit(&positives, n_items))?;
            let time = start.elapsed();
            if model.n_skipped() > 0 {
                return Err(format!("{} of {n_samples} rows were skipped", model.n_skipped()).into());
            }
            return Ok(vec![time]);
        }
        let training: Training = implicit.ask()?;
        if training.n_samples != n_samples {
            return Err(format!("the peer visited {} rows, not {n_samples}", training.n_samples).into());
        }
        Ok(vec![Duration::from_secs_f64(training.seconds)])
    })?;
    report(machine, arguments, &positives, &subjects, &series)
}

fn start(arguments: &Arguments, pairs: &Path, threads: usize) -> Result<Pair> {
    let mut implicit = arguments.python.command("implicit_bpr.py", threads)?;
    implicit.arg(pairs);
    for (flag, value) in [
        ("--factors", arguments.d.to_string()),
        ("--epochs", arguments.epochs.to_string()),
        ("--learning-rate", LEARNING_RATE.to_string()),
        ("--regularization", L2.to_string()),
        ("--threads", threads.to_string()),
    ] {
        implicit.args([flag, &value]);
    }
    let ours = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    Ok(Pair { threads, ours, implicit: Peer::start(&mut implicit)? })
}

fn report(
    machine: Machine,
    arguments: &Arguments,
    positives: &Csr,
    subjects: &[Subject],
    series: &[Series],
) -> Result<Report> {
    let n_samples = positives.n_values() * arguments.epochs;
    let mut table = vec![vec!["a training".to_string()]];
    table[0].extend(Spread::headers("s"));
    table[0].push("M samples/s".into());
    let mut measured = Vec::new();
    for (subject, series) in subjects.iter().zip(series) {
        let spread = series.spread()?;
        let a_second = n_samples as f64 / spread.median;
        let mut row = vec![subject.name()];
        row.extend(spread.cells(1.0));
        row.push(format!("{:.2}", a_second / 1e6));
        table.push(row);
        let name = subject.name();
        measured.push(
            json!({"name": name, "threads": subject.threads, "seconds": spread, "samples_a_second": a_second}),
        );
    }
    let &Arguments { d, epochs, .. } = arguments;
    let mut findings = vec![format!(
        "{} interactions of {} users, {epochs} epochs, vectors of {d} and the item's bias; first vectors and the \
         finished model are part of the time; burn-recsys gives the same bits with any number of threads, \
         implicit does not",
        positives.n_values(),
        positives.n_rows()
    )];
    let mut ratios = Vec::new();
    for (ours, our_series) in subjects.iter().zip(series).filter(|(subject, _)| subject.is_ours) {
        let peer = Subject { is_ours: false, ..*ours };
        let peers = subjects.iter().zip(series).filter(|&(subject, _)| *subject == peer);
        for (peer, peer_series) in peers {
            let ratio = peer_series.over(our_series)?;
            findings.push(format!("{} / {} = {ratio}", peer.name(), ours.name()));
            ratios.push(json!({"threads": ours.threads, "ratio": ratio}));
        }
    }
    let json = json!({
        "interactions": positives.n_values(), "d": d, "epochs": epochs, "trainings": measured,
        "implicit_over_ours": ratios,
    });
    Ok(Report { name: "bpr", machine, table, findings, json })
}

/// The items of every user.
fn read(file: &Path, layout: Layout) -> Result<Csr> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut rows: Vec<Vec<u32>> = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let n_fields = match layout {
            Layout::Lightgcn => usize::MAX,
            Layout::Ncf => 2,
        };
        let fields: std::result::Result<Vec<u32>, _> =
            text.split_whitespace().take(n_fields).map(str::parse).collect();
        let fields = fields.map_err(|error| format!("{} line {}: {error}", file.display(), line + 1))?;
        let Some((&user, items)) = fields.split_first() else {
            continue;
        };
        let user = user as usize;
        if rows.len() <= user {
            rows.resize(user + 1, Vec::new());
        }
        rows[user].extend_from_slice(items);
    }
    Ok(Csr::from_rows(rows).sorted_unique())
}

/// The interactions for the peer: user and item, tab-separated.
fn pairs_file(positives: &Csr) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    let mut out = std::io::BufWriter::new(file.as_file_mut());
    for (user, items) in positives.rows().enumerate() {
        for item in items {
            writeln!(out, "{user}\t{item}")?;
        }
    }
    out.flush()?;
    drop(out);
    Ok(file)
}
