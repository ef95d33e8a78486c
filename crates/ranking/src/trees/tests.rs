use burn_recsys_data::random::{Random, Stream};
use burn_recsys_retrieval::Hit;
use proptest::prelude::*;

use super::*;
use crate::{ItemFactColumns, ItemFacts, RankingExamples};

/// Visits with 10 candidates of 3 features, of which the first says which is best, unless it is missing; then
/// the second does.
fn examples(n_visits: u64, seed: u64) -> RankingExamples {
    let mut examples = RankingExamples::new(["first", "second", "noise"].map(String::from).into());
    let random = Random::new(seed, Stream::Synthetic, 0);
    for visit in 0..n_visits {
        let mut draws = random.row(visit);
        let mut features = Vec::new();
        let mut worth = Vec::new();
        for _ in 0..10 {
            let values = [draws.uniform(), draws.uniform(), draws.uniform()].map(|value| value as f32);
            let is_missing = draws.below(2) == 0;
            features.extend([if is_missing { f32::NAN } else { values[0] }, values[1], values[2]]);
            worth.push(if is_missing { values[1] } else { values[0] });
        }
        let best = (0..10).max_by(|&a, &b| f32::total_cmp(&worth[a], &worth[b])).unwrap();
        let labels: Vec<u8> = (0..10).map(|candidate| u8::from(candidate == best)).collect();
        examples.push(&features, &labels).unwrap();
    }
    examples
}

fn small() -> BoostedTreesConfig {
    BoostedTreesConfig { n_trees: 30, max_depth: 3, learning_rate: 0.3, ..BoostedTreesConfig::default() }
}

/// The share of visits whose candidate of label 1 has the highest score.
fn hit_rate(scores: &[f32], labels: &[f32]) -> f64 {
    let is_hit = |(scores, labels): &(&[f32], &[f32])| {
        let best = (0..10).max_by(|&a, &b| f32::total_cmp(&scores[a], &scores[b])).unwrap();
        labels[best] == 1.0
    };
    let visits = scores.chunks(10).zip(labels.chunks(10));
    let n = visits.len() as f64;
    visits.filter(is_hit).count() as f64 / n
}

#[test]
fn what_is_best_is_learned_through_missing_values() {
    let held_out = examples(300, 2);
    for objective in [RankingObjective::Ndcg, RankingObjective::Pairwise] {
        let trees = BoostedTreesConfig { objective, ..small() }.fit(&examples(600, 1)).unwrap();
        let scores = trees.scores(held_out.features()).unwrap();
        // One of ten by chance.
        let rate = hit_rate(&scores, held_out.labels());
        assert!(rate > 0.7, "{objective:?}: {rate}");
        let [first, second, noise] = trees.importances()[..] else { panic!("three features") };
        assert!((first + second + noise - 1.0).abs() < 1e-5);
        assert!(first > 5.0 * noise && second > 5.0 * noise, "{first} {second} {noise}");
    }
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    let examples = examples(200, 3);
    let config = BoostedTreesConfig { row_fraction: 0.7, feature_fraction: 0.7, ..small() };
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| config.fit(&examples)).unwrap()
    };
    let one = fit(1);
    assert_eq!(one.to_bytes(), fit(3).to_bytes());
    let other = BoostedTreesConfig { seed: 1, ..config.clone() }.fit(&examples).unwrap();
    assert_ne!(one.to_bytes(), other.to_bytes());
}

