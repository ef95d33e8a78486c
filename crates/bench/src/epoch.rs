//! Training epochs of a two-tower on ml-100k beside the same loop in PyTorch.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_data::named::{DataFolders, Fetch, NamedDataset};
use burn_recsys_data::{Interactions, UniformNegatives};
use burn_recsys_embeddings::{LazyAdam, SparseOptimizer};
use burn_recsys_models::{TwoTower, TwoTowerConfig};
use burn_recsys_training::{
    FitConfig, Optimizers, Prepared, RunConfig, SampledPairs, TrainState, device_from_name, fit,
};
use serde::Deserialize;
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::{Report, note};
use crate::spread::{Ratio, Spread};
use crate::tutorial;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder that holds `ml-100k/` [default: BURN_RECSYS_DATA, then the cache folder].
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Timed epochs of each PyTorch loop.
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    /// Our epochs for each epoch of a PyTorch loop.
    #[arg(long, default_value_t = 5)]
    epochs_a_turn: u64,
    /// The compute device.
    #[arg(long, default_value = "flex")]
    device: String,
    #[command(flatten)]
    python: Python,
}

/// The peers: a row at a time as tutorials do, and whole batches at once.
const LOADERS: [&str; 2] = ["per-row", "vectorised"];

/// What a peer reports of an epoch.
#[derive(Debug, Deserialize)]
struct PeerEpoch {
    seconds: f64,
    loss: f64,
    n_rows: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let config = RunConfig::parse(tutorial::CONFIG)?;
    let folders = DataFolders::new(arguments.data_dir.as_deref());
    let dataset = NamedDataset::Ml100k.load(&folders, Fetch::Never, &|_, _| ())?;
    let prepared = Prepared::new(&dataset, &config)?;
    let train = &prepared.train;
    let mut ours = Ours::new(train, &config, &device_from_name(&arguments.device)?.autodiff())?;
    let file = rows_file(train)?;
    let mut peers = Vec::new();
    for loader in LOADERS {
        // Small steps may be slower with more threads: PyTorch gets its better choice.
        for threads in if machine.cores() > 1 { vec![1, machine.cores()] } else { vec![1] } {
            let peer = start_peer(arguments, &config, file.path(), loader, threads)?;
            let name = format!("PyTorch, {loader}, {threads} threads").replace("1 threads", "1 thread");
            peers.push(PeerSeries { name, loader, peer, times: Vec::new(), loss: f64::NAN });
        }
    }
    let mut our_times = Vec::new();
    let mut our_loss = f64::NAN;
    // The first turn of each is not timed: allocators and threads start.
    for turn in 0..=arguments.epochs {
        note(&format!("turn {turn} of {}{}", arguments.epochs, if turn == 0 { " (not timed)" } else { "" }));
        let (times, loss) = ours.epochs(arguments.epochs_a_turn)?;
        our_loss = loss;
        for series in &mut peers {
            let epoch: PeerEpoch = series.peer.ask()?;
            if epoch.n_rows != train.len() {
                return Err(format!("the peer trained on {} rows, not {}", epoch.n_rows, train.len()).into());
            }
            series.loss = epoch.loss;
            if turn > 0 {
                series.times.push(Duration::from_secs_f64(epoch.seconds));
            }
        }
        if turn > 0 {
            our_times.extend(times);
        }
    }
    let spread = |times: &[Duration]| Spread::of(times).ok_or("no epoch was timed; --epochs is at least 1");
    let ours =
        Measured { name: "burn-recsys".into(), loader: None, spread: spread(&our_times)?, loss: our_loss };
    let mut rows = vec![ours];
    for PeerSeries { name, loader, times, loss, .. } in peers {
        rows.push(Measured { name, loader: Some(loader), spread: spread(&times)?, loss });
    }
    Ok(report(machine, arguments, train, &rows))
}

/// A peer and what it has done so far.
struct PeerSeries {
    name: String,
    loader: &'static str,
    peer: Peer,
    times: Vec<Duration>,
    /// Of the last epoch.
    loss: f64,
}

