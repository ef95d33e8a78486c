//! Hash functions from ids to buckets.

use std::fmt;

use crate::initializer::split_mix;

/// Hash functions of 64-bit ids, each to the same number of buckets.
///
/// Function `k` depends on the seed and on `k` alone: a larger family begins with the functions of a
/// smaller one. All arithmetic is on integers, so every platform gives the same buckets.
///
/// # The functions
/// The id is mixed by a bijection, so that consecutive ids scatter, and split into halves of 32 bits
/// `x0` and `x1`. Then, with three random words `a`, `b` and `c` for each function,
/// ```text
/// h = ((a + x0) * (b + x1) + c mod 2^64) >> 32
/// bucket = h * n_buckets >> 32
/// ```
/// The first line is pair-multiply-shift (Thorup 2015, arXiv 1504.06804), which is strongly
/// universal: for two different ids all pairs of values of `h` are equally likely over the choice of
/// the function. The second is the reduction to a range without division (Lemire 2019, arXiv
/// 1805.10941). At most `ceil(2^32 / n_buckets)` values of `h` share a bucket, so two different ids
/// collide with probability below `1 / n_buckets + 2^-32`.
///
/// ```
/// use burn_recsys_embeddings::HashFamily;
///
/// let hashes = HashFamily::new(2, 1000, 7);
/// let buckets: Vec<u32> = hashes.buckets(123_456_789_012).collect();
/// assert_eq!(buckets[1], hashes.bucket(1, 123_456_789_012));
/// assert!(buckets.iter().all(|&bucket| bucket < 1000));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct HashFamily {
    n_buckets: u32,
    /// The words of all functions lie one kind beside the other, so that a loop over functions reads
    /// whole vectors.
    a: Vec<u64>,
    b: Vec<u64>,
    c: Vec<u64>,
}

/// The halves of a mixed id.
#[derive(Clone, Copy)]
struct Halves {
    low: u64,
    high: u64,
}

impl HashFamily {
    /// The functions `0..n_functions` of `seed`.
    ///
    /// They take 24 bytes each.
    ///
    /// # Panics
    /// If `n_buckets` is 0 or above 2^32 - 1.
    pub fn new(n_functions: usize, n_buckets: usize, seed: u64) -> Self {
        let most = u32::MAX;
        assert!(
            n_buckets > 0 && n_buckets <= most as usize,
            "a hash function needs 1 to {most} buckets; asked for {n_buckets}"
        );
        let words = |kind: u64| {
            let key = derive_seed(seed, kind);
            (0..n_functions as u64).map(|function| derive_seed(key, function)).collect()
        };
        HashFamily { n_buckets: n_buckets as u32, a: words(0), b: words(1), c: words(2) }
    }

    /// The number of functions.
    pub fn n_functions(&self) -> usize {
        self.a.len()
    }

    /// The number of buckets of each function.
    pub fn n_buckets(&self) -> usize {
        self.n_buckets as usize
    }

    /// The bucket of `id` by one function.
    ///
    /// # Panics
    /// If `function` is not below [`n_functions`](Self::n_functions); the message has both.
    pub fn bucket(&self, function: usize, id: u64) -> u32 {
        let n_functions = self.n_functions();
        assert!(function < n_functions, "hash function {function} is not in a family of {n_functions}");
        bucket(self.words(function), Halves::of(id), self.n_buckets)
    }

