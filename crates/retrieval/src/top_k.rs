//! Selecting the best k of one row of scores.

use std::cmp::Ordering;

/// Scores that are looked at together.
const BLOCK: usize = 16;

/// An item and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The item's index.
    pub item: u32,
    /// Its score.
    pub score: f32,
}

/// The `k` items of highest score, best first; ties go to the lower index.
///
/// `exclude` holds item indices to leave out, ascending. Fewer than `k` hits come back if there are
/// not that many items. A score of negative infinity is a score like any other.
///
/// # Errors
/// The first item whose score is NaN: it has no place in an order.
pub fn top_k(scores: &[f32], k: usize, exclude: &[u32]) -> Result<Vec<Hit>, u32> {
    debug_assert!(exclude.is_sorted(), "excluded items must be ascending");
    let k = k.min(scores.len());
    let mut best: Vec<Hit> = Vec::with_capacity((2 * k).min(scores.len()));
    // Every item that is better than `floor` is a candidate; once 2k candidates have gathered, the
    // best k of them stay and the worst of those is the new floor. Items come in index order, so a
    // later item of equal score is never better.
    let mut floor = f32::NEG_INFINITY;
    let mut is_full = false;
    let ends = exclude.iter().map(|&item| item as usize).filter(|&item| item < scores.len());
    let mut start = 0;
    // What lies between two excluded items.
    for end in ends.chain([scores.len()]) {
        let run = scores.get(start..end).unwrap_or_default();
        for (index, block) in run.chunks(BLOCK).enumerate() {
            // Most blocks hold nothing for the list: one look at all of a block finds that out.
            // Without an early end, which would keep the look from being one comparison of registers.
            if is_full && block.iter().fold(true, |all, &score| all & (score <= floor)) {
                continue;
            }
            for (offset, &score) in block.iter().enumerate() {
                let item = (start + index * BLOCK + offset) as u32;
                if score.is_nan() {
                    return Err(item);
                }
                if k == 0 || (is_full && score <= floor) {
                    continue;
                }
                best.push(Hit { item, score });
                if best.len() >= 2 * k {
                    best.select_nth_unstable_by(k - 1, by_score_then_item);
                    best.truncate(k);
                    floor = best[k - 1].score;
                    is_full = true;
                }
            }
        }
        start = end + 1;
    }
    best.sort_unstable_by(by_score_then_item);
    best.truncate(k);
    Ok(best)
}

/// Higher scores first, then lower indices. Scores are not NaN.
pub(crate) fn by_score_then_item(a: &Hit, b: &Hit) -> Ordering {
    b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal).then(a.item.cmp(&b.item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items(scores: &[f32], k: usize, exclude: &[u32]) -> Vec<u32> {
        top_k(scores, k, exclude).unwrap().iter().map(|hit| hit.item).collect()
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        assert_eq!(items(&[1.0, 3.0, 3.0, 2.0, 3.0], 3, &[]), [1, 2, 4]);
        assert_eq!(items(&[1.0, 3.0, 3.0, 2.0, 3.0], 3, &[2, 9]), [1, 4, 3]);
    }

    #[test]
    fn short_rows_give_short_lists() {
        assert_eq!(items(&[1.0, 2.0], 5, &[]), [1, 0]);
        for huge in [usize::MAX, 1 << 63] {
            assert_eq!(items(&[1.0, 2.0], huge, &[]), [1, 0]);
        }
        assert_eq!(items(&[1.0, 2.0], 5, &[0, 1]), [0u32; 0]);
        assert_eq!(items(&[1.0, 2.0], 0, &[]), [0u32; 0]);
        assert_eq!(items(&[f32::NEG_INFINITY, 0.0], 2, &[]), [1, 0]);
        assert_eq!(top_k(&[0.0, f32::NAN], 1, &[]), Err(1));
    }

    proptest! {
        #[test]
        fn equals_sorting_everything(
            scores in prop::collection::vec(-3i8..3, 0..60),
            k in 0usize..12,
            excluded in prop::collection::btree_set(0u32..60, 0..20),
        ) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let exclude: Vec<u32> = excluded.iter().copied().collect();
            let mut expected: Vec<u32> =
                (0..scores.len() as u32).filter(|item| !excluded.contains(item)).collect();
            expected.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
            expected.truncate(k);
            prop_assert_eq!(items(&scores, k, &exclude), expected);
        }
    }
}
