//! Filters on small tables worked by hand, and their invariants on random ones.

use burn_recsys_data::{Error, Filter, Interactions, Keep};
use proptest::prelude::*;

use crate::tables::{any_table, bare_table, table};

/// User 0 has items 0, 1, 2; user 1 has 0, 1; user 2 has 2, 0 (twice), user 3 has 3.
fn small() -> Interactions {
    table(&[
        (0, 0, 5.0, 10),
        (0, 1, 3.0, 11),
        (0, 2, 4.0, 12),
        (1, 0, 2.0, 20),
        (1, 1, 4.5, 21),
        (2, 2, 4.0, 30),
        (2, 0, 3.0, 32),
        (2, 0, 5.0, 31),
        (3, 3, 1.0, 40),
    ])
}

fn pairs(interactions: &Interactions) -> Vec<(u32, u32)> {
    interactions.users().iter().copied().zip(interactions.items().iter().copied()).collect()
}

fn message(filter: Filter, interactions: &Interactions) -> String {
    filter.apply(interactions).expect_err("the filter must refuse this").to_string()
}

#[test]
fn minimum_counts_look_once() {
    let by_user = Filter::MinCountByUser { count: 3 }.apply(&small()).unwrap();
    assert_eq!(pairs(&by_user), [(0, 0), (0, 1), (0, 2), (2, 2), (2, 0), (2, 0)]);
    assert_eq!(by_user.n_users(), small().n_users(), "id maps are kept");
    let by_item = Filter::MinCountByItem { count: 2 }.apply(&small()).unwrap();
    assert_eq!(by_item.len(), 8);
    assert_eq!(by_item.compact().n_items(), 3);
}

#[test]
fn a_core_follows_removals_to_the_end() {
    // Items 1 and 2 have 2 rows. Removing user 1 (2 rows) takes one of item 1's, so item 1 goes, so
    // user 0 is left with 2 rows and goes, and so on until nothing is left.
    let core = Filter::KCore { users: 3, items: 2 };
    assert!(matches!(core.apply(&small()), Err(Error::Empty { .. })));
    // With 2 rows a user enough, only user 3 and item 3 go.
    let core = Filter::KCore { users: 2, items: 2 }.apply(&small()).unwrap();
    assert_eq!(core.len(), 8);
    // Not a fixed point after one pass of each: item 1 falls to one row when user 1 goes.
    let chain = table(&[(0, 0, 1.0, 0), (0, 1, 1.0, 0), (1, 1, 1.0, 0), (2, 0, 1.0, 0), (2, 2, 1.0, 0)]);
    assert!(Filter::KCore { users: 2, items: 2 }.apply(&chain).is_err());
}

#[test]
fn ratings_and_times_have_closed_and_open_ends() {
    let liked = Filter::RatingAtLeast { rating: 4.0 }.apply(&small()).unwrap();
    assert_eq!(liked.ratings().unwrap(), [5.0, 4.0, 4.5, 4.0, 5.0]);
    let range = Filter::TimeRange { from: Some(12), until: Some(31) }.apply(&small()).unwrap();
    assert_eq!(range.timestamps().unwrap(), [12, 20, 21, 30]);
    let open = Filter::TimeRange { from: Some(32), until: None }.apply(&small()).unwrap();
    assert_eq!(open.timestamps().unwrap(), [32, 40]);
}

#[test]
fn one_of_the_duplicates_stays() {
    // User 2 met item 0 at 31 (rated 5, input row 7) and at 32 (rated 3, input row 6).
    let kept = |keep| {
        let kept = Filter::Duplicates { keep }.apply(&small()).unwrap();
        assert_eq!(kept.len(), 8);
        kept.timestamps().unwrap()[6]
    };
    assert_eq!(kept(Keep::First), 31);
    assert_eq!(kept(Keep::Last), 32);
    assert_eq!(kept(Keep::Max), 31);

    // Equal times: the input row decides; equal ratings: the first.
    let ties = table(&[(0, 0, 4.0, 5), (0, 0, 4.0, 5), (0, 0, 4.0, 1), (0, 0, 2.0, 5)]);
    let rating_and_time = |keep| {
        let kept = Filter::Duplicates { keep }.apply(&ties).unwrap();
        (kept.ratings().unwrap()[0], kept.timestamps().unwrap()[0])
    };
    assert_eq!(rating_and_time(Keep::First), (4.0, 1));
    assert_eq!(rating_and_time(Keep::Last), (2.0, 5));
    assert_eq!(rating_and_time(Keep::Max), (4.0, 1));
}

