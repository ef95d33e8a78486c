//! Negative items of a block.

use burn_recsys_data::Csr;
use burn_recsys_data::random::Draws;

use super::strata::Row;

/// How often an item is drawn again before the lawful ones are counted.
const MOST_DRAWS: usize = 32;

/// Bits of the filter for every row of a block: one pair in so many is looked up in vain.
const BITS_A_ROW: usize = 32;

/// Draws items of a block that its users have not met.
///
/// An item is drawn from the part of the row's own item. As the parts are drawn anew in every epoch, every
/// other item is in that part equally often: over epochs negatives are uniform over the items that the
/// user has not met.
#[derive(Debug)]
pub(super) struct BlockNegatives<'a> {
    positives: Option<&'a Csr>,
    /// A bit for the hash of every pair of user and item that has met.
    filter: Vec<u64>,
    shift: u32,
}

impl<'a> BlockNegatives<'a> {
    /// Draws for `rows`; without `positives`, a user's items are drawn too, except that of the row.
    pub(super) fn new<T>(rows: &[Row<T>], positives: Option<&'a Csr>) -> Self {
        if positives.is_none() {
            return BlockNegatives { positives, filter: Vec::new(), shift: 0 };
        }
        let n_bits = (rows.len() * BITS_A_ROW).next_power_of_two().max(64);
        let mut negatives =
            BlockNegatives { positives, filter: vec![0; n_bits / 64], shift: 64 - n_bits.trailing_zeros() };
        for row in rows {
            let bit = negatives.bit(row.user, row.item);
            negatives.filter[bit / 64] |= 1 << (bit % 64);
        }
        negatives
    }

    /// A position in `items` other than `row`'s; none if the user has met them all.
    #[inline(always)]
    pub(super) fn draw<T>(
        &self,
        row: &Row<T>,
        users: &[u32],
        items: &[u32],
        draws: &mut Draws,
    ) -> Option<u32> {
        let n_items = items.len() as u32;
        if n_items < 2 {
            return None;
        }
        let Some(positives) = self.positives else {
            let other = draws.below(n_items - 1);
            return Some(other + u32::from(other >= row.item));
        };
        for _ in 0..MOST_DRAWS {
            let item = draws.below(n_items);
            let bit = self.bit(row.user, item);
            let may_have_met = self.filter[bit / 64] >> (bit % 64) & 1 == 1;
            if !may_have_met || !has_met(positives, users[row.user as usize], items[item as usize]) {
                return Some(item);
            }
        }
        draw_counted(positives.row(users[row.user as usize]), items, draws)
    }

    #[inline(always)]
    fn bit(&self, user: u32, item: u32) -> usize {
        let pair = u64::from(user) << 32 | u64::from(item);
        // Two odd multipliers without a pattern; the highest bits depend on all of the pair.
        let mixed = (pair ^ pair >> 29).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        ((mixed ^ mixed >> 32).wrapping_mul(0xA24B_AED4_963E_E407) >> self.shift) as usize
    }
}

/// The item of the highest score among `n` that are drawn, of equal scores the first; none if none can be
/// drawn. A single one is not scored.
#[inline(always)]
pub(super) fn highest_scored(
    n: usize,
    mut draw: impl FnMut() -> Option<u32>,
    score: impl Fn(u32) -> f32,
) -> Option<u32> {
    let mut best = draw()?;
    if n < 2 {
        return Some(best);
    }
    let mut highest = score(best);
    for _ in 1..n {
        let item = draw()?;
        let score = score(item);
        if score > highest {
            (best, highest) = (item, score);
        }
    }
    Some(best)
}

fn has_met(positives: &Csr, user: u32, item: u32) -> bool {
    positives.row(user).binary_search(&item).is_ok()
}

/// Draws among the items that are not in `met`, all known.
#[cold]
fn draw_counted(met: &[u32], items: &[u32], draws: &mut Draws) -> Option<u32> {
    let unmet: Vec<u32> =
        (0u32..).zip(items).filter(|(_, item)| met.binary_search(item).is_err()).map(|(at, _)| at).collect();
    (!unmet.is_empty()).then(|| unmet[draws.below(unmet.len() as u32) as usize])
}

#[cfg(test)]
mod tests {
    use burn_recsys_data::random::{Random, Stream};

    use super::*;
    use crate::factorization::partition::{Axis, Partition};

