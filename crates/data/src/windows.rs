//! What word2vec reads from a sequence: windows around every item, frequent items left out.
//!
//! Nothing here allocates for a sequence, and everything random takes the [`Draws`] of the sequence, so
//! that its pairs are a function of the seed, the epoch and the number of the sequence:
//!
//! ```
//! # fn main() -> burn_recsys_data::Result<()> {
//! use burn_recsys_data::random::{Random, Stream};
//! use burn_recsys_data::windows::{Subsampling, WindowConfig};
//! use burn_recsys_data::{Csr, Sequences, StoredSequences};
//!
//! let sequences = StoredSequences::new(4, Csr::from_rows([[0, 1, 2], [3, 1, 0]]))?;
//! let subsampling = Subsampling::new(&sequences.counts(0), 0.1)?;
//! let config = WindowConfig::default();
//! config.validate()?;
//! let random = Random::new(7, Stream::Windows, 0);
//! let (mut items, mut pairs) = (Vec::new(), Vec::new());
//! for index in 0..sequences.n_sequences() {
//!     items.clear();
//!     sequences.append(0, index, &mut items);
//!     let mut draws = random.row(index as u64);
//!     subsampling.retain(&mut items, &mut draws);
//!     for window in config.windows(&items, &mut draws) {
//!         pairs.extend(window.context().map(|context| (window.center, context)));
//!     }
//! }
//! assert!(pairs.iter().all(|(center, context)| center != context));
//! # Ok(())
//! # }
//! ```
//!
//! The noise that pairs are told from is [`AliasTable::from_counts`](crate::AliasTable::from_counts), with
//! `alpha` 0.75.

use serde::{Deserialize, Serialize};

use crate::random::Draws;
use crate::{Error, Result};

/// Which items of a sequence are context of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowConfig {
    /// How many items before and how many after an item are its context, at most; from 1. Default 5.
    pub window: usize,
    /// Whether every position draws its own window, uniform in `1..=window`, so that near items are context
    /// more often (Mikolov et al. 2013, "Efficient estimation of word representations in vector space").
    /// Default true.
    pub is_dynamic: bool,
}

impl Default for WindowConfig {
    fn default() -> Self {
        WindowConfig { window: 5, is_dynamic: true }
    }
}

impl WindowConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    /// If the window is 0 or does not fit in 32 bits.
    pub fn validate(&self) -> Result<()> {
        if self.window == 0 || u32::try_from(self.window).is_err() {
            let message = format!("{} is not from 1 to {}", self.window, u32::MAX);
            return Err(Error::Parameter { parameter: "window", message });
        }
        Ok(())
    }

    /// The window of every position of `items`, in order. Takes one of `draws` a position if windows are
    /// dynamic, else none.
    ///
    /// # Panics
    /// On the first position, if windows are dynamic and [`validate`](Self::validate) refuses them.
    pub fn windows<'a>(&self, items: &'a [u32], draws: &'a mut Draws) -> impl Iterator<Item = Window<'a>> {
        let WindowConfig { window, is_dynamic } = *self;
        items.iter().enumerate().map(move |(position, &center)| {
            let width = if is_dynamic { draws.below(window as u32) as usize + 1 } else { window };
            let end = items.len().min((position + 1).saturating_add(width));
            Window {
                center,
                before: &items[position.saturating_sub(width)..position],
                after: &items[position + 1..end],
            }
        })
    }

    /// All pairs (centre, context) of `items`: those of [`windows`](Self::windows), centre by centre.
    ///
    /// # Panics
    /// As [`windows`](Self::windows).
    pub fn pairs<'a>(&self, items: &'a [u32], draws: &'a mut Draws) -> impl Iterator<Item = (u32, u32)> {
        self.windows(items, draws).flat_map(|window| window.context().map(move |item| (window.center, item)))
    }
}

/// An item of a sequence and what is near it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window<'a> {
    /// The item.
    pub center: u32,
    /// Its context on the left, in the order of the sequence.
    pub before: &'a [u32],
    /// Its context on the right.
    pub after: &'a [u32],
}

