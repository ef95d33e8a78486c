//! Integer inner products of coded items with coded queries.

/// Items of a panel.
pub(super) const ITEMS: usize = 16;
/// Queries that are taken with a panel at once: their sums stay in registers.
pub(super) const QUERIES: usize = 4;

/// Two columns of the items of a panel: item 0's two, item 1's two, ...
pub(super) type CodePair = [i8; 2 * ITEMS];
/// Two columns of a query.
pub(super) type QueryPair = [i16; 2];

/// How a processor adds up products of integers. Every way gives the same sums.
pub(super) trait Dots: Copy {
    /// The inner products of the items of a panel with some queries, each of as many pairs as the panel.
    fn dots<const Q: usize>(self, panel: &[CodePair], queries: [&[QueryPair]; Q]) -> [[i32; ITEMS]; Q];
}

/// Any processor.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Dots for Portable {
    #[inline(always)]
    fn dots<const Q: usize>(self, panel: &[CodePair], queries: [&[QueryPair]; Q]) -> [[i32; ITEMS]; Q] {
        let mut sums = [[0i32; ITEMS]; Q];
        for (column, codes) in panel.iter().enumerate() {
            for (sums, query) in sums.iter_mut().zip(queries) {
                let [even, odd] = query[column].map(i32::from);
                for (sum, codes) in sums.iter_mut().zip(codes.as_chunks::<2>().0) {
                    *sum += even * i32::from(codes[0]) + odd * i32::from(codes[1]);
                }
            }
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
impl Dots for pulp::x86::V3 {
    #[inline(always)]
    fn dots<const Q: usize>(self, panel: &[CodePair], queries: [&[QueryPair]; Q]) -> [[i32; ITEMS]; Q] {
        let (avx, avx2) = (self.avx, self.avx2);
        let queries = queries.map(|query| &query[..panel.len()]);
        let zero = avx._mm256_setzero_si256();
        let mut sums = [[zero; 2]; Q];
        for (column, codes) in panel.iter().enumerate() {
            let [low, high]: [[i8; 16]; 2] = pulp::cast(*codes);
            let low = avx2._mm256_cvtepi8_epi16(pulp::cast(low));
            let high = avx2._mm256_cvtepi8_epi16(pulp::cast(high));
            for (sums, query) in sums.iter_mut().zip(queries) {
                let pair = avx._mm256_set1_epi32(pulp::cast(query[column]));
                sums[0] = avx2._mm256_add_epi32(sums[0], avx2._mm256_madd_epi16(low, pair));
                sums[1] = avx2._mm256_add_epi32(sums[1], avx2._mm256_madd_epi16(high, pair));
            }
        }
        sums.map(pulp::cast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<const Q: usize>(dots: impl Dots, panel: &[CodePair], queries: &[Vec<QueryPair>]) {
        let sums = dots.dots::<Q>(panel, std::array::from_fn(|query| &queries[query][..]));
        for (query, sums) in queries.iter().zip(sums) {
            for (item, sum) in sums.into_iter().enumerate() {
                let products = panel.iter().zip(query).map(|(codes, query)| {
                    i64::from(codes[2 * item]) * i64::from(query[0])
                        + i64::from(codes[2 * item + 1]) * i64::from(query[1])
                });
                assert_eq!(i64::from(sum), products.sum::<i64>());
            }
        }
    }

    proptest! {
        #[test]
        fn sums_are_exact(
            panel in prop::collection::vec(prop::array::uniform32(-127i8..=127), 0..40),
            seed in 0u32..1000,
        ) {
            let value = |at: usize| {
                let bits = (at as u32 + seed).wrapping_mul(2_654_435_761) >> 8;
                if bits.is_multiple_of(7) { -32_767 } else { (bits % 65_535) as i32 - 32_767 }
            };
            let queries: Vec<Vec<QueryPair>> = (0..QUERIES)
                .map(|q| (0..panel.len()).map(|at| [0, 1].map(|i| value(97 * q + 2 * at + i) as i16)).collect())
                .collect();
            check::<1>(Portable, &panel, &queries);
            check::<QUERIES>(Portable, &panel, &queries);
            #[cfg(target_arch = "x86_64")]
            if let pulp::x86::Arch::V3(simd) = pulp::x86::Arch::new() {
                check::<1>(simd, &panel, &queries);
                check::<QUERIES>(simd, &panel, &queries);
            }
        }
    }
}
