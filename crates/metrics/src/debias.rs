//! Ground truth in which popular items count no more often than a bound.
//!
//! Where a few items make up most of a test part, a metric mostly says how well those are recommended. Dropping
//! part of their rows gives the others more say: any metric measured against the kept rows is its debiased
//! variant.

use rayon::prelude::*;

use crate::quantile::linear_quantile;
use crate::{Error, Result};

/// Limits how many users' truth an item may be part of.
///
/// With Q1 and Q3 the quartiles of the items' numbers of users (by linear interpolation, NumPy's default), an item
/// may count `⌊Q3 + iqr_coef (Q3 - Q1)⌋` times: beyond that it is an outlier by Tukey's rule. Of an item above
/// the limit, so many users are drawn at random, without replacement. Whether a row is kept is a function of the
/// seed, the item, its users and this user alone, not of the order of rows or the number of threads.
///
/// Source: RecTools 0.19 `DebiasConfig`, `debias_interactions`; the limit is the same, the draws are not, since
/// they come from another generator.
///
/// ```
/// use burn_recsys_metrics::debias::Debias;
///
/// // (user, item): item 0 has five users, items 1, 2 and 3 have one each.
/// let rows = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (1, 2), (2, 3)];
/// let debias = Debias::new(1.5, 42)?;
/// // Counts 1, 1, 1, 5: Q1 = 1, Q3 = 1 + 0.25 * 4 = 2, so the limit is 2 + 1.5 * 1 = 3.5, rounded down.
/// assert_eq!(debias.limit([5, 1, 1, 1]), Some(3));
/// assert_eq!(debias.apply(&rows).len(), 3 + 3);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Debias {
    iqr_coef: f64,
    seed: u64,
}

impl Debias {
    /// With the coefficient of the interquartile range, 1.5 as a rule, and the seed of the draws.
    ///
    /// # Errors
    /// If `iqr_coef` is negative, NaN or infinite.
    pub fn new(iqr_coef: f64, seed: u64) -> Result<Self> {
        if iqr_coef.is_finite() && iqr_coef >= 0.0 {
            return Ok(Self { iqr_coef, seed });
        }
        let message = format!("{iqr_coef}; must be at least 0, and finite");
        Err(Error::Parameter { parameter: "iqr_coef", message })
    }

    /// How many users an item may count for, given the number of users of each item; items without users are
    /// left out. `None` if no item has users; at least 1 otherwise.
    pub fn limit(&self, counts: impl IntoIterator<Item = u64>) -> Option<u64> {
        let mut counts: Vec<f64> =
            counts.into_iter().filter(|&count| count > 0).map(|count| count as f64).collect();
        counts.par_sort_unstable_by(f64::total_cmp);
        let (q1, q3) = (linear_quantile(&counts, 0.25)?, linear_quantile(&counts, 0.75)?);
        Some((q3 + self.iqr_coef * (q3 - q1)) as u64)
    }

    /// The rows of (user, item) that are kept, in their order.
    ///
    /// A pair that occurs twice counts as one user of the item, and both rows are kept or both dropped. Costs
    /// O(n log n) time and 8 bytes a row beside the result (24 for rows of items above the limit).
    pub fn apply(&self, rows: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let mut pairs: Vec<(u32, u32)> = rows.iter().map(|&(user, item)| (item, user)).collect();
        pairs.par_sort_unstable();
        pairs.dedup();
        let items = || pairs.chunk_by(|left, right| left.0 == right.0);
        let Some(limit) = self.limit(items().map(|users| users.len() as u64)) else { return Vec::new() };
        // A limit beyond usize is none.
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut dropped: Vec<(u32, u32)> = Vec::new();
        for users in items().filter(|users| users.len() > limit) {
            let mut drawn: Vec<(u64, u32)> =
                users.iter().map(|&(item, user)| (self.draw(item, user), user)).collect();
            drawn.par_sort_unstable();
            dropped.extend(drawn[limit..].iter().map(|&(_, user)| (users[0].0, user)));
        }
        dropped.par_sort_unstable();
        let kept = |&&(user, item): &&(u32, u32)| dropped.binary_search(&(item, user)).is_err();
        rows.iter().filter(kept).copied().collect()
    }

    /// A number that looks random, for ordering the users of an item.
    fn draw(&self, item: u32, user: u32) -> u64 {
        mix(mix(self.seed).wrapping_add(u64::from(item) << 32 | u64::from(user)))
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood 2014): a bijection that spreads each bit over all.
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_tukeys_upper_fence_rounded_down() {
        // Quartiles at positions 1.25 and 3.75 of 0..5: Q1 = 2 + 0.25 * 1, Q3 = 4 + 0.75 * 6.
        let counts = [10, 1, 4, 2, 40, 3];
        let fence = 8.5 + 1.5 * (8.5 - 2.25);
        assert_eq!(fence, 17.875);
        assert_eq!(Debias::new(1.5, 0).unwrap().limit(counts), Some(17));
        assert_eq!(Debias::new(0.0, 0).unwrap().limit(counts), Some(8));
        assert_eq!(Debias::new(1.5, 0).unwrap().limit([7]), Some(7));
    }

    #[test]
    fn items_without_users_do_not_count() {
        let debias = Debias::new(1.5, 0).unwrap();
        assert_eq!(debias.limit([0, 7, 0, 0]), Some(7));
        assert_eq!((debias.limit([0, 0]), debias.limit([])), (None, None));
        assert_eq!(debias.apply(&[]), []);
    }

    #[test]
    fn coefficients_that_are_no_numbers_are_refused() {
        for coefficient in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Debias::new(coefficient, 0).is_err());
        }
    }

    #[test]
    fn splitmix_gives_its_published_first_number() {
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn every_user_is_equally_likely_to_be_kept() {
        // Item 0 has 40 users; ten items have one. Limit 1, so one of 40 is kept under each of 4000 seeds.
        let mut rows: Vec<(u32, u32)> = (0..40).map(|user| (user, 0)).collect();
        rows.extend((1..=10).map(|item| (0, item)));
        let mut kept = [0_u32; 40];
        for seed in 0..4000 {
            let debias = Debias::new(1.5, seed).unwrap();
            debias.apply(&rows).iter().filter(|row| row.1 == 0).for_each(|row| kept[row.0 as usize] += 1);
        }
        assert_eq!(kept.iter().sum::<u32>(), 4000);
        let chi_square: f64 = kept.iter().map(|&n| (f64::from(n) - 100.0).powi(2) / 100.0).sum();
        // The 99.9th percentile at 39 degrees of freedom.
        assert!(chi_square < 72.1, "{chi_square}");
    }
}
