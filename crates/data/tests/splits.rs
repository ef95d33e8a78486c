//! Splits: their rules worked by hand, their invariants on random tables, and published figures.

use std::collections::BTreeSet;
use std::sync::Arc;

use burn_recsys_data::{
    Error, Filter, IdMap, Interactions, RowOrder, Split, SplitConfig, SplitManifest, Strategy, movielens,
};
use proptest::prelude::{Strategy as _, prop_assert, prop_assert_eq, prop_oneof, proptest};

use crate::readers::real_data;
use crate::tables::{any_rows, bare_table, table, table_among};

/// Keeps cold users and items.
fn keeping(strategy: Strategy) -> SplitConfig {
    SplitConfig::new(strategy).with_drop_cold_users(false).with_drop_cold_items(false)
}

fn refused(config: &SplitConfig, interactions: &Interactions) -> String {
    match config.split(interactions) {
        Err(error @ Error::Parameter { .. }) => error.to_string(),
        other => panic!("{config:?} must be refused as a parameter: {other:?}"),
    }
}

/// Ten rows of one user and one item at these moments.
fn at(timestamps: &[i64]) -> Interactions {
    let rows: Vec<_> = timestamps.iter().map(|&timestamp| (1, 1, 3.0, timestamp)).collect();
    table(&rows)
}

#[test]
fn global_time_tests_all_rows_of_the_threshold_moment() {
    let data = at(&[9, 1, 2, 3, 8, 4, 7, 7, 5, 6]);
    let split = SplitConfig::new(Strategy::GlobalTime { test_fraction: 0.3 }).split(&data).unwrap();
    // Sorted, row 7 is the second 7: both go.
    assert_eq!(split.test_rows, [0, 4, 6, 7]);
    assert_eq!(split.train_rows, [1, 2, 3, 5, 8, 9]);
    assert_eq!(split.manifest.horizon, Some(7));
    let moment = SplitConfig::new(Strategy::GlobalMoment { moment: 7 }).split(&data).unwrap();
    assert_eq!((moment.train, moment.test), (split.train, split.test));
}

#[test]
fn user_time_rounds_down_and_breaks_ties_by_row() {
    // User 1 has 9 rows, user 2 has 4: a quarter is 2 rows and 1 row.
    let rows: Vec<_> = [5, 9, 1, 9, 9, 2, 3, 4, 0]
        .map(|timestamp| (1, timestamp, 3.0, timestamp))
        .into_iter()
        .chain([7, 7, 7, 7].map(|timestamp| (2, 1, 3.0, timestamp)))
        .collect();
    let config = keeping(Strategy::UserTime { test_fraction: 0.25 });
    assert_eq!(config.split(&table(&rows)).unwrap().test_rows, [3, 4, 12]);
    let newest_first = config.clone().with_row_order(RowOrder::NewestFirst);
    assert_eq!(newest_first.split(&table(&rows)).unwrap().test_rows, [1, 3, 9]);
    // A fifth of 4 rows is none.
    let config = keeping(Strategy::UserTime { test_fraction: 0.2 });
    assert_eq!(config.split(&table(&rows)).unwrap().test_rows, [4]);
}

#[test]
fn users_with_too_few_rows_are_not_left_out_on() {
    let data = table(&[(1, 1, 1.0, 3), (1, 2, 1.0, 2), (1, 3, 1.0, 1), (2, 1, 1.0, 1), (2, 2, 1.0, 1)]);
    let split = keeping(Strategy::LeaveLastN { n: 2 }).split(&data).unwrap();
    assert_eq!(split.test_rows, [0, 1]);
    assert_eq!(split.manifest.horizon, None);
    let one = keeping(Strategy::LeaveLastN { n: 1 }).split(&data).unwrap();
    assert_eq!(one.test_rows, [0, 4]);
}

