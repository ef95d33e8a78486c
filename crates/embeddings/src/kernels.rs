//! Loops over rows in host memory.
//!
//! Reading rows at random, a core waits for memory most of the time, so rows are asked for some rows
//! before they are used, and sums stay in registers. Additions keep their order, and nothing is fused:
//! the bits are those of the plain loop on every processor.

/// How many rows of width `d` ahead of the one in use are asked for: 4 kB of them, which is about as much
/// as a core can wait for at once.
#[inline(always)]
pub(crate) fn rows_ahead(d: usize) -> usize {
    (1024 / d.max(1)).clamp(8, 64)
}

/// Asks for a row to be brought into the cache.
#[inline(always)]
pub(crate) fn prefetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(unsafe_code, reason = "the only prefetch that stable Rust has")]
        // SAFETY: a hint: it gives no value and does not fault, whatever the address.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// A table in host memory, `[n_rows, d]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostTable<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) d: usize,
}

impl HostTable<'_> {
    #[inline(always)]
    fn row(&self, row: u32) -> &[f32] {
        &self.values[row as usize * self.d..][..self.d]
    }

    #[inline(always)]
    fn prefetch(&self, row: Option<&u32>) {
        if let Some(&row) = row {
            prefetch(self.row(row));
        }
    }

    /// Copies `rows` to `out`, `d_out` apart.
    pub(crate) fn copy(&self, rows: &[u32], out: &mut [f32], d_out: usize, first_column: usize) {
        let n_ahead = rows_ahead(self.d);
        rows.iter().take(n_ahead).for_each(|row| self.prefetch(Some(row)));
        for (at, (&row, out)) in rows.iter().zip(out.chunks_exact_mut(d_out)).enumerate() {
            self.prefetch(rows.get(at + n_ahead));
            out[first_column..first_column + self.d].copy_from_slice(self.row(row));
        }
    }

    /// Puts the sum of the rows of each bag into `out`, `d_out` apart.
    ///
    /// `offsets` says where each bag of `rows` begins and the last one ends. A value counts `weights[i]`
    /// times, if there are weights.
    pub(crate) fn sum(
        &self,
        rows: &[u32],
        offsets: &[u32],
        weights: Option<&[f32]>,
        out: &mut [f32],
        (d_out, first_column): (usize, usize),
    ) {
        // With the widest registers that the processor has.
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let n_ahead = rows_ahead(self.d);
                for (bag, out) in offsets.windows(2).zip(out.chunks_exact_mut(d_out)) {
                    let (start, end) = (bag[0] as usize, bag[1] as usize);
                    let bag = Bag {
                        table: *self,
                        rows: &rows[start..end],
                        ahead: &rows[rows.len().min(start + n_ahead)..],
                        weights: weights.map(|weights| &weights[start..end]),
                    };
                    bag.sum(&mut out[first_column..first_column + self.d]);
                }
            },
        );
    }
}

/// One bag to be summed.
struct Bag<'a> {
    table: HostTable<'a>,
    rows: &'a [u32],
    /// The rows that are used [some rows](rows_ahead) later.
    ahead: &'a [u32],
    weights: Option<&'a [f32]>,
}

impl Bag<'_> {
    #[inline(always)]
    fn sum(&self, out: &mut [f32]) {
        let mut first = 0;
        // Blocks of columns that fit into registers.
        while out.len() - first >= 64 {
            self.block::<64>(first, out);
            first += 64;
        }
        while out.len() - first >= 16 {
            self.block::<16>(first, out);
            first += 16;
        }
        while first < out.len() {
            self.block::<1>(first, out);
            first += 1;
        }
    }

    #[inline(always)]
    fn block<const W: usize>(&self, first: usize, out: &mut [f32]) {
        let mut sums = [0f32; W];
        for (at, &row) in self.rows.iter().enumerate() {
            if first == 0 {
                self.table.prefetch(self.ahead.get(at));
            }
            let values = &self.table.row(row)[first..first + W];
            match self.weights {
                None => sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
                Some(weights) => {
                    let weight = weights[at];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
        out[first..first + W].copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_are_those_of_the_plain_loop(
            lengths in prop::collection::vec(0u32..40, 1..8),
            d in prop_oneof![1usize..20, 60usize..150],
            is_weighted: bool,
        ) {
            let n_values: u32 = lengths.iter().sum();
            let rows: Vec<u32> = (0..n_values).map(|at| at.wrapping_mul(2_654_435_761) % 50).collect();
            let values: Vec<f32> = (0..50 * d).map(|at| (at as f32 * 0.37).sin()).collect();
            let weights: Vec<f32> = rows.iter().map(|&row| (row as f32).cos()).collect();
            let weights = is_weighted.then_some(weights.as_slice());
            let mut offsets = vec![0];
            offsets.extend(lengths.iter().scan(0, |end, length| { *end += length; Some(*end) }));
            let (d_out, first_column) = (d + 3, 2);
            let mut out = vec![7.0; lengths.len() * d_out];
            let table = HostTable { values: &values, d };
            table.sum(&rows, &offsets, weights, &mut out, (d_out, first_column));
            for (bag, out) in offsets.windows(2).zip(out.chunks_exact(d_out)) {
                let mut expected = vec![0f32; d];
                for position in bag[0] as usize..bag[1] as usize {
                    let row = &values[rows[position] as usize * d..][..d];
                    for (sum, value) in expected.iter_mut().zip(row) {
                        *sum += weights.map_or(*value, |weights| weights[position] * value);
                    }
                }
                prop_assert_eq!(&out[2..2 + d], &expected);
                prop_assert_eq!([out[0], out[1], out[d_out - 1]], [7.0; 3]);
            }
        }
    }
}
