//! The first 64 bytes of a table and the checksum. The format is described in the [module](super).

use std::path::Path;

use super::{Precision, TableError};

/// Where the rows begin; a multiple of a cache line.
pub(super) const HEADER_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"\x89BRTBL\r\n";
const VERSION: u32 = 1;
/// Ids are `u32`.
const MAX_ROWS: u64 = 1 << 32;

/// The shape of a table whose bytes can be addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) precision: Precision,
    pub(super) n_rows: usize,
    pub(super) d_embedding: usize,
    pub(super) row_bytes: usize,
}

impl Layout {
    /// # Errors
    /// If there are no rows or columns, or more than can be addressed.
    pub(super) fn new(
        path: &Path,
        precision: Precision,
        n_rows: u64,
        d_embedding: u64,
    ) -> Result<Self, TableError> {
        let layout = || {
            let (n_rows, d_embedding) = (usize::try_from(n_rows).ok()?, usize::try_from(d_embedding).ok()?);
            let row_bytes = precision.row_bytes(d_embedding)?;
            // No slice is longer than `isize::MAX`, a row of `f32` included.
            let file_bytes = n_rows.checked_mul(row_bytes)?.checked_add(HEADER_BYTES)?;
            let f32_row_bytes = Precision::F32.row_bytes(d_embedding)?;
            isize::try_from(file_bytes.max(f32_row_bytes)).ok()?;
            Some(Layout { precision, n_rows, d_embedding, row_bytes })
        };
        layout()
            .filter(|_| (1..=MAX_ROWS).contains(&n_rows) && d_embedding > 0)
            .ok_or_else(|| TableError::Shape { path: path.to_owned(), n_rows, d_embedding })
    }

    pub(super) fn data_bytes(&self) -> usize {
        self.n_rows * self.row_bytes
    }

    pub(super) fn file_bytes(&self) -> u64 {
        (HEADER_BYTES + self.data_bytes()) as u64
    }
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) layout: Layout,
    pub(super) data_checksum: u64,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.layout.precision.bits().to_le_bytes());
        bytes[16..24].copy_from_slice(&(self.layout.n_rows as u64).to_le_bytes());
        bytes[24..32].copy_from_slice(&(self.layout.d_embedding as u64).to_le_bytes());
        bytes[32..40].copy_from_slice(&self.layout.file_bytes().to_le_bytes());
        bytes[40..48].copy_from_slice(&self.data_checksum.to_le_bytes());
        let checksum = Checksum::of(&bytes[..56]);
        bytes[56..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header from the first bytes of a file of `file_bytes` bytes.
    pub(super) fn from_bytes(path: &Path, bytes: &[u8], file_bytes: u64) -> Result<Self, TableError> {
        let path_buf = || path.to_owned();
        let magic = &bytes[..bytes.len().min(MAGIC.len())];
        if !MAGIC.starts_with(magic) {
            return Err(TableError::NotATable { path: path_buf(), first_bytes: magic.to_vec() });
        }
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(TableError::Length {
                path: path_buf(),
                expected: HEADER_BYTES as u64,
                found: bytes.len() as u64,
            });
        };
        // The version first: another one may have another header.
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(TableError::Version { path: path_buf(), found: version, supported: VERSION });
        }
        let (expected, found) = (u64_at(bytes, 56), Checksum::of(&bytes[..56]));
        if expected != found {
            return Err(TableError::Checksum { path: path_buf(), part: "header", expected, found });
        }
        let bits = u32_at(bytes, 12);
        let precision =
            Precision::from_bits(bits).ok_or_else(|| TableError::Precision { path: path_buf(), bits })?;
        let layout = Layout::new(path, precision, u64_at(bytes, 16), u64_at(bytes, 24))?;
        // The two differ only if a faulty program wrote the header; then neither can be trusted.
        for expected in [u64_at(bytes, 32), layout.file_bytes()] {
            if expected != file_bytes {
                return Err(TableError::Length { path: path_buf(), expected, found: file_bytes });
            }
        }
        Ok(Header { layout, data_checksum: u64_at(bytes, 40) })
    }
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// The checksum of the bytes seen so far.
#[derive(Debug, Clone)]
pub(super) struct Checksum {
    state: u64,
    /// The bytes after the last whole word, and how many they are.
    rest: [u8; 8],
    n_rest: usize,
}

impl Checksum {
    pub(super) fn new() -> Self {
        Checksum { state: 0xCBF2_9CE4_8422_2325, rest: [0; 8], n_rest: 0 }
    }

