//! Converting trained rows into the file of an inference table.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::header::{Checksum, HEADER_BYTES, Header, Layout};
use super::quantize::{LargestError, check, quantize};
use super::{Precision, TableError};
use crate::EmbeddingTable;

/// Values of `f32` that are converted at a time: 4 MB.
const VALUES_PER_BLOCK: usize = 1 << 20;

/// Writes an inference table, rows by rows.
///
/// The rows go to a temporary file in the same folder, which [`finish`](Self::finish) gives its name
/// once it is whole and on the disk. Until then a table that is already there stays as it is. An error
/// takes the writer with it, so half a table cannot be finished; a writer that is dropped deletes the
/// temporary file. What a killed process leaves is called `.writing-*`.
///
/// ```
/// use burn_recsys_embeddings::inference::{InferenceTable, InferenceTableWriter, Precision};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("users.table");
/// let mut writer = InferenceTableWriter::create(&path, Precision::F16, 2)?;
/// for block in [vec![0.5, 1.0, -2.0, 0.25], vec![4.0, 8.0]] {
///     writer = writer.write_rows(&block)?;
/// }
/// let conversion = writer.finish()?;
/// assert_eq!((conversion.n_rows, conversion.largest_error), (3, 0.0));
///
/// let mut vectors = [0.0; 4];
/// InferenceTable::open(&path)?.lookup_into(&[2, 0], &mut vectors);
/// assert_eq!(vectors, [4.0, 8.0, 0.5, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct InferenceTableWriter {
    path: PathBuf,
    file: NamedTempFile,
    precision: Precision,
    d_embedding: usize,
    n_rows: usize,
    checksum: Checksum,
    largest_error: LargestError,
    /// The bytes of one block.
    buffer: Vec<u8>,
}

/// What a conversion made.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Conversion {
    /// How the values are stored.
    pub precision: Precision,
    /// Rows written.
    pub n_rows: usize,
    /// The size of each vector.
    pub d_embedding: usize,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the same values as `f32`.
    pub bytes_f32: u64,
    /// The largest absolute difference between a value given and the value that lookups return.
    pub largest_error: f32,
    /// The row where it is; the first of several.
    pub largest_error_row: usize,
}

impl InferenceTableWriter {
    /// Begins a table of vectors of size `d_embedding` that will be at `path`.
    ///
    /// # Errors
    /// If `d_embedding` is 0 or the folder of `path` cannot be written.
    pub fn create(
        path: impl AsRef<Path>,
        precision: Precision,
        d_embedding: usize,
    ) -> Result<Self, TableError> {
        let path = path.as_ref().to_owned();
        // The shape of the smallest table; the rest is checked when it is known.
        Layout::new(&path, precision, 1, d_embedding as u64)?;
        let io = |source| TableError::Io { path: path.clone(), action: "create", source };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-");
        // Temporary files are private by default; this becomes a file like any other.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder(&path)).map_err(io)?;
        // The header is written last.
        file.write_all(&[0; HEADER_BYTES]).map_err(io)?;
        Ok(InferenceTableWriter {
            path,
            file,
            precision,
            d_embedding,
            n_rows: 0,
            checksum: Checksum::new(),
            largest_error: LargestError::default(),
            buffer: Vec::new(),
        })
    }

    /// Appends rows.
    ///
    /// # Shapes
    /// - `rows`: `[n, d_embedding]`, row-major, any `n`
    ///
    /// # Errors
    /// If the values are not whole rows, or one of them is not finite or too large for the precision, or
    /// the file cannot be written.
    pub fn write_rows(mut self, rows: &[f32]) -> Result<Self, TableError> {
        let d = self.d_embedding;
        if !rows.len().is_multiple_of(d) {
            return Err(TableError::NotRows {
                path: self.path.clone(),
                n_values: rows.len(),
                d_embedding: d,
            });
        }
        check(&self.path, self.precision, d, self.n_rows, rows)?;
        for block in rows.chunks(rows_per_block(d) * d) {
            let n_rows = (block.len() / d) as u64;
            let layout = Layout::new(&self.path, self.precision, n_rows, d as u64)?;
            self.buffer.resize(layout.data_bytes(), 0);
            let largest = quantize(layout, block, &mut self.buffer);
            let largest = LargestError { row: self.n_rows + largest.row, ..largest };
            self.file.write_all(&self.buffer).map_err(|error| self.io(error))?;
            self.checksum.update(&self.buffer);
            self.largest_error = self.largest_error.max(largest);
            self.n_rows += layout.n_rows;
        }
        Ok(self)
    }

    /// Appends all rows of a trained table.
    ///
    /// They are taken from its device in blocks, so this needs a few MB however large the table is.
    ///
    /// # Errors
    /// If its vectors are of another size than `d_embedding`, or ids share rows out of vocabulary, which
    /// readers of the file would not know; otherwise as [`write_rows`](Self::write_rows). Padding is a row
    /// of zeros like any other: in means it counts.
    ///
    /// # Panics
    /// If the table's device fails to give its values.
    pub fn write_table(mut self, table: &EmbeddingTable) -> Result<Self, TableError> {
        let (expected, found) = (self.d_embedding, table.d_embedding());
        if expected != found {
            return Err(TableError::Width { path: self.path.clone(), expected, found });
        }
        if table.n_oov_rows() > 0 {
            let (path, n_oov_rows) = (self.path.clone(), table.n_oov_rows());
            return Err(TableError::OutOfVocabulary { path, n_rows: table.n_rows(), n_oov_rows });
        }
        let n_rows = rows_per_block(found);
        for first in (0..table.n_rows()).step_by(n_rows) {
            let n_rows = n_rows.min(table.n_rows() - first);
            let rows =
                table.weight.val().without_autodiff().narrow(0, first, n_rows).try_into_vec_as::<f32>();
            #[expect(clippy::expect_used, reason = "a documented panic: the device is the caller's")]
            let rows = rows.expect("rows from the table's device");
            self = self.write_rows(&rows)?;
        }
        Ok(self)
    }

    /// Completes the table and puts it at its path, in place of what is there.
    ///
    /// # Errors
    /// If no row was written, or the file cannot be written.
    pub fn finish(mut self) -> Result<Conversion, TableError> {
        let (n_rows, d_embedding) = (self.n_rows as u64, self.d_embedding as u64);
        let layout = Layout::new(&self.path, self.precision, n_rows, d_embedding)?;
        let header = Header { layout, data_checksum: self.checksum.clone().finish() };
        self.write_header(header).map_err(|error| self.io(error))?;
        let InferenceTableWriter { path, file, largest_error, .. } = self;
        let io = |source| TableError::Io { path: path.clone(), action: "write", source };
        file.persist(&path).map_err(|error| io(error.error))?;
        sync_folder(folder(&path)).map_err(io)?;
        Ok(Conversion {
            precision: layout.precision,
            n_rows: layout.n_rows,
            d_embedding: layout.d_embedding,
            bytes: layout.file_bytes(),
            bytes_f32: n_rows * d_embedding * 4,
            largest_error: largest_error.error,
            largest_error_row: largest_error.row,
        })
    }

    fn write_header(&mut self, header: Header) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header.to_bytes())?;
        self.file.as_file().sync_all()
    }

    fn io(&self, source: io::Error) -> TableError {
        TableError::Io { path: self.path.clone(), action: "write", source }
    }
}

fn rows_per_block(d_embedding: usize) -> usize {
    (VALUES_PER_BLOCK / d_embedding).max(1)
}

/// The folder of a path; the working directory for a bare name.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A rename is on the disk only once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot open folders and orders renames itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
