//! Features of the past against a definition that looks at all events for every row, and what must
//! hold whatever the data is: no future, no NaN.

use std::sync::Arc;

use burn_recsys_data::past::{PastFeatureBlocks, PastFeatures, PastFeaturesConfig};
use burn_recsys_data::{
    ColdStartConfig, ColumnValues, Dataset, FeatureTable, Interaction, Interactions, SplitConfig,
    Strategy as Split, movielens,
};
use proptest::prelude::*;

use crate::naive_past::Naive;
use crate::readers::real_data;
use crate::tables::{any_rows, bare_table, table};

pub(crate) const GENRES: [&str; 3] = ["a", "b", "c"];

/// The genres of item `i`; item 1 has none.
pub(crate) fn genres(i: usize) -> Vec<&'static str> {
    let bits = (i * 5 + 3) % 8;
    GENRES.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, genre)| *genre).collect()
}

/// The year of item `i`; that of item 3 is not known.
pub(crate) fn year(i: usize) -> f32 {
    if i == 3 { f32::NAN } else { 1990.0 + 3.0 * i as f32 }
}

fn users(n: usize) -> FeatureTable {
    let gender = (0..n).map(|u| [Some("F"), Some("M"), None][u % 3]);
    let age = (0..n).map(|u| if u == 2 { f32::NAN } else { 20.0 + 5.0 * u as f32 }).collect();
    FeatureTable::new(n)
        .with_column("gender", ColumnValues::categorical(gender))
        .and_then(|table| table.with_column("age", ColumnValues::Dense(age)))
        .unwrap()
}

fn items(n: usize) -> FeatureTable {
    FeatureTable::new(n)
        .with_column("genres", ColumnValues::multi_categorical((0..n).map(genres)))
        .and_then(|table| table.with_column("year", ColumnValues::Dense((0..n).map(year).collect())))
        .unwrap()
}

fn fit(train: &Interactions, config: &PastFeaturesConfig) -> PastFeatures {
    PastFeatures::fit(train, &users(train.n_users()), &items(train.n_items()), config.clone()).unwrap()
}

fn any_config() -> impl Strategy<Value = PastFeaturesConfig> {
    (0.1f64..20.0, 1.0f32..5.0, 2.0f32..5.0).prop_map(|(prior_strength, initial_rating, liked_rating)| {
        let default = PastFeaturesConfig::default();
        PastFeaturesConfig {
            prior_strength,
            initial_rating,
            liked_rating,
            activity_bounds: vec![1, 3, 6],
            ..default
        }
    })
}

/// Two tables of one set of id maps whose moments interleave.
fn train_and_test(rows: &[(i64, i64, f32, i64)]) -> Option<(Interactions, Interactions)> {
    let all = table(rows);
    let (train, test) = (all.retain(|row| row % 3 != 1), all.retain(|row| row % 3 == 1));
    (!train.is_empty()).then_some((train, test))
}

/// All that is computed for row `row`, as bits.
fn bits(past: &PastFeatures, blocks: &PastFeatureBlocks, row: usize) -> Vec<u32> {
    let of = |block: &[f32], n: usize| block[row * n..][..n].iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let mut bits = of(&blocks.user, past.user_names().len());
    bits.extend(of(&blocks.item, past.item_names().len()));
    bits.extend(of(&blocks.cross, past.cross_names().len()));
    bits.extend([blocks.user_counts[row], blocks.item_counts[row], blocks.user_means[row].to_bits()]);
    bits
}

fn all_finite(blocks: &PastFeatureBlocks) -> bool {
    [&blocks.user, &blocks.item, &blocks.cross, &blocks.user_means]
        .iter()
        .all(|block| block.iter().all(|value| value.is_finite()))
}

fn with_ratings(table: &Interactions, rating: impl Fn(usize) -> f32) -> Interactions {
    Interactions::new(
        Arc::clone(table.user_ids()),
        Arc::clone(table.item_ids()),
        table.users().to_vec(),
        table.items().to_vec(),
        Some((0..table.len()).map(rating).collect()),
        table.timestamps().map(<[i64]>::to_vec),
    )
    .unwrap()
}

