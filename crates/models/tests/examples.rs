//! What is wrong with rows is said with where and what.

use burn::tensor::Device;
use burn_recsys_models::{Examples, HeadsConfig};

use crate::{N_ITEMS, N_USERS, estimator, lookup, rows};

fn pairs(n_rows: usize) -> Examples {
    Examples::new(vec![0; n_rows], vec![0; n_rows]).expect("pairs")
}

fn message<T: std::fmt::Debug>(result: Result<T, burn_recsys_models::ExampleError>) -> String {
    result.expect_err("a mistake").to_string()
}

#[test]
fn columns_of_another_length() {
    for (actual, expected) in [
        (message(Examples::new(vec![1, 2], vec![1])), "item ids: 1 values, expected 2"),
        (message(pairs(2).with_user_features(vec![0.0; 5], 3)), "user features: 5 values, expected 6"),
        (message(pairs(2).with_item_features(vec![0.0; 7], 3)), "item features: 7 values, expected 6"),
        (message(pairs(2).with_cross_features(vec![0.0; 1], 1)), "cross features: 1 values, expected 2"),
        (message(pairs(2).with_positions(vec![1])), "positions: 1 values, expected 2"),
        (message(pairs(2).with_labels(vec![0.0; 3], 2)), "labels: 3 values, expected 4"),
        (message(pairs(2).with_weights(vec![1.0; 3])), "weights: 3 values, expected 2"),
        (message(pairs(2).with_cohort_weights(&[0], &[1.0])), "cohorts: 1 values, expected 2"),
    ] {
        assert_eq!(actual, format!("{expected}; every row needs its own"));
    }
}

#[test]
fn values_that_are_none() {
    let nan = f32::NAN;
    for (actual, expected) in [
        (
            message(pairs(2).with_user_features(vec![0.0, 1.0, 2.0, nan], 2)),
            "user features: row 1, column 1 is NaN",
        ),
        (
            message(pairs(2).with_item_features(vec![0.0, 1.0, f32::INFINITY, 0.0, 0.0, 0.0], 3)),
            "item features: row 0, column 2 is inf",
        ),
        (message(pairs(2).with_cross_features(vec![0.0, nan], 1)), "cross features: row 1, column 0 is NaN"),
        (message(pairs(2).with_labels(vec![0.0, 1.0, 2.0, 0.0], 2)), "labels: row 1, task 0 is 2"),
        (message(pairs(2).with_labels(vec![0.0, nan], 1)), "labels: row 1, task 0 is NaN"),
        (message(pairs(2).with_weights(vec![1.0, -0.5])), "weights: number 1 is -0.5"),
        (message(pairs(1).with_cohort_weights(&[0], &[1.0, nan])), "cohort weights: number 1 is NaN"),
        (message(pairs(2).with_cohort_weights(&[0, 3], &[1.0; 3])), "cohorts: row 1 has id 3"),
        (
            message(
                pairs(1).with_weights(vec![1e30]).and_then(|rows| rows.with_cohort_weights(&[0], &[1e30])),
            ),
            "weights: number 0 is inf",
        ),
        (
            message(pairs(2).with_user_features(Vec::new(), usize::MAX / 2 + 1)),
            "user features: 0 values, expected",
        ),
    ] {
        assert!(actual.starts_with(expected), "{actual:?} does not begin with {expected:?}");
    }
}

#[test]
fn rows_of_another_model() {
    let device = Device::default();
    let model =
        estimator(lookup(N_USERS, 1, &device), lookup(N_ITEMS, 2, &device), HeadsConfig::new(), &device);
    let n_rows = rows().n_rows();
    model.check(&rows()).expect("rows of this model");
    for (wrong, expected) in [
        (rows().with_user_features(vec![0.0; n_rows * 2], 2), "user features: 2 columns, the model has 3"),
        (rows().with_item_features(vec![0.0; n_rows * 3], 3), "item features: 3 columns, the model has 2"),
        (rows().with_cross_features(Vec::new(), 0), "cross features: 0 columns, the model has 2"),
        (rows().with_labels(vec![0.0; n_rows * 3], 3), "labels: 3 columns, the model has 2"),
    ] {
        let actual = message(model.check(&wrong.expect("rows of some model")));
        assert!(actual.starts_with(expected), "{actual:?} does not begin with {expected:?}");
    }
    for (users, items, expected) in [
        (vec![0, N_USERS], vec![0, 0], "user ids: row 1 has id 6, the model knows ids below 6"),
        (vec![0, 0], vec![u64::MAX, 0], "item ids: row 0 has id 18446744073709551615, the model knows"),
    ] {
        let wrong = Examples::new(users, items)
            .and_then(|rows| rows.with_user_features(vec![0.0; 6], 3))
            .and_then(|rows| rows.with_item_features(vec![0.0; 4], 2))
            .and_then(|rows| rows.with_cross_features(vec![0.0; 4], 2));
        let actual = message(model.check(&wrong.expect("rows of some model")));
        assert!(actual.starts_with(expected), "{actual:?} does not begin with {expected:?}");
    }
}
