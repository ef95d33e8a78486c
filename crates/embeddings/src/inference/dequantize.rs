//! Stored rows back into `f32`: the loops that serving spends its time in.
//!
//! They are plain loops that the compiler turns into SSE2, NEON and so on. Nothing in them needs a
//! processor newer than the target's baseline.

use rayon::prelude::*;

use super::Precision;
use super::header::Layout;
use super::precision::SCALE_AND_OFFSET;

/// The stored rows of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredRows<'a> {
    pub(super) layout: Layout,
    /// `n_rows * row_bytes` bytes.
    pub(super) bytes: &'a [u8],
}

/// What becomes of the rows of a bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    Sum,
    Mean,
}

/// Values that one task of the thread pool makes: about 50 microseconds.
const VALUES_PER_TASK: usize = 1 << 16;

/// Bytes of rows that are brought into the cache ahead: half of a usual first-level cache.
const BYTES_AHEAD: usize = 1 << 14;

impl StoredRows<'_> {
    /// One row.
    pub(super) fn row(self, row: usize, out: &mut [f32]) {
        match self.layout.precision {
            Precision::F32 => store::<F32>(self.stored(row), out),
            Precision::F16 => store::<F16>(self.stored(row), out),
            Precision::Int8 => store::<Int8>(self.stored(row), out),
            Precision::Int4 => store::<Int4>(self.stored(row), out),
        }
    }

    /// The rows `ids`, one after the other.
    pub(super) fn gather(self, ids: &[u32], out: &mut [f32]) {
        match self.layout.precision {
            Precision::F32 => self.gather_as::<F32>(ids, out),
            Precision::F16 => self.gather_as::<F16>(ids, out),
            Precision::Int8 => self.gather_as::<Int8>(ids, out),
            Precision::Int4 => self.gather_as::<Int4>(ids, out),
        }
    }

    /// The pooled rows of each bag; `lengths` sum to the number of ids.
    pub(super) fn pool(self, ids: &[u32], lengths: &[u32], pooling: Pooling, out: &mut [f32]) {
        match self.layout.precision {
            Precision::F32 => self.pool_as::<F32>(ids, lengths, pooling, out),
            Precision::F16 => self.pool_as::<F16>(ids, lengths, pooling, out),
            Precision::Int8 => self.pool_as::<Int8>(ids, lengths, pooling, out),
            Precision::Int4 => self.pool_as::<Int4>(ids, lengths, pooling, out),
        }
    }

    fn gather_as<F: RowFormat>(self, ids: &[u32], out: &mut [f32]) {
        let d = self.layout.d_embedding;
        let n_rows = self.rows_per_task();
        let task = |(ids, out): (&[u32], &mut [f32])| {
            let n_ahead = self.rows_ahead();
            for (ids, out) in ids.chunks(n_ahead).zip(out.chunks_mut(n_ahead * d)) {
                // Copies are short enough for the processor to look ahead by itself.
                if self.layout.precision != Precision::F32 {
                    self.touch(ids);
                }
                for (&id, out) in ids.iter().zip(out.chunks_exact_mut(d)) {
                    store::<F>(self.stored(id as usize), out);
                }
            }
        };
        if ids.len() <= n_rows {
            task((ids, out));
        } else {
            ids.par_chunks(n_rows).zip(out.par_chunks_mut(n_rows * d)).for_each(task);
        }
    }

    fn pool_as<F: RowFormat>(self, ids: &[u32], lengths: &[u32], pooling: Pooling, out: &mut [f32]) {
        let d = self.layout.d_embedding;
        // As many bags as hold about a task's rows.
        let n_bags = (self.rows_per_task() * lengths.len()).div_ceil(ids.len().max(1)).max(1);
        let task = |(ids, (lengths, out)): (&[u32], (&[u32], &mut [f32]))| {
            let mut blocks = ids.chunks(self.rows_ahead());
            let mut block: &[u32] = &[];
            for (&length, out) in lengths.iter().zip(out.chunks_exact_mut(d)) {
                out.fill(0.0);
                let mut n_left = length as usize;
                while n_left > 0 {
                    if block.is_empty() {
                        // The lengths sum to the ids, so there is a block.
                        block = blocks.next().unwrap_or_default();
                        self.touch(block);
                    }
                    let (of_bag, rest) = block.split_at(n_left.min(block.len()));
                    for &id in of_bag {
                        add::<F>(self.stored(id as usize), out);
                    }
                    n_left -= of_bag.len();
                    block = rest;
                }
                if pooling == Pooling::Mean && length > 1 {
                    out.iter_mut().for_each(|value| *value /= length as f32);
                }
            }
        };
        if lengths.len() <= n_bags {
            return task((ids, (lengths, out)));
        }
        let mut rest = ids;
        let tasks: Vec<_> = lengths
            .chunks(n_bags)
            .map(|lengths| {
                let n_ids = lengths.iter().map(|&length| length as usize).sum();
                let (of_task, after) = rest.split_at(n_ids);
                rest = after;
                (of_task, lengths)
            })
            .collect();
        tasks
            .into_par_iter()
            .zip(out.par_chunks_mut(n_bags * d))
            .for_each(|((ids, lengths), out)| task((ids, (lengths, out))));
    }

    /// Brings rows into the cache.
    ///
    /// To decode or add a row takes more instructions than a processor looks ahead, so without this the
    /// memory is waited for once a row instead of once a block: three to eight times as long.
    fn touch(self, ids: &[u32]) {
        let mut sum = 0u8;
        for &id in ids {
            let row = self.stored(id as usize);
            for line in row.chunks(64) {
                sum ^= line[0];
            }
            sum ^= row.last().copied().unwrap_or_default();
        }
        std::hint::black_box(sum);
    }

    fn stored(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.layout.row_bytes..][..self.layout.row_bytes]
    }

    fn rows_per_task(&self) -> usize {
        (VALUES_PER_TASK / self.layout.d_embedding).max(1)
    }

    fn rows_ahead(&self) -> usize {
        (BYTES_AHEAD / self.layout.row_bytes).clamp(1, 64)
    }
}

