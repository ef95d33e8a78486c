//! AUC and average precision of ten million scores beside scikit-learn.

pub(crate) mod one;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use burn_recsys_data::random::{Draws, Random, Stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Result;
use crate::columns::write;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::{Report, note};
use crate::spread::{Ratio, Spread};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Scores, each with a label.
    #[arg(long, default_value_t = 10_000_000)]
    rows: u32,
    /// Timed rounds.
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    #[command(flatten)]
    python: Python,
}

/// What each side reports.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    seconds: f64,
    /// Bytes at the peak above those of the columns; none where the system does not tell.
    extra_memory: Option<u64>,
    value: f64,
}

/// One metric of one column.
struct Case {
    column: &'static str,
    kind: &'static str,
    metric: &'static str,
    name: String,
    /// Bytes of a score and its label.
    row_bytes: u64,
    value: f64,
    /// As [`SIDES`].
    times: [Vec<Duration>; 3],
    extra_memory: [Option<u64>; 3],
}

const SIDES: [&str; 3] = ["burn-recsys", "burn-recsys, 1 thread", "scikit-learn"];
const TOLERANCE: f64 = 1e-12;
/// Positives among the labels, and how much higher they score, in deviations.
const POSITIVE: f64 = 0.2;
const SHIFT: f64 = 1.0;

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { rows, repetitions, .. } = arguments;
    if rows < 100 || repetitions == 0 {
        return Err("--rows is at least 100, --repetitions at least 1".into());
    }
    let folder = tempfile::tempdir()?;
    let mut python = arguments.python.command_in(".venv-replay", "sklearn_auc.py", machine.cores())?;
    python.arg(folder.path());
    note("generating");
    generate(folder.path(), rows)?;
    let ours = |threads: usize| -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("auc-one").arg(folder.path()).env("RAYON_NUM_THREADS", threads.to_string());
        Ok(command)
    };
    let mut commands = [ours(machine.cores())?, ours(1)?, python];
    let mut cases = Case::all();
    for case in &mut cases {
        note(&format!("memory of {}", case.name));
        for (side, command) in commands.iter_mut().enumerate() {
            // A process that has measured before may have kept memory.
            let measured: Measured = Peer::start(command)?.ask_for(&case.work())?;
            case.extra_memory[side] = measured.extra_memory;
        }
    }
    let mut processes = commands.iter_mut().map(Peer::start).collect::<Result<Vec<_>>>()?;
    // The first round does not count.
    for round in 0..=repetitions {
        note(&format!("round {round} of {repetitions}"));
        for case in &mut cases {
            for (side, process) in processes.iter_mut().enumerate() {
                case.record(side, &process.ask_for(&case.work())?, round > 0)?;
            }
        }
    }
    report(machine, rows, &cases)
}

impl Case {
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for (metric, metric_name) in [("auc", "AUC"), ("ap", "average precision")] {
            for (kind, row_bytes) in [("f32", 5), ("f64", 9)] {
                for (column, column_name) in [("scores", ""), ("rounded", ", 3 digits")] {
                    let name = format!("{metric_name}, {kind}{column_name}");
                    let times = [const { Vec::new() }; 3];
                    let (value, extra_memory) = (f64::NAN, [None; 3]);
                    cases.push(Case { column, kind, metric, name, row_bytes, value, times, extra_memory });
                }
            }
        }
        cases
    }

    /// What the processes are asked for.
    fn work(&self) -> String {
        format!("{} {} {}", self.column, self.kind, self.metric)
    }

    fn record(&mut self, side: usize, measured: &Measured, counts: bool) -> Result<()> {
        if side == 0 {
            self.value = measured.value;
        }
        // Not the other way round: NaN is no agreement.
        let agrees = (self.value - measured.value).abs() <= TOLERANCE;
        if !agrees {
            let (name, side) = (&self.name, SIDES[side]);
            return Err(format!("{name} is {}, of {side} {}", self.value, measured.value).into());
        }
        if counts {
            self.times[side].push(Duration::from_secs_f64(measured.seconds));
        }
        Ok(())
    }
}

/// Normal scores, those of positives shifted, in both precisions, as they are and rounded.
fn generate(folder: &Path, rows: u32) -> Result<()> {
    let mut draws = Random::new(1, Stream::Synthetic, 0).row(0);
    let labels: Vec<bool> = (0..rows).map(|_| draws.uniform() < POSITIVE).collect();
    let scores: Vec<f64> =
        labels.iter().map(|&label| normal(&mut draws) + if label { SHIFT } else { 0.0 }).collect();
    write(&folder.join("labels"), labels.iter().map(|&label| [u8::from(label)]))?;
    let rounded = scores.iter().map(|score| (score * 1e3).round() / 1e3);
    write(&folder.join("rounded.f64"), rounded.clone().map(f64::to_le_bytes))?;
    write(&folder.join("rounded.f32"), rounded.map(|score| (score as f32).to_le_bytes()))?;
    write(&folder.join("scores.f64"), scores.iter().map(|score| score.to_le_bytes()))?;
    write(&folder.join("scores.f32"), scores.iter().map(|&score| (score as f32).to_le_bytes()))
}

/// Box and Muller 1958.
fn normal(draws: &mut Draws) -> f64 {
    let radius = (-2.0 * (1.0 - draws.uniform()).ln()).sqrt();
    radius * (std::f64::consts::TAU * draws.uniform()).cos()
}

fn report(machine: Machine, rows: u32, cases: &[Case]) -> Result<Report> {
    let mut table = vec![vec!["measured".to_string(), "by".into()]];
    table[0].extend(Spread::headers("ms"));
    table[0].extend(["peak / input".into(), "scikit-learn / this".into()]);
    let mut measured = Vec::new();
    for case in cases {
        let input = u64::from(rows) * case.row_bytes;
        let spread = |side: usize| Spread::of(&case.times[side]).ok_or("nothing was timed");
        let peer = spread(2)?;
        for (side, name) in SIDES.into_iter().enumerate() {
            let times = spread(side)?;
            let times_input = case.extra_memory[side].map(|extra| (input + extra) as f64 / input as f64);
            let ratio = Ratio::of(&peer, &times);
            let mut row = vec![case.name.clone(), name.to_string()];
            row.extend(times.cells(1e-3));
            row.push(times_input.map_or("?".into(), |times| format!("{times:.2}")));
            row.push(if side == 2 { String::new() } else { ratio.to_string() });
            table.push(row);
            measured.push(json!({
                "case": case.name, "by": name, "seconds": times, "value": case.value,
                "extra_memory": case.extra_memory[side], "times_input": times_input,
                "scikit_learn_over_this": ratio,
            }));
        }
    }
    let findings = vec![format!(
        "{rows} scores with labels, {:.0}% of them positive; values agree to {TOLERANCE:.0e}",
        POSITIVE * 100.0
    )];
    let json = json!({"rows": rows, "positive": POSITIVE, "measured": measured});
    Ok(Report { name: "auc", machine, table, findings, json })
}
