//! A sample of rows in which no item is much more frequent than the others.

use burn_recsys_embeddings::split_mix;
use rustc_hash::FxHashMap;

/// How often the most frequent item of the tail occurs, where the `head_fraction` of all items that occur
/// most often is the head; `None` if nothing is left for the tail.
///
/// The cap of [`rebalanced_rows`] by Zhang et al. 2023 (arXiv 2210.14309, section 3.2), who have 0.2 for
/// MovieLens 1M and 0.001 for BookCrossing. The number of items in the head is rounded down.
///
/// ```
/// use burn_recsys_models::max_tail_count;
///
/// let item_of_row = [7, 7, 7, 7, 8, 8, 9, 10];
/// // One of four items is the head: item 7.
/// assert_eq!(max_tail_count(&item_of_row, 0.25), Some(2));
/// assert_eq!(max_tail_count(&[], 0.25), None);
/// ```
///
/// # Panics
/// If `head_fraction` is not in `0..1`.
pub fn max_tail_count(item_of_row: &[u64], head_fraction: f64) -> Option<usize> {
    assert!((0.0..1.0).contains(&head_fraction), "a head fraction of {head_fraction} is not in 0..1");
    let mut counts: Vec<usize> = counts(item_of_row).into_values().collect();
    let n_head = (head_fraction * counts.len() as f64) as usize;
    // The next in descending order.
    (n_head < counts.len()).then(|| *counts.select_nth_unstable_by(n_head, |a, b| b.cmp(a)).1)
}

/// The rows of a rebalanced epoch, ascending: all rows of items that occur at most `max_count` times,
/// and for every other item `max_count` of its rows.
///
/// Every row of an item is equally likely to be chosen. The choice is a pure function of `(seed, epoch,
/// row)` and of which rows share an item; different epochs choose different rows.
///
/// ```
/// use burn_recsys_models::rebalanced_rows;
///
/// let item_of_row = [7, 8, 7, 7, 9, 7];
/// let rows = rebalanced_rows(&item_of_row, 2, 42, 0);
/// assert_eq!(rows.len(), 4);
/// assert!(rows.contains(&1) && rows.contains(&4));
/// ```
///
/// # Panics
/// If there are more rows than 32 bits can count.
pub fn rebalanced_rows(item_of_row: &[u64], max_count: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let n_rows = item_of_row.len();
    assert!(n_rows <= u32::MAX as usize, "{n_rows} rows are more than {}", u32::MAX);
    let counts = counts(item_of_row);
    let key = split_mix(split_mix(seed) ^ epoch);
    let mut rows: Vec<u32> = Vec::with_capacity(n_rows);
    // Rows of an item with as many random bits each: the smallest are a random sample of them.
    let mut drawn: FxHashMap<u64, Vec<(u64, u32)>> = FxHashMap::default();
    for (row, item) in (0u32..).zip(item_of_row) {
        if counts[item] <= max_count {
            rows.push(row);
        } else {
            drawn.entry(*item).or_default().push((split_mix(key.wrapping_add(u64::from(row))), row));
        }
    }
    for mut draws in drawn.into_values() {
        draws.select_nth_unstable(max_count);
        rows.extend(draws[..max_count].iter().map(|&(_, row)| row));
    }
    rows.sort_unstable();
    rows
}

fn counts(item_of_row: &[u64]) -> FxHashMap<u64, usize> {
    let mut counts = FxHashMap::default();
    for item in item_of_row {
        *counts.entry(*item).or_insert(0) += 1;
    }
    counts
}
