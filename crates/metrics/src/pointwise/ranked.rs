//! The rows in the order of their scores: what all metrics over every threshold share.

use rayon::prelude::*;

use super::{Predictions, Scores};

/// Rows of one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tie {
    pub(super) positives: u64,
    pub(super) negatives: u64,
}

/// The rows of each class, ordered by score.
///
/// Scores become integers of the same order, one array for each class, sorted in place: a copy of the scores
/// is all the memory there is. What comes out are counts, so no order of rows or threads can show.
pub(super) struct Ranked(Keys);

enum Keys {
    F32(Classes<u32>),
    F64(Classes<u64>),
}

/// Ascending.
struct Classes<K> {
    positives: Vec<K>,
    negatives: Vec<K>,
}

impl Ranked {
    pub(super) fn new(predictions: &Predictions<'_>) -> Self {
        let labels = predictions.labels();
        Self(match predictions.scores() {
            Scores::F32(scores) => Keys::F32(Classes::new(scores, labels, key_f32)),
            Scores::F64(scores) => Keys::F64(Classes::new(scores, labels, key_f64)),
        })
    }

    pub(super) fn n_positives(&self) -> u64 {
        (match &self.0 {
            Keys::F32(classes) => classes.positives.len(),
            Keys::F64(classes) => classes.positives.len(),
        }) as u64
    }

    pub(super) fn n_negatives(&self) -> u64 {
        (match &self.0 {
            Keys::F32(classes) => classes.negatives.len(),
            Keys::F64(classes) => classes.negatives.len(),
        }) as u64
    }

    /// Calls `visit` for each distinct score, the highest first.
    pub(super) fn for_each_tie(&self, visit: impl FnMut(Tie)) {
        match &self.0 {
            Keys::F32(classes) => classes.for_each_tie(visit),
            Keys::F64(classes) => classes.for_each_tie(visit),
        }
    }
}

impl<K: Ord + Copy + Send> Classes<K> {
    fn new<S: Copy>(scores: &[S], labels: &[bool], key: fn(S) -> K) -> Self {
        let n_positives = labels.iter().filter(|&&label| label).count();
        // Exact capacities: a growing vector would for a moment hold its keys twice.
        let mut positives = Vec::with_capacity(n_positives);
        let mut negatives = Vec::with_capacity(labels.len() - n_positives);
        for (&score, &label) in scores.iter().zip(labels) {
            if label { positives.push(key(score)) } else { negatives.push(key(score)) }
        }
        positives.par_sort_unstable();
        negatives.par_sort_unstable();
        Self { positives, negatives }
    }

    fn for_each_tie(&self, mut visit: impl FnMut(Tie)) {
        let (mut positives, mut negatives) = (&self.positives[..], &self.negatives[..]);
        while let Some(&key) = positives.last().max(negatives.last()) {
            visit(Tie { positives: take(&mut positives, key), negatives: take(&mut negatives, key) });
        }
    }
}

/// Cuts the keys equal to `key` off the end and counts them.
fn take<K: Ord + Copy>(keys: &mut &[K], key: K) -> u64 {
    let n = keys.iter().rev().take_while(|&&last| last == key).count();
    *keys = &keys[..keys.len() - n];
    n as u64
}

/// An integer in the order of the scores, none of which is NaN.
pub(super) fn key_f32(score: f32) -> u32 {
    // Adding 0 turns -0 into 0. Then flipping all bits of negative numbers and the sign of the others
    // orders the bit patterns.
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// As [`key_f32`].
pub(super) fn key_f64(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_keep_the_order_of_the_scores() {
        let ascending = [f64::NEG_INFINITY, -2.0, -1e-300, 0.0, 5e-324, 0.5, f64::INFINITY];
        assert!(ascending.map(key_f64).is_sorted_by(|left, right| left < right));
        let ascending = [f32::NEG_INFINITY, -2.0, -1e-38, 0.0, 1e-45, 0.5, f32::INFINITY];
        assert!(ascending.map(key_f32).is_sorted_by(|left, right| left < right));
        assert_eq!((key_f64(-0.0), key_f32(-0.0)), (key_f64(0.0), key_f32(0.0)));
    }

    #[test]
    fn ties_come_highest_first() {
        let scores = [0.5, -1.0, 0.5, 2.0, -1.0];
        let labels = [true, false, false, false, false];
        let ranked = Ranked::new(&Predictions::new(&scores, &labels).unwrap());
        assert_eq!((ranked.n_positives(), ranked.n_negatives()), (1, 4));
        let mut ties = Vec::new();
        ranked.for_each_tie(|tie| ties.push((tie.positives, tie.negatives)));
        assert_eq!(ties, [(0, 1), (1, 1), (0, 2)]);
    }
}
