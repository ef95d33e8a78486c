//! Sparse matrices in compressed rows, and their products with tables.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use crate::rows::{indices, segment_sum};

/// A constant sparse matrix in compressed rows, multiplied with a dense one: the propagation step of a graph
/// network.
///
/// Gradients pass to the dense matrix. On flex a product is one pass over the entries on all threads; elsewhere it
/// is made of gathers and segment sums.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_recsys_embeddings::SparseMatrix;
///
/// // [[0, 2], [0, 0], [1, 1]]
/// let matrix = SparseMatrix::new(2, vec![0, 1, 1, 3], vec![1, 0, 1], vec![2.0, 1.0, 1.0])?;
/// let x = Tensor::<2>::from_data([[1.0], [10.0]], &Device::default());
/// let product: Vec<f32> = matrix.matmul(x).into_data().try_to_vec().unwrap();
/// assert_eq!(product, [20.0, 0.0, 11.0]);
/// # Ok::<(), burn_recsys_embeddings::SparseMatrixError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SparseMatrix {
    n_columns: usize,
    rows: Arc<CompressedRows>,
    /// The rows of the transpose; the same as `rows` where the matrix is symmetric.
    columns: Arc<CompressedRows>,
}

/// Arrays that are not compressed rows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SparseMatrixError {
    /// Offsets do not say where each row begins.
    #[error(
        "the offset of row {row} is {offset}; offsets go up from 0 to the number of entries, {n_entries}"
    )]
    Offset {
        /// The row; the number of rows stands for the end of the last one.
        row: usize,
        /// Its offset.
        offset: u32,
        /// The number of entries.
        n_entries: usize,
    },
    /// Not one value an entry, or too many of them.
    #[error(
        "there are {n_columns} columns and {n_values} values; both are one for each of at most 2^31 - 1 entries"
    )]
    Lengths {
        /// The number of column indices.
        n_columns: usize,
        /// The number of values.
        n_values: usize,
    },
    /// A column that the matrix does not have.
    #[error("row {row} has an entry in column {column}, but there are {n_columns} columns")]
    Column {
        /// The row.
        row: usize,
        /// The column.
        column: u32,
        /// The number of columns.
        n_columns: usize,
    },
    /// A value is NaN or infinite.
    #[error("the value in row {row}, column {column} is {value}; entries must be finite")]
    NotFinite {
        /// The row.
        row: usize,
        /// The column.
        column: u32,
        /// The value.
        value: f32,
    },
    /// The matrix differs from its transpose.
    #[error("the rows are not those of a symmetric matrix: row {row} differs from the column of this number")]
    NotSymmetric {
        /// The row.
        row: usize,
    },
}

/// The entries of each row.
#[derive(Debug)]
pub(crate) struct CompressedRows {
    /// Where each row begins and the last one ends; `[n_rows + 1]`.
    pub(crate) offsets: Vec<u32>,
    pub(crate) columns: Vec<u32>,
    pub(crate) values: Vec<f32>,
}

impl SparseMatrix {
    /// A matrix `[offsets.len() - 1, n_columns]`; entries of a row that share a column add up.
    ///
    /// # Shapes
    /// - `offsets`: `[n_rows + 1]`, where the entries of each row begin and the last ones end
    /// - `columns`, `values`: `[n_entries]`
    ///
    /// # Errors
    /// If the arrays are not those of such a matrix, or a value is not finite.
    pub fn new(
        n_columns: usize,
        offsets: Vec<u32>,
        columns: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, SparseMatrixError> {
        let rows = CompressedRows { offsets, columns, values };
        rows.check(n_columns)?;
        let columns = Arc::new(rows.transpose(n_columns));
        Ok(SparseMatrix { n_columns, rows: Arc::new(rows), columns })
    }

    /// As [`new`](Self::new), of a matrix that is its own transpose: it takes half the memory.
    ///
    /// # Shapes
    /// - `offsets`: `[n + 1]`
    /// - `columns`, `values`: `[n_entries]`, the columns of a row ascending
    ///
    /// # Errors
    /// As [`new`](Self::new), or if the matrix is not symmetric.
    pub fn symmetric(
        offsets: Vec<u32>,
        columns: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, SparseMatrixError> {
        let n = offsets.len().saturating_sub(1);
        let rows = CompressedRows { offsets, columns, values };
        rows.check(n)?;
        let transpose = rows.transpose(n);
        if let Some(row) = (0..n).find(|&row| rows.row(row) != transpose.row(row)) {
            return Err(SparseMatrixError::NotSymmetric { row });
        }
        let rows = Arc::new(rows);
        Ok(SparseMatrix { n_columns: n, columns: Arc::clone(&rows), rows })
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.rows.n_rows()
    }

    /// The number of columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The number of entries.
    pub fn n_entries(&self) -> usize {
        self.rows.columns.len()
    }

    /// The columns of the entries of a row and their values.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        self.rows.row(row)
    }

    /// The product of the matrix and `x`.
    ///
    /// # Shapes
    /// - `x`: `[n_columns, d]`
    /// - output: `[n_rows, d]`
    ///
    /// # Panics
    /// If `x` has another number of rows; the message has both.
    pub fn matmul(&self, x: Tensor<2>) -> Tensor<2> {
        let [n, d] = x.dims();
        assert!(n == self.n_columns, "{n} rows of width {d} for a matrix of {} columns", self.n_columns);
        #[cfg(feature = "flex")]
        if d > 0 {
            use crate::fused::{SparseProduct, apply};
            let (rows, columns) = (Arc::clone(&self.rows), Arc::clone(&self.columns));
            if let Ok(product) = apply(SparseProduct { rows, columns }, [x.clone()]) {
                return product;
            }
        }
        self.rows.gather_and_sum(x)
    }

    /// Some rows of `(X + A X + A^2 X + ... + A^n X) / (n + 1)`, A the matrix and n `n_powers`: the mean of all
    /// layers of a linear graph network.
    ///
    /// On flex the last power is made for these rows alone, and the gradient begins with them alone: with few
    /// rows that saves nearly two of 2 n products.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, d]`
    /// - `rows`: `[n]`, in any order; duplicates welcome
    /// - output: `[n, d]`
    ///
    /// # Panics
    /// If the matrix is not square, `x` has another number of rows, or a row is not in the matrix; the message
    /// has both numbers.
    pub fn mean_of_powers(&self, x: Tensor<2>, n_powers: usize, rows: &[u32]) -> Tensor<2> {
        let ([n, d], n_rows) = (x.dims(), self.n_rows());
        assert!(n_rows == self.n_columns, "powers of a matrix [{n_rows}, {}]", self.n_columns);
        assert!(n == n_rows, "{n} rows of width {d} for a matrix of {n_rows} columns");
        let largest = rows.iter().copied().max().unwrap_or(0) as usize;
        assert!(rows.is_empty() || largest < n_rows, "row {largest} of a matrix of {n_rows} rows");
        #[cfg(feature = "flex")]
        if d > 0 {
            use crate::fused::{MeanOfPowers, apply};
            let (matrix, columns) = (Arc::clone(&self.rows), Arc::clone(&self.columns));
            let mean = MeanOfPowers { rows: matrix, columns, n_powers, at: rows.to_vec() };
            if let Ok(mean) = apply(mean, [x.clone()]) {
                return mean;
            }
        }
        let at = indices(rows, &x.device());
        let mut sum = x.clone().select(0, at.clone());
        let mut power = x;
        for _ in 0..n_powers {
            power = self.rows.gather_and_sum(power);
            sum = sum + power.clone().select(0, at.clone());
        }
        sum / (n_powers + 1) as f64
    }
}

impl CompressedRows {
    pub(crate) fn n_rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub(crate) fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        (&self.columns[range.clone()], &self.values[range])
    }

