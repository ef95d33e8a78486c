//! What reads files and requests, with whole inputs to begin with.

mod files;
mod folders;
mod serving;

use std::path::{Path, PathBuf};

use crate::Result;

/// The outcome of a reader: the text of its error.
pub(crate) type Outcome = std::result::Result<(), String>;

type Reader = Box<dyn Fn(&[u8]) -> Outcome>;

/// A reader and inputs that it accepts.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) seeds: Vec<Vec<u8>>,
    pub(crate) read: Reader,
    /// The most bytes of memory for every byte of input.
    pub(crate) per_byte: usize,
}

/// What every reader may take beside its input: buffers, threads' stacks of work, tables of a small model.
const FIXED: usize = 32 << 20;

impl Target {
    /// The most memory that an input of `length` bytes may take.
    pub(crate) fn bound(&self, length: usize) -> usize {
        FIXED + self.per_byte * length
    }

    /// A reader of one file, which may take `64` times the file's bytes.
    fn file<E: ToString>(
        name: &'static str,
        folder: &Path,
        seeds: Vec<Vec<u8>>,
        read: impl Fn(&Path) -> std::result::Result<(), E> + 'static,
    ) -> Target {
        let path = folder.join(name);
        let read = Box::new(move |bytes: &[u8]| {
            std::fs::write(&path, bytes).map_err(|error| error.to_string())?;
            read(&path).map_err(|error| error.to_string())
        });
        Target { name, seeds, read, per_byte: 64 }
    }

    /// The same for compressed files, which may grow a thousandfold.
    fn compressed(self) -> Target {
        Target { per_byte: 64 * 1_024, ..self }
    }

    /// A reader of a folder, of which one file is damaged: the first byte of an input says which.
    fn folder<E: ToString>(
        name: &'static str,
        folder: PathBuf,
        repair: impl Fn(&Path) + 'static,
        read: impl Fn(&Path) -> std::result::Result<(), E> + 'static,
    ) -> Result<Target> {
        let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        collect(&folder, &mut files)?;
        files.sort();
        let seeds = (0..).zip(&files).map(|(at, (_, bytes))| [&[at], bytes.as_slice()].concat()).collect();
        let read = Box::new(move |input: &[u8]| {
            let (which, bytes) = input.split_first().unwrap_or((&0, &[]));
            let (path, whole) = &files[*which as usize % files.len()];
            let write = |bytes: &[u8]| std::fs::write(path, bytes).map_err(|error| error.to_string());
            write(bytes)?;
            repair(&folder);
            let outcome = read(&folder).map_err(|error| error.to_string());
            write(whole)?;
            repair(&folder);
            outcome
        });
        Ok(Target { name, seeds, read, per_byte: 64 })
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            let bytes = std::fs::read(&path)?;
            files.push((path, bytes));
        }
    }
    Ok(())
}

/// All of them; their files lie in `folder`.
pub(crate) fn all(folder: &Path) -> Result<Vec<Target>> {
    let mut targets = files::all(folder)?;
    targets.extend(folders::all(folder)?);
    targets.extend(serving::all(folder)?);
    Ok(targets)
}
