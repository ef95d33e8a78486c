//! Promises to others than the user.

use super::check_scores;
use crate::{Error, Hit, Result};

/// An item that has its place whatever its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pin {
    /// The place, counted from 0.
    pub position: usize,
    /// The item and the score to show it with; it need not be in the list.
    pub hit: Hit,
}

/// What a page must keep. Blocked items are never on it, pinned ones have their places, and then the list fills
/// the rest in its order, without the items that would exceed a cap.
///
/// A blocked item stays away even if it is pinned. A pinned one counts for its categories' caps and is never
/// left out for them. Pins beyond the page do nothing; if the list is too short to reach a pin, the pin moves up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rules<'a> {
    /// Items that are not to be shown: a short list; long ones belong into the search's filter.
    pub blocked: &'a [u32],
    /// Items with a place.
    pub pinned: &'a [Pin],
    /// Categories and how many items of each a page may hold.
    pub caps: &'a [(u32, usize)],
}

impl Rules<'_> {
    /// The first `k` places; `categories` gives those of an item.
    ///
    /// # Errors
    /// If two pins are of one place or one item, a category has two caps, or a score is NaN.
    pub fn apply<'a>(
        &self,
        hits: &[Hit],
        k: usize,
        categories: impl Fn(u32) -> &'a [u32],
    ) -> Result<Vec<Hit>> {
        check_scores(hits)?;
        self.check()?;
        let is_blocked = |hit: &Hit| self.blocked.contains(&hit.item);
        let mut pins: Vec<&Pin> =
            self.pinned.iter().filter(|pin| pin.position < k && !is_blocked(&pin.hit)).collect();
        pins.sort_by_key(|pin| pin.position);
        let mut left: Vec<(u32, usize)> = self.caps.to_vec();
        let take = |left: &mut [(u32, usize)], item: u32| {
            for (category, left) in left {
                if categories(item).contains(category) {
                    *left = left.saturating_sub(1);
                }
            }
        };
        // Before all others, so that a pin that comes late is not one too many.
        pins.iter().for_each(|pin| take(&mut left, pin.hit.item));
        let mut others =
            hits.iter().filter(|hit| !is_blocked(hit) && !pins.iter().any(|pin| pin.hit.item == hit.item));
        let mut pins = pins.iter().peekable();
        let mut page: Vec<Hit> = Vec::with_capacity(k.min(hits.len() + pins.len()));
        while page.len() < k {
            if let Some(pin) = pins.next_if(|pin| pin.position <= page.len()) {
                page.push(pin.hit);
                continue;
            }
            let fits = |hit: &&Hit| {
                !left.iter().any(|&(category, left)| left == 0 && categories(hit.item).contains(&category))
            };
            match others.find(fits) {
                Some(&hit) => {
                    take(&mut left, hit.item);
                    page.push(hit);
                }
                None => match pins.next() {
                    Some(pin) => page.push(pin.hit),
                    None => break,
                },
            }
        }
        Ok(page)
    }

    fn check(&self) -> Result<()> {
        let message = |message: String| Err(Error::Rerank { message });
        for (at, pin) in self.pinned.iter().enumerate() {
            for other in &self.pinned[..at] {
                if other.position == pin.position {
                    return message(format!("two items are pinned at place {}", pin.position));
                }
                if other.hit.item == pin.hit.item {
                    return message(format!("item {} is pinned twice", pin.hit.item));
                }
            }
        }
        for (at, (category, _)) in self.caps.iter().enumerate() {
            if self.caps[..at].iter().any(|(other, _)| other == category) {
                return message(format!("category {category} has two caps"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CATEGORIES: [&[u32]; 4] = [&[0], &[1], &[0, 2], &[]];

    fn categories(item: u32) -> &'static [u32] {
        CATEGORIES[item as usize % 4]
    }

    fn hit(item: u32) -> Hit {
        Hit { item, score: 1.0 / (1.0 + item as f32) }
    }

    fn items(hits: &[Hit]) -> Vec<u32> {
        hits.iter().map(|hit| hit.item).collect()
    }

    #[test]
    fn rules_by_hand() {
        let hits: Vec<Hit> = (0..10).map(hit).collect();
        let pins = [Pin { position: 2, hit: hit(50) }, Pin { position: 0, hit: hit(7) }];
        let rules = Rules { blocked: &[1, 3], pinned: &pins, caps: &[(0, 3)] };
        // Of category 0 are 0, 2, 4, 6, 8 and the pinned 50: two of the list are left.
        assert_eq!(items(&rules.apply(&hits, 6, categories).unwrap()), [7, 0, 50, 2, 5, 9]);
        // A pin moves up, one beyond the page does nothing.
        let short = Rules { pinned: &pins, ..Rules::default() };
        assert_eq!(items(&short.apply(&[], 6, categories).unwrap()), [7, 50]);
        assert_eq!(items(&short.apply(&hits, 2, categories).unwrap()), [7, 0]);
        let both = Rules { blocked: &[7], pinned: &pins, caps: &[] };
        assert_eq!(items(&both.apply(&hits, 3, categories).unwrap()), [0, 1, 50]);
        assert_eq!(items(&Rules::default().apply(&hits, 0, categories).unwrap()), [0u32; 0]);
    }

    #[test]
    fn rules_that_cannot_be_kept_are_refused() {
        let same_place = [Pin { position: 2, hit: hit(1) }, Pin { position: 2, hit: hit(7) }];
        let same_item = [Pin { position: 1, hit: hit(7) }, Pin { position: 2, hit: hit(7) }];
        for pinned in [&same_place, &same_item] {
            assert!(Rules { pinned, ..Rules::default() }.apply(&[], 3, categories).is_err());
        }
        assert!(Rules { caps: &[(1, 1), (1, 2)], ..Rules::default() }.apply(&[], 3, categories).is_err());
    }

    proptest! {
        #[test]
        fn rules_hold(
            n in 0u32..40,
            k in 0usize..30,
            blocked in prop::collection::vec(0u32..45, 0..6),
            pinned in prop::collection::btree_map(0usize..35, 0u32..45, 0..5),
            caps in prop::collection::btree_map(0u32..4, 0usize..6, 0..4),
        ) {
            let hits: Vec<Hit> = (0..n).map(hit).collect();
            let mut pins: Vec<Pin> = Vec::new();
            for (position, item) in pinned {
                if pins.iter().all(|pin| pin.hit.item != item) {
                    pins.push(Pin { position, hit: hit(item) });
                }
            }
            let caps: Vec<(u32, usize)> = caps.into_iter().collect();
            let page = Rules { blocked: &blocked, pinned: &pins, caps: &caps }.apply(&hits, k, categories).unwrap();
            let shown = items(&page);
            prop_assert!(page.len() <= k);
            prop_assert!(shown.iter().all(|item| !blocked.contains(item)));
            let mut once = shown.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), shown.len(), "no item twice");
            let lawful: Vec<&Pin> =
                pins.iter().filter(|pin| pin.position < k && !blocked.contains(&pin.hit.item)).collect();
            let is_pin = |item: &u32| lawful.iter().any(|pin| pin.hit.item == *item);
            for pin in &lawful {
                let at = shown.iter().position(|&item| item == pin.hit.item).unwrap();
                prop_assert!(at == pin.position || (at < pin.position && shown[at..].iter().all(is_pin)));
            }
            // The others are from the list, in its order.
            let others: Vec<u32> = shown.iter().copied().filter(|item| !is_pin(item)).collect();
            prop_assert!(others.is_sorted() && others.iter().all(|&item| item < n));
            let count = |category: u32, items: &[u32]| {
                items.iter().filter(|&&item| categories(item).contains(&category)).count()
            };
            let pinned: Vec<u32> = lawful.iter().map(|pin| pin.hit.item).collect();
            for &(category, cap) in &caps {
                prop_assert!(count(category, &shown) <= cap.max(count(category, &pinned)));
            }
            // Who is left out while there was room exceeds a cap, is pinned or blocked.
            if page.len() < k {
                for item in (0..n).filter(|item| !shown.contains(item) && !blocked.contains(item)) {
                    let exceeds = |&(category, cap): &(u32, usize)| {
                        categories(item).contains(&category) && count(category, &shown) >= cap
                    };
                    prop_assert!(caps.iter().any(exceeds), "item {}", item);
                }
            }
        }
    }
}
