//! Sparse optimizers against the formulas and against Burn's dense path.

use burn::module::{Module, Param};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::Tensor;
use burn_recsys_embeddings::{
    EmbeddingTable, LazyAdam, RowUpdate, RowWiseAdagrad, SparseOptimizer, SparseSgd, StateError, Tape,
};

use crate::{Tables, device, table, tables, values};

const IDS: [[u32; 4]; 3] = [[1, 4, 1, 1], [4, 0, 0, 2], [1, 3, 3, 5]];

/// Any smooth function of the rows will do.
fn loss(rows: Tensor<2>) -> Tensor<1> {
    let targets = Tensor::<2>::from_data(
        [[1.0, -1.0, 0.5], [0.2, 2.0, 0.1], [0.0, 1.0, -2.0], [3.0, 0.3, 0.7]],
        &device(),
    );
    (rows - targets).powf_scalar(2.0).sum()
}

/// d(loss)/d(row) for every id of `ids`, in plain Rust.
fn gradients(weight: &[f32], ids: &[u32]) -> Vec<(usize, [f64; 3])> {
    let targets = [[1.0, -1.0, 0.5], [0.2, 2.0, 0.1], [0.0, 1.0, -2.0], [3.0, 0.3, 0.7f64]];
    let mut rows: Vec<(usize, [f64; 3])> = Vec::new();
    for (position, &id) in ids.iter().enumerate() {
        let id = id as usize;
        let at = rows.iter().position(|row| row.0 == id).unwrap_or_else(|| {
            rows.push((id, [0.0; 3]));
            rows.len() - 1
        });
        for column in 0..3 {
            rows[at].1[column] += 2.0 * (f64::from(weight[id * 3 + column]) - targets[position][column]);
        }
    }
    rows
}

/// Trains a table of 6 x 3 for three steps, and a plain-Rust copy beside it by `reference`.
fn compare<U: RowUpdate>(rule: U, lr: f64, mut reference: impl FnMut(u64, usize, [f64; 3]) -> [f64; 3]) {
    let mut table = table(6, 3, 7);
    let mut weight = values(table.weight.val());
    let mut sparse = SparseOptimizer::new(rule);
    for (step, ids) in (1..).zip(IDS) {
        let mut tape = Tape::new();
        let mut grads = loss(table.forward(&ids, &mut tape)).backward();
        table = sparse.step(lr, table, tape.gradients(&mut grads));
        for (row, gradient) in gradients(&weight, &ids) {
            let change = reference(step, row, gradient);
            for column in 0..3 {
                weight[row * 3 + column] += change[column] as f32;
            }
        }
    }
    for (index, (actual, expected)) in values(table.weight.val()).into_iter().zip(weight).enumerate() {
        assert!((actual - expected).abs() < 1e-5, "weight {index}: {actual}, expected {expected}");
    }
}

#[test]
fn sgd_is_its_formula() {
    compare(SparseSgd::default(), 0.1, |_, _, gradient| gradient.map(|g| -0.1 * g));
}

#[test]
fn row_wise_adagrad_is_its_formula() {
    let mut accumulated = [0.0; 6];
    compare(RowWiseAdagrad::default(), 0.1, |_, row, gradient| {
        accumulated[row] += gradient.iter().map(|g| g * g).sum::<f64>() / 3.0;
        gradient.map(|g| -0.1 * g / (accumulated[row].sqrt() + 1e-8))
    });
}

#[test]
fn lazy_adam_is_its_formula() {
    let (mut first, mut second) = ([[0.0; 3]; 6], [[0.0; 3]; 6]);
    compare(LazyAdam::default(), 0.1, |step, row, gradient| {
        let mut change = [0.0; 3];
        for column in 0..3 {
            let (m, v) = (&mut first[row][column], &mut second[row][column]);
            *m = 0.9 * *m + 0.1 * gradient[column];
            *v = 0.999 * *v + 0.001 * gradient[column].powi(2);
            let (m, v) = (*m / (1.0 - 0.9f64.powi(step as i32)), *v / (1.0 - 0.999f64.powi(step as i32)));
            change[column] = -0.1 * m / (v.sqrt() + 1e-8);
        }
        change
    });
}

