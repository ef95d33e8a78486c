use burn_recsys_data::IdMap;

use super::*;
use crate::study::{Study, StudyConfig};

/// A data set of (user, item, rating, timestamp) rows.
fn dataset(rows: &[(i64, i64, f32, i64)]) -> Dataset {
    let ids = |of: fn(&(i64, i64, f32, i64)) -> i64| {
        let map = IdMap::from_integers(rows.iter().map(of));
        let column = rows.iter().map(|row| map.index_of_integer(of(row)).unwrap()).collect();
        (Arc::new(map), column)
    };
    let ((user_ids, users), (item_ids, items)) = (ids(|row| row.0), ids(|row| row.1));
    let interactions = Interactions::new(
        user_ids,
        item_ids,
        users,
        items,
        Some(rows.iter().map(|row| row.2).collect()),
        Some(rows.iter().map(|row| row.3).collect()),
    );
    Dataset {
        name: "by hand".into(),
        interactions: interactions.unwrap(),
        users: FeatureTable::new(0),
        items: FeatureTable::new(0),
    }
}

/// The oldest rows train, the last quarter is measured.
fn study(rows: &[(i64, i64, f32, i64)], more: &str) -> Study {
    let text = format!(
        "data = {{ name = \"synthetic\" }}
         split = {{ strategy = {{ kind = \"global-time\", test_fraction = 0.25 }}, drop_cold_users = false, \
         drop_cold_items = false }}
         validation = {{ kind = \"global-time\", test_fraction = 0.25 }}
         {more}"
    );
    Study::prepare(&dataset(rows), &StudyConfig::parse(&text).unwrap()).unwrap()
}

/// Rows to measure of these users and items, labelled task by task, between the default bounds.
pub(in crate::study) fn rows_by_hand(
    users: &[u32],
    items: &[u64],
    labels: &[[f32; 3]],
    user_counts: Vec<u32>,
    is_head: Vec<bool>,
) -> StudyRows {
    let any: Vec<(i64, i64, f32, i64)> = (0..20).map(|n| (n % 4, n % 3, 1.0 + (n % 5) as f32, n)).collect();
    let mut rows = study(&any, "").rows().clone();
    let user_ids = users.iter().map(|&user| u64::from(user)).collect();
    rows.test = Examples::new(user_ids, items.to_vec())
        .and_then(|examples| examples.with_labels(labels.concat(), TASKS.len()))
        .unwrap();
    rows.test_users = users.to_vec();
    rows.slices.user_counts = user_counts;
    rows.slices.is_head = is_head;
    rows
}

#[test]
fn a_user_at_a_bound_belongs_to_the_slice_that_the_bound_closes() {
    let counts = vec![0, 1, 3, 4, 49, 50, 199, 200];
    let expected = [1, 2, 2, 3, 3, 4, 4, 5];
    let n = counts.len() as u32;
    let rows = rows_by_hand(&[0], &[0], &[[1.0, 0.0, 0.0]], counts, vec![true, false]);
    for user in 0..n {
        let slices: Vec<usize> = (1..6).filter(|&slice| rows.slices.contains(slice, user, 0)).collect();
        assert_eq!(slices, [expected[user as usize]], "user {user}");
        assert!(rows.slices.contains(0, user, 0));
        assert_eq!([0, 1].map(|item| rows.slices.contains(6, user, item)), [true, false]);
        assert_eq!([0, 1].map(|item| rows.slices.contains(7, user, item)), [false, true]);
    }
    let names = rows.slices.names();
    assert_eq!(
        names,
        ["all", "cold (0)", "cold (1-3)", "light", "medium", "power", "head items", "tail items"]
    );
}

#[test]
fn bounds_are_those_of_the_configuration() {
    let any: Vec<(i64, i64, f32, i64)> = (0..20).map(|n| (n % 4, n % 3, 1.0 + (n % 5) as f32, n)).collect();
    let study = study(&any, "slices = { cold = 1, light = 5, medium = 7 }");
    let mut slices = study.rows().slices.clone();
    assert_eq!(slices.names()[2], "cold (1)");
    slices.user_counts = vec![0, 1, 2, 5, 6, 7, 8];
    let slice_of = |user| (1..6).find(|&slice| slices.contains(slice, user, 0)).unwrap();
    assert_eq!([0, 1, 2, 3, 4, 5, 6].map(slice_of), [1, 2, 3, 3, 4, 4, 5]);
}

/// Item n is trained on `COUNTS[n]` times; the last quarter of the rows is of the rarest item.
#[test]
fn the_head_is_what_was_trained_on_most() {
    const COUNTS: [i64; 6] = [1, 4, 2, 7, 3, 7];
    let items: Vec<i64> = (0..6).flat_map(|item| (0..COUNTS[item as usize]).map(move |_| item)).collect();
    let n_train = items.len();
    let items = items.into_iter().chain([0; 8]);
    let rows: Vec<_> = (0..).zip(items).map(|(n, item)| (n % 5, item, 3.0 + (n % 3) as f32, n)).collect();
    // A head of 0.3 of six items is rounded up to two.
    for (part, head) in [("0.01", vec![3]), ("0.3", vec![3, 5]), ("0.5", vec![1, 3, 5])] {
        let study = study(&rows, &format!("slices.head_items = {part}"));
        let slices = &study.rows().slices;
        assert_eq!(study.rows().train.n_rows(), n_train);
        let is_head: Vec<usize> = (0..6).filter(|&item| slices.is_head[item]).collect();
        assert_eq!(is_head, head, "{part}");
        // Counts of training rows: user n has every fifth of them.
        assert_eq!(slices.user_counts, [5, 5, 5, 5, 4]);
    }
}

/// With a prior of one event of the mean so far, which begins with one event of 3.
#[test]
fn labels_are_of_the_rating_and_of_the_users_mean_before_it() {
    let rows = [
        (1, 1, 5.0, 1),  // mean 3
        (1, 2, 4.0, 2),  // all (3 + 5) / 2 = 4, own (4 + 5) / 2 = 4.5
        (2, 1, 4.0, 3),  // all (3 + 9) / 3 = 4, none of her own: 4, and 4 is not above it
        (2, 2, 4.5, 4),  // all 16 / 4 = 4, own (4 + 4) / 2 = 4
        (1, 3, 3.5, 5),  // all 20.5 / 5 = 4.1, own (4.1 + 9) / 3 = 4.37
        (2, 3, 1.0, 6),  // all 24 / 6 = 4, own (4 + 8.5) / 3 = 4.17
        (2, 1, 3.5, 7),  // all 25 / 7 = 3.57, own (3.57 + 9.5) / 4 = 3.27
        (1, 1, 3.99, 8), // all 28.5 / 8 = 3.56, own (3.56 + 12.5) / 4 = 4.02
        (1, 2, 5.0, 9),  // of all training rows 32.49 / 9 = 3.61, own (3.61 + 16.49) / 5 = 4.02
        (2, 2, 3.9, 10), // own (3.61 + 13) / 5 = 3.32
        (3, 3, 3.6, 11), // none of her own: 3.61
    ];
    let study = study(&rows, "features = { prior_strength = 1.0, initial_rating = 3.0 }");
    let labels = |rows: &Examples| -> Vec<Vec<u8>> {
        rows.labels().chunks(3).map(|row| row.iter().map(|&label| label as u8).collect()).collect()
    };
    let expected = [
        [1, 1, 1],
        [1, 0, 0],
        [1, 0, 0],
        [1, 0, 1],
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 1],
        [0, 0, 0],
        [1, 1, 1],
        [0, 0, 1],
        [0, 0, 0],
    ];
    let n_train = study.rows().train.n_rows();
    assert_eq!(n_train + study.rows().test.n_rows(), rows.len());
    assert_eq!(labels(&study.rows().train), expected[..n_train]);
    assert_eq!(n_train, 8);
    assert_eq!(labels(&study.rows().test), expected[n_train..]);
    // The rows held out see the rows before them alone.
    let search = study.search_rows();
    assert_eq!(labels(&search.train), expected[..search.train.n_rows()]);
}
