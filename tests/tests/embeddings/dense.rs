//! Sparse training against Burn's own embedding and its dense optimizers.

use burn::module::Param;
use burn::nn::{Embedding, EmbeddingConfig};
use burn::optim::{AdaGradConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys::embeddings::{
    EmbeddingTable, EmbeddingTableConfig, RowUpdate, SparseAdagrad, SparseOptimizer, SparseSgd,
    TableInitializer, Tape,
};

use crate::{assert_close, devices, values};

const N_ROWS: usize = 7;
const D: usize = 3;
const LR: f64 = 0.1;
const BATCHES: [&[u32]; 5] = [&[1, 4, 1, 1, 0], &[6], &[4, 6, 0, 4], &[3], &[1, 6, 1]];

fn tables(device: &Device) -> (EmbeddingTable, Embedding) {
    let sparse = EmbeddingTableConfig::new(N_ROWS, D)
        .with_initializer(TableInitializer::Normal { std: 0.5 })
        .init(device);
    let mut dense: Embedding = EmbeddingConfig::new(N_ROWS, D).init(device);
    let data = TensorData::new(sparse.vectors(), [N_ROWS, D]);
    dense.weight = Param::from_tensor(Tensor::from_data(data, device));
    (sparse, dense)
}

/// Any smooth function of the vectors in which positions differ.
fn loss(vectors: Tensor<2>) -> Tensor<1> {
    let [n, d] = vectors.dims();
    let targets: Vec<f32> = (0..n * d).map(|at| (at as f32 * 1.7).sin()).collect();
    let targets = Tensor::<2>::from_data(TensorData::new(targets, [n, d]), &vectors.device());
    (vectors - targets).square().sum()
}

fn look_up(table: &Embedding, ids: &[u32]) -> Tensor<2> {
    let of_ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
    let of_ids = Tensor::from_data(TensorData::new(of_ids, [1, ids.len()]), &table.weight.val().device());
    table.forward(of_ids).reshape([ids.len(), D])
}

#[test]
fn gradients_are_equal() {
    for (name, device) in devices() {
        let (sparse, dense) = tables(&device);
        for ids in BATCHES {
            let grads = loss(look_up(&dense, ids)).backward();
            let expected = values(dense.weight.val().grad(&grads).unwrap());

            let mut tape = Tape::new();
            let mut grads = loss(sparse.forward(ids, &mut tape)).backward();
            let (rows, gradient) = tape.gradients(&mut grads).get(sparse.weight.id).unwrap();
            let mut scattered = vec![0.0; N_ROWS * D];
            for (row, gradient) in rows.iter().zip(values(gradient).chunks_exact(D)) {
                scattered[*row as usize * D..][..D].copy_from_slice(gradient);
            }
            assert_close(&scattered, expected.into_iter().map(f64::from), &format!("{name} {ids:?}"));
        }
    }
}

/// Five steps of both, which must end at the same table to float precision.
fn equal<U: RowUpdate>(what: &str, rule: impl Fn() -> U, optimizer: impl Fn() -> ModuleOptimizer) {
    for (name, device) in devices() {
        let (mut sparse, mut dense) = tables(&device);
        let (mut of_rows, mut of_table) = (SparseOptimizer::new(rule()), optimizer());
        for ids in BATCHES {
            let mut tape = Tape::new();
            let mut grads = loss(sparse.forward(ids, &mut tape)).backward();
            sparse = of_rows.step(LR, sparse, tape.gradients(&mut grads));
            let grads = GradientsParams::from_grads(loss(look_up(&dense, ids)).backward(), &dense);
            dense = of_table.step(LR, dense, grads);
        }
        // Values are at most 2 and the loops add at most five numbers: a few units in the last place.
        for (sparse, dense) in sparse.vectors().into_iter().zip(values(dense.weight.val())) {
            assert!((sparse - dense).abs() <= 8.0 * f32::EPSILON, "{what}, {name}: {sparse} and {dense}");
        }
    }
}

#[test]
fn sgd_is_dense_sgd() {
    equal("SGD", SparseSgd::default, || SgdConfig::new().init());
}

#[test]
fn adagrad_is_dense_adagrad() {
    let dense = || AdaGradConfig::new().with_epsilon(1e-5).init();
    equal("Adagrad", || SparseAdagrad { epsilon: 1e-5 }, dense);
}

#[test]
fn a_clone_keeps_its_values() {
    for (name, device) in devices() {
        let (table, _) = tables(&device);
        let before = table.vectors();
        let mut optimizer = SparseOptimizer::new(SparseAdagrad::default());
        let kept = table.clone();
        let mut tape = Tape::new();
        let mut grads = loss(table.forward(BATCHES[0], &mut tape)).backward();
        let stepped = optimizer.step(LR, table, tape.gradients(&mut grads));
        assert_ne!(stepped.vectors(), before, "{name}");
        assert_eq!(kept.vectors(), before, "{name}");
        let reset = stepped.clone().reset_rows(&[1]);
        assert_ne!(reset.vectors(), stepped.vectors(), "{name}");
    }
}
