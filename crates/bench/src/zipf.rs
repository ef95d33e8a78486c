//! Ids as skewed as those of real traffic.

use burn_recsys_data::random::Draws;

/// Draws ids `0..n` whose popularity falls as one over the rank, popular ids scattered over the range.
///
/// Rank r has probability `ln((r + 1 + s) / (r + s)) / ln((n + s) / s)` with the shift s: the
/// log-uniform form of the law of Zipf (s = 1) and Mandelbrot (the larger s, the flatter the head), which
/// needs no table, however large n is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zipf {
    n: u32,
    shift: f64,
    log_span: f64,
    stride: u64,
}

impl Zipf {
    /// Ids below `n`, which is at least 1.
    pub(crate) fn new(n: u32) -> Self {
        // Near the golden section of n, so that neighbouring ranks land far apart; coprime to n, so
        // that no two ranks share an id.
        let mut stride = (f64::from(n) * 0.618_033_988_749_895) as u64 + 1;
        while gcd(stride, u64::from(n)) != 1 {
            stride += 1;
        }
        Zipf { n, shift: 1.0, log_span: (f64::from(n) + 1.0).ln(), stride }
    }

    /// The same with another shift than 1.
    pub(crate) fn with_shift(mut self, shift: f64) -> Self {
        self.shift = shift;
        self.log_span = ((f64::from(self.n) + shift) / shift).ln();
        self
    }

    /// One id.
    pub(crate) fn draw(&self, draws: &mut Draws) -> u32 {
        let rank = self.rank(draws);
        self.scatter(rank, 0)
    }

    /// A rank below n, 0 the most popular.
    pub(crate) fn rank(&self, draws: &mut Draws) -> u32 {
        let rank = self.shift * (draws.uniform() * self.log_span).exp() - self.shift;
        // Rounding may end outside 0..n; the cast stops at 0.
        (rank as u32).min(self.n - 1)
    }

    /// The id of `rank`; each `offset` gives another permutation.
    pub(crate) fn scatter(&self, rank: u32, offset: u64) -> u32 {
        ((u64::from(rank) * self.stride + offset) % u64::from(self.n)) as u32
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_data::random::{Random, Stream};

    #[test]
    fn ranks_follow_the_stated_law() {
        let (n, n_draws) = (20u32, 200_000);
        for (zipf, s) in [(Zipf::new(n), 1.0), (Zipf::new(n).with_shift(7.5), 7.5)] {
            let mut draws = Random::new(5, Stream::Synthetic, 0).row(0);
            let mut counts = vec![0u32; n as usize];
            for _ in 0..n_draws {
                counts[zipf.rank(&mut draws) as usize] += 1;
            }
            let chi: f64 = (0..n)
                .map(|rank| {
                    let (rank_f, n_f) = (f64::from(rank), f64::from(n));
                    let probability = ((rank_f + 1.0 + s) / (rank_f + s)).ln() / ((n_f + s) / s).ln();
                    let expected = probability * f64::from(n_draws);
                    (f64::from(counts[rank as usize]) - expected).powi(2) / expected
                })
                .sum();
            // 19 degrees of freedom: 50.8 is exceeded once in 10,000.
            assert!(chi < 50.8, "shift {s}: chi-square {chi}");
        }
    }

    #[test]
    fn scattering_is_a_permutation() {
        for n in [1u32, 2, 10, 97, 1000] {
            let zipf = Zipf::new(n);
            let mut ids: Vec<u32> = (0..n).map(|rank| zipf.scatter(rank, 12345)).collect();
            ids.sort_unstable();
            assert!(ids.into_iter().eq(0..n), "n = {n}");
        }
    }
}
