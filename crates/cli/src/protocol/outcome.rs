//! What a protocol found, as a table or as JSON.

use std::fmt;

use burn_recsys_training::protocol::Choice;
use burn_recsys_training::study::Estimate;
use burn_recsys_training::{Error, Evaluation};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::output::line;
use crate::table::Table;

/// What was measured on.
#[derive(Debug, Serialize)]
pub(super) struct Heading {
    pub(super) protocol: &'static str,
    pub(super) dataset: Value,
    pub(super) split: Value,
    /// The length of lists.
    pub(super) k: usize,
}

impl Heading {
    pub(super) fn print(&self) {
        let Heading { protocol, dataset, split, .. } = self;
        line(format_args!(
            "{protocol}: {}, {} users, {} items; train on {}, test on {} of {} users\n",
            dataset["name"].as_str().unwrap_or_default(),
            dataset["users"],
            dataset["items"],
            split["train"],
            split["test"],
            split["test_users"],
        ));
    }
}

/// What a protocol reports.
#[derive(Debug, Serialize)]
pub(super) struct ProtocolOutcome {
    #[serde(flatten)]
    heading: Heading,
    pub(super) models: Vec<ModelOutcome>,
    device: String,
    /// The first one, with which parameters were chosen.
    seed: u64,
    seeds: Vec<u64>,
}

/// One row of the table.
#[derive(Debug, Serialize)]
pub(super) struct ModelOutcome {
    name: String,
    /// Means over the seeds.
    metrics: Map<String, Value>,
    /// The bounds of 95% intervals of the means by Student's t; absent with one seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<Seconds>,
    /// The parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_epochs: Option<u64>,
    /// NDCG on the rows held out of the training part.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out: Option<f64>,
    /// The bounds of 95% intervals over users by the bootstrap, where they were taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_intervals: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seeds: Vec<SeedOutcome>,
    /// Why the model could not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Times of fits and evaluations are means over the seeds.
#[derive(Debug, Clone, Serialize)]
struct Seconds {
    search: f64,
    train: f64,
    evaluate: f64,
}

/// What one seed gave.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SeedOutcome {
    seed: u64,
    metrics: Map<String, Value>,
    train_seconds: f64,
    evaluate_seconds: f64,
}

impl SeedOutcome {
    pub(super) fn new(seed: u64, evaluation: &Evaluation, train_seconds: f64) -> Self {
        let summaries = evaluation.report.summaries().iter();
        let metrics = summaries.map(|summary| (summary.label.clone(), json!(summary.value))).collect();
        SeedOutcome { seed, metrics, train_seconds, evaluate_seconds: evaluation.seconds }
    }
}

impl SeedOutcome {
    /// Of measures that are not a report's.
    pub(super) fn of_metrics(seed: u64, metrics: Map<String, Value>, [train, evaluate]: [f64; 2]) -> Self {
        SeedOutcome { seed, metrics, train_seconds: train, evaluate_seconds: evaluate }
    }
}

impl ModelOutcome {
    pub(super) fn new(
        name: &str,
        choice: Choice,
        chosen: Value,
        search: f64,
        seeds: Vec<SeedOutcome>,
    ) -> Self {
        let labels: Vec<String> =
            seeds.iter().take(1).flat_map(|first| first.metrics.keys().cloned()).collect();
        let estimates: Vec<(String, Option<Estimate>)> = labels
            .into_iter()
            .map(|label| {
                let values: Vec<f64> =
                    seeds.iter().filter_map(|seed| seed.metrics.get(&label)?.as_f64()).collect();
                (label, Estimate::of(&values))
            })
            .collect();
        let metrics =
            estimates.iter().map(|(label, estimate)| (label.clone(), json!(estimate.map(|e| e.mean))));
        let intervals: Map<String, Value> = estimates
            .iter()
            .filter_map(|(label, estimate)| {
                let Estimate { mean, half_width, .. } = (*estimate)?;
                let half_width = half_width?;
                Some((label.clone(), json!([mean - half_width, mean + half_width])))
            })
            .collect();
        let mean =
            |of: fn(&SeedOutcome) -> f64| seeds.iter().map(of).sum::<f64>() / seeds.len().max(1) as f64;
        ModelOutcome {
            name: name.into(),
            metrics: metrics.collect(),
            intervals: (!intervals.is_empty()).then_some(intervals),
            seconds: Some(Seconds {
                search,
                train: mean(|seed| seed.train_seconds),
                evaluate: mean(|seed| seed.evaluate_seconds),
            }),
            chosen: Some(chosen),
            n_epochs: choice.n_epochs,
            held_out: choice.score,
            user_intervals: None,
            seeds,
            error: None,
        }
    }

