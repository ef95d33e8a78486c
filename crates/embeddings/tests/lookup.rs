//! Looking up vectors.

use burn::tensor::Tensor;
use burn_recsys_embeddings::{EmbeddingTableConfig, Tape};
use proptest::prelude::*;

use crate::{device, table, values};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn rows_are_those_asked_for(ids in prop::collection::vec(0u32..7, 1..30)) {
        let table = table(7, 4, 3);
        let weight = values(table.weight.val());
        let expected: Vec<f32> =
            ids.iter().flat_map(|&id| weight[id as usize * 4..][..4].to_vec()).collect();
        prop_assert_eq!(values(table.lookup(&ids)), expected.clone());
        prop_assert_eq!(values(table.forward(&ids, &mut Tape::off())), expected.clone());
        prop_assert_eq!(values(table.forward(&ids, &mut Tape::new())), expected);
    }
}

#[test]
fn the_gradient_is_only_as_large_as_the_batch() {
    let table = table(1000, 2, 1);
    let mut tape = Tape::new();
    let rows = table.forward(&[999, 5, 999, 999], &mut tape);
    // d(loss)/d(row) is the sum of the weights of the positions that read it.
    let weights = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0], [100.0, 200.0]], &device());
    let mut grads = (rows * weights).sum().backward();
    let mut touched = tape.gradients(&mut grads);
    let (ids, gradient) = touched.get(table.weight.id).expect("the table was read");
    assert_eq!(ids, [999, 5]);
    assert_eq!(values(gradient), [111.0, 222.0, 3.0, 4.0]);
}

#[test]
fn two_lookups_in_one_table_add_up() {
    let table = table(10, 1, 1);
    let mut tape = Tape::new();
    let first = table.forward(&[1, 2], &mut tape);
    let second = table.forward(&[2, 3], &mut tape);
    let mut grads = (first * 2.0 + second * 5.0).sum().backward();
    let mut touched = tape.gradients(&mut grads);
    assert_eq!(touched.len(), 1);
    let (ids, gradient) = touched.get(table.weight.id).expect("the table was read");
    assert_eq!((ids, values(gradient)), (vec![1, 2, 3], vec![2.0, 7.0, 5.0]));
}

#[test]
fn an_unused_lookup_has_no_gradient() {
    let (used, unused) = (table(4, 2, 1), table(4, 2, 2));
    let mut tape = Tape::new();
    let _ = unused.forward(&[1], &mut tape);
    let mut grads = used.forward(&[1], &mut tape).sum().backward();
    let mut touched = tape.gradients(&mut grads);
    assert!(touched.get(unused.weight.id).is_none() && touched.get(used.weight.id).is_some());
}

#[test]
#[should_panic(expected = "id 7 is not in an embedding table of 7 rows")]
fn an_id_outside_the_table_panics() {
    table(7, 2, 1).forward(&[0, 7], &mut Tape::new());
}

#[test]
#[should_panic(expected = "asked for [0, 4]")]
fn a_table_without_rows_panics() {
    EmbeddingTableConfig::new(0, 4).init(&device());
}
