//! Draws from a table of weights.

use std::hint::select_unpredictable;

use crate::random::Draws;
use crate::{Error, Result};

/// Draws an index with a probability proportional to its weight, in constant time (the alias method:
/// Walker 1977; Vose 1991, "A linear algorithm for generating random variables with a given
/// distribution").
///
/// The table is integer arithmetic. Of `n * 2^32` equal parts of probability every index gets the
/// nearest whole number, so [`probability`](Self::probability) is exactly the probability of a draw: it
/// differs from the normalised weight by about `2^-32 / n`, it is the nearest `f64`, and the parts sum to
/// 1. An index with weight 0 is never drawn, and neither is one whose share is below half a part.
///
/// 16 bytes an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasTable {
    slots: Vec<Slot>,
    /// The parts of all indices before each one, and of all: `n + 1` entries.
    cumulative: Vec<u64>,
}

/// An index and the one that fills the rest of its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// The slot's own index takes the coins below this. A slot with nothing but its own index has it as
    /// alias, too.
    threshold: u32,
    alias: u32,
}

/// Parts in a slot.
const SLOT: u64 = 1 << 32;

impl AliasTable {
    /// A table for draws proportional to `weights`.
    ///
    /// # Errors
    /// If there is no weight, a weight is negative or not finite, or all are 0.
    pub fn new(weights: &[f64]) -> Result<Self> {
        let refuse = |message: String| Err(Error::Parameter { parameter: "weights", message });
        if weights.is_empty() {
            return refuse("there are none; there must be at least 1 to draw from".into());
        }
        let Ok(n) = u32::try_from(weights.len()) else {
            return refuse(format!("{} weights; at most {} can be indexed", weights.len(), u32::MAX));
        };
        if let Some(index) = weights.iter().position(|&weight| !(weight >= 0.0 && weight.is_finite())) {
            return refuse(format!(
                "the weight of index {index} is {}; it must be a finite number, at least 0",
                weights[index]
            ));
        }
        let max = weights.iter().copied().fold(0.0, f64::max);
        if max == 0.0 {
            return refuse("all are 0; at least 1 must be above 0".into());
        }
        let mut parts = parts(weights, max, u64::from(n) * SLOT);
        let mut sum = 0;
        let mut cumulative = Vec::with_capacity(parts.len() + 1);
        cumulative.push(0);
        cumulative.extend(parts.iter().map(|part| {
            sum += part;
            sum
        }));
        Ok(AliasTable { slots: slots(&mut parts), cumulative })
    }

    /// A table for draws proportional to `count^alpha`. `alpha` 0.75 is the noise of word2vec (Mikolov et
    /// al. 2013, "Distributed representations of words and phrases and their compositionality"), 0 is uniform
    /// over all indices, those with a count of 0 included.
    ///
    /// # Errors
    /// If there is no count, `alpha` is negative or not finite, or `alpha` is above 0 and all counts are 0.
    pub fn from_counts(counts: &[u64], alpha: f64) -> Result<Self> {
        if !(alpha >= 0.0 && alpha.is_finite()) {
            let message = format!("{alpha} must be a finite number, at least 0");
            return Err(Error::Parameter { parameter: "alpha", message });
        }
        // Relative to the largest, a power cannot overflow.
        let max = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let weights: Vec<f64> = counts.iter().map(|&count| (count as f64 / max).powf(alpha)).collect();
        AliasTable::new(&weights).map_err(|error| match error {
            Error::Parameter { message, .. } => Error::Parameter { parameter: "counts", message },
            other => other,
        })
    }

    /// The number of indices.
    #[expect(clippy::len_without_is_empty, reason = "a table is never empty")]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// An index below [`len`](Self::len).
    #[inline]
    pub fn draw(&self, draws: &mut Draws) -> u32 {
        let (index, coin) = draws.below_and_bits(self.slots.len() as u32);
        let slot = self.slots[index as usize];
        select_unpredictable(coin < slot.threshold, index, slot.alias)
    }

    /// The probability that a draw is `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn probability(&self, index: u32) -> f64 {
        self.parts(index) as f64 / self.n_parts() as f64
    }

    /// The parts of all indices together.
    pub(super) fn n_parts(&self) -> u64 {
        self.slots.len() as u64 * SLOT
    }

    /// The parts of `index`: its probability is their share of [`n_parts`](Self::n_parts).
    pub(super) fn parts(&self, index: u32) -> u64 {
        assert!((index as usize) < self.len(), "index {index}, but there are {} weights", self.len());
        self.cumulative[index as usize + 1] - self.cumulative[index as usize]
    }

    /// The parts of all indices below `index`.
    pub(super) fn parts_below(&self, index: u32) -> u64 {
        self.cumulative[index as usize]
    }

    /// The index that part number `part` belongs to, counted from 0 in the order of indices.
    pub(super) fn index_of_part(&self, part: u64) -> u32 {
        self.cumulative[1..].partition_point(|&end| end <= part) as u32
    }
}