#[test]
fn trees_say_what_the_library_that_fitted_them_says() {
    use hessboost::prelude::*;
    let examples = examples(200, 4);
    let rows = DMatrix::from_dense(examples.features(), examples.len(), 3).unwrap();
    let rows = rows.with_labels(examples.labels()).unwrap().with_group_sizes(examples.group_sizes()).unwrap();
    for depth in [1, 4, 8] {
        let config = BoostedTreesConfig { max_depth: depth, min_child_weight: 0.0, ..small() };
        let trees = config.fit(&examples).unwrap();
        let parameters = TrainingParams::builder()
            .objective(Objective::RankNdcg(hessboost::objective::LambdaRank::default()))
            .tree_method(TreeMethod::Hist)
            .max_depth(depth)
            .min_child_weight(0.0)
            .eta(0.3)
            .build()
            .unwrap();
        let model = train(&parameters, &rows, 30).unwrap();
        let expected = model.predict(&rows, Iterations::Best).unwrap();
        let scores = trees.scores(examples.features()).unwrap();
        for (score, expected) in scores.iter().zip(expected.as_slice()) {
            assert!((score + model.base_score() - expected).abs() < 1e-4, "{score} {expected}");
        }
    }
}

#[test]
fn rows_go_where_a_plain_walk_goes() {
    let splits = [(0.5, 0, true), (1.0, 1, false), (f32::INFINITY, 0, false)]
        .map(|(threshold, feature, is_missing_left)| Split { threshold, feature, is_missing_left });
    let tree = Tree { splits: splits.to_vec(), leaves: vec![1.0, 2.0, 4.0, 8.0], gains: vec![0.0; 3] };
    let trees = BoostedTrees { names: vec!["a".into(), "b".into()], trees: vec![tree.clone(), tree] };
    let nan = f32::NAN;
    // Below 0.5 and missing go left; there, 1 and missing go right. At the right, all but missing go left.
    let rows = [[0.4, 0.9], [0.5, 0.0], [nan, 1.0], [0.0, nan], [7.0, nan], [f32::MAX, 3.0]];
    let one = [1.0, 4.0, 2.0, 2.0, 4.0, 4.0];
    // More rows than go down together.
    let many: Vec<f32> = (0..5).flat_map(|_| rows.iter().flatten().copied()).collect();
    let expected: Vec<f32> = (0..5).flat_map(|_| one.map(|leaf| 2.0 * leaf)).collect();
    assert_eq!(trees.scores(&many).unwrap(), expected);
    assert!(trees.scores(&[]).unwrap().is_empty());
    assert!(trees.scores(&[1.0; 3]).is_err());
}

#[test]
fn bad_parameters_are_refused() {
    let message = |config: BoostedTreesConfig| config.fit(&examples(5, 1)).unwrap_err().to_string();
    let default = BoostedTreesConfig::default;
    for (config, parameter) in [
        (BoostedTreesConfig { n_trees: 0, ..default() }, "n_trees"),
        (BoostedTreesConfig { max_depth: 9, ..default() }, "max_depth"),
        (BoostedTreesConfig { learning_rate: 0.0, ..default() }, "learning_rate"),
        (BoostedTreesConfig { row_fraction: f64::NAN, ..default() }, "row_fraction"),
        (BoostedTreesConfig { feature_fraction: 1.5, ..default() }, "feature_fraction"),
        (BoostedTreesConfig { l2: -1.0, ..default() }, "l2"),
    ] {
        assert!(message(config).starts_with(parameter));
    }
    let none = BoostedTreesConfig::default().fit(&examples(0, 1)).unwrap_err().to_string();
    assert!(none.starts_with("examples: there are none"), "{none}");
}

#[test]
fn scores_do_not_fall_when_an_increasing_feature_rises() {
    let config = BoostedTreesConfig { increasing: vec!["noise".into()], ..small() };
    let examples = examples(100, 8);
    let (bound, free) = (config.fit(&examples).unwrap(), small().fit(&examples).unwrap());
    let falls = |trees: &BoostedTrees| {
        let rows: Vec<f32> = (0..100).flat_map(|step| [0.5, 0.5, step as f32 / 100.0]).collect();
        trees.scores(&rows).unwrap().windows(2).any(|pair| pair[1] < pair[0])
    };
    assert!(!falls(&bound) && falls(&free));
    let unknown = BoostedTreesConfig { increasing: vec!["third".into()], ..small() };
    assert!(unknown.fit(&examples).unwrap_err().to_string().contains("no feature third"));
}

