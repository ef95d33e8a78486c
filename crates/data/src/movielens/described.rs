//! Files with one line for every user or item.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::read_all;
use crate::source::Source;
use crate::table::{Records, decode};
use crate::{ColumnValues, Error, FeatureTable, IdMap, Result};

/// One line of a [`Described`] file. The first field is the id.
#[derive(Debug)]
pub(super) struct Row {
    line: u64,
    pub(super) fields: Vec<String>,
}

/// The lines of a file that describes users or items, no id twice.
#[derive(Debug)]
pub(super) struct Described {
    path: PathBuf,
    pub(super) rows: Vec<Row>,
}

impl Described {
    /// Reads lines of `n_fields` fields between separators that nothing escapes.
    pub(super) fn split(
        source: &Source<'_>,
        separator: &str,
        n_fields: std::ops::RangeInclusive<usize>,
    ) -> Result<Self> {
        let mut rows = Vec::new();
        for (line, text) in text_lines(source)? {
            let fields: Vec<String> = text.split(separator).map(|field| field.trim().to_owned()).collect();
            if !n_fields.contains(&fields.len()) {
                let message =
                    format!("fields between {separator:?}: {}, expected {}", fields.len(), n_fields.start());
                return Err(source.bad_line(line, message));
            }
            rows.push(Row { line, fields });
        }
        Self::unique(source.path(), rows)
    }

    /// Reads the named columns, in this order, of a comma-separated file with a header.
    pub(super) fn csv(source: &Source<'_>, columns: &[&str]) -> Result<Self> {
        let rows = source.read(|reader| {
            let mut records = Records::new(reader, b',');
            let mut header: Option<(usize, Vec<usize>)> = None;
            let mut rows = Vec::new();
            while let Some((line, fields)) = records.next().map_err(|error| source.unreadable(error))? {
                let text = |field: &[u8]| decode(field).trim().to_owned();
                let Some((n_fields, positions)) = &header else {
                    let names: Vec<String> = fields.iter().map(|name| text(name)).collect();
                    let position = |column: &&str| {
                        names.iter().position(|name| name == column).ok_or_else(|| {
                            let names = names.join(", ");
                            source.bad_line(
                                line,
                                format!("there is no column {column:?}; the header has {names}"),
                            )
                        })
                    };
                    header = Some((names.len(), columns.iter().map(position).collect::<Result<_>>()?));
                    continue;
                };
                if fields.len() != *n_fields {
                    return Err(
                        source.bad_line(line, format!("fields: {}, the header has {n_fields}", fields.len()))
                    );
                }
                let fields = positions.iter().map(|&position| text(fields[position])).collect();
                rows.push(Row { line, fields });
            }
            Ok(rows)
        })?;
        Self::unique(source.path(), rows)
    }

    fn unique(path: &Path, rows: Vec<Row>) -> Result<Self> {
        let described = Described { path: path.to_path_buf(), rows };
        let mut lines: FxHashMap<&str, u64> = FxHashMap::default();
        for row in &described.rows {
            if row.id().is_empty() {
                return Err(described.at(row, "the id is empty".into()));
            }
            if let Some(first) = lines.insert(row.id(), row.line) {
                let message = format!("id {} is described on line {first} already; keep one", row.id());
                return Err(described.at(row, message));
            }
        }
        Ok(described)
    }

    /// An error on the line of `row`.
    pub(super) fn at(&self, row: &Row, message: String) -> Error {
        Error::Line { path: self.path.clone(), line: row.line, message }
    }

    /// The categorical column of field `n`; an empty field is not known.
    pub(super) fn categorical(&self, n: usize) -> ColumnValues {
        ColumnValues::categorical(self.field(n).map(|label| (!label.is_empty()).then_some(label)))
    }

    /// The text column of field `n`.
    pub(super) fn text(&self, n: usize) -> ColumnValues {
        ColumnValues::Text(self.field(n).map(String::from).collect())
    }

    /// The values of field `n`, one a row.
    pub(super) fn field(&self, n: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row.fields[n].as_str())
    }

    /// The dense column that `value` reads from every row; NaN where it finds nothing.
    pub(super) fn dense(&self, value: impl Fn(&Row) -> Result<Option<f32>>) -> Result<ColumnValues> {
        let values = self.rows.iter().map(|row| Ok(value(row)?.unwrap_or(f32::NAN)));
        Ok(ColumnValues::Dense(values.collect::<Result<_>>()?))
    }

    /// The dense column of the ages, in years, in field `n`.
    pub(super) fn age(&self, n: usize) -> Result<ColumnValues> {
        self.dense(|row| match row.fields[n].as_str() {
            "" => Ok(None),
            age => match age.parse::<u8>() {
                Ok(age) => Ok(Some(f32::from(age))),
                Err(_) => Err(self.at(row, format!("age {age:?} is not a number of years"))),
            },
        })
    }

    /// The dense column of the years in the titles in field `n`.
    pub(super) fn year(&self, n: usize) -> Result<ColumnValues> {
        self.dense(|row| Ok(super::year(&row.fields[n]).map(f32::from)))
    }

    /// The multi-categorical column of the genres in field `n`, written `Action|Comedy`.
    pub(super) fn genres(&self, n: usize) -> ColumnValues {
        ColumnValues::multi_categorical(self.field(n).map(|genres| {
            genres.split('|').filter(|genre| !genre.is_empty() && *genre != "(no genres listed)")
        }))
    }

    /// Lines of id, title and genres as features.
    pub(super) fn movies(&self) -> Result<FeatureTable> {
        FeatureTable::new(self.rows.len())
            .with_column("title", self.text(1))?
            .with_column("year", self.year(1)?)?
            .with_column("genres", self.genres(2))
    }

    /// The row that describes each id of `ids`, as columns of `table`, whose rows are those of the file.
    pub(super) fn align(&self, table: &FeatureTable, ids: &IdMap) -> FeatureTable {
        let mut rows = vec![None; ids.len()];
        for (n, row) in self.rows.iter().enumerate() {
            if let Some(index) = ids.index(row.id()) {
                rows[index as usize] = Some(n as u32);
            }
        }
        table.select(&rows)
    }
}

impl Row {
    fn id(&self) -> &str {
        self.fields.first().map_or("", String::as_str)
    }
}

/// The lines of a small file that are not blank, with their numbers, counted from 1.
pub(super) fn text_lines(source: &Source<'_>) -> Result<Vec<(u64, String)>> {
    let text = read_all(source)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let lines = text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok((1..)
        .zip(lines)
        .filter(|(_, line)| !line.is_empty())
        .map(|(n, line)| (n, decode(line).into()))
        .collect())
}
