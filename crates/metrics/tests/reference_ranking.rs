//! The ranking and catalogue metrics against the values of RePlay in `reference/ranking.json`.

use std::collections::{BTreeMap, BTreeSet};

use burn_recsys_metrics::RankingEvaluator;
use burn_recsys_metrics::catalogue::Coverage;
use burn_recsys_metrics::ranking::standard_metrics;
use serde::Deserialize;

const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Case {
    name: String,
    ks: Vec<usize>,
    recommendations: UserLists,
    ground_truth: UserLists,
    train_items: Vec<u32>,
    values: BTreeMap<String, f64>,
    per_user: BTreeMap<String, Vec<(u32, f64)>>,
}

#[derive(Deserialize)]
#[serde(from = "Vec<(u32, Vec<u32>)>")]
struct UserLists(BTreeMap<u32, Vec<u32>>);

impl From<Vec<(u32, Vec<u32>)>> for UserLists {
    fn from(lists: Vec<(u32, Vec<u32>)>) -> Self {
        Self(lists.into_iter().collect())
    }
}

#[test]
fn every_value_equals_replay() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("reference/ranking.json")).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let report = evaluate(&case).finish().unwrap();
        assert_eq!(case.values.len(), report.summaries().len(), "{}", case.name);
        for (label, &expected) in &case.values {
            let value = report.summary(label).unwrap().value.unwrap();
            assert!((value - expected).abs() < TOLERANCE, "{} {label}: {value} != {expected}", case.name);
        }
        for (label, expected) in &case.per_user {
            let defined = report.per_user(label).unwrap().filter_map(|(u, value)| Some((u, value?)));
            let values: Vec<(u32, f64)> = defined.collect();
            assert_eq!(values.len(), expected.len(), "{} {label}: users", case.name);
            for (&(user, value), &(expected_user, expected)) in values.iter().zip(expected) {
                assert_eq!(user, expected_user, "{} {label}", case.name);
                let difference = (value - expected).abs();
                assert!(difference < TOLERANCE, "{} {label} user {user}: {value} != {expected}", case.name);
            }
        }
    }
}

#[test]
fn the_fixture_holds_the_hard_users() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("reference/ranking.json")).unwrap();
    let lists = || cases.iter().map(|case| (&case.recommendations.0, &case.ground_truth.0));
    assert!(lists().any(|(recommended, truth)| truth.keys().any(|user| !recommended.contains_key(user))));
    assert!(lists().any(|(recommended, truth)| recommended.keys().any(|user| !truth.contains_key(user))));
    assert!(lists().any(|(recommended, _)| recommended.values().any(|list| list.len() < 3)));
}

fn evaluate(case: &Case) -> RankingEvaluator {
    let metrics = case.ks.iter().flat_map(|&k| standard_metrics(k).unwrap()).collect();
    let mut evaluator = RankingEvaluator::new(metrics).unwrap();
    for &k in &case.ks {
        let items = case.train_items.iter().copied();
        evaluator = evaluator.with_catalogue(k, items, vec![Box::new(Coverage)]).unwrap();
    }
    let (recommendations, ground_truth) = (&case.recommendations.0, &case.ground_truth.0);
    let users: BTreeSet<u32> = recommendations.keys().chain(ground_truth.keys()).copied().collect();
    for user in users {
        let list = |lists: &BTreeMap<u32, Vec<u32>>| lists.get(&user).cloned().unwrap_or_default();
        evaluator.observe(user, &list(recommendations), &list(ground_truth)).unwrap();
    }
    evaluator
}
