//! SLIM against scikit-learn's elastic net, and what must hold for any data.

use burn_recsys_baselines::{Error, ItemScorer, Slim, SlimConfig};
use burn_recsys_data::Csr;
use proptest::prelude::*;

use crate::interactions::{histories, pseudo_random, with_threads};
use crate::reference::cases;

fn dense(slim: &Slim) -> Vec<Vec<f64>> {
    let row = |item| {
        let mut row = vec![0.0; slim.n_items()];
        slim.weights(item).iter().for_each(|hit| row[hit.item as usize] = f64::from(hit.score));
        row
    };
    (0..slim.n_items() as u32).map(row).collect()
}

#[test]
fn weights_equal_those_of_scikit_learn() {
    for case in cases() {
        let n_items = case.slim.len();
        let config = SlimConfig { l1: case.l1, l2: case.l2, ..Default::default() };
        let slim = config.fit(&Csr::from_rows(&case.positives), n_items).unwrap();
        let expected = case.slim.iter().flatten();
        assert!(expected.clone().filter(|&&weight| weight > 0.0).count() > n_items);
        for (found, expected) in dense(&slim).iter().flatten().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{}: {found}, expected {expected}", case.name);
        }
    }
}

#[test]
fn only_candidates_have_weights() {
    let positives = pseudo_random(200, 50, 10);
    let slim = SlimConfig { n_candidates: 3, l1: 0.0, ..Default::default() }.fit(&positives, 50).unwrap();
    let weights = dense(&slim);
    let to = |item: usize| weights.iter().filter(|row| row[item] > 0.0).count();
    assert!((0..50).all(|item| to(item) <= 3) && (0..50).any(|item| to(item) == 3));
}

#[test]
fn bad_input_is_refused() {
    let positives = Csr::from_rows([[0u32, 1]]);
    let refused = |config: SlimConfig| match config.fit(&positives, 2) {
        Err(Error::Parameter { parameter, .. }) => parameter,
        other => panic!("{other:?}"),
    };
    let default = SlimConfig::default;
    for bad in [-1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(refused(SlimConfig { l1: bad, ..default() }), "l1");
        assert_eq!(refused(SlimConfig { l2: bad, ..default() }), "l2");
    }
    assert_eq!(refused(SlimConfig { l2: 0.0, ..default() }), "l2");
    assert_eq!(refused(SlimConfig { n_candidates: 0, ..default() }), "n_candidates");
    assert_eq!(default().fit(&Csr::from_rows([[0u32; 0]]), 2).unwrap_err(), Error::Empty);
    assert!(default().fit(&positives, 1).unwrap_err().to_string().contains("item 1 does not exist"));
    let tight = SlimConfig { max_memory_mib: 0, ..default() };
    assert!(matches!(tight.fit(&positives, 2).unwrap_err(), Error::TooLarge { needed: 1, most: 0, .. }));
    // 2^20 pairs and 200 weights to each of 1024 items, of 8 bytes, and rows.
    let all = Csr::from_rows([(0..1024).collect::<Vec<u32>>()]);
    assert!(matches!(tight.fit(&all, 1024).unwrap_err(), Error::TooLarge { needed: 10, .. }));
    assert!(SlimConfig::candidates().contains(&default()));
}

#[test]
fn a_lonely_item_and_users_without_items_or_with_all() {
    let config = SlimConfig { l1: 0.1, l2: 1.0, ..Default::default() };
    let mut scores = [f32::NAN; 2];
    config.fit(&Csr::from_rows([&[0u32][..], &[]]), 1).unwrap().score(&[0, 1], &mut scores);
    assert_eq!(scores, [0.0, 0.0]);
    let mut scores = [f32::NAN; 6];
    config.fit(&Csr::from_rows([&[0u32, 1, 2][..], &[]]), 3).unwrap().score(&[0, 1], &mut scores);
    assert!(scores[..3].iter().all(|&score| score > 0.0) && scores[3..] == [0.0; 3], "{scores:?}");
}

#[test]
fn threads_change_nothing() {
    let positives = pseudo_random(300, 200, 12);
    let config = SlimConfig { l2: 5.0, ..Default::default() };
    let of = |n_threads| dense(&with_threads(n_threads, || config.fit(&positives, 200).unwrap()));
    let one = of(1);
    assert!(one == of(2) && one == of(4));
}

proptest! {
    /// Karush, Kuhn and Tucker: the gradient is 0 where a weight is above 0, and not below where it is 0.
    #[test]
    fn conditions_of_the_minimum_hold(
        (positives, n_items) in histories(),
        l1 in 0f64..2.0,
        l2 in 0.5f64..20.0,
    ) {
        let config = SlimConfig { l1: l1 as f32, l2: l2 as f32, ..Default::default() };
        let weights = dense(&config.fit(&positives, n_items).unwrap());
        let shared = |i: usize, j: usize| {
            let has_both = |row: &&[u32]| row.contains(&(i as u32)) && row.contains(&(j as u32));
            positives.rows().filter(has_both).count() as f64
        };
        let weight = |i: usize, j: usize| weights[i][j];
        for j in 0..n_items {
            prop_assert_eq!(weight(j, j), 0.0);
            for i in (0..n_items).filter(|&i| i != j) {
                let predicted: f64 = (0..n_items).map(|k| shared(i, k) * weight(k, j)).sum();
                let gradient = predicted - shared(i, j) + l2 * weight(i, j) + l1;
                if weight(i, j) > 0.0 {
                    prop_assert!(gradient.abs() < 5e-3, "{}", gradient);
                } else {
                    prop_assert!(gradient > -5e-3, "{}", gradient);
                }
            }
        }
    }
}
