//! What counts in an evaluation, by hand.

use burn_recsys_baselines::{ItemScorer, Popular, VectorScorer};
use burn_recsys_data::Interactions;
use burn_recsys_retrieval::{ExactIndex, Precision};
use burn_recsys_training::{Error, Evaluation, Seen, TestSet, evaluate, evaluate_index};

use crate::{interactions, refused};

/// The same scores for every user.
struct Same(Vec<f32>);

impl ItemScorer for Same {
    fn n_items(&self) -> usize {
        self.0.len()
    }

    fn score(&self, _users: &[u32], scores: &mut [f32]) {
        scores.chunks_exact_mut(self.0.len()).for_each(|row| row.copy_from_slice(&self.0));
    }
}

/// Users 1 to 3, items 10 to 40; user 3 has met everything but 40.
fn train() -> Interactions {
    interactions(&[(1, 10), (1, 20), (2, 10), (2, 40), (3, 10), (3, 20), (3, 30)])
}

fn value(evaluation: &Evaluation, label: &str) -> f64 {
    evaluation.report.summary(label).unwrap().value.unwrap()
}

fn measured(test: &TestSet, scores: [f32; 4], k: usize, seen: Seen) -> Evaluation {
    evaluate(&Same(scores.to_vec()), test, &[k], seen).unwrap()
}

#[test]
fn an_overlap_is_refused_with_counts_and_ids() {
    // The id maps of the parts differ: user 3 has index 1 in the test part.
    let test = interactions(&[(1, 40), (3, 99), (3, 20), (3, 10)]);
    let error = TestSet::new(&train(), &test).unwrap_err();
    let Error::Leakage { overlap, test, user, item } = &error else { panic!("{error}") };
    assert_eq!((*overlap, *test, user.as_str(), item.as_str()), (2, 4, "3", "20"));
    let message = error.to_string();
    assert!(
        message.starts_with("2 of 4 test interactions are in the training part (first: user 3, item 20)")
    );
    assert!(message.contains("kind = \"duplicates\""), "{message}");
}

#[test]
fn an_empty_test_part_is_refused() {
    let message = refused(TestSet::new(&train(), &train().select(&[])));
    assert!(message.starts_with("no interactions are left after taking the test part"), "{message}");
}

#[test]
fn hits_are_counted_by_hand() {
    let test = TestSet::new(&train(), &interactions(&[(1, 30), (2, 20), (2, 30)])).unwrap();
    assert_eq!(test.n_users(), 2);
    // Unseen by score: user 1 gets 40, 30; user 2 gets 30, 20.
    let evaluation = measured(&test, [1.0, 2.0, 3.0, 4.0], 2, Seen::Removed);
    let second = 1.0 / 3f64.log2();
    assert!((value(&evaluation, "NDCG@2") - (second + 1.0) / 2.0).abs() < 1e-12);
    assert_eq!(value(&evaluation, "HitRate@2"), 1.0);
    assert_eq!(value(&evaluation, "Precision@2"), 0.75);
    assert_eq!(value(&evaluation, "MRR@2"), 0.75);
    assert_eq!(value(&evaluation, "Coverage@2"), 0.75);
    // With the seen ones both get 40, 30.
    let evaluation = measured(&test, [1.0, 2.0, 3.0, 4.0], 2, Seen::Kept);
    assert_eq!(value(&evaluation, "Recall@2"), (1.0 + 0.5) / 2.0);
    assert_eq!(value(&evaluation, "Coverage@2"), 0.5);
}

#[test]
fn ties_go_to_the_lower_item() {
    let test = TestSet::new(&train(), &interactions(&[(1, 30), (2, 20)])).unwrap();
    let evaluation = measured(&test, [0.0; 4], 1, Seen::Removed);
    assert_eq!(value(&evaluation, "HitRate@1"), 1.0);
}

#[test]
fn items_that_training_never_saw_count_as_missed() {
    // 5 sorts before every known item and 99 after: neither may pass for another one.
    let known = TestSet::new(&train(), &interactions(&[(1, 30)])).unwrap();
    let cold = TestSet::new(&train(), &interactions(&[(1, 5), (1, 30), (1, 99)])).unwrap();
    let [known, cold] = [known, cold].map(|test| measured(&test, [1.0, 2.0, 3.0, 0.0], 4, Seen::Removed));
    assert_eq!((value(&known, "Recall@4"), value(&cold, "Recall@4")), (1.0, 1.0 / 3.0));
    let best = 1.0 + 1.0 / 3f64.log2() + 1.0 / 4f64.log2();
    assert!((value(&cold, "NDCG@4") - 1.0 / best).abs() < 1e-12);
    let only_cold = TestSet::new(&train(), &interactions(&[(1, 5)])).unwrap();
    assert_eq!(value(&measured(&only_cold, [0.0; 4], 4, Seen::Removed), "HitRate@4"), 0.0);
}

