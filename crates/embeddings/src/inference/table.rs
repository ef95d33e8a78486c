//! A read-only table, in a mapped file or in memory.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use memmap2::Mmap;

use super::dequantize::{Pooling, StoredRows};
use super::header::{Checksum, HEADER_BYTES, Header, Layout};
use super::quantize::{check, quantize};
use super::{Precision, TableError};

/// A read-only table of vectors for serving; see the [module](super).
///
/// Any number of threads may read it at once. Large batches are read by the threads of rayon's pool.
///
/// # While it is open
/// The file must not be cut short or written into by anyone: what is read then is undefined, and the
/// system ends a process that reads beyond the end of a mapped file (`SIGBUS`). Put a new table in its
/// place by a rename, as [`InferenceTableWriter`](super::InferenceTableWriter) does: tables that are
/// open keep reading the old file. (Windows refuses the rename until they are dropped.)
pub struct InferenceTable {
    path: PathBuf,
    header: Header,
    storage: Storage,
}

enum Storage {
    /// The whole file.
    Mapped(Mmap),
    /// The rows.
    Owned(Vec<u8>),
}

impl InferenceTable {
    /// Opens a table.
    ///
    /// Reads the header only: takes milliseconds whatever the size of the file. Rows are read from the
    /// disk when they are first looked up. Whether they are still as written, [`verify`](Self::verify)
    /// says.
    ///
    /// # Errors
    /// If there is no such file, it is not a table, of another version, cut short, or its header has
    /// been changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let path = path.as_ref();
        let io = |action| move |source| TableError::Io { path: path.to_owned(), action, source };
        let file = File::open(path).map_err(io("open"))?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        (&file).take(HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(io("read"))?;
        let file_bytes = file.metadata().map_err(io("read"))?.len();
        let header = Header::from_bytes(path, &bytes, file_bytes)?;
        let mapped = map(&file).map_err(io("map"))?;
        // The file may have been cut since its length was asked for.
        if mapped.len() as u64 != file_bytes {
            let (expected, found) = (file_bytes, mapped.len() as u64);
            return Err(TableError::Length { path: path.to_owned(), expected, found });
        }
        Ok(InferenceTable { path: path.to_owned(), header, storage: Storage::Mapped(mapped) })
    }

    /// A table in memory, without a file; errors call it `in-memory table`.
    ///
    /// # Shapes
    /// - `rows`: `[n_rows, d_embedding]`, row-major
    ///
    /// # Errors
    /// If there are no rows or columns, the values are not whole rows, or one of them is not finite or
    /// too large for `precision`.
    pub fn from_rows(precision: Precision, rows: &[f32], d_embedding: usize) -> Result<Self, TableError> {
        let path = PathBuf::from("in-memory table");
        if !rows.len().is_multiple_of(d_embedding.max(1)) {
            return Err(TableError::NotRows { path, n_values: rows.len(), d_embedding });
        }
        let n_rows = rows.len() / d_embedding.max(1);
        let layout = Layout::new(&path, precision, n_rows as u64, d_embedding as u64)?;
        check(&path, precision, d_embedding, 0, rows)?;
        let mut bytes = vec![0; layout.data_bytes()];
        quantize(layout, rows, &mut bytes);
        let header = Header { layout, data_checksum: Checksum::of(&bytes) };
        Ok(InferenceTable { path, header, storage: Storage::Owned(bytes) })
    }

    /// How the values are stored.
    pub fn precision(&self) -> Precision {
        self.header.layout.precision
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.header.layout.n_rows
    }

    /// The size of each vector.
    pub fn d_embedding(&self) -> usize {
        self.header.layout.d_embedding
    }

    /// Bytes of the file, or of one that held the table in memory.
    pub fn bytes(&self) -> u64 {
        self.header.layout.file_bytes()
    }

    /// Whether all rows are as they were written.
    ///
    /// Reads the whole table, at a few GB a second once it is in memory.
    ///
    /// # Errors
    /// If the checksum of the rows is not the one in the header.
    pub fn verify(&self) -> Result<(), TableError> {
        let (expected, found) = (self.header.data_checksum, Checksum::of(self.rows().bytes));
        if expected != found {
            return Err(TableError::Checksum { path: self.path.clone(), part: "data", expected, found });
        }
        Ok(())
    }

    /// Looks up the vectors of `ids` on the host.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`; duplicates welcome
    /// - `out`: `[batch, d_embedding]`, row-major; every value is overwritten
    ///
    /// # Panics
    /// If an id is not below the number of rows, or `out` has another size; the message has both
    /// numbers.
    pub fn lookup_into(&self, ids: &[u32], out: &mut [f32]) {
        self.check(ids, ids.len(), "ids", out);
        self.rows().gather(ids, out);
    }

