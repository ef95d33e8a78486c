//! Training epochs of a multi-task estimator that knows users by a mixture, beside PyTorch.

mod rows;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_embeddings::{EmbeddingTableConfig, MixtureConfig, SparseAdagrad, SparseOptimizer};
use burn_recsys_models::{
    Cohort, Examples, HeadsConfig, IdLookup, Mixture, MultiTaskEstimator, MultiTaskEstimatorConfig,
    MultiTaskLoss,
};
use burn_recsys_training::{EstimatorTask, FitConfig, Optimizers, TrainState, device_from_name, fit};
use serde::Deserialize;
use serde_json::json;

use self::rows::Rows;
use crate::Result;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::{Report, note};
use crate::rounds::{Series, measure};
use crate::spread::Spread;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The ratings of users 1 to 2999 of MovieLens 1M, beside its users.dat and movies.dat: train on the rows of
    /// the study of examples/studies/ml-1m.toml. Without it rows of the same widths are made up, and the next
    /// three say how many.
    #[arg(long)]
    ratings: Option<PathBuf>,
    /// Training rows.
    #[arg(long, default_value_t = 365_000)]
    rows: usize,
    /// Users, each a row of a table.
    #[arg(long, default_value_t = 3_000)]
    users: u32,
    /// Items, each a row of a table.
    #[arg(long, default_value_t = 3_500)]
    items: u32,
    /// Rows of a step.
    #[arg(long, default_value_t = 2048)]
    batch: usize,
    /// Timed epochs of each side, in turn.
    #[arg(long, default_value_t = 9)]
    epochs: usize,
    /// Measure PyTorch with torch.compile too.
    #[arg(long)]
    compile: bool,
    /// Measure ours alone.
    #[arg(long)]
    alone: bool,
    /// The compute device.
    #[arg(long, default_value = "flex")]
    device: String,
    #[command(flatten)]
    python: Python,
}

/// The size of user and item vectors. These are the sizes of the study.
const D: usize = 32;
const D_CROSS: usize = 64;
const N_COHORTS: usize = 32;
const D_GATE: usize = 16;
const D_HIDDEN: usize = 64;
const LEARNING_RATE: f64 = 3e-3;
const SEED: u64 = 1;

type Model = MultiTaskEstimator<Mixture<(IdLookup, Cohort)>>;

/// What a peer reports of an epoch.
#[derive(Debug, Deserialize)]
struct PeerEpoch {
    seconds: f64,
    loss: f64,
    n_rows: usize,
    n_parameters: usize,
}

/// One side, measured in turn with the others.
struct Subject {
    name: String,
    side: RefCell<Side>,
    /// Of the last epoch.
    loss: RefCell<f64>,
}

enum Side {
    Ours(Box<Ours>),
    Peer(Peer),
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { rows, users, items, batch, epochs, .. } = arguments;
    if [rows, users as usize, items as usize, batch].contains(&0) {
        return Err("--rows, --users, --items and --batch must be at least 1".into());
    }
    note("making rows");
    let Rows { rows, n_users, n_items } = match &arguments.ratings {
        Some(path) => rows::of_study(path)?,
        None => rows::generated(rows, users, items)?,
    };
    let sizes = Sizes { n_rows: rows.n_rows(), n_users, n_items };
    let n_rows = sizes.n_rows;
    let folder = tempfile::tempdir()?;
    let mut subjects = Vec::new();
    let mut add = |name, side| {
        subjects.push(Subject { name, side: RefCell::new(side), loss: RefCell::new(f64::NAN) });
    };
    if !arguments.alone {
        rows::write(&rows, folder.path())?;
        // Small steps may be slower with more threads: PyTorch gets its better choice.
        for threads in if machine.cores() > 1 { vec![1, machine.cores()] } else { vec![1] } {
            for compile in if arguments.compile { vec![false, true] } else { vec![false] } {
                let name = format!("PyTorch{}, {threads} threads", if compile { ", compiled" } else { "" });
                let peer = start_peer(arguments, sizes, folder.path(), threads, compile)?;
                add(name.replace("1 threads", "1 thread"), Side::Peer(peer));
            }
        }
    }
    let ours = Ours::new(rows, sizes, arguments.batch, &device_from_name(&arguments.device)?.autodiff())?;
    let n_parameters = ours.n_parameters();
    add("burn-recsys".into(), Side::Ours(Box::new(ours)));
    subjects.rotate_right(1);
    let series = measure(&subjects, epochs, |subject| {
        let (time, loss) = match &mut *subject.side.borrow_mut() {
            Side::Ours(ours) => ours.epoch()?,
            Side::Peer(peer) => {
                let epoch: PeerEpoch = peer.ask()?;
                let PeerEpoch { seconds, loss, .. } = epoch;
                if (epoch.n_rows, epoch.n_parameters) != (n_rows, n_parameters) {
                    return Err(format!(
                        "ours has {n_parameters} parameters and {n_rows} rows, not {epoch:?}"
                    )
                    .into());
                }
                (Duration::from_secs_f64(seconds), loss)
            }
        };
        *subject.loss.borrow_mut() = loss;
        Ok(vec![time])
    })?;
    report(machine, arguments, sizes, n_parameters, &subjects, &series)
}

/// How much there is to train on.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    n_rows: usize,
    n_users: usize,
    n_items: usize,
}

