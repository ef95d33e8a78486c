//! The same items for everybody: the first baselines to beat.

use crate::ItemScorer;

/// Scores items by their number of training interactions.
#[derive(Debug, Clone, PartialEq)]
pub struct Popular {
    counts: Vec<f32>,
}

impl Popular {
    /// Counts `items`, the item of every training interaction.
    ///
    /// # Panics
    /// If an item is not below `n_items`.
    pub fn new(n_items: usize, items: &[u32]) -> Self {
        let mut counts = vec![0u32; n_items];
        for &item in items {
            counts[item as usize] += 1;
        }
        // Exact up to 2^24 interactions with one item.
        Popular { counts: counts.into_iter().map(|count| count as f32).collect() }
    }
}

impl ItemScorer for Popular {
    fn n_items(&self) -> usize {
        self.counts.len()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        assert_eq!(scores.len(), users.len() * self.counts.len(), "scores must be [users, n_items]");
        if !self.counts.is_empty() {
            scores.chunks_exact_mut(self.counts.len()).for_each(|row| row.copy_from_slice(&self.counts));
        }
    }
}

/// Scores items by their number of training interactions in a trailing window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentPopular {
    popular: Popular,
}

impl RecentPopular {
    /// Counts the interactions with `until - window <= timestamp < until`.
    ///
    /// # Shapes
    /// - `items`, `timestamps`: `[n_interactions]`; times and `window` in seconds
    ///
    /// # Panics
    /// If the columns differ in length or an item is not below `n_items`.
    pub fn new(n_items: usize, items: &[u32], timestamps: &[i64], until: i64, window: i64) -> Self {
        assert_eq!(items.len(), timestamps.len(), "{} items, {} timestamps", items.len(), timestamps.len());
        let recent: Vec<u32> = items
            .iter()
            .zip(timestamps)
            .filter(|&(_, &timestamp)| timestamp < until && timestamp >= until.saturating_sub(window))
            .map(|(&item, _)| item)
            .collect();
        RecentPopular { popular: Popular::new(n_items, &recent) }
    }
}

impl ItemScorer for RecentPopular {
    fn n_items(&self) -> usize {
        self.popular.n_items()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        self.popular.score(users, scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(scorer: &impl ItemScorer, n_users: usize) -> Vec<f32> {
        let mut scores = vec![f32::NAN; n_users * scorer.n_items()];
        scorer.score(&vec![0; n_users], &mut scores);
        scores
    }

    #[test]
    fn counts_are_scores_for_everybody() {
        let popular = Popular::new(4, &[1, 3, 1, 0]);
        assert_eq!(scores(&popular, 2), [1.0, 2.0, 0.0, 1.0, 1.0, 2.0, 0.0, 1.0]);
    }

    #[test]
    fn the_window_is_half_open() {
        let recent = RecentPopular::new(3, &[0, 1, 1, 2], &[10, 20, 29, 30], 30, 10);
        assert_eq!(scores(&recent, 1), [0.0, 2.0, 0.0]);
        let all = RecentPopular::new(3, &[0, 1, 1, 2], &[10, 20, 29, 30], i64::MAX, i64::MAX);
        assert_eq!(scores(&all, 1), [1.0, 2.0, 1.0]);
    }
}
