//! Lists in another order than that of their scores.

use crate::Hit;

/// Maximal marginal relevance: the next item is the one with the largest
/// `(1 - beta) * score - beta * (largest similarity to an item that is already taken)`.
///
/// Scores should be of the range of similarities, such as 0 to 1. With `beta` 0 the order is that of the scores;
/// ties go to the earlier hit. The hits keep their scores. Takes `k * hits` similarities.
///
/// Source: Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking for reordering documents and
/// producing summaries".
///
/// ```
/// use burn_recsys_retrieval::Hit;
/// use burn_recsys_retrieval::rerank::mmr;
///
/// let hits = [1.0, 0.8, 0.6].map(|score| Hit { item: (10.0 * score) as u32, score });
/// // Items 10 and 8 are alike.
/// let list = mmr(&hits, 3, 0.5, |a, b| f32::from(a + b == 18));
/// assert_eq!(list.iter().map(|hit| hit.item).collect::<Vec<_>>(), [10, 6, 8]);
/// ```
pub fn mmr(hits: &[Hit], k: usize, beta: f32, similarity: impl Fn(u32, u32) -> f32) -> Vec<Hit> {
    let mut left: Vec<(Hit, f32)> = hits.iter().map(|&hit| (hit, 0.0)).collect();
    let mut list = Vec::with_capacity(k.min(hits.len()));
    while list.len() < k && !left.is_empty() {
        let value = |at: usize| (1.0 - beta) * left[at].0.score - beta * left[at].1;
        let best = (1..left.len()).fold(0, |best, at| if value(at) > value(best) { at } else { best });
        let (hit, _) = left.remove(best);
        for (other, nearest) in &mut left {
            *nearest = nearest.max(similarity(hit.item, other.item));
        }
        list.push(hit);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbook_case() {
        let names = ["A1", "A2", "B1", "B2", "C"];
        let scores = [1.0, 0.8, 0.6, 0.4, 0.2];
        let hits: Vec<Hit> = (0..).zip(scores).map(|(item, score)| Hit { item, score }).collect();
        let letter = |item: u32| &names[item as usize][..1];
        let list = mmr(&hits, 5, 0.5, |a, b| f32::from(letter(a) == letter(b)));
        let order: Vec<&str> = list.iter().map(|hit| names[hit.item as usize]).collect();
        assert_eq!(order, ["A1", "B1", "C", "A2", "B2"]);
        assert_eq!(mmr(&hits, 3, 0.0, |_, _| 1.0), hits[..3]);
        assert!(mmr(&[], 3, 0.5, |_, _| 1.0).is_empty());
    }
}
