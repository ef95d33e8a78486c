//! Item neighbourhoods against a naive computation, and what must hold for any data.

use burn_recsys_baselines::{Error, ItemKnn, ItemKnnConfig, ItemScorer};
use burn_recsys_data::Csr;
use proptest::prelude::*;

use crate::interactions::{histories, pseudo_random, with_threads};

/// Similarities as in the documentation of the configuration, by the definition.
fn naive(config: &ItemKnnConfig, positives: &Csr, n_items: usize) -> Vec<Vec<f64>> {
    let has = |row: &[u32], item: usize| row.contains(&(item as u32));
    let weight = |row: &[u32]| (row.len() as f64).powf(-f64::from(config.user_discount));
    let sum = |i, j| positives.rows().filter(|row| has(row, i) && has(row, j)).map(weight).sum::<f64>();
    let similarity = |i: usize, j: usize| {
        let shared = sum(i, j);
        let norms = (sum(i, i) * sum(j, j)).sqrt();
        if i == j || shared == 0.0 { 0.0 } else { shared / (norms + f64::from(config.shrinkage)) }
    };
    (0..n_items).map(|i| (0..n_items).map(|j| similarity(i, j)).collect()).collect()
}

fn dense(knn: &ItemKnn) -> Vec<Vec<f64>> {
    let n_items = knn.n_items();
    let row = |item| {
        let mut row = vec![0.0; n_items];
        knn.neighbours(item).iter().for_each(|hit| row[hit.item as usize] = f64::from(hit.score));
        row
    };
    (0..n_items as u32).map(row).collect()
}

#[test]
fn equals_the_definition() {
    let positives = pseudo_random(60, 25, 7);
    for (user_discount, shrinkage) in [(0.0, 0.0), (0.0, 10.0), (0.5, 0.0), (1.0, 0.3)] {
        let config = ItemKnnConfig { n_neighbours: 25, shrinkage, user_discount };
        let (found, expected) = (dense(&config.fit(&positives, 25).unwrap()), naive(&config, &positives, 25));
        assert!(expected.iter().flatten().any(|&similarity| similarity > 0.1));
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() <= 1e-6 * expected, "{found}, expected {expected}");
        }
    }
}

#[test]
fn the_most_similar_are_kept_and_ties_go_to_the_lower_item() {
    // Items 1, 2 and 3 share the same users with item 0; item 4 shares fewer.
    let positives = Csr::from_rows([&[0u32, 1, 2, 3][..], &[0, 1, 2, 3, 4], &[4]]);
    let config = ItemKnnConfig { n_neighbours: 2, shrinkage: 0.0, user_discount: 0.0 };
    let knn = config.fit(&positives, 6).unwrap();
    let items = |item| knn.neighbours(item).iter().map(|hit| hit.item).collect::<Vec<_>>();
    assert_eq!(items(0), [1, 2]);
    assert_eq!(items(1), [0, 2]);
    assert_eq!(items(4), [0, 1]);
    assert_eq!(items(5), [0u32; 0]);
}

#[test]
fn candidates_hold_the_default_and_can_be_used() {
    let candidates = ItemKnnConfig::candidates();
    assert!(candidates.contains(&ItemKnnConfig::default()));
    let positives = pseudo_random(20, 10, 4);
    assert!(candidates.iter().all(|candidate| candidate.fit(&positives, 10).is_ok()));
}

#[test]
fn bad_input_is_refused() {
    let positives = Csr::from_rows([[0u32, 1]]);
    let refused = |config: ItemKnnConfig| match config.fit(&positives, 2) {
        Err(Error::Parameter { parameter, .. }) => parameter,
        other => panic!("{other:?}"),
    };
    let default = ItemKnnConfig::default;
    assert_eq!(refused(ItemKnnConfig { n_neighbours: 0, ..default() }), "n_neighbours");
    for shrinkage in [-1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(refused(ItemKnnConfig { shrinkage, ..default() }), "shrinkage");
    }
    for user_discount in [-0.1, 1.5, f32::NAN] {
        assert_eq!(refused(ItemKnnConfig { user_discount, ..default() }), "user_discount");
    }
    assert_eq!(default().fit(&Csr::from_rows([[0u32; 0]]), 2).unwrap_err(), Error::Empty);
    assert!(default().fit(&positives, 1).unwrap_err().to_string().contains("item 1 does not exist"));
}

#[test]
fn a_lonely_item_and_users_without_items_or_with_all() {
    let knn = ItemKnnConfig::default().fit(&Csr::from_rows([&[0u32][..], &[]]), 1).unwrap();
    let mut scores = [f32::NAN; 2];
    knn.score(&[0, 1], &mut scores);
    assert_eq!(scores, [0.0, 0.0]);
    let knn = ItemKnnConfig::default().fit(&Csr::from_rows([&[0u32, 1, 2][..], &[]]), 3).unwrap();
    let mut scores = [f32::NAN; 6];
    knn.score(&[0, 1], &mut scores);
    assert!(scores[..3].iter().all(|&score| score > 0.0) && scores[3..] == [0.0; 3], "{scores:?}");
}

#[test]
fn threads_change_nothing() {
    let positives = pseudo_random(300, 400, 12);
    let config = ItemKnnConfig { n_neighbours: 20, shrinkage: 0.0, user_discount: 0.5 };
    let of = |n_threads| dense(&with_threads(n_threads, || config.fit(&positives, 400).unwrap()));
    let one = of(1);
    assert_eq!(one, of(2));
    assert_eq!(one, of(4));
}

proptest! {
    #[test]
    fn similarities_are_symmetric_finite_and_not_of_an_item_to_itself(
        (positives, n_items) in histories(),
        shrinkage in 0f32..5.0,
        user_discount in 0f32..=1.0,
    ) {
        let config = ItemKnnConfig { n_neighbours: n_items, shrinkage, user_discount };
        let similarities = dense(&config.fit(&positives, n_items).unwrap());
        for (i, row) in similarities.iter().enumerate() {
            prop_assert_eq!(row[i], 0.0);
            for (&similarity, of_other) in row.iter().zip(&similarities) {
                prop_assert_eq!(similarity, of_other[i]);
                prop_assert!((0.0..=1.0 + 1e-5).contains(&similarity), "{}", similarity);
            }
        }
    }

    #[test]
    fn an_item_does_not_recommend_itself((positives, n_items) in histories()) {
        let knn = ItemKnnConfig::default().fit(&positives, n_items).unwrap();
        let mut scores = vec![0.0; n_items];
        for item in 0..n_items as u32 {
            knn.score_history(&[item], &mut scores);
            prop_assert_eq!(scores[item as usize], 0.0);
        }
    }
}
