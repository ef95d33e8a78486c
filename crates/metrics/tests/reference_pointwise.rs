//! The pointwise metrics against the values of scikit-learn in `reference/pointwise.json`.

use burn_recsys_metrics::pointwise::{
    Accuracy, Auc, ConfusionMatrix, F1, LogLoss, PointwiseMetric, Predictions, Threshold,
};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-12;
/// scikit-learn takes the logarithms of single-precision scores in single precision; we do not.
const SINGLE_PRECISION_TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Case {
    name: String,
    scores: Vec<f64>,
    labels: Vec<bool>,
    auc: Option<f64>,
    auc_single_precision: Option<f64>,
    log_loss: f64,
    log_loss_single_precision: f64,
    at_thresholds: Vec<AtThreshold>,
}

#[derive(Deserialize)]
struct AtThreshold {
    threshold: f64,
    true_positive: u64,
    false_positive: u64,
    true_negative: u64,
    false_negative: u64,
    accuracy: Option<f64>,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("reference/pointwise.json")).unwrap();
    assert_eq!(cases.len(), 8);
    cases
}

fn assert_close(found: Option<f64>, expected: Option<f64>, tolerance: f64, what: &str) {
    let close = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < tolerance,
        (None, None) => true,
        _ => false,
    };
    assert!(close, "{what}: {found:?} != {expected:?}");
}

#[test]
fn auc_and_log_loss_equal_scikit_learn() {
    for case in cases() {
        let single: Vec<f32> = case.scores.iter().map(|&score| score as f32).collect();
        let double = Predictions::new(&case.scores, &case.labels).unwrap();
        let single = Predictions::new(&single, &case.labels).unwrap();
        let auc = |predictions| Auc.measure(predictions).unwrap();
        assert_close(auc(&double), case.auc, TOLERANCE, &case.name);
        assert_close(auc(&single), case.auc_single_precision, TOLERANCE, &case.name);
        let log_loss = |predictions| LogLoss.measure(predictions).unwrap();
        assert_close(log_loss(&double), Some(case.log_loss), TOLERANCE, &case.name);
        let expected = case.log_loss_single_precision;
        let tolerance = SINGLE_PRECISION_TOLERANCE * expected.max(1.0);
        assert_close(log_loss(&single), Some(expected), tolerance, &case.name);
    }
}

#[test]
fn everything_at_a_threshold_equals_scikit_learn() {
    for case in cases() {
        let predictions = Predictions::new(&case.scores, &case.labels).unwrap();
        for expected in &case.at_thresholds {
            let threshold = Threshold::new(expected.threshold).unwrap();
            let matrix = ConfusionMatrix::new(&predictions, threshold);
            let counts = ConfusionMatrix {
                true_positive: expected.true_positive,
                false_positive: expected.false_positive,
                true_negative: expected.true_negative,
                false_negative: expected.false_negative,
            };
            let what = format!("{} at {}", case.name, expected.threshold);
            assert_eq!(matrix, counts, "{what}");
            assert_close(matrix.precision(), expected.precision, TOLERANCE, &what);
            assert_close(matrix.recall(), expected.recall, TOLERANCE, &what);
            let accuracy = Accuracy::new(threshold).measure(&predictions).unwrap();
            assert_close(accuracy, expected.accuracy, TOLERANCE, &what);
            assert_close(F1::new(threshold).measure(&predictions).unwrap(), expected.f1, TOLERANCE, &what);
        }
    }
}
