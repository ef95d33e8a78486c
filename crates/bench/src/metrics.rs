//! Ranking metrics of a million users, from columns in memory to means, beside RePlay.

mod generate;
pub(crate) mod one;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::{Report, note};
use crate::spread::{Ratio, Spread};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Users, each with a list.
    #[arg(long, default_value_t = 1_000_000)]
    users: u32,
    /// Items that lists are drawn from.
    #[arg(long, default_value_t = 50_000)]
    items: u32,
    /// The length of lists.
    #[arg(long, default_value_t = 10)]
    length: u32,
    /// The ranks that count.
    #[arg(long, value_delimiter = ',', default_value = "1,5,10")]
    cutoffs: Vec<usize>,
    /// Measure the metrics that need a training part too: coverage, novelty, surprisal.
    #[arg(long)]
    training: bool,
    /// Timed rounds.
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// The rounds in which pandas takes part.
    #[arg(long, default_value_t = 1)]
    pandas_repetitions: usize,
    #[command(flatten)]
    python: Python,
}

/// What each side reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    seconds: f64,
    /// Bytes at the peak above those of the columns; none where the system does not tell.
    extra_memory: Option<u64>,
    values: BTreeMap<String, f64>,
    /// Seconds of each part, of ours alone.
    #[serde(default)]
    phases: BTreeMap<String, f64>,
}

/// One that measures, and what it has measured.
struct Subject {
    name: &'static str,
    /// In which process, and what it is told there.
    process: usize,
    work: &'static str,
    rounds: usize,
    times: Vec<Duration>,
    phases: BTreeMap<String, Vec<f64>>,
    extra_memory: Option<u64>,
}

/// Processes of RePlay, before ours.
const N_PEERS: usize = 2;
/// Differences of sums in another order are far below.
const TOLERANCE: f64 = 1e-9;

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { users, items, length, repetitions, .. } = arguments;
    if users == 0 || length == 0 || repetitions == 0 || items < 4 * (length + generate::MAX_RELEVANT) {
        let least = 4 * (length + generate::MAX_RELEVANT);
        return Err(format!("--items is at least {least} for this length, the others at least 1").into());
    }
    let folder = tempfile::tempdir()?;
    let mut python = arguments.python.command_in(".venv-replay", "replay_metrics.py", machine.cores())?;
    note("generating");
    let input = generate::write_columns(folder.path(), arguments)?;
    let cutoffs = arguments.cutoffs.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    python.arg(folder.path()).args(["--cutoffs", &cutoffs]);
    python.args(arguments.training.then_some("--training"));
    let mut processes = vec![Peer::start(&mut python)?, Peer::start(&mut python)?];
    for (threads, all) in [(machine.cores(), false), (1, false), (machine.cores(), true), (1, true)] {
        processes.push(Peer::start(&mut ours(folder.path(), &cutoffs, arguments, threads, all)?)?);
    }
    let mut subjects = [
        Subject::new("burn-recsys", 2, "go", repetitions),
        Subject::new("burn-recsys, 1 thread", 3, "go", repetitions),
        Subject::new("burn-recsys, all its metrics", 4, "go", repetitions),
        Subject::new("burn-recsys, all its metrics, 1 thread", 5, "go", repetitions),
        Subject::new("RePlay, Polars", 0, "polars", repetitions),
        Subject::new("RePlay, pandas", 1, "pandas", arguments.pandas_repetitions.min(repetitions)),
    ];
    let (mut values, mut n_metrics) = (BTreeMap::new(), [0; 2]);
    // The first round does not count; pandas, which takes minutes, has warmed up on a part.
    for round in 0..=repetitions {
        note(&format!("round {round} of {repetitions}"));
        for subject in &mut subjects {
            if round > subject.rounds || (round == 0 && subject.work == "pandas") {
                continue;
            }
            let measured: Measured = processes[subject.process].ask_for(subject.work)?;
            match subject.process.checked_sub(N_PEERS) {
                None => check(subject.name, &measured.values, &values)?,
                Some(process) => {
                    n_metrics[process / 2] = measured.values.len();
                    values.extend(measured.values.clone());
                }
            }
            subject.record(measured, round > 0);
        }
    }
    report(machine, arguments, input, &values, n_metrics, &subjects)
}

fn ours(folder: &Path, cutoffs: &str, arguments: &Arguments, threads: usize, all: bool) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("metrics-one").arg(folder).args(["--cutoffs", cutoffs]);
    command.args(all.then_some("--all")).args(arguments.training.then_some("--training"));
    command.env("RAYON_NUM_THREADS", threads.to_string());
    Ok(command)
}

