//! Items that were shown and passed over.

use super::check_scores;
use crate::top_k::by_score_then_item;
use crate::{Error, Hit, Result};

/// The list with scores that fall with every time an item was shown, best first, ties by the lower index:
///
/// ```text
/// score' = worthless + (score - worthless) decay^shown
/// ```
///
/// `worthless` is the score that no interest has, 0 for probabilities; lower scores stay. The exponential form of
/// Lee, Lakshmanan, Tiwari and Shah 2014, "Modeling impression discounting in large-scale recommender systems".
/// `shown` counts what the user has seen and not chosen, and may count less what is long ago.
///
/// # Errors
/// If `decay` is not within 0 to 1, `worthless` is not finite, or a score is NaN.
pub fn discount_impressions(
    hits: &[Hit],
    decay: f32,
    worthless: f32,
    shown: impl Fn(u32) -> u32,
) -> Result<Vec<Hit>> {
    if !(0.0..=1.0).contains(&decay) || !worthless.is_finite() {
        let message = format!("decay {decay} is not within 0 and 1, or worthless {worthless} not finite");
        return Err(Error::Rerank { message });
    }
    check_scores(hits)?;
    let mut hits = hits.to_vec();
    for hit in &mut hits {
        let count = shown(hit.item);
        if count > 0 && hit.score > worthless && hit.score.is_finite() {
            let factor = decay.powi(i32::try_from(count).unwrap_or(i32::MAX));
            hit.score = worthless + (hit.score - worthless) * factor;
        }
    }
    hits.sort_by(by_score_then_item);
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_shown_falls() {
        let hits = [(4, 0.8), (2, 0.5), (7, 0.4), (1, 0.2)].map(|(item, score)| Hit { item, score });
        let shown = |item: u32| if item == 4 { 2 } else { 0 };
        let found = discount_impressions(&hits, 0.5, 0.0, shown).unwrap();
        // 0.8 * 0.25 = 0.2, and the tie goes to item 1.
        let expected = [(2, 0.5), (7, 0.4), (1, 0.2), (4, 0.2)].map(|(item, score)| Hit { item, score });
        assert_eq!(found, expected);
        assert!(discount_impressions(&hits, 1.1, 0.0, shown).is_err());
        assert!(discount_impressions(&hits, 0.5, f32::NAN, shown).is_err());
        let forever = discount_impressions(&hits, 0.5, 0.0, |_| u32::MAX).unwrap();
        assert!(forever.iter().all(|hit| hit.score == 0.0));
    }

    proptest! {
        #[test]
        fn no_item_is_lost_and_none_rises(
            scores in prop::collection::vec(-2f32..2.0, 0..20),
            decay in 0f32..=1.0,
            worthless in -1f32..1.0,
        ) {
            let hits: Vec<Hit> = (0..).zip(&scores).map(|(item, &score)| Hit { item, score }).collect();
            let found = discount_impressions(&hits, decay, worthless, |item| item % 4).unwrap();
            let mut items: Vec<u32> = found.iter().map(|hit| hit.item).collect();
            prop_assert!(found.is_sorted_by(|a, b| by_score_then_item(a, b).is_lt()));
            items.sort_unstable();
            prop_assert_eq!(items, (0..hits.len() as u32).collect::<Vec<_>>());
            for hit in found {
                let before = scores[hit.item as usize];
                prop_assert!(hit.score <= before + 1e-6 && hit.score >= before.min(worthless) - 1e-6);
                prop_assert!(hit.item % 4 > 0 || hit.score == before);
            }
        }
    }
}
