//! Every retrieval loss beside its definition in plain Rust.

use burn::tensor::{Device, Tensor, TensorData};

use super::{LossError, RetrievalLoss};
use crate::CandidateLogits;

const LOSSES: [RetrievalLoss; 6] = [
    RetrievalLoss::Pointwise,
    RetrievalLoss::Bpr,
    RetrievalLoss::Warp { margin: 0.5, n_items: None },
    RetrievalLoss::Warp { margin: 1.0, n_items: Some(1000) },
    RetrievalLoss::Softmax { temperature: 0.4 },
    RetrievalLoss::CosineContrastive { margin: 0.2, negative_weight: 3.0 },
];

/// Row 0 has a violator at its second negative, row 1 none, row 2 at its first; the last is all masked.
const POSITIVES: [f32; 4] = [0.9, 2.1, -0.7, 0.3];
const NEGATIVES: [[f32; 4]; 4] =
    [[0.1, 0.7, -1.3, 1.6], [0.25, -0.4, 0.6, 0.35], [0.8, 0.15, -0.9, 0.5], [1.4, 0.4, 0.9, -0.2]];
const HITS: [[bool; 4]; 4] = [[false; 4], [true, false, false, true], [true, false, false, false], [true; 4]];

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The definitions, row by row; negatives are those that count.
fn reference(loss: RetrievalLoss, rows: &[(f64, Vec<f64>)]) -> f64 {
    let n_rows = rows.len() as f64;
    let mean = |of_row: &dyn Fn(f64, &[f64]) -> f64| {
        rows.iter().map(|(positive, negatives)| of_row(*positive, negatives)).sum::<f64>() / n_rows
    };
    let n_pairs: usize = rows.iter().map(|(_, negatives)| negatives.len()).sum();
    match loss {
        RetrievalLoss::Pointwise => {
            let sum = mean(&|p, n| softplus(-p) + n.iter().map(|&x| softplus(x)).sum::<f64>()) * n_rows;
            sum / (n_rows + n_pairs as f64)
        }
        RetrievalLoss::Bpr => {
            mean(&|p, n| n.iter().map(|x| softplus(x - p)).sum()) * n_rows / (n_pairs as f64).max(1.0)
        }
        RetrievalLoss::Warp { margin, n_items } => mean(&|p, n| {
            let Some(first) = n.iter().position(|x| margin - p + x > 0.0) else { return 0.0 };
            let rank = (n_items.map_or(NEGATIVES[0].len(), |n| n as usize) / (first + 1)).max(1);
            (1..=rank).map(|i| 1.0 / i as f64).sum::<f64>() * (margin - p + n[first])
        }),
        RetrievalLoss::Softmax { temperature } => mean(&|p, n| {
            let sum: f64 = n.iter().map(|x| ((x - p) / temperature).exp()).sum();
            sum.ln_1p()
        }),
        RetrievalLoss::CosineContrastive { margin, negative_weight } => mean(&|p, n| {
            let sum: f64 = n.iter().map(|x| (x - margin).max(0.0)).sum();
            (1.0 - p).max(0.0) + negative_weight * sum / (n.len() as f64).max(1.0)
        }),
    }
}

fn rows(negatives: &[[f32; 4]; 4], hits: &[[bool; 4]; 4]) -> Vec<(f64, Vec<f64>)> {
    let of_row = |row: usize| negatives[row].iter().zip(hits[row]).filter(|(_, hit)| !hit);
    let rows = (0..4).map(|row| (row, of_row(row).map(|(x, _)| f64::from(*x)).collect()));
    rows.map(|(row, negatives)| (f64::from(POSITIVES[row]), negatives)).collect()
}

fn column(values: &[f32], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), device)
}

fn candidates(hits: &[[bool; 4]; 4], device: &Device) -> CandidateLogits {
    CandidateLogits::new(column(&POSITIVES, device), Tensor::from_data(NEGATIVES, device))
        .masked(hits.as_flattened())
}