fn start_peer(
    arguments: &Arguments,
    sizes: Sizes,
    rows: &Path,
    threads: usize,
    compile: bool,
) -> Result<Peer> {
    let mut command = arguments.python.command("estimator.py", threads)?;
    command.arg(rows);
    for (flag, value) in [
        ("--threads", threads),
        ("--users", sizes.n_users),
        ("--items", sizes.n_items),
        ("--batch-size", arguments.batch),
        ("--dim", D),
        ("--dim-cross", D_CROSS),
        ("--cohorts", N_COHORTS),
        ("--dim-gate", D_GATE),
        ("--hidden", D_HIDDEN),
    ] {
        command.args([flag, &value.to_string()]);
    }
    command.args(["--learning-rate", &LEARNING_RATE.to_string()]);
    if compile {
        command.arg("--compile");
    }
    Peer::start(&mut command)
}

fn report(
    machine: Machine,
    arguments: &Arguments,
    sizes: Sizes,
    n_parameters: usize,
    subjects: &[Subject],
    series: &[Series],
) -> Result<Report> {
    let &Arguments { batch, epochs, ref device, .. } = arguments;
    let Sizes { n_rows: rows, n_users: users, n_items: items } = sizes;
    let mut table = vec![vec!["one epoch".to_string()]];
    table[0].extend(Spread::headers("ms"));
    table[0].extend(["ms a step", "last loss", "times ours (quartiles)"].map(String::from));
    let (mut findings, mut measured) = (Vec::new(), Vec::new());
    findings.push(format!(
        "{rows} rows of {users} users and {items} items, {n_parameters} parameters, steps of {batch} rows"
    ));
    let ours = &series[0];
    let mut best: Option<(f64, &str, String)> = None;
    let mut ratios = serde_json::Map::new();
    for (subject, series) in subjects.iter().zip(series) {
        let (spread, ratio) = (series.spread()?, series.over(ours)?);
        let (name, loss) = (&subject.name, *subject.loss.borrow());
        let step = spread.median / rows.div_ceil(batch) as f64;
        let mut row = vec![name.clone()];
        row.extend(spread.cells(1e-3));
        row.extend([format!("{:.2}", step * 1e3), format!("{loss:.4}"), ratio.to_string()]);
        table.push(row);
        measured.push(json!({
            "name": name, "seconds": spread, "seconds_a_step": step, "last_loss": loss, "times_ours": ratio,
        }));
        let is_peer = matches!(&*subject.side.borrow(), Side::Peer(_));
        if is_peer && best.as_ref().is_none_or(|(median, ..)| spread.median < *median) {
            best = Some((spread.median, name, ratio.to_string()));
            ratios.insert("pytorch_over_ours".into(), json!(ratio));
        }
    }
    if let Some((_, name, ratio)) = best {
        findings.push(format!("{name} (its best) / burn-recsys = {ratio}"));
    }
    findings.push(format!("losses are means over epoch {}, measured while training", epochs + 1));
    let mut json = json!({
        "rows": rows, "users": users, "items": items, "batch": batch, "device": device,
        "parameters": n_parameters, "epochs": measured,
    });
    if let Some(json) = json.as_object_mut() {
        json.extend(ratios);
    }
    Ok(Report { name: "estimator", machine, table, findings, json })
}

/// Our side: the public training loop.
struct Ours {
    task: EstimatorTask<Mixture<(IdLookup, Cohort)>, IdLookup>,
    /// Taken while it trains.
    state: Option<TrainState<Model>>,
    device: Device,
}

impl Ours {
    fn new(rows: Examples, sizes: Sizes, batch_size: usize, device: &Device) -> Result<Self> {
        let table =
            |n_rows, seed| IdLookup::new(EmbeddingTableConfig::new(n_rows, D).with_seed(seed).init(device));
        let n_user_features = rows.n_user_features();
        let cohorts = Cohort::new(Cohort::original(n_user_features, N_COHORTS, D).with_seed(3).init(device));
        let gate = MixtureConfig::new(n_user_features, 2, D_GATE).with_seed(4).init(device);
        let users = Mixture::new((table(sizes.n_users, 1), cohorts), gate);
        let model = MultiTaskEstimatorConfig::new(
            rows.n_tasks(),
            n_user_features,
            rows.n_item_features(),
            rows.n_cross_features(),
        )
        .with_d_cross(D_CROSS)
        .with_heads(HeadsConfig::new().with_hidden(vec![D_HIDDEN]))
        .with_seed(SEED)
        .init(users, table(sizes.n_items, 2), device);
        model.check(&rows)?;
        let loss = MultiTaskLoss::new(rows.n_tasks());
        let task = EstimatorTask::new(rows, loss, batch_size, SEED)?;
        let optimizers = Optimizers {
            sparse: SparseOptimizer::new(Box::new(SparseAdagrad::default())),
            // As PyTorch's.
            dense: AdamConfig::new().with_epsilon(1e-8).init(),
        };
        let state = TrainState { model, optimizers, history: Vec::new() };
        Ok(Ours { task, state: Some(state), device: device.clone() })
    }

    fn n_parameters(&self) -> usize {
        use burn::module::Module;
        self.state.as_ref().map_or(0, |state| state.model.num_params())
    }

    /// Trains one more epoch; gives its time and loss.
    fn epoch(&mut self) -> Result<(Duration, f64)> {
        let state = self.state.take().ok_or("the model was lost in an epoch that failed")?;
        let n_epochs = state.history.len() as u64 + 1;
        let config = FitConfig {
            n_epochs,
            learning_rate: LEARNING_RATE,
            patience: None,
            seed: SEED,
            ..FitConfig::default()
        };
        let state = fit(&self.task, None, state, &config, &self.device, &mut ())?;
        let last = state.history.last().ok_or("no epoch was trained")?;
        let measured = (Duration::from_secs_f64(last.seconds), last.train_loss);
        self.state = Some(state);
        Ok(measured)
    }
}
