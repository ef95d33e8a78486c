//! Vectors of items under their external ids.

mod safetensors;
mod word2vec_binary;
mod word2vec_text;

use std::path::Path;
use std::sync::Arc;

use crate::{Error, IdMap, Result};

/// One vector for each of some items.
///
/// Row `i` is that of index `i` of [`ids`](Self::ids): rows follow the order of external ids, whatever the
/// order of the file they came from.
///
/// ```
/// use burn_recsys_data::ItemVectors;
///
/// let ids = vec!["b".to_owned(), "a".to_owned()];
/// let vectors = ItemVectors::from_rows(ids, 2, vec![1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(vectors.vector("a"), Some(&[3.0, 4.0][..]));
/// assert_eq!(vectors.index_of("b"), Some(1));
/// assert_eq!(vectors.values(), [3.0, 4.0, 1.0, 2.0]);
///
/// # let folder = std::env::temp_dir().join(format!("burn-recsys-vectors-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let path = folder.join("vectors.txt");
/// vectors.write_word2vec_text(&path)?;
/// assert_eq!(ItemVectors::read_word2vec_text(&path)?, vectors);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), burn_recsys_data::Error>(())
/// ```
///
/// # Files
/// | format | ids | values | also read and written by |
/// |---|---|---|---|
/// | word2vec text | without spaces | decimal, shortest that gives the same bits | gensim, fastText, word2vec |
/// | word2vec binary | without spaces | `f32`, little-endian | gensim, word2vec |
/// | safetensors | any | `f32`, little-endian | the safetensors libraries |
///
/// Word2vec files may be gzip-compressed when they are read. Nothing is allocated by what a header claims:
/// memory grows with the bytes that are there. Files are written under a temporary name, synced and renamed.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemVectors {
    ids: Arc<IdMap>,
    dimension: usize,
    values: Vec<f32>,
}

impl ItemVectors {
    /// The vectors `values`, `[ids.len(), dimension]` row by row in the order of the ids' indices.
    ///
    /// # Errors
    /// If `dimension` is 0, the number of values is another, or a value is not finite.
    pub fn new(ids: Arc<IdMap>, dimension: usize, values: Vec<f32>) -> Result<Self> {
        if dimension == 0 {
            let message = "0; a vector has one value at least".into();
            return Err(Error::Parameter { parameter: "dimension", message });
        }
        if ids.len().checked_mul(dimension) != Some(values.len()) {
            let message = format!("{} values for {} ids of dimension {dimension}", values.len(), ids.len());
            return Err(Error::Parameter { parameter: "values", message });
        }
        if let Some(place) = first_not_finite(&values) {
            let row = (place / dimension) as u32;
            let id = ids.external(row).map(|id| id.to_string()).unwrap_or_default();
            let message = format!(
                "value {} of row {row}, id {id:?}, is {}; all must be finite",
                place % dimension,
                values[place]
            );
            return Err(Error::Parameter { parameter: "values", message });
        }
        Ok(ItemVectors { ids, dimension, values })
    }

    /// The vectors `values`, `[ids.len(), dimension]` row by row in the order of `ids`, which may be any.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if an id is there twice.
    pub fn from_rows(ids: Vec<String>, dimension: usize, values: Vec<f32>) -> Result<Self> {
        let n_rows = ids.len();
        let map = IdMap::from_texts(ids.iter().cloned());
        let indices: Vec<u32> = ids.iter().filter_map(|id| map.index(id)).collect();
        if let Some(row) = first_repeated(&indices, map.len()) {
            let message = format!("row {row} is of id {:?}, as is a row before", ids[row]);
            return Err(Error::Parameter { parameter: "ids", message });
        }
        drop(ids);
        // As `new`, which needs the rows in order.
        let mut vectors = ItemVectors { ids: Arc::new(map), dimension, values };
        if n_rows.checked_mul(dimension) == Some(vectors.values.len()) {
            vectors.arrange(indices);
        }
        Self::new(vectors.ids, dimension, vectors.values)
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The number of values of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The external ids.
    pub fn ids(&self) -> &Arc<IdMap> {
        &self.ids
    }

    /// All values, `[len, dimension]`, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values alone.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// The index of an id, or `None` if it has no vector.
    pub fn index_of(&self, id: &str) -> Option<u32> {
        self.ids.index(id)
    }

    /// The vector of an id, `[dimension]`, or `None` if it has none.
    pub fn vector(&self, id: &str) -> Option<&[f32]> {
        self.index_of(id).map(|index| self.row(index))
    }

    /// The vector of an index, `[dimension]`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn row(&self, index: u32) -> &[f32] {
        &self.values[index as usize * self.dimension..][..self.dimension]
    }

