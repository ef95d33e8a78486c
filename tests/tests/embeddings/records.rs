//! Modules with tables through Burn's records and through files of weights.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::store::ModuleRecord;
use burn::tensor::Device;
use burn_recsys::embeddings::{
    EmbeddingTable, EmbeddingTableConfig, RowWiseAdagrad, SparseOptimizer, TableInitializer, Tape,
};
use burn_store::{ModuleSnapshot, SafetensorsStore};

use crate::{assert_close, devices, values};

#[derive(Module, Debug)]
struct Model {
    items: EmbeddingTable,
    network: Linear,
}

fn model(n_rows: usize, seed: u64, device: &Device) -> Model {
    let items = EmbeddingTableConfig::new(n_rows, 3)
        .with_initializer(TableInitializer::Normal { std: 0.5 })
        .with_seed(seed)
        .with_n_oov_rows(1)
        .with_padding(Some(2))
        .init(device);
    Model { items, network: LinearConfig::new(3, 2).init(device) }
}

/// All values, and the rows of an item, of padding and of an unknown id.
fn contents(model: &Model) -> [Vec<f32>; 4] {
    let Linear { weight, bias } = &model.network;
    let bias = values(bias.as_ref().unwrap().val());
    [model.items.vectors(), values(weight.val()), bias, values(model.items.lookup(&[0, 2, 99]))]
}

fn train(mut model: Model) -> Vec<f32> {
    let mut optimizer = SparseOptimizer::new(RowWiseAdagrad::default());
    for ids in [&[1, 1, 2, 0][..], &[99]] {
        let mut tape = Tape::new();
        let output = model.network.forward(model.items.forward(ids, &mut tape));
        let mut grads = output.square().sum().backward();
        model = optimizer.step(0.1, model, tape.gradients(&mut grads));
    }
    model.items.vectors()
}

/// A loaded model is the one saved, and trains as that one does.
fn assert_same(what: &str, loaded: Model, saved: &Model) {
    assert_eq!(contents(&loaded), contents(saved), "{what}");
    assert!(!loaded.items.weight.is_require_grad(), "{what}: the table became a dense parameter");
    assert!(loaded.network.weight.is_require_grad(), "{what}");
    let trained = train(saved.clone());
    assert_ne!(trained, saved.items.vectors(), "{what}");
    assert_close(&train(loaded), trained.into_iter().map(f64::from), what);
}

fn weights(model: &Model) -> Vec<u8> {
    let mut store = SafetensorsStore::from_bytes(None);
    model.save_into(&mut store).unwrap();
    store.get_bytes().unwrap().to_vec()
}

#[test]
fn saved_tables_come_back() {
    for (name, device) in devices() {
        let saved = model(5, 1, &device);
        // Once into parameters that have no values yet, once into those of a model in use.
        for is_used in [false, true] {
            let fresh = || {
                let fresh = model(5, 2, &device);
                if is_used {
                    assert_ne!(contents(&fresh), contents(&saved), "{name}");
                }
                fresh
            };
            let bytes = saved.clone().into_record().into_bytes().unwrap();
            let loaded = fresh().try_load_record(ModuleRecord::from_bytes(bytes).unwrap()).unwrap();
            assert_same(&format!("{name}, record, used: {is_used}"), loaded, &saved);

            let mut loaded = fresh();
            let mut store = SafetensorsStore::from_bytes(Some(weights(&saved)));
            let result = loaded.load_from(&mut store).unwrap();
            assert!(result.is_success() && result.unused.is_empty(), "{name}: {result}");
            assert_same(&format!("{name}, weights, used: {is_used}"), loaded, &saved);
        }
    }
}

#[test]
fn a_table_of_another_shape_is_refused_and_kept() {
    for (name, device) in devices() {
        let saved = model(5, 1, &device);
        let mut other = model(7, 2, &device);
        let before = other.items.vectors();
        // With the row out of vocabulary.
        let names_both = |error: String| error.contains("[6, 3]") && error.contains("[8, 3]");

        let record = saved.clone().into_record();
        let error = other.clone().try_load_record(record).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("items.weight") && names_both(error.clone()), "{name}: {error}");
        assert_eq!(other.items.vectors(), before, "{name}");

        let mut store = SafetensorsStore::from_bytes(Some(weights(&saved)));
        let error = other.load_from(&mut store).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("items.weight") && names_both(error.clone()), "{name}: {error}");
        assert_eq!(other.items.vectors(), before, "{name}");
        // It is still a table that trains.
        assert_ne!(train(other), before, "{name}");
    }
}
