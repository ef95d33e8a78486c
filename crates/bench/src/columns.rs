//! Columns of numbers in files, little-endian, as NumPy reads them.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::Result;

/// Writes one number after the other.
pub(crate) fn write<const N: usize>(path: &Path, values: impl IntoIterator<Item = [u8; N]>) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for value in values {
        file.write_all(&value)?;
    }
    Ok(file.flush()?)
}

/// Reads what [`write()`] wrote, without a second copy in memory.
///
/// # Errors
/// If the file cannot be read or ends within a number.
pub(crate) fn read<const N: usize, T>(path: &Path, from: fn([u8; N]) -> T) -> Result<Vec<T>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let n = file.metadata()?.len() as usize / N;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut values = Vec::with_capacity(n);
    let mut bytes = [0; N];
    for _ in 0..n {
        file.read_exact(&mut bytes)?;
        values.push(from(bytes));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers");
        write(&path, [1.5_f64, -2.0].map(f64::to_le_bytes)).unwrap();
        assert_eq!(read(&path, f64::from_le_bytes).unwrap(), [1.5, -2.0]);
        assert!(read(&folder.path().join("none"), u32::from_le_bytes).is_err());
    }
}
