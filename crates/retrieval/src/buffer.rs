//! Numbers that are owned or lie in a memory-mapped file.

use std::fmt;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::{Error, Result};

/// A whole file in memory, read by the operating system page by page as it is needed.
///
/// Clones share the map. A file that is mapped must not be changed in place; writers replace it by renaming
/// another over it, which leaves the mapped one whole until the last clone is gone.
#[derive(Clone)]
pub struct MappedFile(Arc<Mmap>);

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// If it cannot be opened or mapped.
    #[expect(
        unsafe_code,
        reason = "a mapped file can be changed by others, which the compiler cannot rule out"
    )]
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |action: &'static str| {
            move |error: std::io::Error| Error::File {
                action,
                path: path.to_path_buf(),
                message: error.to_string(),
            }
        };
        let file = File::open(path).map_err(failed("open"))?;
        // SAFETY: the map is read only. Values of any bits are valid numbers, so a file that is changed
        // against the rule above gives wrong numbers; one that is cut off ends the process, as for every
        // program that maps files.
        let map = unsafe { Mmap::map(&file) }.map_err(failed("map"))?;
        Ok(MappedFile(Arc::new(map)))
    }

    /// The bytes at `range` as numbers, without a copy.
    ///
    /// # Errors
    /// If the range is not in the file, does not start at a multiple of the size of `T`, or is not a whole
    /// number of values.
    pub fn buffer<T: bytemuck::Pod>(&self, range: Range<usize>) -> Result<Buffer<T>> {
        let misfit = |message: String| Error::Layout { message };
        let bytes = self.0.get(range.clone()).ok_or_else(|| {
            misfit(format!("bytes {} to {} of a file of {}", range.start, range.end, self.0.len()))
        })?;
        let values = bytemuck::try_cast_slice::<u8, T>(bytes).map_err(|error| {
            misfit(format!("bytes {} to {} as values of {}: {error}", range.start, range.end, size_of::<T>()))
        })?;
        let len = values.len();
        Ok(Buffer(Store::Mapped { file: self.clone(), start: range.start, len }))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MappedFile({} bytes)", self.0.len())
    }
}

/// Numbers that are owned or lie in a [`MappedFile`]; either way a slice.
#[derive(Clone)]
pub struct Buffer<T>(Store<T>);

#[derive(Clone)]
enum Store<T> {
    Owned(Arc<[T]>),
    Mapped { file: MappedFile, start: usize, len: usize },
}

impl<T: bytemuck::Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Store::Owned(values) => values,
            Store::Mapped { file, start, len } => {
                bytemuck::cast_slice(&file[*start..start + len * size_of::<T>()])
            }
        }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(values: Vec<T>) -> Self {
        Buffer(Store::Owned(values.into()))
    }
}

impl<T: bytemuck::Pod + fmt::Debug> fmt::Debug for Buffer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.0 {
            Store::Owned(_) => "owned",
            Store::Mapped { .. } => "mapped",
        };
        write!(formatter, "Buffer({} values, {place})", self.len())
    }
}

impl<T: bytemuck::Pod + PartialEq> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_numbers_are_those_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers");
        let values: Vec<f32> = (0..10).map(|i| i as f32 - 3.5).collect();
        std::fs::write(&path, bytemuck::cast_slice::<f32, u8>(&values)).unwrap();
        let file = MappedFile::open(&path).unwrap();
        let buffer = file.buffer::<f32>(8..40).unwrap();
        assert_eq!(buffer[..], values[2..]);
        assert_eq!(buffer, Buffer::from(values[2..].to_vec()));
        // What replaces the file does not change what is mapped.
        std::fs::write(folder.path().join("other"), [0; 40]).unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        assert_eq!(buffer[..], values[2..]);
    }

    #[test]
    fn ranges_that_do_not_fit_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers");
        std::fs::write(&path, [0; 16]).unwrap();
        let file = MappedFile::open(&path).unwrap();
        assert!(file.buffer::<f32>(0..20).is_err(), "past the end");
        assert!(file.buffer::<f32>(2..10).is_err(), "not aligned");
        assert!(file.buffer::<f32>(0..10).is_err(), "half a value");
        #[expect(clippy::reversed_empty_ranges, reason = "what a damaged header may ask for")]
        let backwards = file.buffer::<u8>(9..3);
        assert!(backwards.is_err());
        let missing = MappedFile::open(&folder.path().join("none")).unwrap_err().to_string();
        assert!(missing.starts_with("cannot open"), "{missing}");
    }
}
