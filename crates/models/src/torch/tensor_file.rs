//! A safetensors file in memory.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::{TensorProblem, TorchError};

pub(super) const FLOAT: &str = "F32 (or F64, F16, BF16)";
pub(super) const INTEGER: &str = "an integer of any width";

/// Named tensors; values are converted when they are asked for.
#[derive(Debug)]
pub(super) struct TensorFile {
    pub(super) path: PathBuf,
    bytes: Vec<u8>,
    tensors: BTreeMap<String, Entry>,
}

/// Where a tensor is in the file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) shape: Vec<usize>,
    dtype: Dtype,
    /// Within the bytes of the file.
    range: Range<usize>,
}

impl TensorFile {
    pub(super) fn read(path: &Path) -> Result<Self, TorchError> {
        let io = |source| TorchError::Io { path: path.to_owned(), source };
        let broken = |source| TorchError::NotSafetensors { path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(io)?;
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
        // Eight bytes with the size of the header, the header, the values.
        let first = size_of::<u64>() + header;
        let entry = |info: &safetensors::tensor::TensorInfo| Entry {
            shape: info.shape.clone(),
            dtype: info.dtype,
            range: first + info.data_offsets.0..first + info.data_offsets.1,
        };
        let tensors = metadata.tensors().into_iter().map(|(key, info)| (key, entry(info))).collect();
        Ok(TensorFile { path: path.to_owned(), bytes, tensors })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.tensors.get(key)
    }

    /// In the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.tensors.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    /// The values of a tensor as `f32`.
    ///
    /// # Errors
    /// If there is no such tensor, or it is not of floating point, or a value is not finite.
    pub(super) fn floats(&self, key: &str) -> Result<Vec<f32>, TensorProblem> {
        let entry = self.entry(key)?;
        let bytes = &self.bytes[entry.range.clone()];
        let values: Vec<f32> = match entry.dtype {
            Dtype::F32 => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Dtype::F64 => bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
            Dtype::F16 => {
                bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()
            }
            Dtype::BF16 => {
                bytes.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect()
            }
            _ => return Err(entry.wrong_type(key, FLOAT)),
        };
        let is_bad = |value: &&f32| !value.is_finite();
        let Some(at) = values.iter().position(|value| is_bad(&value)) else { return Ok(values) };
        Err(TensorProblem::NotFinite {
            key: key.to_owned(),
            at: unravel(at, &entry.shape),
            value: values[at],
            count: values.iter().filter(is_bad).count(),
        })
    }

    /// The values of a tensor as ids, in `0..limit` if there is one.
    ///
    /// # Errors
    /// If there is no such tensor, or it is not of integers, or an id is not in the range.
    pub(super) fn ids(&self, key: &str, limit: Option<u64>) -> Result<Vec<u64>, TensorProblem> {
        let entry = self.entry(key)?;
        let bytes = &self.bytes[entry.range.clone()];
        let values: Vec<i128> = match entry.dtype {
            Dtype::I8 => bytes.as_chunks().0.iter().map(|&bytes| i8::from_le_bytes(bytes).into()).collect(),
            Dtype::I16 => bytes.as_chunks().0.iter().map(|&bytes| i16::from_le_bytes(bytes).into()).collect(),
            Dtype::I32 => bytes.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes).into()).collect(),
            Dtype::I64 => bytes.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes).into()).collect(),
            Dtype::U8 => bytes.iter().map(|&byte| byte.into()).collect(),
            Dtype::U16 => bytes.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes).into()).collect(),
            Dtype::U32 => bytes.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes).into()).collect(),
            Dtype::U64 => bytes.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes).into()).collect(),
            _ => return Err(entry.wrong_type(key, INTEGER)),
        };
        let end = limit.map_or(i128::MAX, i128::from);
        let is_bad = |value: &&i128| !(0..end).contains(*value);
        let Some(row) = values.iter().position(|value| is_bad(&value)) else {
            return Ok(values.into_iter().map(|value| value as u64).collect());
        };
        let count = values.iter().filter(is_bad).count();
        Err(TensorProblem::Id { key: key.to_owned(), row, id: values[row], limit, count })
    }

    fn entry(&self, key: &str) -> Result<&Entry, TensorProblem> {
        self.get(key).ok_or_else(|| TensorProblem::Missing { key: key.to_owned(), expected: "any".into() })
    }
}

impl Entry {
    fn wrong_type(&self, key: &str, expected: &'static str) -> TensorProblem {
        TensorProblem::Type { key: key.to_owned(), expected, found: self.dtype.to_string() }
    }
}

