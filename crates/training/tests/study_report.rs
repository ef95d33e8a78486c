//! What a report says of outcomes made by hand.

use std::collections::BTreeMap;

use burn_recsys_training::study::{CandidateReport, Estimate, SeedOutcome, SliceOutcome};

/// One outcome a seed, with one metric in one slice.
fn report(name: &str, values: &[(u64, f64)]) -> CandidateReport {
    let outcome = |&(seed, value): &(u64, f64)| SeedOutcome {
        seed,
        n_epochs: seed,
        held_out_loss: value,
        step_seconds: 0.0,
        n_parameters: 40,
        n_user_parameters: 10,
        slices: vec![SliceOutcome {
            slice: "all".into(),
            n_rows: 1,
            n_users: 1,
            metrics: BTreeMap::from([("AUC".into(), value)]),
        }],
        gate: None,
    };
    CandidateReport { name: name.into(), budget: None, seeds: values.iter().map(outcome).collect() }
}

#[test]
fn an_estimate_of_two_seeds_divides_by_one() {
    // Variance (1 + 1) / 1, standard error sqrt(2 / 2) = 1; scipy.stats.t.ppf(0.975, 1) = 12.7062047
    let estimate = Estimate::of(&[1.0, 3.0]).unwrap();
    assert_eq!((estimate.mean, estimate.n_seeds), (2.0, 2));
    assert!((estimate.half_width.unwrap() - 12.706_204_7).abs() < 1e-3, "{estimate:?}");
}

#[test]
fn a_difference_is_this_minus_the_other_seed_by_seed() {
    let this = report("this", &[(1, 0.75), (2, 0.5), (3, 0.9)]);
    // In another order, and without the third.
    let other = report("other", &[(2, 0.25), (1, 0.625), (4, 0.1)]);
    let difference = this.difference(&other, "all", "AUC").unwrap();
    // 0.75 - 0.625 and 0.5 - 0.25.
    assert_eq!((difference.mean, difference.n_seeds), (0.1875, 2));
    // Half the distance of two values is their standard error.
    assert!((difference.half_width.unwrap() - 12.706_204_7 * 0.0625).abs() < 1e-3, "{difference:?}");
    assert_eq!(other.difference(&this, "all", "AUC").unwrap().mean, -0.1875);
    assert_eq!(this.difference(&other, "light", "AUC"), None);
    assert_eq!(this.difference(&other, "all", "NDCG@10"), None);
    assert_eq!(this.values("all", "AUC"), [(1, 0.75), (2, 0.5), (3, 0.9)]);
    assert_eq!(other.mean(|outcome| outcome.n_epochs as f64).unwrap().mean, 7.0 / 3.0);
    assert_eq!(this.user_bytes(), 40);
}