    /// The bucket of `id` by every function.
    pub fn buckets(&self, id: u64) -> impl ExactSizeIterator<Item = u32> + '_ {
        let halves = Halves::of(id);
        (0..self.n_functions()).map(move |function| bucket(self.words(function), halves, self.n_buckets))
    }

    fn words(&self, function: usize) -> (u64, u64, u64) {
        (self.a[function], self.b[function], self.c[function])
    }

    /// The buckets of `id` by the functions from `first` on, as many as `out` holds.
    ///
    /// The loop has neither branches nor calls, and compilers make vector code of it.
    pub(crate) fn fill(&self, id: u64, first: usize, out: &mut [u32]) {
        let halves = Halves::of(id);
        let functions = first..first + out.len();
        let (a, b, c) = (&self.a[functions.clone()], &self.b[functions.clone()], &self.c[functions]);
        for (((out, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(c) {
            *out = bucket((a, b, c), halves, self.n_buckets);
        }
    }
}

impl Halves {
    fn of(id: u64) -> Self {
        let mixed = split_mix(id);
        Halves { low: mixed & 0xFFFF_FFFF, high: mixed >> 32 }
    }
}

/// The formulas of [`HashFamily`].
#[inline(always)]
fn bucket((a, b, c): (u64, u64, u64), id: Halves, n_buckets: u32) -> u32 {
    let product = a.wrapping_add(id.low).wrapping_mul(b.wrapping_add(id.high));
    let hash = product.wrapping_add(c) >> 32;
    ((hash * u64::from(n_buckets)) >> 32) as u32
}

/// A seed of its own for each `purpose` of `seed`.
pub(crate) fn derive_seed(seed: u64, purpose: u64) -> u64 {
    split_mix(split_mix(seed) ^ purpose)
}

/// Without the words: three for each of up to thousands of functions.
impl fmt::Debug for HashFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashFamily")
            .field("n_functions", &self.n_functions())
            .field("n_buckets", &self.n_buckets)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Kinds of ids that are in use: counted up, far apart, all high bits.
    const IDS: [fn(u64) -> u64; 4] =
        [|i| i, |i| i * 64, |i| i << 40, |i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)];

    /// From the formulas in the documentation, by a program in another language.
    #[test]
    fn values_never_change() {
        let hashes = HashFamily::new(3, 1_000_000, 7);
        for (id, expected) in [
            (0, [17_808, 358_745, 675_000]),
            (1, [512_349, 420_164, 512_999]),
            (u64::MAX, [450_274, 370_712, 432_083]),
        ] {
            assert_eq!(hashes.buckets(id).collect::<Vec<_>>(), expected, "id {id}");
        }
        assert_eq!(HashFamily::new(2, u32::MAX as usize, u64::MAX).bucket(1, 42), 3_583_641_909);
    }

    /// Asserts that counts of 100 cells are as even as chance makes them, no more and no less.
    fn assert_uniform(counts: &[u32], what: &str) {
        assert_eq!(counts.len(), 100);
        let expected = f64::from(counts.iter().sum::<u32>()) / 100.0;
        let chi_square: f64 =
            counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        // 99 degrees of freedom: either side has probability 1e-5.
        assert!((50.0..171.0).contains(&chi_square), "{what}: chi-square {chi_square}");
    }

    #[test]
    fn buckets_are_uniform() {
        let hashes = HashFamily::new(20, 100, 1);
        for (kind, id) in IDS.iter().enumerate() {
            for function in 0..20 {
                let mut counts = vec![0u32; 100];
                (0..100_000).for_each(|i| counts[hashes.bucket(function, id(i)) as usize] += 1);
                assert_uniform(&counts, &format!("ids of kind {kind}, function {function}"));
            }
        }
    }

    /// Over functions, two ids collide as often as the bound says.
    #[test]
    fn two_ids_rarely_collide() {
        let (n_functions, n_buckets) = (200_000, 50);
        let hashes = HashFamily::new(n_functions, n_buckets, 2);
        for (first, second) in [(0, 1), (1, 2), (0, u64::MAX), (1, 1 << 32), (5, 5 << 32 | 5), (1 << 63, 0)] {
            let n_equal = hashes.buckets(first).zip(hashes.buckets(second)).filter(|(a, b)| a == b).count();
            let expected = n_functions as f64 / n_buckets as f64;
            assert!(
                (n_equal as f64 - expected).abs() < 4.5 * expected.sqrt(),
                "ids {first} and {second}: {n_equal} collisions, expected {expected}"
            );
        }
    }

    /// Over ids, one function makes as many pairs of neighbours collide as chance would.
    #[test]
    fn neighbours_rarely_collide() {
        let (n_ids, n_buckets) = (200_000u64, 50);
        let hashes = HashFamily::new(10, n_buckets, 3);
        for function in 0..10 {
            let n_equal = (0..n_ids)
                .filter(|&id| hashes.bucket(function, id) == hashes.bucket(function, id + 1))
                .count();
            let expected = n_ids as f64 / n_buckets as f64;
            assert!((n_equal as f64 - expected).abs() < 4.5 * expected.sqrt(), "{function}: {n_equal}");
        }
    }

    /// Buckets of one id by two functions are independent.
    #[test]
    fn functions_are_independent() {
        let hashes = HashFamily::new(8, 10, 4);
        for (first, second) in [(0, 1), (3, 7), (6, 5)] {
            let mut counts = vec![0u32; 100];
            for id in 0..100_000 {
                counts[(hashes.bucket(first, id) * 10 + hashes.bucket(second, id)) as usize] += 1;
            }
            assert_uniform(&counts, &format!("functions {first} and {second}"));
        }
    }

    #[test]
    #[should_panic(expected = "needs 1 to 4294967295 buckets; asked for 0")]
    fn no_buckets_panics() {
        HashFamily::new(1, 0, 0);
    }

    #[test]
    #[should_panic(expected = "hash function 3 is not in a family of 3")]
    fn a_function_outside_the_family_panics() {
        HashFamily::new(3, 10, 0).bucket(3, 1);
    }

    proptest! {
        #[test]
        fn a_larger_family_begins_with_a_smaller_one(id: u64, seed: u64, n_buckets in 1usize..=u32::MAX as usize, n in 1usize..70) {
            let (small, large) = (HashFamily::new(n, n_buckets, seed), HashFamily::new(n + 5, n_buckets, seed));
            prop_assert!(large.buckets(id).take(n).eq(small.buckets(id)));
            prop_assert!(large.buckets(id).all(|bucket| (bucket as usize) < n_buckets));
            let mut filled = vec![0; 5];
            large.fill(id, n, &mut filled);
            prop_assert!(large.buckets(id).skip(n).eq(filled));
        }
    }
}
