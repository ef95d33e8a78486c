//! Which users and which items are worked on together in an epoch.

use burn_recsys_data::random::{Random, Stream};
use rayon::prelude::*;

use super::kernels::stride;
use crate::normal::normal_pair;

/// The most parts that users and items are divided into, and so the most threads that have work.
const MOST_PARTS: usize = 16;

/// The fewest users or items of a part: negatives come from a part, and one of a few items would repeat
/// them.
const LEAST_IN_A_PART: usize = 32;

/// How many parts users and items are divided into: a function of the data, never of the machine.
///
/// A side of `n` is cut into parts of `n.div_ceil(n_parts)`, which gives exactly so many because there
/// are more in a part than parts.
pub(super) fn n_parts(n_users: usize, n_items: usize) -> usize {
    (n_users.min(n_items) / LEAST_IN_A_PART).clamp(1, MOST_PARTS)
}

/// One side of a factorisation in the order of the current epoch.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    /// The user or item at every position.
    pub(super) order: Vec<u32>,
    /// The position of every user or item.
    pub(super) positions: Vec<u32>,
    /// How many are in a part; the last has fewer.
    pub(super) part_size: usize,
}

/// Which side of a factorisation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Axis {
    Users,
    Items,
}

impl Partition {
    /// Nothing is moved yet.
    pub(super) fn identity(n: usize, n_parts: usize) -> Self {
        let order: Vec<u32> = (0..n as u32).collect();
        Partition { positions: order.clone(), order, part_size: n.div_ceil(n_parts).max(1) }
    }

    /// The random partition of `epoch`: positions are a permutation, cut into parts.
    pub(super) fn of_epoch(&self, seed: u64, axis: Axis, epoch: u64) -> Self {
        // Every epoch has two permutations: users have even coordinates, items odd ones.
        let coordinate = epoch.wrapping_mul(2).wrapping_add(axis as u64);
        let order = Random::new(seed, Stream::Partition, coordinate).permutation(self.order.len() as u32);
        let mut positions = vec![0; order.len()];
        for (position, &index) in order.iter().enumerate() {
            positions[index as usize] = position as u32;
        }
        Partition { order, positions, part_size: self.part_size }
    }
}

/// Vectors and biases of one side, in the order of a partition: a part is one slice.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) partition: Partition,
    /// Floats from one vector to the next; those above the dimension are 0.
    pub(super) stride: usize,
    vectors: Vec<f32>,
    biases: Vec<f32>,
    /// Where the next order is put together.
    spare: Vec<f32>,
}

/// One part of a side.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Which users or items they are.
    pub(super) order: &'a [u32],
    pub(super) vectors: &'a mut [f32],
    pub(super) biases: &'a mut [f32],
}

impl Side {
    /// Vectors from a normal distribution of mean 0, biases of 0.
    pub(super) fn normal((n, n_parts): (usize, usize), d: usize, deviation: f32, random: Random) -> Self {
        let stride = stride(d);
        let mut vectors = vec![0.0; n * stride];
        vectors.par_chunks_exact_mut(stride).enumerate().for_each(|(index, vector)| {
            let mut draws = random.row(index as u64);
            for pair in vector[..d].chunks_mut(2) {
                for (value, normal) in pair.iter_mut().zip(normal_pair(&mut draws)) {
                    *value = deviation * normal as f32;
                }
            }
        });
        let spare = vec![0.0; vectors.len()];
        Side { partition: Partition::identity(n, n_parts), stride, vectors, biases: vec![0.0; n], spare }
    }

    /// Puts zeros into the vectors of some users or items, before anything is moved.
    pub(super) fn clear(&mut self, is_unknown: impl Fn(u32) -> bool) {
        for (index, vector) in (0u32..).zip(self.vectors.chunks_exact_mut(self.stride)) {
            if is_unknown(index) {
                vector.fill(0.0);
            }
        }
    }

    /// Moves everything into the order of `partition`.
    pub(super) fn arrange(&mut self, partition: Partition) {
        let old = &self.partition.positions;
        let (stride, vectors) = (self.stride, &self.vectors);
        // Enough rows for a thread to be worth its start.
        let rows = 1024;
        self.spare.par_chunks_mut(stride * rows).zip(partition.order.par_chunks(rows)).for_each(
            |(out, order)| {
                for (out, &index) in out.chunks_exact_mut(stride).zip(order) {
                    out.copy_from_slice(&vectors[old[index as usize] as usize * stride..][..stride]);
                }
            },
        );
        self.biases =
            partition.order.iter().map(|&index| self.biases[old[index as usize] as usize]).collect();
        std::mem::swap(&mut self.vectors, &mut self.spare);
        self.partition = partition;
    }