#[test]
fn users_that_training_never_saw_count_zero() {
    // 0 sorts before every known user and 9 after.
    let test = TestSet::new(&train(), &interactions(&[(0, 10), (2, 30), (9, 10), (9, 20)])).unwrap();
    assert_eq!(test.n_users(), 3);
    let evaluation = measured(&test, [1.0, 2.0, 3.0, 4.0], 1, Seen::Removed);
    assert_eq!(value(&evaluation, "HitRate@1"), 1.0 / 3.0);
    let per_user: Vec<f64> =
        evaluation.report.per_user("HitRate@1").unwrap().map(|(_, value)| value.unwrap()).collect();
    assert_eq!(per_user, [1.0, 0.0, 0.0]);
    let strangers = TestSet::new(&train(), &interactions(&[(9, 10)])).unwrap();
    let evaluation = measured(&strangers, [1.0; 4], 3, Seen::Removed);
    assert_eq!((value(&evaluation, "NDCG@3"), value(&evaluation, "Coverage@3")), (0.0, 0.0));
}

#[test]
fn a_list_longer_than_the_catalogue_is_the_whole_catalogue() {
    let test = TestSet::new(&train(), &interactions(&[(3, 40)])).unwrap();
    let evaluation = measured(&test, [4.0, 3.0, 2.0, 1.0], 1_000, Seen::Removed);
    // One item is left for user 3, and it is the right one.
    assert_eq!((value(&evaluation, "NDCG@1000"), value(&evaluation, "Recall@1000")), (1.0, 1.0));
    assert_eq!(value(&evaluation, "Precision@1000"), 0.001);
    assert_eq!(value(&evaluation, "Coverage@1000"), 0.25);
    let kept = measured(&test, [4.0, 3.0, 2.0, 1.0], 1_000, Seen::Kept);
    assert_eq!(value(&kept, "Coverage@1000"), 1.0);
    assert_eq!(value(&kept, "MRR@1000"), 0.25);
}

#[test]
fn coverage_is_over_the_items_with_a_training_row() {
    // Item 40 stays in the id map but loses its only row.
    let train = train().retain(|row| row != 3);
    assert_eq!(train.n_items(), 4);
    let test = TestSet::new(&train, &interactions(&[(1, 30), (2, 20)])).unwrap();
    // User 1 gets 40, 30; user 2 gets 40, 30: of 10, 20, 30 only 30 is recommended.
    let evaluation = measured(&test, [1.0, 2.0, 3.0, 4.0], 2, Seen::Removed);
    assert_eq!(value(&evaluation, "Coverage@2"), 1.0 / 3.0);
}

#[test]
fn several_lengths_are_measured_at_once() {
    let test = TestSet::new(&train(), &interactions(&[(1, 30), (2, 20)])).unwrap();
    let scorer = Popular::new(4, train().items());
    let both = evaluate(&scorer, &test, &[3, 1], Seen::Removed).unwrap();
    for k in [1, 3] {
        let one = evaluate(&scorer, &test, &[k], Seen::Removed).unwrap();
        for summary in one.report.summaries() {
            assert_eq!(both.report.summary(&summary.label).unwrap(), summary);
        }
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let test = TestSet::new(&train(), &interactions(&[(2, 20)])).unwrap();
    let nan = Same(vec![0.0, f32::NAN, 0.0, 0.0]);
    assert_eq!(refused(evaluate(&nan, &test, &[2], Seen::Kept)), "the score of item 1 for query 0 is NaN");
    let fine = Same(vec![0.0; 4]);
    assert!(refused(evaluate(&fine, &test, &[], Seen::Kept)).contains("evaluation.k: names no cutoff"));
    assert!(refused(evaluate(&fine, &test, &[0], Seen::Kept)).starts_with("k: 0 is not a list length"));
    assert!(refused(evaluate(&fine, &test, &[2, 2], Seen::Kept)).contains("NDCG@2"));
}

#[test]
fn an_index_measures_as_the_scorer_does_and_must_be_exact() {
    let test = TestSet::new(&train(), &interactions(&[(2, 20)])).unwrap();
    let (n_users, n_items) = (train().n_users(), train().n_items());
    let vectors = |n: usize| (0..2 * n).map(|at| ((at * 7 + 3) % 11) as f32 - 5.0).collect::<Vec<f32>>();
    let (users, items) = (vectors(n_users), vectors(n_items));
    let exact = ExactIndex::new(2, items.clone()).unwrap();
    let scorer = VectorScorer::new(users.clone(), exact.clone()).unwrap();
    for seen in [Seen::Removed, Seen::Kept] {
        let by_index = evaluate_index(&users, &exact, &test, &[1, 3], seen, false).unwrap();
        let by_scorer = evaluate(&scorer, &test, &[1, 3], seen).unwrap();
        assert_eq!(by_index.report.summaries(), by_scorer.report.summaries());
    }
    let rounded = ExactIndex::with_precision(2, &items, Precision::I8).unwrap();
    let measure = |allow| evaluate_index(&users, &rounded, &test, &[1], Seen::Removed, allow);
    assert!(refused(measure(false)).contains("not exact"));
    assert!(measure(true).is_ok());
}

#[test]
fn vectors_score_by_inner_product() {
    let items = ExactIndex::new(2, vec![1.0, 0.0, 0.0, 1.0, 2.0, 2.0]).unwrap();
    let scorer = VectorScorer::new(vec![1.0, 2.0, -1.0, 0.5], items.clone()).unwrap();
    let mut scores = [0.0; 9];
    scorer.score(&[1, 0, 1], &mut scores);
    assert_eq!(scores, [-1.0, 0.5, -1.0, 1.0, 2.0, 6.0, -1.0, 0.5, -1.0]);
    let message = refused(VectorScorer::new(vec![1.0; 3], items).map_err(Error::from));
    assert_eq!(message, "3 values are not a whole number of vectors of 2");
}
