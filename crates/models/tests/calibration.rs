//! Calibrations against what made the labels and against a plain reference.

use burn_recsys_models::{Calibration, CalibrationError};
use proptest::prelude::*;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Logits in `-4..4` and labels that are true with probability `sigmoid(slope x + intercept)`.
fn rows(n_rows: u64, slope: f64, intercept: f64) -> (Vec<f32>, Vec<bool>) {
    let mut state = 1u64;
    let mut uniform = || {
        // Knuth's generator; its high bits are random enough.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut row = |_| {
        let x = (uniform() * 8.0 - 4.0) as f32;
        (x, uniform() < sigmoid(slope * f64::from(x) + intercept))
    };
    (0..n_rows).map(&mut row).unzip()
}

fn coefficients(calibration: &Calibration) -> (f64, f64) {
    let value = serde_json::to_value(calibration).expect("a value");
    let number = |key: &str| value[key].as_f64().expect("a number");
    (number("slope"), number("intercept"))
}

/// Newton's iteration as it stands in a textbook.
fn newton(logits: &[f32], labels: &[bool]) -> (f64, f64) {
    let n_positive = labels.iter().filter(|label| **label).count() as f64;
    let n_negative = labels.len() as f64 - n_positive;
    let (mut a, mut b) = (0.0, 0.0);
    for _ in 0..50 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (&x, &label) in logits.iter().zip(labels) {
            let target =
                if label { (n_positive + 1.0) / (n_positive + 2.0) } else { 1.0 / (n_negative + 2.0) };
            let (x, p) = (f64::from(x), sigmoid(a * f64::from(x) + b));
            ga += (p - target) * x;
            gb += p - target;
            haa += p * (1.0 - p) * x * x;
            hab += p * (1.0 - p) * x;
            hbb += p * (1.0 - p);
        }
        let determinant = haa * hbb - hab * hab;
        a -= (hbb * ga - hab * gb) / determinant;
        b -= (haa * gb - hab * ga) / determinant;
    }
    (a, b)
}

#[test]
fn platt_finds_what_made_the_labels() {
    for (slope, intercept) in [(0.7, -1.2), (1.0, 0.0), (2.5, 1.5)] {
        let (logits, labels) = rows(40_000, slope, intercept);
        let (a, b) = coefficients(&Calibration::fit_platt(&logits, &labels).expect("a fit"));
        // The standard errors are about 0.01 to 0.03.
        assert!((a - slope).abs() < 0.1 && (b - intercept).abs() < 0.1, "{a} {b}: {slope} {intercept}");
    }
}

#[test]
fn platt_is_newtons_minimum() {
    for n_rows in [7, 50, 1000] {
        let (logits, labels) = rows(n_rows, 0.8, 0.3);
        let (a, b) = coefficients(&Calibration::fit_platt(&logits, &labels).expect("a fit"));
        let expected = newton(&logits, &labels);
        let is_close = |actual: f64, expected: f64| (actual - expected).abs() < 1e-6 * (1.0 + expected.abs());
        assert!(is_close(a, expected.0) && is_close(b, expected.1), "{n_rows}: {a} {b}, {expected:?}");
    }
}

#[test]
fn platt_takes_logits_of_any_size_and_labels_that_are_separated() {
    let (logits, labels) = rows(500, 0.8, 0.3);
    let plain = Calibration::fit_platt(&logits, &labels).expect("a fit");
    // Powers of two change no bit of the logits but the exponent.
    for scale in [2f32.powi(-60), 2f32.powi(60)] {
        let scaled: Vec<f32> = logits.iter().map(|x| x * scale).collect();
        let fit = Calibration::fit_platt(&scaled, &labels).expect("a fit");
        for (x, &scaled) in logits.iter().zip(&scaled) {
            assert!((fit.probability(scaled) - plain.probability(*x)).abs() < 1e-6);
        }
    }
    let fit = Calibration::fit_platt(&[-2.0, -1.0, 1.0, 2.0], &[false, false, true, true]).expect("a fit");
    // The targets are 1/4 and 3/4.
    assert!((0.1..0.3).contains(&fit.probability(-2.0)), "{}", fit.probability(-2.0));
    assert!((fit.probability(-1.0) + fit.probability(1.0) - 1.0).abs() < 1e-6);
}

#[test]
fn rows_that_give_no_calibration() {
    let message = |logits: &[f32], labels: &[bool]| {
        Calibration::fit_platt(logits, labels).expect_err("no fit").to_string()
    };
    assert!(message(&[1.0, 2.0], &[true]).starts_with("1 labels for 2 logits"));
    assert!(message(&[1.0, f32::NAN], &[true, false]).starts_with("the logit of row 1 is NaN"));
    assert!(message(&[f32::INFINITY, 1.0], &[true, false]).starts_with("the logit of row 0 is inf"));
    assert!(message(&[1.0, 2.0], &[true, true]).starts_with("all 2 rows have the same label"));
    assert!(message(&[], &[]).starts_with("all 0 rows have the same label"));
    assert!(message(&[3.5; 4], &[true, true, true, false]).starts_with("the logits of all 4 rows are 3.5"));
    assert!(message(&[1.0, 2.0, 3.0], &[true, true, false]).starts_with("the slope is -"));
    let isotonic = Calibration::fit_isotonic(&[1.0, f32::NAN], &[true, false]);
    assert!(matches!(isotonic, Err(CalibrationError::NotFinite { row: 1, .. })));
}

