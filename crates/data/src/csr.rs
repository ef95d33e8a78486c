//! Compressed rows of `u32` values.

/// Compressed sparse rows: for every row a slice of `u32` values, all in one allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csr {
    /// `offsets[r]..offsets[r + 1]` are the values of row `r`; `n_rows + 1` entries.
    offsets: Vec<usize>,
    values: Vec<u32>,
}

impl Csr {
    /// Groups `values` by `rows` with a counting sort; the order within a row is the input's.
    ///
    /// # Panics
    /// If `rows` and `values` differ in length or a row is not below `n_rows`.
    pub fn group(n_rows: usize, rows: &[u32], values: impl ExactSizeIterator<Item = u32>) -> Self {
        assert_eq!(rows.len(), values.len(), "{} rows but {} values", rows.len(), values.len());
        let mut offsets = vec![0usize; n_rows + 1];
        for &row in rows {
            offsets[row as usize + 1] += 1;
        }
        for row in 0..n_rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut grouped = vec![0u32; rows.len()];
        for (&row, value) in rows.iter().zip(values) {
            grouped[next[row as usize]] = value;
            next[row as usize] += 1;
        }
        Csr { offsets, values: grouped }
    }

    /// One row after the other.
    pub fn from_rows<R: AsRef<[u32]>>(rows: impl IntoIterator<Item = R>) -> Self {
        let mut offsets = vec![0];
        let mut values = Vec::new();
        for row in rows {
            values.extend_from_slice(row.as_ref());
            offsets.push(values.len());
        }
        Csr { offsets, values }
    }

    /// The number of rows, empty ones included.
    pub fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of values in all rows.
    pub fn n_values(&self) -> usize {
        self.values.len()
    }

    /// The values of row `row`.
    ///
    /// # Panics
    /// If `row` is not below [`n_rows`](Self::n_rows).
    pub fn row(&self, row: u32) -> &[u32] {
        let row = row as usize;
        &self.values[self.offsets[row]..self.offsets[row + 1]]
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.offsets.windows(2).map(|bounds| &self.values[bounds[0]..bounds[1]])
    }

    /// The same rows with their values ascending and without duplicates, so that membership is a
    /// binary search.
    pub fn sorted_unique(mut self) -> Self {
        let mut kept = 0;
        let mut start = 0;
        for row in 0..self.n_rows() {
            let end = self.offsets[row + 1];
            self.values[start..end].sort_unstable();
            let mut last = None;
            for read in start..end {
                let value = self.values[read];
                if last != Some(value) {
                    self.values[kept] = value;
                    kept += 1;
                    last = Some(value);
                }
            }
            start = end;
            self.offsets[row + 1] = kept;
        }
        self.values.truncate(kept);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_input_order() {
        let csr = Csr::group(4, &[2, 0, 2, 3, 2], [9u32, 8, 7, 6, 9].into_iter());
        let rows: Vec<_> = csr.rows().collect();
        assert_eq!(rows, [&[8][..], &[], &[9, 7, 9], &[6]]);
        let unique = csr.sorted_unique();
        let rows: Vec<_> = unique.rows().collect();
        assert_eq!(rows, [&[8][..], &[], &[7, 9], &[6]]);
        assert_eq!(unique.n_values(), 4);
    }
}
