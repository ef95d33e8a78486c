//! What the choice of negatives does to popular and to rare items, as a table or as JSON.

use burn_recsys_data::protocol::LightGcn;
use burn_recsys_training::protocol::{
    HEAD_FRACTION, Sampling, SamplingOutcome, TrainPart, sampling_bias, tail_share_of_test,
};
use burn_recsys_training::study::Estimate;
use burn_recsys_training::{Result, device_from_name};
use serde_json::{Map, Value, json};

use crate::arguments::{Common, SamplingProtocol};
use crate::output::line;
use crate::progress::ContestProgress;
use crate::table::Table;

/// A metric's name and what it is in an outcome.
type Measured = (&'static str, fn(&SamplingOutcome) -> Option<f64>);

const MEASURED: [Measured; 6] = [
    ("NDCG", |outcome| outcome.ndcg),
    ("Recall", |outcome| outcome.recall),
    ("HeadRecall", |outcome| outcome.head_recall),
    ("TailRecall", |outcome| outcome.tail_recall),
    ("Coverage", |outcome| outcome.coverage),
    ("TailShare", |outcome| outcome.tail_share),
];

/// `protocol sampling`.
pub(super) fn run(common: &Common, arguments: &SamplingProtocol) -> Result<()> {
    let split = LightGcn::read(&arguments.data)?;
    let train = TrainPart { positives: &split.train, n_items: split.items.len() };
    let device = device_from_name(&common.device)?;
    let (k, n_epochs) = (arguments.k, arguments.epochs);
    let expected = tail_share_of_test(train, &split.test);
    let progress = ContestProgress::new();
    let mut rows = Vec::new();
    for sampling in Sampling::ALL {
        let mut outcomes = Vec::new();
        for seed in 1..=arguments.seeds as u64 {
            progress.now(format!(
                "{}: seed {seed} of {}, {n_epochs} epochs",
                sampling.name(),
                arguments.seeds
            ));
            outcomes.push(sampling_bias(train, &split.test, sampling, n_epochs, k, seed, &device)?);
        }
        let estimates: Vec<(String, Option<Estimate>)> = MEASURED
            .iter()
            .map(|(name, value)| {
                let values: Vec<f64> = outcomes.iter().filter_map(value).collect();
                (format!("{name}@{k}"), Estimate::of(&values))
            })
            .collect();
        rows.push((sampling, estimates));
    }
    drop(progress);
    if common.json {
        let models: Vec<Value> =
            rows.iter().map(|(sampling, estimates)| model(*sampling, estimates)).collect();
        return crate::data::print_json(&json!({
            "protocol": "sampling", "head_fraction": HEAD_FRACTION, "test_tail_share": expected,
            "k": k, "n_epochs": n_epochs, "seed": 1, "seeds": (1..=arguments.seeds).collect::<Vec<_>>(),
            "device": common.device, "models": models,
        }));
    }
    let labels = rows.first().map(|(_, estimates)| estimates.iter().map(|(label, _)| label.clone()));
    let mut table = Table::new(["negatives".to_string()].into_iter().chain(labels.into_iter().flatten()));
    for (sampling, estimates) in &rows {
        let cells = estimates.iter().map(|(_, estimate)| cell(*estimate));
        table.push([sampling.name().to_string()].into_iter().chain(cells));
    }
    table.print();
    line(format_args!(
        "\nthe head is the {:.0}% of the items met most often; {:.1}% of the test part is of the tail",
        100.0 * HEAD_FRACTION,
        100.0 * expected
    ));
    Ok(())
}

fn model(sampling: Sampling, estimates: &[(String, Option<Estimate>)]) -> Value {
    let of = |value: fn(Estimate) -> Value| -> Map<String, Value> {
        let values =
            estimates.iter().map(|(label, estimate)| (label.clone(), estimate.map_or(Value::Null, value)));
        values.collect()
    };
    json!({
        "name": sampling.name(),
        "metrics": of(|estimate| json!(estimate.mean)),
        "intervals": of(|estimate| {
            json!(estimate.half_width.map(|half| [estimate.mean - half, estimate.mean + half]))
        }),
    })
}

fn cell(estimate: Option<Estimate>) -> String {
    match estimate {
        None => "-".into(),
        Some(Estimate { mean, half_width: None, .. }) => format!("{mean:.4}"),
        Some(Estimate { mean, half_width: Some(half), .. }) => format!("{mean:.4} ± {half:.4}"),
    }
}
