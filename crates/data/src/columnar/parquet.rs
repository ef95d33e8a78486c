//! Columns of parquet files.
//!
//! Threads read the parts that the file itself is cut into: one column of one group of rows. Every thread
//! opens the file anew, since copies of an open file share its position.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::serialized_reader::SerializedPageReader;
use rayon::prelude::*;

use super::build::{Builder, Column, in_column};
use super::stored::Stored;
use super::{Kind, Request, refused};
use crate::{Error, Result};

/// Rows that are decoded at a time: few enough that they stay in the cache.
const BATCH: usize = 1 << 13;

/// What the end of the file says of the rest.
#[derive(Debug)]
pub(super) struct ParquetFile {
    metadata: ParquetMetaData,
    n_rows: usize,
    /// For every column its first column of values; a nested column has several.
    leaves: Vec<Option<usize>>,
}

impl ParquetFile {
    /// Reads the names of the columns and where they are.
    pub(super) fn open(path: &Path) -> Result<(Vec<String>, Self)> {
        let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
        let n_bytes = file.metadata().map_err(|source| Error::io("read", path, source))?.len();
        let metadata = guarded(|| ParquetMetaDataReader::new().parse_and_finish(&file))
            .map_err(|reason| damaged(path, &reason))?;
        let schema = metadata.file_metadata().schema_descr();
        let fields = schema.root_schema().get_fields();
        let names = fields.iter().map(|field| field.name().to_owned()).collect();
        let mut leaves = vec![None; fields.len()];
        for leaf in (0..schema.num_columns()).rev() {
            if let Some(first) = leaves.get_mut(schema.get_column_root_idx(leaf)) {
                *first = Some(leaf);
            }
        }
        let n_rows = check(&metadata, n_bytes).map_err(|reason| damaged(path, &reason))?;
        Ok((names, ParquetFile { metadata, n_rows, leaves }))
    }

    /// The columns at `chosen`.
    pub(super) fn read(&self, path: &Path, requests: &[Request], chosen: &[usize]) -> Result<Builder> {
        let columns: Vec<Result<Column>> = requests
            .par_iter()
            .zip(chosen)
            .map(|(request, &place)| self.column(path, request, place))
            .collect();
        Ok(Builder { columns: columns.into_iter().collect::<Result<_>>()?, n_rows: self.n_rows })
    }

    fn column(&self, path: &Path, request: &Request, place: usize) -> Result<Column> {
        let refuse = |message: &str| refused(path, in_column(&request.name, message));
        let schema = self.metadata.file_metadata().schema_descr();
        let leaf = self.leaves.get(place).copied().flatten();
        let leaf = leaf.ok_or_else(|| refuse("it is a group without columns"))?;
        let described = schema.column(leaf);
        let stored = Stored::new(schema.get_column_root(leaf), &described, request.kind)
            .map_err(|message| refuse(&message))?;
        let mut column = Column::new(request.kind);
        column.reserve(self.n_rows);
        let mut n_before = 0;
        // Groups are added in the order of the file, so the number of threads does not show.
        for wave in self.metadata.row_groups().chunks(rayon::current_num_threads()) {
            let parts: Vec<_> =
                wave.par_iter().map(|group| Part { path, group, leaf, stored }.read(request.kind)).collect();
            for (part, group) in parts.into_iter().zip(wave) {
                column.append(part.map_err(|fault| match fault {
                    Fault::Unreadable(source) => Error::io("read", path, source),
                    Fault::Damaged(reason) => damaged(path, &in_column(&request.name, &reason)),
                    Fault::Value { row, message } => {
                        let position = position(n_before + row);
                        refused(path, format!("{position}: {}", in_column(&request.name, &message)))
                    }
                })?);
                n_before += group.num_rows() as usize;
            }
        }
        Ok(column)
    }
}

/// The row with this index, for messages.
pub(super) fn position(row: usize) -> String {
    format!("row {} (the first is 1)", row + 1)
}

fn damaged(path: &Path, reason: &str) -> Error {
    refused(
        path,
        format!("this is not a whole parquet file, or one that cannot be read ({reason}); write it anew"),
    )
}

