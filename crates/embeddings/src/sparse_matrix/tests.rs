use burn::tensor::Device;
use proptest::prelude::*;

use super::*;

/// Row-major `[n_rows, n_columns]`, entries that share a place added up.
fn dense(matrix: &SparseMatrix) -> Vec<f64> {
    let mut dense = vec![0.0; matrix.n_rows() * matrix.n_columns()];
    for row in 0..matrix.n_rows() {
        let (columns, values) = matrix.row(row);
        for (&column, &value) in columns.iter().zip(values) {
            dense[row * matrix.n_columns() + column as usize] += f64::from(value);
        }
    }
    dense
}

/// `[n, m]` times `[m, d]`
fn product(a: &[f64], b: &[f64], [n, m, d]: [usize; 3]) -> Vec<f64> {
    let at = |at: usize| (0..m).map(|k| a[at / d * m + k] * b[k * d + at % d]).sum();
    (0..n * d).map(at).collect()
}

fn mean_of_powers(matrix: &[f64], x: &[f64], [n, d]: [usize; 2], n_powers: usize) -> Vec<f64> {
    let (mut power, mut sum) = (x.to_vec(), x.to_vec());
    for _ in 0..n_powers {
        power = product(matrix, &power, [n, n, d]);
        sum.iter_mut().zip(&power).for_each(|(sum, value)| *sum += value);
    }
    sum.into_iter().map(|value| value / (n_powers + 1) as f64).collect()
}

/// Of a matrix of `n` rows.
fn transposed(a: &[f64], n: usize) -> Vec<f64> {
    (0..a.len()).map(|at| a[at % n * (a.len() / n) + at / n]).collect()
}

fn sine(n: usize) -> Vec<f32> {
    (0..n).map(|at| (at as f32 * 0.37 + 0.1).sin()).collect()
}

fn f64s(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn tensor(values: &[f32], dims: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), dims), device)
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn near(actual: &[f32], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len());
    for (at, (&actual, &expected)) in actual.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(actual) - expected).abs() < 1e-4 * expected.abs().max(1.0),
            "{at}: {actual} {expected}"
        );
    }
}

/// A matrix whose rows have `lengths` entries, at columns and of values that differ.
fn matrix(lengths: &[usize], n_columns: usize) -> SparseMatrix {
    let mut offsets = vec![0u32];
    offsets.extend(lengths.iter().scan(0, |end, &length| {
        *end += length as u32;
        Some(*end)
    }));
    let n = lengths.iter().sum();
    let columns = (0..n as u32).map(|at| at.wrapping_mul(2_654_435_761) % n_columns as u32).collect();
    let values = sine(n).into_iter().map(|value| 0.4 * value).collect();
    SparseMatrix::new(n_columns, offsets, columns, values).unwrap()
}

proptest! {
    #[test]
    fn products_are_those_of_dense_matrices(
        lengths in prop::collection::vec(0usize..6, 1..9),
        n_columns in 1usize..9,
        d in prop_oneof![1usize..4, 60usize..70],
    ) {
        let (matrix, device) = (matrix(&lengths, n_columns), Device::default());
        let x = sine(n_columns * d);
        let expected = product(&dense(&matrix), &f64s(&x), [lengths.len(), n_columns, d]);
        let x = tensor(&x, [n_columns, d], &device);
        near(&values(matrix.matmul(x.clone())), &expected);
        near(&values(matrix.rows.gather_and_sum(x)), &expected);
    }

    #[test]
    fn means_of_powers_and_their_gradients_are_those_of_dense_matrices(
        lengths in prop::collection::vec(0usize..6, 1..9),
        at in prop::collection::vec(0usize..9, 0..12),
        n_powers in 0usize..5,
        d in prop_oneof![1usize..4, 64usize..66],
    ) {
        let n = lengths.len();
        let (matrix, device) = (matrix(&lengths, n), Device::default().autodiff());
        let at: Vec<u32> = at.into_iter().map(|row| (row % n) as u32).collect();
        let (x, weights) = (sine(n * d), sine(at.len() * d));
        let all = mean_of_powers(&dense(&matrix), &f64s(&x), [n, d], n_powers);
        let expected: Vec<f64> =
            at.iter().flat_map(|&row| &all[row as usize * d..][..d]).copied().collect();
        // The loss is linear: its gradient is the weights of the rows, through the transpose.
        let mut spread = vec![0.0; n * d];
        for (&row, weights) in at.iter().zip(weights.chunks(d)) {
            spread[row as usize * d..][..d].iter_mut().zip(weights).for_each(|(sum, w)| *sum += f64::from(*w));
        }
        let expected_gradient = mean_of_powers(&transposed(&dense(&matrix), n), &spread, [n, d], n_powers);
        let x = tensor(&x, [n, d], &device).require_grad();
        let mean = matrix.mean_of_powers(x.clone(), n_powers, &at);
        near(&values(mean.clone()), &expected);
        if !at.is_empty() {
            let grads = (mean * tensor(&weights, [at.len(), d], &device)).sum().backward();
            near(&values(x.grad(&grads).unwrap()), &expected_gradient);
        }
    }
}

