//! MovieLens 100K by time: popularity, recent popularity, items met together, and two towers that know what is
//! recent.

use std::time::Instant;

use burn_recsys_data::movielens::read_folder;
use burn_recsys_metrics::statistics::Bootstrap;
use burn_recsys_training::protocol::{Choice, TimeSplit, item_graphs};
use burn_recsys_training::{Evaluation, HorizonConfig, Result, device_from_name, fit_horizons};
use serde_json::json;

use super::contest::FIRST_SEED;
use super::outcome::{Heading, ModelOutcome, ProtocolOutcome, SeedOutcome};
use crate::arguments::{Common, Ml100kTimeProtocol};
use crate::output::line;

/// The length of lists.
const K: usize = 10;
const CHOICE: Choice = Choice { candidate: 0, n_epochs: None, score: None };
/// Of users, for the intervals.
const N_RESAMPLES: usize = 2_000;

/// `protocol ml-100k-time`.
pub(super) fn run(common: &Common, arguments: &Ml100kTimeProtocol) -> Result<()> {
    // Refused before any work is done.
    let device = device_from_name(&common.device)?;
    let dataset = read_folder("ml-100k", &arguments.data)?;
    let split = TimeSplit::new(&dataset)?;
    let (rows, train) = (&dataset.interactions, &split.train);
    let heading = Heading {
        protocol: "ml-100k-time",
        dataset: json!({
            "name": dataset.name, "interactions": rows.len(), "users": rows.n_users(), "items": rows.n_items(),
        }),
        split: json!({
            "train": train.len(), "train_users": train.n_users(), "train_items": train.n_items(),
            "test": split.n_test, "test_users": split.n_test_users(), "horizon": split.horizon,
        }),
        k: K,
    };
    if !common.json {
        heading.print();
    }
    let seeds: Vec<u64> = (0..arguments.seeds as u64).map(|n| FIRST_SEED + n).collect();
    let mut outcome = ProtocolOutcome::new(heading, &common.device, seeds.clone());
    let popular = SeedOutcome::new(FIRST_SEED, &split.evaluate(&split.popular(), K)?, 0.0);
    let recent = SeedOutcome::new(FIRST_SEED, &split.evaluate(&split.recent_popular(), K)?, 0.0);
    for (name, of_model) in [("popular", popular), ("recent-popular", recent)] {
        // No seed changes it.
        outcome.models.push(ModelOutcome::new(name, CHOICE, json!({}), 0.0, vec![of_model]));
    }

    for chosen in item_graphs(&dataset, &split, &format!("NDCG@{K}"), K, &seeds)? {
        let of_seeds = seeds
            .iter()
            .zip(&chosen.evaluations)
            .zip(&chosen.train_seconds)
            .map(|((&seed, evaluation), &seconds)| SeedOutcome::new(seed, evaluation, seconds))
            .collect();
        let choice = Choice { score: chosen.held_out, ..CHOICE };
        let model =
            ModelOutcome::new(chosen.name, choice, json!(chosen.model), chosen.search_seconds, of_seeds);
        outcome.models.push(model.with_users(user_intervals(&chosen.evaluations)?));
    }

    let config = HorizonConfig::default();
    let features = split.features(&config)?;
    let (mut of_seeds, mut evaluations) = (Vec::new(), Vec::new());
    for &seed in &seeds {
        let start = Instant::now();
        let model = fit_horizons(&features, &config, seed, &device, &mut ())?;
        let seconds = start.elapsed().as_secs_f64();
        let evaluation = split.evaluate(&model.scorer(split.horizon)?, K)?;
        of_seeds.push(SeedOutcome::new(seed, &evaluation, seconds));
        evaluations.push(evaluation);
    }
    let choice = Choice { n_epochs: Some(config.n_epochs), ..CHOICE };
    let towers = ModelOutcome::new("two-tower", choice, json!(config), 0.0, of_seeds);
    outcome.models.push(towers.with_users(user_intervals(&evaluations)?));
    if common.json {
        return crate::data::print_json(&outcome);
    }
    for model in &outcome.models {
        line(format_args!("{model}"));
    }
    outcome.print_table();
    Ok(())
}

/// For NDCG and HitRate the interval of the mean over users, each user's the mean over the seeds.
fn user_intervals(evaluations: &[Evaluation]) -> Result<Vec<(String, [f64; 2])>> {
    let bootstrap = Bootstrap::new(N_RESAMPLES, FIRST_SEED)?;
    let mut intervals = Vec::new();
    for label in [format!("NDCG@{K}"), format!("HitRate@{K}")] {
        let mut of_users: Vec<f64> = Vec::new();
        for Evaluation { report, .. } in evaluations {
            let values: Vec<f64> = report.per_user(&label)?.map(|(_, value)| value.unwrap_or(0.0)).collect();
            of_users.resize(values.len(), 0.0);
            of_users.iter_mut().zip(values).for_each(|(sum, value)| *sum += value / evaluations.len() as f64);
        }
        let interval = bootstrap.interval(&of_users);
        intervals.extend(interval.map(|interval| (label, [interval.lower, interval.upper])));
    }
    Ok(intervals)
}
