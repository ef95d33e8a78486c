//! The rows in the order of their scores: what all metrics over every threshold share.

use rayon::prelude::*;

use super::{Predictions, Scores};

/// So many rows of each class: as a rule those of one score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tie {
    pub(super) positives: u64,
    pub(super) negatives: u64,
}

/// What is gathered from ties that come highest score first.
pub(super) trait FromTies: Send {
    /// Nothing yet, but `above` rows of higher scores have been passed.
    fn after(above: Tie) -> Self;

    /// Takes in the next lower score.
    fn add(&mut self, tie: Tie);
}

/// Rows of the larger class in a block, about. Never made to depend on the number of threads: the blocks are part
/// of the order in which floats are added.
const BLOCK: usize = 1 << 16;

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

    /// Gathers blocks of neighbouring scores, each apart, on all threads; highest block first.
    pub(super) fn gather<T: FromTies>(&self) -> Vec<T> {
        match &self.0 {
            Keys::F32(classes) => classes.gather(),
            Keys::F64(classes) => classes.gather(),
        }
    }

    /// Calls `visit` for each distinct score, the highest first.
    pub(super) fn for_each_tie(&self, visit: impl FnMut(Tie)) {
        match &self.0 {
            Keys::F32(classes) => classes.for_each_tie(visit),
            Keys::F64(classes) => classes.for_each_tie(visit),
        }
    }
}

impl<K: Ord + Copy + Send + Sync> Classes<K> {
    fn new<S: Copy + Sync>(scores: &[S], labels: &[bool], key: fn(S) -> K) -> Self {
        let n_positives = labels.iter().filter(|&&label| label).count();
        // Exact capacities, since a growing vector would for a moment hold its keys twice; and from this thread,
        // since allocators tend to keep what threads of a pool have returned.
        let mut positives = Vec::with_capacity(n_positives);
        let mut negatives = Vec::with_capacity(labels.len() - n_positives);
        let fill = |keys: &mut Vec<K>, class: bool| {
            let rows = scores.iter().zip(labels).filter(|&(_, &label)| label == class);
            rows.for_each(|(&score, _)| keys.push(key(score)));
            keys.par_sort_unstable();
        };
        rayon::join(|| fill(&mut positives, true), || fill(&mut negatives, false));
        Self { positives, negatives }
    }

    fn gather<T: FromTies>(&self) -> Vec<T> {
        let larger =
            if self.positives.len() > self.negatives.len() { &self.positives } else { &self.negatives };
        let mut lowest: Vec<K> = larger.iter().step_by(BLOCK).copied().collect();
        lowest.dedup();
        // From the lowest key of each block to that of the next; the first block reaches down to the end.
        let cut = |keys: &[K], i: usize| match lowest.get(i) {
            _ if i == 0 => 0,
            Some(&lowest) => keys.partition_point(|&key| key < lowest),
            None => keys.len(),
        };
        let gather = |i: usize| {
            let (positives, negatives) = (&self.positives[..], &self.negatives[..]);
            let (end_of_positives, end_of_negatives) = (cut(positives, i + 1), cut(negatives, i + 1));
            let mut gathered = T::after(Tie {
                positives: (positives.len() - end_of_positives) as u64,
                negatives: (negatives.len() - end_of_negatives) as u64,
            });
            let positives = &positives[cut(positives, i)..end_of_positives];
            let negatives = &negatives[cut(negatives, i)..end_of_negatives];
            for_each_tie(positives, negatives, |tie| gathered.add(tie));
            gathered
        };
        (0..lowest.len()).into_par_iter().rev().map(gather).collect()
    }

    fn for_each_tie(&self, visit: impl FnMut(Tie)) {
        for_each_tie(&self.positives, &self.negatives, visit);
    }
}

fn for_each_tie<K: Ord + Copy>(mut positives: &[K], mut negatives: &[K], mut visit: impl FnMut(Tie)) {
    while let Some(&key) = positives.last().max(negatives.last()) {
        visit(Tie { positives: take(&mut positives, key), negatives: take(&mut negatives, key) });
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
pub(crate) fn key_f64(score: f64) -> u64 {
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

    /// Every tie with the rows above it.
    struct Seen(Vec<(Tie, Tie)>, Tie);

    impl FromTies for Seen {
        fn after(above: Tie) -> Self {
            Seen(Vec::new(), above)
        }

        fn add(&mut self, tie: Tie) {
            self.0.push((tie, self.1));
            self.1.positives += tie.positives;
            self.1.negatives += tie.negatives;
        }
    }

    #[test]
    fn blocks_joined_are_the_whole() {
        // Several blocks; in the second case nearly all rows are tied, in the third one class is alone.
        let n = 5 * BLOCK as u32 / 2;
        let hashed = |row: u32| row.wrapping_mul(2_654_435_761) >> 12;
        for (shift, cut) in [(0, 400_000), (17, 900_000), (2, 0)] {
            let scores: Vec<f32> = (0..n).map(|row| (hashed(row) >> shift) as f32).collect();
            let labels: Vec<bool> = (0..n).map(|row| hashed(row + n) < cut).collect();
            let ranked = Ranked::new(&Predictions::new(&scores, &labels).unwrap());
            let mut whole = Seen::after(Tie::default());
            ranked.for_each_tie(|tie| whole.add(tie));
            let blocks = ranked.gather::<Seen>();
            assert!(blocks.len() > 1);
            let joined: Vec<(Tie, Tie)> = blocks.into_iter().flat_map(|block| block.0).collect();
            assert_eq!(joined, whole.0);
        }
    }
}
