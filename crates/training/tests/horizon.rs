//! Towers trained at horizons.

use std::path::PathBuf;
use std::sync::Arc;

use burn_recsys_baselines::Popular;
use burn_recsys_data::movielens::read_folder;
use burn_recsys_data::{ColumnValues, FeatureTable, IdMap, Interactions};
use burn_recsys_models::ItemScorer;
use burn_recsys_training::protocol::TimeSplit;
use burn_recsys_training::{
    Evaluation, HorizonConfig, HorizonFeatures, Seen, TestSet, evaluate, fit_horizons,
};

use crate::{device, refused};

const N_USERS: u32 = 30;
const N_ITEMS: u32 = 60;
const N_DAYS: i64 = 60;
const DAY: i64 = 86_400;

/// Every day each user likes one of the items that came out in the last days: fashions that pass.
fn fashions(days: std::ops::Range<i64>) -> Interactions {
    let ids = |n: u32| Arc::new(IdMap::from_integers((0..n).map(i64::from)));
    let (mut users, mut items, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for day in days {
        for user in (0..N_USERS).filter(|user| (day + i64::from(*user)) % 4 == 0) {
            users.push(user);
            items.push((day as u32 + (user * 7 + day as u32 * 3) % 5).saturating_sub(4) % N_ITEMS);
            moments.push(day * DAY + i64::from(user));
        }
    }
    let ratings = vec![5.0; users.len()];
    Interactions::new(ids(N_USERS), ids(N_ITEMS), users, items, Some(ratings), Some(moments)).unwrap()
}

fn tables() -> (FeatureTable, FeatureTable) {
    let genres = (0..N_ITEMS).map(|item| [["a", "b", "c"][item as usize % 3]]);
    let items = FeatureTable::new(N_ITEMS as usize)
        .with_column("genres", ColumnValues::multi_categorical(genres))
        .unwrap();
    (FeatureTable::new(N_USERS as usize), items)
}

fn features(train: &Interactions, config: &HorizonConfig) -> HorizonFeatures {
    let (users, items) = tables();
    HorizonFeatures::new(train, &users, &items, config).unwrap()
}

fn scores(scorer: &dyn ItemScorer) -> Vec<u32> {
    let users: Vec<u32> = (0..N_USERS).collect();
    let mut scores = vec![0.0; users.len() * scorer.n_items()];
    scorer.score(&users, &mut scores);
    scores.into_iter().map(f32::to_bits).collect()
}

fn hit_rate(evaluation: &Evaluation) -> f64 {
    evaluation.report.summary("HitRate@10").unwrap().value.unwrap()
}

#[test]
fn fashions_are_followed() {
    let (train, test) = (fashions(0..N_DAYS - 8), fashions(N_DAYS - 8..N_DAYS - 4));
    let config =
        HorizonConfig { n_epochs: 4, target_window: Some(4 * DAY as u64), ..HorizonConfig::default() };
    let features = features(&train, &config);
    let model = fit_horizons(&features, &config, 1, &device(), &mut ()).unwrap();
    // What comes out later is not known to any model.
    let known = train.item_counts();
    let test = test.retain(|row| known[test.items()[row] as usize] > 0);
    let met = train.items_by_user();
    let test = test.retain(|row| met.row(test.users()[row]).binary_search(&test.items()[row]).is_err());
    let test = TestSet::new(&train, &test).unwrap();
    let of = |scorer: &dyn ItemScorer| hit_rate(&evaluate(scorer, &test, &[10], Seen::Removed).unwrap());
    let towers = of(&model.scorer((N_DAYS - 8) * DAY).unwrap());
    let popular = of(&Popular::new(N_ITEMS as usize, train.items()));
    assert!(towers > popular + 0.3, "{towers}, popularity {popular}");
}

#[test]
fn same_seed_same_bits_whatever_the_number_of_threads() {
    // Dropout draws from the generator of the process, which tests side by side share.
    let config = HorizonConfig { n_epochs: 1, n_horizons: 8, dropout: 0.0, ..HorizonConfig::default() };
    let config = HorizonConfig { hidden: vec![16], attention: true, item_ids: true, ..config };
    let train = fashions(0..N_DAYS);
    let run = |seed| {
        let features = features(&train, &config);
        let model = fit_horizons(&features, &config, seed, &device(), &mut ()).unwrap();
        scores(&model.scorer(N_DAYS * DAY).unwrap())
    };
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let one = pool(1).install(|| run(3));
    assert!([2, 4].into_iter().all(|n| pool(n).install(|| run(3)) == one));
    assert_ne!(run(4), one);
}

/// With one and the same model and scales, what is known at a moment is of events before it.
#[test]
fn rows_as_of_a_moment_know_the_past_alone() {
    let config = HorizonConfig::default();
    let features = features(&fashions(0..N_DAYS), &config);
    let everyone: Vec<u32> = (0..N_USERS).collect();
    let before = features.users(&everyone, i64::MIN).unwrap();
    // Nothing is known: all users are alike, and so are items but for their genres.
    assert!((1..N_USERS).all(|user| before.select(&[user]) == before.select(&[0])));
    let items = features.items(i64::MIN).unwrap();
    assert_eq!(items.select(&[0]), items.select(&[3]));
    assert_ne!(items.select(&[0]), items.select(&[1]));
    // The event at a moment is not known at it, and is a second later.
    let moment = 30 * DAY + 2;
    assert_eq!(features.events().user(2, moment).recency(), Some(4 * DAY as u64));
    let (at, after) = (features.users(&[2], moment).unwrap(), features.users(&[2], moment + 1).unwrap());
    assert_ne!(at, after);
    assert_eq!(features.events().user(2, moment + 1).recency(), Some(1));
}

#[test]
fn bad_input_is_refused() {
    let (users, items) = tables();
    let train = fashions(0..N_DAYS);
    let config = HorizonConfig::default;
    let new = |train: &Interactions, config: HorizonConfig| {
        refused(HorizonFeatures::new(train, &users, &items, &config))
    };
    let with_columns = |ratings: Option<Vec<f32>>, timestamps: Option<Vec<i64>>| {
        let (users, items) = (Arc::clone(train.user_ids()), Arc::clone(train.item_ids()));
        Interactions::new(users, items, train.users().to_vec(), train.items().to_vec(), ratings, timestamps)
            .unwrap()
    };
    assert!(new(&with_columns(None, None), config()).contains("needs timestamps"));
    for (bad, key) in [
        (HorizonConfig { liked_rating: f32::NAN, ..config() }, "liked_rating"),
        (HorizonConfig { dropout: 1.0, ..config() }, "dropout"),
        (HorizonConfig { learning_rate: 0.0, ..config() }, "learning_rate"),
        (HorizonConfig { weight_decay: -1.0, ..config() }, "weight_decay"),
        (HorizonConfig { hidden: vec![8, 0], ..config() }, "hidden"),
        (HorizonConfig { windows: vec![0], ..config() }, "windows"),
        (HorizonConfig { n_horizons: 0, ..config() }, "n_horizons"),
    ] {
        let message = new(&train, bad);
        assert!(message.contains(key), "{key}: {message}");
    }
    let message = refused(HorizonFeatures::new(&train, &items, &items, &config()));
    assert!(message.contains("60 rows, the id map 30"), "{message}");

    // All at one moment: no horizon has anything before it.
    let at_once = with_columns(train.ratings().map(<[f32]>::to_vec), Some(vec![5; train.len()]));
    let features = HorizonFeatures::new(&at_once, &users, &items, &config()).unwrap();
    let message = refused(fit_horizons(&features, &config(), 1, &device(), &mut ()));
    assert!(message.contains("lower first_horizon"), "{message}");
}

#[test]
fn ml_100k_is_split_and_measured_as_by_others() {
    let folder = std::env::var_os("BURN_RECSYS_DATA").map(|folder| PathBuf::from(folder).join("ml-100k"));
    let Some(folder) = folder.filter(|folder| folder.join("u.data").exists()) else { return };
    let split = TimeSplit::new(&read_folder("ml-100k", &folder).unwrap()).unwrap();
    assert_eq!((split.train.len(), split.n_test, split.n_test_users()), (79_999, 1_571, 95));
    let check = |scorer: &dyn ItemScorer, ndcg: f64, hit_rate: f64, tolerance: f64| {
        let report = split.evaluate(scorer, 10).unwrap().report;
        let value = |label: &str| report.summary(label).unwrap().value.unwrap();
        let (a, b) = (value("NDCG@10"), value("HitRate@10"));
        assert!((a - ndcg).abs() < tolerance && (b - hit_rate).abs() < tolerance, "{a}, {b}");
    };
    check(&split.popular(), 0.138945, 0.473684, 1e-6);
    // Where the last fifth begins and which of equal counts is first is not published.
    check(&split.recent_popular(), 0.2279, 0.6211, 1e-3);
}
