//! The trained model beside the baselines, as a table or as JSON.

use std::time::Instant;

use burn_recsys_baselines::{ItemScorer, Popular, RecentPopular};
use burn_recsys_training::{Evaluation, Prepared, Result, RunConfig, Seen, TestSet, evaluate};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::table::Table;

/// The window of recent popularity: this part of the training rows, the last by time.
const RECENT: f64 = 0.2;

/// What quickstart, train and evaluate report.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    dataset: Value,
    split: Value,
    pub(crate) models: Vec<ModelOutcome>,
    run_folder: String,
    device: String,
    seed: u64,
    /// The number of epochs behind the weights; absent where nothing was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_epochs: Option<u64>,
}

/// One row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct ModelOutcome {
    name: String,
    metrics: Map<String, Value>,
    seconds: Seconds,
}

#[derive(Debug, Serialize)]
struct Seconds {
    /// `None` where the model was trained before.
    train: Option<f64>,
    evaluate: f64,
}

impl ModelOutcome {
    pub(crate) fn new(name: &str, evaluation: &Evaluation, train: Option<f64>) -> Self {
        let summaries = evaluation.report.summaries().iter();
        ModelOutcome {
            name: name.into(),
            metrics: summaries.map(|summary| (summary.label.clone(), json!(summary.value))).collect(),
            seconds: Seconds { train, evaluate: evaluation.seconds },
        }
    }
}

/// Popularity with and without seen items, and recent popularity where one moment parts training from
/// test: under other splits a window of the training part holds what came after a user's test rows.
pub(crate) fn baselines(prepared: &Prepared, test: &TestSet, k: &[usize]) -> Result<Vec<ModelOutcome>> {
    let train = &prepared.train;
    let start = Instant::now();
    let popular = Popular::new(train.n_items(), train.items());
    let seconds = start.elapsed().as_secs_f64();
    let mut outcomes = Vec::new();
    for (name, seen) in [("popular-with-seen", Seen::Kept), ("popular", Seen::Removed)] {
        outcomes.push(ModelOutcome::new(name, &evaluate(&popular, test, k, seen)?, Some(seconds)));
    }
    if let (Some(timestamps), Some(_)) = (train.timestamps(), prepared.manifest.horizon) {
        let start = Instant::now();
        let (until, window) = recent_window(timestamps);
        let recent: &dyn ItemScorer =
            &RecentPopular::new(train.n_items(), train.items(), timestamps, until, window);
        let seconds = start.elapsed().as_secs_f64();
        let evaluation = evaluate(recent, test, k, Seen::Removed)?;
        outcomes.push(ModelOutcome::new("recent-popular", &evaluation, Some(seconds)));
    }
    Ok(outcomes)
}

/// The end and the length of the window that holds the last rows by time.
fn recent_window(timestamps: &[i64]) -> (i64, i64) {
    let mut sorted = timestamps.to_vec();
    sorted.sort_unstable();
    let first = ((sorted.len() as f64) * (1.0 - RECENT)) as usize;
    let until = sorted.last().map_or(0, |last| last + 1);
    (until, until - sorted.get(first).copied().unwrap_or(until))
}

impl Outcome {
    pub(crate) fn new(
        prepared: &Prepared,
        test: &TestSet,
        config: &RunConfig,
        device: &str,
        run_folder: &std::path::Path,
        n_epochs: Option<u64>,
        models: Vec<ModelOutcome>,
    ) -> Self {
        let [interactions, users, items] = prepared.counts;
        let manifest = &prepared.manifest;
        Outcome {
            dataset: json!({
                "name": prepared.dataset, "interactions": interactions, "users": users, "items": items,
            }),
            split: json!({
                "train": prepared.train.len(),
                "train_users": prepared.train.n_users(),
                "train_items": prepared.train.n_items(),
                "test": manifest.test.interactions,
                "test_relevant": prepared.test.len(),
                "test_users": test.n_users(),
                "train_sha256": manifest.train.sha256,
                "test_sha256": manifest.test.sha256,
            }),
            models,
            run_folder: run_folder.display().to_string(),
            device: device.into(),
            seed: config.seed,
            n_epochs,
        }
    }

    /// One JSON object on standard output.
    pub(crate) fn print_json(&self) -> Result<()> {
        crate::data::print_json(self)
    }

    pub(crate) fn print_table(&self) {
        let labels: Vec<&String> =
            self.models.first().map(|model| model.metrics.keys().collect()).unwrap_or_default();
        let mut table = Table::new(
            ["model".to_string()]
                .into_iter()
                .chain(labels.iter().map(|label| label.to_string()))
                .chain(["train s".into(), "evaluate s".into()]),
        );
        for model in &self.models {
            let metric = |label: &&String| match model.metrics.get(*label).and_then(Value::as_f64) {
                Some(value) => format!("{value:.4}"),
                None => "-".into(),
            };
            let train = model.seconds.train.map_or("-".into(), |seconds| format!("{seconds:.2}"));
            table.push(
                [model.name.clone()]
                    .into_iter()
                    .chain(labels.iter().map(metric))
                    .chain([train, format!("{:.2}", model.seconds.evaluate)]),
            );
        }
        table.print();
    }
}
