//! From an archive to a folder, all or nothing.
#![cfg_attr(not(any(feature = "download", feature = "embedded")), allow(dead_code))]

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::NamedDataset;
use crate::source::Archive;
use crate::{Error, Result};

/// Unpacks the archive of `dataset` into `<root>/<name>` and gives that path. The files are written
/// into a temporary folder beside it, which is renamed when they are whole.
///
/// # Errors
/// If the archive is damaged, has a path that leads out of the folder, or lacks the ratings; or if a
/// file cannot be written.
pub(super) fn unpack(dataset: NamedDataset, archive: &Archive, root: &Path) -> Result<PathBuf> {
    fs::create_dir_all(root).map_err(|source| Error::io("create", root, source))?;
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{dataset}-"))
        .tempdir_in(root)
        .map_err(|source| Error::io("create a folder in", root, source))?;
    let unpacked = temporary.path().join(dataset.name());
    create_folder(&unpacked)?;

    let mut zip = archive.open()?;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|source| archive.damaged(source))?;
        let name = entry.name().map_err(|source| archive.damaged(source))?.into_owned();
        let path = unpacked.join(inner_path(&name).ok_or_else(|| Error::File {
            path: archive.path().to_path_buf(),
            message: format!("the entry {name:?} leads out of the folder; nothing was unpacked"),
        })?);
        if entry.is_dir() {
            create_folder(&path)?;
            continue;
        }
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        let written = File::create(&path).and_then(|mut file| {
            io::copy(&mut entry, &mut file)?;
            file.sync_all()
        });
        // What the system does not refuse, the archive does.
        written.map_err(|source| match source.raw_os_error() {
            None => archive.damaged(source.into()),
            Some(_) => Error::io("write", &path, source),
        })?;
    }
    if !unpacked.join(dataset.ratings_file()).is_file() {
        return Err(Error::File {
            path: archive.path().to_path_buf(),
            message: format!("the archive has no {}; is it that of {dataset}?", dataset.ratings_file()),
        });
    }

    let target = root.join(dataset.name());
    fs::rename(&unpacked, &target).map_err(|source| Error::io("create", &target, source))?;
    // A folder cannot be opened everywhere; where it cannot, the rename needs no flush.
    if let Ok(folder) = File::open(root) {
        folder.sync_all().map_err(|source| Error::io("write", root, source))?;
    }
    Ok(target)
}

fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|source| Error::io("create", path, source))
}

/// The path of an entry below the folder that holds all entries of the archive; `None` if it would
/// lead out of it.
fn inner_path(name: &str) -> Option<PathBuf> {
    // Some packers write the separator of Windows.
    let name = name.replace('\\', "/");
    let path = Path::new(&name);
    let safe = !name.contains([':', '\0'])
        && path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let mut parts: Vec<Component<'_>> =
        path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    if parts.len() > 1 || name.ends_with('/') {
        parts.remove(0);
    }
    safe.then(|| parts.into_iter().collect())
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    pub(in crate::named) fn archive(path: &Path, entries: &[(&str, &str)]) {
        let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
        for (name, content) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn entries_stay_within_the_folder() {
        assert_eq!(inner_path("ml-100k/u.data"), Some("u.data".into()));
        assert_eq!(inner_path("ml-100k/"), Some("".into()));
        assert_eq!(inner_path("u.data"), Some("u.data".into()));
        assert_eq!(inner_path("ml-100k/a/b"), Some("a/b".into()));
        for name in ["../u.data", "ml-100k/../../u.data", "/etc/u.data", "..\\u.data", "C:\\u.data"] {
            assert_eq!(inner_path(name), None, "{name}");
        }
    }

    #[test]
    fn a_refused_archive_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let zip = root.path().join("bad.zip");
        let left = || {
            let mut names: Vec<_> =
                fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        for (entries, expected) in [
            (&[("ml-100k/u.data", "1\t1\t1\t1\n"), ("ml-100k/../../escaped", "x")][..], "leads out of"),
            (&[("ml-100k/README", "x")][..], "has no u.data"),
        ] {
            archive(&zip, entries);
            let error = unpack(NamedDataset::Ml100k, &Archive::File(zip.clone()), root.path())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(left(), ["bad.zip"]);
        }
        archive(&zip, &[("ml-100k/u.data", "1\t1\t1\t1\n")]);
        let folder = unpack(NamedDataset::Ml100k, &Archive::File(zip.clone()), root.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.join("u.data")).unwrap(), "1\t1\t1\t1\n");
        assert_eq!(left(), ["bad.zip", "ml-100k"]);
    }
}