#[test]
fn a_missing_column_or_an_empty_result_is_named() {
    let bare = bare_table(&[(0, 0), (0, 0), (1, 1)]);
    assert_eq!(
        message(Filter::RatingAtLeast { rating: 4.0 }, &bare),
        "rating-at-least: the data has no ratings; leave this filter out"
    );
    assert_eq!(
        message(Filter::TimeRange { from: Some(1), until: None }, &bare),
        "time-range: the data has no timestamps; leave this filter out"
    );
    assert!(message(Filter::Duplicates { keep: Keep::Max }, &bare).contains("no ratings"));
    assert_eq!(Filter::Duplicates { keep: Keep::Last }.apply(&bare).unwrap().len(), 2);
    assert_eq!(
        message(Filter::MinCountByUser { count: 4 }, &small()),
        "no interactions are left after the filter \"minimum 4 interactions per user\""
    );
    assert_eq!(
        message(Filter::TimeRange { from: Some(0), until: Some(3) }, &small()),
        "no interactions are left after the filter \"time from 0 until before 3\""
    );
}

#[test]
fn impossible_values_are_refused() {
    for (filter, start) in [
        (Filter::MinCountByUser { count: 0 }, "min-count-by-user.count: it is 0"),
        (Filter::MinCountByItem { count: 0 }, "min-count-by-item.count: it is 0"),
        (Filter::KCore { users: 0, items: 1 }, "k-core.users: it is 0"),
        (Filter::KCore { users: 1, items: 0 }, "k-core.items: it is 0"),
        (Filter::RatingAtLeast { rating: f32::NAN }, "rating-at-least.rating: NaN"),
        (Filter::TimeRange { from: None, until: None }, "time-range: it has no bound"),
        (Filter::TimeRange { from: Some(5), until: Some(5) }, "time-range: from 5 must be before"),
    ] {
        let message = message(filter, &small());
        assert!(message.starts_with(start), "{message}");
    }
}

#[test]
fn the_written_form_is_read_and_misspelt_keys_are_not() {
    let written = |filter: &Filter| serde_json::to_string(filter).unwrap();
    for (filter, json) in [
        (Filter::MinCountByUser { count: 20 }, r#"{"kind":"min-count-by-user","count":20}"#),
        (Filter::KCore { users: 5, items: 3 }, r#"{"kind":"k-core","users":5,"items":3}"#),
        (Filter::TimeRange { from: None, until: Some(9) }, r#"{"kind":"time-range","until":9}"#),
        (Filter::Duplicates { keep: Keep::Max }, r#"{"kind":"duplicates","keep":"max"}"#),
    ] {
        assert_eq!(written(&filter), json);
        assert_eq!(serde_json::from_str::<Filter>(json).unwrap(), filter);
    }
    let misspelt = r#"{"kind":"time-range","from":1,"til":9}"#;
    assert!(serde_json::from_str::<Filter>(misspelt).unwrap_err().to_string().contains("til"));
}

/// The definition of a core, one naive pass after the other.
fn naive_core(interactions: &Interactions, users: u32, items: u32) -> Interactions {
    let mut left = interactions.clone();
    loop {
        let (user_counts, item_counts) = (left.user_counts(), left.item_counts());
        let next = left.retain(|row| {
            user_counts[left.users()[row] as usize] >= users
                && item_counts[left.items()[row] as usize] >= items
        });
        if next.len() == left.len() {
            return left;
        }
        left = next;
    }
}

proptest! {
    #[test]
    fn cores_are_the_naive_fixed_point(table in any_table(), users in 1u32..5, items in 1u32..5) {
        let expected = naive_core(&table, users, items);
        match (Filter::KCore { users, items }).apply(&table) {
            Ok(core) => prop_assert_eq!(core, expected),
            Err(Error::Empty { .. }) => prop_assert!(expected.is_empty()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }

    #[test]
    fn one_row_of_every_pair_stays_and_rows_keep_their_order(table in any_table()) {
        for keep in [Keep::First, Keep::Last, Keep::Max] {
            let kept = Filter::Duplicates { keep }.apply(&table).unwrap();
            let mut unique = pairs(&table);
            unique.sort_unstable();
            unique.dedup();
            let mut left = pairs(&kept);
            left.sort_unstable();
            prop_assert_eq!(left, unique);
            // Rows are told apart by their times only here, so look for them in order.
            let mut rows = 0..table.len();
            for row in 0..kept.len() {
                prop_assert!(rows.any(|input| table.get(input) == kept.get(row)));
            }
            // Filtering again changes nothing.
            prop_assert_eq!(Filter::Duplicates { keep }.apply(&kept).unwrap(), kept);
        }
    }
}
