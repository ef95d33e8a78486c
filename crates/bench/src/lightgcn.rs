//! Training steps of LightGCN beside the same in PyTorch.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use burn_recsys_data::Csr;
use burn_recsys_models::LightGcn;
use burn_recsys_training::{Error, LightGcnTraining, Progress, StepReport, device_from_name, fit_lightgcn};
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
    /// The file of training interactions, such as gowalla/train.txt: a user and then that user's items.
    file: PathBuf,
    /// The size of each vector.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Steps along the edges.
    #[arg(long, default_value_t = 3)]
    layers: usize,
    /// Pairs of a step.
    #[arg(long, value_delimiter = ',', default_value = "2048,8192")]
    batch_sizes: Vec<usize>,
    /// Timed steps of a training, a part of an epoch. One more comes before them.
    #[arg(long, default_value_t = 15)]
    steps: usize,
    /// Visits to everything that is compared, in turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Threads of both sides [default: the cores of the machine].
    #[arg(long)]
    threads: Option<usize>,
    /// The compute device.
    #[arg(long, default_value = "flex")]
    device: String,
    #[command(flatten)]
    python: Python,
}

/// How PyTorch keeps the matrix: as the paper's authors do, and as is its fastest way.
const LAYOUTS: [&str; 2] = ["coo", "csr"];

/// What a peer reports of a training.
#[derive(Debug, Deserialize)]
struct PeerTraining {
    seconds: Vec<f64>,
    losses: Vec<f64>,
}

struct Subject {
    name: String,
    batch_size: usize,
    /// None for ours.
    peer: Option<RefCell<Peer>>,
    /// Of the first and the last timed step.
    losses: Cell<[f64; 2]>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { d, layers, steps, rounds, .. } = arguments;
    if steps == 0 || rounds == 0 {
        return Err("--steps and --rounds must be at least 1".into());
    }
    let threads = arguments.threads.unwrap_or(machine.cores());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let device = device_from_name(&arguments.device)?;
    let (positives, n_items) = crate::interactions::read(&arguments.file)?;
    let pairs = pairs_file(&positives)?;
    let mut subjects = Vec::new();
    for &batch_size in &arguments.batch_sizes {
        if (steps + 1) * batch_size > positives.n_values() {
            return Err(format!("{steps} steps of {batch_size} pairs and one more are above an epoch").into());
        }
        let losses = Cell::new([f64::NAN; 2]);
        subjects.push(Subject { name: "burn-recsys".into(), batch_size, peer: None, losses });
        let config = config(arguments, batch_size);
        for layout in LAYOUTS {
            let mut command = arguments.python.command("lightgcn.py", threads)?;
            command.arg(pairs.path()).args(["--layout", layout]);
            for (flag, value) in [
                ("--users", positives.n_rows()),
                ("--items", n_items),
                ("--batch-size", batch_size),
                ("--dim", d),
                ("--layers", layers),
                ("--steps", steps),
                ("--threads", threads),
            ] {
                command.args([flag, &value.to_string()]);
            }
            command.args(["--learning-rate", &config.learning_rate.to_string()]);
            command.args(["--l2", &config.l2.to_string()]);
            let peer = Some(RefCell::new(Peer::start(&mut command)?));
            let name = format!("PyTorch, {}", layout.to_uppercase());
            subjects.push(Subject { name, batch_size, peer, losses: Cell::new([f64::NAN; 2]) });
        }
    }
    let series = measure(&subjects, rounds, |subject| {
        let (seconds, losses) = match &subject.peer {
            None => {
                let config = config(arguments, subject.batch_size);
                let mut watch = Watch { steps, last: Instant::now(), times: Vec::new(), losses: Vec::new() };
                let fitted =
                    pool.install(|| fit_lightgcn(&config, &positives, n_items, 1, &device, &mut watch));
                match fitted {
                    Err(Error::Stopped { .. }) => {}
                    Err(error) => return Err(error.into()),
                    Ok(_) => return Err("the training ended before its steps were done".into()),
                }
                (watch.times, watch.losses)
            }
            Some(peer) => {
                let PeerTraining { seconds, losses } = peer.borrow_mut().ask()?;
                (seconds.into_iter().map(Duration::from_secs_f64).collect(), losses)
            }
        };
        if seconds.len() != steps {
            return Err(format!("{} reported {} steps, not {steps}", subject.name, seconds.len()).into());
        }
        subject.losses.set([losses[0], losses[steps - 1]]);
        Ok(seconds)
    })?;
    let mut table = vec![vec!["one step".to_string(), "pairs".to_string()]];
    table[0].extend(Spread::headers("ms"));
    table[0].extend(["epoch s".into(), "first loss".into(), "last loss".into()]);
    let mut findings = vec![format!(
        "{} interactions, {} users, {n_items} items; d {d}, {layers} layers, BPR, Adam, {threads} threads; seconds \
         of an epoch are {steps} steps extrapolated",
        positives.n_values(),
        positives.n_rows()
    )];
    let mut measured = Vec::new();
    let mut ours = &series[0];
    for (subject, times) in subjects.iter().zip(&series) {
        if subject.peer.is_none() {
            ours = times;
        }
        let Subject { name, batch_size, losses, .. } = subject;
        let (spread, ratio, [first, last]) = (times.spread()?, times.over(ours)?, losses.get());
        let n_steps = positives.n_values().div_ceil(*batch_size);
        let epoch = n_steps as f64 * spread.median;
        let mut row = vec![name.clone(), batch_size.to_string()];
        row.extend(spread.cells(1e-3));
        row.extend([format!("{epoch:.1}"), format!("{first:.4}"), format!("{last:.4}")]);
        table.push(row);
        if subject.peer.is_some() {
            findings.push(format!("{name} / burn-recsys, {batch_size} pairs a step = {ratio}"));
        }
        measured.push(json!({
            "name": name, "batch_size": batch_size, "seconds": spread, "epoch_seconds": epoch,
            "losses": [first, last], "over_ours": ratio,
        }));
    }
    note("what PyTorch calls CSR has a way back of its own: the matrix is symmetric");
    let json = json!({
        "interactions": positives.n_values(), "users": positives.n_rows(), "items": n_items, "d": d,
        "layers": layers, "steps": steps, "threads": threads, "device": arguments.device, "subjects": measured,
    });
    Ok(Report { name: "lightgcn", machine, table, findings, json })
}

/// The training of the paper, and never more than is measured.
fn config(arguments: &Arguments, batch_size: usize) -> LightGcnTraining {
    LightGcnTraining {
        d_embedding: arguments.d,
        n_layers: arguments.layers,
        batch_size,
        held_out: 0.0,
        ..LightGcnTraining::of_the_paper()
    }
}

/// Times the steps after the first one, and stops after the last.
struct Watch {
    steps: usize,
    last: Instant,
    times: Vec<Duration>,
    losses: Vec<f64>,
}

impl Progress<LightGcn> for Watch {
    fn step(&mut self, report: StepReport) -> bool {
        if report.step > 1 {
            self.times.push(self.last.elapsed());
            self.losses.push(report.loss);
        }
        self.last = Instant::now();
        self.times.len() < self.steps
    }
}

/// The interactions for the peers: all users, then all items.
fn pairs_file(positives: &Csr) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    let mut out = std::io::BufWriter::new(file.as_file_mut());
    for (user, items) in (0u32..).zip(positives.rows()) {
        for _ in items {
            out.write_all(&user.to_le_bytes())?;
        }
    }
    for item in positives.rows().flatten() {
        out.write_all(&item.to_le_bytes())?;
    }
    out.flush()?;
    drop(out);
    Ok(file)
}
