//! Bags and collections against plain Rust.

use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys::embeddings::{
    EmbeddingBag, EmbeddingBagConfig, EmbeddingCollectionConfig, EmbeddingTableConfig, JaggedIds,
    KeyedJaggedIds, Pooling, SparseOptimizer, SparseSgd, TableInitializer, Tape,
};

use crate::{assert_close, devices, values};

const N_ROWS: usize = 9;
const D: usize = 3;
/// Duplicates within a bag, rows shared by bags, empty bags first, between and last, the largest id.
const BAGS: [&[u32]; 7] = [&[], &[4, 1, 4], &[8], &[], &[1, 2, 3, 8, 0], &[4], &[]];

fn table() -> EmbeddingTableConfig {
    EmbeddingTableConfig::new(N_ROWS, D).with_initializer(TableInitializer::Normal { std: 0.5 }).with_seed(5)
}

fn bag(pooling: Pooling, device: &Device) -> EmbeddingBag {
    EmbeddingBagConfig::new(table()).with_pooling(pooling).init(device)
}

/// Every pooling, with and without weights where it takes them.
fn cases() -> Vec<(Pooling, JaggedIds)> {
    let ids = JaggedIds::from_bags(&BAGS).unwrap();
    let weights: Vec<f32> = (0..ids.values().len()).map(|at| 0.3 + (at as f32 * 1.3).sin()).collect();
    let weighted = ids.clone().with_weights(weights).unwrap();
    vec![
        (Pooling::Sum, ids.clone()),
        (Pooling::Mean, ids.clone()),
        (Pooling::Max, ids),
        (Pooling::Sum, weighted.clone()),
        (Pooling::Mean, weighted),
    ]
}

/// The pooled vectors in plain Rust.
fn pool(table: &[f64], pooling: Pooling, ids: &JaggedIds) -> Vec<f64> {
    let mut out = Vec::new();
    for bag in 0..ids.n_bags() {
        let start = ids.offsets()[bag] as usize;
        for column in 0..D {
            let values = || {
                ids.bag(bag).iter().enumerate().map(|(at, &id)| {
                    let weight = ids.weights().map_or(1.0, |weights| f64::from(weights[start + at]));
                    (weight, table[id as usize * D + column])
                })
            };
            let sum: f64 = values().map(|(weight, value)| weight * value).sum();
            out.push(match pooling {
                _ if ids.bag(bag).is_empty() => 0.0,
                Pooling::Sum => sum,
                Pooling::Mean => sum / values().map(|(weight, _)| weight).sum::<f64>(),
                Pooling::Max => values().map(|(_, value)| value).fold(f64::MIN, f64::max),
            });
        }
    }
    out
}

/// What each element of the output counts in the loss, and the loss.
fn coefficient(at: usize) -> f64 {
    (at as f64 * 0.7).cos()
}

fn loss(pooled: Tensor<2>) -> Tensor<1> {
    let [n, d] = pooled.dims();
    let coefficients: Vec<f32> = (0..n * d).map(|at| coefficient(at) as f32).collect();
    let coefficients = Tensor::<2>::from_data(TensorData::new(coefficients, [n, d]), &pooled.device());
    (pooled.square() * coefficients).sum()
}