fn value(loss: RetrievalLoss, logits: &CandidateLogits) -> f64 {
    f64::from(loss.forward(logits).into_scalar::<f32>())
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn every_loss_equals_its_definition() {
    let device = Device::default();
    for loss in LOSSES {
        for hits in [[[false; 4]; 4], HITS, [[true; 4]; 4]] {
            let (actual, expected) =
                (value(loss, &candidates(&hits, &device)), reference(loss, &rows(&NEGATIVES, &hits)));
            assert!((actual - expected).abs() < 1e-6, "{loss:?} {hits:?}: {actual} {expected}");
        }
    }
}

#[test]
fn gradients_are_those_of_the_definition() {
    let device = Device::default().autodiff();
    for loss in LOSSES {
        for hits in [[[false; 4]; 4], HITS] {
            let positives = column(&POSITIVES, &device).require_grad();
            let negatives = Tensor::<2>::from_data(NEGATIVES, &device).require_grad();
            let logits =
                CandidateLogits::new(positives.clone(), negatives.clone()).masked(hits.as_flattened());
            let grads = loss.forward(&logits).backward();
            let of_positives = values(positives.grad(&grads).unwrap());
            let of_negatives = values(negatives.grad(&grads).unwrap());
            let base = rows(&NEGATIVES, &hits);
            let near = |actual: f32, change: &dyn Fn(f64) -> Vec<(f64, Vec<f64>)>| {
                let h = 1e-5;
                let slope = (reference(loss, &change(h)) - reference(loss, &change(-h))) / (2.0 * h);
                assert!((f64::from(actual) - slope).abs() < 1e-5, "{loss:?}: {actual} {slope}");
            };
            for row in 0..4 {
                near(of_positives[row], &|h| {
                    let mut rows = base.clone();
                    rows[row].0 += h;
                    rows
                });
                let mut nth = 0;
                for (at, hit) in hits[row].into_iter().enumerate() {
                    match hit {
                        true => assert_eq!(of_negatives[row * 4 + at], 0.0, "{loss:?}"),
                        false => {
                            near(of_negatives[row * 4 + at], &|h| {
                                let mut rows = base.clone();
                                rows[row].1[nth] += h;
                                rows
                            });
                            nth += 1;
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn saturated_logits_and_masked_nan_leave_loss_and_gradients_finite() {
    let device = Device::default().autodiff();
    for loss in LOSSES {
        let positives = column(&[1e4, -1e4, -1e4, 0.0], &device).require_grad();
        let negatives =
            [[1e4, -1e4], [1e4, f32::NAN], [f32::INFINITY, f32::NEG_INFINITY], [-1e4, f32::INFINITY]];
        let negatives = Tensor::<2>::from_data(negatives, &device).require_grad();
        let logits = CandidateLogits::new(positives.clone(), negatives.clone())
            .masked(&[false, false, false, true, true, true, false, true]);
        let output = loss.forward(&logits);
        assert!(output.clone().into_scalar::<f32>().is_finite(), "{loss:?}");
        let grads = output.backward();
        for leaf in [positives, negatives] {
            assert!(values(leaf.grad(&grads).unwrap()).iter().all(|value| value.is_finite()), "{loss:?}");
        }
    }
}

#[test]
fn one_negative_and_none() {
    let device = Device::default();
    for loss in LOSSES {
        let one = Tensor::<2>::from_data([[0.3, 0.9], [0.8, -0.1]], &device);
        let mut rows = vec![(f64::from(0.3f32), vec![f64::from(0.9f32)]), (f64::from(0.8f32), vec![-0.1])];
        // The estimate of a rank depends on the number of columns.
        if !matches!(loss, RetrievalLoss::Warp { n_items: None, .. }) {
            let actual = value(loss, &CandidateLogits::from_columns(one.clone()));
            assert!((actual - reference(loss, &rows)).abs() < 1e-6, "{loss:?}");
        }
        rows.iter_mut().for_each(|(_, negatives)| negatives.clear());
        let expected = reference(loss, &rows);
        let none = [
            CandidateLogits::from_columns(one.clone().narrow(1, 0, 1)),
            CandidateLogits::from_columns(one.clone()).hardest(0),
            CandidateLogits::from_columns(one).sampled_log_q_corrected(&[-1.0]).hardest(0),
        ];
        for logits in none {
            assert_eq!(logits.dims(), [2, 0]);
            assert!((value(loss, &logits) - expected).abs() < 1e-6, "{loss:?}");
        }
    }
}

#[test]
fn in_batch_scores_are_rows_without_their_diagonal() {
    let device = Device::default();
    let scores = [[0.9, 0.1, -0.4], [0.2, 0.5, 0.6], [-0.3, 0.7, 0.4f32]];
    let loss = RetrievalLoss::Softmax { temperature: 0.4 };
    let expected = |rows: [[f32; 3]; 3]| {
        let rows: Vec<_> =
            rows.map(|[p, a, b]| (f64::from(p), vec![f64::from(a), f64::from(b)])).into_iter().collect();
        reference(loss, &rows)
    };
    let logits = CandidateLogits::in_batch(Tensor::from_data(scores, &device));
    let [a, b, c] = scores;
    let moved = [a, [b[1], b[0], b[2]], [c[2], c[0], c[1]]];
    assert!((value(loss, &logits) - expected(moved)).abs() < 1e-6);

    // Rows 0 and 2 have the same item: each is no negative of the other.
    let logits = logits.without_hits(&[5, 8, 5], &[5, 8, 5]);
    let rows = [(0.9, vec![0.1]), (0.5, vec![0.2, 0.6]), (0.4, vec![0.7])];
    assert!((value(loss, &logits) - reference(loss, &rows)).abs() < 1e-6);
}

#[test]
fn hits_are_masked_for_shared_negatives_and_for_those_of_rows() {
    let device = Device::default();
    let loss = RetrievalLoss::Bpr;
    let logits = || {
        CandidateLogits::new(
            column(&[0.2, 0.4], &device),
            Tensor::from_data([[1.0, 2.0], [3.0, 4.0]], &device),
        )
    };
    let expected = |rows: &[(f64, Vec<f64>)]| reference(loss, rows);
    let shared = value(loss, &logits().without_hits(&[7, 3], &[3, 9]));
    assert!((shared - expected(&[(0.2, vec![1.0, 2.0]), (0.4, vec![4.0])])).abs() < 1e-6);
    let own = value(loss, &logits().without_hits(&[7, 3], &[3, 7, 3, 3]));
    assert!((own - expected(&[(0.2, vec![1.0]), (0.4, vec![])])).abs() < 1e-6);
}

#[test]
fn temperature_divides_logits_and_not_the_correction() {
    let device = Device::default();
    let logits = CandidateLogits::new(column(&[0.5], &device), Tensor::from_data([[0.3, -0.2]], &device));
    let corrected = logits.clone().log_q_corrected(&[-1.0], &[-2.0, -0.5]);
    let loss = RetrievalLoss::Softmax { temperature: 0.4 };
    // Logits over 0.4, minus log Q, written as logits of temperature 1.
    let (p, n) = (0.5 / 0.4 + 1.0, vec![0.3 / 0.4 + 2.0, -0.2 / 0.4 + 0.5]);
    let expected = reference(RetrievalLoss::Softmax { temperature: 1.0 }, &[(p, n)]);
    assert!((value(loss, &corrected) - expected).abs() < 1e-6);
    // Twice is the sum.
    let twice = logits.clone().log_q_corrected(&[-0.5], &[-1.0, -0.5]).log_q_corrected(&[-0.5], &[-1.0, 0.0]);
    assert!((value(loss, &twice) - expected).abs() < 1e-6);
    // Two draws of log Q = ln(1/8): log(n Q) = ln(1/4), the positive as it is.
    let sampled = logits.clone().sampled_log_q_corrected(&[(1f32 / 8.0).ln(); 2]);
    let explicit = logits.log_q_corrected(&[0.0], &[0.25f32.ln(); 2]);
    assert!((value(loss, &sampled) - value(loss, &explicit)).abs() < 1e-6);
}

#[test]
fn the_hardest_negatives_take_mask_and_correction_along() {
    let device = Device::default();
    let loss = RetrievalLoss::Softmax { temperature: 1.0 };
    let logits = CandidateLogits::new(
        column(&[0.5, 0.1], &device),
        Tensor::from_data([[3.0, 0.2, 0.9, -0.4], [0.0, -1.0, -2.0, -3.0]], &device),
    )
    .masked(&[true, false, false, false, false, true, true, true])
    .log_q_corrected(&[0.0; 2], &[-1.0, -0.1, -0.2, -5.0]);
    let hardest = logits.clone().hardest(2);
    assert_eq!(hardest.dims(), [2, 2]);
    // Row 0 without its masked 3.0, and without -0.4, though corrected it is the largest.
    let rows = [(0.5, vec![0.9 + 0.2, 0.2 + 0.1]), (0.1, vec![1.0])];
    assert!((value(loss, &hardest) - reference(loss, &rows)).abs() < 1e-6);
    assert_eq!(value(loss, &logits.clone().hardest(4)), value(loss, &logits));
}

#[test]
fn parameters_are_checked_and_named_in_files() {
    for loss in LOSSES {
        loss.validate().unwrap();
        let text = serde_json::to_string(&loss).unwrap();
        assert_eq!(serde_json::from_str::<RetrievalLoss>(&text).unwrap(), loss, "{text}");
    }
    let text = serde_json::to_string(&LOSSES[5]).unwrap();
    assert_eq!(text, r#"{"kind":"cosine-contrastive","margin":0.2,"negative_weight":3.0}"#);
    assert!(serde_json::from_str::<RetrievalLoss>(r#"{"kind":"softmax","temprature":1}"#).is_err());
    let refused = [
        (RetrievalLoss::Softmax { temperature: 0.0 }, "temperature is 0; it has to be above 0 and finite"),
        (
            RetrievalLoss::Softmax { temperature: f64::NAN },
            "temperature is NaN; it has to be above 0 and finite",
        ),
        (
            RetrievalLoss::Warp { margin: -1.0, n_items: None },
            "margin is -1; it has to be at least 0 and finite",
        ),
        (RetrievalLoss::Warp { margin: 1.0, n_items: Some(0) }, "n_items is 0; it has to be at least 1"),
        (
            RetrievalLoss::CosineContrastive { margin: 2.0, negative_weight: 1.0 },
            "margin is 2; it has to be a cosine, -1 to 1",
        ),
        (
            RetrievalLoss::CosineContrastive { margin: 0.5, negative_weight: f64::INFINITY },
            "negative_weight is inf; it has to be at least 0 and finite",
        ),
    ];
    for (loss, message) in refused {
        let error: LossError = loss.validate().unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
#[should_panic(expected = "negatives of 2 rows for 4 positives")]
fn rows_that_differ_panic() {
    let device = Device::default();
    CandidateLogits::new(column(&POSITIVES, &device), Tensor::zeros([2, 3], &device));
}

#[test]
#[should_panic(expected = "3 values for negatives of shape [4, 4]")]
fn a_log_q_of_another_length_panics() {
    candidates(&HITS, &Device::default()).sampled_log_q_corrected(&[0.0; 3]);
}

#[test]
#[should_panic(expected = "log Q of negative 2 is -inf")]
fn an_item_that_is_never_drawn_is_no_candidate() {
    candidates(&HITS, &Device::default()).sampled_log_q_corrected(&[-1.0, -1.0, f32::NEG_INFINITY, -1.0]);
}
