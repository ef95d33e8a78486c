//! Answers from a finished run.

use std::sync::LazyLock;

use burn_recsys_baselines::VectorScorer;
use burn_recsys_models::ItemScorer;
use burn_recsys_training::{Error, Recommender, RunFolder};

use crate::{config, dataset, device, prepared, run};

/// One run for all tests of this file.
static RUN: LazyLock<(tempfile::TempDir, VectorScorer)> = LazyLock::new(|| {
    let root = tempfile::tempdir().unwrap();
    let trained = run(&root.path().join("run"), &config());
    let scorer = trained.model.scorer().unwrap();
    (root, scorer)
});

fn recommender() -> Recommender {
    let folder = RunFolder::open(&RUN.0.path().join("run")).unwrap();
    Recommender::load(&folder, &device()).unwrap()
}

#[test]
fn lists_are_the_best_unseen_items_with_their_titles() {
    let (recommender, dataset, prepared) = (recommender(), dataset(), prepared(&config()));
    let train = &prepared.train;
    let seen = train.items_by_user();
    for user in [0u32, 17, 79] {
        let id = train.user_ids().external(user).unwrap().to_string();
        let list = recommender.recommend(&id, 6).unwrap();
        // By hand, from the scores of the model as it was when training ended.
        let mut scores = vec![0.0; train.n_items()];
        RUN.1.score(&[user], &mut scores);
        let mut items: Vec<u32> =
            (0..train.n_items() as u32).filter(|item| !seen.row(user).contains(item)).collect();
        items.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
        assert_eq!(list.len(), 6);
        for (recommendation, &item) in list.iter().zip(&items) {
            let id = train.item_ids().external(item).unwrap().to_string();
            let row = dataset.interactions.item_ids().index(&id).unwrap();
            assert_eq!(recommendation.title.as_deref(), dataset.items.text("title", row));
            assert_eq!((&recommendation.item, recommendation.score), (&id, scores[item as usize]));
        }
    }
}

#[test]
fn a_longer_list_than_there_are_items_holds_all_unseen_ones() {
    let (recommender, prepared) = (recommender(), prepared(&config()));
    let seen = prepared.train.items_by_user().row(3).len();
    let id = prepared.train.user_ids().external(3).unwrap().to_string();
    let list = recommender.recommend(&id, usize::MAX / 4).unwrap();
    assert_eq!(list.len(), prepared.train.n_items() - seen);
    let mut items: Vec<&String> = list.iter().map(|recommendation| &recommendation.item).collect();
    items.sort();
    items.dedup();
    assert_eq!(items.len(), list.len(), "an item twice");
    assert!(recommender.recommend(&id, 0).unwrap().is_empty());
}

#[test]
fn an_unknown_user_is_told_who_is_known() {
    let recommender = recommender();
    for id in ["4711", "", "0x1", "007", "nobody"] {
        let error = recommender.recommend(id, 5).unwrap_err();
        assert!(matches!(error, Error::UnknownUser { .. }), "{error}");
        let expected = format!("user {id:?} is not among the 80 users of this run (such as 0, 1, 2)");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(recommender.users().len(), 80);
}

#[test]
fn training_beats_chance() {
    // Users prefer the topic of their cohort, so a trained model must too.
    let test = prepared(&config()).test_set().unwrap();
    let measured = burn_recsys_training::evaluate(
        recommender().scorer(),
        &test,
        &[10],
        burn_recsys_training::Seen::Removed,
    );
    let recall = measured.unwrap().report.summary("Recall@10").unwrap().value.unwrap();
    // About 48 items are unseen, of which ten are recommended: chance finds a fifth.
    assert!(recall > 0.3, "Recall@10 {recall}");
}
