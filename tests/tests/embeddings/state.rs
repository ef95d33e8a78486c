//! Optimizer state through moves, records and evictions; tables from given values.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor};
use burn_recsys::embeddings::{
    DynamicIdsConfig, EmbeddingCollectionConfig, EmbeddingTable, EmbeddingTableConfig, Eviction,
    HashEmbeddingConfig, KeyedJaggedIds, MatrixError, Pooling, RowWiseAdagrad, SparseOptimizer, SparseSgd,
    Tape,
};

use crate::{devices, values};

#[derive(Module, Debug)]
struct Two {
    a: EmbeddingTable,
    b: EmbeddingTable,
}

#[derive(Module, Debug)]
struct Model {
    table: EmbeddingTable,
    network: Linear,
}

fn table(device: &Device) -> EmbeddingTable {
    EmbeddingTableConfig::new(3, 2).init(device)
}

/// A step whose gradient of row 1 is three in every column: nine in the accumulator.
fn step(table: EmbeddingTable, optimizer: &mut SparseOptimizer<RowWiseAdagrad>) -> EmbeddingTable {
    let mut tape = Tape::new();
    let mut grads = (table.forward(&[1], &mut tape) * 3.0).sum().backward();
    optimizer.step(0.1, table, tape.gradients(&mut grads))
}

fn accumulated(optimizer: &SparseOptimizer<RowWiseAdagrad>, table: &EmbeddingTable) -> f32 {
    optimizer.state(table).0.remove(0).1.try_to_vec::<f32>().unwrap()[1]
}

#[test]
fn state_goes_with_the_table_to_another_device() {
    for (from_name, from) in devices() {
        for (to_name, to) in devices() {
            let mut optimizer = SparseOptimizer::new(RowWiseAdagrad::default());
            let moved = step(table(&from), &mut optimizer).to_device(&to);
            let table = step(moved, &mut optimizer);
            assert_eq!(accumulated(&optimizer, &table), 18.0, "{from_name} to {to_name}");
        }
    }
}

#[test]
fn state_stays_when_weights_are_loaded_in_between() {
    for (name, device) in devices() {
        let mut optimizer = SparseOptimizer::new(RowWiseAdagrad::default());
        let best = table(&device).into_record().into_bytes().unwrap();
        let trained = step(table(&device), &mut optimizer);
        let back = trained.try_load_record(ModuleRecord::from_bytes(best).unwrap()).unwrap();
        let table = step(back, &mut optimizer);
        assert_eq!(accumulated(&optimizer, &table), 18.0, "{name}");
    }
}

#[test]
#[should_panic(expected = "are one parameter")]
fn two_tables_of_one_identity_are_refused() {
    let (_, device) = devices().remove(0);
    let table = table(&device);
    let model = Two { a: table.clone(), b: table };
    let mut tape = Tape::new();
    let mut grads = (model.a.forward(&[1], &mut tape) + model.b.forward(&[2], &mut tape)).sum().backward();
    SparseOptimizer::new(SparseSgd::default()).step(0.1, model, tape.gradients(&mut grads));
}

#[test]
fn a_device_with_gradient_checkpointing_trains() {
    for (name, device) in devices() {
        let device = device.gradient_checkpointing();
        let mut model = Model { table: table(&device), network: LinearConfig::new(2, 1).init(&device) };
        let before = model.table.vectors();
        let mut optimizer = SparseOptimizer::new(SparseSgd::default());
        for _ in 0..2 {
            let mut tape = Tape::new();
            let output = model.network.forward(model.table.forward(&[1, 2], &mut tape));
            let mut grads = output.sum().backward();
            model = optimizer.step(0.1, model, tape.gradients(&mut grads));
        }
        assert_ne!(model.table.vectors(), before, "{name}");
        let table = model.table.reset_rows(&[0]);
        assert_eq!(
            table.weight.device().gradient_checkpointing_strategy(),
            device.gradient_checkpointing_strategy()
        );
    }
}

#[test]
fn a_table_on_the_host_follows_its_network() {
    let (_, host) = devices().remove(0);
    for (name, device) in devices() {
        let network = LinearConfig::new(2, 1).init(&device);
        let table = EmbeddingTableConfig::new(3, 2).init_on_host(&host, &device);
        let model = Model { table, network }.to_device(&host);
        let table = model.table.with_device(&host);
        let output = model.network.forward(table.lookup(&[1]));
        assert_eq!(values(output).len(), 1, "{name}");
    }
}