    /// Draws the negatives of user 0, whose items are `met`, for its row of item `item`, over `n_epochs`
    /// partitions of `n_items` into `n_parts`.
    fn counts(met: &[u32], item: u32, n_items: usize, n_parts: usize, excludes: bool) -> Vec<f64> {
        let positives = Csr::from_rows([met]);
        let mut counts = vec![0.0; n_items];
        for epoch in 0..40_000 {
            let partition = Partition::identity(n_items, n_parts).of_epoch(9, Axis::Items, epoch);
            let place = |item: u32| {
                let at = partition.positions[item as usize] as usize;
                (at / partition.part_size, (at % partition.part_size) as u32)
            };
            let part = place(item).0;
            let items = partition.order.chunks(partition.part_size).nth(part).unwrap();
            let in_part = met.iter().map(|&item| place(item)).filter(|place| place.0 == part);
            let rows: Vec<_> = in_part.map(|(_, item)| Row { user: 0, item, value: () }).collect();
            let negatives = BlockNegatives::new(&rows, excludes.then_some(&positives));
            let row = Row { user: 0, item: place(item).1, value: () };
            let mut draws = Random::new(3, Stream::Negatives, epoch).row(0);
            let drawn = negatives.draw(&row, &[0], items, &mut draws).unwrap();
            counts[items[drawn as usize] as usize] += 1.0;
        }
        counts
    }

    fn chi_square(counts: &[f64]) -> f64 {
        let expected = counts.iter().sum::<f64>() / counts.len() as f64;
        counts.iter().map(|count| (count - expected).powi(2) / expected).sum()
    }

    #[test]
    fn over_epochs_negatives_are_uniform_over_unmet_items() {
        let met = [1, 4, 5, 11, 17, 23];
        let mut counts = counts(&met, 11, 34, 3, true);
        for &item in met.iter().rev() {
            assert_eq!(counts.remove(item as usize), 0.0);
        }
        // Chi-square with 27 degrees of freedom: 62 is exceeded once in 10,000.
        let chi = chi_square(&counts);
        assert!(chi < 62.0, "chi-square {chi}: {counts:?}");
    }

    #[test]
    fn without_exclusion_negatives_are_uniform_over_all_other_items() {
        let mut counts = counts(&[1, 4, 5], 4, 29, 3, false);
        assert_eq!(counts.remove(4), 0.0);
        let chi = chi_square(&counts);
        assert!(chi < 62.0, "chi-square {chi}: {counts:?}");
    }

    #[test]
    fn the_last_unmet_item_is_found() {
        let met: Vec<u32> = (0..1000).filter(|&item| item != 321).collect();
        let rows: Vec<_> = met.iter().map(|&item| Row { user: 0, item, value: () }).collect();
        let positives = Csr::from_rows([&met]);
        let items: Vec<u32> = (0..1000).collect();
        let negatives = BlockNegatives::new(&rows, Some(&positives));
        let random = Random::new(1, Stream::Negatives, 0);
        for draw in 0..50 {
            assert_eq!(negatives.draw(&rows[0], &[0], &items, &mut random.row(draw)), Some(321));
        }
        assert_eq!(negatives.draw(&rows[0], &[0], &items[..321], &mut random.row(0)), None);
        assert_eq!(
            BlockNegatives::new(&rows, None).draw(&rows[0], &[0], &items[..1], &mut random.row(0)),
            None
        );
    }

    #[test]
    fn the_highest_scored_of_the_drawn_items_is_taken() {
        let scores = [0.5, -1.0, 2.0, 2.0, 7.0, f32::NEG_INFINITY];
        let take = |n, drawn: &[u32]| {
            let mut drawn = drawn.iter().copied();
            let best = highest_scored(n, || drawn.next(), |item| scores[item as usize]);
            (best, drawn.len())
        };
        // Exactly so many are drawn: the best item, 4, is beyond them.
        assert_eq!(take(4, &[1, 0, 3, 2, 4]), (Some(3), 1));
        assert_eq!(take(4, &[1, 0, 2, 3, 4]), (Some(2), 1));
        assert_eq!(take(2, &[5, 5]), (Some(5), 0));
        assert_eq!(take(3, &[]), (None, 0));
    }

    #[test]
    fn a_single_candidate_is_what_is_drawn() {
        let positives = Csr::from_rows([[2, 5]]);
        let rows = [2, 5].map(|item| Row { user: 0, item, value: () });
        let negatives = BlockNegatives::new(&rows, Some(&positives));
        let items: Vec<u32> = (0..40).collect();
        let random = Random::new(1, Stream::Negatives, 0);
        let (mut draws, mut same) = (random.row(0), random.row(0));
        for _ in 0..50 {
            let draw = || negatives.draw(&rows[0], &[0], &items, &mut draws);
            let best = highest_scored(1, draw, |item| panic!("item {item} was scored"));
            assert_eq!(best, negatives.draw(&rows[0], &[0], &items, &mut same));
        }
    }
}