/// The index of each dimension of the value `at` in row-major order.
fn unravel(at: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = at;
    let mut indices: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&size| {
            let index = rest % size;
            rest /= size;
            index
        })
        .collect();
    indices.reverse();
    indices
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn file(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> TensorFile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let views = tensors
            .iter()
            .map(|&(key, dtype, shape, bytes)| (key, TensorView::new(dtype, shape.to_vec(), bytes).unwrap()));
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        TensorFile::read(&path).unwrap()
    }

    #[test]
    fn floats_of_every_width() {
        let values = [1.5f32, -0.25, 0.0, -768.0];
        let f64s: Vec<u8> = values.iter().flat_map(|&value| f64::from(value).to_le_bytes()).collect();
        let f32s: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        // Sign, exponent and fraction as the formats define them.
        let f16s: Vec<u8> =
            [0x3E00u16, 0xB400, 0, 0xE200].iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let bf16s: Vec<u8> =
            [0x3FC0u16, 0xBE80, 0, 0xC440].iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let file = file(&[
            ("f64", Dtype::F64, &[2, 2], &f64s),
            ("f32", Dtype::F32, &[2, 2], &f32s),
            ("f16", Dtype::F16, &[4], &f16s),
            ("bf16", Dtype::BF16, &[4, 1], &bf16s),
        ]);
        for key in ["f64", "f32", "f16", "bf16"] {
            assert_eq!(file.floats(key).unwrap(), values, "{key}");
            assert_eq!(
                file.ids(key, None).unwrap_err(),
                TensorProblem::Type { key: key.into(), expected: INTEGER, found: key.to_uppercase() }
            );
        }
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_found() {
        let values = [0.0, f32::NAN, 1.0, 2.0, f32::NEG_INFINITY, 4.0];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let file =
            file(&[("a", Dtype::F32, &[2, 3], &bytes), ("b", Dtype::F64, &[1], &1e39f64.to_le_bytes())]);
        let said = |key| file.floats(key).unwrap_err().to_string();
        assert_eq!(said("a"), "not finite: a, row 0, column 1 is NaN as f32 (the first of 2)");
        assert_eq!(said("b"), "not finite: b, row 0 is inf as f32");
    }

    #[test]
    fn ids_of_every_width() {
        fn bytes<const N: usize>(values: [[u8; N]; 2]) -> Vec<u8> {
            values.concat()
        }
        let tensors = [
            ("I8", Dtype::I8, bytes([1i8, -1].map(i8::to_le_bytes))),
            ("I16", Dtype::I16, bytes([1i16, -1].map(i16::to_le_bytes))),
            ("I32", Dtype::I32, bytes([1i32, -1].map(i32::to_le_bytes))),
            ("I64", Dtype::I64, bytes([1i64, -1].map(i64::to_le_bytes))),
            ("U8", Dtype::U8, bytes([1u8, u8::MAX].map(u8::to_le_bytes))),
            ("U16", Dtype::U16, bytes([1u16, u16::MAX].map(u16::to_le_bytes))),
            ("U32", Dtype::U32, bytes([1u32, u32::MAX].map(u32::to_le_bytes))),
            ("U64", Dtype::U64, bytes([1u64, u64::MAX].map(u64::to_le_bytes))),
        ];
        let views: Vec<_> =
            tensors.iter().map(|(key, dtype, bytes)| (*key, *dtype, &[2][..], &bytes[..])).collect();
        let file = file(&views);
        for (key, ..) in tensors {
            let largest = match key {
                "U8" => u8::MAX.into(),
                "U16" => u16::MAX.into(),
                "U32" => u32::MAX.into(),
                "U64" => u64::MAX.into(),
                _ => -1i128,
            };
            let expected =
                TensorProblem::Id { key: key.into(), row: 1, id: largest, limit: Some(255), count: 1 };
            assert_eq!(file.ids(key, Some(255)).unwrap_err(), expected);
            assert!(matches!(file.floats(key).unwrap_err(), TensorProblem::Type { .. }), "{key}");
        }
        assert_eq!(file.ids("U64", None).unwrap(), [1, u64::MAX]);
        assert!(matches!(file.ids("I64", None).unwrap_err(), TensorProblem::Id { row: 1, id: -1, .. }));
        assert_eq!(file.ids("U32", Some(1 << 32)).unwrap(), [1, u64::from(u32::MAX)]);
    }

    #[test]
    fn files_that_are_cut_short_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let view = TensorView::new(Dtype::F32, vec![2], &[0; 8]).unwrap();
        let bytes = safetensors::serialize([("a", view)], None).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let error = TensorFile::read(&path).unwrap_err();
            assert!(matches!(error, TorchError::NotSafetensors { .. }), "{length} bytes: {error}");
        }
        let error = TensorFile::read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.contains("none: "), "{error}");
    }
}
