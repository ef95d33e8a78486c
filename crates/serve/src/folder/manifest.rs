//! What a version's files must be.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use burn_recsys_data::write_atomic;
use burn_recsys_retrieval::MappedFile;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tensors::{TensorFile, TensorShape};
use crate::tables::FILES;
use crate::{Error, Result, SourcesConfig};

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const VERSION_DIGITS: usize = 16;
const FORMAT: u32 = 1;
/// The most bytes of a manifest that are read.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// The list of a version's files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The first digits of the SHA-256 of the rest.
    pub(crate) version: String,
    pub(crate) format: u32,
    /// What the model is, in words.
    pub(crate) model: String,
    /// When it was trained, in seconds since 1970.
    pub(crate) trained: u64,
    pub(crate) sources: SourcesConfig,
    pub(crate) files: BTreeMap<String, FileEntry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileEntry {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// The tensors of a safetensors file; none of others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tensors: BTreeMap<String, TensorShape>,
}

impl FileEntry {
    /// Of a file as it is now.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let file = map(path)?;
        let tensors = match path.extension().is_some_and(|extension| extension == "safetensors") {
            true => TensorFile::new(path, file.clone())?.shapes(),
            false => BTreeMap::new(),
        };
        Ok(FileEntry { bytes: file.len() as u64, sha256: hex(&Sha256::digest(&file[..])), tensors })
    }
}

impl Manifest {
    pub(crate) fn new(
        model: String,
        trained: u64,
        sources: SourcesConfig,
        files: BTreeMap<String, FileEntry>,
    ) -> Self {
        let mut manifest =
            Manifest { version: String::new(), format: FORMAT, model, trained, sources, files };
        manifest.version = manifest.hash();
        manifest
    }

    /// The first digits of the hash of all but the version itself.
    fn hash(&self) -> String {
        let Manifest { version: _, format, model, trained, sources, files } = self;
        let mut hash = Sha256::new();
        // Lengths first, so that no two lists give the same bytes.
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(&format.to_string());
        add(model);
        add(&trained.to_string());
        add(&format!("{sources:?}"));
        for (name, FileEntry { bytes, sha256, tensors }) in files {
            [name, &bytes.to_string(), sha256].into_iter().for_each(|text| add(text));
            for (name, TensorShape { kind, shape }) in tensors {
                [name, kind, &format!("{shape:?}")].into_iter().for_each(|text| add(text));
            }
        }
        let mut digits = hex(&hash.finalize());
        digits.truncate(VERSION_DIGITS);
        digits
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(MANIFEST);
        write_atomic(&path, |writer| {
            serde_json::to_writer_pretty(&mut *writer, self)?;
            writeln!(writer)
        })
        .map_err(|error| Error::io("write", &path, std::io::Error::other(error.to_string())))
    }

    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let mut text = Vec::new();
        fs::File::open(&path)
            .and_then(|file| file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut text))
            .map_err(|error| Error::io("read", &path, error))?;
        if text.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(Error::damaged(&path, format!("more than {MAX_MANIFEST_BYTES} bytes")));
        }
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| Error::damaged(&path, format!("not a manifest: {error}")))?;
        // Only names of our own: another could lead out of the folder.
        if let Some(name) = manifest.files.keys().find(|name| !FILES.contains(&name.as_str())) {
            return Err(Error::damaged(&path, format!("{name:?} is not a file of a version")));
        }
        if manifest.format != FORMAT {
            let message = format!("format {}, but this program reads format {FORMAT}", manifest.format);
            return Err(Error::damaged(&path, message));
        }
        let hash = manifest.hash();
        if manifest.version != hash {
            let message = format!("the version {} is not that of the content, {hash}", manifest.version);
            return Err(Error::damaged(&path, message));
        }
        Ok(manifest)
    }

    /// Checks size and hash of every file.
    pub(crate) fn check(&self, folder: &Path) -> Result<()> {
        self.files.par_iter().try_for_each(|(name, entry)| {
            let path = folder.join(name);
            check_file(&path, &map(&path)?, entry)
        })
    }
}

/// Checks size and hash of a mapped file.
pub(crate) fn check_file(path: &Path, file: &MappedFile, entry: &FileEntry) -> Result<()> {
    if file.len() as u64 != entry.bytes {
        let message = format!("{} bytes, but the manifest says {}", file.len(), entry.bytes);
        return Err(Error::damaged(path, message));
    }
    let found = hex(&Sha256::digest(&file[..]));
    if found != entry.sha256 {
        let message = format!("the SHA-256 is {found}, but the manifest says {}", entry.sha256);
        return Err(Error::damaged(path, message));
    }
    Ok(())
}

fn map(path: &Path) -> Result<MappedFile> {
    Ok(MappedFile::open(path)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