    /// All parts, to be changed at once.
    pub(super) fn parts(&mut self) -> Vec<Part<'_>> {
        let size = self.partition.part_size;
        let orders = self.partition.order.chunks(size);
        let vectors = self.vectors.chunks_mut(size * self.stride);
        let biases = self.biases.chunks_mut(size);
        let parts = orders.zip(vectors).zip(biases);
        parts.map(|((order, vectors), biases)| Part { order, vectors, biases }).collect()
    }

    /// Vectors and biases in the order of users or items, if all are finite.
    ///
    /// # Shapes
    /// - result: `d` values of a vector, then `N` that `tail` makes of its bias, for every user or item
    pub(super) fn export<const N: usize>(
        &self,
        d: usize,
        tail: impl Fn(f32) -> [f32; N] + Sync,
    ) -> Option<Vec<f32>> {
        let mut out = vec![0.0; self.biases.len() * (d + N)];
        let is_finite = out.par_chunks_exact_mut(d + N).enumerate().all(|(index, row)| {
            let position = self.partition.positions[index] as usize;
            row[..d].copy_from_slice(&self.vectors[position * self.stride..][..d]);
            row[d..].copy_from_slice(&tail(self.biases[position]));
            row.iter().all(|value| value.is_finite())
        });
        is_finite.then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_parts_on_both_sides() {
        assert_eq!([(1, 1), (5, 1_000_000), (63, 900), (64, 900)].map(|(u, i)| n_parts(u, i)), [1, 1, 1, 2]);
        for n in (1..3000).chain([1_000_003]) {
            for other in [1, 40, 100, 511, 512, 5000] {
                let parts = n_parts(n, other);
                assert_eq!(n.div_ceil(n.div_ceil(parts)), parts, "{n} and {other}");
            }
        }
    }

    #[test]
    fn both_sides_have_a_permutation_of_their_own_in_every_epoch() {
        let identity = Partition::identity(100, 4);
        let mut orders = vec![identity.order.clone()];
        for epoch in 0..4 {
            for axis in [Axis::Users, Axis::Items] {
                let partition = identity.of_epoch(3, axis, epoch);
                let back = partition.positions.iter().map(|&position| partition.order[position as usize]);
                assert!(back.eq(0..100), "{axis:?} of epoch {epoch}");
                assert!(!orders.contains(&partition.order), "{axis:?} of epoch {epoch}");
                orders.push(partition.order);
            }
        }
    }

    #[test]
    fn moving_keeps_every_vector() {
        let random = Random::new(1, Stream::Weights, 0);
        let mut side = Side::normal((2500, 7), 5, 1.0, random);
        side.biases = (0..2500).map(|index| index as f32).collect();
        let export = |side: &Side| side.export(5, |bias| [bias]).unwrap();
        let before = export(&side);
        for epoch in 0..3 {
            side.arrange(side.partition.of_epoch(4, Axis::Users, epoch));
            assert_eq!(export(&side), before);
        }
        let parts = side.parts();
        assert_eq!(parts.len(), 7);
        for part in parts {
            for (at, &index) in part.order.iter().enumerate() {
                assert_eq!(part.biases[at], index as f32);
                assert_eq!(part.vectors[at * 16..][..5], before[index as usize * 6..][..5]);
            }
        }
        side.biases[17] = f32::NAN;
        assert!(side.export(5, |bias| [bias]).is_none());
    }

    #[test]
    fn first_vectors_are_normal() {
        let side = Side::normal((10_000, 1), 15, 0.5, Random::new(2, Stream::Weights, 1));
        let values: Vec<f64> =
            side.vectors.chunks(16).flat_map(|vector| &vector[..15]).map(|&value| value.into()).collect();
        assert!(side.vectors.chunks(16).all(|vector| vector[15] == 0.0));
        let n = values.len() as f64;
        let moment = |power: i32| values.iter().map(|value| (value / 0.5).powi(power)).sum::<f64>() / n;
        // Within five standard errors of the moments of a normal distribution.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error = (moment(power) - expected).abs();
            assert!(error < 5.0 * f64::sqrt(variance / n), "moment {power} is {}", moment(power));
        }
    }
}