proptest! {
    #[test]
    fn columns_are_their_definitions(rows in any_rows(), config in any_config()) {
        let Some((train, test)) = train_and_test(&rows) else { return Ok(()) };
        let past = fit(&train, &config);
        let naive = Naive::fit(&train, &config);
        for rows in [&train, &test] {
            let blocks = past.compute(rows).unwrap();
            prop_assert!(all_finite(&blocks));
            for row in 0..rows.len() {
                let expected = naive.row(rows.get(row));
                prop_assert_eq!(blocks.user_counts[row], expected.user_count);
                prop_assert_eq!(blocks.item_counts[row], expected.item_count);
                prop_assert!((f64::from(blocks.user_means[row]) - expected.user_mean).abs() < 1e-5);
                for (block, names, expected) in [
                    (&blocks.user, past.user_names(), &expected.user),
                    (&blocks.item, past.item_names(), &expected.item),
                    (&blocks.cross, past.cross_names(), &expected.cross),
                ] {
                    for (n, name) in names.iter().enumerate() {
                        // What does not depend on the past has a test of its own.
                        let Some(&expected) = expected.get(name) else { continue };
                        let value = f64::from(block[row * names.len() + n]);
                        prop_assert!((value - expected).abs() < 1e-4, "{} is {}, not {}", name, value, expected);
                    }
                    for name in expected.keys() {
                        prop_assert!(names.contains(name), "there is no {}", name);
                    }
                }
            }
        }
    }

    /// A row whose past is hidden is described as one of a user without an event, but for what is known of
    /// the user from elsewhere; counts and means, which labels are made of, stay the user's own.
    #[test]
    fn a_hidden_past_is_that_of_a_user_without_an_event(
        rows in any_rows(),
        config in any_config(),
        hidden in prop::collection::vec(any::<bool>(), 60),
    ) {
        let Some((train, test)) = train_and_test(&rows) else { return Ok(()) };
        let past = fit(&train, &config);
        let naive = Naive::fit(&train, &config);
        let no_one = train.n_users() as u32;
        for rows in [&train, &test] {
            let plain = past.compute(rows).unwrap();
            let blocks = past.compute_with_new_users(rows, |row| hidden[row]).unwrap();
            prop_assert_eq!(&blocks.item, &plain.item);
            prop_assert_eq!(&blocks.user_counts, &plain.user_counts);
            prop_assert_eq!(&blocks.item_counts, &plain.item_counts);
            prop_assert_eq!(&blocks.user_means, &plain.user_means);
            for (row, is_hidden) in hidden.iter().enumerate().take(rows.len()) {
                if !is_hidden {
                    prop_assert_eq!(bits(&past, &blocks, row), bits(&past, &plain, row));
                    continue;
                }
                let expected = naive.row(Interaction { user: no_one, ..rows.get(row) });
                prop_assert_eq!(expected.user_count, 0);
                for (block, plain, names, expected) in [
                    (&blocks.user, &plain.user, past.user_names(), &expected.user),
                    (&blocks.cross, &plain.cross, past.cross_names(), &expected.cross),
                ] {
                    for (n, name) in names.iter().enumerate() {
                        let at = row * names.len() + n;
                        let Some(&expected) = expected.get(name) else {
                            prop_assert_eq!(block[at].to_bits(), plain[at].to_bits(), "{} is hidden", name);
                            continue;
                        };
                        let value = f64::from(block[at]);
                        prop_assert!((value - expected).abs() < 1e-4, "{} is {}, not {}", name, value, expected);
                    }
                }
            }
        }
    }

    /// Features of a row at time s are a function of the events before s: whatever happens from t on,
    /// rows at s <= t keep every bit.
    #[test]
    fn the_future_does_not_matter(rows in any_rows(), config in any_config(), t in -3i64..12, shift in 0.5f32..3.0) {
        let Some((train, test)) = train_and_test(&rows) else { return Ok(()) };
        let is_past = |row: usize| train.timestamps().unwrap()[row] < t;
        let past = fit(&train, &config);
        // Other ratings from t on, scales fitted anew: no scale depends on ratings.
        let ratings = train.ratings().unwrap();
        let other = with_ratings(&train, |row| ratings[row] + if is_past(row) { 0.0 } else { shift });
        let refitted = fit(&other, &config);
        // Nothing at all from t on, on the same scales.
        let cut = past.clone().with_events(&train.retain(is_past)).unwrap();
        for rows in [&train, &test] {
            let blocks = past.compute(rows).unwrap();
            for changed in [&refitted, &cut] {
                let after = changed.compute(rows).unwrap();
                for row in (0..rows.len()).filter(|&row| rows.timestamps().unwrap()[row] <= t) {
                    prop_assert_eq!(bits(&past, &blocks, row), bits(changed, &after, row));
                }
            }
        }
    }

    /// Rows are described one by one: which other rows are asked for does not matter, in which order
    /// neither, nor how the rows are rated.
    #[test]
    fn a_row_alone_is_described_as_among_others(rows in any_rows(), config in any_config()) {
        let Some((train, _)) = train_and_test(&rows) else { return Ok(()) };
        let past = fit(&train, &config);
        let blocks = past.compute(&train).unwrap();
        let reversed: Vec<u32> = (0..train.len() as u32).rev().collect();
        let backwards = past.compute(&with_ratings(&train, |_| 1.0).select(&reversed)).unwrap();
        for row in 0..train.len() {
            let alone = past.compute(&train.select(&[row as u32])).unwrap();
            prop_assert_eq!(bits(&past, &blocks, row), bits(&past, &alone, 0));
            prop_assert_eq!(bits(&past, &blocks, row), bits(&past, &backwards, train.len() - 1 - row));
        }
    }
}

