//! A ranker that needs no training.

use crate::{Candidates, Found, Ranker, Result, Visitor};

/// The sum of `1 / (constant + rank)` over the sources that found an item.
///
/// Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
/// Methods" (2009), who chose a constant of 60. Scores of different sources need not compare: only ranks count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReciprocalRankFusion {
    /// How little the first ranks stand out.
    pub constant: f32,
}

impl Default for ReciprocalRankFusion {
    fn default() -> Self {
        ReciprocalRankFusion { constant: 60.0 }
    }
}

impl ReciprocalRankFusion {
    /// The score of an item that was found like this.
    pub fn score(&self, found: &[Option<Found>]) -> f32 {
        found.iter().flatten().map(|found| 1.0 / (self.constant + found.rank as f32)).sum()
    }
}

impl Ranker for ReciprocalRankFusion {
    fn scores(&self, _visitor: &Visitor<'_>, candidates: &Candidates) -> Result<Vec<f32>> {
        Ok((0..candidates.len()).map(|position| self.score(candidates.found(position))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_retrieval::Hit;

    #[test]
    fn items_of_several_sources_come_first() {
        let list = |items: &[u32]| items.iter().map(|&item| Hit { item, score: 0.0 }).collect::<Vec<_>>();
        let candidates = Candidates::merge(&[list(&[4, 2]), list(&[2, 8])]);
        let scores = ReciprocalRankFusion::default().scores(&Visitor::default(), &candidates).unwrap();
        assert_eq!(candidates.items(), [2, 4, 8]);
        assert_eq!(scores, [1.0 / 62.0 + 1.0 / 61.0, 1.0 / 61.0, 1.0 / 62.0]);
    }
}
