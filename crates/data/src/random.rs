//! Counter-based random numbers: every draw is a pure function of `(seed, stream, epoch, row)`.
//!
//! There is no generator state to share or to save, so results do not depend on the number of
//! threads, and a resumed run draws what the uninterrupted run would have drawn.
//!
//! The mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable
//! pseudorandom number generators"), applied once for every coordinate.

/// Names of independent streams under one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stream {
    /// Which rows a random split takes.
    Split,
    /// The order of training rows in an epoch.
    Shuffle,
    /// Negative items.
    Negatives,
    /// Generated data.
    Synthetic,
    /// Which users a cold-start protocol makes new, and how new.
    ColdStart,
    /// In which training rows the past of the user is hidden.
    HiddenPast,
    /// The first weights of a model.
    Weights,
    /// Which users and items are worked on together.
    Partition,
    /// Which rows of a training part a search for parameters holds out.
    HoldOut,
    /// Candidates that the rows of a batch share.
    Candidates,
    /// Hash functions.
    Hashing,
    /// Random walks on a graph.
    Walks,
    /// Which items of a sequence are each other's context, and which frequent ones are left out.
    Windows,
    /// Which edges of a graph age away.
    Freshness,
    /// Which neighbours of a node are looked at.
    Neighbours,
    /// Which pairs of nodes without a link stand against held-out links.
    NonLinks,
    /// Short walks whose visits are scores.
    Visits,
}

impl Stream {
    fn code(self) -> u64 {
        match self {
            Stream::Split => 1,
            Stream::Shuffle => 2,
            Stream::Negatives => 3,
            Stream::Synthetic => 4,
            Stream::ColdStart => 5,
            Stream::HiddenPast => 6,
            Stream::Weights => 7,
            Stream::Partition => 8,
            Stream::HoldOut => 9,
            Stream::Candidates => 10,
            Stream::Hashing => 11,
            Stream::Walks => 12,
            Stream::Windows => 13,
            Stream::Freshness => 14,
            Stream::Neighbours => 15,
            Stream::NonLinks => 16,
            Stream::Visits => 17,
        }
    }
}

/// The random numbers of one `(seed, stream, epoch)`, indexed by row.
#[derive(Debug, Clone, Copy)]
pub struct Random {
    key: u64,
}

impl Random {
    /// The numbers of `epoch` in `stream` under `seed`.
    pub fn new(seed: u64, stream: Stream, epoch: u64) -> Self {
        Random { key: mix(mix(mix(seed) ^ stream.code()) ^ epoch) }
    }

    /// The draws of one row: an endless sequence that depends on nothing but its coordinates.
    pub fn row(self, row: u64) -> Draws {
        Draws { key: mix(self.key ^ mix(row)), counter: 0 }
    }

    /// A permutation of `0..n`: a Fisher-Yates shuffle with the draws of row 0.
    pub fn permutation(self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        let mut draws = self.row(0);
        for last in (1..n).rev() {
            order.swap(last as usize, draws.below(last + 1) as usize);
        }
        order
    }
}

/// The draws of one row of a [`Random`].
#[derive(Debug, Clone)]
pub struct Draws {
    key: u64,
    counter: u64,
}

impl Draws {
    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.key.wrapping_add(self.counter))
    }

    /// Uniform in `0..n` without bias (Lemire 2019, "Fast random integer generation in an interval").
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        self.below_and_bits(n).0
    }

    /// As [`below`](Self::below), with 32 uniform bits that do not depend on it.
    ///
    /// # Panics
    /// If `n` is 0.
    pub(crate) fn below_and_bits(&mut self, n: u32) -> (u32, u32) {
        assert!(n > 0, "below(0): there is no number below 0");
        loop {
            let bits = self.next_u64();
            let product = (bits >> 32) * u64::from(n);
            let low = product as u32;
            if low >= n || low >= n.wrapping_neg() % n {
                return ((product >> 32) as u32, bits as u32);
            }
        }
    }

    /// As [`below`](Self::below) for numbers that need 64 bits.
    ///
    /// # Panics
    /// If `n` is 0.
    pub(crate) fn below_u64(&mut self, n: u64) -> u64 {
        assert!(n > 0, "below_u64(0): there is no number below 0");
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            let low = product as u64;
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as u64;
            }
        }
    }

    /// Uniform in `0.0..1.0`, a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The finaliser of SplitMix64: a bijection on 64 bits.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_a_function_of_their_coordinates() {
        let first = |seed, stream, epoch, row| Random::new(seed, stream, epoch).row(row).next_u64();
        let base = first(1, Stream::Shuffle, 2, 3);
        assert_eq!(base, first(1, Stream::Shuffle, 2, 3));
        for other in [
            first(2, Stream::Shuffle, 2, 3),
            first(1, Stream::Split, 2, 3),
            first(1, Stream::Shuffle, 3, 3),
            first(1, Stream::Shuffle, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn below_is_uniform() {
        // Chi-square with 9 degrees of freedom: 33.7 is exceeded once in 10,000.
        let (n, rows) = (10u32, 100_000u64);
        let random = Random::new(7, Stream::Negatives, 0);
        let mut counts = vec![0u32; n as usize];
        for row in 0..rows {
            counts[random.row(row).below(n) as usize] += 1;
        }
        let expected = rows as f64 / f64::from(n);
        let chi: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        assert!(chi < 33.7, "chi-square {chi}, counts {counts:?}");
    }

    #[test]
    fn a_permutation_holds_every_number_once() {
        let mut order = Random::new(3, Stream::Shuffle, 1).permutation(1000);
        assert_ne!(order[..5], [0, 1, 2, 3, 4]);
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..1000));
        assert!(Random::new(3, Stream::Shuffle, 1).permutation(0).is_empty());
    }
}
