//! The same bits, whatever the number of threads and wherever a run was stopped.

use std::fs;
use std::path::Path;

use burn_recsys_data::synthetic::SyntheticConfig;
use burn_recsys_training::{OptimizerConfig, Prepared, RunConfig, RunFolder, Seen, evaluate, train};

use crate::{config, config_with_search, device, resume, run, stopped_run};

/// The weights of a finished run, and its epochs without their wall times.
fn outcome(path: &Path) -> (Vec<u8>, Vec<serde_json::Value>) {
    let lines = fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    let epochs = lines
        .lines()
        .map(|line| {
            let mut epoch: serde_json::Value = serde_json::from_str(line).unwrap();
            epoch.as_object_mut().unwrap().remove("seconds").unwrap();
            epoch
        })
        .collect();
    (fs::read(path.join("model.safetensors")).unwrap(), epochs)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    // Large enough that the backend shares out a step's work.
    let data = SyntheticConfig::default().generate().unwrap().dataset;
    let mut config = config_with_search(true);
    config.training.batch_size = 8_192;
    config.training.n_negatives = 10;
    config.training.n_epochs = 2;
    config.model.d_embedding = 16;
    let in_pool = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        pool.install(|| {
            let prepared = Prepared::new(&data, &config).unwrap();
            let folder = RunFolder::create(&path, &config, &prepared).unwrap();
            let trained = train(&folder, &prepared, &config, &device(), &mut ()).unwrap();
            let scorer = trained.model.scorer().unwrap();
            let test = prepared.test_set().unwrap();
            let measured = evaluate(&scorer, &test, &[5, 10], Seen::Removed).unwrap();
            (outcome(&path), measured.report.summaries().to_vec())
        })
    };
    let one = in_pool(1);
    assert_eq!(one.0.1.len(), 4, "two epochs of search, two of fit");
    assert_eq!(one, in_pool(2));
    assert_eq!(one, in_pool(4));
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let outcome_of = |name: &str, config: &RunConfig| {
        let path = root.path().join(name);
        run(&path, config);
        outcome(&path)
    };
    let first = outcome_of("first", &config());
    assert_eq!(first, outcome_of("again", &config()));
    let other = outcome_of("other", &RunConfig { seed: 8, ..config() });
    assert_ne!(first.0, other.0);
    assert_ne!(first.1, other.1);
}

/// Stops after each of these numbers of steps in turn, then lets the run finish.
fn stopped_and_resumed(config: &RunConfig, stops: &[usize]) {
    let root = tempfile::tempdir().unwrap();
    let (whole, cut) = (root.path().join("whole"), root.path().join("cut"));
    let expected = run(&whole, config);
    stopped_run(&cut, config, stops[0]);
    assert!(!cut.join("model.safetensors").exists(), "a stopped run is not finished");
    for &n_steps in &stops[1..] {
        assert!(resume(&cut, config, n_steps).is_err(), "{n_steps} more steps should not be enough");
    }
    let trained = resume(&cut, config, usize::MAX).unwrap();
    assert_eq!(trained.n_epochs, expected.n_epochs);
    assert_eq!(outcome(&cut), outcome(&whole), "stopped after {stops:?} steps");
}

#[test]
fn a_fit_stopped_anywhere_ends_with_the_same_bits() {
    // Eight steps an epoch, four epochs: in the first, at the end of one, in the last.
    for stops in [&[1][..], &[3], &[8], &[9], &[31], &[5, 12, 20]] {
        stopped_and_resumed(&config(), stops);
    }
}

#[test]
fn every_optimizer_is_resumed_with_its_state() {
    for optimizer in [OptimizerConfig::Sgd, OptimizerConfig::RowWiseAdagrad, OptimizerConfig::LazyAdam] {
        let mut config = config();
        config.training.optimizer = optimizer;
        config.training.weight_decay = 0.1;
        stopped_and_resumed(&config, &[12]);
    }
}

#[test]
fn a_search_stopped_anywhere_ends_with_the_same_bits() {
    for refit in [true, false] {
        for stops in [&[1][..], &[9], &[10, 9]] {
            stopped_and_resumed(&config_with_search(refit), stops);
        }
    }
    // In the fit after the search: with seven steps an epoch the search is over by then.
    let config = config_with_search(true);
    let root = tempfile::tempdir().unwrap();
    let whole = run(&root.path().join("whole"), &config);
    let n_search = whole.search.len() * 7;
    stopped_and_resumed(&config, &[n_search + 3]);
    let cut = root.path().join("cut");
    stopped_run(&cut, &config, n_search + 3);
    assert!(
        fs::read_dir(cut.join("checkpoints"))
            .unwrap()
            .all(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with("search-") })
    );
}

#[test]
fn a_finished_run_that_is_resumed_stays_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    for (name, config) in [("fit", config()), ("search", config_with_search(false))] {
        let path = root.path().join(name);
        run(&path, &config);
        let before = outcome(&path);
        resume(&path, &config, 1).expect("there is no step left to take");
        assert_eq!(outcome(&path), before);
    }
}

#[test]
fn patience_ends_the_search_and_the_best_epoch_is_kept() {
    let mut config = config_with_search(false);
    config.training.n_epochs = 60;
    config.training.learning_rate = 0.3;
    let root = tempfile::tempdir().unwrap();
    let trained = run(&root.path().join("run"), &config);
    let losses: Vec<f64> =
        trained.search.iter().map(|record| record.held_out.as_ref().unwrap().held_out_loss).collect();
    let best = (1..).zip(&losses).min_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    assert_eq!(trained.n_epochs, best);
    assert_eq!(losses.len() as u64, best + 3, "three epochs without a better one: {losses:?}");
    assert!(losses.len() < 60 && trained.fit.is_empty());
    // The weights are those of the best epoch, not of the last.
    config.training.n_epochs = best;
    let short = root.path().join("short");
    run(&short, &config);
    assert_eq!(outcome(&short).0, outcome(&root.path().join("run")).0);
}