/// The slots of a table for draws proportional to `weights`, which are finite, from 0, and not all 0: for
/// each the number of 32-bit coins below which it gives its own index, and the index for all others.
pub(crate) fn alias_slots(weights: &[f64]) -> impl Iterator<Item = (u32, u32)> {
    let max = weights.iter().copied().fold(0.0, f64::max);
    let mut parts = parts(weights, max, weights.len() as u64 * SLOT);
    slots(&mut parts).into_iter().map(|slot| (slot.threshold, slot.alias))
}

/// Divides `n_parts` parts by weight.
fn parts(weights: &[f64], max: f64, n_parts: u64) -> Vec<u64> {
    // Relative to the largest: the sum cannot overflow.
    let sum: f64 = weights.iter().map(|weight| weight / max).sum();
    let scale = n_parts as f64 / sum;
    let mut parts: Vec<u64> = weights.iter().map(|weight| (weight / max * scale).round() as u64).collect();
    // Rounding leaves a few too many or too few: one each, in order, so that equal weights differ by
    // one part at most.
    let mut excess = parts.iter().map(|&part| i128::from(part)).sum::<i128>() - i128::from(n_parts);
    while excess != 0 {
        for part in &mut parts {
            if excess > 0 && *part > 1 {
                *part -= 1;
                excess -= 1;
            } else if excess < 0 && *part > 0 {
                *part += 1;
                excess += 1;
            }
        }
    }
    parts
}

/// Fills every slot with at most two indices; uses up `parts`.
fn slots(parts: &mut [u64]) -> Vec<Slot> {
    let mut slots: Vec<Slot> =
        (0..parts.len() as u32).map(|index| Slot { threshold: 0, alias: index }).collect();
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for (index, &part) in parts.iter().enumerate() {
        if part < SLOT { small.push(index) } else { large.push(index) }
    }
    // The parts are exactly as many as the slots hold, so as long as a slot lacks some, another index
    // has more than a slot.
    while let (Some(index), Some(&filler)) = (small.pop(), large.last()) {
        slots[index] = Slot { threshold: parts[index] as u32, alias: filler as u32 };
        parts[filler] -= SLOT - parts[index];
        if parts[filler] < SLOT {
            large.pop();
            small.push(filler);
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts that slots give to every index.
    fn realised(table: &AliasTable) -> Vec<u64> {
        let mut parts = vec![0; table.len()];
        for (index, slot) in table.slots.iter().enumerate() {
            parts[index] += u64::from(slot.threshold);
            parts[slot.alias as usize] += SLOT - u64::from(slot.threshold);
        }
        parts
    }

    #[test]
    fn the_slots_hold_exactly_the_stated_parts() {
        let skewed: Vec<f64> = (0..1000).map(|rank| 1.0 / f64::from(rank + 1).powi(2)).collect();
        for weights in [
            vec![3.0],
            vec![0.0, 1.0, 0.0],
            vec![1.0; 7],
            vec![1e308, 1e308, 1e300, 0.0],
            vec![5e-324, 5e-324],
            skewed,
        ] {
            let table = AliasTable::new(&weights).unwrap();
            let parts: Vec<u64> = (0..weights.len() as u32).map(|index| table.parts(index)).collect();
            assert_eq!(realised(&table), parts, "{} weights", weights.len());
            assert_eq!(parts.iter().sum::<u64>(), table.n_parts());
            let max = weights.iter().copied().fold(0.0, f64::max);
            let sum: f64 = weights.iter().map(|weight| weight / max).sum();
            for (index, weight) in weights.iter().enumerate() {
                let error = (table.probability(index as u32) - weight / max / sum).abs();
                assert!(error * (table.n_parts() as f64) < 2.0, "index {index}: {error}");
                assert!(*weight > 0.0 || table.parts(index as u32) == 0);
            }
        }
        let equal = AliasTable::new(&[0.1; 7]).unwrap();
        assert!((0..7).all(|index| equal.parts(index) == SLOT));
    }

    #[test]
    fn parts_are_found_by_number() {
        let table = AliasTable::new(&[0.0, 1.0, 0.0, 3.0, 0.0]).unwrap();
        let first = table.parts(1);
        assert_eq!(first, table.n_parts() / 4);
        for (part, index) in [(0, 1), (first - 1, 1), (first, 3), (table.n_parts() - 1, 3)] {
            assert_eq!(table.index_of_part(part), index);
        }
    }

    #[test]
    fn weights_without_a_distribution_are_refused() {
        let message = |weights: &[f64]| AliasTable::new(weights).unwrap_err().to_string();
        assert_eq!(message(&[]), "weights: there are none; there must be at least 1 to draw from");
        assert_eq!(message(&[0.0, 0.0]), "weights: all are 0; at least 1 must be above 0");
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                message(&[1.0, bad]),
                format!("weights: the weight of index 1 is {bad}; it must be a finite number, at least 0")
            );
        }
    }
}