#[test]
fn trees_of_other_features_are_refused() {
    let facts = ItemFacts::new(ItemFactColumns {
        counts: vec![1.0].into(),
        recent_counts: vec![1.0].into(),
        mean_ratings: vec![1.0].into(),
        category_offsets: vec![0, 0].into(),
        categories: vec![].into(),
    })
    .unwrap();
    let features = RankFeatures::new(["a"], facts.clone());
    let trees = |names: Vec<String>| BoostedTrees { names, trees: Vec::new() };
    let ranker = TreeRanker::new(features.clone(), trees(features.names())).unwrap();
    let candidates = Candidates::merge(&[vec![Hit { item: 0, score: 1.0 }]]);
    assert_eq!(ranker.scores(&Visitor::default(), &candidates).unwrap(), [0.0]);
    let message = |trees| TreeRanker::new(features.clone(), trees).unwrap_err().to_string();
    let others = trees(RankFeatures::new(["b"], facts).names());
    assert!(message(others).contains("made for b.score where a.score is"));
    assert!(message(trees(vec!["a.score".into()])).contains("features: 13, but 1"));
}

#[test]
fn a_file_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trees");
    let trees = small().fit(&examples(50, 5)).unwrap();
    trees.write(&path).unwrap();
    assert_eq!(BoostedTrees::read(&path).unwrap(), trees);
    let missing = BoostedTrees::read(&folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("none: "), "{missing}");
    std::fs::write(&path, b"something else").unwrap();
    let other = BoostedTrees::read(&path).unwrap_err().to_string();
    assert!(other.contains("do not begin as trees do"), "{other}");
    let mut newer = trees.to_bytes();
    newer[7] = 2;
    assert!(BoostedTrees::from_bytes(&newer).unwrap_err().to_string().contains("version 2"));
}

/// Bytes with a checksum that is right.
fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let checksum = Sha256::digest(&content);
    content.extend(checksum);
    content
}

fn two_trees() -> Vec<u8> {
    let split = Split { threshold: 0.5, feature: 1, is_missing_left: true };
    let tree = Tree { splits: vec![split; 3], leaves: vec![1.0, 2.0, 3.0, 4.0], gains: vec![1.0; 3] };
    let stump = Tree { splits: vec![], leaves: vec![0.5], gains: vec![] };
    BoostedTrees { names: vec!["a".into(), "bc".into()], trees: vec![tree, stump] }.to_bytes()
}

proptest! {
    #[test]
    fn a_flipped_bit_is_an_error(at in 0usize..10_000, bit in 0u8..8) {
        let mut bytes = two_trees();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(BoostedTrees::from_bytes(&bytes).is_err());
    }

    #[test]
    fn bytes_that_end_early_are_an_error(n in 0usize..10_000) {
        let bytes = two_trees();
        prop_assert!(BoostedTrees::from_bytes(&bytes[..n % bytes.len()]).is_err());
    }

    /// Whoever writes a right checksum over wrong trees gets an error, or trees that can be asked.
    #[test]
    fn wrong_trees_never_panic(
        changes in prop::collection::vec((8usize..10_000, any::<u8>()), 1..6),
        cut in 0usize..200,
    ) {
        let mut content = two_trees();
        content.truncate(content.len() - 32);
        for (at, byte) in changes {
            let at = 8 + at % (content.len() - 8);
            content[at] = byte;
        }
        content.truncate(content.len().saturating_sub(cut / 4));
        if let Ok(trees) = BoostedTrees::from_bytes(&sealed(content)) {
            let rows = vec![0.25; 3 * trees.names().len()];
            prop_assert_eq!(trees.scores(&rows).unwrap().len(), 3);
        }
    }

    #[test]
    fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_sealed in any::<bool>()) {
        if is_sealed {
            bytes.splice(0..0, *b"BRTREES\x01");
            bytes = sealed(bytes);
        }
        let _ = BoostedTrees::from_bytes(&bytes);
    }
}
