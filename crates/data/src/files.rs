//! Writing files that are whole or absent.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::{Error, Result};

/// Writes what `fill` writes to `path`: to a temporary file in the same folder, synced, renamed.
///
/// A process that is killed leaves what was there before, and maybe a file `.writing-...` beside it.
///
/// # Errors
/// If `fill` fails or the system refuses; what was there before stays.
pub fn write_atomic(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<()> {
    let refuse = |source| Error::io("write", path, source);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = builder().tempfile_in(folder).map_err(refuse)?;
    let mut writer = BufWriter::with_capacity(1 << 18, file.as_file_mut());
    fill(&mut writer).and_then(|()| writer.flush()).map_err(refuse)?;
    drop(writer);
    file.as_file().sync_all().map_err(refuse)?;
    file.persist(path).map_err(|error| refuse(error.error))?;
    sync_folder(folder).map_err(refuse)
}

/// Temporary files are private by default; ours become files like any other.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// A rename is on disk only once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot open folders and orders renames itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_write_that_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors");
        write_atomic(&path, |writer| writer.write_all(b"old")).unwrap();
        let failed = write_atomic(&path, |writer| {
            writer.write_all(b"half")?;
            Err(io::Error::other("no room"))
        });
        assert_eq!(failed.unwrap_err().to_string(), format!("cannot write {}: no room", path.display()));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
