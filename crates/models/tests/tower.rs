//! Towers of features: what rows they take, and what their vectors depend on.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::{EmbeddingTableConfig, HashEmbeddingConfig, JaggedIds, TableInitializer, Tape};
use burn_recsys_models::{
    FeatureTwoTowerConfig, FieldCombination, FieldValues, HistoryPooling, ItemScorer, Tower, TowerConfig,
    TowerError, TowerField, TowerRows, UNKNOWN, pair_logits,
};
use proptest::prelude::*;

const ATTENTION: HistoryPooling = HistoryPooling::Attention { max_length: 3 };

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn bags(bags: &[&[u32]]) -> FieldValues {
    FieldValues::Bags(JaggedIds::from_bags(bags).unwrap())
}

/// The fields side by side, without layers.
fn plain(fields: Vec<TowerField>) -> Tower {
    TowerConfig::new(fields)
        .with_d_embedding(2)
        .with_hidden(vec![])
        .with_d_output(None)
        .with_initializer(TableInitializer::Normal { std: 1.0 })
        .init(&Device::default())
}

#[test]
fn what_does_not_fit_is_told_with_field_row_and_value() {
    let fields = [TowerField::id(3), TowerField::bag("genres", 2), TowerField::dense("age", 2)];
    let new = |values| TowerRows::new(&fields, values).unwrap_err();
    let ids = |ids: &[u64]| FieldValues::Ids(ids.to_vec());
    let age = |numbers: &[f32]| FieldValues::Dense(numbers.to_vec());
    assert_eq!(new(vec![ids(&[1])]), TowerError::Fields { n_values: 1, n_fields: 3 });
    let error = new(vec![ids(&[1, 3]), bags(&[&[], &[]]), age(&[0.0; 4])]);
    assert_eq!(error.to_string(), "field \"id\", row 1: 3 is not below 3");
    let error = new(vec![ids(&[1, 2]), bags(&[&[0, UNKNOWN], &[1, 2]]), age(&[0.0; 4])]);
    assert_eq!(error.to_string(), "field \"genres\", row 1: 2 is not below 2");
    let error = new(vec![ids(&[1, 2]), bags(&[&[0]]), age(&[0.0; 4])]);
    assert_eq!(error.to_string(), "field \"genres\" has 1 values, expected 2");
    let error = new(vec![ids(&[1, 2]), bags(&[&[0], &[]]), age(&[0.0; 3])]);
    assert_eq!(error.to_string(), "field \"age\" has 3 values, expected 4");
    let error = new(vec![ids(&[1, 2]), bags(&[&[0], &[]]), age(&[0.0, 0.0, 1.0, f32::NAN])]);
    assert!(error.to_string().starts_with("field \"age\", row 1, column 1 is NaN"));
    let error = new(vec![bags(&[&[0]]), bags(&[&[0]]), age(&[0.0; 2])]);
    assert_eq!(error.to_string(), "field \"id\" takes ids, not bags");
    // A history knows its items, and attention weighs them itself.
    let history = [TowerField::history("rated", 2, ATTENTION)];
    let error = TowerRows::new(&history, vec![bags(&[&[UNKNOWN]])]).unwrap_err();
    assert_eq!(error.to_string(), "field \"rated\", row 0: 4294967295 is not below 2");
    let weighted = JaggedIds::from_bags(&[[0]]).unwrap().with_weights(vec![2.0]).unwrap();
    let error = TowerRows::new(&history, vec![FieldValues::Bags(weighted)]).unwrap_err();
    assert_eq!(error, TowerError::Weights { field: "rated".into() });
    assert_eq!(TowerRows::new(&fields, vec![ids(&[]), bags(&[]), age(&[])]).unwrap().n_rows(), 0);
}

#[test]
fn one_id_without_layers_is_matrix_factorisation() {
    let (users, items) = (vec![TowerField::id(2)], vec![TowerField::id(3)]);
    let rows =
        |fields: &[TowerField], n| TowerRows::new(fields, vec![FieldValues::Ids((0..n).collect())]).unwrap();
    let (user_rows, item_rows) = (rows(&users, 2), rows(&items, 3));
    let tower = |fields| TowerConfig::new(fields).with_hidden(vec![]).with_d_output(None).with_d_embedding(5);
    let model = FeatureTwoTowerConfig::new(tower(users), tower(items)).init(&Device::default());
    let (of_users, of_items) = (model.embed_users(&user_rows), model.embed_items(&item_rows));
    assert_eq!(of_users, model.users.ids.as_ref().unwrap().vectors());
    assert_eq!(of_items, model.items.ids.as_ref().unwrap().vectors());
    assert_ne!(of_users[..5], of_items[..5]);
    let scorer = model.scorer(&user_rows, &item_rows).unwrap();
    let mut scores = [0.0; 3];
    scorer.score(&[1], &mut scores);
    let logits = values(model.score_matrix(&user_rows, &item_rows, &mut Tape::off()));
    scores.iter().zip(&logits[3..]).for_each(|(a, b)| assert!((a - b).abs() < 1e-6));
}

