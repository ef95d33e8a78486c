//! Blocks of rows that share no user and no item, worked on by all threads with the same result.
//!
//! Gemulla, Nijkamp, Haas and Sismanis 2011, "Large-scale matrix factorization with distributed stochastic
//! gradient descent": users and items are divided into `P` parts each, which cuts the rows into `P x P`
//! blocks. An epoch has `P` rounds; in a round every part of users meets one part of items, so that no two
//! threads write the same vector. Here the division is drawn anew in every epoch, and `P` depends on the
//! data alone: results have the same bits whatever the number of threads, without locks or atomics.

use burn_recsys_data::Csr;
use burn_recsys_data::random::{Draws, Random, Stream};
use rayon::prelude::*;

use super::partition::{Axis, Part, Side, n_parts};

/// One observation in a block; the numbers are positions within its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row<T> {
    pub(super) user: u32,
    pub(super) item: u32,
    pub(super) value: T,
}

/// The observations of a factorisation.
pub(super) trait Observations: Sync {
    /// What is known of an observation beside its user and item.
    type Value: Copy + Default + Send + Sync;

    /// Items and values of a user.
    fn of_user(&self, user: u32) -> impl Iterator<Item = (u32, Self::Value)>;
}

/// The items of every user.
impl Observations for Csr {
    type Value = ();

    fn of_user(&self, user: u32) -> impl Iterator<Item = (u32, ())> {
        self.row(user).iter().map(|&item| (item, ()))
    }
}

/// A block of an epoch.
#[derive(Debug)]
pub(super) struct Block<'b, 'a, T> {
    pub(super) users: &'b mut Part<'a>,
    pub(super) items: &'b mut Part<'a>,
    /// In random order.
    pub(super) rows: &'b [Row<T>],
    /// For negatives.
    pub(super) draws: Draws,
    /// The global bias at the start of the round.
    pub(super) bias: f32,
}

/// What an epoch, or a block of it, says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    /// The sum over samples.
    pub(super) loss: f64,
    pub(super) n_samples: u64,
    /// Rows without a lawful negative in their block.
    pub(super) n_skipped: u64,
    /// The global bias at the end, times the number of samples.
    pub(super) bias: f64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.loss += other.loss;
        self.n_samples += other.n_samples;
        self.n_skipped += other.n_skipped;
        self.bias += other.bias;
    }
}

/// Both sides of a factorisation and the rows of the current epoch.
#[derive(Debug)]
pub(super) struct Strata<T> {
    pub(super) users: Side,
    pub(super) items: Side,
    /// Added to every score, if the model has such a bias.
    pub(super) bias: f32,
    seed: u64,
    /// For every part of users its rows.
    rows: Vec<PartRows<T>>,
}

/// The rows of one part of users, grouped by the part of their item.
#[derive(Debug, Clone, Default)]
struct PartRows<T> {
    rows: Vec<Row<T>>,
    /// Where the rows of every part of items begin, and where the last ends.
    bounds: Vec<usize>,
}

/// The size of a factorisation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) n_users: usize,
    pub(super) n_items: usize,
    pub(super) d: usize,
}

impl<T: Copy + Default + Send + Sync> Strata<T> {
    /// Vectors from a normal distribution; of users that have observed nothing, zeros.
    pub(super) fn new(
        shape: Shape,
        deviation: f32,
        seed: u64,
        observations: &impl Observations<Value = T>,
    ) -> Self {
        let Shape { n_users, n_items, d } = shape;
        let n_parts = n_parts(n_users, n_items);
        let random = |axis: Axis| Random::new(seed, Stream::Weights, axis as u64);
        let mut users = Side::normal((n_users, n_parts), d, deviation, random(Axis::Users));
        users.clear(|user| observations.of_user(user).next().is_none());
        let items = Side::normal((n_items, n_parts), d, deviation, random(Axis::Items));
        let rows = (0..n_parts).map(|_| PartRows { rows: Vec::new(), bounds: Vec::new() }).collect();
        Strata { users, items, bias: 0.0, seed, rows }
    }

    /// Divides users, items and rows anew.
    pub(super) fn divide(&mut self, epoch: u64, observations: &impl Observations<Value = T>) {
        let (users, items) = rayon::join(
            || self.users.partition.of_epoch(self.seed, Axis::Users, epoch),
            || self.items.partition.of_epoch(self.seed, Axis::Items, epoch),
        );
        self.users.arrange(users);
        self.items.arrange(items);
        let (users, items) = (&self.users.partition, &self.items.partition);
        // The part of every item, and its position therein.
        let size = items.part_size as u32;
        let places: Vec<(u32, u32)> =
            items.positions.par_iter().with_min_len(4096).map(|&at| (at / size, at % size)).collect();
        let n_parts = self.rows.len();
        let random = Random::new(self.seed, Stream::Shuffle, epoch);
        let parts = self.rows.par_iter_mut().zip(users.order.par_chunks(users.part_size)).enumerate();
        parts.for_each(|(part, (rows, users))| {
            rows.fill(users, &places, n_parts, observations);
            rows.shuffle(random, (part * n_parts) as u64);
        });
    }

