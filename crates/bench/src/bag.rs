//! Pooled lookups beside torch.nn.EmbeddingBag.

pub(crate) mod one;

use std::process::Command;
use std::time::Duration;

use burn_recsys_data::random::Draws;
use burn_recsys_training::device_from_name;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::{Report, note};
use crate::rounds::{Series, measure};
use crate::spread::Spread;
use crate::zipf::Zipf;
use one::Work;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    size: Size,
    /// Visits to everything that is compared, in turn.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// The compute device of ours.
    #[arg(long, default_value = "flex")]
    device: String,
    #[command(flatten)]
    python: Python,
}

/// What both sides do.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Size {
    /// Rows of the table.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
    /// The size of each embedding vector.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Bags of a batch.
    #[arg(long, default_value_t = 4096)]
    bags: usize,
    /// Ids of every bag.
    #[arg(long, default_value_t = 20)]
    ids_a_bag: usize,
    /// How ids are drawn.
    #[arg(long, value_enum, default_value_t = Traffic::Zipf)]
    traffic: Traffic,
    /// Timed batches of a visit, each of fresh ids; one before them is not timed.
    #[arg(long, default_value_t = 4)]
    repetitions: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Traffic {
    /// Popularity falls as one over the rank.
    Zipf,
    /// All rows alike.
    Uniform,
}

impl Traffic {
    fn name(self) -> &'static str {
        match self {
            Traffic::Zipf => "zipf",
            Traffic::Uniform => "uniform",
        }
    }
}

impl Size {
    /// The ids of one batch.
    fn ids(&self, draws: &mut Draws) -> Vec<u32> {
        let zipf = Zipf::new(self.rows);
        let draw = |_| match self.traffic {
            Traffic::Zipf => zipf.draw(draws),
            Traffic::Uniform => draws.below(self.rows),
        };
        (0..self.bags * self.ids_a_bag).map(draw).collect()
    }

    fn check(&self) -> Result<()> {
        let &Size { rows, d, bags, ids_a_bag, repetitions, .. } = self;
        if [rows as usize, d, bags, ids_a_bag, repetitions].contains(&0) {
            return Err("--rows, --d, --bags, --ids-a-bag and --repetitions must be at least 1".into());
        }
        if i32::try_from(rows).is_err() || bags.checked_mul(ids_a_bag).is_none_or(|n| n > i32::MAX as usize) {
            return Err(format!("a table has at most {} rows and a batch as many ids", i32::MAX).into());
        }
        Ok(())
    }

    /// The same as options of a program.
    fn arguments(&self, d: &str) -> [String; 12] {
        let option = |name: &str, value: usize| [format!("--{name}"), value.to_string()];
        let [a, b] = option("rows", self.rows as usize);
        let [c, e] = option(d, self.d);
        let [f, g] = option("bags", self.bags);
        let [h, i] = option("ids-a-bag", self.ids_a_bag);
        let [j, k] = option("repetitions", self.repetitions);
        [a, b, c, e, f, g, h, i, j, k, "--traffic".into(), self.traffic.name().into()]
    }
}

/// What a visit reports.
#[derive(Debug, Serialize, Deserialize)]
struct Visit {
    seconds: Vec<f64>,
    /// Distinct rows a batch, on average.
    rows_touched: usize,
}

/// What PyTorch does, by the names of peers/embedding_bag.py.
#[derive(Debug, Clone, Copy, PartialEq)]
enum TorchWork {
    Forward,
    Dense,
    Sparse,
    Coalesced,
    Update,
}

impl TorchWork {
    const ALL: [Self; 5] =
        [TorchWork::Forward, TorchWork::Sparse, TorchWork::Coalesced, TorchWork::Dense, TorchWork::Update];

    /// For the peer and for people.
    fn names(self) -> [&'static str; 2] {
        match self {
            TorchWork::Forward => ["forward", "forward"],
            TorchWork::Dense => ["backward-dense", "forward, backward to a dense gradient"],
            TorchWork::Sparse => ["backward-sparse", "forward, backward, repeated rows not added up"],
            TorchWork::Coalesced => ["backward-coalesced", "forward, backward, repeated rows added up"],
            TorchWork::Update => ["update-adagrad", "forward, backward, Adagrad"],
        }
    }
}

/// Work of ours and that of PyTorch that it is compared with.
const COMPARED: [(Work, TorchWork); 6] = [
    (Work::Forward, TorchWork::Forward),
    (Work::Backward, TorchWork::Sparse),
    (Work::Backward, TorchWork::Coalesced),
    (Work::Backward, TorchWork::Dense),
    (Work::UpdateAdagrad, TorchWork::Update),
    (Work::UpdateRowWise, TorchWork::Update),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Ours(Work),
    Torch(TorchWork),
}

/// What is measured: work by a number of threads.
#[derive(Debug, Clone, Copy)]
struct Subject {
    kind: Kind,
    threads: usize,
}

