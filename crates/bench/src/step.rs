//! The cost of one training step against the number of embedding rows.

mod dense;
mod sparse;
mod traffic;

use std::collections::HashSet;
use std::time::Duration;

use burn_recsys_data::random::{Random, Stream};
use burn_recsys_embeddings::{RowUpdate, RowWiseAdagrad, SparseAdagrad};
use burn_recsys_training::device_from_name;
use serde::Deserialize;
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::{Report, note};
use crate::spread::{Ratio, Spread};
use dense::DenseSubject;
use sparse::SparseSubject;
use traffic::{Batch, Traffic};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rows of the user table and of the item table, one model for each size.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000,10000000")]
    rows: Vec<u32>,
    /// The size of each embedding vector.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Interactions a step.
    #[arg(long, default_value_t = 8192)]
    batch: usize,
    /// Timed steps of each size and traffic.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Measure Burn's own embedding with dense Adam too, up to this many rows; 0 for none.
    #[arg(long, default_value_t = 1_000_000)]
    dense_up_to: u32,
    /// Timed steps of the dense model.
    #[arg(long, default_value_t = 6)]
    dense_steps: usize,
    /// Measure PyTorch with sparse gradients too, on tables of this many rows; 0 for none.
    #[arg(long, default_value_t = 1_000_000)]
    peer_rows: u32,
    /// The compute device.
    #[arg(long, default_value = "flex")]
    device: String,
    #[command(flatten)]
    python: Python,
}

/// Timed steps of a visit. One step before them is not timed: it brings the model back into the caches
/// that the visits to other sizes have filled, as in training, where a model has them to itself.
const STEPS_A_VISIT: usize = 4;

/// What is measured for one size and kind of step.
struct Series {
    rows: u32,
    kind: Kind,
    times: Vec<Duration>,
    /// Steps taken, timed or not.
    n_steps: u64,
    /// Distinct user and item rows, summed over the timed steps.
    touched: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Sparse(Traffic),
    /// Adagrad by element, as PyTorch has it, with zipf traffic.
    Adagrad,
    Dense,
    /// PyTorch with so many threads.
    Peer(usize),
}

/// What PyTorch reports of a visit.
#[derive(Debug, Deserialize)]
struct PeerSteps {
    seconds: Vec<f64>,
    rows_touched: usize,
}

impl Series {
    fn new(rows: u32, kind: Kind) -> Self {
        Series { rows, kind, times: Vec::new(), n_steps: 0, touched: 0 }
    }

    /// One visit: steps with fresh batches, the first not timed.
    fn visit(
        &mut self,
        n_steps: usize,
        batch_size: usize,
        mut step: impl FnMut(&Batch) -> Result<Duration>,
    ) -> Result<()> {
        let traffic = match self.kind {
            Kind::Sparse(traffic) => traffic,
            Kind::Adagrad | Kind::Dense | Kind::Peer(_) => Traffic::Zipf,
        };
        for index in 0..=n_steps {
            let draws = Random::new(1, Stream::Synthetic, u64::from(self.rows));
            let mut draws = draws.row(self.n_steps * 2 + traffic as u64);
            self.n_steps += 1;
            let batch = traffic.batch(self.rows, batch_size, &mut draws);
            let time = step(&batch)?;
            if index > 0 {
                self.times.push(time);
                self.touched += [&batch.users, &batch.items].map(|ids| distinct(ids)).iter().sum::<usize>();
            }
        }
        Ok(())
    }

    fn name(&self) -> String {
        match self.kind {
            Kind::Sparse(Traffic::Zipf) => "zipf".into(),
            Kind::Sparse(Traffic::SameTouch) => "same touch".into(),
            Kind::Adagrad => "zipf, Adagrad".into(),
            Kind::Dense => "dense Adam, zipf".into(),
            Kind::Peer(threads) => format!("PyTorch, zipf, Adagrad, {threads} threads"),
        }
    }

