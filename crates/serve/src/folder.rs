//! A folder of versions, one of them current.
//!
//! ```text
//! DIR/current                 the name of the version to serve, one line
//! DIR/versions/NAME/          one version: manifest.json and the files it lists; never changed
//! DIR/versions/.writing-.../  a version on its way; left behind if its writer was killed
//! ```
//!
//! A version is written beside the others, every file and folder synced, and renamed to its name, the hash of
//! its content; then `current` is replaced by renaming another over it. Each rename happens or does not: at
//! whatever point a writer is killed, `current` names a whole version, the old or the new one.

mod manifest;
mod tensors;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use burn_recsys_data::write_atomic;

pub(crate) use manifest::{FileEntry, MANIFEST, Manifest, check_file};
pub(crate) use tensors::{TensorFile, TensorsToWrite};

use crate::model::ServingModel;
use crate::{Error, Result};

pub(crate) const CURRENT: &str = "current";
const VERSIONS: &str = "versions";
const WRITING: &str = ".writing-";
/// How old what a killed writer left must be before it is thrown away: another may still be writing.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The name of the version that a folder serves.
///
/// # Errors
/// If the folder has no version that is current.
pub fn current_version(folder: &Path) -> Result<String> {
    let path = folder.join(CURRENT);
    let mut name = String::new();
    fs::File::open(&path)
        .and_then(|file| file.take(256).read_to_string(&mut name))
        .map_err(|error| Error::io("read", &path, error))?;
    let name = name.trim_end();
    if !is_version(name) {
        return Err(Error::damaged(&path, "this is not the name of a version"));
    }
    Ok(name.into())
}

/// Makes a version that is there the current one: how to go back to the one before.
///
/// # Errors
/// If there is no such version, or `current` cannot be replaced.
pub fn activate(folder: &Path, version: &str) -> Result<()> {
    if !is_version(version) || !folder.join(VERSIONS).join(version).join(MANIFEST).is_file() {
        let message = format!("{} has no version {version:?}", folder.display());
        return Err(Error::Option { option: "version", message });
    }
    let path = folder.join(CURRENT);
    write_atomic(&path, |writer| writeln!(writer, "{version}"))
        .map_err(|error| Error::io("replace", &path, std::io::Error::other(error.to_string())))
}

/// Removes all but the current and the `keep` newest other versions, and what killed writers left more than
/// an hour ago; returns the names removed. A server that has a removed version open is not disturbed.
///
/// # Errors
/// If the folder cannot be read or something cannot be removed.
pub fn prune(folder: &Path, keep: usize) -> Result<Vec<String>> {
    let current = current_version(folder)?;
    let root = folder.join(VERSIONS);
    let refuse = |path: &Path| {
        let path = path.to_path_buf();
        move |error| Error::io("remove", &path, error)
    };
    let mut others = Vec::new();
    let mut removed = Vec::new();
    for entry in fs::read_dir(&root).map_err(refuse(&root))? {
        let entry = entry.map_err(refuse(&root))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let changed = entry.metadata().and_then(|data| data.modified()).map_err(refuse(&entry.path()))?;
        let is_old = SystemTime::now().duration_since(changed).is_ok_and(|age| age > ABANDONED);
        if name.starts_with(WRITING) && is_old {
            removed.push(name);
        } else if is_version(&name) && name != current {
            others.push((changed, name));
        }
    }
    others.sort_unstable();
    removed.extend(others.into_iter().rev().skip(keep).map(|(_, name)| name));
    for name in &removed {
        let path = root.join(name);
        fs::remove_dir_all(&path).map_err(refuse(&path))?;
    }
    Ok(removed)
}

/// Puts the current version of one folder into another, checked, and makes it current there; returns its name.
///
/// # Errors
/// If there is no whole version in `from`, or the system refuses.
pub fn copy_version(from: &Path, to: &Path) -> Result<String> {
    let from = version_folder(from)?;
    let manifest = Manifest::read(&from)?;
    manifest.check(&from)?;
    publish(to, |folder| {
        for name in manifest.files.keys() {
            let (source, target) = (from.join(name), folder.join(name));
            fs::copy(&source, &target).map_err(|error| Error::io("copy", &source, error))?;
        }
        // What was copied is what was checked.
        manifest.check(folder)?;
        Ok(manifest.clone())
    })
}

/// Where the files of what a folder serves lie: a version, or the folder itself if it is one.
pub(crate) fn version_folder(folder: &Path) -> Result<PathBuf> {
    if folder.join(MANIFEST).is_file() {
        return Ok(folder.into());
    }
    Ok(folder.join(VERSIONS).join(current_version(folder)?))
}

/// Writes a version and makes it current; returns its name.
///
/// `fill` writes the version's files into the folder that it is given and returns the manifest.
pub(crate) fn publish(folder: &Path, fill: impl FnOnce(&Path) -> Result<Manifest>) -> Result<String> {
    let root = folder.join(VERSIONS);
    fs::create_dir_all(&root).map_err(|error| Error::io("make", &root, error))?;
    let writing = builder().tempdir_in(&root).map_err(|error| Error::io("write in", &root, error))?;
    let manifest = fill(writing.path())?;
    manifest.write(writing.path())?;
    // What cannot be served never becomes current.
    ServingModel::open(writing.path())?;
    for name in manifest.files.keys() {
        sync(&writing.path().join(name))?;
    }
    sync(writing.path())?;
    let version = manifest.version.clone();
    let target = root.join(&version);
    if target.exists() {
        // The name is the hash of the content: what is there and whole is what was to be written.
        if Manifest::read(&target).is_ok_and(|there| there == manifest && there.check(&target).is_ok()) {
            return activate(folder, &version).map(|()| version);
        }
        fs::remove_dir_all(&target).map_err(|error| Error::io("replace", &target, error))?;
    }
    fs::rename(writing.path(), &target).map_err(|error| Error::io("name", &target, error))?;
    sync(&root)?;
    activate(folder, &version).map(|()| version)
}

fn is_version(name: &str) -> bool {
    name.len() == manifest::VERSION_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Temporary folders are private by default; ours become folders like any other.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(WRITING);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder
}

/// Waits until a file or folder is on disk.
fn sync(path: &Path) -> Result<()> {
    // Windows cannot open folders and orders renames itself.
    if cfg!(not(unix)) && path.is_dir() {
        return Ok(());
    }
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(|error| Error::io("sync", path, error))
}
