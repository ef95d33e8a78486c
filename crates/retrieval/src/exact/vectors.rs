//! The item vectors themselves, as they are kept.

use half::f16;

use super::codes::Codes;
use super::dots::ITEMS;
use crate::{Buffer, Error, Result};

/// In what form an index keeps its item vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "usearch",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Precision {
    /// As they are given: searches are exact.
    #[default]
    F32,
    /// Rounded to 16 bits: searches are exact for the rounded vectors.
    F16,
    /// Rounded to integers of 8 bits with a scale for each item, `s = max |x| / 127` and `c = round(x / s)`:
    /// searches are exact for the vectors `s c`.
    I8,
}

/// Vectors in panels of [`ITEMS`]: `[n_panels, dimension, ITEMS]`, zeros after the last item.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Vectors {
    F32(Buffer<f32>),
    F16(Buffer<u16>),
    /// What the codes give.
    Codes,
}

impl Vectors {
    /// The columns of a panel's items, in `scratch` if they are not kept as floats.
    #[inline]
    pub(super) fn panel<'a>(
        &'a self,
        codes: &Codes,
        dimension: usize,
        panel: usize,
        scratch: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let range = panel * dimension * ITEMS..(panel + 1) * dimension * ITEMS;
        match self {
            Vectors::F32(values) => &values[range],
            Vectors::F16(values) => {
                scratch.clear();
                scratch.extend(values[range].iter().map(|&bits| f16::from_bits(bits).to_f32()));
                scratch
            }
            Vectors::Codes => {
                scratch.resize(range.len(), 0.0);
                codes.decode(panel, scratch);
                scratch
            }
        }
    }
}

/// Vectors in panels, from rows.
pub(super) fn panels<T: Copy + Default>(dimension: usize, items: &[f32], of: impl Fn(f32) -> T) -> Vec<T> {
    let size = dimension * ITEMS;
    let mut values = vec![T::default(); items.len().div_ceil(size) * size];
    for (panel, items) in values.chunks_exact_mut(size).zip(items.chunks(size)) {
        for (lane, item) in items.chunks_exact(dimension).enumerate() {
            panel.iter_mut().skip(lane).step_by(ITEMS).zip(item).for_each(|(to, &from)| *to = of(from));
        }
    }
    values
}

/// Values rounded to 16 bits.
///
/// # Errors
/// If one is too large.
pub(super) fn rounded(dimension: usize, items: &[f32]) -> Result<Vec<f32>> {
    let round = |(at, &value): (usize, &f32)| {
        let rounded = f16::from_f32(value).to_f32();
        let (row, column) = (at / dimension, at % dimension);
        if rounded.is_finite() { Ok(rounded) } else { Err(Error::TooLarge { row, column, value }) }
    };
    items.iter().enumerate().map(round).collect()
}
