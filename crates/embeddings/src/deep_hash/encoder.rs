//! Dense codes of ids: many hashes of each, as floats.

use burn::config::Config;
use rayon::prelude::*;

use crate::HashFamily;
use crate::normal::box_muller;

/// The distribution of the elements of a code.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum HashEncoding {
    /// Evenly spaced in `[-1, 1]`, both ends included.
    Uniform,
    /// Standard normal, by the transform of Box and Muller from pairs of hashes. The number of hashes
    /// is even. Costs about twice as much as uniform.
    Gaussian,
}

/// Encodes any 64-bit id as a vector, with nothing stored for it and nothing learned.
///
/// The code is the first half of [`DeepHashEmbedding`](crate::DeepHashEmbedding): the id is hashed by
/// each function of a [`HashFamily`], and the buckets become floats (Kang et al. 2021, arXiv
/// 2010.10784). It has the same bits on every platform: the transform to normal values
/// calls no mathematical library.
///
/// ```
/// use burn_recsys_embeddings::{HashEncoder, HashEncoding};
///
/// let encoder = HashEncoder::new(1024, 1_000_000, HashEncoding::Uniform, 0);
/// let codes = encoder.encode(&[7, 1 << 60]);
/// assert_eq!(codes.len(), 2 * 1024);
/// assert!(codes.iter().all(|code| (-1.0..=1.0).contains(code)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashEncoder {
    hashes: HashFamily,
    encoding: HashEncoding,
}

/// Buckets go through the stack in blocks of this many: loops that do one thing become vector code
/// where one large loop does not.
const BLOCK: usize = 128;

/// All integers up to here are floats, so every bucket has an element of its own.
const MOST_BUCKETS: usize = 1 << 24;

impl HashEncoder {
    /// An encoder with codes of `n_hashes` floats, each with `n_buckets` values.
    ///
    /// Gaussian codes take the distances from the hashes of the first half and the angles from those
    /// of the second.
    ///
    /// # Panics
    /// If `n_hashes` is 0, or odd where the encoding is Gaussian, or if `n_buckets` is not within 2 and
    /// 2^24.
    pub fn new(n_hashes: usize, n_buckets: usize, encoding: HashEncoding, seed: u64) -> Self {
        assert!(n_hashes > 0, "a code needs 1 or more hashes; asked for {n_hashes}");
        assert!(
            encoding != HashEncoding::Gaussian || n_hashes.is_multiple_of(2),
            "a Gaussian code needs 2 hashes for each pair of values; asked for {n_hashes}"
        );
        assert!(
            (2..=MOST_BUCKETS).contains(&n_buckets),
            "a code needs 2 to {MOST_BUCKETS} buckets; asked for {n_buckets}"
        );
        HashEncoder { hashes: HashFamily::new(n_hashes, n_buckets, seed), encoding }
    }

    /// The number of floats of a code.
    pub fn n_hashes(&self) -> usize {
        self.hashes.n_functions()
    }

    /// The codes of `ids`, `[ids.len(), n_hashes]`, row-major. Uses all threads.
    pub fn encode(&self, ids: &[u64]) -> Vec<f32> {
        let n_hashes = self.n_hashes();
        let mut codes = vec![0.0; ids.len() * n_hashes];
        codes
            .par_chunks_exact_mut(n_hashes)
            .zip(ids)
            .with_min_len(32)
            .for_each(|(code, &id)| self.encode_into(id, code));
        codes
    }

    /// Writes the code of one id.
    ///
    /// # Panics
    /// If `code` does not have `n_hashes` elements; the message has both numbers.
    pub fn encode_into(&self, id: u64, code: &mut [f32]) {
        let n_hashes = self.n_hashes();
        let len = code.len();
        assert_eq!(len, n_hashes, "a code has {n_hashes} elements; there is room for {len}");
        match self.encoding {
            HashEncoding::Uniform => self.encode_uniform(id, code),
            HashEncoding::Gaussian => self.encode_gaussian(id, code),
        }
    }