    /// Looks up the vectors of `ids`.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`; duplicates welcome
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If an id is not below the number of rows; the message has both.
    pub fn lookup(&self, ids: &[u32], device: &Device) -> Tensor<2> {
        let shape = [ids.len(), self.d_embedding()];
        let mut vectors = vec![0.0; shape[0] * shape[1]];
        self.lookup_into(ids, &mut vectors);
        Tensor::from_data(TensorData::new(vectors, shape), device)
    }

    /// The sum of the vectors of each bag of ids.
    ///
    /// The vectors themselves are never written anywhere. They are added in the order of the ids, so
    /// the sums do not depend on the number of threads; the sum of an empty bag is zero.
    ///
    /// # Shapes
    /// - `ids`: `[n_ids]`, bag after bag
    /// - `lengths`: `[n_bags]`, the ids of each bag
    /// - `out`: `[n_bags, d_embedding]`, row-major; every value is overwritten
    ///
    /// # Panics
    /// If an id is not below the number of rows, the lengths do not sum to the number of ids, or `out`
    /// has another size; the message has both numbers.
    pub fn sum_into(&self, ids: &[u32], lengths: &[u32], out: &mut [f32]) {
        self.pool_into(ids, lengths, Pooling::Sum, out);
    }

    /// The mean of the vectors of each bag of ids; zero for an empty bag.
    ///
    /// Otherwise as [`sum_into`](Self::sum_into).
    ///
    /// # Shapes
    /// - `ids`: `[n_ids]`, bag after bag
    /// - `lengths`: `[n_bags]`, the ids of each bag
    /// - `out`: `[n_bags, d_embedding]`, row-major; every value is overwritten
    ///
    /// # Panics
    /// If an id is not below the number of rows, the lengths do not sum to the number of ids, or `out`
    /// has another size; the message has both numbers.
    pub fn mean_into(&self, ids: &[u32], lengths: &[u32], out: &mut [f32]) {
        self.pool_into(ids, lengths, Pooling::Mean, out);
    }

    fn pool_into(&self, ids: &[u32], lengths: &[u32], pooling: Pooling, out: &mut [f32]) {
        let n_ids: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        assert!(
            n_ids == ids.len() as u64,
            "the lengths of the bags sum to {n_ids}, but there are {} ids",
            ids.len()
        );
        self.check(ids, lengths.len(), "bags", out);
        self.rows().pool(ids, lengths, pooling, out);
    }

    fn check(&self, ids: &[u32], n_vectors: usize, what: &str, out: &[f32]) {
        let (n_rows, d_embedding) = (self.n_rows(), self.d_embedding());
        if let Some(largest) = ids.iter().copied().max() {
            assert!(
                (largest as usize) < n_rows,
                "id {largest} is not in an inference table of {n_rows} rows"
            );
        }
        assert!(
            n_vectors.checked_mul(d_embedding) == Some(out.len()),
            "{n_vectors} {what} of width {d_embedding} do not fill a slice of {} values",
            out.len()
        );
    }

    fn rows(&self) -> StoredRows<'_> {
        let bytes = match &self.storage {
            Storage::Mapped(file) => &file[HEADER_BYTES..],
            Storage::Owned(rows) => rows,
        };
        StoredRows { layout: self.header.layout, bytes }
    }
}

impl fmt::Debug for InferenceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InferenceTable")
            .field("path", &self.path)
            .field("precision", &self.precision())
            .field("n_rows", &self.n_rows())
            .field("d_embedding", &self.d_embedding())
            .finish_non_exhaustive()
    }
}

#[expect(unsafe_code, reason = "a mapped file can be changed by others, which the compiler cannot rule out")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the bytes of the map must not change while it lives. This crate never writes into a
    // table's file: a writer makes a new file and renames it over the old one, which leaves the old
    // one to those who have mapped it. That nobody else writes into or cuts the file is the condition
    // in the documentation of `InferenceTable`. The map is only read, as plain bytes of which every
    // value is valid, within its length, with bounds checks that use sizes kept outside of it.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_reads_the_header_only() {
        // 32 GB that no test machine could read in a moment, and that a sparse file does not store.
        let layout = Layout::new(Path::new("x"), Precision::F32, 500_000_000, 16).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), Header { layout, data_checksum: 0 }.to_bytes()).unwrap();
        file.as_file().set_len(layout.file_bytes()).unwrap();

        let table = InferenceTable::open(file.path()).unwrap();
        assert_eq!((table.n_rows(), table.bytes()), (500_000_000, 32_000_000_064));
        let mut row = [1.0; 16];
        table.lookup_into(&[499_999_999], &mut row);
        assert_eq!(row, [0.0; 16]);
    }

    #[test]
    fn tables_can_be_shared_by_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<InferenceTable>();
    }
}
