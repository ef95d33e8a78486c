//! Events after one another: a temporal graph network beside models that learn nothing of what passes.

use std::time::Instant;

use burn_recsys_data::movielens::read_folder;
use burn_recsys_training::protocol::{
    Choice, Contender, Epochs, LinkMeasures, LinkOutcome, Protocol, ProtocolModel, RefittedLinks,
    TemporalLinks, choose,
};
use burn_recsys_training::{Result, TemporalScorer, TemporalTraining, device_from_name, fit_temporal};
use serde_json::{Map, Value, json};

use super::contest::FIRST_SEED;
use super::outcome::{Heading, ModelOutcome, ProtocolOutcome, SeedOutcome};
use crate::arguments::{Common, TemporalProtocol};
use crate::output::line;
use crate::progress::ContestProgress;

/// The part of the rows that is tested, and of the training part that settings are chosen by.
const FRACTION: f64 = 0.2;
/// The length of lists.
const K: usize = 10;
/// Fitted once to the training part.
const STATIC: [ProtocolModel; 5] = [
    ProtocolModel::Popular,
    ProtocolModel::ItemKnn,
    ProtocolModel::Ease,
    ProtocolModel::Bpr,
    ProtocolModel::LightGcn,
];

/// Fitted again before every batch of events.
const REFITTED: [ProtocolModel; 2] = [ProtocolModel::Popular, ProtocolModel::ItemKnn];

/// `protocol temporal`.
pub(super) fn run(common: &Common, arguments: &TemporalProtocol) -> Result<()> {
    // Refused before any work is done.
    let device = device_from_name(&common.device)?;
    let config = match &arguments.config {
        Some(path) => TemporalTraining::read(path)?,
        None => TemporalTraining::default(),
    };
    let name = arguments.data.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let dataset = read_folder(&name, &arguments.data)?;
    let mut links = TemporalLinks::new(&dataset.interactions, FRACTION)?;
    if arguments.held_out {
        links = links.hold_out(FRACTION)?;
    }
    let rows = &dataset.interactions;
    let heading = Heading {
        protocol: "temporal",
        dataset: json!({
            "name": dataset.name, "interactions": rows.len(), "users": rows.n_users(), "items": rows.n_items(),
        }),
        split: json!({
            "train": links.n_train(), "train_users": links.n_train_users(), "test": links.n_test(),
            "test_users": links.n_test_users(), "horizon": links.horizon(), "held_out": arguments.held_out,
        }),
        k: K,
    };
    if !common.json {
        heading.print();
    }
    let seeds: Vec<u64> = (0..arguments.seeds as u64).map(|n| FIRST_SEED + n).collect();
    let mut outcome = ProtocolOutcome::new(heading, &common.device, seeds.clone());
    let progress = ContestProgress::new();
    let validation = links.static_validation(FRACTION)?;
    for model in STATIC {
        progress.now(format!("{model}"));
        let contender = model.contender(&device);
        outcome.models.extend(static_model(model, contender.as_ref(), &links, &validation, &seeds)?);
    }
    let mut of_seeds = Vec::new();
    let mut n_epochs = None;
    for &seed in &seeds {
        progress.now(format!("temporal graph network: seed {seed}"));
        let start = Instant::now();
        let fitted = fit_temporal(&config, &links.train_events()?, seed, &device, &mut ())?;
        let train = start.elapsed().as_secs_f64();
        for record in &fitted.search {
            let score = record.held_out.as_ref().map_or(f64::NAN, |held_out| held_out.score);
            progress.line(&format!("seed {seed}, epoch {}: held-out MRR {score:.4}", record.epoch));
        }
        n_epochs.get_or_insert(fitted.n_epochs);
        let start = Instant::now();
        let found = links.evaluate(&mut TemporalScorer::new(&fitted.model, fitted.state), seed)?;
        of_seeds.push(SeedOutcome::of_metrics(seed, metrics(&found), [train, start.elapsed().as_secs_f64()]));
    }
    let choice = Choice { candidate: 0, n_epochs, score: None };
    outcome.models.push(ModelOutcome::new("tgn", choice, json!(config), 0.0, of_seeds));
    drop(progress);
    if common.json {
        return crate::data::print_json(&outcome);
    }
    for model in &outcome.models {
        line(format_args!("{model}"));
    }
    outcome.print_table();
    Ok(())
}

/// A model that is fitted once, and perhaps what it is when it is fitted again before every batch.
fn static_model(
    model: ProtocolModel,
    contender: &dyn Contender,
    links: &TemporalLinks,
    validation: &Protocol,
    seeds: &[u64],
) -> Result<Vec<ModelOutcome>> {
    let start = Instant::now();
    let choice = choose(contender, Some(validation), K, FIRST_SEED, &mut |_| {})?;
    let search = start.elapsed().as_secs_f64();
    let (mut once, mut again) = (Vec::new(), Vec::new());
    // Another seed draws other items for the average precision, of a model without seeds too.
    for &seed in seeds {
        let start = Instant::now();
        let epochs = choice.n_epochs.map_or(Epochs::Configured, Epochs::Exactly);
        let scorer = contender.fit(choice.candidate, links.train_part(), seed, epochs)?;
        let train = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let found = links.evaluate_static(scorer.as_ref(), seed)?;
        once.push(SeedOutcome::of_metrics(seed, metrics(&found), [train, start.elapsed().as_secs_f64()]));
        if REFITTED.contains(&model) {
            let start = Instant::now();
            let mut refitted = RefittedLinks::new(contender, choice, links.train_part(), seed)?;
            let found = links.evaluate(&mut refitted, seed)?;
            again.push(SeedOutcome::of_metrics(
                seed,
                metrics(&found),
                [train, start.elapsed().as_secs_f64()],
            ));
        }
    }
    let chosen = contender.parameters(choice.candidate);
    let mut outcomes = vec![ModelOutcome::new(model.name(), choice, chosen.clone(), search, once)];
    if !again.is_empty() {
        let name = format!("{model}, refitted");
        outcomes.push(ModelOutcome::new(&name, choice, chosen, 0.0, again));
    }
    Ok(outcomes)
}

/// Measures by label.
fn metrics(outcome: &LinkOutcome) -> Map<String, Value> {
    let of = |prefix: &str, measures: &LinkMeasures| {
        [
            (format!("{prefix}AP"), json!(measures.average_precision)),
            (format!("{prefix}MRR"), json!(measures.reciprocal_rank)),
            (format!("{prefix}Recall@{K}"), json!(measures.recall_at_10)),
            (format!("{prefix}events"), json!(measures.n)),
        ]
    };
    let warm = outcome.warm.iter().flat_map(|measures| of("warm ", measures));
    of("", &outcome.all).into_iter().chain(warm).collect()
}
