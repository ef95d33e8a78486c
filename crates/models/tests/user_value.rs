//! The value of an item to a user.

use burn_recsys_models::{Calibration, UserValue};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn value() -> UserValue {
    let platt = Calibration::platt(0.5, -1.0).expect("finite");
    UserValue::new(vec![0.1, 2.0, -3.0])
        .and_then(|value| {
            value.with_calibrations(vec![Calibration::identity(), platt, Calibration::identity()])
        })
        .expect("a value")
}

#[test]
fn scores_are_the_weighted_sum_of_calibrated_probabilities() {
    let logits = [0.5f32, -1.0, 2.0, -0.25, 3.0, -4.0];
    let (probabilities, scores) =
        (value().probabilities(&logits).expect("rows"), value().scores(&logits).expect("rows"));
    assert_eq!((probabilities.len(), scores.len()), (6, 2));
    for row in 0..2 {
        let x = |task: usize| f64::from(logits[row * 3 + task]);
        let expected = [sigmoid(x(0)), sigmoid(0.5 * x(1) - 1.0), sigmoid(x(2))];
        for task in 0..3 {
            assert!((f64::from(probabilities[row * 3 + task]) - expected[task]).abs() < 1e-6);
        }
        let expected = 0.1 * expected[0] + 2.0 * expected[1] - 3.0 * expected[2];
        assert!((f64::from(scores[row]) - expected).abs() < 1e-6, "{} {expected}", scores[row]);
    }
    assert!(value().scores(&[]).expect("no rows").is_empty());
}

#[test]
fn without_calibrations_probabilities_are_the_models_own() {
    let value = UserValue::new(vec![1.0, 1.0]).expect("weights");
    let probabilities = value.probabilities(&[0.0, 2.0]).expect("a row");
    assert!((f64::from(probabilities[1]) - sigmoid(2.0)).abs() < 1e-7);
    assert_eq!(probabilities[0], 0.5);
}

#[test]
fn every_task_is_fitted_to_its_own_column() {
    let labels = [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0];
    let logits = [-1.0, 0.5, 0.3, -2.0, 0.4, 0.6, 2.0, 1.0, -0.3, 0.2, 1.5, 3.0];
    let fitted =
        UserValue::new(vec![1.0, -1.0]).and_then(|value| value.fit_platt(&logits, &labels)).expect("a fit");
    for task in 0..2 {
        let column = |values: &[f32]| values.chunks(2).map(|row| row[task]).collect::<Vec<f32>>();
        let labels: Vec<bool> = column(&labels).iter().map(|&label| label == 1.0).collect();
        let expected = Calibration::fit_platt(&column(&logits), &labels).expect("a fit");
        assert_eq!(fitted.calibrations()[task], expected);
    }
    let message = |logits: &[f32], labels: &[f32]| {
        let value = UserValue::new(vec![1.0, -1.0]).expect("weights");
        value.fit_platt(logits, labels).expect_err("no fit").to_string()
    };
    assert!(message(&logits[..4], &labels[..2]).starts_with("task 0: 1 labels for 2 logits"));
    assert!(message(&logits[..4], &[0.0, 1.0, 1.0, 1.0]).starts_with("task 1: all 2 rows have the same"));
    assert!(message(&logits[..4], &[0.0, 1.0, 1.0, 0.5]).starts_with("labels: row 1, task 1 is 0.5"));
    assert!(message(&logits[..3], &labels[..3]).starts_with("3 logits are no rows of 2 tasks"));
}

#[test]
fn mistakes_are_named() {
    let message = |weights: Vec<f64>| UserValue::new(weights).expect_err("a mistake").to_string();
    assert!(message(vec![]).starts_with("no user value weights"));
    assert!(message(vec![1.0, f64::NAN]).starts_with("user value weights: that of task 1 is NaN"));
    let error = value().with_calibrations(vec![Calibration::identity(); 2]).expect_err("too few");
    assert!(error.to_string().starts_with("2 calibrations for 3 user value weights"));
    let error = value().scores(&[0.0; 4]).expect_err("no rows");
    assert!(error.to_string().starts_with("4 logits are no rows of 3 tasks"));
    let error = value().scores(&[0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0]).expect_err("no number");
    assert!(error.to_string().starts_with("the logit of row 1, task 1 is NaN"));
}

#[test]
fn files_are_checked() {
    let text = serde_json::to_string(&value()).expect("text");
    assert_eq!(serde_json::from_str::<UserValue>(&text).expect("what was written"), value());
    let plain: UserValue = serde_json::from_str(r#"{"user_value_weights":[1.0,-2.0]}"#).expect("weights");
    assert_eq!(plain, UserValue::new(vec![1.0, -2.0]).expect("weights"));
    for (text, expected) in [
        (r#"{"user_value_weights":[]}"#, "no user value weights"),
        (r#"{"user_value_weights":[1.0],"calibrations":[]}"#, "0 calibrations for 1 user value weights"),
        (r#"{"user_value_weights":[1.0],"weight":2}"#, "unknown field `weight`"),
    ] {
        let error = serde_json::from_str::<UserValue>(text).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