    fn encode_uniform(&self, id: u64, code: &mut [f32]) {
        let last = self.hashes.n_buckets() as i32 - 1;
        let scale = last as f32;
        let mut buckets = [0; BLOCK];
        for (block, code) in code.chunks_mut(BLOCK).enumerate() {
            let buckets = &mut buckets[..code.len()];
            self.hashes.fill(id, block * BLOCK, buckets);
            for (code, &bucket) in code.iter_mut().zip(&*buckets) {
                // The numerator is exact, so the ends are -1 and 1.
                *code = (2 * bucket as i32 - last) as f32 / scale;
            }
        }
    }

    fn encode_gaussian(&self, id: u64, code: &mut [f32]) {
        let n_buckets = self.hashes.n_buckets() as i32;
        // Buckets stand for their middles, so that a radius is never 0.
        let scale = 1.0 / (2.0 * n_buckets as f32);
        let half = code.len() / 2;
        let (first, second) = code.split_at_mut(half);
        let (mut radii, mut turns) = ([0; BLOCK], [0; BLOCK]);
        for (block, (first, second)) in first.chunks_mut(BLOCK).zip(second.chunks_mut(BLOCK)).enumerate() {
            let (radii, turns) = (&mut radii[..first.len()], &mut turns[..first.len()]);
            self.hashes.fill(id, block * BLOCK, radii);
            self.hashes.fill(id, half + block * BLOCK, turns);
            for (((first, second), &radius), &turn) in first.iter_mut().zip(second).zip(&*radii).zip(&*turns)
            {
                let radius = ((2 * radius as i32 + 1) as f32 * scale).min(1.0);
                let turn = (2 * turn as i32 + 1 - n_buckets) as f32 * scale;
                (*first, *second) = box_muller(radius, turn);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoder(encoding: HashEncoding) -> HashEncoder {
        HashEncoder::new(256, 1_000_000, encoding, 1)
    }

    fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64, f64) {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let central = |power| values.clone().map(|v| (v - mean).powi(power)).sum::<f64>() / n;
        (mean, central(2), central(4) / central(2).powi(2))
    }

    /// Uniform values from the formula by a program in another language; normal values checked against
    /// their definition below.
    #[test]
    fn bits_never_change() {
        let bits = |encoding, id| {
            let mut code = [0.0; 4];
            HashEncoder::new(4, 1_000_000, encoding, 7).encode_into(id, &mut code);
            code.map(f32::to_bits)
        };
        for (id, uniform, gaussian) in [
            (
                0,
                [0xbf76_e1de, 0xbe90_a50f, 0x3eb3_3360, 0x3f04_f88c],
                [0x3fa4_efdf, 0xbdb2_c59f, 0x4021_dad4, 0x3fb6_f09f],
            ),
            (
                1,
                [0x3cca_559c, 0xbe23_80d6, 0x3cd4_fbe9, 0x3d83_c433],
                [0x3f93_89ea, 0x3fa5_2196, 0x3dc1_3db2, 0x3e87_5bb3],
            ),
            (
                u64::MAX,
                [0xbdcb_ad05, 0xbe84_63fa, 0xbe0b_17d7, 0x3c52_ae9c],
                [0x3f93_3206, 0x3fb4_2d31, 0xbf05_d9e1, 0x3d69_0ba7],
            ),
        ] {
            assert_eq!(bits(HashEncoding::Uniform, id), uniform, "id {id}");
            assert_eq!(bits(HashEncoding::Gaussian, id), gaussian, "id {id}");
        }
    }

    #[test]
    fn codes_are_their_formulas() {
        let hashes = HashFamily::new(256, 1_000_000, 1);
        for id in 0..50u64 {
            let buckets: Vec<f64> = hashes.buckets(id).map(f64::from).collect();
            let uniform = encoder(HashEncoding::Uniform).encode(&[id]);
            let gaussian = encoder(HashEncoding::Gaussian).encode(&[id]);
            for i in 0..256 {
                let expected = 2.0 * buckets[i] / 999_999.0 - 1.0;
                assert!((f64::from(uniform[i]) - expected).abs() < 1e-7, "{}, not {expected}", uniform[i]);
            }
            for i in 0..128 {
                let distance = (-2.0 * ((buckets[i] + 0.5) / 1e6).ln()).sqrt();
                let turn = (buckets[i + 128] + 0.5) / 1e6 - 0.5;
                let (sine, cosine) = (turn * std::f64::consts::TAU).sin_cos();
                for (actual, expected) in
                    [(gaussian[i], distance * cosine), (gaussian[i + 128], distance * sine)]
                {
                    let error = (f64::from(actual) - expected).abs();
                    assert!(error < 2e-6 * distance.max(1.0), "{actual}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        let ids: Vec<u64> = (0..4000).collect();
        for (encoding, variance, kurtosis) in
            [(HashEncoding::Uniform, 1.0 / 3.0, 1.8), (HashEncoding::Gaussian, 1.0, 3.0)]
        {
            let codes: Vec<f64> = encoder(encoding).encode(&ids).into_iter().map(f64::from).collect();
            let (mean, actual_variance, actual_kurtosis) = moments(codes.iter().copied());
            // A million values: about four standard errors each.
            assert!(mean.abs() < 0.004, "{encoding:?}: mean {mean}");
            assert!(
                (actual_variance / variance - 1.0).abs() < 0.006,
                "{encoding:?}: variance {actual_variance}"
            );
            assert!(
                (actual_kurtosis / kurtosis - 1.0).abs() < 0.007,
                "{encoding:?}: kurtosis {actual_kurtosis}"
            );
            // Elements are uncorrelated, those of one pair too.
            for other in [1, 127, 128] {
                let product = codes.chunks(256).map(|code| code[0] * code[other]).sum::<f64>() / 4000.0;
                let bound = 4.5 * variance / 4000f64.sqrt();
                assert!(product.abs() < bound, "{encoding:?}: elements 0 and {other} correlate: {product}");
            }
        }
    }

    #[test]
    fn the_ends_are_reached_and_nothing_is_infinite() {
        for n_buckets in [2, 3, MOST_BUCKETS] {
            let ids: Vec<u64> = (0..1000).collect();
            let uniform = HashEncoder::new(64, n_buckets, HashEncoding::Uniform, 0).encode(&ids);
            let gaussian = HashEncoder::new(64, n_buckets, HashEncoding::Gaussian, 0).encode(&ids);
            assert!(uniform.iter().all(|v| (-1.0..=1.0).contains(v)), "{n_buckets} buckets");
            assert!(gaussian.iter().all(|v| v.abs() < 6.0), "{n_buckets} buckets");
            if n_buckets == 2 {
                assert!(uniform.iter().all(|v| v.abs() == 1.0) && uniform.contains(&-1.0));
            }
        }
        // The last bucket of 2^24 rounds up to a radius of 1.
        let (x, y) = box_muller(1.0, 0.3);
        assert!(x == 0.0 && y == 0.0);
    }

    #[test]
    fn threads_change_nothing() {
        let ids: Vec<u64> = (0..300).collect();
        let encoder = encoder(HashEncoding::Gaussian);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| encoder.encode(&ids)), one.install(|| encoder.encode(&ids)));
    }

    #[test]
    #[should_panic(expected = "2 hashes for each pair of values; asked for 3")]
    fn an_odd_number_of_hashes_has_no_pairs() {
        HashEncoder::new(3, 100, HashEncoding::Gaussian, 0);
    }

    #[test]
    #[should_panic(expected = "needs 2 to 16777216 buckets; asked for 16777217")]
    fn more_buckets_than_floats_panics() {
        HashEncoder::new(3, MOST_BUCKETS + 1, HashEncoding::Uniform, 0);
    }

    #[test]
    #[should_panic(expected = "a code has 4 elements; there is room for 3")]
    fn too_little_room_panics() {
        HashEncoder::new(4, 100, HashEncoding::Uniform, 0).encode_into(0, &mut [0.0; 3]);
    }

    proptest! {
        /// Blocks, and batches, are an implementation detail.
        #[test]
        fn each_id_is_encoded_alone(ids in prop::collection::vec(any::<u64>(), 0..5), half in 1usize..200) {
            for encoding in [HashEncoding::Uniform, HashEncoding::Gaussian] {
                let encoder = HashEncoder::new(2 * half, 1000, encoding, 3);
                let codes = encoder.encode(&ids);
                prop_assert_eq!(codes.len(), ids.len() * 2 * half);
                for (&id, code) in ids.iter().zip(codes.chunks(2 * half)) {
                    prop_assert_eq!(code, encoder.encode(&[id]));
                }
            }
        }
    }
}
