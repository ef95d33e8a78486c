//! Lookups and sparse optimizers on every backend.

use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys::embeddings::{
    EmbeddingTable, EmbeddingTableConfig, LazyAdam, RowUpdate, RowWiseAdagrad, SparseOptimizer, SparseSgd,
    TableInitializer, Tape,
};

use crate::{assert_close, devices, values};

const N_ROWS: usize = 7;
const D: usize = 3;
const LR: f64 = 0.1;
/// Duplicates, a batch of one, the largest id, and rows that come back after a pause.
const BATCHES: [&[u32]; 5] = [&[1, 4, 1, 1, 0], &[6], &[4, 6, 0, 4], &[3], &[1, 6, 1]];

fn table(device: &Device) -> EmbeddingTable {
    EmbeddingTableConfig::new(N_ROWS, D)
        .with_initializer(TableInitializer::Normal { std: 0.5 })
        .with_seed(3)
        .init(device)
}

/// Where position `at` of a batch pulls its row to.
fn target(at: usize) -> [f64; D] {
    std::array::from_fn(|column| ((at * D + column) as f64 * 1.7).sin())
}

/// The sum of squared distances from the targets.
fn loss(rows: Tensor<2>) -> Tensor<1> {
    let [n, _] = rows.dims();
    let targets: Vec<f32> = (0..n).flat_map(target).map(|value| value as f32).collect();
    let targets = Tensor::<2>::from_data(TensorData::new(targets, [n, D]), &rows.device());
    (rows - targets).powf_scalar(2.0).sum()
}

type Rows = Vec<[f64; D]>;

/// The gradient of every touched row, in plain Rust.
fn gradients(table: &Rows, ids: &[u32]) -> Vec<(usize, [f64; D])> {
    let mut touched: Vec<(usize, [f64; D])> = Vec::new();
    for (at, &id) in ids.iter().enumerate() {
        let row = id as usize;
        let known = touched.iter().position(|(other, _)| *other == row);
        let index = known.unwrap_or_else(|| {
            touched.push((row, [0.0; D]));
            touched.len() - 1
        });
        let values = table[row].iter().zip(target(at));
        for (gradient, (value, target)) in touched[index].1.iter_mut().zip(values) {
            *gradient += 2.0 * (value - target);
        }
    }
    touched
}

/// Trains a table on every device and a plain-Rust one beside it: `change` is given the step from 1,
/// the row and its gradient.
fn conforms<U: RowUpdate>(
    rule: impl Fn() -> U,
    weight_decay: f64,
    change: impl Fn() -> Box<dyn FnMut(i32, usize, [f64; D]) -> [f64; D]>,
) {
    for (name, device) in devices() {
        let mut table = table(&device);
        let mut expected: Rows =
            table.vectors().chunks_exact(D).map(|row| std::array::from_fn(|at| f64::from(row[at]))).collect();
        let mut optimizer = SparseOptimizer::new(rule()).with_weight_decay(weight_decay);
        let mut change = change();
        for (step, ids) in (1..).zip(BATCHES) {
            let mut tape = Tape::new();
            let mut grads = loss(table.forward(ids, &mut tape)).backward();
            table = optimizer.step(LR, table, tape.gradients(&mut grads));
            for (row, gradient) in gradients(&expected, ids) {
                let change = change(step, row, gradient);
                for column in 0..D {
                    expected[row][column] += change[column] - LR * weight_decay * expected[row][column];
                }
            }
            assert_close(
                &table.vectors(),
                expected.iter().flatten().copied(),
                &format!("{name}, step {step}"),
            );
        }
    }
}

#[test]
fn lookups_give_the_rows_asked_for() {
    for (name, device) in devices() {
        let table = table(&device);
        let all = table.vectors();
        for ids in BATCHES.into_iter().chain([&[6, 6, 6, 6][..]]) {
            let expected: Vec<f32> =
                ids.iter().flat_map(|&id| all[id as usize * D..][..D].to_vec()).collect();
            assert_eq!(values(table.forward(ids, &mut Tape::new())), expected, "{name} {ids:?}");
            assert_eq!(values(table.lookup(ids)), expected, "{name} {ids:?}");
            let untracked = table.forward(ids, &mut Tape::off());
            assert!(!untracked.is_require_grad(), "{name}");
            assert_eq!(values(untracked), expected, "{name} {ids:?}");
        }
    }
}

#[test]
fn first_values_are_the_same_bits_everywhere() {
    let tables: Vec<Vec<f32>> = devices().iter().map(|(_, device)| table(device).vectors()).collect();
    assert!(tables.iter().all(|table| *table == tables[0]));
    assert!(tables[0].iter().any(|value| value.abs() > 0.5), "{:?}", tables[0]);
}

#[test]
fn a_tape_that_is_off_gives_no_gradient() {
    for (name, device) in devices() {
        let table = table(&device);
        let mut tape = Tape::off();
        let still = table.forward(&[1, 2], &mut tape);
        // Something must depend on a leaf for a backward pass to exist.
        let leaf = Tensor::<2>::ones([2, D], &device).require_grad();
        let mut grads = (leaf * still).sum().backward();
        assert!(tape.gradients(&mut grads).is_empty(), "{name}");
    }
}

#[test]
fn two_lookups_in_one_step_add_up() {
    for (name, device) in devices() {
        let mut table = table(&device);
        let mut expected: Vec<f64> = table.vectors().into_iter().map(f64::from).collect();
        let mut tape = Tape::new();
        let (first, second) = (table.forward(&[1, 6, 1], &mut tape), table.forward(&[6, 2], &mut tape));
        let mut grads = (first * 2.0).sum().add((second * 5.0).sum()).backward();
        table = SparseOptimizer::new(SparseSgd::default()).step(LR, table, tape.gradients(&mut grads));
        for (row, gradient) in [(1, 4.0), (2, 5.0), (6, 7.0)] {
            expected[row * D..][..D].iter_mut().for_each(|value| *value -= LR * gradient);
        }
        assert_close(&table.vectors(), expected, name);
    }
}

#[test]
fn sgd() {
    conforms(SparseSgd::default, 0.0, || Box::new(|_, _, gradient| gradient.map(|g| -LR * g)));
}

#[test]
fn weight_decay_shrinks_touched_rows() {
    conforms(SparseSgd::default, 0.5, || Box::new(|_, _, gradient| gradient.map(|g| -LR * g)));
}

#[test]
fn row_wise_adagrad() {
    conforms(RowWiseAdagrad::default, 0.0, || {
        let mut accumulated = [0.0; N_ROWS];
        Box::new(move |_, row, gradient| {
            accumulated[row] += gradient.iter().map(|g| g * g).sum::<f64>() / D as f64;
            gradient.map(|g| -LR * g / (accumulated[row].sqrt() + 1e-8))
        })
    });
}

#[test]
fn lazy_adam() {
    conforms(LazyAdam::default, 0.0, || {
        let (mut first, mut second) = ([[0.0; D]; N_ROWS], [[0.0; D]; N_ROWS]);
        Box::new(move |step, row, gradient| {
            std::array::from_fn(|column| {
                let (m, v) = (&mut first[row][column], &mut second[row][column]);
                *m = 0.9 * *m + 0.1 * gradient[column];
                *v = 0.999 * *v + 0.001 * gradient[column].powi(2);
                let (m, v) = (*m / (1.0 - 0.9f64.powi(step)), *v / (1.0 - 0.999f64.powi(step)));
                -LR * m / (v.sqrt() + 1e-8)
            })
        })
    });
}
