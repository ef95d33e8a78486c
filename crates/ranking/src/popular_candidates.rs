//! The same items for everybody.

use burn_recsys_retrieval::{Buffer, Hit, ItemFilter};

use crate::best::{best, by_score_then_item};
use crate::{CandidateGenerator, Error, Result, Visitor};

/// One fixed list, best first, such as what was popular of late.
#[derive(Debug, Clone, PartialEq)]
pub struct PopularCandidates {
    items: Buffer<u32>,
    scores: Buffer<f32>,
}

impl PopularCandidates {
    /// This list.
    ///
    /// # Shapes
    /// - `items`, `scores`: `[n]`, best first, ties by the lower item, every item once
    ///
    /// # Errors
    /// If there is not one finite score for every item, the list is not in order, or an item is there twice.
    pub fn new(items: Buffer<u32>, scores: Buffer<f32>) -> Result<Self> {
        let refuse = |message: String| Err(Error::Parameter { parameter: "popular items", message });
        if items.len() != scores.len() {
            return refuse(format!("{} items, but {} scores", items.len(), scores.len()));
        }
        if let Some(at) = scores.iter().position(|score| !score.is_finite()) {
            return refuse(format!("place {at} has a score of {}; scores must be finite", scores[at]));
        }
        let hit = |at: usize| Hit { item: items[at], score: scores[at] };
        if let Some(at) = (1..items.len()).find(|&at| by_score_then_item(&hit(at - 1), &hit(at)).is_ge()) {
            return refuse(format!("place {at} is better than the one before; the best items come first"));
        }
        let mut ascending = items.to_vec();
        ascending.sort_unstable();
        if let Some(pair) = ascending.windows(2).find(|pair| pair[0] == pair[1]) {
            return refuse(format!("item {} is there twice", pair[0]));
        }
        Ok(PopularCandidates { items, scores })
    }

    /// The `n` items of highest score above 0, such as the counts of
    /// [`RecentPopular`](burn_recsys_baselines::RecentPopular).
    ///
    /// # Shapes
    /// - `scores`: `[n_items]`
    ///
    /// # Errors
    /// If a score is not finite.
    pub fn of_scores(scores: &[f32], n: usize) -> Result<Self> {
        // NaN stays in, to be refused.
        let hits = (0..).zip(scores).filter(|&(_, &score)| score > 0.0 || score.is_nan());
        let hits = best(hits.map(|(item, &score)| Hit { item, score }).collect(), n);
        let (items, scores): (Vec<u32>, Vec<f32>) = hits.iter().map(|hit| (hit.item, hit.score)).unzip();
        Self::new(items.into(), scores.into())
    }

    /// The items, best first.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The score of every item of the list.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }
}

impl CandidateGenerator for PopularCandidates {
    fn candidates(&self, _visitor: &Visitor<'_>, k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
        let hits = self.items.iter().zip(&self.scores[..]).filter(|&(&item, _)| filter.passes(item));
        Ok(hits.take(k).map(|(&item, &score)| Hit { item, score }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filtered_items_leave_their_places_to_others() {
        let popular = PopularCandidates::of_scores(&[2.0, 5.0, 0.0, 2.0, 9.0], 9).unwrap();
        assert_eq!((popular.items(), popular.scores()), (&[4, 1, 0, 3][..], &[9.0, 5.0, 2.0, 2.0][..]));
        let filter = ItemFilter { exclude: &[1], allow: &[] };
        let hits = popular.candidates(&Visitor::default(), 2, &filter).unwrap();
        assert_eq!(hits.iter().map(|hit| hit.item).collect::<Vec<_>>(), [4, 0]);
        assert_eq!(PopularCandidates::of_scores(&[2.0, 5.0, 2.0], 2).unwrap().items(), [1, 0]);
    }

    #[test]
    fn lists_that_are_no_lists_are_refused() {
        let message = |items: &[u32], scores: &[f32]| {
            let list = PopularCandidates::new(items.to_vec().into(), scores.to_vec().into());
            list.unwrap_err().to_string()
        };
        assert!(message(&[1, 2], &[1.0]).contains("2 items, but 1 scores"));
        assert!(message(&[1, 2], &[1.0, f32::NAN]).contains("place 1 has a score of NaN"));
        assert!(message(&[1, 2], &[1.0, 2.0]).contains("place 1 is better"));
        assert!(message(&[2, 1], &[1.0, 1.0]).contains("place 1 is better"));
        assert!(message(&[1, 2, 1], &[3.0, 2.0, 1.0]).contains("item 1 is there twice"));
        assert!(PopularCandidates::of_scores(&[1.0, f32::NAN], 5).is_err());
        assert!(PopularCandidates::new(vec![].into(), vec![].into()).is_ok());
    }
}
