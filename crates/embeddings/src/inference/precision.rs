//! How the values of an inference table are stored.

use burn::config::Config;

/// How many bits a value of an inference table takes.
///
/// The [module](super) says how values are rounded.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As trained: 4 bytes a value.
    F32,
    /// IEEE 754 binary16: 2 bytes a value, a relative error of 2^-11, magnitudes up to 65,504.
    F16,
    /// 256 levels a row: 1 byte a value and 8 bytes a row.
    Int8,
    /// 16 levels a row: half a byte a value and 8 bytes a row.
    Int4,
}

/// Scale and offset of a row, both `f32`.
///
/// `f16` would save four bytes a row, but then neither constant rows were exact nor large values
/// within range.
pub(super) const SCALE_AND_OFFSET: usize = 8;

impl Precision {
    /// Bits a value, which is also the code in the file.
    pub(super) fn bits(self) -> u32 {
        match self {
            Precision::F32 => 32,
            Precision::F16 => 16,
            Precision::Int8 => 8,
            Precision::Int4 => 4,
        }
    }

    pub(super) fn from_bits(bits: u32) -> Option<Self> {
        [Precision::F32, Precision::F16, Precision::Int8, Precision::Int4]
            .into_iter()
            .find(|precision| precision.bits() == bits)
    }

    /// Bytes a row, if they can be counted.
    pub(super) fn row_bytes(self, d_embedding: usize) -> Option<usize> {
        match self {
            Precision::F32 => d_embedding.checked_mul(4),
            Precision::F16 => d_embedding.checked_mul(2),
            Precision::Int8 => d_embedding.checked_add(SCALE_AND_OFFSET),
            Precision::Int4 => d_embedding.div_ceil(2).checked_add(SCALE_AND_OFFSET),
        }
    }
}
