//! An index as a file: safetensors, so that its numbers can be mapped and other programs can read them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use bytemuck::Pod;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, SafeTensors};

use super::ExactIndex;
use super::codes::Codes;
use super::dots::ITEMS;
use super::vectors::Vectors;
use crate::files::{sha256_of, write_atomic};
use crate::{Buffer, Error, MappedFile, Result};

/// The metadata entry that names the layout, and its value.
const FORMAT: (&str, &str) = ("format", "burn-recsys-exact-index-1");

/// A larger dimension in a file is damage.
const MAX_DIMENSION: usize = 1 << 24;

impl ExactIndex {
    /// Writes the index to a file; [`open`](Self::open) maps it. A process that is killed leaves what was
    /// there before.
    ///
    /// The file is a safetensors file. `codes` is `[n_panels, d/2 rounded up, 16, 2]`, `scales` and `errors`
    /// are `[n_panels, 16]`, `vectors` is `[n_panels, d, 16]` and absent at [`Precision::I8`](super::Precision::I8).
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let (n_panels, n_pairs) = (self.n_items.div_ceil(ITEMS), self.codes.n_pairs);
        let numbers = vec![n_panels, ITEMS];
        let mut tensors: Vec<(&str, &str, Vec<usize>, &[u8])> = Vec::new();
        // In the order of the file: the largest elements first, so that all are aligned.
        tensors.push(("errors", "F32", numbers.clone(), bytemuck::cast_slice(&self.codes.errors)));
        tensors.push(("scales", "F32", numbers, bytemuck::cast_slice(&self.codes.scales)));
        let shape = vec![n_panels, self.dimension, ITEMS];
        match &self.vectors {
            Vectors::F32(values) => tensors.push(("vectors", "F32", shape, bytemuck::cast_slice(values))),
            Vectors::F16(values) => tensors.push(("vectors", "F16", shape, bytemuck::cast_slice(values))),
            Vectors::Codes => (),
        }
        let codes: &[i8] = &self.codes.values;
        tensors.push(("codes", "I8", vec![n_panels, n_pairs, ITEMS, 2], bytemuck::cast_slice(codes)));

        let digest = sha256_of(tensors.iter().map(|tensor| tensor.3));
        let mut header = format!(
            r#"{{"__metadata__":{{"{}":"{}","n_items":"{}","dimension":"{}","sha256":"{digest}"}}"#,
            FORMAT.0, FORMAT.1, self.n_items, self.dimension
        );
        let mut start = 0;
        for (name, dtype, shape, bytes) in &tensors {
            let end = start + bytes.len();
            // A string takes whatever is written to it.
            let _ = write!(
                header,
                r#","{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
            );
            start = end;
        }
        header.push('}');
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        write_atomic(path, |file| {
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(header.as_bytes())?;
            tensors.iter().try_for_each(|tensor| file.write_all(tensor.3))
        })
    }

    /// Maps the file of an index. Only its header and two numbers of each item are read, so that a million
    /// items are there in milliseconds; [`verify`](Self::verify) reads the rest.
    ///
    /// # Errors
    /// If there is no such file, or it is damaged in a way that could mislead a search's bounds. Numbers that
    /// are changed elsewhere give other scores, or an error of the search if they are NaN.
    pub fn open(path: &Path) -> Result<Self> {
        Self::mapped(MappedFile::open(path)?).map_err(|error| match error {
            Error::Layout { message } => Error::Layout { message: format!("{}: {message}", path.display()) },
            other => other,
        })
    }

    fn mapped(file: MappedFile) -> Result<Self> {
        let (header, start, metadata) = header(&file)?;
        let (n_items, dimension): (usize, usize) =
            (number(&metadata, "n_items")?, number(&metadata, "dimension")?);
        let n_panels = n_items.div_ceil(ITEMS);
        if !(1..=MAX_DIMENSION).contains(&dimension) || u32::try_from(n_items).is_err() {
            return Err(layout(format!("{n_items} items of dimension {dimension}")));
        }
        let tensors = Tensors { file: &file, header: &header, start };
        let n_pairs = dimension.div_ceil(2);
        let codes = Codes {
            n_pairs,
            values: tensors.take("codes", Dtype::I8, &[n_panels, n_pairs, ITEMS, 2])?,
            scales: tensors.take("scales", Dtype::F32, &[n_panels, ITEMS])?,
            errors: tensors.take("errors", Dtype::F32, &[n_panels, ITEMS])?,
        };
        let shape = [n_panels, dimension, ITEMS];
        let vectors = match header.info("vectors").map(|info| info.dtype) {
            None => Vectors::Codes,
            Some(Dtype::F16) => Vectors::F16(tensors.take("vectors", Dtype::F16, &shape)?),
            Some(_) => Vectors::F32(tensors.take("vectors", Dtype::F32, &shape)?),
        };
        let is_sound = |value: &f32| value.is_finite() && *value >= 0.0;
        if !codes.scales.iter().chain(codes.errors.iter()).all(is_sound) {
            return Err(layout("a scale or an error is negative or not finite".into()));
        }
        Ok(Self::assemble(dimension, n_items, vectors, codes))
    }

    /// Reads all of a file that [`write`](Self::write) made and compares it with the hash that is stored in it.
    ///
    /// # Errors
    /// If there is no such file, or a byte of it has changed.
    pub fn verify(path: &Path) -> Result<()> {
        let file = MappedFile::open(path)?;
        let (_, start, metadata) = header(&file)?;
        let stored = metadata.get("sha256").ok_or_else(|| layout("there is no sha256".into()))?;
        if sha256_of([&file[start..]]) != *stored {
            return Err(layout(format!("{}: its numbers are not those that were written", path.display())));
        }
        Self::mapped(file).map(|_| ())
    }
}

