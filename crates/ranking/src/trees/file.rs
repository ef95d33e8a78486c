//! Trees in a file.

use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::BoostedTrees;
use super::tree::{DEEPEST, Split, Tree};
use crate::{Error, Result};

/// What a file begins with; the last byte is the version of the layout.
const MAGIC: &[u8; 8] = b"BRTREES\x01";

/// Files are not larger: 10,000 trees of the greatest depth take 36 MB.
const LARGEST_FILE: u64 = 1 << 26;

/// Bytes of the checksum at the end.
const CHECKSUM: usize = 32;

impl BoostedTrees {
    /// The trees as bytes, all numbers little-endian: the magic number, the number of features, their names
    /// (each a length and UTF-8), the number of trees, every tree (its depth, splits, leaves), and the
    /// SHA-256 of all that.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let number = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u32).to_le_bytes());
        number(&mut bytes, self.names.len());
        for name in &self.names {
            number(&mut bytes, name.len());
            bytes.extend(name.as_bytes());
        }
        number(&mut bytes, self.trees.len());
        for tree in &self.trees {
            number(&mut bytes, tree.depth() as usize);
            for (split, gain) in tree.splits.iter().zip(&tree.gains) {
                bytes.extend(split.threshold.to_le_bytes());
                bytes.extend(gain.to_le_bytes());
                bytes.extend(split.feature.to_le_bytes());
                bytes.extend(u16::from(split.is_missing_left).to_le_bytes());
            }
            tree.leaves.iter().for_each(|leaf| bytes.extend(leaf.to_le_bytes()));
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend(checksum);
        bytes
    }

    /// The trees of bytes that [`to_bytes`](Self::to_bytes) gave.
    ///
    /// No memory is allocated that is larger than the bytes themselves, times a small constant.
    ///
    /// # Errors
    /// If the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let Some(version) = bytes.strip_prefix(&MAGIC[..7]).and_then(|rest| rest.first()) else {
            return Err(damaged("they do not begin as trees do".into()));
        };
        if *version != MAGIC[7] {
            let message =
                format!("they are of version {version}, and this program reads version {}", MAGIC[7]);
            return Err(damaged(message));
        }
        let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else {
            return Err(damaged("they end early".into()));
        };
        if Sha256::digest(content)[..] != checksum[..] {
            return Err(damaged("their checksum is wrong".into()));
        }
        let Some(body) = content.get(MAGIC.len()..) else { return Err(damaged("they end early".into())) };
        let mut reader = Reader { rest: body };
        let n_names = reader.count(4)?;
        let names = (0..n_names).map(|_| reader.name()).collect::<Result<Vec<String>>>()?;
        if names.is_empty() || names.len() > usize::from(u16::MAX) {
            return Err(damaged(format!("they are of {} features", names.len())));
        }
        let n_trees = reader.count(8)?;
        let trees = (0..n_trees).map(|_| reader.tree(names.len())).collect::<Result<Vec<Tree>>>()?;
        match reader.rest.len() {
            0 => Ok(BoostedTrees { names, trees }),
            n => Err(damaged(format!("{n} bytes follow the last tree"))),
        }
    }

    /// Writes the trees to a file, which is whole or not there.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(burn_recsys_data::write_atomic(path, |writer| writer.write_all(&self.to_bytes()))?)
    }

    /// Reads a file of trees.
    ///
    /// # Errors
    /// If it cannot be read, is larger than 64 MiB, or holds anything else.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |message: String| Error::File { path: path.to_path_buf(), message };
        let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if size > LARGEST_FILE {
            return Err(failed(format!(
                "{size} bytes are no trees; files of trees have at most {LARGEST_FILE}"
            )));
        }
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        Self::from_bytes(&bytes).map_err(|error| failed(error.to_string()))
    }
}

fn damaged(message: String) -> Error {
    Error::Parameter { parameter: "bytes of trees", message: format!("{message}; write them again") }
}

/// What is left to read.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(n) else {
            return Err(damaged(format!("{n} bytes are asked for where {} are left", self.rest.len())));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(bytes))
    }

    /// A number of things that take at least `size` bytes each, which must be there.
    fn count(&mut self, size: usize) -> Result<usize> {
        let n = self.number()? as usize;
        if n > self.rest.len() / size {
            return Err(damaged(format!("{n} parts do not fit into {} bytes", self.rest.len())));
        }
        Ok(n)
    }

    fn name(&mut self) -> Result<String> {
        let n = self.count(1)?;
        let name = std::str::from_utf8(self.take(n)?);
        name.map(str::to_owned).map_err(|_| damaged("a name is not UTF-8".into()))
    }

    fn tree(&mut self, n_features: usize) -> Result<Tree> {
        let depth = self.number()? as usize;
        if depth > DEEPEST {
            return Err(damaged(format!("a tree has depth {depth}; the greatest is {DEEPEST}")));
        }
        let (mut splits, mut gains) = (Vec::new(), Vec::new());
        for bytes in self.take(((1 << depth) - 1) * 12)?.chunks_exact(12) {
            let (threshold, gain) = (float(bytes, 0), float(bytes, 4));
            let feature = u16::from_le_bytes([bytes[8], bytes[9]]);
            if usize::from(feature) >= n_features {
                return Err(damaged(format!("a split looks at feature {feature} of {n_features}")));
            }
            if threshold.is_nan() || !gain.is_finite() {
                return Err(damaged(format!("a split has the threshold {threshold} and the gain {gain}")));
            }
            splits.push(Split { threshold, feature, is_missing_left: bytes[10] != 0 });
            gains.push(gain);
        }
        let leaves: Vec<f32> =
            self.take((1 << depth) * 4)?.chunks_exact(4).map(|bytes| float(bytes, 0)).collect();
        if let Some(leaf) = leaves.iter().find(|leaf| !leaf.is_finite()) {
            return Err(damaged(format!("a leaf is {leaf}")));
        }
        Ok(Tree { splits, leaves, gains })
    }
}

fn float(bytes: &[u8], at: usize) -> f32 {
    f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
