//! Towers of features on every backend, against plain Rust: evaluation, and one step of training.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Device;
use burn_recsys::embeddings::{JaggedIds, SparseOptimizer, SparseSgd, Tape};
use burn_recsys::models::{
    FeatureTwoTower, FeatureTwoTowerConfig, FieldValues, HistoryPooling, TowerConfig, TowerField, TowerRows,
    UNKNOWN,
};

use crate::{assert_close, devices, values};

const D: usize = 3;
const N_USERS: u64 = 4;
const N_ITEMS: usize = 5;
const TEMPERATURE: f64 = 0.5;
const EPSILON: f64 = 1e-5;

fn user_fields() -> Vec<TowerField> {
    vec![
        TowerField::id(N_USERS),
        TowerField::categorical("occupation", 3),
        TowerField::dense("age", 2),
        TowerField::history("rated", N_ITEMS, HistoryPooling::Mean),
        TowerField::shared_history("liked", N_ITEMS, HistoryPooling::Mean),
        TowerField::shared_history("viewed", N_ITEMS, HistoryPooling::Attention { max_length: 2 }),
    ]
}

fn item_fields() -> Vec<TowerField> {
    vec![TowerField::id(N_ITEMS as u64), TowerField::bag("genres", 4)]
}

/// Users 0 and 3, and user 3 once more: a category that is not known, empty histories, an item twice in one.
fn users() -> TowerRows {
    let bags = |bags: [&[u32]; 3]| JaggedIds::from_bags(&bags).unwrap();
    let rated = bags([&[4, 0, 4], &[], &[1]]).with_weights(vec![1.0, 0.5, 2.0, 1.0]).unwrap();
    TowerRows::new(
        &user_fields(),
        vec![
            FieldValues::Ids(vec![0, 3, 3]),
            FieldValues::Codes(vec![2, UNKNOWN, 0]),
            FieldValues::Dense(vec![0.5, -1.0, 0.0, 0.25, 2.0, 0.0]),
            FieldValues::Bags(rated),
            FieldValues::Bags(bags([&[2], &[], &[0, 3, 3]])),
            FieldValues::Bags(bags([&[1, 2, 3], &[], &[4]])),
        ],
    )
    .unwrap()
}

/// An item without genres, one with a genre that is not known.
fn items() -> TowerRows {
    let genres = JaggedIds::from_bags(&[&[0, 3][..], &[], &[2, UNKNOWN], &[1], &[1, 2, 3]]).unwrap();
    TowerRows::new(&item_fields(), vec![FieldValues::Ids((0..5).collect()), FieldValues::Bags(genres)])
        .unwrap()
}

fn model(device: &Device) -> FeatureTwoTower {
    let tower = |fields| TowerConfig::new(fields).with_d_embedding(D).with_d_output(Some(4));
    FeatureTwoTowerConfig::new(
        tower(user_fields()).with_hidden(vec![6, 5]).with_dropout(0.3),
        tower(item_fields()).with_hidden(vec![5]).with_normalized(true),
    )
    .with_temperature(TEMPERATURE)
    .with_biases(true)
    .with_seed(3)
    .init(device)
}

/// One step, so that running statistics, biases and the vectors of what is not known are no longer what
/// they began with.
fn trained(device: &Device) -> FeatureTwoTower {
    let mut model = model(device);
    let mut tape = Tape::new();
    let mut grads = model.score_matrix(&users(), &items(), &mut tape).powi_scalar(2).mean().backward();
    model = SparseOptimizer::new(SparseSgd::default()).step(0.5, model, tape.gradients(&mut grads));
    model
}

fn doubles(values: Vec<f32>) -> Vec<f64> {
    values.into_iter().map(f64::from).collect()
}

fn row(table: &[f64], row: usize) -> Vec<f64> {
    table[row * D..(row + 1) * D].to_vec()
}

