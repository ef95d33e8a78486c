//! Where bytes are read from: a file, memory, or an entry of a zip archive.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::{Error, Result};

/// Bytes that can be read from the start, any number of times.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    path: PathBuf,
    place: Place<'a>,
}

#[derive(Debug)]
enum Place<'a> {
    File,
    Memory(&'a [u8]),
    Entry { archive: &'a Archive, entry: String },
}

impl<'a> Source<'a> {
    /// The file at `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> Self {
        Source { path: path.into(), place: Place::File }
    }

    /// Bytes that errors call `path`.
    pub(crate) fn memory(path: impl Into<PathBuf>, bytes: &'a [u8]) -> Self {
        Source { path: path.into(), place: Place::Memory(bytes) }
    }

    /// The path that errors name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of bytes, where it is known without reading them.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.place {
            Place::File => std::fs::metadata(&self.path).ok().map(|metadata| metadata.len()),
            Place::Memory(bytes) => Some(bytes.len() as u64),
            Place::Entry { .. } => None,
        }
    }

    /// Opens the source and hands its reader to `consume`.
    pub(crate) fn read<R>(&self, consume: impl FnOnce(&mut (dyn Read + Send)) -> Result<R>) -> Result<R> {
        match &self.place {
            Place::File => {
                let mut file = File::open(&self.path).map_err(|source| self.failed(source))?;
                consume(&mut file)
            }
            Place::Memory(bytes) => consume(&mut &**bytes),
            Place::Entry { archive, entry } => {
                let mut zip = archive.open()?;
                let mut file = zip.by_name(entry).map_err(|source| archive.damaged(source))?;
                consume(&mut file)
            }
        }
    }

    /// The error of a line, counted from 1, that is not what its format says.
    pub(crate) fn bad_line(&self, line: u64, message: String) -> Error {
        Error::Line { path: self.path.clone(), line, message }
    }

    /// The error of a failed read. What an archive refuses without the system's help is damaged: it
    /// carries checksums.
    pub(crate) fn failed(&self, source: io::Error) -> Error {
        match &self.place {
            Place::Entry { archive, .. } if source.raw_os_error().is_none() => {
                archive.damaged(ZipError::Io(source))
            }
            _ => Error::io("read", &self.path, source),
        }
    }

    /// The error of a failed read of comma-separated text.
    pub(crate) fn unreadable(&self, error: csv::Error) -> Error {
        let message = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => self.failed(error),
            _ => Error::File { path: self.path.clone(), message },
        }
    }
}

/// The files of one data set, found by their names.
#[derive(Debug)]
pub(crate) enum Files {
    /// Files of a folder.
    Folder(PathBuf),
    /// Entries of an archive, in whichever folder of it they are.
    Archive(Archive),
}

impl Files {
    /// The file called `name`, or `None` if there is none.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Source<'_>>> {
        match self {
            Files::Folder(folder) => {
                let path = folder.join(name);
                Ok(path.is_file().then(|| Source::file(path)))
            }
            Files::Archive(archive) => {
                let entry = archive.entry(name)?;
                Ok(entry.map(|entry| Source {
                    path: archive.path().join(name),
                    place: Place::Entry { archive, entry },
                }))
            }
        }
    }

    /// The folder or archive itself.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Files::Folder(folder) => folder,
            Files::Archive(archive) => archive.path(),
        }
    }
}

/// A zip archive.
#[derive(Debug)]
pub(crate) enum Archive {
    /// In a file.
    File(PathBuf),
    /// In the program.
    #[cfg_attr(not(feature = "embedded"), allow(dead_code))]
    Embedded {
        /// What errors call it.
        name: &'static str,
        /// Its content.
        bytes: &'static [u8],
    },
}

/// A reader that a zip archive can be read from.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<R: Read + Seek + Send> ReadSeek for R {}

impl Archive {
    /// What errors call it.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Archive::File(path) => path,
            Archive::Embedded { name, .. } => Path::new(name),
        }
    }

    /// Opens the archive and reads its list of entries.
    pub(crate) fn open(&self) -> Result<ZipArchive<Box<dyn ReadSeek>>> {
        let reader: Box<dyn ReadSeek> = match self {
            Archive::File(path) => {
                let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
                Box::new(BufReader::new(file))
            }
            Archive::Embedded { bytes, .. } => Box::new(Cursor::new(*bytes)),
        };
        ZipArchive::new(reader).map_err(|source| self.damaged(source))
    }

    /// The entry whose last path component is `name`; the one nearest to the top if there are more.
    fn entry(&self, name: &str) -> Result<Option<String>> {
        let zip = self.open()?;
        let mut found: Option<String> = None;
        for entry in zip.file_names() {
            let entry = entry.map_err(|source| self.damaged(source))?;
            let depth = |entry: &str| entry.matches('/').count();
            if entry.rsplit('/').next() == Some(name)
                && found.as_ref().is_none_or(|found| depth(&entry) < depth(found))
            {
                found = Some(entry.into_owned());
            }
        }
        Ok(found)
    }

    /// The error of an archive whose list or checksums do not hold.
    pub(crate) fn damaged(&self, source: ZipError) -> Error {
        Error::File {
            path: self.path().to_path_buf(),
            message: format!(
                "this is not a whole zip archive ({source}); delete the file and fetch it again"
            ),
        }
    }
}