/// The number of rows, if all that is said of the groups fits together and into a file of `n_bytes`.
fn check(metadata: &ParquetMetaData, n_bytes: u64) -> std::result::Result<usize, String> {
    let mut n_rows = 0i64;
    for group in metadata.row_groups() {
        let n_group = group.num_rows();
        n_rows = n_rows.checked_add(n_group).filter(|_| n_group >= 0).ok_or("numbers of rows are damaged")?;
        for chunk in group.columns() {
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
            let end = end.and_then(|(start, length)| start.checked_add(length));
            if end.is_none_or(|end| end > n_bytes) {
                return Err("a column ends after the file".into());
            }
        }
    }
    if n_rows != metadata.file_metadata().num_rows() {
        return Err("numbers of rows do not add up".into());
    }
    match u32::try_from(n_rows) {
        Ok(n_rows) => Ok(n_rows as usize),
        Err(_) => Err(format!("it holds {n_rows} rows, at most {} can be read", u32::MAX)),
    }
}

/// Why a part cannot be read.
enum Fault {
    Unreadable(std::io::Error),
    Damaged(String),
    /// The row counts from 0 within the part.
    Value {
        row: usize,
        message: String,
    },
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        Fault::Damaged(error.to_string())
    }
}

/// A column of a group of rows.
struct Part<'p> {
    path: &'p Path,
    group: &'p RowGroupMetaData,
    leaf: usize,
    stored: Stored,
}

impl Part<'_> {
    fn read(&self, kind: Kind) -> std::result::Result<Column, Fault> {
        let mut column = Column::new(kind);
        match &mut column {
            Column::Ids { codes, rows } => match self.stored {
                Stored::Int32 => self.each::<Int32Type>(|&id| Ok(rows.push(codes.integer(i64::from(id))))),
                Stored::Uint32 => {
                    self.each::<Int32Type>(|&id| Ok(rows.push(codes.integer(i64::from(id.cast_unsigned())))))
                }
                Stored::Int64 => self.each::<Int64Type>(|&id| Ok(rows.push(codes.any_integer(id.into())))),
                Stored::Uint64 => {
                    self.each::<Int64Type>(|&id| Ok(rows.push(codes.any_integer(id.cast_unsigned().into()))))
                }
                Stored::Float => {
                    self.each::<FloatType>(|&id| Ok(rows.push(codes.integer(whole(id.into(), 1 << 24)?))))
                }
                Stored::Double => {
                    self.each::<DoubleType>(|&id| Ok(rows.push(codes.integer(whole(id, 1 << 53)?))))
                }
                Stored::Text => self.each::<ByteArrayType>(|id| Ok(rows.push(codes.code(text(id)?)))),
                // Refused before: see `Stored::new`.
                Stored::Date | Stored::Timestamp(_) | Stored::Int96 => Ok(()),
            },
            Column::Numbers(values) => match self.stored {
                Stored::Int32 => self.each::<Int32Type>(|&value| Ok(values.push(value.into()))),
                Stored::Uint32 => {
                    self.each::<Int32Type>(|&value| Ok(values.push(value.cast_unsigned().into())))
                }
                Stored::Int64 => self.each::<Int64Type>(|&value| Ok(values.push(value as f64))),
                Stored::Uint64 => {
                    self.each::<Int64Type>(|&value| Ok(values.push(value.cast_unsigned() as f64)))
                }
                Stored::Float => self.each::<FloatType>(|&value| Ok(values.push(finite(value.into())?))),
                Stored::Double => self.each::<DoubleType>(|&value| Ok(values.push(finite(value)?))),
                Stored::Date => self.each::<Int32Type>(|&days| Ok(values.push(f64::from(days) * 86_400.0))),
                Stored::Timestamp(units) => {
                    self.each::<Int64Type>(|&value| Ok(values.push(seconds(value, units))))
                }
                Stored::Int96 => self.each::<Int96Type>(|value| Ok(values.push(seconds_of_int96(value)))),
                // Refused before.
                Stored::Text => Ok(()),
            },
        }?;
        Ok(column)
    }

    /// Hands every value to `take`.
    fn each<T: DataType>(
        &self,
        mut take: impl FnMut(&T::T) -> std::result::Result<(), String>,
    ) -> std::result::Result<(), Fault> {
        let file = Arc::new(File::open(self.path).map_err(Fault::Unreadable)?);
        let n_rows = self.group.num_rows() as usize;
        let chunk =
            self.group.columns().get(self.leaf).ok_or_else(|| Fault::Damaged("it is absent".into()))?;
        let is_nullable = chunk.column_descr().max_def_level() > 0;
        let mut reader = guarded(|| values::<T>(file, chunk, n_rows)).map_err(Fault::Damaged)?;
        let (mut batch, mut levels) = (Vec::with_capacity(BATCH), Vec::new());
        let mut row = 0;
        while row < n_rows {
            (batch.clear(), levels.clear());
            let wanted = BATCH.min(n_rows - row);
            let found = guarded(|| reader.read_records(wanted, Some(&mut levels), None, &mut batch));
            let (n_records, _, _) = found.map_err(Fault::Damaged)?;
            if n_records == 0 {
                return Err(Fault::Damaged(format!("{row} of {n_rows} values of a group of rows are there")));
            }
            let null = if is_nullable { levels.iter().position(|&level| level == 0) } else { None };
            for value in &batch[..null.unwrap_or(batch.len()).min(batch.len())] {
                take(value).map_err(|message| Fault::Value { row, message })?;
                row += 1;
            }
            if null.is_some() {
                return Err(Fault::Value { row, message: "the value is null".into() });
            }
        }
        Ok(())
    }
}