/// How a stored row is read.
trait RowFormat {
    /// Hands the value of each column to `sink`, together with its place in `out`.
    fn read(row: &[u8], out: &mut [f32], sink: impl Fn(&mut f32, f32));
}

// Functions of their own, so that the compiler knows that `row` and `out` do not overlap and makes
// vector code whatever surrounds the call.

#[inline(never)]
fn store<F: RowFormat>(row: &[u8], out: &mut [f32]) {
    F::read(row, out, |out, value| *out = value);
}

#[inline(never)]
fn add<F: RowFormat>(row: &[u8], out: &mut [f32]) {
    F::read(row, out, |out, value| *out += value);
}

struct F32;

impl RowFormat for F32 {
    #[inline(always)]
    fn read(row: &[u8], out: &mut [f32], sink: impl Fn(&mut f32, f32)) {
        for (out, &bytes) in out.iter_mut().zip(row.as_chunks::<4>().0) {
            sink(out, f32::from_le_bytes(bytes));
        }
    }
}

struct F16;

impl RowFormat for F16 {
    #[inline(always)]
    fn read(row: &[u8], out: &mut [f32], sink: impl Fn(&mut f32, f32)) {
        for (out, &bytes) in out.iter_mut().zip(row.as_chunks::<2>().0) {
            sink(out, f32_from_f16(u16::from_le_bytes(bytes)));
        }
    }
}

/// The value of a finite binary16 number, without a branch and without subnormal operands.
#[inline(always)]
fn f32_from_f16(bits: u16) -> f32 {
    let bits = u32::from(bits);
    // Exponent and fraction where f32 has them; the exponents of the two differ by 112.
    let magnitude = (bits & 0x7FFF) << 13;
    let normal = magnitude + (112 << 23);
    // A fraction below 2^-14: put after a leading one of that size, which is then taken away.
    let subnormal = f32::from_bits(magnitude + (113 << 23)) - f32::from_bits(113 << 23);
    let value = if magnitude < 1 << 23 { subnormal.to_bits() } else { normal };
    f32::from_bits(value | (bits & 0x8000) << 16)
}

struct Int8;

impl RowFormat for Int8 {
    #[inline(always)]
    fn read(row: &[u8], out: &mut [f32], sink: impl Fn(&mut f32, f32)) {
        let (grid, codes) = Grid::split(row);
        for (out, &code) in out.iter_mut().zip(codes) {
            sink(out, grid.value(code, INT8_STEPS));
        }
    }
}

struct Int4;

impl RowFormat for Int4 {
    #[inline(always)]
    fn read(row: &[u8], out: &mut [f32], sink: impl Fn(&mut f32, f32)) {
        let (grid, codes) = Grid::split(row);
        let (pairs, last) = out.as_chunks_mut::<2>();
        for ([even, odd], &code) in pairs.iter_mut().zip(codes) {
            sink(even, grid.value(code & 0xF, INT4_STEPS));
            sink(odd, grid.value(code >> 4, INT4_STEPS));
        }
        if let ([last], Some(&code)) = (last, codes.last()) {
            sink(last, grid.value(code & 0xF, INT4_STEPS));
        }
    }
}

/// Steps from the least to the largest value of a row.
pub(super) const INT8_STEPS: u8 = 255;
/// Steps from the least to the largest value of a row.
pub(super) const INT4_STEPS: u8 = 15;

/// Where the codes of a row lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    /// The size of a step.
    pub(super) scale: f32,
    /// The value in the middle.
    pub(super) offset: f32,
}

impl Grid {
    #[inline(always)]
    pub(super) fn value(self, code: u8, n_steps: u8) -> f32 {
        (f32::from(code) - 0.5 * f32::from(n_steps)) * self.scale + self.offset
    }

    /// The grid of a stored row and its codes.
    #[inline(always)]
    fn split(row: &[u8]) -> (Self, &[u8]) {
        let (grid, codes) = row.split_at(SCALE_AND_OFFSET);
        let number = |at: usize| f32::from_le_bytes([grid[at], grid[at + 1], grid[at + 2], grid[at + 3]]);
        (Grid { scale: number(0), offset: number(4) }, codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_f16_is_exact() {
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits);
            if expected.is_finite() {
                assert_eq!(f32_from_f16(bits).to_bits(), expected.to_f32().to_bits(), "{bits:04x}");
            }
        }
    }

    #[test]
    fn int4_has_the_even_column_in_the_low_half() {
        let grid = [2f32.to_le_bytes(), 10f32.to_le_bytes()].concat();
        let mut row = [0.0; 3];
        store::<Int4>(&[grid, vec![0xF0, 0x08]].concat(), &mut row);
        // (0 - 7.5) * 2 + 10, (15 - 7.5) * 2 + 10, (8 - 7.5) * 2 + 10
        assert_eq!(row, [-5.0, 25.0, 11.0]);
    }

    #[test]
    fn int8_counts_from_the_middle() {
        let grid = [2f32.to_le_bytes(), 10f32.to_le_bytes()].concat();
        let mut row = [1.0; 3];
        add::<Int8>(&[grid, vec![0, 128, 255]].concat(), &mut row);
        // 1 + (0 - 127.5) * 2 + 10 and so on
        assert_eq!(row, [-244.0, 12.0, 266.0]);
    }
}