fn start_peer(
    arguments: &Arguments,
    config: &RunConfig,
    rows: &Path,
    loader: &str,
    threads: usize,
) -> Result<Peer> {
    let mut command = arguments.python.command("two_tower_dataset.py", threads)?;
    command.arg(rows).args(["--batches", loader]);
    for (flag, value) in [
        ("--threads", threads.to_string()),
        ("--dim", config.model.d_embedding.to_string()),
        ("--negatives", config.training.n_negatives.to_string()),
        ("--batch-size", config.training.batch_size.to_string()),
        ("--learning-rate", config.training.learning_rate.to_string()),
    ] {
        command.args([flag, &value]);
    }
    Peer::start(&mut command)
}

/// One line of the table.
struct Measured {
    name: String,
    /// None for ours.
    loader: Option<&'static str>,
    spread: Spread,
    /// Of the last epoch.
    loss: f64,
}

fn report(machine: Machine, arguments: &Arguments, train: &Interactions, rows: &[Measured]) -> Report {
    let mut table = vec![vec!["one epoch".to_string()]];
    table[0].extend(Spread::headers("ms"));
    table[0].extend(["last loss".into(), "times ours".into()]);
    let ours = &rows[0].spread;
    let mut measured = Vec::new();
    for Measured { name, spread, loss, .. } in rows {
        let ratio = Ratio::of(spread, ours);
        let mut row = vec![name.clone()];
        row.extend(spread.cells(1e-3));
        row.extend([format!("{loss:.4}"), format!("{:.1}", ratio.medians)]);
        table.push(row);
        measured.push(json!({"name": name, "seconds": spread, "last_loss": loss, "times_ours": ratio}));
    }
    let mut findings = vec![format!("{} training rows of ml-100k", train.len())];
    let mut ratios = serde_json::Map::new();
    for loader in LOADERS {
        let of_loader = rows.iter().filter(|row| row.loader == Some(loader));
        if let Some(best) = of_loader.min_by(|a, b| a.spread.median.total_cmp(&b.spread.median)) {
            let ratio = Ratio::of(&best.spread, ours);
            findings.push(format!("{} (its better number of threads) / burn-recsys = {ratio}", best.name));
            ratios.insert(loader.into(), json!(ratio));
        }
    }
    let json = json!({
        "train_rows": train.len(), "device": arguments.device, "epochs": measured, "pytorch_over_ours": ratios,
    });
    Report { name: "epoch", machine, table, findings, json }
}

/// Our side: the public training loop.
struct Ours {
    task: SampledPairs,
    /// Taken while it trains.
    state: Option<TrainState<TwoTower>>,
    config: RunConfig,
    device: Device,
}

impl Ours {
    fn new(train: &Interactions, config: &RunConfig, device: &Device) -> Result<Self> {
        let training = &config.training;
        let negatives =
            UniformNegatives::new(train.n_items() as u32, config.seed)?.excluding(train.items_by_user())?;
        let task =
            SampledPairs::new(train, negatives, training.n_negatives, training.batch_size, config.seed);
        let model = TwoTowerConfig::new(train.n_users(), train.n_items())
            .with_d_embedding(config.model.d_embedding)
            .with_seed(config.seed)
            .init(device);
        let optimizers = Optimizers {
            sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
            dense: AdamConfig::new().init(),
        };
        let state = TrainState { model, optimizers, history: Vec::new() };
        Ok(Ours { task, state: Some(state), config: config.clone(), device: device.clone() })
    }

    /// Trains `n` more epochs; gives their times and the last one's loss.
    fn epochs(&mut self, n: u64) -> Result<(Vec<Duration>, f64)> {
        let state = self.state.take().ok_or("the model was lost in an epoch that failed")?;
        let done = state.history.len();
        let config = FitConfig {
            n_epochs: done as u64 + n,
            learning_rate: self.config.training.learning_rate,
            patience: None,
            seed: self.config.seed,
            ..FitConfig::default()
        };
        let state = fit(&self.task, None, state, &config, &self.device, &mut ())?;
        let new = &state.history[done..];
        let times = new.iter().map(|record| Duration::from_secs_f64(record.seconds)).collect();
        let loss = new.last().map_or(f64::NAN, |record| record.train_loss);
        self.state = Some(state);
        Ok((times, loss))
    }
}

/// The training rows for the peers: user and item of every row, tab-separated.
fn rows_file(train: &Interactions) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    let mut out = std::io::BufWriter::new(file.as_file_mut());
    for (user, item) in train.users().iter().zip(train.items()) {
        writeln!(out, "{user}\t{item}")?;
    }
    out.flush()?;
    drop(out);
    Ok(file)
}
