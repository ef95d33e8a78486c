//! Generators alone and with rankers behind them, as a table or as JSON.

use burn_recsys_metrics::statistics::{Bootstrap, PairedComparison};
use burn_recsys_training::protocol::{TimeSplit, TwoStageOutcome, TwoStageSettings, two_stage};
use burn_recsys_training::{Evaluation, Result, device_from_name};
use serde_json::{Value, json};

use super::contest::FIRST_SEED;
use crate::arguments::{Common, TwoStageProtocol};
use crate::data::{load, named_or_path, print_json};
use crate::output::line;
use crate::progress::ContestProgress;
use crate::table::Table;

/// The length of lists.
const K: usize = 10;
/// Of users, for the intervals.
const N_RESAMPLES: usize = 2_000;
/// The share of the training part that `--held-out` measures.
const HELD_OUT: f64 = 0.2;

/// `protocol two-stage`.
pub(super) fn run(common: &Common, arguments: &TwoStageProtocol) -> Result<()> {
    let device = device_from_name(&common.device)?;
    let settings = arguments.config.as_deref().map(TwoStageSettings::read).transpose()?.unwrap_or_default();
    let dataset = load(common, &named_or_path("--data", &arguments.data)?)?;
    let split = TimeSplit::new(&dataset)?;
    let split = if arguments.held_out { split.hold_out_in_place(HELD_OUT)? } else { split };
    let seeds: Vec<u64> = (0..arguments.seeds as u64).map(|n| FIRST_SEED + n).collect();
    let progress = ContestProgress::new();
    let mut outcomes = Vec::new();
    for &seed in &seeds {
        progress.now(format!("seed {seed}: sources and rankers"));
        outcomes.push(two_stage(&split, &settings, seed, &device, K)?);
    }
    drop(progress);
    let report = Report::new(&outcomes)?;
    if common.json {
        return print_json(&json!({
            "protocol": "two-stage", "dataset": dataset.name, "train": split.train.len(), "test": split.n_test,
            "test_users": split.n_test_users(), "held_out": arguments.held_out, "seeds": seeds, "k": K,
            "settings": settings, "report": report.json()?,
        }));
    }
    line(format_args!(
        "{}: {} training rows, {} of {} users tested, {} seeds",
        dataset.name,
        split.train.len(),
        split.n_test_users(),
        split.train.n_users(),
        seeds.len()
    ));
    report.print()
}

/// Means over seeds, users within.
struct Report<'a> {
    outcomes: &'a [TwoStageOutcome],
    bootstrap: Bootstrap,
    /// The generator of the highest NDCG.
    best: usize,
}

impl<'a> Report<'a> {
    fn new(outcomes: &'a [TwoStageOutcome]) -> Result<Self> {
        let n_sources = outcomes.first().map_or(0, |outcome| outcome.sources.len());
        let mut report = Report { outcomes, bootstrap: Bootstrap::new(N_RESAMPLES, FIRST_SEED)?, best: 0 };
        let mut best = f64::NEG_INFINITY;
        for source in 0..n_sources {
            let value = mean(&report.of_users(&label("NDCG"), |outcome| &outcome.sources[source].1)?);
            if value > best {
                (best, report.best) = (value, source);
            }
        }
        Ok(report)
    }

