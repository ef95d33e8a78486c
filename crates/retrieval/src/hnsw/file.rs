//! A graph on disk: the library's file under a name that says its contents, and a description that names it.
//!
//! The description is written last, so whoever reads it finds the old or the new graph whole. The library trusts
//! the bytes that it is given; they are compared with the hash in the description before it sees them.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::{HnswConfig, HnswIndex, Recall};
use crate::files::{parent, sha256_of, sync_folder, temporary, write_atomic};
use crate::{Error, MappedFile, Result};

const FORMAT: &str = "burn-recsys-hnsw-index-1";
/// A longer description is damage.
const MAX_DESCRIPTION: u64 = 1 << 16;

/// What is written: the description and the hash of its text without spaces.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    index: Description,
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    format: String,
    dimension: usize,
    n_items: usize,
    /// Of integers, where the precision is such.
    scale: f32,
    config: HnswConfig,
    recall: Option<Recall>,
    graph: GraphFile,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GraphFile {
    /// Beside the description.
    name: String,
    bytes: u64,
    sha256: String,
}

impl HnswIndex {
    /// Writes the description of the index to `path`, and its graph beside it. Graphs of earlier descriptions
    /// under this name are deleted. One writer at a time; others may search, changes wait.
    ///
    /// # Errors
    /// If the system or the library refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let folder = parent(path);
        let refuse = |error: std::io::Error| Error::File {
            action: "write",
            path: path.to_path_buf(),
            message: error.to_string(),
        };
        let graph = self.shared();
        let file = temporary(folder).map_err(refuse)?;
        graph.save(file.path())?;
        file.as_file().sync_all().map_err(refuse)?;
        let (bytes, sha256) = {
            let map = MappedFile::open(file.path())?;
            (map.len() as u64, sha256_of([&map[..]]))
        };
        let prefix = prefix(path)?;
        let name = format!("{prefix}{}.usearch", &sha256[..16]);
        let description = Description {
            format: FORMAT.into(),
            dimension: self.dimension,
            n_items: graph.n_items(),
            scale: graph.scale(),
            config: self.config.clone(),
            recall: self.recall,
            graph: GraphFile { name: name.clone(), bytes, sha256 },
        };
        drop(graph);
        file.persist(folder.join(&name)).map_err(|error| refuse(error.error))?;
        sync_folder(folder).map_err(refuse)?;
        let sha256 = hash(&description).map_err(|error| refuse(error.into()))?;
        let signed = Signed { index: description, sha256 };
        let text = serde_json::to_vec_pretty(&signed).map_err(|error| refuse(error.into()))?;
        write_atomic(path, |file| std::io::Write::write_all(file, &text))?;
        for entry in fs::read_dir(folder).map_err(refuse)?.flatten() {
            let other = entry.file_name().to_string_lossy().into_owned();
            if is_graph(&other, &prefix) && other != name {
                // Whoever has it open keeps it; if it cannot be deleted now, it can the next time.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Maps an index that [`write`](Self::write) wrote: its graph is read where it lies, and cannot be changed.
    ///
    /// # Errors
    /// If there is no such file, or a byte of it has changed.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(path, true)
    }

    /// Loads an index that [`write`](Self::write) wrote into memory; it can be changed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn load(path: &Path) -> Result<Self> {
        Self::read(path, false)
    }

    /// Reads the recall that is stored with an index, without its graph.
    ///
    /// # Errors
    /// If there is no such description, or it is damaged.
    pub fn stored_recall(path: &Path) -> Result<Option<Recall>> {
        Ok(description(path)?.recall)
    }

    fn read(path: &Path, is_mapped: bool) -> Result<Self> {
        match Self::read_once(path, is_mapped) {
            // Another may have been written between the description and its graph.
            Err(Error::File { .. }) => Self::read_once(path, is_mapped),
            result => result,
        }
    }

    fn read_once(path: &Path, is_mapped: bool) -> Result<Self> {
        let damaged = |message: String| damaged(path, message);
        let Description { dimension, n_items, scale, config, recall, graph: file, .. } = description(path)?;
        if !is_graph(&file.name, &prefix(path)?) {
            return Err(damaged(format!("{:?} is not the name of its graph", file.name)));
        }
        let graph_path = parent(path).join(&file.name);
        let map = MappedFile::open(&graph_path)?;
        if map.len() as u64 != file.bytes || sha256_of([&map[..]]) != file.sha256 {
            return Err(damaged(format!("{} is not the graph that was written", graph_path.display())));
        }
        if !(1..=MAX_DIMENSION).contains(&dimension)
            || u32::try_from(n_items).is_err()
            || !(scale.is_finite() && scale > 0.0)
            || [config.expansion_add, config.expansion_search]
                .iter()
                .any(|&expansion| expansion > MAX_EXPANSION)
        {
            return Err(damaged(format!(
                "{n_items} items of dimension {dimension}, scale {scale}, {config:?}"
            )));
        }
        let mut graph = Graph::empty(dimension, &config, scale, n_items)?;
        graph.fill(&graph_path, is_mapped, config.expansion_search)?;
        if graph.len() > n_items {
            return Err(damaged(format!("{} items in a graph of {n_items}", graph.len())));
        }
        Ok(HnswIndex { config, dimension, graph: graph.into(), recall, is_mapped })
    }
}

fn description(path: &Path) -> Result<Description> {
    let refuse = |error: std::io::Error| Error::File {
        action: "read",
        path: path.to_path_buf(),
        message: error.to_string(),
    };
    let length = fs::metadata(path).map_err(refuse)?.len();
    if length > MAX_DESCRIPTION {
        return Err(damaged(path, format!("{length} bytes are no description")));
    }
    let text = fs::read(path).map_err(refuse)?;
    let Signed { index, sha256 } =
        serde_json::from_slice(&text).map_err(|error| damaged(path, error.to_string()))?;
    if index.format != FORMAT || hash(&index).ok() != Some(sha256) {
        return Err(damaged(path, format!("not a {FORMAT}, or changed")));
    }
    Ok(index)
}

fn hash(description: &Description) -> serde_json::Result<String> {
    serde_json::to_vec(description).map(|text| sha256_of([&text[..]]))
}

fn damaged(path: &Path, message: String) -> Error {
    Error::Layout { message: format!("{}: {message}", path.display()) }
}

/// Larger ones in a description are damage.
const MAX_DIMENSION: usize = 1 << 20;
const MAX_EXPANSION: usize = 1 << 20;

/// What the names of the graphs of a description start with.
fn prefix(path: &Path) -> Result<String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let message = format!("{} has no name in UTF-8", path.display());
    stem.map(|stem| format!("{stem}-")).ok_or(Error::Graph { message })
}

/// Whether `name` is a prefix and 16 hexadecimal digits: nothing else is read or deleted.
fn is_graph(name: &str, prefix: &str) -> bool {
    let digits = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(".usearch"));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