#[test]
fn state_is_kept_through_eviction() {
    for (name, device) in devices() {
        let config = DynamicIdsConfig::new(2).with_eviction(Eviction::LeastRecentlyUsed);
        let mut ids = config.init();
        let mut table = EmbeddingTableConfig::new(config.n_rows(), 2).init(&device);
        let first = table.vectors();
        let mut optimizer = SparseOptimizer::new(RowWiseAdagrad::default());
        // 70 is in every batch; 81 takes the row of 80.
        for batch in [[70, 80], [70, 81]] {
            let resolved = ids.resolve(&batch);
            optimizer.reset_rows(&table, &resolved.fresh);
            table = table.reset_rows(&resolved.fresh);
            if batch[1] == 81 {
                assert_eq!(resolved.fresh, [1], "{name}");
                assert_eq!(table.vectors()[2..4], first[2..4], "{name}");
            }
            let mut tape = Tape::new();
            let mut grads = (table.forward(&resolved.rows, &mut tape) * 3.0).sum().backward();
            table = optimizer.step(0.1, table, tape.gradients(&mut grads));
        }
        let state: Vec<f32> = optimizer.state(&table).0.remove(0).1.try_to_vec().unwrap();
        assert_eq!(state, [18.0, 9.0, 0.0], "{name}");
    }
}

#[test]
fn given_values_are_the_rows() {
    let config = EmbeddingTableConfig::new(2, 2).with_n_oov_rows(1).with_padding(Some(0));
    for (name, device) in devices() {
        let table = config.init_from(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &device).unwrap();
        assert_eq!(table.vectors(), [0.0, 0.0, 3.0, 4.0, 5.0, 6.0], "{name}");
        assert_eq!(values(table.lookup(&[1, 99, u32::MAX])), [3.0, 4.0, 5.0, 6.0, 5.0, 6.0], "{name}");
        let error = config.init_from(vec![0.0; 4], &device).unwrap_err();
        assert_eq!(error.to_string(), "a table of 3 rows of width 2 has 6 values, given are 4", "{name}");
        let error = config.init_from(vec![0.0, 0.0, 0.0, f32::INFINITY, 0.0, 0.0], &device).unwrap_err();
        assert_eq!(error, MatrixError::NotFinite { row: 1, column: 1, value: f32::INFINITY }, "{name}");
    }
}

#[test]
fn the_order_of_tables_in_a_collection_does_not_matter() {
    let (_, device) = devices().remove(0);
    let table = || EmbeddingTableConfig::new(5, 2);
    let features = |config: EmbeddingCollectionConfig| {
        config.with_feature("user", "users", Pooling::Sum).with_feature("item", "items", Pooling::Sum)
    };
    let one = features(
        EmbeddingCollectionConfig::default().with_table("users", table()).with_table("items", table()),
    );
    let other = features(
        EmbeddingCollectionConfig::default().with_table("items", table()).with_table("users", table()),
    );
    let (one, other) = (one.init(&device).unwrap(), other.init(&device).unwrap());
    assert_eq!(
        values(one.table_of("user").unwrap().lookup(&[1])),
        values(other.table_of("user").unwrap().lookup(&[1]))
    );
    assert_ne!(one.tables[0].vectors(), one.tables[1].vectors());
}

#[test]
fn empty_batches_give_empty_tensors() {
    for (name, device) in devices() {
        let collection = EmbeddingCollectionConfig::default()
            .with_table("a", EmbeddingTableConfig::new(4, 3))
            .with_feature("a", "a", Pooling::Sum)
            .with_feature("b", "a", Pooling::Mean)
            .init(&device)
            .unwrap();
        let ids = KeyedJaggedIds::new(&["a", "b"], vec![], &[]).unwrap();
        let vectors: Tensor<2> = collection.forward(&ids, &mut Tape::off()).into_tensor();
        assert_eq!(vectors.dims(), [0, 6], "{name}");
        assert_eq!(table(&device).lookup(&[]).dims(), [0, 2], "{name}");
    }
}

#[test]
fn importance_of_reset_rows_begins_again() {
    let (_, device) = devices().remove(0);
    let embedding =
        HashEmbeddingConfig::new(5, 2).with_n_hashes(4).with_n_importance_rows(Some(3)).init(&device);
    let importance = embedding.importance.unwrap();
    assert_eq!(importance.vectors(), [0.5; 12]);
    assert_eq!(importance.reset_rows(&[2]).vectors(), [0.5; 12]);
}
