//! The k-shot protocol.

use std::collections::BTreeMap;

use burn_recsys_data::{ColdStartConfig, Interactions, SplitConfig, Strategy};
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

use crate::tables::{any_rows, bare_table, table, table_among};

fn config(user_fraction: f64, shots: &[u32], seed: u64) -> ColdStartConfig {
    ColdStartConfig { user_fraction, shots: shots.to_vec(), seed }
}

fn refused(config: &ColdStartConfig, train: &Interactions, test: &Interactions) -> String {
    config.apply(train, test).unwrap_err().to_string()
}

#[test]
fn new_users_keep_their_first_rows_by_time() {
    // Users 1 and 2 are in both parts; 3 is in training only, 4 in the test part only.
    let train = [
        (1, 1, 5.0, 30),
        (2, 1, 4.0, 7),
        (1, 2, 3.0, 10),
        (3, 1, 1.0, 1),
        (1, 3, 2.0, 10),
        (1, 4, 2.0, 20),
        (2, 2, 2.0, 5),
    ];
    let train = table_among(&train, &[4], &[]);
    let test = table_among(&[(1, 1, 1.0, 90), (2, 1, 1.0, 90), (4, 1, 1.0, 90)], &[3], &[2, 3, 4]);
    let two = config(1.0, &[2], 7).apply(&train, &test).unwrap();
    assert_eq!((two.users.as_slice(), two.shots.as_slice()), (&[0, 1][..], &[2, 2][..]));
    assert_eq!(two.train_rows, [1, 2, 3, 4, 6], "ties by row; user 2 has only two rows, both stay");
    assert_eq!(two.train, train.select(&two.train_rows));
    let none = config(1.0, &[0], 7).apply(&train, &test).unwrap();
    assert_eq!(none.train_rows, [3], "users who are not tested are left alone");
    assert_eq!(none.train.item_counts(), [1, 0, 0, 0], "items lose the rows too");
    assert_eq!(none.train.user_ids(), train.user_ids());
}

#[test]
fn every_shot_is_about_equally_likely_and_the_seed_matters() {
    let rows: Vec<_> = (0..2000).flat_map(|user| (0..5).map(move |n| (user, 0, 3.0, n))).collect();
    let split = SplitConfig::new(Strategy::LeaveLastN { n: 1 }).split(&table(&rows)).unwrap();
    let of = |seed| config(0.4, &[0, 1, 2, 3], seed).apply(&split.train, &split.test).unwrap();
    let cold = of(3);
    assert_eq!(cold.users.len(), 800);
    assert!(cold.users.is_sorted_by(|a, b| a < b));
    let counts = cold.train.user_counts();
    let mut shots = BTreeMap::new();
    for (&user, &n) in cold.users.iter().zip(&cold.shots) {
        assert_eq!(counts[user as usize], n);
        *shots.entry(n).or_insert(0i32) += 1;
    }
    assert_eq!(shots.len(), 4);
    // Binomial with n = 800, p = 1/4: standard deviation 12.2.
    assert!(shots.values().all(|&n| (n - 200).abs() < 61), "{shots:?}");
    assert_eq!(cold, of(3));
    assert_ne!(cold.users, of(4).users);
}

#[test]
fn bad_input_is_refused() {
    let train = table(&[(1, 1, 1.0, 1), (2, 1, 1.0, 1)]);
    let test = table(&[(1, 1, 1.0, 9), (2, 1, 1.0, 9)]);
    let message = refused(&config(0.0, &[1], 0), &train, &test);
    assert_eq!(message, "user_fraction: 0 must be above 0, at most 1");
    assert!(refused(&config(f64::NAN, &[1], 0), &train, &test).starts_with("user_fraction: NaN"));
    assert!(refused(&config(1.0, &[], 0), &train, &test).starts_with("shots: there is no number"));
    let message = refused(&config(0.3, &[1], 0), &train, &test);
    assert!(message.starts_with("user_fraction: 0.3 of 2 users"), "{message}");
    let message = refused(&config(1.0, &[0], 0), &train, &test);
    assert!(message.starts_with("user_fraction: no training row is left"), "{message}");
    let message = refused(&config(1.0, &[1], 0), &bare_table(&[(1, 1), (2, 1)]), &test);
    assert!(message.starts_with("train: which rows are a user's first needs timestamps"), "{message}");
    let message = refused(&config(1.0, &[1], 0), &train, &table(&[(1, 1, 1.0, 9)]));
    assert!(message.starts_with("test: the user ids"), "{message}");
    let misspelt: Result<ColdStartConfig, _> = serde_json::from_str(r#"{"shot": [1]}"#);
    assert!(misspelt.unwrap_err().to_string().contains("shot"));
}

proptest! {
    #[test]
    fn new_users_keep_a_prefix_and_others_everything(
        rows in any_rows(),
        fraction in 0.2f64..=1.0,
        shots in prop::collection::vec(0u32..4, 1..4),
        seed in 0u64..50,
    ) {
        let strategy = Strategy::UserTime { test_fraction: 0.4 };
        let Ok(split) = SplitConfig::new(strategy).split(&table(&rows)) else { return Ok(()) };
        let config = config(fraction, &shots, seed);
        let Ok(cold) = config.apply(&split.train, &split.test) else { return Ok(()) };
        prop_assert_eq!(&cold.train, &split.train.select(&cold.train_rows));
        for (user, before) in split.train.rows_by_user().rows().enumerate() {
            let kept: Vec<u32> = before.iter().copied().filter(|row| cold.train_rows.contains(row)).collect();
            let n = match cold.users.binary_search(&(user as u32)) {
                Ok(n) => (cold.shots[n] as usize).min(before.len()),
                Err(_) => before.len(),
            };
            prop_assert_eq!(&kept[..], &before[..n]);
        }
        prop_assert!(cold.shots.iter().all(|n| shots.contains(n)));
    }
}