    /// Of every user the mean over seeds.
    fn of_users(&self, label: &str, of: impl Fn(&TwoStageOutcome) -> &Evaluation) -> Result<Vec<f64>> {
        let mut sums: Vec<f64> = Vec::new();
        for outcome in self.outcomes {
            let values: Vec<f64> =
                of(outcome).report.per_user(label)?.map(|(_, value)| value.unwrap_or(0.0)).collect();
            sums.resize(values.len(), 0.0);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value / self.outcomes.len() as f64);
        }
        Ok(sums)
    }

    fn rows(&self) -> Result<Vec<Row>> {
        let Some(first) = self.outcomes.first() else { return Ok(Vec::new()) };
        let best = self.of_users(&label("NDCG"), |outcome| &outcome.sources[self.best].1)?;
        let mut rows = Vec::new();
        let n = self.outcomes.len() as f64;
        for (at, (name, _)) in first.sources.iter().enumerate() {
            let recall = |outcome: &TwoStageOutcome| outcome.rankers[0].2.sources[at].recall / n;
            let unique = |outcome: &TwoStageOutcome| outcome.rankers[0].2.sources[at].unique / n;
            let found = self.outcomes.iter().map(recall).sum();
            let alone = self.outcomes.iter().map(unique).sum();
            rows.push(self.row(name, &best, |outcome| &outcome.sources[at].1, None, Some([found, alone]))?);
        }
        for (at, (name, ..)) in first.rankers.iter().enumerate() {
            let sum = |part: fn(&burn_recsys_ranking::TwoStageLoss) -> f64| {
                self.outcomes.iter().map(|outcome| part(&outcome.rankers[at].2) / n).sum()
            };
            let losses = [sum(|loss| loss.retrieval_loss), sum(|loss| loss.ranking_loss)];
            rows.push(self.row(name, &best, |outcome| &outcome.rankers[at].1, Some(losses), None)?);
        }
        Ok(rows)
    }

    fn row(
        &self,
        name: &str,
        best: &[f64],
        of: impl Fn(&TwoStageOutcome) -> &Evaluation + Copy,
        losses: Option<[f64; 2]>,
        found: Option<[f64; 2]>,
    ) -> Result<Row> {
        let ndcg = self.of_users(&label("NDCG"), of)?;
        let compared = PairedComparison::new(best, &ndcg, &self.bootstrap)?;
        Ok(Row {
            name: name.to_string(),
            ndcg: mean(&ndcg),
            interval: self.bootstrap.interval(&ndcg).map(|interval| [interval.lower, interval.upper]),
            recall: mean(&self.of_users(&label("Recall"), of)?),
            hit_rate: mean(&self.of_users(&label("HitRate"), of)?),
            difference: compared.difference,
            difference_interval: compared.bootstrap_interval.map(|interval| [interval.lower, interval.upper]),
            losses,
            found,
        })
    }

    fn microseconds(&self) -> Vec<(&str, f64)> {
        let Some(first) = self.outcomes.first() else { return Vec::new() };
        let mean = |at: usize| {
            let of_seeds = self.outcomes.iter().map(|outcome| outcome.microseconds[at].1);
            of_seeds.sum::<f64>() / self.outcomes.len() as f64
        };
        (first.microseconds.iter().enumerate()).map(|(at, (name, _))| (name.as_str(), mean(at))).collect()
    }
}

struct Row {
    name: String,
    ndcg: f64,
    interval: Option<[f64; 2]>,
    recall: f64,
    hit_rate: f64,
    /// To the best generator.
    difference: Option<f64>,
    difference_interval: Option<[f64; 2]>,
    /// Of retrieval and of ranking.
    losses: Option<[f64; 2]>,
    /// The share of relevant items among a generator's candidates, and of those that no other found.
    found: Option<[f64; 2]>,
}

fn label(metric: &str) -> String {
    format!("{metric}@{K}")
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Report<'_> {
    fn json(&self) -> Result<Value> {
        let row = |row: Row| {
            json!({
                "name": row.name, "ndcg": row.ndcg, "interval": row.interval, "recall": row.recall,
                "hit_rate": row.hit_rate, "difference_to_best_source": row.difference,
                "difference_interval": row.difference_interval,
                "retrieval_loss": row.losses.map(|losses| losses[0]),
                "ranking_loss": row.losses.map(|losses| losses[1]),
                "candidate_recall": row.found.map(|found| found[0]),
                "found_by_no_other": row.found.map(|found| found[1]),
            })
        };
        let rows: Vec<Value> = self.rows()?.into_iter().map(row).collect();
        let microseconds: serde_json::Map<String, Value> =
            self.microseconds().into_iter().map(|(name, mean)| (name.to_string(), json!(mean))).collect();
        let of_seeds =
            |value: fn(&TwoStageOutcome) -> f64| self.outcomes.iter().map(value).collect::<Vec<_>>();
        Ok(json!({
            "models": rows, "microseconds": microseconds,
            "candidates": of_seeds(|outcome| outcome.n_candidates),
            "visits": of_seeds(|outcome| outcome.n_visits as f64),
            "fit_seconds": of_seeds(|outcome| outcome.seconds),
        }))
    }

    fn print(&self) -> Result<()> {
        let names =
            ["", "NDCG@10", "interval", "HitRate", "Recall", "to best source", "not found", "too low"];
        let mut table = Table::new(names);
        for row in self.rows()? {
            let bounds = |bounds: Option<[f64; 2]>| match bounds {
                Some([lower, upper]) => format!("{lower:.4} to {upper:.4}"),
                None => "-".into(),
            };
            let share = |share: Option<f64>| share.map_or("-".into(), |share| format!("{share:.4}"));
            let to_best = match row.difference {
                Some(difference) if difference != 0.0 => {
                    format!("{difference:+.4} ({})", bounds(row.difference_interval))
                }
                _ => "-".into(),
            };
            table.push([
                row.name,
                format!("{:.4}", row.ndcg),
                bounds(row.interval),
                format!("{:.4}", row.hit_rate),
                format!("{:.4}", row.recall),
                to_best,
                share(row.losses.map(|losses| losses[0]).or(row.found.map(|found| 1.0 - found[0]))),
                share(row.losses.map(|losses| losses[1])),
            ]);
        }
        table.print();
        let stages: Vec<String> =
            self.microseconds().iter().map(|(name, mean)| format!("{name} {mean:.0}")).collect();
        line(format_args!("\nmicroseconds for a user on one thread: {}", stages.join(", ")));
        Ok(())
    }
}
