//! The popularity baseline on MovieLens 100K against the values that
//! `reference/movielens_popularity.py` printed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::PathBuf;

use burn_recsys_metrics::catalogue::Coverage;
use burn_recsys_metrics::ranking::standard_metrics;
use burn_recsys_metrics::{RankingEvaluator, RankingReport};

const K: usize = 10;
const TOLERANCE: f64 = 1e-12;
const WITH_SEEN: [(&str, f64); 7] = [
    ("NDCG@10", 0.07171018595264776),
    ("HitRate@10", 0.29473684210526313),
    ("Recall@10", 0.05031456599102324),
    ("Precision@10", 0.05789473684210526),
    ("MAP@10", 0.03530994152046783),
    ("MRR@10", 0.1414703425229741),
    ("Coverage@10", 0.006188118811881188),
];
const SEEN_REMOVED: [(&str, f64); 7] = [
    ("NDCG@10", 0.13894463566522527),
    ("HitRate@10", 0.47368421052631576),
    ("Recall@10", 0.08770445459481367),
    ("Precision@10", 0.11157894736842106),
    ("MAP@10", 0.07875640490114175),
    ("MRR@10", 0.23283208020050128),
    ("Coverage@10", 0.04702970297029703),
];

struct Rating {
    user: u32,
    item: u32,
    rating: u32,
    timestamp: u32,
}

#[test]
fn popularity_on_ml_100k_equals_replay() {
    let folder = std::env::var_os("BURN_RECSYS_DATA").map(PathBuf::from);
    let Some(folder) = folder.filter(|folder| folder.join("ml-100k/u.data").exists()) else {
        // Not `eprintln!`: the test harness would keep it to itself.
        let _ = writeln!(std::io::stderr(), "skipped: there is no ml-100k/u.data in BURN_RECSYS_DATA");
        return;
    };
    let ratings = read(folder.join("ml-100k").join("u.data"));
    // The test begins at the moment of the rating that stands first in the last fifth.
    let mut moments: Vec<u32> = ratings.iter().map(|rating| rating.timestamp).collect();
    moments.sort_unstable();
    let horizon = moments[ratings.len() * 4 / 5];
    let (train, test): (Vec<Rating>, Vec<Rating>) =
        ratings.into_iter().partition(|rating| rating.timestamp < horizon);
    assert_eq!(train.len(), 79_999);

    let mut seen: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    let mut popularity: BTreeMap<u32, usize> = BTreeMap::new();
    for rating in &train {
        seen.entry(rating.user).or_default().insert(rating.item);
        *popularity.entry(rating.item).or_default() += 1;
    }
    let mut truth: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for Rating { user, item, rating, .. } in test {
        if rating >= 4 && seen.contains_key(&user) && popularity.contains_key(&item) {
            truth.entry(user).or_default().insert(item);
        }
    }
    let mut ranked: Vec<u32> = popularity.keys().copied().collect();
    ranked.sort_by_key(|item| (std::cmp::Reverse(popularity[item]), *item));
    assert_eq!((seen.len(), ranked.len(), truth.len()), (751, 1_616, 95));

    let everything = report(&truth, &ranked, |_| ranked.iter().copied().take(K).collect());
    assert_equal(&everything, &WITH_SEEN);
    let unseen = report(&truth, &ranked, |user| {
        ranked.iter().copied().filter(|item| !seen[&user].contains(item)).take(K).collect()
    });
    assert_equal(&unseen, &SEEN_REMOVED);
}

fn read(path: PathBuf) -> Vec<Rating> {
    let text = std::fs::read_to_string(path).unwrap();
    let rating = |line: &str| {
        let fields: Vec<u32> = line.split('\t').map(|field| field.parse().unwrap()).collect();
        Rating { user: fields[0], item: fields[1], rating: fields[2], timestamp: fields[3] }
    };
    text.lines().map(rating).collect()
}

fn report(
    truth: &BTreeMap<u32, BTreeSet<u32>>,
    catalogue: &[u32],
    recommend: impl Fn(u32) -> Vec<u32>,
) -> RankingReport {
    let mut evaluator = RankingEvaluator::new(standard_metrics(K).unwrap())
        .unwrap()
        .with_catalogue(K, catalogue.iter().copied(), vec![Box::new(Coverage)])
        .unwrap();
    for (&user, relevant) in truth {
        let relevant: Vec<u32> = relevant.iter().copied().collect();
        evaluator.observe(user, &recommend(user), &relevant).unwrap();
    }
    evaluator.finish().unwrap()
}

fn assert_equal(report: &RankingReport, expected: &[(&str, f64)]) {
    for &(label, expected) in expected {
        let value = report.summary(label).unwrap().value.unwrap();
        assert!((value - expected).abs() < TOLERANCE, "{label}: {value} != {expected}");
    }
}