#[test]
fn events_of_one_moment_do_not_see_each_other_but_later_rows_see_them() {
    let train = table(&[(0, 0, 5.0, 10), (0, 1, 1.0, 10), (0, 0, 1.0, 11), (1, 0, 3.0, 11)]);
    let past = fit(&train, &PastFeaturesConfig::default());
    let blocks = past.compute(&train).unwrap();
    assert_eq!(blocks.user_counts, [0, 0, 2, 0]);
    assert_eq!(blocks.item_counts, [0, 0, 1, 1]);
    // No event: the assumed 3.5. After 5 and 1: all (5 x 3.5 + 6) / 7 = 47/14, so the user's
    // (5 x 47/14 + 6) / 7; a user without events has the mean of all.
    let all = 47.0 / 14.0;
    let expected = [3.5, 3.5, (5.0 * all + 6.0) / 7.0, all];
    for (mean, expected) in blocks.user_means.iter().zip(expected) {
        assert!((mean - expected).abs() < 1e-6, "{:?}", blocks.user_means);
    }
}

#[test]
fn extreme_input_gives_finite_features() {
    let rows = [
        (0, 0, f32::MAX, i64::MIN),
        (0, 1, f32::MIN, 0),
        (1, 0, f32::MIN, 0),
        (1, 1, f32::MAX, 1),
        (0, 2, 0.0, i64::MAX),
        (1, 3, f32::MIN, i64::MAX),
        // A user whose mean is the smallest number meets an item whose mean is the largest.
        (2, 3, f32::MIN, 0),
        (3, 4, f32::MAX, 0),
        (2, 4, 0.0, 5),
    ];
    let train = table(&rows);
    let extreme = ColumnValues::Dense(vec![f32::MAX, f32::MIN, f32::INFINITY, f32::NAN, 0.0]);
    let numbers = FeatureTable::new(5).with_column("x", extreme).unwrap();
    let tiny = ColumnValues::Dense(vec![f32::MIN_POSITIVE, f32::NEG_INFINITY, 0.0, 0.0]);
    let users = FeatureTable::new(4).with_column("y", tiny).unwrap();
    for prior_strength in [1e-300, 1.0, 1e9] {
        let config =
            PastFeaturesConfig { prior_strength, initial_rating: f32::MAX, ..PastFeaturesConfig::default() };
        let past = PastFeatures::fit(&train, &users, &numbers, config).unwrap();
        assert!(all_finite(&past.compute(&train).unwrap()));
    }
}