    /// One epoch of `work` on the division that was made last.
    ///
    /// What it gives is added up in the order of blocks. After a round the global bias is the mean of what
    /// the blocks have made of it, each weighted by its samples.
    pub(super) fn visit(&mut self, epoch: u64, work: impl Fn(Block<'_, '_, T>) -> Tally + Sync) -> Tally {
        let n_parts = self.rows.len();
        let random = Random::new(self.seed, Stream::Negatives, epoch);
        let mut users = self.users.parts();
        let mut items = self.items.parts();
        let mut total = Tally::default();
        for round in 0..n_parts {
            let bias = self.bias;
            let blocks = users.par_iter_mut().zip(items.par_iter_mut()).zip(&self.rows).enumerate();
            let tallies: Vec<Tally> = blocks
                .with_max_len(1)
                .map(|(part, ((users, items), rows))| {
                    let item_part = (part + round) % n_parts;
                    let rows = &rows.rows[rows.bounds[item_part]..rows.bounds[item_part + 1]];
                    let draws = random.row((part * n_parts + item_part) as u64);
                    work(Block { users, items, rows, draws, bias })
                })
                .collect();
            let mut of_round = Tally::default();
            tallies.into_iter().for_each(|tally| of_round += tally);
            if of_round.n_samples > 0 {
                self.bias = (of_round.bias / of_round.n_samples as f64) as f32;
            }
            total += of_round;
            items.rotate_left(1);
        }
        total
    }
}

impl<T: Copy + Default> PartRows<T> {
    fn fill(
        &mut self,
        users: &[u32],
        places: &[(u32, u32)],
        n_parts: usize,
        observations: &impl Observations<Value = T>,
    ) {
        self.bounds.clear();
        self.bounds.resize(n_parts + 2, 0);
        for &user in users {
            for (item, _) in observations.of_user(user) {
                self.bounds[places[item as usize].0 as usize + 2] += 1;
            }
        }
        for part in 2..n_parts + 2 {
            self.bounds[part] += self.bounds[part - 1];
        }
        let n_rows = self.bounds[n_parts + 1];
        self.rows.resize(n_rows, Row { user: 0, item: 0, value: T::default() });
        // Bounds are one ahead: those of a part move from its begin to its end while it is filled.
        for (user, &index) in users.iter().enumerate() {
            for (item, value) in observations.of_user(index) {
                let (part, item) = places[item as usize];
                let next = &mut self.bounds[part as usize + 1];
                self.rows[*next] = Row { user: user as u32, item, value };
                *next += 1;
            }
        }
        self.bounds.truncate(n_parts + 1);
    }

    /// Puts the rows of every block into random order; `first` is the number of the first block.
    fn shuffle(&mut self, random: Random, first: u64) {
        for (block, bounds) in self.bounds.windows(2).enumerate() {
            let rows = &mut self.rows[bounds[0]..bounds[1]];
            let mut draws = random.row(first + block as u64);
            for last in (1..rows.len()).rev() {
                rows.swap(last, draws.below(last as u32 + 1) as usize);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_every_epoch_has_its_own_order() {
        let everything = Csr::from_rows(vec![(0..64).collect::<Vec<u32>>(); 64]);
        let mut strata = Strata::new(Shape { n_users: 64, n_items: 64, d: 1 }, 0.1, 7, &everything);
        // All blocks have the same shape, and before they are shuffled positions of users ascend: the orders
        // of those positions differ by the permutations alone, not by the partitions.
        let unshuffled: Vec<u32> = (0..32).flat_map(|user| [user; 32]).collect();
        let mut blocks = vec![unshuffled.clone()];
        for epoch in 0..3 {
            strata.divide(epoch, &everything);
            for part in &strata.rows {
                assert_eq!(part.bounds, [0, 1024, 2048]);
                let of_block = |rows: &[Row<()>]| rows.iter().map(|row| row.user).collect();
                blocks.extend(part.rows.chunks(1024).map(of_block));
            }
        }
        assert_eq!(blocks.len(), 1 + 3 * 4);
        for (at, block) in blocks.iter().enumerate() {
            let mut sorted = block.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, unshuffled);
            assert!(!blocks[..at].contains(block), "block {at} repeats an order");
        }
    }

    #[test]
    fn an_epoch_is_divided_alike_whatever_came_before() {
        let everything = Csr::from_rows(vec![(0..64).collect::<Vec<u32>>(); 64]);
        let mut strata = Strata::new(Shape { n_users: 64, n_items: 64, d: 1 }, 0.1, 7, &everything);
        let mut rows_of = |epoch| {
            strata.divide(epoch, &everything);
            strata.rows.iter().flat_map(|part| part.rows.clone()).collect::<Vec<_>>()
        };
        let first = rows_of(0);
        assert!(rows_of(1) != first);
        assert!(rows_of(0) == first);
    }
}
