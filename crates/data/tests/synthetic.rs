//! Generated data against the probabilities that it claims to be drawn from.

use burn_recsys_data::synthetic::{HINT_ACCURACY, Synthetic, SyntheticConfig};
use burn_recsys_data::{ColumnValues, SplitConfig, Strategy};

fn config() -> SyntheticConfig {
    SyntheticConfig::default()
}

#[test]
fn the_data_is_a_function_of_the_config() {
    let in_pool = |n_threads, config: &SyntheticConfig| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| config.generate().unwrap()).dataset
    };
    let small = config().with_n_interactions(5_000);
    let one = in_pool(1, &small);
    // Features hold no NaN, so equality is equality.
    assert_eq!(one, in_pool(3, &small));
    assert_ne!(one.interactions, in_pool(1, &small.clone().with_seed(1)).interactions);
    assert_ne!(one.interactions, in_pool(1, &small.with_drift(0.0)).interactions);
}

#[test]
fn sizes_are_exact_and_no_pair_is_repeated() {
    let data = config().generate().unwrap().dataset;
    let interactions = &data.interactions;
    assert_eq!((interactions.len(), interactions.n_users(), interactions.n_items()), (30_000, 1_000, 500));
    assert_eq!(interactions.items_by_user().n_values(), interactions.len());
    assert!(interactions.timestamps().unwrap().is_sorted());
    assert!(interactions.ratings().unwrap().iter().all(|rating| [1.0, 2.0, 3.0, 4.0, 5.0].contains(rating)));
    assert_eq!((data.users.n_rows(), data.items.n_rows()), (1_000, 500));
    let counts = interactions.user_counts();
    assert!(counts.iter().all(|&count| (14..150).contains(&count)), "{counts:?}");
}

