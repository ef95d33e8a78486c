//! Writing files that are whole or absent.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Marks files that are being written; what is left of them after a crash can be deleted.
const PREFIX: &str = ".writing-";

/// Writes a file by way of a temporary one in the same folder, which is synced and renamed: a process that is
/// killed leaves what was there before.
///
/// # Errors
/// If the system refuses.
pub(crate) fn write_atomic(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let parent = parent(path);
    let write = || {
        let mut file = temporary(parent)?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_folder(parent)
    };
    write().map_err(|error| Error::File {
        action: "write",
        path: path.to_path_buf(),
        message: error.to_string(),
    })
}

/// A temporary file that can be given a name in `folder`.
pub(crate) fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    // Temporary files are private by default; this becomes a file like any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// A rename is on disk only once its folder is.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot open folders and orders renames itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The folder of a path; the working directory for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// SHA-256 of parts that follow each other, as hexadecimal digits.
pub(crate) fn sha256_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
