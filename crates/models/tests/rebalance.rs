//! The rebalanced sample.

use std::collections::HashMap;

use burn_recsys_models::{max_tail_count, rebalanced_rows};
use proptest::prelude::*;

fn counts(items: impl IntoIterator<Item = u64>) -> HashMap<u64, usize> {
    let mut counts = HashMap::new();
    for item in items {
        *counts.entry(item).or_insert(0) += 1;
    }
    counts
}

proptest! {
    #[test]
    fn tail_rows_stay_and_head_items_are_capped(
        // Small squares: few items are frequent.
        items in prop::collection::vec((0u64..12).prop_map(|x| x * x / 12), 0..200),
        max_count in 0usize..20,
        seed: u64,
        epoch: u64,
    ) {
        let rows = rebalanced_rows(&items, max_count, seed, epoch);
        prop_assert!(rows.is_sorted_by(|a, b| a < b), "{rows:?}");
        prop_assert_eq!(&rows, &rebalanced_rows(&items, max_count, seed, epoch));
        let (before, after) = (counts(items.iter().copied()), counts(rows.iter().map(|&row| items[row as usize])));
        for (item, count) in before {
            prop_assert_eq!(after.get(&item).copied().unwrap_or(0), count.min(max_count), "item {}", item);
        }
    }

    #[test]
    fn the_cap_is_the_most_frequent_item_of_the_tail(
        items in prop::collection::vec(0u64..15, 1..100),
        head_fraction in 0.0f64..1.0,
    ) {
        let mut descending: Vec<usize> = counts(items.iter().copied()).into_values().collect();
        descending.sort_by(|a, b| b.cmp(a));
        let n_head = (head_fraction * descending.len() as f64).floor() as usize;
        let cap = max_tail_count(&items, head_fraction);
        prop_assert_eq!(cap, descending.get(n_head).copied());
        // No item of the sample is more frequent than that, and the tail's most frequent is whole.
        let rows = rebalanced_rows(&items, cap.unwrap_or(0), 1, 2);
        let most = counts(rows.iter().map(|&row| items[row as usize])).into_values().max();
        prop_assert_eq!(most, cap);
    }
}

#[test]
fn every_row_of_a_head_item_is_equally_likely() {
    // Item 1 has 20 rows, item 2 three.
    let items: Vec<u64> = (0..23).map(|row| if row % 8 == 3 { 2 } else { 1 }).collect();
    let n_epochs = 20_000;
    let mut n_drawn = vec![0u32; items.len()];
    let mut n_pairs = 0u32;
    for epoch in 0..n_epochs {
        let rows = rebalanced_rows(&items, 5, 7, epoch);
        rows.iter().for_each(|&row| n_drawn[row as usize] += 1);
        n_pairs += u32::from(rows.contains(&0) && rows.contains(&1));
    }
    for (row, &n) in n_drawn.iter().enumerate() {
        if items[row] == 2 {
            assert_eq!(u64::from(n), n_epochs);
        } else {
            // A quarter of the epochs; five standard deviations of the binomial.
            let (expected, deviation) = (5_000.0, (20_000f64 * 0.25 * 0.75).sqrt());
            assert!((f64::from(n) - expected).abs() < 5.0 * deviation, "row {row}: {n} of {n_epochs}");
        }
    }
    // Two rows together as often as without replacement: 5 / 20 * 4 / 19.
    let p = 5.0 / 20.0 * 4.0 / 19.0;
    let (expected, deviation) = (20_000.0 * p, (20_000f64 * p * (1.0 - p)).sqrt());
    assert!((f64::from(n_pairs) - expected).abs() < 5.0 * deviation, "{n_pairs}, expected {expected}");
}

#[test]
fn seeds_and_epochs_choose_different_rows() {
    let items = vec![1; 1000];
    let of = |seed, epoch| rebalanced_rows(&items, 10, seed, epoch);
    assert_ne!(of(1, 0), of(1, 1));
    assert_ne!(of(1, 0), of(2, 0));
    // Seed and epoch do not stand for each other.
    assert_ne!(of(1, 2), of(2, 1));
}

#[test]
fn bits_are_the_same_everywhere() {
    // Worked out apart from this code, from the definition of SplitMix64.
    let items: Vec<u64> = (0..30).map(|row| row % 3).collect();
    assert_eq!(rebalanced_rows(&items, 2, 42, 3), [0, 13, 18, 23, 25, 29]);
}

#[test]
#[should_panic(expected = "a head fraction of 1 is not in 0..1")]
fn a_head_of_everything_panics() {
    max_tail_count(&[1], 1.0);
}
