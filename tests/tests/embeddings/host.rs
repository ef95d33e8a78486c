//! A table in host memory under a network on another device.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Tensor;
use burn_recsys::embeddings::{
    EmbeddingBag, EmbeddingCollectionConfig, EmbeddingTable, EmbeddingTableConfig, JaggedIds, KeyedJaggedIds,
    LazyAdam, Pooling, SparseOptimizer, Tape,
};

use crate::{assert_close, devices, values};

#[derive(Module, Debug)]
struct Model {
    table: EmbeddingTable,
    network: Linear,
}

/// Two steps with a batch of rows and a batch of bags.
fn train(mut model: Model) -> Model {
    let mut optimizer = SparseOptimizer::new(LazyAdam::default());
    let bags = JaggedIds::from_bags(&[&[0, 3, 3][..], &[], &[19]]).unwrap();
    for _ in 0..2 {
        let mut tape = Tape::new();
        let rows = model.table.forward(&[7, 3, 7], &mut tape);
        let pooled = model.table.forward_bags(&bags, Pooling::Mean, &mut tape);
        assert_eq!(rows.device().without_autodiff(), model.network.weight.device().without_autodiff());
        let loss = (model.network.forward(rows) - model.network.forward(pooled) - 1.0).square().sum();
        let mut grads = loss.backward();
        model = optimizer.step(0.1, model, tape.gradients(&mut grads));
    }
    model
}

#[test]
fn training_is_the_same_wherever_the_table_is() {
    let config = EmbeddingTableConfig::new(20, 4).with_seed(9);
    // The first device is the host: flex where it is compiled in.
    let (_, host) = devices().remove(0);
    let network = || {
        let linear = LinearConfig::new(4, 1).init(&host);
        let weight = Tensor::from_data([[0.5], [-0.25], [1.0], [2.0]], &host);
        Linear { weight: linear.weight.map(|_| weight), bias: None }
    };
    let reference = train(Model { table: config.init(&host), network: network() });
    for (name, device) in devices() {
        let network = network().to_device(&device);
        let model = train(Model { table: config.init_on_host(&host, &device), network });
        let is_at_home = model.table.weight.device().without_autodiff() == host.clone().without_autodiff();
        assert!(is_at_home, "{name}");
        let expected = reference.table.vectors().into_iter().map(f64::from);
        assert_close(&model.table.vectors(), expected, name);
        assert_eq!(values(model.table.lookup(&[3])), model.table.vectors()[12..16], "{name}");
    }
}

#[test]
fn a_collection_of_tables_on_both_sides_is_that_of_tables_on_one() {
    let ids = KeyedJaggedIds::new(&["a", "b"], vec![1, 2, 3, 3], &[2, 0, 1, 1]).unwrap();
    let config = EmbeddingCollectionConfig::default()
        .with_table("here", EmbeddingTableConfig::new(5, 2).with_seed(1))
        .with_table("there", EmbeddingTableConfig::new(5, 3).with_seed(2))
        .with_feature("a", "here", Pooling::Sum)
        .with_feature("b", "there", Pooling::Mean);
    let (_, host) = devices().remove(0);
    for (name, device) in devices() {
        for on_host in ["here", "there"] {
            let mixed = config
                .init_with(|table, config| match table == on_host {
                    true => config.init_on_host(&host, &device),
                    false => config.init(&device),
                })
                .unwrap();
            let plain = config.init(&device).unwrap();
            let mut tape = Tape::new();
            let vectors = mixed.forward(&ids, &mut tape).into_tensor();
            let expected = values(plain.forward(&ids, &mut Tape::off()).into_tensor());
            assert_close(&values(vectors.clone()), expected.into_iter().map(f64::from), name);
            let mut grads = vectors.sum().backward();
            let mut rows = tape.gradients(&mut grads);
            let (touched, gradient) = rows.get(mixed.tables[1].weight.id).unwrap();
            assert_eq!((touched, values(gradient)), (vec![3], vec![2.0; 3]), "{name}, {on_host}");
        }
    }
}

#[test]
fn a_bag_on_the_host() {
    let (_, host) = devices().remove(0);
    let ids = JaggedIds::from_bags(&[&[1, 2][..], &[]]).unwrap();
    for (name, device) in devices() {
        let table = EmbeddingTableConfig::new(5, 2).init_on_host(&host, &device);
        let rows = table.vectors();
        let pooled = EmbeddingBag::new(table, Pooling::Mean).forward(&ids, &mut Tape::off());
        let mean = |column: usize| f64::from(rows[2 + column] + rows[4 + column]) / 2.0;
        assert_close(&values(pooled), [mean(0), mean(1), 0.0, 0.0], name);
    }
}
