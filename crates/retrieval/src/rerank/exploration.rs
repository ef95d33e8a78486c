//! Categories that a user has seen little of.

use super::check_scores;
use super::draws::Draws;
use crate::{Error, Hit, Result};

/// What is known of a user and a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// How often an item of it was shown.
    pub shown: u32,
    /// How often one was chosen.
    pub chosen: u32,
}

/// An item in its place on a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// The item, with the score that it had.
    pub hit: Hit,
    /// The category for which it has this place; `None` if it has it by its order.
    pub explores: Option<u32>,
}

/// Gives places of a page to categories by Thompson sampling.
///
/// Every place is for exploration with probability [`share`](Self::share). For one that is, each category that
/// has an item left draws from `Beta(1 + chosen, 1 + shown - chosen)`, what its record says of the chance that
/// the user chooses an item of it; the category with the largest draw gives its first item left. Categories that
/// were shown little have wide laws, so they win often until they are known (Thompson 1933, "On the likelihood
/// that one unknown probability exceeds another in view of the evidence of two samples"; Chapelle and Li 2011,
/// "An empirical evaluation of Thompson sampling"). The other places go to the first item left.
///
/// All draws are a function of the seed, the user and the visit: a page can be replayed, and the next visit is
/// another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exploration {
    /// The probability that a place is for exploration, 0 to 1.
    pub share: f64,
    /// The seed of all draws.
    pub seed: u64,
}

impl Exploration {
    /// The first `k` places of the page of a user's visit.
    ///
    /// `categories` gives those of an item, `record` what is known of the user and a category.
    ///
    /// # Errors
    /// If the share is not within 0 to 1, or a score is NaN.
    pub fn apply<'a>(
        &self,
        hits: &[Hit],
        k: usize,
        (user, visit): (u64, u64),
        categories: impl Fn(u32) -> &'a [u32],
        record: impl Fn(u32) -> Record,
    ) -> Result<Vec<Placed>> {
        if !(0.0..=1.0).contains(&self.share) {
            return Err(Error::Rerank { message: format!("share is {}; it is within 0 and 1", self.share) });
        }
        check_scores(hits)?;
        let mut draws = Draws::new(self.seed, user, visit);
        let mut rest = hits.to_vec();
        let mut page = Vec::with_capacity(k.min(hits.len()));
        while page.len() < k && !rest.is_empty() {
            // One draw a place, explored or not: what a place draws does not depend on the share.
            let explores = draws.uniform() < self.share;
            let category = if explores { draw(&mut draws, &rest, &categories, &record) } else { None };
            let of_category =
                |hit: &Hit| category.is_some_and(|category| categories(hit.item).contains(&category));
            let at = rest.iter().position(of_category).unwrap_or(0);
            page.push(Placed { hit: rest.remove(at), explores: category });
        }
        Ok(page)
    }
}

/// The category of the largest draw; of equal ones the lowest.
fn draw<'a>(
    draws: &mut Draws,
    rest: &[Hit],
    categories: impl Fn(u32) -> &'a [u32],
    record: impl Fn(u32) -> Record,
) -> Option<u32> {
    let mut present: Vec<u32> = rest.iter().flat_map(|hit| categories(hit.item)).copied().collect();
    present.sort_unstable();
    present.dedup();
    let mut best = None;
    for category in present {
        let Record { shown, chosen } = record(category);
        let passed = shown.saturating_sub(chosen);
        let value = draws.beta(1.0 + f64::from(chosen), 1.0 + f64::from(passed));
        if best.is_none_or(|(_, largest)| value > largest) {
            best = Some((category, value));
        }
    }
    best.map(|(category, _)| category)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Item i is of category i % 4, and every fifth of category 9 as well.
    const CATEGORIES: [[&[u32]; 2]; 4] = [[&[0], &[0, 9]], [&[1], &[1, 9]], [&[2], &[2, 9]], [&[3], &[3, 9]]];

    fn categories(item: u32) -> &'static [u32] {
        CATEGORIES[item as usize % 4][usize::from(item.is_multiple_of(5))]
    }

    fn list(n: u32) -> Vec<Hit> {
        (0..n).map(|item| Hit { item, score: -(item as f32) }).collect()
    }

    #[test]
    fn a_category_that_is_chosen_or_unknown_wins_over_one_that_is_passed_over() {
        let exploration = Exploration { share: 1.0, seed: 5 };
        let record = |category| match category {
            0 => Record { shown: 200, chosen: 0 },
            1 => Record { shown: 200, chosen: 20 },
            2 => Record { shown: 200, chosen: 1 },
            _ => Record::default(),
        };
        let mut wins = [0u32; 10];
        for visit in 0..1_000 {
            let page = exploration.apply(&list(40), 1, (1, visit), categories, record).unwrap();
            wins[page[0].explores.unwrap() as usize] += 1;
        }
        // The mean of 1 is about 0.1 with a deviation of 0.02; 3 and 9 are uniform, and the larger of two
        // uniform numbers is below 0.1 once in a hundred.
        assert!(wins[3] + wins[9] > 950 && wins[3].abs_diff(wins[9]) < 200, "{wins:?}");
        assert!(wins[1] > wins[0] + wins[2], "{wins:?}");
    }

    #[test]
    fn without_a_share_or_categories_the_order_stays() {
        let hits = list(12);
        let as_it_was = |page: Vec<Placed>| page.iter().map(|placed| placed.hit).collect::<Vec<_>>() == hits;
        let none = Exploration { share: 0.0, seed: 1 };
        assert!(as_it_was(none.apply(&hits, 99, (1, 1), categories, |_| Record::default()).unwrap()));
        let all = Exploration { share: 1.0, seed: 1 };
        assert!(as_it_was(all.apply(&hits, 12, (1, 1), |_| &[], |_| Record::default()).unwrap()));
        let wrong = Exploration { share: f64::NAN, seed: 1 };
        assert!(wrong.apply(&hits, 1, (1, 1), categories, |_| Record::default()).is_err());
    }

    proptest! {
        #[test]
        fn pages_are_replayed_and_nothing_is_lost(
            n in 0u32..40,
            k in 0usize..50,
            share in 0f64..=1.0,
            user: u64,
            visit: u64,
        ) {
            let exploration = Exploration { share, seed: 3 };
            let record = |category| Record { shown: category * 3, chosen: category };
            let page = exploration.apply(&list(n), k, (user, visit), categories, record).unwrap();
            prop_assert_eq!(&exploration.apply(&list(n), k, (user, visit), categories, record).unwrap(), &page);
            prop_assert_eq!(page.len(), k.min(n as usize));
            let mut items: Vec<u32> = page.iter().map(|placed| placed.hit.item).collect();
            items.sort_unstable();
            items.dedup();
            prop_assert_eq!(items.len(), page.len());
            for placed in page {
                prop_assert!(placed.explores.is_none_or(|category| categories(placed.hit.item).contains(&category)));
            }
        }
    }

    #[test]
    fn other_visits_are_other_pages() {
        let exploration = Exploration { share: 0.3, seed: 3 };
        let page = |user, visit| {
            exploration.apply(&list(40), 10, (user, visit), categories, |_| Record::default()).unwrap()
        };
        let pages: Vec<_> = (0..20).map(|visit| page(1, visit)).collect();
        assert!(pages.iter().any(|other| *other != pages[0]));
        let places = pages.iter().flatten().filter(|placed| placed.explores.is_some()).count();
        // 200 places with probability 0.3: 60, with a deviation of 6.5.
        assert!((30..90).contains(&places), "{places}");
        assert!((0..20).any(|user| page(user, 0) != pages[0]));
    }
}
