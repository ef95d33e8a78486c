use burn_recsys_models::Calibration;

use super::*;
use crate::study::rows::tests::rows_by_hand;

/// Row by row: user, item, logits, labels.
type Row = (u32, u64, [f32; 3], [f32; 3]);

/// The user is the index; the slices are cold (0), cold (1-3), light, power, light.
const USER_COUNTS: [u32; 5] = [0, 3, 4, 200, 49];
const USER_SLICES: [usize; 5] = [1, 2, 3, 5, 3];

const ROWS: [Row; 13] = [
    (3, 3, [1.0, 0.0, 10.0], [1.0, 0.0, 1.0]),
    (0, 0, [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
    (0, 1, [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]),
    (1, 1, [-0.5, 3.0, 0.0], [0.0, 1.0, 1.0]),
    (2, 0, [0.3, -0.4, 0.5], [1.0, 1.0, 0.0]),
    (0, 2, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    (4, 4, [-0.2, 0.1, -1.0], [0.0, 0.0, 0.0]),
    (1, 0, [0.5, -0.5, 0.0], [1.0, 0.0, 0.0]),
    (3, 4, [0.0, 0.0, -10.0], [0.0, 1.0, 0.0]),
    (2, 3, [-1.5, 0.9, 0.2], [1.0, 0.0, 1.0]),
    (1, 2, [-5.0, -5.0, 0.0], [0.0, 0.0, 1.0]),
    (4, 1, [1.2, 2.0, 0.4], [0.0, 1.0, 1.0]),
    (3, 0, [-5.0, 0.0, 0.0], [1.0, 1.0, 0.0]),
];

const PLATT: [(f64, f64); 3] = [(2.0, -1.0), (1.0, 0.0), (0.5, 1.0)];

fn probability(row: &Row, task: usize) -> f64 {
    let (slope, intercept) = PLATT[task];
    1.0 / (1.0 + (-(slope * f64::from(row.2[task]) + intercept)).exp())
}

fn measured(rows: &[Row]) -> Vec<SliceOutcome> {
    let column = |of: fn(&Row) -> u32| rows.iter().map(of).collect::<Vec<u32>>();
    let items: Vec<u64> = rows.iter().map(|row| row.1).collect();
    let labels: Vec<[f32; 3]> = rows.iter().map(|row| row.3).collect();
    let logits: Vec<f32> = rows.iter().flat_map(|row| row.2).collect();
    let is_head = vec![true, true, false, false, false];
    let rows = rows_by_hand(&column(|row| row.0), &items, &labels, USER_COUNTS.to_vec(), is_head);
    let calibrations = PLATT.map(|(slope, intercept)| Calibration::platt(slope, intercept).unwrap());
    let value = UserValue::new(vec![1.0, 0.5, -1.0]).unwrap().with_calibrations(calibrations.to_vec());
    measure(&rows, &logits, &value.unwrap()).unwrap()
}

/// The share of pairs of a positive and a negative that are in order.
fn auc(rows: &[Row], task: usize) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0.0);
    for positive in rows.iter().filter(|row| row.3[task] == 1.0) {
        for negative in rows.iter().filter(|row| row.3[task] == 0.0) {
            n += 1.0;
            sum += match positive.2[task].total_cmp(&negative.2[task]) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    (n > 0.0).then(|| sum / n)
}

fn log_loss(rows: &[Row], task: usize) -> Option<f64> {
    let loss = |row: &Row| {
        let p = probability(row, task);
        -(if row.3[task] == 1.0 { p } else { 1.0 - p }).ln()
    };
    (!rows.is_empty()).then(|| rows.iter().map(loss).sum::<f64>() / rows.len() as f64)
}

fn is_close(value: Option<&f64>, expected: Option<f64>) -> bool {
    match (value, expected) {
        (Some(value), Some(expected)) => (value - expected).abs() < 1e-5,
        (None, None) => true,
        _ => false,
    }
}

#[test]
fn metrics_of_every_slice_are_those_of_its_rows() {
    let outcomes = measured(&ROWS);
    assert_eq!(outcomes.len(), 8);
    for (slice, outcome) in outcomes.iter().enumerate() {
        let is_in = |row: &&Row| match slice {
            0 => true,
            6 => row.1 < 2,
            7 => row.1 >= 2,
            _ => USER_SLICES[row.0 as usize] == slice,
        };
        let rows: Vec<Row> = ROWS.iter().filter(is_in).copied().collect();
        assert_eq!(outcome.n_rows, rows.len(), "{}", outcome.slice);
        let n_users = (0..5).filter(|&user| rows.iter().any(|row| row.0 == user)).count();
        assert_eq!(outcome.n_users, n_users, "{}", outcome.slice);
        type Expected<'a> = &'a dyn Fn(&[Row], usize) -> Option<f64>;
        let metrics: [(&str, Expected<'_>); 2] = [("AUC", &auc), ("LogLoss", &log_loss)];
        for (label, metric) in metrics {
            let by_task = [0, 1, 2].map(|task| metric(&rows, task));
            for (task, expected) in TASKS.iter().zip(by_task) {
                let value = outcome.metrics.get(&format!("{label} {task}"));
                assert!(
                    is_close(value, expected),
                    "{}: {label} {task}: {value:?}, {expected:?}",
                    outcome.slice
                );
            }
            let mean = by_task.iter().copied().sum::<Option<f64>>().map(|sum| sum / 3.0);
            let value = outcome.metrics.get(label);
            assert!(is_close(value, mean), "{}: {label}: {value:?}, {mean:?}", outcome.slice);
        }
    }
    // User 2 alone liked both and user 4 neither; the slice of both has rows of either kind.
    assert!(outcomes[3].metrics.contains_key("AUC"));
    assert_eq!((outcomes[4].n_rows, outcomes[4].n_users), (0, 0));
    assert!(!outcomes[4].metrics.contains_key("AUC"));
}

#[test]
fn calibration_error_is_of_calibrated_probabilities() {
    // Two rows of one slice and one bin of every task.
    let rows: [Row; 2] =
        [(0, 0, [0.5, 0.0, -2.0], [1.0, 1.0, 1.0]), (0, 1, [0.5, 0.0, -2.0], [0.0, 1.0, 0.0])];
    let outcome = &measured(&rows)[0];
    // 2 * 0.5 - 1 = 0 and 0.5 * -2 + 1 = 0: all probabilities are one half.
    for (label, expected) in [
        ("ECE liked", 0.0),
        ("ECE loved", 0.5),
        ("ECE above-own-mean", 0.0),
        ("ECE", 0.5 / 3.0),
        ("LogLoss liked", 2f64.ln()),
        ("LogLoss", 2f64.ln()),
    ] {
        assert!(is_close(outcome.metrics.get(label), Some(expected)), "{label}: {:?}", outcome.metrics);
    }
}

#[test]
fn lists_are_ranked_by_calibrated_value_and_liked_items_are_relevant() {
    let outcomes = measured(&ROWS);
    let at_2 = 1.0 / 3f64.log2();
    // User 0: items 0, 1, 2 by the first logit; 1 is liked.
    let user_0 = at_2;
    // User 1: item 0 has 0.5 + 0.5 * 0.38 and item 1 has 0.12 + 0.5 * 0.95; without calibration item 1
    // would be first. 0 is liked.
    let user_1 = 1.0;
    // User 3: item 4 has 0.27 - 0.02, item 3 has 0.73 - 1.00, item 0 has 0.00 - 0.73: the negative weight
    // of the third task decides. 3 and 0 are liked.
    let user_3 = (at_2 + 0.5) / (1.0 + at_2);
    // Users 2 and 4 have lists that no order can be wrong in.
    let expected =
        [Some((user_0 + user_1 + user_3) / 3.0), Some(user_0), Some(user_1), None, None, Some(user_3)];
    for (outcome, expected) in outcomes.iter().zip(expected) {
        let value = outcome.metrics.get("NDCG@10");
        assert!(is_close(value, expected), "{}: {value:?}, {expected:?}", outcome.slice);
    }
    // A list parted by item is no list.
    assert!(outcomes[6..].iter().all(|outcome| !outcome.metrics.contains_key("NDCG@10")));
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let mut backwards = ROWS;
    backwards.reverse();
    for (outcome, other) in measured(&ROWS).iter().zip(&measured(&backwards)) {
        assert_eq!(outcome.metrics.len(), other.metrics.len());
        for (label, value) in &outcome.metrics {
            assert!(is_close(other.metrics.get(label), Some(*value)), "{}: {label}", outcome.slice);
        }
    }
}