/// The description of the tensors, where they start, and what else is said.
fn header(file: &MappedFile) -> Result<(Metadata, usize, HashMap<String, String>)> {
    let (length, header) = SafeTensors::read_metadata(file).map_err(|error| layout(error.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    if metadata.get(FORMAT.0).map(String::as_str) != Some(FORMAT.1) {
        return Err(layout(format!("not a {}", FORMAT.1)));
    }
    Ok((header, size_of::<u64>() + length, metadata))
}

fn number(metadata: &HashMap<String, String>, name: &str) -> Result<usize> {
    let value = metadata.get(name).and_then(|value| value.parse().ok());
    value.ok_or_else(|| layout(format!("there is no number {name}")))
}

fn layout(message: String) -> Error {
    Error::Layout { message }
}

struct Tensors<'a> {
    file: &'a MappedFile,
    header: &'a Metadata,
    /// Of the first tensor in the file.
    start: usize,
}

impl Tensors<'_> {
    /// A tensor that must have a type and a shape.
    fn take<T: Pod>(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Buffer<T>> {
        let info = self.header.info(name).ok_or_else(|| layout(format!("there is no tensor {name}")))?;
        if info.dtype != dtype || info.shape != shape {
            return Err(layout(format!(
                "{name} is {:?} of {:?}, not {:?} of {dtype:?}",
                info.shape, info.dtype, shape
            )));
        }
        let (start, end) = info.data_offsets;
        self.file.buffer(self.start + start..self.start + end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Precision;
    use crate::{ItemFilter, ItemIndex};
    use proptest::prelude::*;

    fn items(n: usize, d: usize) -> Vec<f32> {
        (0..n * d).map(|at| (at as f32 * 0.71).sin()).collect()
    }

    #[test]
    fn what_is_opened_answers_as_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.safetensors");
        for precision in [Precision::F32, Precision::F16, Precision::I8] {
            for (n, d) in [(0, 3), (5, 1), (700, 7), (1_000, 16)] {
                let index = ExactIndex::with_precision(d, &items(n, d), precision).unwrap();
                index.write(&path).unwrap();
                ExactIndex::verify(&path).unwrap();
                let opened = ExactIndex::open(&path).unwrap();
                assert_eq!(opened, index);
                assert_eq!(opened.precision(), precision);
                let query = items(1, d);
                let all = ItemFilter::default();
                assert_eq!(opened.search_one(&query, 9, &all), index.search_one(&query, 9, &all));
            }
        }
        // Nothing is left beside it.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.safetensors");
        assert!(matches!(ExactIndex::open(&path), Err(Error::File { action: "open", .. })));
        for bytes in [&b""[..], b"{}", b"\x02\0\0\0\0\0\0\0{}", &[255; 40]] {
            std::fs::write(&path, bytes).unwrap();
            let error = ExactIndex::open(&path).unwrap_err().to_string();
            assert!(error.contains("index.safetensors"), "{error}");
        }
        let nowhere = folder.path().join("none/index.safetensors");
        let error = ExactIndex::new(1, vec![1.0]).unwrap().write(&nowhere).unwrap_err();
        assert!(matches!(error, Error::File { action: "write", .. }));
    }

    proptest! {
        #[test]
        fn damage_never_panics(
            precision in prop_oneof![Just(Precision::F32), Just(Precision::F16), Just(Precision::I8)],
            places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..4),
            cut in prop_oneof![Just(None), any::<prop::sample::Index>().prop_map(Some)],
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("index.safetensors");
            let (n, d) = (300, 5);
            ExactIndex::with_precision(d, &items(n, d), precision).unwrap().write(&path).unwrap();
            let whole = std::fs::read(&path).unwrap();
            let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
            let mut bytes = whole.clone();
            for (place, value, in_header) in places {
                let end = if in_header { header } else { bytes.len() };
                bytes[place.index(end)] = value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            std::fs::write(&path, &bytes).unwrap();
            let is_whole = ExactIndex::verify(&path).is_ok();
            // What follows the header is protected by the hash, and a cut by the header.
            if bytes.len() != whole.len() || bytes[header..] != whole[header..] {
                prop_assert!(!is_whole);
            }
            if bytes == whole {
                prop_assert!(is_whole);
            }
            if let Ok(index) = ExactIndex::open(&path) {
                prop_assert!(index.n_items() <= bytes.len());
                let query = vec![1.0; index.dimension()];
                // Scores may be wrong or NaN, nothing worse.
                let _ = index.search_one(&query, 7, &ItemFilter { exclude: &[3], allow: &[] });
                let _ = index.search_one(&query, 290, &ItemFilter::default());
            }
        }
    }
}