#[test]
fn histories_pool_their_items_and_nothing_else() {
    for pooling in [HistoryPooling::Mean, ATTENTION] {
        let fields = vec![TowerField::history("rated", 4, pooling)];
        let tower = plain(fields.clone());
        let embed = |histories: &[&[u32]]| {
            let rows = TowerRows::new(&fields, vec![bags(histories)]).unwrap();
            values(tower.forward(&rows, &mut Tape::off()))
        };
        let table = tower.fields[0].table.as_ref().unwrap().vectors();
        // One item is itself, whatever stands beside it; so are copies of it; nothing is zeros.
        let vectors = embed(&[&[2], &[0, 1, 3], &[], &[2, 2]]);
        for row in [0, 3] {
            let close =
                vectors[2 * row..2 * row + 2].iter().zip(&table[4..6]).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(close, "{pooling:?}: {vectors:?} {table:?}");
        }
        assert_eq!(vectors[4..6], [0.0, 0.0]);
        let alone = embed(&[&[0, 1, 3]]);
        assert!(vectors[2..4].iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-6));
        // The order within a history does not matter, unless it decides what is looked at.
        let turned = embed(&[&[3, 0, 1]]);
        assert!(turned.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-6));
        // A batch of nothing but empty histories.
        assert_eq!(embed(&[&[], &[]]), [0.0; 4]);
    }
}

#[test]
fn attention_looks_at_the_last_items() {
    let fields = vec![TowerField::history("rated", 6, ATTENTION)];
    let tower = plain(fields.clone());
    let embed = |history: &[u32]| {
        let rows = TowerRows::new(&fields, vec![bags(&[history])]).unwrap();
        values(tower.forward(&rows, &mut Tape::off()))
    };
    assert_eq!(embed(&[5, 4, 1, 2, 3]), embed(&[1, 2, 3]));
    assert_ne!(embed(&[5, 4, 1, 2, 3]), embed(&[5, 4, 1]));
}

#[test]
fn what_is_not_known_has_a_vector_of_its_own() {
    let fields = vec![TowerField::categorical("year", 3), TowerField::bag("genres", 2)];
    let tower = plain(fields.clone());
    let rows =
        TowerRows::new(&fields, vec![FieldValues::Codes(vec![UNKNOWN, 2]), bags(&[&[UNKNOWN, 1], &[]])])
            .unwrap();
    let vectors = values(tower.forward(&rows, &mut Tape::off()));
    let [years, genres] = [0, 1].map(|at| tower.fields[at].table.as_ref().unwrap().vectors());
    // Untrained, it is zeros.
    assert_eq!(vectors[..2], [0.0, 0.0]);
    assert_eq!(vectors[2..4], [genres[2] / 2.0, genres[3] / 2.0]);
    assert_eq!(vectors[4..], [years[4], years[5], 0.0, 0.0]);
    assert_eq!((years.len(), genres.len()), (8, 6));
}

#[test]
fn any_embedding_of_ids_will_do() {
    let device = Device::default();
    let fields = vec![TowerField::id(u64::MAX), TowerField::dense("age", 1)];
    let ids = HashEmbeddingConfig::new(10, 6).init(&device);
    let tower = TowerConfig::new(fields.clone()).with_d_output(Some(3)).init_with_ids(ids, &device);
    let rows =
        TowerRows::new(&fields, vec![FieldValues::Ids(vec![1 << 60, 5]), FieldValues::Dense(vec![0.0, 1.0])]);
    assert_eq!(tower.forward(&rows.unwrap(), &mut Tape::off()).dims(), [2, 3]);
}

