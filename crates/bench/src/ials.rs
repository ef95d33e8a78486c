//! Epochs of implicit alternating least squares, beside the Python package `implicit`.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn_recsys_baselines::ImplicitAlsConfig;
use burn_recsys_data::Csr;
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
    /// Training pairs: a user and the items of that user a line, or, if the name ends with .rating, a user and
    /// an item a line.
    #[arg(long)]
    train: PathBuf,
    /// The size of the vectors.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Columns that ours solves for at once.
    #[arg(long, default_value_t = 64)]
    block: usize,
    /// Epochs of a training; the times are of its epochs.
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    /// Timed trainings of each side, in turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Threads of each side.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Measure implicit's exact solver too, which is far slower.
    #[arg(long)]
    cholesky: bool,
    #[command(flatten)]
    python: Python,
}

/// Weight of unobserved pairs, and the regularisation of all vectors alike.
const UNOBSERVED: f64 = 0.1;
const L2: f64 = 0.1;

#[derive(Debug, Deserialize)]
struct PeerTraining {
    seconds: Vec<f64>,
    n_interactions: usize,
}

struct Subject {
    name: String,
    /// `None` is ours.
    peer: Option<RefCell<Peer>>,
    objective: Cell<f64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { d, block, epochs, rounds, threads, .. } = arguments;
    if [d, block, rounds, threads].contains(&0) || epochs < 2 {
        return Err("--d, --block, --rounds and --threads must be at least 1, --epochs at least 2".into());
    }
    let (positives, n_items) = crate::interactions::read(&arguments.train)?;
    let config = ImplicitAlsConfig {
        d_embedding: d,
        block_size: block,
        n_epochs: epochs,
        l2: L2,
        l2_exponent: 0.0,
        unobserved_weight: UNOBSERVED,
        ..Default::default()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let folder = tempfile::tempdir()?;
    write(&positives, folder.path())?;
    let mut subjects =
        vec![Subject { name: "burn-recsys".into(), peer: None, objective: Cell::new(f64::NAN) }];
    for solver in if arguments.cholesky { vec!["cg", "cholesky"] } else { vec!["cg"] } {
        // implicit weighs all errors of a positive by c and fits it to 1. With a0 = 1 / (c - 1) its loss is ours,
        // times a constant, of vectors that are larger by the root of 1 + a0, if its l2 is ours (1 + a0) / a0.
        let mut command = arguments.python.command("implicit_als.py", threads)?;
        command.arg(folder.path());
        for (flag, value) in
            [("--items", n_items), ("--factors", d), ("--epochs", epochs), ("--threads", threads)]
        {
            command.args([flag, &value.to_string()]);
        }
        command.args(["--confidence", &(1.0 + 1.0 / UNOBSERVED).to_string()]);
        command.args(["--regularization", &(L2 * (1.0 + UNOBSERVED) / UNOBSERVED).to_string()]);
        command.args(["--solver", solver]);
        let peer = Some(RefCell::new(Peer::start(&mut command)?));
        subjects.push(Subject { name: format!("implicit, {solver}"), peer, objective: Cell::new(f64::NAN) });
    }
    note(&format!("{} interactions", positives.n_values()));
    let series = measure(&subjects, rounds, |subject| match &subject.peer {
        None => {
            let mut times = Vec::new();
            let mut start = Instant::now();
            let model = pool.install(|| {
                config.fit_with(&positives, n_items, |_, _| {
                    times.push(start.elapsed());
                    start = Instant::now();
                    ControlFlow::Continue(())
                })
            })?;
            subject.objective.set(model.objective(&positives)?);
            Ok(times)
        }
        Some(peer) => {
            let training: PeerTraining = peer.borrow_mut().ask()?;
            if training.n_interactions != positives.n_values() {
                return Err(format!("implicit read {} interactions", training.n_interactions).into());
            }
            let path = folder.path();
            let (users, items) = (vectors(&path.join("users.f32"))?, vectors(&path.join("items.f32"))?);
            subject.objective.set(config.objective_of(&users, &items, &positives)?);
            Ok(training.seconds.into_iter().map(Duration::from_secs_f64).collect())
        }
    })?;
    let mut table = vec![vec!["one epoch".to_string()]];
    table[0].extend(Spread::headers("ms"));
    table[0].push("objective at the end".into());
    let (mut findings, mut measured) = (Vec::new(), Vec::new());
    for (subject, times) in subjects.iter().zip(&series) {
        let (spread, ratio) = (times.spread()?, times.over(&series[0])?);
        let (name, objective) = (&subject.name, subject.objective.get());
        let mut row = vec![name.clone()];
        row.extend(spread.cells(1e-3));
        row.push(format!("{objective:.1}"));
        table.push(row);
        if subject.peer.is_some() {
            findings.push(format!("{name} / burn-recsys = {ratio}"));
        }
        measured.push(json!({"name": name, "seconds": spread, "objective": objective, "over_ours": ratio}));
    }
    let json = json!({
        "interactions": positives.n_values(), "users": positives.n_rows(), "items": n_items, "d": d,
        "block": block, "epochs": epochs, "threads": threads, "subjects": measured,
    });
    Ok(Report { name: "ials", machine, table, findings, json })
}

fn write(positives: &Csr, folder: &Path) -> Result<()> {
    let mut end = 0u64;
    let mut offsets = end.to_le_bytes().to_vec();
    let mut items = Vec::new();
    for row in positives.rows() {
        end += row.len() as u64;
        offsets.extend(end.to_le_bytes());
        items.extend(row.iter().flat_map(|item| item.to_le_bytes()));
    }
    std::fs::write(folder.join("offsets.u64"), offsets)?;
    std::fs::write(folder.join("items.u32"), items)?;
    Ok(())
}

/// implicit's vectors in our scale.
fn vectors(path: &Path) -> Result<Vec<f32>> {
    let scale = (1.0 / (1.0 + UNOBSERVED).sqrt()) as f32;
    let bytes = std::fs::read(path)?;
    Ok(bytes.chunks_exact(4).map(|b| scale * f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}
