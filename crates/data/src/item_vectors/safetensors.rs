//! Vectors as tensors, ids beside them.
//!
//! Ids are tensors, not metadata: the header of a file is bounded, and millions of ids would not fit.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{ItemVectors, first_not_finite, first_repeated};
use crate::files::write_atomic;
use crate::lines::excerpt;
use crate::{Error, ExternalId, IdMap, Result};

const VECTORS: &str = "vectors";
const INTEGER_IDS: &str = "ids";
const ID_BYTES: &str = "id_bytes";
const ID_OFFSETS: &str = "id_offsets";
/// What other readers bear.
const MAX_HEADER_BYTES: u64 = 100_000_000;

pub(super) fn read(path: &Path) -> Result<ItemVectors> {
    TensorFile::open(path)?.vectors()
}

/// A file whose header agrees with its size.
struct TensorFile<'p> {
    path: &'p Path,
    file: File,
    metadata: Metadata,
    data_start: u64,
}

impl<'p> TensorFile<'p> {
    fn open(path: &'p Path) -> Result<Self> {
        let unreadable = |source| Error::io("read", path, source);
        let refused = |message: String| Error::File { path: path.to_path_buf(), message };
        let mut file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut start = Vec::new();
        (&mut file).take(8).read_to_end(&mut start).map_err(unreadable)?;
        let length = start.as_array::<8>().map(|&bytes| u64::from_le_bytes(bytes));
        let length = length
            .filter(|&length| length <= MAX_HEADER_BYTES && length <= size.saturating_sub(8))
            .ok_or_else(|| refused(format!("the {size} bytes are not a whole safetensors file")))?;
        let mut header = Vec::new();
        (&mut file).take(length).read_to_end(&mut header).map_err(unreadable)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| refused(format!("the header is not that of a safetensors file: {error}")))?;
        let (found, claimed) = (size - 8 - length, metadata.data_len() as u64);
        if found != claimed {
            let message = format!(
                "the header says {claimed} bytes of tensors, but there are {found}; the file is not whole"
            );
            return Err(refused(message));
        }
        Ok(TensorFile { path, file, metadata, data_start: 8 + length })
    }

    fn vectors(mut self) -> Result<ItemVectors> {
        let info = self.info(VECTORS, Dtype::F32, 2)?;
        let [n_rows, dimension] = [info.shape[0], info.shape[1]];
        if dimension == 0 || u32::try_from(n_rows).is_err() {
            return Err(self.refused(format!("tensor {VECTORS:?} has the shape {:?}", info.shape)));
        }
        let mut values: Vec<f32> = Vec::new();
        self.numbers(&info, |number| values.push(f32::from_le_bytes(number)))?;
        let (ids, indices) = match self.metadata.info(INTEGER_IDS) {
            Some(_) => self.integers()?,
            None => self.texts()?,
        };
        if indices.len() != n_rows {
            return Err(self.refused(format!("there are {n_rows} vectors, but {} ids", indices.len())));
        }
        let id_of = |row: usize| {
            let id = ids.external(indices[row]).map(|id| id.to_string()).unwrap_or_default();
            excerpt(&id)
        };
        if let Some(row) = first_repeated(&indices, ids.len()) {
            return Err(self.refused(format!("row {row} is of id {}, as is a row before", id_of(row))));
        }
        if let Some(place) = first_not_finite(&values) {
            let (row, column, value) = (place / dimension, place % dimension, values[place]);
            let message = format!("value {column} of row {row}, id {}, is {value}", id_of(row));
            return Err(self.refused(message));
        }
        let mut vectors = ItemVectors { ids: Arc::new(ids), dimension, values };
        vectors.arrange(indices);
        Ok(vectors)
    }

    fn integers(&mut self) -> Result<(IdMap, Vec<u32>)> {
        let info = self.info(INTEGER_IDS, Dtype::I64, 1)?;
        let mut ids = Vec::new();
        self.numbers(&info, |number| ids.push(i64::from_le_bytes(number)))?;
        let map = IdMap::from_integers(ids.iter().copied());
        let indices = ids.iter().filter_map(|&id| map.index_of_integer(id)).collect();
        Ok((map, indices))
    }

    fn texts(&mut self) -> Result<(IdMap, Vec<u32>)> {
        let info = self.info(ID_BYTES, Dtype::U8, 1)?;
        let mut bytes = Vec::new();
        self.numbers(&info, |[byte]: [u8; 1]| bytes.push(byte))?;
        let info = self.info(ID_OFFSETS, Dtype::I64, 1)?;
        let mut offsets = Vec::new();
        self.numbers(&info, |number| offsets.push(i64::from_le_bytes(number)))?;
        let is_whole =
            offsets.first() == Some(&0) && offsets.last() == i64::try_from(bytes.len()).ok().as_ref();
        if !is_whole || !offsets.is_sorted() {
            let message = format!(
                "tensor {ID_OFFSETS:?} does not ascend from 0 to the {} bytes of {ID_BYTES:?}",
                bytes.len()
            );
            return Err(self.refused(message));
        }
        let mut ids: Vec<String> = Vec::new();
        for (row, bounds) in offsets.windows(2).enumerate() {
            // Between 0 and the length, as just checked.
            let id = std::str::from_utf8(&bytes[bounds[0] as usize..bounds[1] as usize]);
            ids.push(id.map_err(|_| self.refused(format!("the id of row {row} is not UTF-8")))?.to_owned());
        }
        let map = IdMap::from_plain_texts(ids.clone());
        let indices = ids.iter().filter_map(|id| map.index(id)).collect();
        Ok((map, indices))
    }

    /// The place of a tensor of this type and number of dimensions.
    fn info(&self, name: &str, dtype: Dtype, n_dimensions: usize) -> Result<TensorInfo> {
        let info = self.metadata.info(name).ok_or_else(|| {
            let mut names = self.metadata.offset_keys();
            names.sort_unstable();
            self.refused(format!(
                "there is no tensor {name:?}; the tensors are {}",
                excerpt(&names.join(", "))
            ))
        })?;
        if info.dtype != dtype || info.shape.len() != n_dimensions {
            let message = format!(
                "tensor {name:?} is {:?} {:?}, expected {dtype:?} of {n_dimensions} dimensions",
                info.dtype, info.shape
            );
            return Err(self.refused(message));
        }
        Ok(info.clone())
    }

    /// Hands the bytes of every number of a tensor to `push`.
    fn numbers<const N: usize>(&mut self, info: &TensorInfo, mut push: impl FnMut([u8; N])) -> Result<()> {
        let unreadable = |source| Error::io("read", self.path, source);
        let (start, end) = info.data_offsets;
        let mut file = BufReader::with_capacity(1 << 18, &self.file);
        file.seek(SeekFrom::Start(self.data_start + start as u64)).map_err(unreadable)?;
        let mut number = [0; N];
        for _ in 0..(end - start) / N {
            file.read_exact(&mut number).map_err(unreadable)?;
            push(number);
        }
        Ok(())
    }

    fn refused(&self, message: String) -> Error {
        Error::File { path: self.path.to_path_buf(), message }
    }
}