fn weighted(vectors: impl Iterator<Item = (f64, Vec<f64>)>) -> Vec<f64> {
    let (mut sum, mut total) = (vec![0.0; D], 0.0);
    for (weight, vector) in vectors {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += weight * value);
        total += weight;
    }
    if total == 0.0 { sum } else { sum.into_iter().map(|value| value / total).collect() }
}

fn mean(table: &[f64], rows: &[usize]) -> Vec<f64> {
    weighted(rows.iter().map(|&at| (1.0, row(table, at))))
}

fn linear(layer: &Linear, input: &[f64]) -> Vec<f64> {
    let weight = doubles(values(layer.weight.val()));
    let bias = doubles(values(layer.bias.as_ref().unwrap().val()));
    let column = |(at, bias): (usize, &f64)| {
        bias + input.iter().enumerate().map(|(k, x)| x * weight[k * bias_len(layer) + at]).sum::<f64>()
    };
    bias.iter().enumerate().map(column).collect()
}

fn bias_len(layer: &Linear) -> usize {
    layer.bias.as_ref().unwrap().dims()[0]
}

/// The layers of a tower over the vectors of its fields.
fn layers(tower: &burn_recsys::models::Tower, fields: Vec<f64>) -> Vec<f64> {
    let mut hidden = fields;
    for (index, layer) in tower.layers.iter().enumerate() {
        hidden = linear(layer, &hidden);
        if let Some(norm) = tower.norms.get(index) {
            let numbers = |tensor: burn::tensor::Tensor<1>| doubles(values(tensor));
            let (gamma, beta) = (numbers(norm.gamma.val()), numbers(norm.beta.val()));
            let (mean, var) =
                (numbers(norm.running_mean.value_sync()), numbers(norm.running_var.value_sync()));
            for (at, value) in hidden.iter_mut().enumerate() {
                *value = ((*value - mean[at]) / (var[at] + EPSILON).sqrt() * gamma[at] + beta[at]).max(0.0);
            }
        }
    }
    hidden
}

fn attended(model: &FeatureTwoTower, table: &[f64], items: &[usize]) -> Vec<f64> {
    let attention = model.users.fields[5].attention.as_ref().unwrap();
    let query = doubles(values(attention.query.val()));
    let score = |&item: &usize| -> f64 {
        let hidden = linear(&attention.hidden, &row(table, item));
        hidden.iter().zip(&query).map(|(hidden, query)| hidden.tanh() * query).sum()
    };
    weighted(items.iter().map(|item| (score(item).exp(), row(table, *item))))
}

/// Logits of all users and items in evaluation mode.
fn reference(model: &FeatureTwoTower) -> Vec<f64> {
    let ids =
        |ids: &Option<burn_recsys::embeddings::EmbeddingTable>| doubles(ids.as_ref().unwrap().vectors());
    let (user_ids, item_ids) = (ids(&model.users.ids), ids(&model.items.ids));
    let table = |side: &[burn_recsys::models::FieldLayer], at: usize| ids(&side[at].table);
    let (occupations, rated) = (table(&model.users.fields, 1), table(&model.users.fields, 3));
    let genres = table(&model.items.fields, 1);
    let biases = model.biases.as_ref().unwrap().each_ref().map(|table| doubles(table.vectors()));
    let all = f64::from(values(model.bias.as_ref().unwrap().val())[0]);

    let user = |id, occupation, age: [f64; 2], rated: Vec<f64>, liked: &[usize], viewed: &[usize]| {
        let fields = [
            row(&user_ids, id),
            row(&occupations, occupation),
            age.to_vec(),
            rated,
            mean(&item_ids, liked),
            attended(model, &item_ids, viewed),
        ];
        (layers(&model.users, fields.concat()), biases[0][id])
    };
    let twice = weighted([(3.0, row(&rated, 4)), (0.5, row(&rated, 0))].into_iter());
    let users = [
        // Attention looks at the last two of the three items.
        user(0, 2, [0.5, -1.0], twice, &[2], &[2, 3]),
        user(3, 3, [0.0, 0.25], vec![0.0; D], &[], &[]),
        user(3, 0, [2.0, 0.0], row(&rated, 1), &[0, 3, 3], &[4]),
    ];
    let item = |(id, of_item): (usize, &[usize])| {
        let vector = layers(&model.items, [row(&item_ids, id), mean(&genres, of_item)].concat());
        let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
        (vector.into_iter().map(|value| value / norm).collect::<Vec<_>>(), biases[1][id])
    };
    let items: Vec<_> =
        [&[0, 3][..], &[], &[2, 4], &[1], &[1, 2, 3]].into_iter().enumerate().map(item).collect();
    let logit = |(user, user_bias): &(Vec<f64>, f64), (item, item_bias): &(Vec<f64>, f64)| {
        user.iter().zip(item).map(|(a, b)| a * b).sum::<f64>() / TEMPERATURE + user_bias + item_bias + all
    };
    users.iter().flat_map(|user| items.iter().map(|item| logit(user, item)).collect::<Vec<_>>()).collect()
}