impl Subject {
    fn name(&self) -> String {
        let Subject { kind, threads } = self;
        let (side, work) = match kind {
            Kind::Ours(work) => ("burn-recsys", work.names()[1]),
            Kind::Torch(work) => ("PyTorch", work.names()[1]),
        };
        format!("{side}, {work}, {threads} thread{}", if *threads == 1 { "" } else { "s" })
    }
}

/// Both sides with so many threads, each in a process of its own.
struct Pair {
    threads: usize,
    ours: Peer,
    torch: Peer,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let Arguments { size, rounds, device, .. } = arguments;
    size.check()?;
    if *rounds == 0 {
        return Err("--rounds must be at least 1".into());
    }
    device_from_name(device)?;
    let mut threads = vec![1, machine.cores()];
    threads.dedup();
    let start = |&threads: &usize| start(arguments, threads);
    let mut pairs = threads.iter().map(start).collect::<Result<Vec<Pair>>>()?;
    let kinds = Work::ALL.map(Kind::Ours).into_iter().chain(TorchWork::ALL.map(Kind::Torch));
    let subjects: Vec<Subject> =
        kinds.flat_map(|kind| threads.iter().map(move |&threads| Subject { kind, threads })).collect();
    note(&format!("a table of {} rows in each of {} processes", size.rows, 2 * pairs.len()));
    let mut touched = [0; 2];
    let series = measure(&subjects, *rounds, |subject| {
        let pair = pairs.iter_mut().find(|pair| pair.threads == subject.threads);
        let Pair { ours, torch, .. } = pair.ok_or("there is no process for this subject")?;
        let (side, visit) = match subject.kind {
            Kind::Ours(work) => (0, ours.ask_for::<Visit>(work.names()[0])?),
            Kind::Torch(work) => (1, torch.ask_for::<Visit>(work.names()[0])?),
        };
        touched[side] = visit.rows_touched;
        Ok(visit.seconds.into_iter().map(Duration::from_secs_f64).collect())
    })?;
    report(machine, arguments, touched, &subjects, &series)
}

fn start(arguments: &Arguments, threads: usize) -> Result<Pair> {
    let Arguments { size, device, python, .. } = arguments;
    let mut ours = Command::new(std::env::current_exe()?);
    ours.arg("bag-one").args(size.arguments("d")).args(["--device", device]);
    ours.env("RAYON_NUM_THREADS", threads.to_string());
    let mut torch = python.command("embedding_bag.py", threads)?;
    torch.args(size.arguments("dim")).args(["--threads", &threads.to_string()]);
    Ok(Pair { threads, ours: Peer::start(&mut ours)?, torch: Peer::start(&mut torch)? })
}

fn report(
    machine: Machine,
    arguments: &Arguments,
    [ours_touched, torch_touched]: [usize; 2],
    subjects: &[Subject],
    series: &[Series],
) -> Result<Report> {
    let mut table = vec![vec!["a batch".to_string()]];
    table[0].extend(Spread::headers("ms"));
    let mut measured = Vec::new();
    for (subject, series) in subjects.iter().zip(series) {
        let spread = series.spread()?;
        let mut row = vec![subject.name()];
        row.extend(spread.cells(1e-3));
        table.push(row);
        measured.push(json!({"name": subject.name(), "threads": subject.threads, "seconds": spread}));
    }
    // The number of threads with the smaller median.
    let better = |kind: Kind| -> Result<(&Subject, &Series)> {
        let mut best: Option<(&Subject, &Series, f64)> = None;
        for (subject, series) in subjects.iter().zip(series).filter(|(subject, _)| subject.kind == kind) {
            let median = series.spread()?.median;
            if best.is_none_or(|(_, _, least)| median < least) {
                best = Some((subject, series, median));
            }
        }
        let (subject, series, _) = best.ok_or("a subject was not measured")?;
        Ok((subject, series))
    };
    let &Size { rows, d, bags, ids_a_bag, traffic, .. } = &arguments.size;
    let mut findings = vec![format!(
        "{bags} bags of {ids_a_bag} ids, {} traffic over {rows} rows of width {d}; distinct rows a batch: ours \
         {ours_touched}, PyTorch {torch_touched}",
        traffic.name()
    )];
    let mut ratios = Vec::new();
    for (work, torch_work) in COMPARED {
        let (torch, torch_series) = better(Kind::Torch(torch_work))?;
        let ours = subjects.iter().zip(series).filter(|(subject, _)| subject.kind == Kind::Ours(work));
        for (subject, series) in ours {
            let ratio = torch_series.over(series)?;
            findings.push(format!("{} / {} = {ratio}", torch.name(), subject.name()));
            ratios.push(json!({"slower": torch.name(), "faster": subject.name(), "ratio": ratio}));
        }
    }
    let json = json!({
        "rows": rows, "d": d, "bags": bags, "ids_a_bag": ids_a_bag, "traffic": traffic.name(),
        "device": arguments.device, "rows_touched": {"ours": ours_touched, "pytorch": torch_touched},
        "subjects": measured, "pytorch_over_ours": ratios,
    });
    Ok(Report { name: "bag", machine, table, findings, json })
}
