//! One mapped safetensors file.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use burn_recsys_retrieval::{Buffer, MappedFile};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The most bytes of a header: what is allocated before a file is known to be whole is a small multiple of it.
const MAX_HEADER_BYTES: u64 = 64 << 10;

/// Type and shape of a tensor, as the manifest lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TensorShape {
    /// `F32`, `U8`, `U32` or `U64`, as in the file's header.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) shape: Vec<usize>,
}

/// Numbers that a tensor can hold.
pub(crate) trait Number: bytemuck::Pod {
    const DTYPE: Dtype;
}

impl Number for f32 {
    const DTYPE: Dtype = Dtype::F32;
}

impl Number for u8 {
    const DTYPE: Dtype = Dtype::U8;
}

impl Number for u32 {
    const DTYPE: Dtype = Dtype::U32;
}

impl Number for u64 {
    const DTYPE: Dtype = Dtype::U64;
}

/// Tensors on their way into a file.
#[derive(Default)]
pub(crate) struct TensorsToWrite<'a>(Vec<(&'static str, Dtype, Vec<usize>, &'a [u8])>);

impl<'a> TensorsToWrite<'a> {
    /// Adds a tensor of one axis.
    pub(crate) fn with<T: Number>(self, name: &'static str, values: &'a [T]) -> Self {
        self.with_shape(name, vec![values.len()], values)
    }

    pub(crate) fn with_shape<T: Number>(
        mut self,
        name: &'static str,
        shape: Vec<usize>,
        values: &'a [T],
    ) -> Self {
        self.0.push((name, T::DTYPE, shape, bytemuck::cast_slice(values)));
        self
    }

    /// Writes a new file; it is not synced.
    pub(crate) fn write(self, path: &Path) -> Result<()> {
        let refuse = |error: safetensors::SafeTensorError| {
            Error::io("write", path, std::io::Error::other(error.to_string()))
        };
        let mut views = BTreeMap::new();
        for (name, dtype, shape, bytes) in self.0 {
            views.insert(name, TensorView::new(dtype, shape, bytes).map_err(refuse)?);
        }
        // That writer makes files that only their owner reads; ours are files like any other.
        let failed = |error| Error::io("write", path, error);
        let permissions = File::create(path).and_then(|file| file.metadata()).map_err(failed)?.permissions();
        safetensors::serialize_to_file(views, None, path).map_err(refuse)?;
        std::fs::set_permissions(path, permissions).map_err(failed)
    }
}

/// A mapped file and where its tensors lie.
pub(crate) struct TensorFile {
    path: PathBuf,
    file: MappedFile,
    tensors: BTreeMap<String, (TensorShape, Range<usize>)>,
}

impl TensorFile {
    /// Reads the header of a mapped file.
    pub(crate) fn new(path: &Path, file: MappedFile) -> Result<Self> {
        let length = file.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        match length {
            Some(length) if length <= MAX_HEADER_BYTES => {}
            Some(length) => {
                let message = format!("a header of {length} bytes, at most {MAX_HEADER_BYTES} are read");
                return Err(Error::damaged(path, message));
            }
            None => return Err(Error::damaged(path, "the file has no header")),
        }
        let (header, metadata) = SafeTensors::read_metadata(&file)
            .map_err(|error| Error::damaged(path, format!("not a safetensors file: {error}")))?;
        let start = 8 + header;
        let tensors = metadata.tensors().into_iter().map(|(name, info)| {
            let shape = TensorShape { kind: info.dtype.to_string(), shape: info.shape.clone() };
            let (from, to) = info.data_offsets;
            (name, (shape, start + from..start + to))
        });
        Ok(TensorFile { path: path.into(), tensors: tensors.collect(), file })
    }

    pub(crate) fn shapes(&self) -> BTreeMap<String, TensorShape> {
        self.tensors.iter().map(|(name, (shape, _))| (name.clone(), shape.clone())).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The numbers of a tensor of one axis.
    pub(crate) fn buffer<T: Number>(&self, name: &str) -> Result<Buffer<T>> {
        self.numbers::<T>(name, 1).map(|(_, numbers)| numbers)
    }

    /// The numbers of a tensor of two axes, and the length of the second.
    pub(crate) fn matrix(&self, name: &str) -> Result<(usize, Buffer<f32>)> {
        self.numbers::<f32>(name, 2).map(|(shape, numbers)| (shape[1], numbers))
    }

    fn numbers<T: Number>(&self, name: &str, n_axes: usize) -> Result<(&[usize], Buffer<T>)> {
        let Some((TensorShape { kind, shape }, range)) = self.tensors.get(name) else {
            return Err(Error::damaged(&self.path, format!("there is no tensor {name:?}")));
        };
        if *kind != T::DTYPE.to_string() || shape.len() != n_axes {
            let message = format!(
                "tensor {name:?} is {kind} with {} axes, but {} with {n_axes} is needed",
                shape.len(),
                T::DTYPE
            );
            return Err(Error::damaged(&self.path, message));
        }
        let numbers = self.file.buffer(range.clone());
        Ok((shape, numbers.map_err(|error| Error::damaged(&self.path, format!("tensor {name:?}: {error}")))?))
    }
}