    pub(super) fn of(bytes: &[u8]) -> u64 {
        let mut checksum = Checksum::new();
        checksum.update(bytes);
        checksum.finish()
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        if self.n_rest > 0 {
            let n_taken = bytes.len().min(8 - self.n_rest);
            self.rest[self.n_rest..][..n_taken].copy_from_slice(&bytes[..n_taken]);
            self.n_rest += n_taken;
            bytes = &bytes[n_taken..];
            if self.n_rest < 8 {
                return;
            }
            self.word(self.rest);
        }
        let (words, rest) = bytes.as_chunks::<8>();
        for &word in words {
            self.word(word);
        }
        self.rest = [0; 8];
        self.rest[..rest.len()].copy_from_slice(rest);
        self.n_rest = rest.len();
    }

    pub(super) fn finish(mut self) -> u64 {
        if self.n_rest > 0 {
            self.word(self.rest);
        }
        self.state
    }

    fn word(&mut self, word: [u8; 8]) {
        let mixed = (self.state ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01B3);
        self.state = mixed.rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        let layout = Layout::new(Path::new("x"), Precision::Int4, 3, 5).unwrap();
        Header { layout, data_checksum: 0x0123_4567_89AB_CDEF }
    }

    #[test]
    fn bytes_are_as_documented() {
        let bytes = header().to_bytes();
        assert_eq!(bytes[..8], [0x89, 0x42, 0x52, 0x54, 0x42, 0x4C, 0x0D, 0x0A]);
        assert_eq!(bytes[8..16], [1, 0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(bytes[16..32], [3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[32..40], [64 + 3 * (8 + 3), 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[40..48], [0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01]);
        assert_eq!(bytes[48..56], [0; 8]);
        assert_eq!(Header::from_bytes(Path::new("x"), &bytes, 97).unwrap(), header());
    }

    #[test]
    fn a_word_of_the_checksum_is_as_documented() {
        let state = (0xCBF2_9CE4_8422_2325u64 ^ 7).wrapping_mul(0x100_0000_01B3).rotate_left(29);
        assert_eq!(Checksum::of(&[7]), state);
        assert_eq!(Checksum::of(&[7, 0, 0, 0, 0, 0, 0, 0]), state);
    }

    #[test]
    fn every_flipped_bit_of_the_header_is_found() {
        let whole = header().to_bytes();
        for bit in 0..8 * HEADER_BYTES {
            let mut bytes = whole;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = Header::from_bytes(Path::new("x"), &bytes, 97).unwrap_err();
            let right = match bit / 8 {
                0..8 => matches!(error, TableError::NotATable { .. }),
                8..12 => matches!(error, TableError::Version { supported: 1, .. }),
                _ => matches!(error, TableError::Checksum { part: "header", .. }),
            };
            assert!(right, "bit {bit}: {error}");
        }
    }

    /// A header that another program wrote, with a right checksum.
    fn forged(at: usize, value: &[u8]) -> TableError {
        let mut bytes = header().to_bytes();
        bytes[at..][..value.len()].copy_from_slice(value);
        let checksum = Checksum::of(&bytes[..56]);
        bytes[56..].copy_from_slice(&checksum.to_le_bytes());
        Header::from_bytes(Path::new("x"), &bytes, 97).unwrap_err()
    }

    #[test]
    fn headers_that_cannot_be_are_refused() {
        assert!(matches!(forged(12, &[5]), TableError::Precision { bits: 5, .. }));
        assert!(matches!(forged(16, &[0]), TableError::Shape { n_rows: 0, d_embedding: 5, .. }));
        assert!(matches!(forged(24, &[0]), TableError::Shape { n_rows: 3, d_embedding: 0, .. }));
        assert!(matches!(forged(16, &[1, 0, 0, 0, 1]), TableError::Shape { n_rows: 4_294_967_297, .. }));
        assert!(matches!(forged(24, &[0xFF; 8]), TableError::Shape { d_embedding: u64::MAX, .. }));
        assert!(matches!(forged(32, &[98]), TableError::Length { expected: 98, found: 97, .. }));
        assert!(matches!(forged(16, &[4]), TableError::Length { expected: 108, found: 97, .. }));
    }

    proptest! {
        #[test]
        fn the_checksum_does_not_depend_on_the_pieces(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            cuts in prop::collection::vec(0usize..100, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut checksum = Checksum::new();
            for pair in cuts.windows(2) {
                checksum.update(&bytes[pair[0]..pair[1]]);
            }
            prop_assert_eq!(checksum.finish(), Checksum::of(&bytes));
        }

        #[test]
        fn every_flipped_bit_changes_the_checksum(
            bytes in prop::collection::vec(any::<u8>(), 1..100), at in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1u8 << bit;
            prop_assert_ne!(Checksum::of(&flipped), Checksum::of(&bytes));
        }
    }
}