fn values<T: DataType>(
    file: Arc<File>,
    chunk: &ColumnChunkMetaData,
    n_rows: usize,
) -> parquet::errors::Result<ColumnReaderImpl<T>> {
    let pages = SerializedPageReader::new(file, chunk, n_rows, None)?;
    Ok(get_typed_column_reader(get_column_reader(chunk.column_descr_ptr(), Box::new(pages))))
}

/// What `f` gives.
fn guarded<T>(f: impl FnOnce() -> parquet::errors::Result<T>) -> std::result::Result<T, String> {
    f().map_err(|error| error.to_string())
}

/// The whole number that `id` is, if floats are exact as far as it.
fn whole(id: f64, limit: i64) -> std::result::Result<i64, String> {
    if id.is_nan() {
        Err("the value is NaN, which is no id".into())
    } else if id.fract() != 0.0 {
        Err(format!("{id} is not a whole number, as ids are"))
    } else if id.abs() > limit as f64 {
        Err(format!("{id} is too large to be exact in floating point; write ids as integers or text"))
    } else {
        Ok(id as i64)
    }
}

fn text(id: &ByteArray) -> std::result::Result<&[u8], String> {
    let text = id.as_utf8().map_err(|_| "the bytes are not UTF-8 text")?;
    if text.is_empty() { Err("the text is empty".into()) } else { Ok(text.as_bytes()) }
}

fn finite(value: f64) -> std::result::Result<f64, String> {
    if value.is_finite() { Ok(value) } else { Err(format!("{value} is not a finite number")) }
}

/// Nanoseconds do not fit a float, so the seconds are split off before.
fn seconds(value: i64, units: i64) -> f64 {
    value.div_euclid(units) as f64 + value.rem_euclid(units) as f64 / units as f64
}

/// Nanoseconds of the day in the first two words, the Julian day in the third.
fn seconds_of_int96(value: &Int96) -> f64 {
    const EPOCH: i64 = 2_440_588;
    let nanos = match *value.data() {
        [low, high, _] => i64::from(high) << 32 | i64::from(low),
        _ => 0,
    };
    let days = value.data().last().map_or(EPOCH, |&day| i64::from(day));
    ((days - EPOCH) * 86_400) as f64 + seconds(nanos, 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_keep_the_nanoseconds_that_fit() {
        assert_eq!(seconds(1_700_000_000_123_456_789, 1_000_000_000), 1_700_000_000.123_456_789);
        assert_eq!(seconds(-1_500, 1_000), -1.5);
        let mut day_after = Int96::new();
        day_after.set_data(500_000_000, 0, 2_440_589);
        assert_eq!(seconds_of_int96(&day_after), 86_400.5);
    }

    #[test]
    fn floats_are_ids_if_they_are_whole_and_exact() {
        assert_eq!(whole(-3.0, 1 << 53), Ok(-3));
        assert_eq!(whole(9_007_199_254_740_992.0, 1 << 53), Ok(1 << 53));
        assert_eq!(whole(0.5, 1 << 53), Err("0.5 is not a whole number, as ids are".into()));
        assert!(whole(9_007_199_254_740_994.0, 1 << 53).is_err());
        assert!(whole(16_777_218.0, 1 << 24).is_err());
        assert!(whole(f64::INFINITY, 1 << 53).is_err());
        assert!(whole(f64::NAN, 1 << 53).is_err());
    }
}
