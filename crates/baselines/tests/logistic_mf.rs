//! Logistic factorisation through its public interface.

use std::ops::ControlFlow;

use burn_recsys_baselines::{Error, ItemScorer, LogisticMfConfig};
use burn_recsys_data::Csr;

use crate::preferences::{area_under_curve, planted, scores};

fn config() -> LogisticMfConfig {
    LogisticMfConfig {
        d_embedding: 8,
        n_negatives: 4,
        learning_rate: 0.05,
        final_learning_rate: 1.0,
        l2: 0.001,
        n_epochs: 30,
        ..LogisticMfConfig::default()
    }
}

#[test]
fn planted_preferences_are_recovered() {
    let planted = planted(600, 200, 5);
    for excludes_positives in [false, true] {
        let mut losses = Vec::new();
        let config = LogisticMfConfig { excludes_positives, ..config() };
        let model = config
            .fit_with(&planted.positives, planted.n_items, |_, model| {
                losses.push(model.loss());
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(losses[29] < 0.8 * losses[0], "{losses:?}");
        let area = area_under_curve(&model, &planted);
        assert!(area > 0.9, "area under the curve of held-out items {area}");
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let planted = planted(600, 560, 6);
    let config = LogisticMfConfig { n_epochs: 2, excludes_positives: true, ..config() };
    let fit = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let model = pool.install(|| config.fit(&planted.positives, planted.n_items).unwrap());
        (scores(&model, 600), model.loss())
    };
    let one = fit(1);
    assert_eq!(one, fit(2));
    assert_eq!(one, fit(4));
}

#[test]
fn scores_are_logits() {
    // All users like item 0 alone: beside each such row stands each of three other items equally often.
    let positives = Csr::from_rows(vec![[0]; 400]);
    let config = LogisticMfConfig { n_negatives: 1, n_epochs: 100, l2: 0.0, ..config() };
    let scores = scores(&config.fit(&positives, 4).unwrap(), 400);
    assert!(scores.chunks(4).all(|row| row[0] > 2.0 && row[1..].iter().all(|&score| score < -2.0)));
}

#[test]
fn rows_without_a_negative_are_skipped() {
    let positives = Csr::from_rows([&[0, 1, 2][..], &[], &[0, 2]]);
    let config = LogisticMfConfig { n_epochs: 10, excludes_positives: true, ..config() };
    assert_eq!(config.fit(&positives, 3).unwrap().n_skipped(), 3 * 10);
    let alone = config.fit(&Csr::from_rows([[0], [0]]), 1).unwrap();
    assert_eq!((alone.n_items(), alone.n_skipped(), alone.loss()), (1, 2 * 10, 0.0));
}

#[test]
fn bad_input_is_an_error() {
    let positives = Csr::from_rows([[0, 1]]);
    let parameter = |config: LogisticMfConfig| match config.fit(&positives, 3).unwrap_err() {
        Error::Parameter { parameter, .. } => parameter,
        error => panic!("{error}"),
    };
    assert_eq!(parameter(LogisticMfConfig { d_embedding: usize::MAX, ..config() }), "d_embedding");
    assert_eq!(parameter(LogisticMfConfig { n_negatives: 0, ..config() }), "n_negatives");
    assert_eq!(parameter(LogisticMfConfig { l2: f32::NAN, ..config() }), "l2");
    assert_eq!(
        config().fit(&Csr::from_rows([[3]]), 3).unwrap_err().to_string(),
        "positives: user 0: item 3 does not exist: there are 3 items"
    );
    assert_eq!(config().fit(&Csr::from_rows([[0u32; 0]]), 3).unwrap_err(), Error::Empty);
    let error = LogisticMfConfig { learning_rate: 1e6, ..config() }.fit(&planted(100, 80, 8).positives, 80);
    assert!(matches!(error, Err(Error::Diverged { epoch: 1.. })), "{error:?}");
}