#[test]
fn bad_input_is_refused() {
    let train = table(&[(0, 0, 5.0, 10), (1, 1, 1.0, 10)]);
    let refused = |train: &Interactions, n_users, n_items, config| {
        PastFeatures::fit(train, &FeatureTable::new(n_users), &FeatureTable::new(n_items), config)
            .unwrap_err()
            .to_string()
    };
    let default = PastFeaturesConfig::default;
    assert_eq!(refused(&train, 3, 2, default()), "users: the feature table has 3 rows, the id map 2 ids");
    assert_eq!(refused(&train, 2, 1, default()), "items: the feature table has 1 rows, the id map 2 ids");
    let config = PastFeaturesConfig { prior_strength: -1.0, ..default() };
    assert!(refused(&train, 2, 2, config).starts_with("prior_strength"));
    assert!(refused(&train.retain(|_| false), 2, 2, default()).starts_with("train: there are no"));
    let bare = bare_table(&[(0, 0), (1, 1)]);
    assert_eq!(
        refused(&bare, 2, 2, default()),
        "train: features of the past need timestamps and the training part has none"
    );
    let columns = (train.users().to_vec(), train.items().to_vec());
    let (user_ids, item_ids) = (Arc::clone(train.user_ids()), Arc::clone(train.item_ids()));
    let unrated =
        Interactions::new(user_ids, item_ids, columns.0, columns.1, None, Some(vec![1, 2])).unwrap();
    assert_eq!(
        refused(&unrated, 2, 2, default()),
        "train: features of the past need ratings and the training part has none"
    );
    let past = fit(&train, &default());
    assert!(past.compute(&bare).unwrap_err().to_string().starts_with("rows: features of the past need time"));
    assert!(past.compute(&unrated).is_ok(), "rows need no ratings");
    let other = table(&[(0, 0, 5.0, 10), (2, 1, 1.0, 10)]);
    assert!(past.compute(&other).unwrap_err().to_string().starts_with("rows: 2 users and 2 items"));
    assert!(past.with_events(&other).unwrap_err().to_string().starts_with("events: 2 users"));
}

/// The split of real data by global time, cold users kept, and the features of both parts.
fn of_real(data: &Dataset) -> (burn_recsys_data::Split, PastFeatures, [PastFeatureBlocks; 2]) {
    let config = SplitConfig::new(Split::GlobalTime { test_fraction: 0.2 }).with_drop_cold_users(false);
    let split = config.split(&data.interactions).unwrap();
    let ids = (data.interactions.user_ids(), data.interactions.item_ids());
    let users = data.users.select(&split.train.user_ids().translate(ids.0));
    let items = data.items.select(&split.train.item_ids().translate(ids.1));
    let past = PastFeatures::fit(&split.train, &users, &items, PastFeaturesConfig::default()).unwrap();
    let blocks = [&split.train, &split.test].map(|part| past.compute(part).unwrap());
    assert!(blocks.iter().all(all_finite));
    (split, past, blocks)
}

#[test]
fn real_latest_small() {
    let Some(folder) = real_data("ml-latest-small/ratings.csv") else { return };
    let data = movielens::read_folder("ml-latest-small", &folder.join("ml-latest-small")).unwrap();
    let (split, past, [train, test]) = of_real(&data);

    // Test rows come after all training rows, so they see everything.
    let counts = (split.train.user_counts(), split.train.item_counts());
    for row in 0..split.test.len() {
        let row_of = split.test.get(row);
        assert_eq!(test.user_counts[row], counts.0[row_of.user as usize]);
        assert_eq!(test.item_counts[row], counts.1[row_of.item as usize]);
    }
    for (block, names) in [(&train.user, past.user_names()), (&train.item, past.item_names())] {
        let n = names.iter().position(|name| name == "past_log_count").unwrap();
        let values: Vec<f64> = block.iter().skip(n).step_by(names.len()).map(|&x| f64::from(x)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 1e-4 && (square - 1.0).abs() < 1e-4, "mean {mean}, mean square {square}");
    }
    assert!(past.item_names().iter().any(|name| name == "genres=Film-Noir"));
    assert!(past.cross_names().iter().any(|name| name == "distance_year"));
}

#[test]
fn real_1m_has_cold_users_after_the_protocol_only() {
    let Some(folder) = real_data("ml-1m/ratings-users-1-2999.dat") else { return };
    let data = movielens::read_ratings("ml-1m", &folder.join("ml-1m/ratings-users-1-2999.dat")).unwrap();
    let (split, past, [_, test]) = of_real(&data);
    // Test rows by the user's training events: 0, 1 to 3, 4 to 19, 20 to 99, 100 or more.
    let slices = |blocks: &PastFeatureBlocks| {
        let mut rows = [0; 5];
        for &count in &blocks.user_counts {
            rows[[1, 4, 20, 100].partition_point(|&bound| bound <= count)] += 1;
        }
        rows
    };
    assert_eq!(slices(&test), [32_891, 0, 6_858, 17_328, 40_371]);
    let cold = ColdStartConfig::default().apply(&split.train, &split.test).unwrap();
    // A fifth of the 685 users with training and test rows.
    assert_eq!(cold.users.len(), 137);
    let after = slices(&past.with_events(&cold.train).unwrap().compute(&split.test).unwrap());
    assert!(after[1] > 5_000, "{after:?}");
    assert_eq!(after.iter().sum::<usize>(), split.test.len());
}
