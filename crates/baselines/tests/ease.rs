//! EASE against numpy, and what must hold for any data.

use burn_recsys_baselines::{Ease, EaseConfig, Error, ItemScorer};
use burn_recsys_data::Csr;
use proptest::prelude::*;

use crate::interactions::{histories, pseudo_random, with_threads};
use crate::reference::cases;

fn dense(ease: &Ease) -> Vec<f32> {
    (0..ease.n_items() as u32).flat_map(|item| ease.weights(item)).copied().collect()
}

#[test]
fn weights_equal_those_of_numpy() {
    for case in cases() {
        let n_items = case.ease.len();
        let config = EaseConfig { l2: Some(case.l2), ..Default::default() };
        let ease = config.fit(&Csr::from_rows(&case.positives), n_items).unwrap();
        let largest = case.ease.iter().flatten().fold(0f64, |most, weight| most.max(weight.abs()));
        for (found, expected) in dense(&ease).into_iter().zip(case.ease.iter().flatten()) {
            let error = (f64::from(found) - expected).abs();
            // Weights near 0 are differences of larger ones.
            assert!(error <= 1e-4 * expected.abs() + 1e-6 * largest, "{}: {found}, {expected}", case.name);
        }
    }
}

/// The weights minimise the penalised error, so its gradient is 0 in all of them but the diagonal.
#[test]
fn many_tiles_fulfil_the_conditions_of_the_minimum() {
    let n_items = 600usize;
    let positives = pseudo_random(500, n_items as u32, 15);
    let l2 = 5.0;
    let config = EaseConfig { l2: Some(l2), ..Default::default() };
    let ease = config.fit(&positives, n_items).unwrap();
    let mut gram = vec![0f64; n_items * n_items];
    for row in positives.rows() {
        for &i in row {
            row.iter().for_each(|&j| gram[i as usize * n_items + j as usize] += 1.0);
        }
    }
    for i in (0..n_items).step_by(7) {
        for j in (0..n_items).step_by(11).filter(|&j| j != i) {
            let row = &gram[i * n_items..][..n_items];
            let predicted: f64 =
                row.iter().zip(0..).map(|(shared, k)| shared * f64::from(ease.weights(k)[j])).sum();
            let gradient = predicted + f64::from(l2) * f64::from(ease.weights(i as u32)[j]) - row[j];
            assert!(gradient.abs() < 1e-3, "{i}, {j}: {gradient}");
        }
    }
}

#[test]
fn the_default_penalty_is_three_times_the_mean_popularity() {
    // Items 0 to 2 have 2, 2 and 1 users, item 3 has none: 5 / 3 in the mean.
    let positives = Csr::from_rows([&[0u32, 1][..], &[0, 1, 2]]);
    let weights = |l2| dense(&EaseConfig { l2, ..Default::default() }.fit(&positives, 4).unwrap());
    assert!(weights(None) == weights(Some(5.0)) && weights(None) != weights(Some(4.0)));
    assert_eq!(EaseConfig::candidates()[0], EaseConfig::default());
}

#[test]
fn bad_input_is_refused() {
    let positives = Csr::from_rows([[0u32, 1]]);
    let refused = |config: EaseConfig| match config.fit(&positives, 2) {
        Err(Error::Parameter { parameter, .. }) => parameter,
        other => panic!("{other:?}"),
    };
    let default = EaseConfig::default;
    for l2 in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(refused(EaseConfig { l2: Some(l2), ..default() }), "l2");
    }
    // 1 + 1e-30 is 1 in single precision: the two items cannot be told apart.
    assert_eq!(refused(EaseConfig { l2: Some(1e-30), ..default() }), "l2");
    assert_eq!(default().fit(&Csr::from_rows([[0u32; 0]]), 2).unwrap_err(), Error::Empty);
    assert!(default().fit(&positives, 1).unwrap_err().to_string().contains("item 1 does not exist"));
    let most = default().max_memory_mib;
    let error = default().fit(&positives, 1 << 20).unwrap_err();
    assert!(matches!(error, Error::TooLarge { n_items: 1_048_576, most: bound, .. } if bound == most));
    assert!(matches!(default().fit(&positives, u32::MAX as usize).unwrap_err(), Error::TooLarge { .. }));
    assert!(default().fit(&positives, usize::MAX).unwrap_err().to_string().contains("n_items"));
}

#[test]
fn a_lonely_item_and_users_without_items_or_with_all() {
    let config = EaseConfig { l2: Some(1.0), ..Default::default() };
    let mut scores = [f32::NAN; 2];
    config.fit(&Csr::from_rows([&[0u32][..], &[]]), 1).unwrap().score(&[0, 1], &mut scores);
    assert_eq!(scores, [0.0, 0.0]);
    let mut scores = [f32::NAN; 6];
    config.fit(&Csr::from_rows([&[0u32, 1, 2][..], &[]]), 3).unwrap().score(&[0, 1], &mut scores);
    assert!(scores[..3].iter().all(|&score| score > 0.0) && scores[3..] == [0.0; 3], "{scores:?}");
}

#[test]
fn scores_are_sums_of_weights_and_threads_change_nothing() {
    // More than one block of columns.
    let n_items = 1100;
    let positives = pseudo_random(300, n_items as u32, 12);
    let of = |n_threads| {
        with_threads(n_threads, || {
            EaseConfig { l2: Some(10.0), ..Default::default() }.fit(&positives, n_items).unwrap()
        })
    };
    let one = of(1);
    for n_threads in [2, 4] {
        assert!(dense(&one) == dense(&of(n_threads)), "{n_threads} threads give other weights");
    }
    let mut scores = vec![f32::NAN; 3 * n_items];
    one.score(&[3, 299, 3], &mut scores);
    assert!(scores[..n_items] == scores[2 * n_items..]);
    let mut of_history = vec![f32::NAN; n_items];
    one.score_history(positives.row(3), &mut of_history);
    assert!(scores[..n_items] == of_history);
    for item in (0..n_items).step_by(13) {
        let expected: f32 = positives.row(3).iter().map(|&own| one.weights(own)[item]).sum();
        assert!((of_history[item] - expected).abs() < 1e-6);
    }
}

proptest! {
    #[test]
    fn weights_are_finite_symmetric_up_to_the_diagonal_and_not_of_an_item_to_itself(
        (positives, n_items) in histories(),
        l2 in 0.1f32..100.0,
    ) {
        let ease = EaseConfig { l2: Some(l2), ..Default::default() }.fit(&positives, n_items).unwrap();
        let weights = dense(&ease);
        prop_assert!(weights.iter().all(|weight| weight.is_finite()));
        let of = |i: usize, j: usize| f64::from(weights[i * n_items + j]);
        for i in 0..n_items {
            prop_assert_eq!(of(i, i), 0.0);
            for j in 0..i {
                // B_ij P_jj = B_ji P_ii with positive P: the same sign.
                prop_assert!(of(i, j) * of(j, i) >= 0.0);
            }
        }
    }
}