pub(super) fn write(vectors: &ItemVectors, path: &Path) -> Result<()> {
    let n = vectors.len();
    let n_bytes: usize = vectors.ids.iter().map(|id| text_length(&id)).sum();
    // In the order of their data: the widest numbers first, so that all are aligned.
    let mut tensors: Vec<(&str, Dtype, Vec<usize>)> = Vec::new();
    if vectors.ids.holds_integers() {
        tensors.push((INTEGER_IDS, Dtype::I64, vec![n]));
    } else {
        tensors.push((ID_OFFSETS, Dtype::I64, vec![n + 1]));
    }
    tensors.push((VECTORS, Dtype::F32, vec![n, vectors.dimension]));
    if !vectors.ids.holds_integers() {
        tensors.push((ID_BYTES, Dtype::U8, vec![n_bytes]));
    }
    let mut offset = 0;
    let mut infos = Vec::new();
    for (name, dtype, shape) in tensors {
        let start = offset;
        offset += shape.iter().product::<usize>() * dtype.bitsize() / 8;
        infos.push((name.to_owned(), TensorInfo { dtype, shape, data_offsets: (start, offset) }));
    }
    let refused = |message: String| Error::File { path: path.to_path_buf(), message };
    let about = HashMap::from([("burn-recsys".to_owned(), "item-vectors 1".to_owned())]);
    let metadata = Metadata::new(Some(about), infos).map_err(|error| refused(error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| refused(error.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');

    write_atomic(path, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(&header)?;
        if vectors.ids.holds_integers() {
            for id in vectors.ids.iter() {
                let ExternalId::Integer(id) = id else { continue };
                writer.write_all(&id.to_le_bytes())?;
            }
        } else {
            let mut offset = 0i64;
            writer.write_all(&offset.to_le_bytes())?;
            for id in vectors.ids.iter() {
                offset += text_length(&id) as i64;
                writer.write_all(&offset.to_le_bytes())?;
            }
        }
        for value in &vectors.values {
            writer.write_all(&value.to_le_bytes())?;
        }
        for id in vectors.ids.iter() {
            if let ExternalId::Text(id) = id {
                writer.write_all(id.as_bytes())?;
            }
        }
        Ok(())
    })
}

fn text_length(id: &ExternalId<'_>) -> usize {
    match id {
        ExternalId::Integer(_) => 0,
        ExternalId::Text(id) => id.len(),
    }
}
