//! What the gate and the experts of cross decoupling see.

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::{EmbeddingTableConfig, Tape};
use burn_recsys_models::{CrossDecoupled, CrossDecoupledConfig, ItemRepresentation, UserRepresentation};

use crate::reference::rows;
use crate::{D, cross_decoupled};

fn vectors(module: &CrossDecoupled, ids: &[u64], features: [[f32; 3]; 2]) -> [Vec<Vec<f64>>; 2] {
    let features = Tensor::from_data(features, &Device::default());
    let weights = module.expert_weights(&features).expect("two experts");
    [rows(module.item_vectors(ids, &features, &mut Tape::off())), rows(weights)]
}

#[test]
fn the_gate_sees_the_frequency_alone() {
    let module = cross_decoupled(9, 3, &Device::default());
    let [plain, weights] = vectors(&module, &[1, 1], [[0.5, 2.0, -1.0], [0.5, 0.0, -1.0]]);
    assert!(weights.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-6), "{weights:?}");
    assert_ne!(weights[0], weights[1]);
    assert_ne!(plain[0], plain[1]);
    let [others, same] = vectors(&module, &[2, 1], [[0.5, 2.0, -1.0], [0.9, 0.0, 3.0]]);
    assert_eq!(same, weights);
    assert!(others[0] != plain[0] && others[1] != plain[1]);
}

#[test]
fn an_expert_that_weighs_nothing_changes_nothing() {
    let mut module = cross_decoupled(9, 3, &Device::default());
    // The logits are ten times the frequency, and its negative.
    module.gate.weight = burn::module::Param::from_data([[10.0, -10.0]], &Device::default());
    let frequent = [[0.5, 40.0, -1.0]; 2];
    let rare = [[0.5, -40.0, -1.0]; 2];
    let [by_id, weights] = vectors(&module, &[1, 2], frequent);
    assert_eq!(weights, vec![vec![1.0, 0.0]; 2]);
    assert_ne!(by_id[0], by_id[1]);
    assert_eq!(vectors(&module, &[1, 2], [[7.0, 40.0, 0.0], [0.0, 40.0, 9.0]])[0], by_id);
    let [by_features, _] = vectors(&module, &[1, 2], rare);
    assert_eq!(by_features[0], by_features[1]);
    assert_ne!(vectors(&module, &[1, 1], [[0.5, -40.0, -1.0], [7.0, -40.0, 0.0]])[0][1], by_features[0]);
}

#[test]
fn sizes_and_limits_are_those_of_the_configuration() {
    let device = Device::default();
    let module = cross_decoupled(9, 3, &device);
    assert_eq!((module.d_user(), module.d_item(), module.n_features()), (D, D, 3));
    assert_eq!((module.n_users(), module.n_items()), (Some(9), Some(9)));
    assert_eq!((module.n_user_features(), module.n_item_features()), (Some(3), Some(3)));
    let table = EmbeddingTableConfig::new(9, 5).with_n_oov_rows(1);
    let config = CrossDecoupledConfig::new(table, 4, vec![0, 3], 2);
    let module = config.init(&device);
    assert_eq!((module.d_output(), module.n_items()), (2, None));
    assert_eq!(module.gate.weight.dims(), [2, 2]);
    let features = Tensor::ones([2, 4], &device);
    assert_eq!(module.vectors(&[3, u64::MAX], &features, &mut Tape::off()).dims(), [2, 2]);
    assert_eq!(module.vectors(&[], &Tensor::zeros([0, 4], &device), &mut Tape::off()).dims(), [0, 2]);
}

#[test]
fn a_record_and_a_seed_give_the_module_back() {
    let device = Device::default();
    let saved = cross_decoupled(9, 3, &device);
    let of = |module: &CrossDecoupled| vectors(module, &[4, 7], [[0.1, 1.0, 2.0], [0.3, 0.0, -2.0]]);
    assert_eq!(of(&cross_decoupled(9, 3, &device)), of(&saved));
    let table = EmbeddingTableConfig::new(9, D).with_seed(77);
    let config = CrossDecoupledConfig::new(table, 3, vec![1], D);
    let other = config.with_id_hidden(vec![3]).with_feature_hidden(vec![5, 3]).with_seed(78).init(&device);
    assert_ne!(of(&other), of(&saved));
    let bytes = saved.clone().into_record().into_bytes().expect("a record");
    let loaded = other.load_record(ModuleRecord::from_bytes(bytes).expect("a record"));
    assert_eq!(of(&loaded), of(&saved));
}

fn init(n_features: usize, frequency_columns: Vec<usize>, d_output: usize) {
    let table = EmbeddingTableConfig::new(9, 2);
    CrossDecoupledConfig::new(table, n_features, frequency_columns, d_output).init(&Device::default());
}

#[test]
#[should_panic(expected = "frequency columns [3] are not distinct columns of 3 features")]
fn a_frequency_column_that_is_none_panics() {
    init(3, vec![3], 2);
}

#[test]
#[should_panic(expected = "frequency columns [1, 1] are not distinct columns of 3 features")]
fn a_frequency_column_twice_panics() {
    init(3, vec![1, 1], 2);
}

#[test]
#[should_panic(expected = "of 2 features 2 are of the frequency")]
fn nothing_but_the_frequency_panics() {
    init(2, vec![1, 0], 2);
}

#[test]
#[should_panic(expected = "of 2 features 0 are of the frequency")]
fn no_frequency_panics() {
    init(2, vec![], 2);
}

#[test]
#[should_panic(expected = "asked for d_output 0")]
fn no_output_panics() {
    init(2, vec![1], 0);
}

#[test]
#[should_panic(expected = "features of width 2 for experts of 3 features")]
fn features_of_another_width_panic() {
    let features = Tensor::zeros([1, 2], &Device::default());
    cross_decoupled(9, 3, &Device::default()).vectors(&[1], &features, &mut Tape::off());
}

#[test]
#[should_panic(expected = "features of 1 rows for 2 ids")]
fn features_of_another_batch_panic() {
    let features = Tensor::zeros([1, 3], &Device::default());
    cross_decoupled(9, 3, &Device::default()).vectors(&[1, 2], &features, &mut Tape::off());
}