#[test]
fn sparse_sgd_equals_dense_sgd() {
    let mut sparse_table = table(6, 3, 7);
    let mut dense_table = sparse_table.clone();
    dense_table.weight = Param::from_tensor(dense_table.weight.val());
    let mut sparse = SparseOptimizer::new(SparseSgd::default());
    let mut dense = SgdConfig::new().init();
    for ids in IDS {
        let mut tape = Tape::new();
        let mut grads = loss(sparse_table.forward(&ids, &mut tape)).backward();
        sparse_table = sparse.step(0.1, sparse_table, tape.gradients(&mut grads));

        let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        let ids = Tensor::from_data(ids.as_slice(), &device());
        let grads = loss(dense_table.weight.val().select(0, ids)).backward();
        let grads = GradientsParams::from_grads(grads, &dense_table);
        dense_table = dense.step(0.1, dense_table, grads);
    }
    assert_eq!(values(sparse_table.weight.val()), values(dense_table.weight.val()));
}

/// One step on both tables of a model.
fn step<U: RowUpdate>(optimizer: &mut SparseOptimizer<U>, model: Tables, ids: &[u32; 4]) -> Tables {
    let mut tape = Tape::new();
    let (users, items) = (model.users.forward(ids, &mut tape), model.items.forward(ids, &mut tape));
    let mut grads = loss(users * items).backward();
    optimizer.step(0.1, model, tape.gradients(&mut grads))
}

#[test]
fn untouched_rows_and_other_tables_keep_their_bits() {
    let model = tables();
    let before = (values(model.users.weight.val()), values(model.items.weight.val()));
    let mut optimizer = SparseOptimizer::new(RowWiseAdagrad::default());
    let mut tape = Tape::new();
    let mut grads = model.users.forward(&[2], &mut tape).sum().backward();
    let model = optimizer.step(0.1, model, tape.gradients(&mut grads));
    let after = (values(model.users.weight.val()), values(model.items.weight.val()));
    assert_eq!(before.1, after.1);
    for row in 0..6 {
        assert_eq!(before.0[row * 3..][..3] == after.0[row * 3..][..3], row != 2, "row {row}");
    }
}

#[test]
fn a_restored_optimizer_continues_bit_for_bit() {
    let mut optimizer = SparseOptimizer::new(LazyAdam::default());
    let mut model = step(&mut optimizer, tables(), &IDS[0]);

    let (states, n_steps) = optimizer.state(&model);
    let mut paths: Vec<&str> = states.iter().map(|(path, _)| path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!((paths, n_steps), (vec!["items.weight", "users.weight"], 1));
    let mut other = tables();
    other.users.weight = Param::from_tensor(model.users.weight.val());
    other.items.weight = Param::from_tensor(model.items.weight.val());
    let mut restored = SparseOptimizer::new(LazyAdam::default());
    restored.load_state(&other, states, n_steps).expect("the state fits");

    for ids in &IDS[1..] {
        model = step(&mut optimizer, model, ids);
        other = step(&mut restored, other, ids);
    }
    assert_eq!(values(model.users.weight.val()), values(other.users.weight.val()));
    assert_eq!(values(model.items.weight.val()), values(other.items.weight.val()));
}

#[test]
fn foreign_state_is_refused_and_changes_nothing() {
    let mut optimizer = SparseOptimizer::new(RowWiseAdagrad::default());
    let model = step(&mut optimizer, tables(), &IDS[0]);
    let (states, _) = optimizer.state(&model);

    let mut adam = SparseOptimizer::new(LazyAdam::default());
    let error = adam.load_state(&model, states.clone(), 1).expect_err("one float a row is no Adam state");
    assert!(
        error.to_string().contains("expected [6, 6]") || error.to_string().contains("expected [9, 6]"),
        "{error}"
    );
    let small: EmbeddingTable = table(2, 3, 1);
    let error = adam.load_state(&small, states, 1).expect_err("another model");
    assert!(matches!(error, StateError::UnknownParameter { .. }), "{error}");
    assert_eq!((adam.n_steps(), adam.state(&model).0.len()), (0, 0));
}

#[test]
fn tables_are_frozen_for_burns_optimizers_and_survive_mode_changes() {
    let model = tables();
    assert!(!model.users.weight.val().is_require_grad());
    assert!(!model.valid().train().users.weight.val().is_require_grad());
    let mut tape = Tape::new();
    let grads = model.users.forward(&[1], &mut tape).sum().backward();
    assert!(GradientsParams::from_grads(grads, &model).is_empty());
}