#[test]
fn random_parts_have_the_stated_sizes_and_their_own_seeds() {
    let data = at(&[0; 29]);
    let test_rows = |strategy| SplitConfig::new(strategy).split(&data).unwrap().test_rows;
    let first = test_rows(Strategy::Random { test_fraction: 0.2, seed: 1 });
    assert_eq!(first.len(), 5);
    assert_ne!(first, test_rows(Strategy::Random { test_fraction: 0.2, seed: 2 }));
    let sizes = [0, 1, 2, 3].map(|fold| test_rows(Strategy::KFold { n_folds: 4, fold, seed: 1 }).len());
    assert_eq!(sizes, [8, 7, 7, 7]);
}

#[test]
fn cold_user_takes_whole_users() {
    let rows: Vec<_> = (0..60).map(|row| (row % 10, row % 3, 3.0, row)).collect();
    let strategy = Strategy::ColdUser { test_fraction: 0.3, seed: 4 };
    let split = SplitConfig::new(strategy.clone()).split(&table(&rows)).unwrap();
    assert_eq!((split.manifest.test.users, split.manifest.train.users), (3, 7));
    let users = |part: &Interactions| part.users().iter().copied().collect::<BTreeSet<u32>>();
    assert!(users(&split.train).is_disjoint(&users(&split.test)));
    // Ids without rows do not change the draw.
    let among = table_among(&rows, &[-5, 40, 41], &[9]);
    assert_eq!(SplitConfig::new(strategy.clone()).split(&among).unwrap().test_rows, split.test_rows);

    let message = refused(&SplitConfig::new(strategy).with_drop_cold_users(true), &among);
    assert!(message.starts_with("drop_cold_users: the strategy cold-user tests on users"), "{message}");
}

#[test]
fn cold_rows_are_dropped_counted_and_leave_the_id_maps() {
    let data = table(&[
        (10, 1, 1.0, 0),
        (20, 2, 1.0, 1),
        (10, 2, 1.0, 5), // stays
        (30, 1, 1.0, 6), // cold user
        (10, 7, 1.0, 7), // cold item
        (30, 7, 1.0, 8), // both
    ]);
    let strategy = Strategy::GlobalMoment { moment: 5 };
    let split = SplitConfig::new(strategy.clone()).split(&data).unwrap();
    assert_eq!(split.test_rows, [2]);
    let dropped = split.manifest.dropped;
    assert_eq!((dropped.interactions, dropped.users, dropped.items), (3, 1, 1));
    assert_eq!((split.train.n_users(), split.train.n_items()), (2, 2));
    assert!(Arc::ptr_eq(split.train.user_ids(), split.test.user_ids()));

    let items_kept = SplitConfig::new(strategy.clone()).with_drop_cold_items(false).split(&data).unwrap();
    assert_eq!(items_kept.test_rows, [2, 4]);
    assert_eq!((items_kept.train.n_users(), items_kept.train.n_items()), (2, 3));
    assert_eq!(items_kept.manifest.dropped.items, 0);
    let users_kept = SplitConfig::new(strategy.clone()).with_drop_cold_users(false).split(&data).unwrap();
    assert_eq!(users_kept.test_rows, [2, 3]);
    let all = keeping(strategy).split(&data).unwrap();
    assert_eq!((all.test_rows.len(), all.manifest.dropped.interactions), (4, 0));
}