#[test]
fn probabilities_sum_to_one_and_do_not_change_without_drift() {
    for drift in [0.0, 3.0] {
        let data = config().with_drift(drift).generate().unwrap();
        let timestamps = data.dataset.interactions.timestamps().unwrap().to_vec();
        let (first, last) = (timestamps[0], timestamps[timestamps.len() - 1]);
        for timestamp in [i64::MIN, first, last, i64::MAX] {
            let sum: f64 = (0..500).map(|item| data.probability(7, item, timestamp)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
        assert_eq!(data.probability(7, 3, first) == data.probability(7, 3, last), drift == 0.0);
    }
}

/// Few enough items that every one of a cohort's cells is expected to be drawn often, and one
/// interaction a user, so that nothing is drawn again.
fn first_items(config: &SyntheticConfig) -> Synthetic {
    config
        .clone()
        .with_n_users(200_000)
        .with_n_interactions(200_000)
        .with_n_items(30)
        .with_n_cohorts(3)
        .generate()
        .unwrap()
}

#[test]
fn drawn_items_follow_the_stated_probabilities() {
    let data =
        first_items(&config().with_popularity_exponent(0.5).with_preference_strength(1.0).with_drift(1.0));
    let interactions = &data.dataset.interactions;
    // Rows of users with one interaction: no earlier item to draw again for.
    let n_rows = interactions.user_counts();
    let (mut observed, mut expected) = (vec![0.0; 90], vec![0.0; 90]);
    for row in (0..interactions.len()).map(|row| interactions.get(row)) {
        if n_rows[row.user as usize] > 1 {
            continue;
        }
        let cohort = data.cohorts[row.user as usize] as usize;
        observed[cohort * 30 + row.item as usize] += 1.0;
        for item in 0..30 {
            expected[cohort * 30 + item as usize] += data.probability(row.user, item, row.timestamp.unwrap());
        }
    }
    let drawn: f64 = observed.iter().sum();
    assert!(drawn > 50_000.0, "{drawn} rows");
    // 3 cohorts of 30 items: 87 degrees of freedom, 143.2 exceeded once in 10,000.
    let chi: f64 = observed.iter().zip(&expected).map(|(o, e): (&f64, &f64)| (o - e).powi(2) / e).sum();
    assert!(chi < 143.2, "chi-square {chi}");
    // The test has power: probabilities of the wrong cohort fail it.
    let wrong: f64 = (0..90)
        .map(|cell| (observed[cell] - expected[(cell + 30) % 90]).powi(2) / expected[(cell + 30) % 90])
        .sum();
    assert!(wrong > 1_000.0, "chi-square {wrong}");
}

#[test]
fn later_items_follow_the_probabilities_of_the_unmet_ones() {
    // The first two of 14 items: the second is drawn with p / (1 - p of the first); no drift, one cohort.
    let data = config()
        .with_n_users(60_000)
        .with_n_items(14)
        .with_n_cohorts(1)
        .with_n_interactions(120_000)
        .with_drift(0.0)
        .generate()
        .unwrap();
    let interactions = &data.dataset.interactions;
    let p: Vec<f64> = (0..14).map(|item| data.probability(0, item, 0)).collect();
    let (mut observed, mut n_first) = (vec![0.0; 196], [0.0; 14]);
    for rows in interactions.rows_by_user().rows().filter(|rows| rows.len() >= 2) {
        let first = interactions.items()[rows[0] as usize] as usize;
        let second = interactions.items()[rows[1] as usize] as usize;
        observed[first * 14 + second] += 1.0;
        n_first[first] += 1.0;
    }
    let mut chi = 0.0;
    for first in 0..14 {
        for second in (0..14).filter(|&second| second != first) {
            let expected: f64 = n_first[first] * p[second] / (1.0 - p[first]);
            chi += (observed[first * 14 + second] - expected).powi(2) / expected;
        }
        assert_eq!(observed[first * 15], 0.0);
    }
    // 14 rows of 13 cells: 168 degrees of freedom, 245 exceeded once in 10,000.
    assert!(chi < 245.0, "chi-square {chi}");
}

#[test]
fn users_who_have_met_nearly_everything_still_get_new_items() {
    let data = config()
        .with_n_users(20)
        .with_n_items(40)
        .with_n_interactions(310)
        .with_popularity_exponent(6.0)
        .generate()
        .unwrap();
    assert_eq!(data.dataset.interactions.items_by_user().n_values(), 310);
}

#[test]
fn the_best_list_is_sorted_by_probability() {
    let data = config().with_popularity_exponent(0.0).with_drift(0.0).generate().unwrap();
    // All items of the user's topic are equally likely: ties by index.
    let topic = data.cohorts[5];
    let of_topic: Vec<u32> = (0..500).filter(|&item| data.topics[item as usize] == topic).collect();
    assert_eq!(data.best(5, 0, 10), of_topic[..10]);
    assert_eq!(data.best(5, 0, 500).len(), 500);
    assert_eq!(data.best(5, 0, 1_000).len(), 500);

    let data = config().generate().unwrap();
    let timestamp = data.dataset.interactions.timestamps().unwrap()[29_999];
    let p: Vec<f64> =
        data.best(5, timestamp, 50).iter().map(|&i| data.probability(5, i, timestamp)).collect();
    assert!(p.is_sorted_by(|a, b| a >= b));
    assert_eq!(p[0], (0..500).map(|item| data.probability(5, item, timestamp)).fold(0.0, f64::max));
}

#[test]
fn the_best_answer_beats_popularity() {
    let data = config().generate().unwrap();
    let split = SplitConfig::new(Strategy::LeaveLastN { n: 1 })
        .with_drop_cold_items(false)
        .split(&data.dataset.interactions)
        .unwrap();
    // Back to the data's own indices.
    let interactions = &data.dataset.interactions;
    let train = interactions.select(&split.train_rows);
    let met = train.items_by_user();
    let counts = train.item_counts();
    let mut popular: Vec<u32> = (0..500).collect();
    popular.sort_by_key(|&item| (std::cmp::Reverse(counts[item as usize]), item));
    let (mut hits_best, mut hits_popular, mut expected) = (0.0, 0.0, 0.0);
    for &row in &split.test_rows {
        let test = interactions.get(row as usize);
        let unmet = |item: &u32| met.row(test.user).binary_search(item).is_err();
        let timestamp = test.timestamp.unwrap();
        let best: Vec<u32> =
            data.best(test.user, timestamp, 500).into_iter().filter(unmet).take(10).collect();
        hits_best += f64::from(u8::from(best.contains(&test.item)));
        hits_popular +=
            f64::from(u8::from(popular.iter().copied().filter(unmet).take(10).any(|item| item == test.item)));
        let p = |items: &[u32]| items.iter().map(|&i| data.probability(test.user, i, timestamp)).sum::<f64>();
        expected += p(&best) / (1.0 - p(met.row(test.user)));
    }
    let n = split.test_rows.len() as f64;
    assert!(hits_best > 1.5 * hits_popular, "best {hits_best}, popular {hits_popular} of {n}");
    // The known best answer's own hit rate is known too: within 4 standard deviations.
    let deviation = (expected * (1.0 - expected / n)).sqrt();
    assert!((hits_best - expected).abs() < 4.0 * deviation, "hits {hits_best}, expected {expected}");
}

#[test]
fn hints_are_as_accurate_as_stated() {
    let data = config().with_n_users(20_000).with_n_interactions(20_000).generate().unwrap();
    let Some(ColumnValues::Categorical { codes, vocabulary }) = data.dataset.users.column("cohort") else {
        panic!("the cohort is categorical")
    };
    assert_eq!((vocabulary[0].as_str(), vocabulary.len()), ("cohort-00", 8));
    let right = codes.iter().zip(&data.cohorts).filter(|&(&hint, &cohort)| hint == Some(cohort)).count();
    let expected = HINT_ACCURACY + (1.0 - HINT_ACCURACY) / 8.0;
    let rate = right as f64 / 20_000.0;
    // 4 standard deviations.
    assert!((rate - expected).abs() < 4.0 * (expected * (1.0 - expected) / 20_000.0).sqrt(), "{rate}");
    let Some(ColumnValues::Categorical { codes, .. }) = data.dataset.items.column("topic") else {
        panic!("the topic is categorical")
    };
    assert!(codes.iter().copied().eq(data.topics.iter().map(|&topic| Some(topic))));
    assert_eq!(data.dataset.items.text("title", 0), Some("Item 0 (topic-00)"));
}

#[test]
fn impossible_sizes_are_refused() {
    for (config, start) in [
        (config().with_n_users(0), "n_users: it is 0"),
        (config().with_n_items(0), "n_items: it is 0"),
        (config().with_n_interactions(0), "n_interactions: it is 0"),
        (config().with_n_cohorts(0), "n_cohorts: it is 0"),
        (config().with_n_cohorts(501), "n_cohorts: 501 must be at most"),
        (config().with_drift(f64::NAN), "drift: NaN must be from 0"),
        (config().with_preference_strength(-1.0), "preference_strength: -1 must be"),
        (config().with_popularity_exponent(21.0), "popularity_exponent: 21 must be"),
        (config().with_n_interactions(400_000), "n_interactions: the most active user"),
    ] {
        let message = config.generate().map(|_| ()).expect_err("must be refused").to_string();
        assert!(message.starts_with(start), "{message}");
    }
    let json = r#"{"n_users": 10, "n_item": 5}"#;
    assert!(serde_json::from_str::<SyntheticConfig>(json).unwrap_err().to_string().contains("n_item"));
}