#[test]
fn gradients_pass_through_both_kinds_of_product() {
    let (matrix, device) = (matrix(&[2, 0, 3, 1], 5), Device::default().autodiff());
    let weights = sine(8);
    let expected = product(&transposed(&dense(&matrix), 4), &f64s(&weights), [5, 4, 2]);
    let kinds: [fn(&SparseMatrix, Tensor<2>) -> Tensor<2>; 2] =
        [SparseMatrix::matmul, |matrix, x| matrix.rows.gather_and_sum(x)];
    for kind in kinds {
        let x = tensor(&sine(10), [5, 2], &device).require_grad();
        let grads = (kind(&matrix, x.clone()) * tensor(&weights, [4, 2], &device)).sum().backward();
        near(&values(x.grad(&grads).unwrap()), &expected);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let lengths: Vec<usize> = (0..3000).map(|row| row * 7 % 29).collect();
    let (matrix, n) = (matrix(&lengths, lengths.len()), lengths.len());
    let at: Vec<u32> = (0..n as u32 / 2).map(|at| at * 3 % n as u32).collect();
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let x = tensor(&sine(n * 17), [n, 17], &Device::default().autodiff()).require_grad();
            let mean = matrix.mean_of_powers(matrix.matmul(x.clone()), 3, &at);
            let grads = mean.clone().square().sum().backward();
            [mean, x.grad(&grads).unwrap()].map(values)
        })
    };
    let expected = run(1);
    assert!([2, 5].into_iter().all(|n_threads| run(n_threads) == expected));
}

#[test]
fn symmetric_matrices_are_checked() {
    let symmetric = |values: Vec<f32>| SparseMatrix::symmetric(vec![0, 1, 3], vec![1, 0, 1], values);
    let matrix = symmetric(vec![2.0, 2.0, 5.0]).unwrap();
    assert_eq!((matrix.n_rows(), matrix.n_columns(), matrix.n_entries()), (2, 2, 3));
    let error = symmetric(vec![2.0, 3.0, 5.0]).unwrap_err();
    assert_eq!(error, SparseMatrixError::NotSymmetric { row: 0 });
}

#[test]
fn arrays_that_are_no_rows_are_refused() {
    let refused = |n_columns, offsets: &[u32], columns: &[u32], values: &[f32]| {
        SparseMatrix::new(n_columns, offsets.into(), columns.into(), values.into()).unwrap_err().to_string()
    };
    assert!(refused(2, &[0, 2], &[0, 1], &[1.0]).contains("2 columns and 1 values"));
    assert!(refused(2, &[], &[], &[]).contains("offset of row 0 is 0"));
    assert!(refused(2, &[1, 1], &[0], &[1.0]).contains("offset of row 0 is 1"));
    assert!(refused(2, &[0, 2, 1, 2], &[0, 1], &[1.0; 2]).contains("offset of row 2 is 1"));
    assert!(refused(2, &[0, 1], &[0, 1], &[1.0; 2]).contains("offset of row 1 is 1"));
    assert!(refused(2, &[0, 0, 1], &[2], &[1.0]).contains("row 1 has an entry in column 2, but there are 2"));
    assert!(refused(2, &[0, 1], &[1], &[f32::NAN]).contains("row 0, column 1 is NaN"));
}

#[test]
fn matrices_without_rows_or_entries_have_products() {
    let device = Device::default();
    let x = || tensor(&sine(6), [3, 2], &device);
    let none = SparseMatrix::new(3, vec![0], vec![], vec![]).unwrap();
    assert_eq!(none.matmul(x()).dims(), [0, 2]);
    let empty = SparseMatrix::new(3, vec![0; 4], vec![], vec![]).unwrap();
    assert_eq!(values(empty.matmul(x())), [0.0; 6]);
    assert_eq!(
        values(empty.mean_of_powers(x(), 1, &[2])),
        sine(6)[4..].iter().map(|v| v / 2.0).collect::<Vec<_>>()
    );
}

#[test]
#[should_panic(expected = "row 3 of a matrix of 3 rows")]
fn a_row_that_is_not_there_panics() {
    let matrix = matrix(&[1, 1, 1], 3);
    matrix.mean_of_powers(tensor(&sine(3), [3, 1], &Device::default()), 2, &[0, 3]);
}
