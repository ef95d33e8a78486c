//! Frequencies estimated from a stream against those that made the stream.

use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{AliasTable, FrequencyEstimator, FrequencyEstimatorConfig, ItemFrequencies};

/// Rows drawn by weight.
fn stream(weights: &[f64], seed: u64, n_rows: usize) -> Vec<u32> {
    let table = AliasTable::new(weights).unwrap();
    let mut draws = Random::new(seed, Stream::Synthetic, 0).row(0);
    (0..n_rows).map(|_| table.draw(&mut draws)).collect()
}

fn estimator(n_hashes: u32, n_buckets: u32) -> FrequencyEstimator {
    let config = FrequencyEstimatorConfig { n_hashes, n_buckets, learning_rate: 0.005, seed: 1 };
    config.init().unwrap()
}

/// The mean over items of the error of log Q, and of its absolute value.
fn errors(estimator: &FrequencyEstimator, weights: &[f64]) -> (f64, f64) {
    let sum: f64 = weights.iter().sum();
    let n = weights.len() as f64;
    weights.iter().zip(0..).fold((0.0, 0.0), |(mean, absolute), (weight, item)| {
        let error = estimator.log_probability(item) - (weight / sum).ln();
        (mean + error / n, absolute + error.abs() / n)
    })
}

#[test]
fn estimates_converge_to_the_frequencies_of_a_steady_stream() {
    let weights: Vec<f64> = (1..=50).map(|rank| 1.0 / f64::from(rank)).collect();
    let rows = stream(&weights, 1, 200_000);
    let mut estimator = estimator(4, 4096);
    rows.chunks(1000).for_each(|batch| estimator.observe(batch));
    // The stated noise: sqrt(0.005 / 2) = 5%, so |error| is 4% on average; the mean error of 50 items
    // is within 4 of its standard deviations 0.7%.
    let (mean, absolute) = errors(&estimator, &weights);
    assert!(mean.abs() < 0.03 && absolute < 0.06, "mean error {mean}, absolute {absolute}");
    // The same of exact counts, to see that both estimate one thing.
    let mut counts = vec![0; 50];
    rows.iter().for_each(|&item| counts[item as usize] += 1);
    let exact = ItemFrequencies::new(counts).unwrap();
    let worst = (0..50).map(|item| (estimator.log_probability(item) - exact.log_probability(item)).abs());
    assert!(worst.fold(0.0, f64::max) < 0.25);
}

#[test]
fn few_rows_are_averaged_without_a_first_guess() {
    // Every item about 20 times: with weight 0.005 from the start, B would still be 90% its first value.
    let weights = [1.0; 500];
    let mut estimator = estimator(2, 1 << 16);
    estimator.observe(&stream(&weights, 2, 10_000));
    let (mean, _) = errors(&estimator, &weights);
    assert!(mean.abs() < 0.06, "mean error {mean}");
}

#[test]
fn estimates_follow_a_change() {
    let (rare, often) = ([1.0, 9.0, 90.0], [90.0, 9.0, 1.0]);
    let mut estimator = estimator(4, 4096);
    estimator.observe(&stream(&rare, 3, 100_000));
    assert!(errors(&estimator, &rare).1 < 0.15);
    assert!(errors(&estimator, &often).1 > 2.0);
    estimator.observe(&stream(&often, 4, 100_000));
    assert!(errors(&estimator, &often).1 < 0.15);
}

#[test]
fn several_hash_functions_are_less_biased_by_collisions() {
    // 300 items in 512 buckets: under one hash function 44% share a bucket, under four 4% share all.
    let weights: Vec<f64> = (1..=300).map(|rank| 1.0 / f64::from(rank)).collect();
    let rows = stream(&weights, 5, 400_000);
    let mean_error = |n_hashes| {
        let mut estimator = estimator(n_hashes, 512);
        estimator.observe(&rows);
        errors(&estimator, &weights).0
    };
    let (single, several) = (mean_error(1), mean_error(4));
    assert!(single > 0.3, "a single hash function: {single}");
    assert!(several.abs() < 0.2 * single, "one {single}, four {several}");
}

#[test]
fn items_never_seen_are_as_if_they_came_next() {
    let mut estimator = estimator(4, 4096);
    assert_eq!(estimator.log_probability(3), 0.0);
    estimator.observe(&[0; 99]);
    assert_eq!(estimator.log_probability(3), -100_f64.ln());
    assert_eq!(estimator.log_probability(0), 0.0);
}

#[test]
fn the_state_is_of_rows_not_of_batches_and_survives_saving() {
    let rows = stream(&[3.0, 2.0, 1.0, 0.5], 6, 5_000);
    let mut whole = estimator(3, 64);
    whole.observe(&rows);
    let mut parts = estimator(3, 64);
    rows[..3_333].chunks(17).for_each(|batch| parts.observe(batch));
    let saved = serde_json::to_string(&parts).unwrap();
    let mut resumed: FrequencyEstimator = serde_json::from_str(&saved).unwrap();
    assert_eq!(parts, resumed);
    resumed.observe(&rows[3_333..]);
    assert_eq!(whole, resumed);

    let load = |text: String| serde_json::from_str::<FrequencyEstimator>(&text).unwrap_err().to_string();
    let error = load(saved.replace("\"n_buckets\":64", "\"n_buckets\":65"));
    assert!(error.contains("buckets: 192 are saved, but the configuration has 195"), "{error}");
    let error = load(saved.replace("\"n_observed\":3333", "\"n_observed\":5"));
    assert!(error.contains("which cannot be after 5 rows"), "{error}");
    let error = load(saved.replace("\"learning_rate\":0.005", "\"learning_rate\":-1.0"));
    assert!(error.contains("learning_rate: -1 must be above 0"), "{error}");
}
