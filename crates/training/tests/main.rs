//! The integration tests of the crate in one program.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod candidates;
mod config;
mod crashes;
mod determinism;
mod evaluate;
mod fit;
mod horizon;
mod protocol;
mod recommend;
mod reference;
mod retrieval_task;
mod study;
mod study_config;
mod study_keys;
mod study_replay;
mod study_report;
mod study_seeds;

use std::path::Path;

use burn::tensor::Device;
use burn_recsys_data::synthetic::SyntheticConfig;
use burn_recsys_data::{Dataset, InteractionFormat, Interactions, SplitConfig, Strategy, parse_interactions};
use burn_recsys_models::TwoTower;
use burn_recsys_training::{
    DataConfig, EvaluationConfig, ModelConfig, Prepared, Progress, Result, RunConfig, RunFolder, StepReport,
    Trained, TrainingConfig, ValidationConfig, device_from_name, train,
};

/// The device whose results do not depend on the number of threads.
fn device() -> Device {
    device_from_name("flex").unwrap()
}

/// 80 users of three tastes, 60 items with titles, 1,200 interactions.
fn dataset() -> Dataset {
    let config = SyntheticConfig::default()
        .with_n_users(80)
        .with_n_items(60)
        .with_n_interactions(1_200)
        .with_n_cohorts(3);
    config.generate().unwrap().dataset
}

/// Four epochs of eight steps on [`dataset`], without validation.
fn config() -> RunConfig {
    RunConfig {
        seed: 7,
        data: DataConfig::Named { name: "synthetic".into() },
        filters: Vec::new(),
        split: SplitConfig::new(Strategy::UserTime { test_fraction: 0.2 }),
        model: ModelConfig { d_embedding: 8, ..ModelConfig::default() },
        training: TrainingConfig {
            n_negatives: 4,
            batch_size: 128,
            n_epochs: 4,
            learning_rate: 0.03,
            ..TrainingConfig::default()
        },
        validation: None,
        evaluation: EvaluationConfig { relevant_rating: None, k: vec![5] },
        serving: Default::default(),
    }
}

/// The same after a search for the number of epochs.
fn config_with_search(refit: bool) -> RunConfig {
    let validation = ValidationConfig {
        strategy: Strategy::UserTime { test_fraction: 0.2 },
        metric: "loss".into(),
        patience: 3,
        refit,
    };
    RunConfig { validation: Some(validation), ..config() }
}

fn prepared(config: &RunConfig) -> Prepared {
    Prepared::new(&dataset(), config).unwrap()
}

/// A run from nothing to its end in a new folder.
fn run(path: &Path, config: &RunConfig) -> Trained {
    let prepared = prepared(config);
    let folder = RunFolder::create(path, config, &prepared).unwrap();
    train(&folder, &prepared, config, &device(), &mut ()).unwrap()
}

/// Goes on with the run in a folder, for `n_steps` steps at most.
fn resume(path: &Path, config: &RunConfig, n_steps: usize) -> Result<Trained> {
    let folder = RunFolder::open(path)?;
    train(&folder, &prepared(config), config, &device(), &mut StopAfter { n_steps })
}

/// A run that was stopped after `n_steps` steps.
fn stopped_run(path: &Path, config: &RunConfig, n_steps: usize) {
    RunFolder::create(path, config, &prepared(config)).unwrap();
    let stopped = resume(path, config, n_steps);
    assert!(matches!(stopped, Err(burn_recsys_training::Error::Stopped { .. })), "{stopped:?}");
}

struct StopAfter {
    n_steps: usize,
}

impl Progress<TwoTower> for StopAfter {
    fn step(&mut self, _: StepReport) -> bool {
        self.n_steps = self.n_steps.saturating_sub(1);
        self.n_steps > 0
    }
}

/// Interactions of user and item numbers.
fn interactions(pairs: &[(u32, u32)]) -> Interactions {
    let lines: String = pairs.iter().map(|(user, item)| format!("{user},{item}\n")).collect();
    let text = format!("user,item\n{lines}");
    parse_interactions("pairs", text.as_bytes(), &InteractionFormat::csv("user", "item")).unwrap()
}

/// The text of an error.
fn refused<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}