impl<'a> Window<'a> {
    /// The context in the order of the sequence. It holds the centre's own item if that is in the sequence
    /// again nearby.
    pub fn context(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.before.iter().chain(self.after).copied()
    }
}

/// Leaves out occurrences of frequent items at random, before windows are taken: the more often, the more
/// frequent, so that windows reach farther and rare items get their share.
///
/// An occurrence of an item that is the share `f` of all occurrences is kept with probability
///
/// ```text
/// min(1, sqrt(t / f) + t / f)
/// ```
///
/// with the threshold `t`. That is what word2vec and gensim compute; equation 5 of Mikolov et al. (2013,
/// "Distributed representations of words and phrases and their compositionality") is without the second
/// term and leaves out a little more.
///
/// 4 bytes an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subsampling {
    /// An occurrence is kept if 32 random bits are at most this.
    limits: Vec<u32>,
}

impl Subsampling {
    /// For items that occur `counts` times, `[n_items]`, as [`Sequences::counts`](crate::Sequences::counts)
    /// gives them. Usual thresholds are 1e-5 to 1e-3; from 1 on every item is kept.
    ///
    /// # Errors
    /// If `threshold` is not a finite number above 0.
    pub fn new(counts: &[u64], threshold: f64) -> Result<Self> {
        if !(threshold > 0.0 && threshold.is_finite()) {
            let message = format!(
                "{threshold} is not a finite number above 0; to keep all items, use no subsampling at all"
            );
            return Err(Error::Parameter { parameter: "threshold", message });
        }
        let sum: f64 = counts.iter().map(|&count| count as f64).sum();
        let limit = |&count: &u64| {
            let ratio = threshold * sum / count as f64;
            let keep = ratio.sqrt() + ratio;
            // Of 2^32 equal parts; an item without occurrences has an infinite ratio. Casts saturate.
            ((keep * 4_294_967_296.0).round() as u64).clamp(1, 1 << 32).wrapping_sub(1) as u32
        };
        Ok(Subsampling { limits: counts.iter().map(limit).collect() })
    }

