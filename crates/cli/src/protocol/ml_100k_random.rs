//! Two towers with features on a random split of MovieLens 100K.

use burn_recsys_training::protocol::ml_100k_random::{Ml100kRandom, PUBLISHED, RatingMeasures, RatingTowers};
use burn_recsys_training::study::Estimate;
use burn_recsys_training::{Result, device_from_name};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::arguments::{Common, Ml100kRandomProtocol};
use crate::output::{line, note};
use crate::table::Table;

/// A label and what it reads.
type Metric = (&'static str, fn(&RatingMeasures) -> f64);

/// What is measured of towers, beside what the tutorial publishes.
const METRICS: [Metric; 5] = [
    ("Accuracy", |measures| measures.accuracy),
    ("AUC", |measures| measures.auc),
    ("F1", |measures| measures.f1),
    ("Precision@10", |measures| measures.precision_at_10),
    ("Recall@10", |measures| measures.recall_at_10),
];

/// One row of the table.
#[derive(Debug, Serialize)]
struct TowersOutcome {
    name: &'static str,
    /// Means over the seeds.
    metrics: Map<String, Value>,
    /// The bounds of 95% intervals of the means by Student's t; absent with one seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<Map<String, Value>>,
    chosen: RatingTowers,
    seeds: Vec<SeedOutcome>,
    #[serde(skip)]
    estimates: Vec<Option<Estimate>>,
}

#[derive(Debug, Serialize)]
struct SeedOutcome {
    seed: u64,
    #[serde(flatten)]
    measures: RatingMeasures,
}

/// `protocol ml-100k-random`.
pub(super) fn run(common: &Common, arguments: &Ml100kRandomProtocol) -> Result<()> {
    let device = device_from_name(&common.device)?;
    let towers = match &arguments.config {
        Some(path) => vec![("config", RatingTowers::read(path)?)],
        None => vec![("tutorial", RatingTowers::tutorial()), ("best", RatingTowers::default())],
    };
    let split = Ml100kRandom::read(&arguments.data)?;
    let seeds: Vec<u64> = (1..=arguments.seeds as u64).collect();
    let mut outcomes = Vec::new();
    for (name, towers) in towers {
        let mut of_seeds = Vec::new();
        for &seed in &seeds {
            let measures = match arguments.held_out {
                true => split.measure_held_out(&towers, seed, &device)?,
                false => split.measure(&towers, seed, &device)?,
            };
            let RatingMeasures { accuracy, auc, train_seconds, .. } = measures;
            note(format_args!(
                "{name}, seed {seed}: AUC {auc:.4}, accuracy {accuracy:.4}, trained in {train_seconds:.1} s"
            ));
            of_seeds.push(SeedOutcome { seed, measures });
        }
        outcomes.push(TowersOutcome::new(name, towers, of_seeds));
    }
    let (n_train, n_test) = (split.train().len(), split.test().len());
    if common.json {
        let published: Map<String, Value> = METRICS
            .iter()
            .zip(PUBLISHED)
            .map(|((label, _), value)| (label.to_string(), json!(value)))
            .collect();
        return crate::data::print_json(&json!({
            "protocol": "ml-100k-random",
            "dataset": { "name": "ml-100k", "interactions": n_train + n_test },
            "split": { "train": n_train, "test": n_test, "held_out": arguments.held_out },
            "published": published,
            "models": outcomes,
            "device": common.device,
            "seeds": seeds,
        }));
    }
    let what = if arguments.held_out { "a tenth of the training rows" } else { "the test rows" };
    line(format_args!(
        "ml-100k, random split: {n_train} training rows, {n_test} test rows; measured on {what}, \
         positive from 3 stars on\n"
    ));
    print_table(&outcomes);
    Ok(())
}

impl TowersOutcome {
    fn new(name: &'static str, chosen: RatingTowers, seeds: Vec<SeedOutcome>) -> Self {
        let estimates: Vec<Option<Estimate>> = METRICS
            .iter()
            .map(|(_, of)| Estimate::of(&seeds.iter().map(|seed| of(&seed.measures)).collect::<Vec<_>>()))
            .collect();
        let of_labels = || METRICS.iter().map(|(label, _)| label.to_string()).zip(&estimates);
        let metrics = of_labels().map(|(label, estimate)| (label, json!(estimate.map(|e| e.mean)))).collect();
        let intervals: Map<String, Value> = of_labels()
            .filter_map(|(label, estimate)| {
                let Estimate { mean, half_width, .. } = (*estimate)?;
                let half_width = half_width?;
                Some((label, json!([mean - half_width, mean + half_width])))
            })
            .collect();
        let intervals = (!intervals.is_empty()).then_some(intervals);
        TowersOutcome { name, metrics, intervals, chosen, seeds, estimates }
    }
}

fn print_table(outcomes: &[TowersOutcome]) {
    let mut table = Table::new(["towers"].into_iter().chain(METRICS.map(|(label, _)| label)));
    let published = PUBLISHED.map(|value| format!("{value:.4}"));
    table.push(["published".to_string()].into_iter().chain(published));
    for outcome in outcomes {
        let cells = outcome.estimates.iter().map(|estimate| match estimate {
            Some(estimate) => estimate.to_string(),
            None => "-".into(),
        });
        table.push([outcome.name.to_string()].into_iter().chain(cells));
    }
    table.print();
    line(format_args!("\nconfusion matrix, first seed:"));
    let mut table = Table::new(["towers", "true +", "false +", "true -", "false -"]);
    for outcome in outcomes {
        let confusion = outcome.seeds.first().map(|first| first.measures.confusion).unwrap_or_default();
        table.push([outcome.name.to_string()].into_iter().chain(confusion.map(|count| count.to_string())));
    }
    table.print();
}