    /// As [`visit`](Self::visit), by a peer.
    fn visit_peer(&mut self, peer: &mut Peer) -> Result<()> {
        let PeerSteps { seconds, rows_touched } = peer.ask()?;
        self.touched += rows_touched * seconds.len();
        self.times.extend(seconds.into_iter().map(Duration::from_secs_f64));
        Ok(())
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { ref rows, d, batch, steps, dense_up_to, dense_steps, peer_rows, ref device, .. } =
        arguments;
    if rows.contains(&0) || [d, batch, steps].contains(&0) {
        return Err("--rows, --d, --batch and --steps must be at least 1".into());
    }
    let device = device_from_name(device)?.autodiff();
    let mut peers = if peer_rows > 0 { start_peers(arguments, machine.cores())? } else { Vec::new() };
    let mut subjects: Vec<(SparseSubject, Vec<Series>)> = Vec::new();
    let row_wise = || -> Box<dyn RowUpdate> { Box::new(RowWiseAdagrad::default()) };
    let traffics = [Traffic::Zipf, Traffic::SameTouch].map(Kind::Sparse);
    let mut sizes: Vec<(u32, Box<dyn RowUpdate>, Vec<Kind>)> =
        rows.iter().map(|&n_rows| (n_rows, row_wise(), traffics.to_vec())).collect();
    if peer_rows > 0 {
        sizes.push((peer_rows, Box::new(SparseAdagrad::default()), vec![Kind::Adagrad]));
    }
    for (n_rows, rule, kinds) in sizes {
        note(&format!("two tables of {n_rows} rows"));
        let mut subject = SparseSubject::new(n_rows as usize, d, rule, &device)?;
        let mut of_size: Vec<Series> = kinds.into_iter().map(|kind| Series::new(n_rows, kind)).collect();
        // Tables are filled and optimizer state is made on first use: neither is a step's cost.
        for series in &mut of_size {
            series.visit(2, batch, |batch| subject.step(batch, &device))?;
            *series = Series::new(n_rows, series.kind);
        }
        subjects.push((subject, of_size));
    }
    for (peer, series) in &mut peers {
        series.visit_peer(peer)?;
        *series = Series::new(peer_rows, series.kind);
    }
    note("sparse steps, the sizes in turn");
    for _ in 0..steps.div_ceil(STEPS_A_VISIT) {
        for (subject, series) in &mut subjects {
            for series in series {
                series.visit(STEPS_A_VISIT, batch, |batch| subject.step(batch, &device))?;
            }
        }
        for (peer, series) in &mut peers {
            series.visit_peer(peer)?;
        }
    }
    let mut series: Vec<Series> = subjects.into_iter().flat_map(|(_, series)| series).collect();
    for &n_rows in rows.iter().filter(|&&n_rows| n_rows <= dense_up_to && dense_steps > 0) {
        note(&format!("dense steps, two tables of {n_rows} rows"));
        let mut subject = DenseSubject::new(n_rows as usize, d, &device);
        let mut dense = Series::new(n_rows, Kind::Dense);
        dense.visit(dense_steps, batch, |batch| subject.step(batch, &device))?;
        series.push(dense);
    }
    series.extend(peers.into_iter().map(|(_, series)| series));
    // Sizes of one kind together; the sort keeps the order of sizes.
    series.sort_by_key(|series| match series.kind {
        Kind::Sparse(traffic) => traffic as usize,
        Kind::Dense => 10,
        Kind::Adagrad => 11,
        Kind::Peer(threads) => 11 + threads,
    });
    report(machine, arguments, &series)
}

/// PyTorch with one thread and with all cores.
fn start_peers(arguments: &Arguments, cores: usize) -> Result<Vec<(Peer, Series)>> {
    let mut threads = vec![1, cores];
    threads.dedup();
    let start = |threads: usize| {
        let mut command = arguments.python.command("sparse_step.py", threads)?;
        for (flag, value) in [
            ("--rows", arguments.peer_rows as usize),
            ("--dim", arguments.d),
            ("--batch-size", arguments.batch),
            ("--steps", STEPS_A_VISIT),
            ("--threads", threads),
        ] {
            command.args([flag, &value.to_string()]);
        }
        Ok((Peer::start(&mut command)?, Series::new(arguments.peer_rows, Kind::Peer(threads))))
    };
    threads.into_iter().map(start).collect()
}

fn report(machine: Machine, arguments: &Arguments, series: &[Series]) -> Result<Report> {
    let mut table = vec![["step", "rows a table", "rows touched"].map(String::from).to_vec()];
    table[0].extend(Spread::headers("ms"));
    let (mut findings, mut measured) = (Vec::new(), Vec::new());
    let mut ratios = serde_json::Map::new();
    for of_kind in series.chunk_by(|a, b| a.kind == b.kind) {
        let mut spreads = Vec::new();
        for series in of_kind {
            let spread = Spread::of(&series.times).ok_or("no step was timed")?;
            let touched = series.touched / series.times.len();
            let mut row = vec![series.name(), series.rows.to_string(), touched.to_string()];
            row.extend(spread.cells(1e-3));
            table.push(row);
            measured.push(json!({
                "step": series.name(), "rows": series.rows, "rows_touched": touched, "seconds": spread,
            }));
            spreads.push((series.rows, spread));
        }
        let by_median = |a: &&(u32, Spread), b: &&(u32, Spread)| a.1.median.total_cmp(&b.1.median);
        let name = of_kind[0].name();
        if let Kind::Peer(_) = of_kind[0].kind {
            let (rows, peer) = spreads[0];
            for ours in series.iter().filter(|other| {
                other.rows == rows && matches!(other.kind, Kind::Adagrad | Kind::Sparse(Traffic::Zipf))
            }) {
                let ratio = Ratio::of(&peer, &Spread::of(&ours.times).ok_or("no step was timed")?);
                findings.push(format!("{name} / {} = {ratio}", ours.name()));
                ratios.insert(format!("{name} / {}", ours.name()), json!(ratio));
            }
            continue;
        }
        let (Some(low), Some(high)) = (spreads.iter().min_by(by_median), spreads.iter().max_by(by_median))
        else {
            continue;
        };
        let ratio = Ratio::of(&high.1, &low.1);
        if spreads.len() < 2 {
            continue;
        }
        findings.push(format!("{name}: slowest size ({}) / fastest size ({}) = {ratio}", high.0, low.0));
        ratios.insert(name, json!(ratio));
    }
    let &Arguments { d, batch, ref device, .. } = arguments;
    let json = json!({
        "d": d, "batch": batch, "device": device, "sizes": measured, "slowest_over_fastest": ratios,
    });
    Ok(Report { name: "step", machine, table, findings, json })
}

fn distinct(ids: &[u32]) -> usize {
    ids.iter().collect::<HashSet<_>>().len()
}