/// RePlay's name of a metric is ours but for novelty.
fn check(name: &str, theirs: &BTreeMap<String, f64>, ours: &BTreeMap<String, f64>) -> Result<()> {
    for (label, &theirs) in theirs {
        let ours = ours.get(&label.replace("Novelty", "UnseenShare").replace("RocAuc", "RocAUC"));
        let ours = ours.ok_or_else(|| format!("{name} has {label}, burn-recsys has not"))?;
        // Not the other way round: NaN is no agreement.
        let agrees = (ours - theirs).abs() <= TOLERANCE;
        if !agrees {
            return Err(format!("{label} is {ours}, of {name} {theirs}").into());
        }
    }
    Ok(())
}

impl Subject {
    fn new(name: &'static str, process: usize, work: &'static str, rounds: usize) -> Self {
        let (times, phases) = (Vec::new(), BTreeMap::new());
        Subject { name, process, work, rounds, times, phases, extra_memory: None }
    }

    fn record(&mut self, measured: Measured, counts: bool) {
        // The first run of a process shows it best: later ones find memory that it has kept.
        self.extra_memory = self.extra_memory.max(measured.extra_memory);
        if counts {
            self.times.push(Duration::from_secs_f64(measured.seconds));
            for (phase, seconds) in measured.phases {
                self.phases.entry(phase).or_default().push(seconds);
            }
        }
    }

    /// Medians.
    fn phases(&self) -> BTreeMap<&str, Option<f64>> {
        let median = |times: &Vec<f64>| Some(Spread::of_values(times.clone())?.median);
        self.phases.iter().map(|(phase, times)| (phase.as_str(), median(times))).collect()
    }
}

fn report(
    machine: Machine,
    arguments: &Arguments,
    input: u64,
    values: &BTreeMap<String, f64>,
    n_metrics: [usize; 2],
    subjects: &[Subject],
) -> Result<Report> {
    let mut table = vec![vec!["columns to means".to_string()]];
    table[0].extend(Spread::headers("s"));
    table[0].extend(["peak beside input MB".into(), "peak / input".into()]);
    let &Arguments { users, items, length, .. } = arguments;
    let [compared, all] = n_metrics;
    let mut findings = vec![format!(
        "{users} users, lists of {length} from {items} items, columns of {:.0} MB; {compared} means agree to \
         {TOLERANCE:.0e}; all metrics of burn-recsys are {all}",
        input as f64 / 1e6
    )];
    let mut measured = Vec::new();
    let mut spreads = Vec::new();
    for subject in subjects {
        let Some(spread) = Spread::of(&subject.times) else { continue };
        let mut row = vec![subject.name.to_string()];
        row.extend(spread.cells(1.0));
        let times_input = subject.extra_memory.map(|extra| (input + extra) as f64 / input as f64);
        row.push(subject.extra_memory.map_or("?".into(), |extra| format!("{:.0}", extra as f64 / 1e6)));
        row.push(times_input.map_or("?".into(), |times| format!("{times:.2}")));
        table.push(row);
        measured.push(json!({
            "name": subject.name, "seconds": spread, "extra_memory": subject.extra_memory,
            "times_input": times_input, "phases": subject.phases(),
        }));
        spreads.push((subject, spread));
    }
    let of_ours = spreads.iter().filter(|(subject, _)| subject.process >= N_PEERS);
    let theirs = || spreads.iter().filter(|(subject, _)| subject.process < N_PEERS);
    for (ours, base) in of_ours {
        for (subject, spread) in theirs() {
            findings.push(format!("{} / {} = {}", subject.name, ours.name, Ratio::of(spread, base)));
        }
    }
    for (subject, _) in spreads.iter().filter(|(subject, _)| !subject.phases.is_empty()) {
        let phases = subject.phases().into_iter().filter_map(|(phase, time)| Some((phase, time?)));
        let phases =
            phases.filter(|&(_, time)| time > 1e-4).map(|(phase, time)| format!("{phase} {time:.3}"));
        findings.push(format!("{}, median s: {}", subject.name, phases.collect::<Vec<_>>().join(", ")));
    }
    let json = json!({
        "users": users, "items": items, "length": length, "cutoffs": arguments.cutoffs,
        "training": arguments.training, "input_bytes": input, "values": values, "subjects": measured,
    });
    Ok(Report { name: "metrics", machine, table, findings, json })
}