#[test]
fn identity_is_the_sigmoid_without_overflow() {
    let identity = Calibration::identity();
    assert_eq!(identity, Calibration::default());
    for x in [-1000.0f32, -3.5, 0.0, 1.25, 1000.0] {
        assert!((f64::from(identity.probability(x)) - sigmoid(f64::from(x))).abs() < 1e-7);
    }
    assert!(identity.probability(-80.0) > 0.0);
    assert!(identity.probability(f32::NAN).is_nan());
    assert_eq!((identity.probability(f32::NEG_INFINITY), identity.probability(f32::INFINITY)), (0.0, 1.0));
}

#[test]
fn files_are_checked() {
    let isotonic = Calibration::fit_isotonic(&[0.5, 1.0, 2.0], &[false, true, true]).expect("a fit");
    for calibration in [Calibration::identity(), Calibration::platt(0.1, -7.25).expect("finite"), isotonic] {
        let text = serde_json::to_string(&calibration).expect("text");
        assert_eq!(serde_json::from_str::<Calibration>(&text).expect("what was written"), calibration);
    }
    let message = |text: &str| serde_json::from_str::<Calibration>(text).expect_err("refused").to_string();
    assert!(message(r#"{"method":"platt","slope":-1.0,"intercept":0.0}"#).contains("the slope is -1"));
    assert!(message(r#"{"method":"platt","slope":1.0}"#).contains("intercept"));
    for steps in [
        r#""thresholds":[],"probabilities":[]"#,
        r#""thresholds":[1.0,1.0],"probabilities":[0.1,0.2]"#,
        r#""thresholds":[1.0,2.0],"probabilities":[0.3,0.2]"#,
        r#""thresholds":[1.0,2.0],"probabilities":[0.3]"#,
        r#""thresholds":[1.0],"probabilities":[1.5]"#,
    ] {
        let text = format!(r#"{{"method":"isotonic",{steps}}}"#);
        assert!(message(&text).contains("are no steps"), "{text}");
    }
}

proptest! {
    #[test]
    fn order_never_changes(
        mut logits in prop::collection::vec(-50f32..50.0, 2..50),
        slope in 1e-3f64..1e3,
        intercept in -10f64..10.0,
    ) {
        let calibration = Calibration::platt(slope, intercept).expect("finite");
        logits.sort_by(f32::total_cmp);
        let probabilities: Vec<f32> = logits.iter().map(|&x| calibration.probability(x)).collect();
        prop_assert!(probabilities.is_sorted(), "{probabilities:?}");
        prop_assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn platt_comes_to_rest_on_any_rows(
        rows in prop::collection::vec((prop::num::f32::NORMAL | prop::num::f32::ZERO, any::<bool>()), 2..40),
    ) {
        let (logits, labels): (Vec<f32>, Vec<bool>) = rows.into_iter().unzip();
        match Calibration::fit_platt(&logits, &labels) {
            Ok(fit) => prop_assert!(logits.iter().all(|&x| (0.0..=1.0).contains(&fit.probability(x)))),
            Err(CalibrationError::OneClass { .. } | CalibrationError::Constant { .. }) => {}
            Err(CalibrationError::Slope { slope }) => prop_assert!(slope <= 0.0, "{slope}"),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    /// The step of a logit is the largest over the starts of the smallest over the ends of the mean in
    /// between (Barlow et al. 1972).
    #[test]
    fn isotonic_is_the_max_min_formula(rows in prop::collection::vec((-4i8..5, any::<bool>()), 2..25)) {
        let logits: Vec<f32> = rows.iter().map(|&(x, _)| f32::from(x) / 2.0).collect();
        let labels: Vec<bool> = rows.iter().map(|&(_, label)| label).collect();
        prop_assume!(labels.iter().any(|label| *label != labels[0]));
        let fit = Calibration::fit_isotonic(&logits, &labels).expect("a fit");
        let mut distinct: Vec<f32> = logits.clone();
        distinct.sort_by(f32::total_cmp);
        distinct.dedup();
        let mean = |from: f32, to: f32| {
            let of = || logits.iter().zip(&labels).filter(|(x, _)| (from..=to).contains(*x));
            of().filter(|(_, label)| **label).count() as f64 / of().count() as f64
        };
        for (at, &x) in distinct.iter().enumerate() {
            let smallest = |from: f32| {
                distinct[at..].iter().map(|&to| mean(from, to)).fold(f64::INFINITY, f64::min)
            };
            let expected = distinct[..=at].iter().map(|&from| smallest(from)).fold(0.0, f64::max);
            prop_assert!((f64::from(fit.probability(x)) - expected).abs() < 1e-6, "at {x}: {expected}");
        }
        prop_assert_eq!(fit.probability(-100.0), fit.probability(distinct[0]));
        prop_assert_eq!(fit.probability(100.0), fit.probability(distinct[distinct.len() - 1]));
    }
}
