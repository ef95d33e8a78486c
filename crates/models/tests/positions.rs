//! The bias of positions.

use burn::tensor::Device;
use burn_recsys_embeddings::{SparseOptimizer, SparseSgd, Tape};
use burn_recsys_models::{Examples, IdLookup, MultiTaskEstimator, MultiTaskEstimatorConfig};

use crate::gradients::loss_of;
use crate::reference::{Rows, rows as values};
use crate::{N_ITEMS, N_TASKS, N_USERS, autodiff, lookup, rows};

fn pairs() -> Examples {
    let rows = rows();
    let pairs = Examples::new(rows.user_ids().to_vec(), rows.item_ids().to_vec());
    pairs.and_then(|pairs| pairs.with_labels(rows.labels().to_vec(), N_TASKS)).expect("rows")
}

fn at(positions: [u32; 7]) -> Examples {
    pairs().with_positions(positions.to_vec()).expect("a position for each row")
}

fn config() -> MultiTaskEstimatorConfig {
    MultiTaskEstimatorConfig::new(N_TASKS, 0, 0, 0).with_n_positions(4).with_seed(2)
}

fn fresh() -> MultiTaskEstimator<IdLookup> {
    config().init(lookup(N_USERS, 1, &autodiff()), lookup(N_ITEMS, 2, &autodiff()), &autodiff())
}

/// After some steps on rows at positions 0, 1, 3 and beyond the last.
fn trained() -> MultiTaskEstimator<IdLookup> {
    let mut model = fresh();
    let mut optimizer = SparseOptimizer::new(SparseSgd::default());
    for _ in 0..3 {
        let mut tape = Tape::new();
        let mut grads = loss_of(&model, &at([1, 3, 0, 9, 1, 0, 3]), &mut tape).backward();
        let touched = tape.gradients(&mut grads);
        model = optimizer.step(2.0, model, touched);
    }
    model
}

fn logits(model: &MultiTaskEstimator<IdLookup>, rows: &Examples) -> Rows {
    values(model.forward(&rows.inputs(&autodiff()), &mut Tape::off()))
}

fn biases(model: &MultiTaskEstimator<IdLookup>) -> Rows {
    values(model.positions.as_ref().expect("positions").weight.val())
}

#[test]
fn training_moves_the_positions_that_were_seen() {
    assert_eq!(biases(&fresh()), vec![vec![0.0; N_TASKS]; 5]);
    let biases = biases(&trained());
    for (position, bias) in biases.iter().enumerate() {
        let is_seen = [1, 3, 4].contains(&position);
        assert_eq!(bias.iter().all(|&x| x == 0.0), !is_seen, "position {position}: {bias:?}");
    }
}

#[test]
fn position_0_is_no_position() {
    let model = trained();
    let without = logits(&model, &pairs());
    assert_eq!(logits(&model, &at([0; 7])), without);
    assert_ne!(logits(&model, &at([1; 7])), without);
    // A position that was never seen changes nothing either.
    assert_eq!(logits(&model, &at([2; 7])), without);
    // A model without positions reads none.
    let none = config().with_n_positions(0).init(
        lookup(N_USERS, 1, &autodiff()),
        lookup(N_ITEMS, 2, &autodiff()),
        &Device::default().autodiff(),
    );
    assert_eq!(logits(&none, &at([1; 7])), logits(&none, &pairs()));
    assert_eq!(logits(&none, &pairs()), logits(&fresh(), &pairs()));
}

#[test]
fn a_bias_is_added_to_the_logits_of_its_row() {
    let model = trained();
    let (biases, without) = (biases(&model), logits(&model, &pairs()));
    let positions = [1, 3, 0, 4, 1, 2, 3];
    for (row, logits) in logits(&model, &at(positions)).iter().enumerate() {
        for (task, logit) in logits.iter().enumerate() {
            let expected = without[row][task] + biases[positions[row] as usize][task];
            assert!((logit - expected).abs() < 1e-5, "row {row}, task {task}: {logit}, expected {expected}");
        }
    }
}

#[test]
fn positions_beyond_the_last_share_it() {
    let model = trained();
    let last = logits(&model, &at([4; 7]));
    assert_ne!(last, logits(&model, &pairs()));
    assert_eq!(logits(&model, &at([5, 6, 100, u32::MAX, 4, 5, 9])), last);
}

#[test]
#[should_panic(expected = "1 positions for 7 rows")]
fn positions_of_another_batch_panic() {
    let mut inputs = pairs().inputs(&Device::default());
    inputs.positions = vec![1];
    fresh().forward(&inputs, &mut Tape::off());
}
