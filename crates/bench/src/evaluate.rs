//! Ranking the whole catalogue for every user and measuring six metrics beside RePlay.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use burn_recsys_baselines::VectorScorer;
use burn_recsys_data::Csr;
use burn_recsys_data::random::{Draws, Random, Stream};
use burn_recsys_training::{Seen, TestSet, evaluate};
use serde::Deserialize;
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Peer, Python};
use crate::report::{Report, note};
use crate::spread::{Ratio, Spread};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Users; by default those of ml-1m.
    #[arg(long, default_value_t = 6_040)]
    users: u32,
    /// Items; by default those of ml-1m.
    #[arg(long, default_value_t = 3_706)]
    items: u32,
    /// The size of vectors.
    #[arg(long, default_value_t = 64)]
    dimension: usize,
    /// The length of lists.
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// Timed evaluations of each.
    #[arg(long, default_value_t = 7)]
    repetitions: usize,
    #[command(flatten)]
    python: Python,
}

/// Items that a user has seen, and that are to be found: the means of ml-1m, four fifths for training.
const SEEN: u32 = 132;
const RELEVANT: u32 = 33;

/// What the peer reports.
#[derive(Debug, Deserialize)]
struct Measured {
    seconds: f64,
    of_metrics: f64,
    metrics: BTreeMap<String, f64>,
}

/// What is ranked.
struct Problem {
    users: Vec<f32>,
    items: Vec<f32>,
    seen: Csr,
    relevant: Csr,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { users, items, dimension, k, repetitions, .. } = arguments;
    if items <= 2 * (SEEN + RELEVANT) || users == 0 || dimension == 0 || k == 0 || repetitions == 0 {
        let least = 2 * (SEEN + RELEVANT) + 1;
        return Err(format!("--items is at least {least}, everything else at least 1").into());
    }
    let problem = Problem::new(arguments);
    let folder = tempfile::tempdir()?;
    problem.write(folder.path())?;
    let mut command = arguments.python.command_in(".venv-replay", "replay_evaluate.py", machine.cores())?;
    command.arg(folder.path());
    command.args(["--dimension", &dimension.to_string(), "--k", &k.to_string()]);
    let mut peer = Peer::start(&mut command)?;

    let scorer = VectorScorer::of_vectors(dimension, problem.users, problem.items)?;
    let test = TestSet::of_rows(problem.seen, &problem.relevant)?;
    let [mut ours, mut theirs, mut of_metrics] = [const { Vec::new() }; 3];
    let mut found = BTreeMap::new();
    // The first time of each is not counted.
    for repetition in 0..=repetitions {
        note(&format!("evaluation {repetition} of {repetitions}"));
        let evaluation = evaluate(&scorer, &test, &[k], Seen::Removed)?;
        let measured: Measured = peer.ask()?;
        for (label, &theirs) in &measured.metrics {
            let ours = evaluation.report.summary(label)?.value.unwrap_or(f64::NAN);
            // Inner products of libraries differ in the last bits, and so the order of near ties.
            if ours.is_nan() || (ours - theirs).abs() > 1e-4 {
                return Err(format!("{label} is {ours}, of RePlay {theirs}").into());
            }
            found.insert(label.clone(), json!({"burn-recsys": ours, "replay": theirs}));
        }
        if repetition > 0 {
            ours.push(Duration::from_secs_f64(evaluation.seconds));
            theirs.push(Duration::from_secs_f64(measured.seconds));
            of_metrics.push(Duration::from_secs_f64(measured.of_metrics));
        }
    }
    report(machine, arguments, [&ours, &theirs, &of_metrics], &found)
}

fn report(
    machine: Machine,
    arguments: &Arguments,
    times: [&[Duration]; 3],
    found: &BTreeMap<String, serde_json::Value>,
) -> Result<Report> {
    let names =
        ["burn-recsys, ranking and metrics", "RePlay, with ranking by NumPy", "RePlay, its metrics alone"];
    let mut table = vec![vec!["evaluation".to_string()]];
    table[0].extend(Spread::headers("ms"));
    let mut spreads = Vec::new();
    for (name, times) in names.iter().zip(times) {
        let spread = Spread::of(times).ok_or("nothing was timed")?;
        let mut row = vec![name.to_string()];
        row.extend(spread.cells(1e-3));
        table.push(row);
        spreads.push(spread);
    }
    let &Arguments { users, items, dimension, k, .. } = arguments;
    let mut findings = vec![format!(
        "{users} users, {items} items, vectors of {dimension}, lists of {k}; {} metrics agree to 1e-4",
        found.len()
    )];
    for (name, spread) in names.iter().zip(&spreads).skip(1) {
        findings.push(format!("{name} / burn-recsys = {}", Ratio::of(spread, &spreads[0])));
    }
    let json = json!({
        "users": users, "items": items, "dimension": dimension, "k": k, "metrics": found,
        "burn-recsys": spreads[0], "replay": spreads[1], "replay_metrics_alone": spreads[2],
        "replay_over_ours": Ratio::of(&spreads[1], &spreads[0]),
        "replay_metrics_alone_over_ours": Ratio::of(&spreads[2], &spreads[0]),
    });
    Ok(Report { name: "evaluate", machine, table, findings, json })
}

impl Problem {
    fn new(arguments: &Arguments) -> Self {
        let &Arguments { users, items, dimension, .. } = arguments;
        let random = |what| Random::new(1, Stream::Synthetic, what);
        let vectors = |what, n: u32| -> Vec<f32> {
            let row = |row: u32| {
                let mut draws = random(what).row(row.into());
                (0..dimension).map(move |_| (draws.uniform() - 0.5) as f32)
            };
            (0..n).flat_map(row).collect()
        };
        let drawn = (0..users).map(|user| {
            let mut draws = random(2).row(user.into());
            let mut drawn = Vec::new();
            (0..SEEN + RELEVANT).for_each(|_| draw_another(&mut drawn, items, &mut draws));
            drawn
        });
        let (seen, relevant): (Vec<Vec<u32>>, Vec<Vec<u32>>) = drawn
            .map(|mut seen: Vec<u32>| {
                let relevant = seen.split_off(SEEN as usize);
                (seen, relevant)
            })
            .unzip();
        Problem {
            users: vectors(0, users),
            items: vectors(1, items),
            seen: Csr::from_rows(seen).sorted_unique(),
            relevant: Csr::from_rows(relevant).sorted_unique(),
        }
    }

    /// Little-endian numbers, for NumPy.
    fn write(&self, folder: &Path) -> Result<()> {
        let floats =
            |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let integers =
            |values: Vec<u32>| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        std::fs::write(folder.join("users.vectors"), floats(&self.users))?;
        std::fs::write(folder.join("items.vectors"), floats(&self.items))?;
        for (name, rows) in [("seen", &self.seen), ("test", &self.relevant)] {
            let mut offsets = vec![0u32];
            rows.rows().fold(0, |end, row| {
                offsets.push(end + row.len() as u32);
                end + row.len() as u32
            });
            std::fs::write(folder.join(format!("{name}.offsets")), integers(offsets))?;
            let items = rows.rows().flatten().copied().collect();
            std::fs::write(folder.join(format!("{name}.items")), integers(items))?;
        }
        Ok(())
    }
}

/// Draws an item that is not among `drawn`.
fn draw_another(drawn: &mut Vec<u32>, n_items: u32, draws: &mut Draws) {
    loop {
        let item = draws.below(n_items);
        if !drawn.contains(&item) {
            return drawn.push(item);
        }
    }
}