    /// The probability that an occurrence of `item` is kept.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn keep_probability(&self, item: u32) -> f64 {
        (f64::from(self.limits[item as usize]) + 1.0) / 4_294_967_296.0
    }

    /// Leaves items of a sequence out; the others keep their order. Takes one of `draws` for every item that
    /// may be left out.
    ///
    /// # Panics
    /// If an item does not exist.
    pub fn retain(&self, items: &mut Vec<u32>, draws: &mut Draws) {
        items.retain(|&item| {
            let limit = self.limits[item as usize];
            limit == u32::MAX || draws.next_u64() as u32 <= limit
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AliasTable;
    use crate::random::{Random, Stream};
    use proptest::prelude::*;

    fn draws(row: u64) -> Draws {
        Random::new(5, Stream::Windows, 0).row(row)
    }

    #[test]
    fn a_fixed_window_holds_the_items_on_both_sides() {
        let config = WindowConfig { window: 2, is_dynamic: false };
        let pairs: Vec<_> = config.pairs(&[7, 8, 9, 7], &mut draws(0)).collect();
        let expected = [(7, 8), (7, 9), (8, 7), (8, 9), (8, 7), (9, 7), (9, 8), (9, 7), (7, 8), (7, 9)];
        assert_eq!(pairs, expected);
        let mut draws_of_third = draws(0);
        let third = config.windows(&[7, 8, 9, 7], &mut draws_of_third).nth(2).unwrap();
        assert_eq!(third, Window { center: 9, before: &[7, 8], after: &[7] });
        for short in [&[][..], &[3]] {
            assert_eq!(config.pairs(short, &mut draws(0)).count(), 0);
        }
        let widest = WindowConfig { window: usize::MAX, is_dynamic: false };
        assert_eq!(widest.pairs(&[1, 2, 3], &mut draws(0)).count(), 6);
    }

    #[test]
    fn dynamic_windows_are_uniform() {
        let config = WindowConfig { window: 4, is_dynamic: true };
        let (items, n) = ([0; 9], 40_000);
        let mut counts = [0u32; 4];
        for row in 0..n {
            let mut draws = draws(row);
            let window = config.windows(&items, &mut draws).nth(4).unwrap();
            assert_eq!(window.before.len(), window.after.len());
            counts[window.before.len() - 1] += 1;
        }
        let expected = n as f64 / 4.0;
        let chi: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        // 3 degrees of freedom: 21.1 is exceeded once in 10,000.
        assert!(chi < 21.1, "chi-square {chi}, counts {counts:?}");
    }

    #[test]
    fn a_window_of_nothing_is_refused() {
        WindowConfig::default().validate().unwrap();
        let error = WindowConfig { window: 0, is_dynamic: true }.validate().unwrap_err();
        assert_eq!(error.to_string(), "window: 0 is not from 1 to 4294967295");
    }

    #[test]
    fn frequent_items_are_left_out_as_often_as_stated() {
        // Shares 0.9, 0.09, 0.01 and 0.
        let subsampling = Subsampling::new(&[90, 9, 1, 0], 0.01).unwrap();
        let keep = |share: f64| (0.01 / share).sqrt() + 0.01 / share;
        for (item, expected) in [(0, keep(0.9)), (1, keep(0.09)), (2, 1.0), (3, 1.0)] {
            assert!((subsampling.keep_probability(item) - expected).abs() < 1e-9, "item {item}");
        }
        let n = 100_000;
        let mut items: Vec<u32> = (0..4 * n).map(|position| position % 4).collect();
        subsampling.retain(&mut items, &mut draws(1));
        for item in 0..4 {
            let kept = items.iter().filter(|&&other| other == item).count() as f64;
            let probability = subsampling.keep_probability(item);
            let (mean, variance) =
                (f64::from(n) * probability, f64::from(n) * probability * (1.0 - probability));
            assert!((kept - mean).abs() <= 4.0 * variance.sqrt(), "item {item}: {kept} of {mean}");
        }
    }

    #[test]
    fn thresholds_that_say_nothing_are_refused() {
        for threshold in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let message = Subsampling::new(&[1], threshold).unwrap_err().to_string();
            assert!(message.starts_with(&format!("threshold: {threshold} is not")), "{message}");
        }
        assert_eq!(Subsampling::new(&[5, 5], 1.0).unwrap().keep_probability(0), 1.0);
        assert_eq!(Subsampling::new(&[], 1e-3).unwrap().limits, [0u32; 0]);
        // An item is never lost altogether.
        assert!(Subsampling::new(&[u64::MAX], 1e-300).unwrap().keep_probability(0) > 0.0);
    }

    #[test]
    fn noise_is_a_power_of_the_counts() {
        let noise = AliasTable::from_counts(&[16, 0, 1], 0.75).unwrap();
        for (item, expected) in [(0, 8.0 / 9.0), (1, 0.0), (2, 1.0 / 9.0)] {
            assert!((noise.probability(item) - expected).abs() < 1e-9, "item {item}");
        }
    }

    proptest! {
        #[test]
        fn windows_lie_around_their_position(
            items in proptest::collection::vec(0u32..9, 0..40),
            window in 1usize..8,
            is_dynamic: bool,
            row: u64,
        ) {
            let config = WindowConfig { window, is_dynamic };
            let mut draws = draws(row);
            for (position, found) in config.windows(&items, &mut draws).enumerate() {
                prop_assert_eq!(found.center, items[position]);
                prop_assert!(items[..position].ends_with(found.before));
                prop_assert!(items[position + 1..].starts_with(found.after));
                let least = if is_dynamic { 1 } else { window };
                for (n, available) in [(found.before.len(), position), (found.after.len(), items.len() - 1 - position)] {
                    prop_assert!((least.min(available)..=window.min(available)).contains(&n));
                }
            }
        }
    }
}
