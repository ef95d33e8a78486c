//! Dynamic ids in a checkpoint.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use rustc_hash::FxBuildHasher;

use super::slots::IdUse;
use super::{DynamicIdsConfig, DynamicStats};

/// What [`DynamicIds`](super::DynamicIds) has learned about ids, to be stored in a checkpoint.
///
/// Made by [`DynamicIds::state`](super::DynamicIds::state), used by
/// [`DynamicIdsConfig::restore`]. It takes 24 bytes an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicIdsState {
    /// At least 1.
    pub(super) capacity: usize,
    /// Not before any last use.
    pub(super) clock: u64,
    pub(super) stats: DynamicStats,
    /// By row, at most `capacity`.
    pub(super) rows: Vec<IdUse>,
    /// By last use.
    pub(super) candidates: Vec<IdUse>,
}

/// What may be wrong with dynamic ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DynamicIdsError {
    /// More ids need a row than there are rows.
    #[error("the ids need {needed} rows, but the capacity is {capacity}; raise it or evict ids")]
    CapacityReached {
        /// Rows for the ids of the batch and for those that keep theirs.
        needed: usize,
        /// Rows for ids.
        capacity: usize,
    },
    /// The state belongs to a table of another size.
    #[error("a state of dynamic ids of capacity {state}, restored for a capacity of {config}")]
    Capacity {
        /// The capacity of the state.
        state: usize,
        /// The configured capacity.
        config: usize,
    },
    /// The state counts more candidates than are allowed.
    #[error("a state of dynamic ids with {n_candidates} candidates, restored for at most {max_candidates}")]
    TooManyCandidates {
        /// Candidates of the state.
        n_candidates: usize,
        /// The configured number.
        max_candidates: usize,
    },
    /// The bytes are something else.
    #[error("not a state of dynamic ids: it begins with {actual:02x?}, expected {expected:02x?}")]
    Magic {
        /// The first bytes.
        actual: [u8; 8],
        /// What they should be.
        expected: [u8; 8],
    },
    /// The bytes are of another version of the format.
    #[error("a state of dynamic ids in version {actual}, but this program reads version {expected}")]
    Version {
        /// The version found.
        actual: u32,
        /// The version that can be read.
        expected: u32,
    },
    /// The bytes were cut short, or something follows them.
    #[error("a state of dynamic ids of {actual} bytes, expected {expected}; take another copy of it")]
    Length {
        /// Bytes given.
        actual: u64,
        /// Bytes that the header tells, or else those of the smallest state.
        expected: u64,
    },
    /// The bytes were changed after they were written.
    #[error("a damaged state of dynamic ids: checksum {actual:016x}, expected {expected:016x}")]
    Checksum {
        /// Of the bytes.
        actual: u64,
        /// What was written with them.
        expected: u64,
    },
    /// A number in the bytes is impossible, though they are as they were written.
    #[error("an impossible state of dynamic ids: {what} is {value}, expected {low} to {high}")]
    Range {
        /// What the number means.
        what: &'static str,
        /// The number.
        value: u64,
        /// The smallest that is possible.
        low: u64,
        /// The largest that is possible.
        high: u64,
    },
    /// An id occurs twice.
    #[error("an impossible state of dynamic ids: id {id} occurs again at position {position} of {n_ids}")]
    RepeatedId {
        /// The id.
        id: u64,
        /// Of its second occurrence, rows first, then candidates.
        position: usize,
        /// The number of ids.
        n_ids: usize,
    },
    /// Two ids were last used at the same time.
    #[error(
        "an impossible state of dynamic ids: time {last_use} occurs again at position {position} of {n_ids}"
    )]
    RepeatedTime {
        /// The time.
        last_use: u64,
        /// Of its second occurrence, rows first, then candidates.
        position: usize,
        /// The number of ids.
        n_ids: usize,
    },
}