    /// Reads the text format of word2vec: a line `number dimension`, then an id and its values a line, with
    /// spaces between them.
    ///
    /// # Errors
    /// If the file cannot be read, a line is not as said, an id is there twice, a value is not finite, or there
    /// are more or fewer vectors than the first line says. The message has the line.
    pub fn read_word2vec_text(path: impl AsRef<Path>) -> Result<Self> {
        word2vec_text::read(path.as_ref())
    }

    /// Writes the text format of word2vec, rows in the order of ids.
    ///
    /// # Errors
    /// If an id is empty or holds white space, which this format cannot, or the file cannot be written.
    pub fn write_word2vec_text(&self, path: impl AsRef<Path>) -> Result<()> {
        word2vec_text::write(self, path.as_ref())
    }

    /// Reads the binary format of word2vec: a line `number dimension`, then for every vector its id, a space,
    /// its values as little-endian `f32`, and maybe a line end.
    ///
    /// # Errors
    /// If the file cannot be read or is cut, an id is there twice, a value is not finite, or there are more
    /// vectors than the first line says. The message has the byte.
    pub fn read_word2vec_binary(path: impl AsRef<Path>) -> Result<Self> {
        word2vec_binary::read(path.as_ref())
    }

    /// Writes the binary format of word2vec, rows in the order of ids.
    ///
    /// # Errors
    /// If an id is empty or holds white space, which this format cannot, or the file cannot be written.
    pub fn write_word2vec_binary(&self, path: impl AsRef<Path>) -> Result<()> {
        word2vec_binary::write(self, path.as_ref())
    }

    /// Reads a safetensors file with these tensors, others are ignored:
    /// - `vectors`: F32 `[n, dimension]`.
    /// - `ids`: I64 `[n]`, if ids are whole numbers; else
    /// - `id_bytes`: U8 `[total]`, the ids in UTF-8 one after the other, and `id_offsets`: I64 `[n + 1]`, where
    ///   each begins, and at last `total`.
    ///
    /// # Errors
    /// If the file cannot be read or is not whole, a tensor is absent or of another type or shape, an id is
    /// there twice, or a value is not finite.
    pub fn read_safetensors(path: impl AsRef<Path>) -> Result<Self> {
        safetensors::read(path.as_ref())
    }

    /// Writes a safetensors file with the tensors that [`read_safetensors`](Self::read_safetensors) names.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_safetensors(&self, path: impl AsRef<Path>) -> Result<()> {
        safetensors::write(self, path.as_ref())
    }

    /// Moves every row to its index, in place.
    fn arrange(&mut self, mut indices: Vec<u32>) {
        let dimension = self.dimension;
        for row in 0..indices.len() {
            while indices[row] as usize != row {
                let to = indices[row] as usize;
                let (low, high) = (row.min(to), row.max(to));
                let (before, from_high) = self.values.split_at_mut(high * dimension);
                before[low * dimension..][..dimension].swap_with_slice(&mut from_high[..dimension]);
                indices.swap(row, to);
            }
        }
    }
}

/// The first place of an index that is there before.
fn first_repeated(indices: &[u32], n_ids: usize) -> Option<usize> {
    let mut seen = vec![false; n_ids];
    indices.iter().position(|&index| std::mem::replace(&mut seen[index as usize], true))
}

fn first_not_finite(values: &[f32]) -> Option<usize> {
    values.iter().position(|value| !value.is_finite())
}

/// The claims of the first line of a word2vec file.
#[derive(Debug, Clone, Copy)]
struct Claims {
    n_vectors: u32,
    dimension: usize,
}

impl Claims {
    fn parse(line: &[u8]) -> std::result::Result<Self, String> {
        let line = crate::table::decode(line);
        let mut fields = line.split_ascii_whitespace();
        let parsed = match (fields.next(), fields.next(), fields.next()) {
            (Some(n), Some(dimension), None) => n.parse().ok().zip(dimension.parse().ok()),
            _ => None,
        };
        match parsed {
            Some((n_vectors, dimension)) if dimension > 0 => Ok(Claims { n_vectors, dimension }),
            _ => Err(format!(
                "{} is not the number of vectors and their dimension, as in \"1000 128\"",
                crate::lines::excerpt(&line)
            )),
        }
    }
}

/// Refuses ids that a word2vec file cannot hold.
fn check_word2vec_ids(vectors: &ItemVectors, path: &Path) -> Result<()> {
    for id in vectors.ids.iter() {
        let id = id.to_string();
        if id.is_empty() || id.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let message = format!(
                "id {} is empty or holds white space, which word2vec files cannot; write safetensors",
                crate::lines::excerpt(&id)
            );
            return Err(Error::File { path: path.to_path_buf(), message });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