    fn check(&self, n_columns: usize) -> Result<(), SparseMatrixError> {
        let CompressedRows { offsets, columns, values } = self;
        let n_entries = columns.len();
        if n_entries != values.len() || i32::try_from(n_entries).is_err() {
            return Err(SparseMatrixError::Lengths { n_columns: n_entries, n_values: values.len() });
        }
        let (mut before, last) = (0, offsets.len().saturating_sub(1));
        for (row, &offset) in offsets.iter().enumerate() {
            let is_right = match row {
                0 => offset == 0 && (last > 0 || n_entries == 0),
                _ if row == last => before <= offset && offset as usize == n_entries,
                _ => before <= offset && offset as usize <= n_entries,
            };
            if !is_right {
                return Err(SparseMatrixError::Offset { row, offset, n_entries });
            }
            before = offset;
        }
        if offsets.is_empty() {
            return Err(SparseMatrixError::Offset { row: 0, offset: 0, n_entries });
        }
        for row in 0..self.n_rows() {
            let (columns, values) = self.row(row);
            for (&column, &value) in columns.iter().zip(values) {
                if column as usize >= n_columns {
                    return Err(SparseMatrixError::Column { row, column, n_columns });
                }
                if !value.is_finite() {
                    return Err(SparseMatrixError::NotFinite { row, column, value });
                }
            }
        }
        Ok(())
    }

    /// The rows of the transpose, their columns ascending.
    fn transpose(&self, n_columns: usize) -> CompressedRows {
        let (offsets, order) = crate::rows::group(&self.columns, n_columns);
        let row_of = self.row_of_entries();
        CompressedRows {
            offsets,
            columns: order.iter().map(|&entry| row_of[entry as usize]).collect(),
            values: order.iter().map(|&entry| self.values[entry as usize]).collect(),
        }
    }

    fn row_of_entries(&self) -> Vec<u32> {
        let mut row_of = Vec::with_capacity(self.columns.len());
        for (row, offset) in (0..).zip(self.offsets.iter().skip(1)) {
            row_of.resize(*offset as usize, row);
        }
        row_of
    }

    /// The product with `x` by tensor operations, for devices whose memory is not the host's: some rows at a time,
    /// so that the gathered rows of `x` stay small.
    fn gather_and_sum(&self, x: Tensor<2>) -> Tensor<2> {
        const ENTRIES_AT_ONCE: usize = 1 << 18;
        let ([_, d], device) = (x.dims(), x.device());
        let (n_rows, row_of) = (self.n_rows(), self.row_of_entries());
        let mut blocks = Vec::new();
        let mut first = 0;
        while first < n_rows {
            let start = self.offsets[first] as usize;
            let fits = |&offset: &u32| offset as usize <= start + ENTRIES_AT_ONCE;
            // A row of more entries than that is a block of its own.
            let last = (first + self.offsets[first + 1..].iter().take_while(|offset| fits(offset)).count())
                .max(first + 1);
            let entries = start..self.offsets[last] as usize;
            let n = entries.len();
            blocks.push(if n == 0 {
                Tensor::zeros([last - first, d], &device)
            } else {
                let columns = indices(&self.columns[entries.clone()], &device);
                let values = TensorData::new(self.values[entries.clone()].to_vec(), [n, 1]);
                let gathered = x.clone().select(0, columns) * Tensor::<2>::from_data(values, &device);
                let to: Vec<u32> = row_of[entries].iter().map(|row| row - first as u32).collect();
                segment_sum(gathered, &to, last - first)
            });
            first = last;
        }
        match blocks.len() {
            0 => Tensor::zeros([0, d], &device),
            _ => Tensor::cat(blocks, 0),
        }
    }
}

#[cfg(test)]
mod tests;