#[test]
fn vectors_of_fields_can_be_added() {
    let fields = vec![TowerField::id(2), TowerField::bag("genres", 3)];
    let tower = TowerConfig::new(fields.clone())
        .with_d_embedding(2)
        .with_combination(FieldCombination::Sum)
        .with_hidden(vec![])
        .with_d_output(None)
        .init(&Device::default());
    let rows = TowerRows::new(&fields, vec![FieldValues::Ids(vec![1, 0]), bags(&[&[2, 0], &[]])]).unwrap();
    let (ids, genres) =
        (tower.ids.as_ref().unwrap().vectors(), tower.fields[1].table.as_ref().unwrap().vectors());
    let expected =
        [ids[2] + (genres[4] + genres[0]) / 2.0, ids[3] + (genres[5] + genres[1]) / 2.0, ids[0], ids[1]];
    let actual = values(tower.forward(&rows, &mut Tape::off()));
    assert!(actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{actual:?} {expected:?}");
}

#[test]
#[should_panic(expected = "field \"age\" of width 3 cannot be added to vectors of size 4")]
fn what_is_added_has_one_size() {
    let fields = vec![TowerField::id(5), TowerField::dense("age", 3)];
    let config = TowerConfig::new(fields).with_d_embedding(4);
    config.with_combination(FieldCombination::Sum).init(&Device::default());
}

#[test]
#[should_panic(expected = "a field of 5 ids, but only 4 have vectors")]
fn ids_without_vectors_are_found_at_once() {
    let device = Device::default();
    let ids = EmbeddingTableConfig::new(4, 2).init(&device);
    TowerConfig::new(vec![TowerField::id(5)]).init_with_ids(ids, &device);
}

#[test]
#[should_panic(expected = "rows of 1 fields for a tower of 2")]
fn rows_of_another_tower_are_found_at_once() {
    let tower = plain(vec![TowerField::id(5), TowerField::dense("age", 1)]);
    let rows = TowerRows::new(&[TowerField::id(5)], vec![FieldValues::Ids(vec![0])]).unwrap();
    tower.forward(&rows, &mut Tape::off());
}

#[test]
#[should_panic(expected = "5 items are not a whole number for each of 2 users")]
fn pairs_have_to_come_out_even() {
    let device = Device::default();
    pair_logits(Tensor::zeros([2, 3], &device), Tensor::zeros([5, 3], &device));
}

fn fields() -> Vec<TowerField> {
    vec![
        TowerField::id(10),
        TowerField::bag("genres", 4),
        TowerField::history("rated", 5, HistoryPooling::Mean),
        TowerField::history("liked", 5, ATTENTION),
    ]
}

/// An id, genres and a history.
type Row = (u64, Vec<u32>, Vec<u32>);

fn rows(of_rows: &[Row]) -> TowerRows {
    let bag = |pick: fn(&Row) -> &Vec<u32>| {
        FieldValues::Bags(JaggedIds::from_bags(&of_rows.iter().map(pick).collect::<Vec<_>>()).unwrap())
    };
    let ids = FieldValues::Ids(of_rows.iter().map(|row| row.0).collect());
    TowerRows::new(&fields(), vec![ids, bag(|row| &row.1), bag(|row| &row.2), bag(|row| &row.2)]).unwrap()
}

#[test]
fn training_differs_from_evaluation_by_statistics_and_dropout() {
    let device = Device::default().autodiff();
    let config = TowerConfig::new(fields()).with_hidden(vec![8]).with_dropout(0.5);
    let rows = rows(&[(1, vec![0], vec![2, 3]), (2, vec![], vec![]), (3, vec![1, 2], vec![4])]);
    let tower = config.init(&device);
    let evaluated = values(tower.forward(&rows, &mut Tape::off()));
    assert_ne!(values(tower.forward(&rows, &mut Tape::new())), evaluated);
    let without = config.with_dropout(0.0).init(&device);
    assert_ne!(values(without.forward(&rows, &mut Tape::new())), evaluated);
    // Running statistics have moved; evaluation does not move them, on either device.
    let moved = values(tower.forward(&rows, &mut Tape::off()));
    assert_ne!(moved, evaluated);
    assert_eq!(values(tower.forward(&rows, &mut Tape::off())), moved);
    assert_eq!(values(tower.valid().forward(&rows, &mut Tape::off())), moved);
    // A batch of one row has no variance, and nothing that is not a number comes of it.
    let single = values(tower.forward(&rows.select(&[0]), &mut Tape::new()));
    assert!(single.iter().all(|value| value.is_finite()));
    assert!(values(tower.forward(&rows, &mut Tape::off())).iter().all(|value| value.is_finite()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// In evaluation mode a row's vector is its own: selecting rows selects vectors.
    #[test]
    fn rows_do_not_see_each_other(
        of_rows in prop::collection::vec(
            (0u64..10, prop::collection::vec(0u32..4, 0..4), prop::collection::vec(0u32..5, 0..6)),
            1..8,
        ),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
    ) {
        let tower = TowerConfig::new(fields())
            .with_d_embedding(4)
            .with_hidden(vec![8])
            .with_d_output(Some(3))
            .init(&Device::default());
        let rows = rows(&of_rows);
        let all = values(tower.forward(&rows, &mut Tape::off()));
        let picks: Vec<u32> = picks.iter().map(|pick| pick.index(of_rows.len()) as u32).collect();
        let picked = values(tower.forward(&rows.select(&picks), &mut Tape::off()));
        let expected = picks.iter().flat_map(|&pick| &all[pick as usize * 3..(pick as usize + 1) * 3]);
        for (actual, expected) in picked.iter().zip(expected) {
            prop_assert!((actual - expected).abs() < 1e-5, "{actual} {expected}");
        }
    }
}
