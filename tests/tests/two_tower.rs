//! The two-tower model, its loss and a step of it on every backend.

use burn_recsys::embeddings::{SparseOptimizer, SparseSgd, TableInitializer, Tape};
use burn_recsys::models::{TwoTower, TwoTowerConfig, binary_cross_entropy};

use crate::{assert_close, devices, values};

const D: usize = 4;
/// A user twice, the largest ids, an item twice in one row and across rows.
const USERS: [u32; 3] = [2, 4, 2];
const ITEMS: [u32; 9] = [0, 8, 3, 3, 3, 1, 8, 0, 5];
const N: usize = 3;

fn model(device: &burn::tensor::Device) -> TwoTower {
    TwoTowerConfig::new(5, 9)
        .with_d_embedding(D)
        .with_initializer(TableInitializer::Normal { std: 0.7 })
        .with_seed(2)
        .init(device)
}

fn doubles(vectors: Vec<f32>) -> Vec<f64> {
    vectors.into_iter().map(f64::from).collect()
}

/// Logits in plain Rust.
fn logits(users: &[f64], items: &[f64]) -> Vec<f64> {
    let dot = |user: u32, item: u32| -> f64 {
        (0..D).map(|at| users[user as usize * D + at] * items[item as usize * D + at]).sum()
    };
    ITEMS.iter().enumerate().map(|(at, &item)| dot(USERS[at / N], item)).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn label(position: usize) -> f64 {
    if position.is_multiple_of(N) { 1.0 } else { 0.0 }
}

#[test]
fn logits_and_loss_are_their_formulas() {
    for (name, device) in devices() {
        let model = model(&device);
        let expected = logits(&doubles(model.user_vectors()), &doubles(model.item_vectors()));
        assert!(expected.iter().any(|logit| logit.abs() > 0.5), "the logits test nothing: {expected:?}");
        for mut tape in [Tape::new(), Tape::off()] {
            let actual = model.forward(&USERS, &ITEMS, &mut tape);
            assert_eq!(actual.dims(), [3, 3]);
            assert_close(&values(actual.clone()), expected.iter().copied(), name);
            let probability =
                |(at, &x): (usize, &f64)| label(at) * sigmoid(x) + (1.0 - label(at)) * sigmoid(-x);
            let loss = -expected.iter().enumerate().map(|pair| probability(pair).ln()).sum::<f64>() / 9.0;
            assert_close(&values(binary_cross_entropy(actual)), [loss], name);
        }
        // One user with one item.
        let single = model.forward(&[4], &[8], &mut Tape::off());
        assert_close(&values(single), [logits_of(&model, 4, 8)], name);
    }
}

fn logits_of(model: &TwoTower, user: usize, item: usize) -> f64 {
    let (users, items) = (doubles(model.user_vectors()), doubles(model.item_vectors()));
    (0..D).map(|at| users[user * D + at] * items[item * D + at]).sum()
}

#[test]
fn a_step_of_sgd_is_its_formula() {
    const LR: f64 = 0.5;
    for (name, device) in devices() {
        let mut model = model(&device);
        let (users, items) = (doubles(model.user_vectors()), doubles(model.item_vectors()));
        let (mut expected_users, mut expected_items) = (users.clone(), items.clone());
        for (position, logit) in logits(&users, &items).into_iter().enumerate() {
            let slope = (sigmoid(logit) - label(position)) / 9.0;
            let (user, item) = (USERS[position / N] as usize * D, ITEMS[position] as usize * D);
            for at in 0..D {
                expected_users[user + at] -= LR * slope * items[item + at];
                expected_items[item + at] -= LR * slope * users[user + at];
            }
        }
        let mut tape = Tape::new();
        let mut grads = binary_cross_entropy(model.forward(&USERS, &ITEMS, &mut tape)).backward();
        model = SparseOptimizer::new(SparseSgd::default()).step(LR, model, tape.gradients(&mut grads));
        assert_close(&model.user_vectors(), expected_users, name);
        assert_close(&model.item_vectors(), expected_items, name);
    }
}