    /// The same with intervals over users.
    pub(super) fn with_users(mut self, intervals: Vec<(String, [f64; 2])>) -> Self {
        let intervals = intervals.into_iter().map(|(label, interval)| (label, json!(interval)));
        self.user_intervals = Some(intervals.collect());
        self
    }

    pub(super) fn is_failed(&self) -> bool {
        self.error.is_some()
    }

    pub(super) fn failed(name: &str, error: &Error) -> Self {
        ModelOutcome {
            name: name.into(),
            metrics: Map::new(),
            intervals: None,
            seconds: None,
            chosen: None,
            n_epochs: None,
            held_out: None,
            user_intervals: None,
            seeds: Vec::new(),
            error: Some(error.to_string()),
        }
    }

    /// A metric with half the width of its interval, if it has one.
    fn cell(&self, label: &str) -> String {
        let value = |of: Option<&Value>| of.and_then(Value::as_f64);
        let Some(mean) = value(self.metrics.get(label)) else { return "-".into() };
        let upper = self.intervals.as_ref().and_then(|intervals| value(intervals.get(label)?.get(1)));
        match upper {
            Some(upper) => format!("{mean:.4} ± {:.4}", upper - mean),
            None => format!("{mean:.4}"),
        }
    }
}

/// One line, printed when the model is done.
impl fmt::Display for ModelOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ModelOutcome { name, metrics, seconds, chosen, n_epochs, error, .. } = self;
        if let Some(error) = error {
            return write!(f, "{name}: cannot run: {error}");
        }
        write!(f, "{name}:")?;
        for label in metrics.keys() {
            write!(f, " {label} {}", self.cell(label))?;
        }
        if let Some(Value::Object(chosen)) = chosen.as_ref().filter(|chosen| *chosen != &json!({})) {
            let pairs: Vec<String> = chosen.iter().map(|(key, value)| format!("{key} {value}")).collect();
            write!(f, "\n    chosen: {}", pairs.join(", "))?;
        }
        if let Some(n_epochs) = n_epochs {
            write!(f, "; {n_epochs} epochs")?;
        }
        for (label, interval) in self.user_intervals.iter().flatten() {
            let bound = |at: usize| interval[at].as_f64().unwrap_or(f64::NAN);
            write!(f, "\n    {label} over users, 95%: {:.4} to {:.4}", bound(0), bound(1))?;
        }
        if let Some(Seconds { search, train, .. }) = seconds {
            write!(f, "\n    {search:.1} s to choose, {train:.1} s to fit")?;
        }
        Ok(())
    }
}

impl ProtocolOutcome {
    pub(super) fn new(heading: Heading, device: &str, seeds: Vec<u64>) -> Self {
        let seed = seeds.first().copied().unwrap_or_default();
        ProtocolOutcome { heading, models: Vec::new(), device: device.into(), seed, seeds }
    }

    pub(super) fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    pub(super) fn print_table(&self) {
        let labels: Vec<&String> = self
            .models
            .iter()
            .find(|model| model.error.is_none())
            .map(|model| model.metrics.keys().collect())
            .unwrap_or_default();
        let mut table = Table::new(
            ["model".to_string()]
                .into_iter()
                .chain(labels.iter().map(|label| label.to_string()))
                .chain(["choose s", "train s", "evaluate s"].map(String::from)),
        );
        for model in &self.models {
            let seconds = match &model.seconds {
                Some(Seconds { search, train, evaluate }) => {
                    [search, train, evaluate].map(|seconds| format!("{seconds:.2}"))
                }
                None => ["-", "-", "-"].map(String::from),
            };
            let metrics = labels.iter().map(|label| model.cell(label));
            table.push([model.name.clone()].into_iter().chain(metrics).chain(seconds));
        }
        line(format_args!(""));
        table.print();
        for model in &self.models {
            if let Some(error) = &model.error {
                line(format_args!("{} cannot run: {error}", model.name));
            }
        }
    }
}
