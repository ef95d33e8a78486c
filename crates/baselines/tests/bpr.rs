//! BPR factorisation through its public interface.

use std::ops::ControlFlow;

use burn_recsys_baselines::{BiasedMfConfig, BprMf, BprMfConfig, Error, ItemScorer, LogisticMfConfig};
use burn_recsys_data::Csr;

use crate::preferences::{area_under_curve, planted, scores};

fn config() -> BprMfConfig {
    BprMfConfig {
        d_embedding: 8,
        learning_rate: 0.1,
        final_learning_rate: 1.0,
        l2: 0.001,
        n_epochs: 60,
        n_candidates: 1,
        has_item_bias: true,
        ..BprMfConfig::default()
    }
}

#[test]
fn planted_preferences_are_recovered() {
    let planted = planted(600, 200, 5);
    let mut losses = Vec::new();
    let model = config()
        .fit_with(&planted.positives, planted.n_items, |epoch, model| {
            assert_eq!(epoch, losses.len() + 1);
            losses.push(model.loss());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(losses.len(), 60);
    assert!(losses[59] < 0.5 * losses[0], "{losses:?}");
    let area = area_under_curve(&model, &planted);
    assert!(area > 0.9, "area under the curve of held-out items {area}");
    assert_eq!(model.n_skipped(), 0);
}

#[test]
fn bits_do_not_depend_on_threads() {
    let planted = planted(600, 560, 6);
    for n_candidates in [1, 8] {
        let config = BprMfConfig { n_epochs: 3, n_candidates, ..config() };
        let fit = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let model = pool.install(|| config.fit(&planted.positives, planted.n_items).unwrap());
            (scores(&model, 600), model.loss())
        };
        let one = fit(1);
        assert_eq!(one, fit(2));
        assert_eq!(one, fit(4));
        let other = BprMfConfig { seed: 1, ..config.clone() };
        let other = other.fit(&planted.positives, planted.n_items).unwrap();
        assert_ne!(one.0, scores(&other, 600));
    }
}

#[test]
fn the_highest_scored_candidates_are_the_harder_negatives() {
    let planted = planted(600, 200, 5);
    let fit = |n_candidates, n_epochs| {
        let config = BprMfConfig { n_candidates, n_epochs, ..config() };
        config.fit(&planted.positives, planted.n_items).unwrap()
    };
    let losses = [1, 4, 16].map(|n_candidates| fit(n_candidates, 10).loss());
    assert!(losses[0] < losses[1] && losses[1] < losses[2], "{losses:?}");
    let area = area_under_curve(&fit(4, 60), &planted);
    assert!(area > 0.9, "area under the curve of held-out items {area}");
}

#[test]
fn training_ends_when_told_to() {
    let planted = planted(100, 80, 7);
    let stop = |epoch, _: &BprMf| if epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let stopped = config().fit_with(&planted.positives, planted.n_items, stop).unwrap();
    let two = BprMfConfig { n_epochs: 2, ..config() }.fit(&planted.positives, planted.n_items).unwrap();
    assert_eq!(scores(&stopped, 100), scores(&two, 100));
}

#[test]
fn rows_without_a_negative_are_skipped() {
    // User 0 has met everything, user 1 nothing, user 2 all but one item.
    let positives = Csr::from_rows([&[0, 1, 2][..], &[], &[0, 2]]);
    let model = BprMfConfig { n_epochs: 200, ..config() }.fit(&positives, 3).unwrap();
    assert_eq!(model.n_skipped(), 3 * 200);
    let scores = scores(&model, 3);
    assert!(scores[7] < scores[6].min(scores[8]), "{scores:?}");
    let alone = config().fit(&Csr::from_rows([[0], [0]]), 1).unwrap();
    assert_eq!(alone.n_skipped(), 2 * 60);
    assert_eq!((alone.n_items(), alone.loss()), (1, 0.0));
}

#[test]
fn no_epochs_give_the_first_vectors() {
    let positives = Csr::from_rows([[0, 1]]);
    let model = BprMfConfig { n_epochs: 0, ..config() }.fit(&positives, 3).unwrap();
    assert!(scores(&model, 1).iter().all(|score| score.is_finite()));
}

#[test]
fn bad_input_is_an_error() {
    let positives = Csr::from_rows([[0, 1]]);
    let parameter = |config: BprMfConfig| match config.fit(&positives, 3).unwrap_err() {
        Error::Parameter { parameter, .. } => parameter,
        error => panic!("{error}"),
    };
    assert_eq!(parameter(BprMfConfig { d_embedding: 0, ..config() }), "d_embedding");
    for n_candidates in [0, usize::MAX] {
        assert_eq!(parameter(BprMfConfig { n_candidates, ..config() }), "n_candidates");
    }
    for wrong in [f32::NAN, f32::INFINITY, -1.0] {
        assert_eq!(parameter(BprMfConfig { learning_rate: wrong, ..config() }), "learning_rate");
        assert_eq!(parameter(BprMfConfig { final_learning_rate: wrong, ..config() }), "final_learning_rate");
        assert_eq!(parameter(BprMfConfig { l2: wrong, ..config() }), "l2");
        assert_eq!(parameter(BprMfConfig { initial_deviation: wrong, ..config() }), "initial_deviation");
    }
    let fit = |rows: &[&[u32]]| config().fit(&Csr::from_rows(rows), 3).map(|_| ()).unwrap_err().to_string();
    assert_eq!(fit(&[&[0, 3]]), "positives: user 0: item 3 does not exist: there are 3 items");
    assert!(fit(&[&[], &[1, 0]]).starts_with("positives: user 1: item 0 comes after item 1;"));
    assert!(fit(&[&[1, 1]]).starts_with("positives: user 0: item 1 comes after item 1;"));
    assert_eq!(fit(&[&[], &[]]), Error::Empty.to_string());
    assert_eq!(fit(&[]), Error::Empty.to_string());
}

#[test]
fn a_huge_learning_rate_diverges() {
    let planted = planted(100, 80, 8);
    let config = BprMfConfig { learning_rate: 1e6, ..config() };
    let error = config.fit(&planted.positives, planted.n_items).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1.. }), "{error}");
}

#[test]
fn candidates_hold_the_default() {
    assert!(BprMfConfig::default().candidates().contains(&BprMfConfig::default()));
    assert!(LogisticMfConfig::default().candidates().contains(&LogisticMfConfig::default()));
    assert!(BiasedMfConfig::default().candidates().contains(&BiasedMfConfig::default()));
}