fn plain_loss(pooled: &[f64]) -> f64 {
    pooled.iter().enumerate().map(|(at, value)| value * value * coefficient(at)).sum()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[test]
fn forward_and_gradient_are_those_of_plain_rust() {
    for (name, device) in devices() {
        for (pooling, ids) in cases() {
            let what = format!("{name}, {pooling:?}, weights: {}", ids.weights().is_some());
            let bag = bag(pooling, &device);
            let table = wide(&bag.table.vectors());
            let expected = pool(&table, pooling, &ids);
            assert_close(&values(bag.forward(&ids, &mut Tape::off())), expected, &what);

            let mut tape = Tape::new();
            let mut grads = loss(bag.forward(&ids, &mut tape)).backward();
            let (rows, gradient) = tape.gradients(&mut grads).get(bag.table.weight.id).unwrap();
            let mut touched = rows.clone();
            touched.sort_unstable();
            assert_eq!(touched, [0, 1, 2, 3, 4, 8], "{what}");
            // Central differences in double precision.
            const STEP: f64 = 1e-5;
            let expected = rows.iter().flat_map(|&row| {
                let (table, ids) = (&table, &ids);
                (0..D).map(move |column| {
                    let at = |change: f64| {
                        let mut moved = table.clone();
                        moved[row as usize * D + column] += change;
                        plain_loss(&pool(&moved, pooling, ids))
                    };
                    (at(STEP) - at(-STEP)) / (2.0 * STEP)
                })
            });
            assert_close(&values(gradient), expected, &what);
        }
    }
}

#[test]
fn a_step_moves_rows_against_the_gradient() {
    for (name, device) in devices() {
        for (pooling, ids) in cases() {
            let bag = bag(pooling, &device);
            let before = wide(&bag.table.vectors());
            let mut tape = Tape::new();
            let mut grads = loss(bag.forward(&ids, &mut tape)).backward();
            let mut rows = tape.gradients(&mut grads);
            let mut expected = before;
            let (touched, gradient) = rows.get(bag.table.weight.id).unwrap();
            for (row, gradient) in touched.iter().zip(values(gradient).chunks_exact(D)) {
                for (column, gradient) in gradient.iter().enumerate() {
                    expected[*row as usize * D + column] -= 0.1 * f64::from(*gradient);
                }
            }
            let bag = SparseOptimizer::new(SparseSgd::default()).step(0.1, bag, rows);
            assert_close(&bag.table.vectors(), expected, &format!("{name}, {pooling:?}"));
        }
    }
}

#[test]
fn bags_of_nothing() {
    for (name, device) in devices() {
        for pooling in [Pooling::Sum, Pooling::Mean, Pooling::Max] {
            let bag = bag(pooling, &device);
            let before = bag.table.vectors();
            let ids = JaggedIds::new(vec![], &[0, 0]).unwrap();
            let mut tape = Tape::new();
            let pooled = bag.forward(&ids, &mut tape);
            assert_eq!(values(pooled.clone()), [0.0; 2 * D], "{name}, {pooling:?}");
            let mut grads = pooled.sum().backward();
            let rows = tape.gradients(&mut grads);
            let bag = SparseOptimizer::new(SparseSgd::default()).step(0.1, bag, rows);
            assert_eq!(bag.table.vectors(), before, "{name}, {pooling:?}");
        }
    }
}

#[test]
fn padding_does_not_count() {
    for (name, device) in devices() {
        let padded = JaggedIds::from_bags(&[&[4, 0, 1][..], &[0, 0], &[8, 0]]).unwrap();
        let plain = JaggedIds::from_bags(&[&[4, 1][..], &[], &[8]]).unwrap();
        let weights = |n: usize| (0..n).map(|at| at as f32 - 0.5).collect::<Vec<_>>();
        let all = weights(7);
        let weighted = (
            padded.clone().with_weights(all.clone()).unwrap(),
            plain.clone().with_weights([0, 2, 5].map(|at| all[at]).to_vec()).unwrap(),
        );
        for pooling in [Pooling::Sum, Pooling::Mean, Pooling::Max] {
            let with =
                EmbeddingBagConfig::new(table().with_padding(Some(0))).with_pooling(pooling).init(&device);
            let without = bag(pooling, &device);
            let of = |bag: &EmbeddingBag, ids: &JaggedIds| values(bag.forward(ids, &mut Tape::off()));
            assert_eq!(of(&with, &padded), of(&without, &plain), "{name}, {pooling:?}");
            if pooling != Pooling::Max {
                assert_eq!(
                    of(&with, &weighted.0),
                    of(&without, &weighted.1),
                    "{name}, {pooling:?}, weighted"
                );
            }
        }
    }
}

#[test]
fn weights_that_sum_to_zero_have_the_mean_zero() {
    for (name, device) in devices() {
        let ids = JaggedIds::from_bags(&[[1, 2]]).unwrap().with_weights(vec![2.0, -2.0]).unwrap();
        let pooled = bag(Pooling::Mean, &device).forward(&ids, &mut Tape::off());
        assert_eq!(values(pooled), [0.0; D], "{name}");
    }
}

/// Product 101 and so on, as rows of tables of 700.
fn keyed() -> KeyedJaggedIds {
    KeyedJaggedIds::new(&["product", "user"], vec![101, 202, 303, 404, 505, 606], &[2, 0, 1, 1, 1, 1])
        .unwrap()
}

#[test]
fn a_collection_is_its_features_side_by_side() {
    for (name, device) in devices() {
        let collection = EmbeddingCollectionConfig::default()
            .with_table("product", EmbeddingTableConfig::new(700, 2).with_seed(1))
            .with_table("user", EmbeddingTableConfig::new(700, 3).with_seed(2))
            .with_feature("product", "product", Pooling::Sum)
            .with_feature("user", "user", Pooling::Sum)
            .init(&device)
            .unwrap();
        let (products, users) = (collection.tables[0].vectors(), collection.tables[1].vectors());
        let mut tape = Tape::new();
        let vectors = collection.forward(&keyed(), &mut tape);
        let product = |id: usize, column: usize| f64::from(products[id * 2 + column]);
        let expected = (0..3).flat_map(|row| {
            let of_product = (0..2).map(move |column| match row {
                0 => product(101, column) + product(202, column),
                1 => 0.0,
                _ => product(303, column),
            });
            let user = [404, 505, 606][row];
            of_product.chain((0..3).map(|column| f64::from(users[user * 3 + column]))).collect::<Vec<_>>()
        });
        assert_close(&values(vectors.clone().into_tensor()), expected, name);
        assert_eq!(
            vectors.get("user").map(values),
            Some(values(collection.tables[1].lookup(&[404, 505, 606])))
        );
        assert!(vectors.get("item").is_none());

        // Columns of the loss count differently, so that a mix-up of columns shows.
        let weights = Tensor::<2>::from_data([[1.0, 2.0, 3.0, 4.0, 5.0]], &device);
        let mut grads = (vectors.into_tensor() * weights).sum().backward();
        let mut rows = tape.gradients(&mut grads);
        let (ids, gradient) = rows.get(collection.tables[0].weight.id).unwrap();
        assert_eq!((ids, values(gradient)), (vec![101, 202, 303], [1.0, 2.0].repeat(3)), "{name}");
        let (ids, gradient) = rows.get(collection.tables[1].weight.id).unwrap();
        assert_eq!((ids, values(gradient)), (vec![404, 505, 606], [3.0, 4.0, 5.0].repeat(3)), "{name}");
        let moved = SparseOptimizer::new(SparseSgd::default()).step(1.0, collection, rows);
        let change = f64::from(moved.tables[1].vectors()[505 * 3 + 1]) - f64::from(users[505 * 3 + 1]);
        assert!((change + 4.0).abs() < 1e-5, "{name}: {change}");
    }
}

#[test]
fn features_that_share_a_table_add_up() {
    for (name, device) in devices() {
        let collection = EmbeddingCollectionConfig::default()
            .with_table("items", table())
            .with_feature("shown", "items", Pooling::Sum)
            .with_feature("liked", "items", Pooling::Mean)
            .with_feature("best", "items", Pooling::Max)
            .init(&device)
            .unwrap();
        let ids = KeyedJaggedIds::new(
            &["best", "liked", "shown"],
            vec![4, 4, 7, 1, 4, 4, 2, 3],
            &[1, 1, 2, 2, 1, 1],
        )
        .unwrap();
        // best: [4], [4]; liked: [7, 1], [4, 4]; shown: [2], [3]
        let before = collection.tables[0].vectors();
        let mut tape = Tape::new();
        let vectors = collection.forward(&ids, &mut tape);
        let weights =
            Tensor::<2>::from_data([[1.0, 1.0, 1.0, 10.0, 10.0, 10.0, 100.0, 100.0, 100.0]], &device);
        let mut grads = (vectors.into_tensor() * weights).sum().backward();
        let mut rows = tape.gradients(&mut grads);
        let (touched, gradient) = rows.get(collection.tables[0].weight.id).unwrap();
        let gradient = values(gradient);
        let expected = [(1, 5.0), (2, 1.0), (3, 1.0), (4, 210.0), (7, 5.0)];
        let mut found: Vec<(u32, f32)> = touched
            .iter()
            .zip(gradient.chunks_exact(D))
            .map(|(&row, gradient)| (row, gradient[D - 1]))
            .collect();
        found.sort_unstable_by_key(|(row, _)| *row);
        assert_eq!(found, expected, "{name}");
        let moved = SparseOptimizer::new(SparseSgd::default()).step(0.1, collection, rows);
        let mut after = wide(&before);
        for (row, gradient) in expected {
            after[row as usize * D..][..D].iter_mut().for_each(|value| *value -= 0.1 * f64::from(gradient));
        }
        assert_close(&moved.tables[0].vectors(), after, name);
    }
}
