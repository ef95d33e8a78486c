//! Writing files that are whole or absent.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Marks files that are being written; what is left of them after a crash can be deleted.
const PREFIX: &str = ".writing-";

/// Writes `bytes` to `path`: to a temporary file in the same folder, synced, renamed.
///
/// A process that is killed leaves what was there before, and maybe a file `.writing-...` beside it.
///
/// # Errors
/// If the system refuses; the message has `path`.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = parent(path);
    let refuse = |source| Error::io("write", path, source);
    let mut file = builder().tempfile_in(folder).map_err(refuse)?;
    file.write_all(bytes).map_err(refuse)?;
    file.as_file().sync_all().map_err(refuse)?;
    file.persist(path).map_err(|error| refuse(error.error))?;
    sync_folder(folder)
}

/// Fills a new folder and gives it its name only when it is whole.
pub(crate) fn write_folder_atomic(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = parent(path);
    let refuse = |source| Error::io("write", path, source);
    let temporary = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent).map_err(refuse)?;
    fill(temporary.path())?;
    for entry in fs::read_dir(temporary.path()).map_err(refuse)? {
        let entry = entry.map_err(refuse)?.path();
        if entry.is_file() {
            File::open(&entry).and_then(|file| file.sync_all()).map_err(refuse)?;
        }
    }
    sync_folder(temporary.path())?;
    fs::rename(temporary.path(), path).map_err(refuse)?;
    // Its name is gone, there is nothing left to delete.
    let _ = temporary.keep();
    sync_folder(parent)
}

/// Deletes a folder: under another name first, so that a killed process leaves no half of it under
/// its own.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    let refuse = |source| Error::io("delete", path, source);
    let grave = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent(path)).map_err(refuse)?;
    fs::rename(path, grave.path().join("deleted")).map_err(refuse)?;
    grave.close().map_err(refuse)
}

/// Deletes what a killed process left half written in `folder`.
pub(crate) fn remove_half_written(folder: &Path) -> Result<()> {
    let refuse = |source| Error::io("clean", folder, source);
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.map_err(refuse)?;
        }
    }
    Ok(())
}

/// SHA-256 as hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::io("read", path, source))
}

/// The folder of a path; the working directory for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Temporary files are private by default; ours become files like any other.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// A rename is on disk only once its folder is.
fn sync_folder(folder: &Path) -> Result<()> {
    // Windows cannot open folders and orders renames itself.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|file| file.sync_all())
            .map_err(|source| Error::io("sync", folder, source))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_fails_to_fill_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new");
        let failed = write_folder_atomic(&path, |folder| {
            fs::write(folder.join("half"), "x").unwrap();
            Err(Error::corrupt(folder, "no"))
        });
        assert!(failed.is_err() && !path.exists());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        write_folder_atomic(&path, |folder| write_atomic(&folder.join("a"), b"x")).unwrap();
        assert_eq!(fs::read(path.join("a")).unwrap(), b"x");
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(".writing-abc"), "half").unwrap();
        fs::create_dir(root.path().join(".writing-dir")).unwrap();
        fs::write(root.path().join("kept"), "whole").unwrap();
        remove_half_written(root.path()).unwrap();
        let left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["kept"]);
    }

    #[test]
    fn an_unwritable_place_is_named() {
        let error = write_atomic(Path::new("no-such-folder/file"), b"x").unwrap_err().to_string();
        assert!(error.starts_with("cannot write no-such-folder/file: "), "{error}");
    }
}