#[test]
fn a_manifest_says_what_the_parts_hold() {
    let data = table(&[(1, 1, 1.0, 3), (1, 2, 2.0, 9), (2, 1, 3.0, 4), (2, 2, 4.0, 8)]);
    let manifest = keeping(Strategy::GlobalMoment { moment: 8 }).split(&data).unwrap().manifest;
    let train = &manifest.train;
    assert_eq!((train.interactions, train.users, train.items), (2, 2, 1));
    assert_eq!((train.first_timestamp, train.last_timestamp), (Some(3), Some(4)));
    assert_eq!((manifest.test.first_timestamp, manifest.test.last_timestamp), (Some(8), Some(9)));
    // The documented bytes: ids "1" "1", rating 1.0, time 3, then "2" "1", 3.0, 4. The digest is
    // Python's hashlib.sha256 of b"".join(struct.pack("<Q1sQ1sBfBq", 1, u, 1, i, 1, r, 1, t) ...).
    assert_eq!(train.sha256, "73def99357c9cfae11c9a9688ee7daf908404dd45ac941663860451b84c738d3");

    let json = serde_json::to_string_pretty(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<SplitManifest>(&json).unwrap(), manifest);
    for line in
        [r#""format": 1"#, r#""kind": "global-moment""#, r#""drop_cold_users": false"#, r#""horizon": 8"#]
    {
        assert!(json.contains(line), "{json}");
    }
}

#[test]
fn the_written_form_has_defaults_and_refuses_misspelt_keys() {
    let read = |json| serde_json::from_str::<SplitConfig>(json);
    let short = read(r#"{"strategy": {"kind": "user-time", "test_fraction": 0.2}}"#).unwrap();
    assert_eq!(short, SplitConfig::new(Strategy::UserTime { test_fraction: 0.2 }));
    assert!(short.drop_cold_users && short.drop_cold_items);
    let full = r#"{"strategy": {"kind": "k-fold", "n_folds": 5, "fold": 1, "seed": 3},
                   "drop_cold_items": false, "row_order": "newest-first"}"#;
    let expected = SplitConfig::new(Strategy::KFold { n_folds: 5, fold: 1, seed: 3 })
        .with_drop_cold_items(false)
        .with_row_order(RowOrder::NewestFirst);
    assert_eq!(read(full).unwrap(), expected);
    for (json, key) in [
        (r#"{"strategy": {"kind": "leave-last-n", "n": 1, "m": 2}}"#, "`m`"),
        (r#"{"strategy": {"kind": "leave-last-n", "n": 1}, "drop_cold": true}"#, "`drop_cold`"),
        (r#"{"strategy": {"kind": "leave-one-out"}}"#, "`leave-one-out`"),
    ] {
        let message = read(json).unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
}

#[test]
fn impossible_parameters_are_refused() {
    let data = at(&[1, 2, 3]);
    for fraction in [0.0, 1.0, -0.2, f64::NAN, 20.0] {
        for strategy in [
            Strategy::GlobalTime { test_fraction: fraction },
            Strategy::UserTime { test_fraction: fraction },
            Strategy::Random { test_fraction: fraction, seed: 0 },
            Strategy::ColdUser { test_fraction: fraction, seed: 0 },
        ] {
            let message = refused(&SplitConfig::new(strategy), &data);
            assert_eq!(message, format!("test_fraction: {fraction} must be above 0 and below 1"));
        }
    }
    let message = |strategy| refused(&SplitConfig::new(strategy), &data);
    assert!(message(Strategy::LeaveLastN { n: 0 }).starts_with("n: 0 rows"));
    assert!(message(Strategy::KFold { n_folds: 1, fold: 0, seed: 0 }).starts_with("n_folds: 1 must be"));
    assert!(message(Strategy::KFold { n_folds: 3, fold: 3, seed: 0 }).starts_with("fold: 3 must be below"));
}

#[test]
fn data_that_cannot_be_split_so_says_why_and_what_to_do() {
    let bare = bare_table(&[(1, 1), (1, 2)]);
    for strategy in [
        Strategy::GlobalTime { test_fraction: 0.5 },
        Strategy::GlobalMoment { moment: 0 },
        Strategy::UserTime { test_fraction: 0.5 },
        Strategy::LeaveLastN { n: 1 },
    ] {
        let message = refused(&SplitConfig::new(strategy), &bare);
        assert!(message.contains("needs timestamps and the data has none"), "{message}");
    }
    let split = keeping(Strategy::Random { test_fraction: 0.5, seed: 0 }).split(&bare).unwrap();
    assert_eq!(split.manifest.train.first_timestamp, None);

    let data = at(&[1, 2, 3]);
    let message = |strategy| refused(&SplitConfig::new(strategy), &data);
    assert_eq!(
        message(Strategy::GlobalMoment { moment: 4 }),
        "split: the test part of global-moment (moment 4) is empty: all 3 rows are training rows; choose an \
         earlier moment"
    );
    assert!(
        message(Strategy::GlobalMoment { moment: 1 })
            .ends_with("all 3 rows are test rows; choose a later moment")
    );
    assert!(message(Strategy::UserTime { test_fraction: 0.2 }).ends_with("choose a larger test_fraction"));
    assert!(message(Strategy::LeaveLastN { n: 3 }).ends_with("choose a smaller n"));
    assert!(
        refused(&SplitConfig::new(Strategy::GlobalTime { test_fraction: 0.5 }), &at(&[5; 4]))
            .contains("the train part of global-time (test_fraction 0.5) is empty")
    );

    let cold = table(&[(1, 1, 1.0, 0), (2, 2, 1.0, 5)]);
    let message = refused(&SplitConfig::new(Strategy::GlobalMoment { moment: 3 }), &cold);
    assert!(
        message.contains(
            "its 1 rows are all of cold users (1) or cold items (1) and were dropped; set \
                          drop_cold_users or drop_cold_items to false"
        ),
        "{message}"
    );
    let nothing = cold.retain(|_| false);
    assert!(
        refused(&keeping(Strategy::Random { test_fraction: 0.5, seed: 0 }), &nothing)
            .contains("no interactions to split")
    );
}

fn any_strategy() -> impl proptest::strategy::Strategy<Value = Strategy> {
    let fraction = || 0.05f64..0.95;
    prop_oneof![
        fraction().prop_map(|test_fraction| Strategy::GlobalTime { test_fraction }),
        (-3i64..12).prop_map(|moment| Strategy::GlobalMoment { moment }),
        fraction().prop_map(|test_fraction| Strategy::UserTime { test_fraction }),
        (1u32..4).prop_map(|n| Strategy::LeaveLastN { n }),
        (fraction(), 0u64..9).prop_map(|(test_fraction, seed)| Strategy::Random { test_fraction, seed }),
        (2u32..6, 0u64..9).prop_map(|(n_folds, seed)| Strategy::KFold { n_folds, fold: n_folds - 1, seed }),
        (fraction(), 0u64..9).prop_map(|(test_fraction, seed)| Strategy::ColdUser { test_fraction, seed }),
    ]
}

/// External (user, item) of every row with the rest, to compare tables over different id maps.
fn spelled(interactions: &Interactions) -> Vec<(String, String, Option<f32>, Option<i64>)> {
    let name = |ids: &IdMap, index| ids.external(index).expect("a known index").to_string();
    (0..interactions.len())
        .map(|row| interactions.get(row))
        .map(|row| {
            let (user, item) =
                (name(interactions.user_ids(), row.user), name(interactions.item_ids(), row.item));
            (user, item, row.rating, row.timestamp)
        })
        .collect()
}

fn present(indices: &[u32]) -> BTreeSet<u32> {
    indices.iter().copied().collect()
}

proptest! {
    #[test]
    fn parts_and_dropped_rows_make_the_input(
        rows in any_rows(), strategy in any_strategy(), users in proptest::bool::ANY, items in proptest::bool::ANY
    ) {
        let data = table_among(&rows, &[-1, 99], &[50]);
        let users = users && !matches!(strategy, Strategy::ColdUser { .. });
        let config = SplitConfig::new(strategy).with_drop_cold_users(users).with_drop_cold_items(items);
        let Ok(split) = config.split(&data) else { return Ok(()) };

        // Disjoint, in order, and with the dropped rows everything.
        let (train, test) = (present(&split.train_rows), present(&split.test_rows));
        prop_assert!(train.is_disjoint(&test));
        prop_assert!(split.train_rows.is_sorted() && split.test_rows.is_sorted());
        let n_dropped = split.manifest.dropped.interactions;
        prop_assert_eq!(train.len() + test.len() + n_dropped, data.len());
        // Rows hold what the input held.
        prop_assert_eq!(spelled(&split.train), spelled(&data.select(&split.train_rows)));
        prop_assert_eq!(spelled(&split.test), spelled(&data.select(&split.test_rows)));
        // The dropped rows are cold, the others of a dropped kind are not.
        let warm_users = present(data.select(&split.train_rows).users());
        let warm_items = present(data.select(&split.train_rows).items());
        for row in 0..data.len() as u32 {
            let interaction = data.get(row as usize);
            let cold = (users && !warm_users.contains(&interaction.user))
                || (items && !warm_items.contains(&interaction.item));
            if test.contains(&row) {
                prop_assert!(!cold);
            } else if !train.contains(&row) {
                prop_assert!(cold);
            }
        }
        // Indices are 0..n of the ids with a row in either part.
        let both = |a: &[u32], b: &[u32]| [a, b].concat().into_iter().collect::<BTreeSet<u32>>().len();
        prop_assert_eq!(both(split.train.users(), split.test.users()), split.train.n_users());
        prop_assert_eq!(both(split.train.items(), split.test.items()), split.train.n_items());
        prop_assert_eq!(split.train.user_ids(), split.test.user_ids());
        if users && items {
            prop_assert_eq!(split.manifest.train.users, split.train.n_users());
            prop_assert_eq!(split.manifest.train.items, split.train.n_items());
        }
        if let Some(horizon) = split.manifest.horizon {
            prop_assert!(split.train.timestamps().unwrap().iter().all(|&time| time < horizon));
            prop_assert!(split.test.timestamps().unwrap().iter().all(|&time| time >= horizon));
        }
        // The same again.
        prop_assert_eq!(config.split(&data).unwrap(), split);
    }

    #[test]
    fn folds_partition_the_rows(rows in any_rows(), n_folds in 2u32..6, seed in 0u64..99) {
        let data = table(&rows);
        let mut tested = Vec::new();
        let mut sizes = BTreeSet::new();
        for fold in 0..n_folds.min(data.len() as u32) {
            let split = keeping(Strategy::KFold { n_folds, fold, seed }).split(&data);
            // One row cannot be split.
            let Ok(split) = split else { return Ok(()) };
            sizes.insert(split.test_rows.len());
            tested.extend(split.test_rows);
        }
        tested.sort_unstable();
        prop_assert!(tested.into_iter().eq(0..data.len() as u32));
        prop_assert!(sizes.last().unwrap() - sizes.first().unwrap() <= 1);
    }

    #[test]
    fn a_users_test_rows_come_after_the_training_rows(rows in any_rows(), fraction in 0.05f64..0.95) {
        let data = table(&rows);
        for (order, sign) in [(RowOrder::OldestFirst, 1), (RowOrder::NewestFirst, -1)] {
            let strategy = Strategy::UserTime { test_fraction: fraction };
            let Ok(split) = keeping(strategy).with_row_order(order).split(&data) else { continue };
            let moment = |row: u32| (data.timestamps().unwrap()[row as usize], sign * i64::from(row));
            let tested = present(&split.test_rows);
            for rows in data.rows_by_user().rows() {
                let (test, train): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| tested.contains(row));
                let latest = train.iter().map(|&row| moment(row)).max();
                prop_assert!(test.iter().all(|&row| Some(moment(row)) > latest));
                let exact = fraction * rows.len() as f64;
                prop_assert!(test.len() as f64 <= exact + 1e-6 && test.len() as f64 > exact - 1.0);
            }
        }
    }

    #[test]
    fn hashes_tell_contents_and_nothing_else(rows in any_rows(), strategy in any_strategy(), changed in 0usize..60) {
        let config = SplitConfig::new(strategy);
        let Ok(split) = config.split(&table(&rows)) else { return Ok(()) };
        let hashes = |split: &Split| {
            (split.manifest.train.sha256.clone(), split.manifest.test.sha256.clone())
        };
        let among = config.split(&table_among(&rows, &[-7, 3, 1000], &[-7, 3, 1000])).unwrap();
        prop_assert_eq!(hashes(&among), hashes(&split));

        let mut other = rows.clone();
        let changed = changed % rows.len();
        other[changed].2 += 0.25;
        let other = config.split(&table(&other)).unwrap();
        let is_in = |rows: &[u32]| rows.contains(&(changed as u32));
        prop_assert_eq!(hashes(&other).0 != hashes(&split).0, is_in(&split.train_rows));
        prop_assert_eq!(hashes(&other).1 != hashes(&split).1, is_in(&split.test_rows));
    }
}

#[test]
fn an_unused_text_id_does_not_change_a_hash() {
    let data = table(&[(1, 1, 1.0, 3), (1, 2, 2.0, 9)]);
    let users = IdMap::from_texts(["1".into(), "x".into()]);
    let text = data.reindex(&Arc::new(users), data.item_ids());
    let config = keeping(Strategy::LeaveLastN { n: 1 });
    assert_eq!(config.split(&text).unwrap().manifest, config.split(&data).unwrap().manifest);
}

#[test]
fn ml_100k_by_time_is_replays_split() {
    let Some(folder) = real_data("ml-100k/split-time-0.2-test-rows.txt") else { return };
    let folder = folder.join("ml-100k");
    let data = movielens::read_folder("ml-100k", &folder).unwrap();
    // Every user has 20 rows there, so rows of the filtered table are rows of the file.
    let filtered = Filter::MinCountByUser { count: 20 }.apply(&data.interactions).unwrap();
    assert_eq!(filtered.len(), 100_000);
    let split = SplitConfig::new(Strategy::GlobalTime { test_fraction: 0.2 }).split(&filtered).unwrap();
    let manifest = &split.manifest;
    assert_eq!((manifest.train.interactions, manifest.test.interactions), (79_999, 2_864));
    assert_eq!((manifest.train.users, manifest.train.items), (751, 1_616));
    assert_eq!((split.test.n_users(), split.test.n_items()), (751, 1_616));
    let published = std::fs::read_to_string(folder.join("split-time-0.2-test-rows.txt")).unwrap();
    let published: BTreeSet<u32> = published.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(present(&split.test_rows), published);
    let liked = Filter::RatingAtLeast { rating: 4.0 }.apply(&split.test).unwrap();
    assert_eq!((liked.len(), present(liked.users()).len()), (1_571, 95));
}

/// NDCG@10 and HitRate@10 of the most popular items that a user has not met, over the users with a
/// test row: what the reference figures were computed from.
fn popularity(split: &Split, test: &Interactions) -> (usize, f64, f64) {
    let counts = split.train.item_counts();
    let mut popular: Vec<u32> = (0..counts.len() as u32).collect();
    popular.sort_by_key(|&item| (std::cmp::Reverse(counts[item as usize]), item));
    let met = split.train.items_by_user();
    let discount = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let (mut n_users, mut ndcg, mut hits) = (0, 0.0, 0.0);
    for (user, relevant) in test.items_by_user().rows().enumerate().filter(|(_, items)| !items.is_empty()) {
        let met = met.row(user as u32);
        let unmet = popular.iter().filter(|item| met.binary_search(item).is_err());
        let gains: Vec<usize> = unmet
            .take(10)
            .enumerate()
            .filter(|(_, item)| relevant.contains(item))
            .map(|(rank, _)| rank)
            .collect();
        let ideal: f64 = (0..relevant.len().min(10)).map(discount).sum();
        n_users += 1;
        ndcg += gains.iter().map(|&rank| discount(rank)).sum::<f64>() / ideal;
        hits += f64::from(u8::from(!gains.is_empty()));
    }
    (n_users, ndcg / n_users as f64, hits / n_users as f64)
}

#[test]
fn ml_latest_small_by_user_is_the_reference_split() {
    let Some(folder) = real_data("ml-latest-small/ratings.csv") else { return };
    let folder = folder.join("ml-latest-small");
    let data = movielens::read_folder("ml-latest-small", &folder).unwrap().interactions;
    let config = SplitConfig::new(Strategy::UserTime { test_fraction: 0.2 });
    let liked = Filter::RatingAtLeast { rating: 4.0 };
    // Newest first and cold items kept: 589 users, and the published figures of popularity.
    let reference = config
        .clone()
        .with_row_order(RowOrder::NewestFirst)
        .with_drop_cold_items(false)
        .split(&data)
        .unwrap();
    let (n_users, ndcg, hit_rate) = popularity(&reference, &liked.apply(&reference.test).unwrap());
    assert_eq!(n_users, 589);
    assert_eq!((format!("{ndcg:.4}"), format!("{hit_rate:.3}")), ("0.0731".into(), "0.302".into()));
    // The defaults differ by a user.
    let default = config.split(&data).unwrap();
    let (n_users, ..) = popularity(&default, &liked.apply(&default.test).unwrap());
    assert_eq!((default.manifest.train.interactions, n_users), (80_896, 590));
}