const MAGIC: [u8; 8] = *b"DYN-IDS\n";
const VERSION: u32 = 1;
/// Magic, version, length of the body.
const HEADER_BYTES: usize = 8 + 4 + 8;
const CHECKSUM_BYTES: usize = 8;
/// Capacity, clock, six statistics, numbers of rows and of candidates.
const BODY_NUMBERS: usize = 10;
/// Id, number of uses, last use.
const ENTRY_NUMBERS: usize = 3;
/// Far from overflow, however long the run goes on.
const LARGEST_CLOCK: u64 = 1 << 62;

impl DynamicIdsState {
    /// The capacity of the table's ids.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The id of each row that has one, from row 0.
    pub fn ids(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().map(|entry| entry.id)
    }

    /// The state as bytes, the same on every platform.
    ///
    /// Little-endian: 8 bytes that name the format, its version (u32), the length of the body (u64),
    /// the body, and the FNV-1a checksum (u64) of all before it. The body is numbers (u64): capacity,
    /// clock, the fields of [`DynamicStats`] in their order, the number of rows in use, the number of
    /// candidates; then id, number of uses and last use of every row and of every candidate.
    pub fn to_bytes(&self) -> Vec<u8> {
        let DynamicStats { hits, misses, admitted, evicted, refused, forgotten } = self.stats;
        let entries = self.rows.iter().chain(&self.candidates);
        let n_numbers = BODY_NUMBERS + ENTRY_NUMBERS * (self.rows.len() + self.candidates.len());
        let mut bytes = Vec::with_capacity(HEADER_BYTES + 8 * n_numbers + CHECKSUM_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((8 * n_numbers as u64).to_le_bytes());
        let counts = [hits, misses, admitted, evicted, refused, forgotten];
        let lengths = [self.rows.len() as u64, self.candidates.len() as u64];
        let body = [self.capacity as u64, self.clock]
            .into_iter()
            .chain(counts)
            .chain(lengths)
            .chain(entries.flat_map(|entry| [entry.id, entry.n_uses, entry.last_use]));
        for number in body {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(fnv_1a(&bytes).to_le_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has written.
    ///
    /// # Errors
    /// If the bytes are something else, were cut short or changed, or contradict themselves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DynamicIdsError> {
        let body = verified_body(bytes)?;
        let mut numbers = body.chunks_exact(8).map(little_endian);
        // The body has at least these; the length is compared before more are read.
        let mut next = || numbers.next().unwrap_or_default();
        let (capacity, clock) = (next(), next());
        let counts: [u64; 6] = std::array::from_fn(|_| next());
        let (n_rows, n_candidates) = (next(), next());
        let largest = DynamicIdsConfig::LARGEST as u64;
        in_range("the capacity", capacity, 1..=largest)?;
        in_range("the clock", clock, 0..=LARGEST_CLOCK)?;
        for count in counts {
            in_range("a statistic", count, 0..=clock)?;
        }
        in_range("the number of rows in use", n_rows, 0..=capacity)?;
        in_range("the number of candidates", n_candidates, 0..=largest)?;
        let n_ids = n_rows + n_candidates;
        let expected = BODY_NUMBERS as u64 + ENTRY_NUMBERS as u64 * n_ids;
        in_range("the size of the body in numbers", body.len() as u64 / 8, expected..=expected)?;
        let mut rows: Vec<IdUse> =
            (0..n_ids).map(|_| IdUse { id: next(), n_uses: next(), last_use: next() }).collect();
        check_ids(&rows, clock)?;
        let candidates = rows.split_off(n_rows as usize);
        let [hits, misses, admitted, evicted, refused, forgotten] = counts;
        let stats = DynamicStats { hits, misses, admitted, evicted, refused, forgotten };
        Ok(DynamicIdsState { capacity: capacity as usize, clock, stats, rows, candidates })
    }
}

/// The body of whole and undamaged bytes.
fn verified_body(bytes: &[u8]) -> Result<&[u8], DynamicIdsError> {
    let actual = bytes.len() as u64;
    let smallest = HEADER_BYTES + 8 * BODY_NUMBERS + CHECKSUM_BYTES;
    if bytes.len() < smallest {
        return Err(DynamicIdsError::Length { actual, expected: smallest as u64 });
    }
    let mut magic = [0; 8];
    magic.copy_from_slice(&bytes[..8]);
    if magic != MAGIC {
        return Err(DynamicIdsError::Magic { actual: magic, expected: MAGIC });
    }
    let version = little_endian(&bytes[8..12]) as u32;
    if version != VERSION {
        return Err(DynamicIdsError::Version { actual: version, expected: VERSION });
    }
    // A damaged length may be anything.
    let body_bytes = little_endian(&bytes[12..HEADER_BYTES]);
    let expected = body_bytes.saturating_add((HEADER_BYTES + CHECKSUM_BYTES) as u64);
    if actual != expected {
        return Err(DynamicIdsError::Length { actual, expected });
    }
    let (written, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
    let (actual, expected) = (fnv_1a(written), little_endian(checksum));
    if actual != expected {
        return Err(DynamicIdsError::Checksum { actual, expected });
    }
    Ok(&written[HEADER_BYTES..])
}

/// Whether ids and times are distinct and the uses possible.
fn check_ids(entries: &[IdUse], clock: u64) -> Result<(), DynamicIdsError> {
    let n_ids = entries.len();
    let set = || HashSet::with_capacity_and_hasher(n_ids, FxBuildHasher);
    let (mut ids, mut times) = (set(), set());
    for (position, &IdUse { id, n_uses, last_use }) in entries.iter().enumerate() {
        in_range("a last use", last_use, 1..=clock)?;
        // Every use takes one tick of the clock.
        in_range("a number of uses", n_uses, 1..=last_use)?;
        if !ids.insert(id) {
            return Err(DynamicIdsError::RepeatedId { id, position, n_ids });
        }
        if !times.insert(last_use) {
            return Err(DynamicIdsError::RepeatedTime { last_use, position, n_ids });
        }
    }
    Ok(())
}

fn in_range(what: &'static str, value: u64, range: RangeInclusive<u64>) -> Result<(), DynamicIdsError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(DynamicIdsError::Range { what, value, low: *range.start(), high: *range.end() })
}

/// The number that at most 8 bytes are.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The 64-bit checksum of Fowler, Noll and Vo. A change of one byte always changes it.
fn fnv_1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Eviction;
    use proptest::prelude::*;

    fn state(stream: &[u64]) -> DynamicIdsState {
        let config = DynamicIdsConfig::new(4)
            .with_admit_after(2)
            .with_eviction(Eviction::LeastFrequentlyUsed)
            .with_max_candidates(Some(3));
        let mut ids = config.init();
        for batch in stream.chunks(3) {
            ids.resolve(batch);
        }
        ids.state()
    }

    /// `bytes` with the number at `index` of the body replaced, and a checksum that agrees.
    fn forged(bytes: &[u8], index: usize, number: u64) -> Vec<u8> {
        let mut bytes = bytes[..bytes.len() - CHECKSUM_BYTES].to_vec();
        bytes[HEADER_BYTES + 8 * index..][..8].copy_from_slice(&number.to_le_bytes());
        bytes.extend(fnv_1a(&bytes).to_le_bytes());
        bytes
    }

    fn message(bytes: &[u8]) -> String {
        DynamicIdsState::from_bytes(bytes).unwrap_err().to_string()
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(fnv_1a(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn errors_have_both_numbers() {
        // Rows of 7 and u64::MAX, candidate 9: 20 bytes, 10 + 3 * 3 numbers, 8 bytes.
        let bytes = state(&[7, 7, 9, u64::MAX, u64::MAX]).to_bytes();
        assert_eq!(bytes.len(), 20 + 8 * 19 + 8);
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(message(&longer)[..58], *"a state of dynamic ids of 181 bytes, expected 180; take an");
        assert!(message(&bytes[..107]).contains("107 bytes, expected 108"));
        assert!(message(&bytes[..150]).contains("150 bytes, expected 180"));
        let mut other = bytes.clone();
        other[8] = 7;
        assert!(message(&other).contains("in version 7, but this program reads version 1"));
        other[0] = b'X';
        assert!(message(&other).contains("begins with [58, 59, 4e"));
        let (capacity, clock, refused, n_rows, n_candidates) = (0, 1, 6, 8, 9);
        let (first_id, first_uses, second_id, second_last) = (10, 11, 13, 15);
        for (index, number, expected) in [
            (capacity, 0, "the capacity is 0, expected 1 to 2147483646"),
            (capacity, 1, "the number of rows in use is 2, expected 0 to 1"),
            (clock, u64::MAX, "the clock is 18446744073709551615, expected 0 to 4611686018427387904"),
            (clock, 4, "a statistic is 5, expected 0 to 4"),
            (second_last, 6, "a last use is 6, expected 1 to 5"),
            (refused, 6, "a statistic is 6, expected 0 to 5"),
            (n_rows, 3, "the size of the body in numbers is 19, expected 22 to 22"),
            (n_candidates, 0, "the size of the body in numbers is 19, expected 16 to 16"),
            (n_candidates, u64::MAX, "the number of candidates is 18446744073709551615, expected 0 to 2147"),
            (first_uses, 3, "a number of uses is 3, expected 1 to 2"),
            (first_uses, 0, "a number of uses is 0, expected 1 to 2"),
            (second_id, 7, "id 7 occurs again at position 1 of 3"),
            (first_id, 9, "id 9 occurs again at position 2 of 3"),
            (second_last, 2, "time 2 occurs again at position 1 of 3"),
        ] {
            let message = message(&forged(&bytes, index, number));
            assert!(message.contains(expected), "number {index} = {number}: {message}");
        }
    }

    proptest! {
        #[test]
        fn bytes_give_the_state_back(stream in prop::collection::vec(0u64..12, 0..60)) {
            let state = state(&stream);
            prop_assert_eq!(DynamicIdsState::from_bytes(&state.to_bytes()), Ok(state));
        }

        #[test]
        fn any_damage_is_an_error(
            stream in prop::collection::vec(0u64..12, 0..60),
            at in any::<prop::sample::Index>(),
            change in 1u8..,
        ) {
            let bytes = state(&stream).to_bytes();
            let at = at.index(bytes.len());
            prop_assert!(DynamicIdsState::from_bytes(&bytes[..at]).is_err());
            let mut damaged = bytes;
            damaged[at] ^= change;
            prop_assert!(DynamicIdsState::from_bytes(&damaged).is_err());
        }

        #[test]
        fn any_bytes_are_a_state_that_works_or_an_error(
            stream in prop::collection::vec(0u64..12, 0..60),
            forgeries in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![0u64..40, any::<u64>()]), 1..4),
        ) {
            let mut bytes = state(&stream).to_bytes();
            let n_numbers = (bytes.len() - HEADER_BYTES - CHECKSUM_BYTES) / 8;
            for (index, number) in forgeries {
                bytes = forged(&bytes, index.index(n_numbers), number);
            }
            if let Ok(state) = DynamicIdsState::from_bytes(&bytes) {
                let config = DynamicIdsConfig::new(state.capacity)
                    .with_admit_after(2)
                    .with_eviction(Eviction::LeastFrequentlyUsed);
                if let Ok(mut ids) = config.restore(&state) {
                    let rows = ids.resolve(&(0..20).collect::<Vec<u64>>()).rows;
                    prop_assert!(rows.iter().all(|&row| (row as usize) < ids.n_rows()));
                }
            }
        }
    }
}
