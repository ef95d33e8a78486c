//! The best of a few scored items.

use std::cmp::Ordering;

use burn_recsys_retrieval::Hit;

/// Higher scores first, then lower indices.
pub(crate) fn by_score_then_item(a: &Hit, b: &Hit) -> Ordering {
    b.score.total_cmp(&a.score).then(a.item.cmp(&b.item))
}

/// The best `k` of `hits`, best first, ties by the lower item.
pub(crate) fn best(mut hits: Vec<Hit>, k: usize) -> Vec<Hit> {
    if 0 < k && k < hits.len() {
        hits.select_nth_unstable_by(k - 1, by_score_then_item);
    }
    hits.truncate(k);
    hits.sort_unstable_by(by_score_then_item);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_item() {
        let hits = [(4, 1.0), (1, 1.0), (3, 2.0), (0, 0.5)].map(|(item, score)| Hit { item, score });
        let items = |k| best(hits.to_vec(), k).iter().map(|hit| hit.item).collect::<Vec<_>>();
        assert_eq!(items(2), [3, 1]);
        assert_eq!(items(9), [3, 1, 4, 0]);
        assert_eq!(items(0), [0u32; 0]);
    }
}