#[test]
fn logits_are_their_formulas() {
    for (name, device) in devices() {
        let model = trained(&device);
        let expected = reference(&model);
        assert!(expected.iter().any(|logit| logit.abs() > 0.1), "the logits test nothing: {expected:?}");
        let (users, items) = (users(), items());
        let matrix = model.score_matrix(&users, &items, &mut Tape::off());
        assert_close(&values(matrix), expected.iter().copied(), name);

        // As candidates of each user, as vectors on the host, and on a device that does not train.
        let candidates = items.select(&[4, 1, 0, 3, 2, 2]);
        let pairs = [4, 1, 5, 8, 12, 12].map(|at: usize| expected[at]);
        assert_close(&values(model.forward(&users, &candidates, &mut Tape::off())), pairs, name);
        let (of_users, of_items) = (model.embed_users(&users), model.embed_items(&items));
        let d = model.d_vector();
        let dots = of_users.chunks(d).flat_map(|user| {
            of_items.chunks(d).map(move |item| user.iter().zip(item).map(|(a, b)| a * b).sum::<f32>())
        });
        assert_close(&dots.collect::<Vec<_>>(), expected.iter().copied(), name);
        let valid = model.valid().score_matrix(&users, &items, &mut Tape::off());
        assert_close(&values(valid), expected.iter().copied(), name);
    }
}

#[test]
fn a_step_trains_what_was_read_and_nothing_else() {
    for (name, device) in devices() {
        let (before, after) = (model(&device), trained(&device));
        let changed =
            |table: fn(&FeatureTwoTower) -> &burn_recsys::embeddings::EmbeddingTable| -> Vec<usize> {
                let (before, after) = (table(&before), table(&after));
                let d = before.d_embedding();
                let rows = before.vectors().into_iter().zip(after.vectors()).collect::<Vec<_>>();
                rows.chunks(d)
                    .enumerate()
                    .filter(|(_, row)| row.iter().any(|(a, b)| a != b))
                    .map(|(at, _)| at)
                    .collect()
            };
        assert_eq!(changed(|model| model.users.ids.as_ref().unwrap()), [0, 3], "{name}");
        assert_eq!(changed(|model| model.users.fields[1].table.as_ref().unwrap()), [0, 2, 3], "{name}");
        assert_eq!(changed(|model| model.users.fields[3].table.as_ref().unwrap()), [0, 1, 4], "{name}");
        // All items are scored; the row of unknown genres was read.
        assert_eq!(changed(|model| model.items.ids.as_ref().unwrap()), [0, 1, 2, 3, 4], "{name}");
        assert_eq!(changed(|model| model.items.fields[1].table.as_ref().unwrap()), [0, 1, 2, 3, 4], "{name}");
        assert_eq!(changed(|model| &model.biases.as_ref().unwrap()[0]), [0, 3], "{name}");
    }
}
