//! Diversity within a list.

use super::check_scores;
use crate::{Error, Hit, Result};

/// The best `k` by maximal marginal relevance, with the scores that they had: one after the other, the item with
/// the largest
///
/// ```text
/// (1 - β) score(item) - β max over chosen of similarity(item, chosen)
/// ```
///
/// and the maximum of nothing is 0; ties go to the item that is earlier in `hits`. With `β = 0` the order is that
/// of the scores, with 1 the scores do not count. Score and similarity are added up, so they should be of one
/// scale: probabilities or scores brought to 0 to 1, and cosines.
///
/// Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking for reordering documents and producing
/// summaries", with `λ = 1 - β`. The time is of the order of `k` times the length of `hits`.
///
/// # Errors
/// If `beta` is not within 0 to 1, or a score or a similarity is NaN.
pub fn maximal_marginal_relevance(
    hits: &[Hit],
    k: usize,
    beta: f32,
    similarity: impl Fn(u32, u32) -> f32,
) -> Result<Vec<Hit>> {
    if !(0.0..=1.0).contains(&beta) {
        return Err(Error::Rerank { message: format!("beta is {beta}; it is within 0 and 1") });
    }
    check_scores(hits)?;
    /// An item that is not chosen yet.
    struct Rest {
        hit: Hit,
        /// To the chosen item that is most like it.
        similarity: f32,
    }
    let k = k.min(hits.len());
    let mut rest: Vec<Rest> = hits.iter().map(|&hit| Rest { hit, similarity: 0.0 }).collect();
    let mut chosen: Vec<Hit> = Vec::with_capacity(k);
    while chosen.len() < k {
        let mut best = (0, f32::NEG_INFINITY);
        for (at, item) in rest.iter().enumerate() {
            let value = (1.0 - beta) * item.hit.score - beta * item.similarity;
            if value > best.1 {
                best = (at, value);
            }
        }
        // In place, so that the others stay in order.
        let hit = rest.remove(best.0).hit;
        let is_first = chosen.is_empty();
        chosen.push(hit);
        for item in &mut rest {
            let value = similarity(item.hit.item, hit.item);
            if value.is_nan() {
                let message = format!("the similarity of items {} and {} is NaN", item.hit.item, hit.item);
                return Err(Error::Rerank { message });
            }
            item.similarity = if is_first { value } else { item.similarity.max(value) };
        }
    }
    Ok(chosen)
}

/// The cosine of two items' vectors, as a similarity; 0 with a vector of zeros or of an item without one.
///
/// # Shapes
/// - `vectors`: `[n_items, dimension]`, row-major
pub fn cosine(dimension: usize, vectors: &[f32]) -> impl Fn(u32, u32) -> f32 + '_ {
    move |a, b| {
        let row = |item: u32| {
            let start = (item as usize).checked_mul(dimension)?;
            vectors.get(start..start.checked_add(dimension)?)
        };
        let (Some(a), Some(b)) = (row(a), row(b)) else { return 0.0 };
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let norms = (product(a, a) * product(b, b)).sqrt();
        if norms > 0.0 { (product(a, b) / norms) as f32 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(scores: &[f32]) -> Vec<Hit> {
        (0..).zip(scores).map(|(item, &score)| Hit { item, score }).collect()
    }

    fn items(hits: &[Hit]) -> Vec<u32> {
        hits.iter().map(|hit| hit.item).collect()
    }

    #[test]
    fn the_textbook_case() {
        let names = ["A1", "A2", "B1", "B2", "C"];
        let hits = list(&[1.0, 0.8, 0.6, 0.4, 0.2]);
        let letter = |item: u32| names[item as usize].as_bytes()[0];
        let same = |a, b| if letter(a) == letter(b) { 1.0 } else { 0.0 };
        let order = |k, beta| -> Vec<&str> {
            let hits = maximal_marginal_relevance(&hits, k, beta, same).unwrap();
            hits.iter().map(|hit| names[hit.item as usize]).collect()
        };
        // After A1: A2 0.5 * 0.8 - 0.5 = -0.1, B1 0.3, C 0.1. After B1: A2 -0.1, B2 -0.3, C 0.1.
        assert_eq!(order(5, 0.5), ["A1", "B1", "C", "A2", "B2"]);
        assert_eq!(order(2, 0.5), ["A1", "B1"]);
        assert_eq!(order(9, 0.0), names);
        assert_eq!(order(5, 1.0), ["A1", "B1", "C", "A2", "B2"]);
        assert_eq!(order(0, 0.5), [""; 0]);
    }

    #[test]
    fn what_has_no_order_is_refused() {
        let hits = list(&[1.0, 0.5]);
        assert!(maximal_marginal_relevance(&hits, 2, 1.5, |_, _| 0.0).is_err());
        assert!(maximal_marginal_relevance(&hits, 2, f32::NAN, |_, _| 0.0).is_err());
        assert!(maximal_marginal_relevance(&hits, 2, 0.5, |_, _| f32::NAN).is_err());
        let error = maximal_marginal_relevance(&list(&[1.0, f32::NAN]), 2, 0.5, |_, _| 0.0);
        assert_eq!(error, Err(Error::NanScore { query: 0, item: 1 }));
        assert_eq!(maximal_marginal_relevance(&[], 3, 0.5, |_, _| 0.0), Ok(vec![]));
    }

    #[test]
    fn cosines() {
        let vectors = [1.0, 0.0, 3.0, 4.0, 0.0, 0.0];
        let cosine = cosine(2, &vectors);
        assert_eq!((cosine(0, 1), cosine(1, 1), cosine(0, 2), cosine(0, 3)), (0.6, 1.0, 0.0, 0.0));
    }

    proptest! {
        #[test]
        fn every_choice_is_the_best_one_left(
            scores in prop::collection::vec(-3i8..4, 0..25),
            k in 0usize..30,
            beta in 0u8..=4,
        ) {
            let hits = list(&scores.iter().map(|&score| f32::from(score) / 2.0).collect::<Vec<_>>());
            let beta = f32::from(beta) / 4.0;
            let similarity = |a: u32, b: u32| ((a * b + a + b) % 5) as f32 / 2.0 - 1.0;
            let chosen = maximal_marginal_relevance(&hits, k, beta, similarity).unwrap();
            prop_assert_eq!(chosen.len(), k.min(hits.len()));
            let mut sorted = items(&chosen);
            sorted.sort_unstable();
            sorted.dedup();
            prop_assert_eq!(sorted.len(), chosen.len(), "no item twice");
            for (at, hit) in chosen.iter().enumerate() {
                prop_assert_eq!(hits[hit.item as usize], *hit, "scores stay");
                let value = |other: &Hit| {
                    let most = chosen[..at].iter().map(|hit| similarity(other.item, hit.item)).reduce(f32::max);
                    (1.0 - beta) * other.score - beta * most.unwrap_or(0.0)
                };
                for other in hits.iter().filter(|other| !chosen[..at].contains(other)) {
                    prop_assert!(value(hit) > value(other) || (value(hit) == value(other) && hit.item <= other.item));
                }
            }
        }
    }
}
