//! Columns while they are read.

use rayon::prelude::*;

use super::{ColumnData, IdColumn, Kind, Request};
use crate::table::{Codes, Merged, decode, trim};

/// A column of the rows read so far, or of a part of a file.
#[derive(Debug)]
pub(super) enum Column {
    Ids { codes: Codes, rows: Vec<u32> },
    Numbers(Vec<f64>),
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Ids => Column::Ids { codes: Codes::default(), rows: Vec::new() },
            Kind::Numbers => Column::Numbers(Vec::new()),
        }
    }

    pub(super) fn reserve(&mut self, n_rows: usize) {
        // The number may be a guess: if there is no room for so many, there may be for what comes.
        let _ = match self {
            Column::Ids { rows, .. } => rows.try_reserve(n_rows),
            Column::Numbers(values) => values.try_reserve(n_rows),
        };
    }

    /// Adds the value that a field of text spells, or says what is wrong with it.
    #[inline]
    fn push(&mut self, field: &[u8]) -> Result<(), String> {
        let field = trim(field);
        match self {
            _ if field.is_empty() => Err("the field is empty".into()),
            Column::Ids { codes, rows } => {
                rows.push(codes.code(field));
                Ok(())
            }
            Column::Numbers(values) => {
                values.push(number(field)?);
                Ok(())
            }
        }
    }

    /// Adds the rows of `part`, which must hold the same kind of values.
    pub(super) fn append(&mut self, part: Column) {
        match (self, part) {
            (Column::Ids { codes, rows }, Column::Ids { codes: part_codes, rows: part_rows }) => {
                let translation = codes.absorb(part_codes);
                rows.extend(part_rows.into_iter().map(|code| translation.of(code)));
            }
            (Column::Numbers(values), Column::Numbers(mut part)) => values.append(&mut part),
            // Both were made for the same request.
            _ => {}
        }
    }

    fn finish(self) -> ColumnData {
        match self {
            Column::Ids { codes, rows: mut indices } => {
                let merged = Merged::new(vec![codes]);
                indices.par_iter_mut().for_each(|code| *code = merged.index(0, *code));
                indices.shrink_to_fit();
                ColumnData::Ids(IdColumn { ids: merged.ids, indices })
            }
            Column::Numbers(mut values) => {
                values.shrink_to_fit();
                ColumnData::Numbers(values)
            }
        }
    }
}

/// The finite number that a trimmed field spells.
#[inline]
fn number(field: &[u8]) -> Result<f64, String> {
    let parsed = std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok());
    match parsed {
        Some(number) if number.is_finite() => Ok(number),
        Some(_) => Err(format!("{:?} is not a finite number", decode(field))),
        None => Err(format!("{:?} is not a number", decode(field))),
    }
}

/// The requested columns of the rows read so far, or of a part of a file.
#[derive(Debug)]
pub(super) struct Builder {
    pub(super) columns: Vec<Column>,
    pub(super) n_rows: usize,
}

impl Builder {
    /// No rows.
    pub(super) fn new(requests: &[Request]) -> Self {
        Builder { columns: requests.iter().map(|request| Column::new(request.kind)).collect(), n_rows: 0 }
    }

    /// Makes room for about `n_rows` more rows.
    pub(super) fn reserve(&mut self, n_rows: usize) {
        self.columns.iter_mut().for_each(|column| column.reserve(n_rows));
    }

    /// Adds a row whose values for `requests` are the `fields` at `chosen`.
    #[inline]
    pub(super) fn push(
        &mut self,
        fields: &[&[u8]],
        requests: &[Request],
        chosen: &[usize],
    ) -> Result<(), String> {
        for ((column, request), &place) in self.columns.iter_mut().zip(requests).zip(chosen) {
            // The caller has counted the fields.
            let field = fields.get(place).copied().unwrap_or_default();
            column.push(field).map_err(|message| in_column(&request.name, &message))?;
        }
        self.n_rows += 1;
        Ok(())
    }

    /// Adds the rows of `part`, which must be of the same requests.
    pub(super) fn append(&mut self, part: Builder) {
        self.n_rows += part.n_rows;
        self.columns.par_iter_mut().zip(part.columns).for_each(|(column, part)| column.append(part));
    }

    /// The number of rows and the columns.
    pub(super) fn finish(self) -> (usize, Vec<ColumnData>) {
        (self.n_rows, self.columns.into_par_iter().map(Column::finish).collect())
    }
}

/// A message about a value.
pub(super) fn in_column(name: &str, message: &str) -> String {
    format!("column {name:?}: {message}")
}

/// The lines on which rows start. Rows on neighbouring lines take no memory.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// A row and its line wherever the line is not the one after the row before.
    jumps: Vec<(usize, u64)>,
}

impl Lines {
    /// The line of `row`.
    pub(super) fn line(&self, row: usize) -> u64 {
        let after = self.jumps.partition_point(|&(first, _)| first <= row);
        match after.checked_sub(1).map(|jump| self.jumps[jump]) {
            Some((first, line)) => line + (row - first) as u64,
            None => row as u64 + 1,
        }
    }

    /// Notes the line of `row`; rows come in order.
    #[inline]
    pub(super) fn push(&mut self, row: usize, line: u64) {
        if self.line(row) != line {
            self.jumps.push((row, line));
        }
    }

    /// Notes the lines of a part that starts after `n_rows` rows and `n_lines` lines.
    pub(super) fn append(&mut self, part: &Lines, n_rows: usize, n_lines: u64) {
        // Where the part notes nothing, its rows start on its first line.
        let first = part.line(0);
        for (row, line) in std::iter::once((0, first)).chain(part.jumps.iter().copied()) {
            self.push(n_rows + row, n_lines + line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite_and_exact() {
        for (text, expected) in [("3", 3.0), ("-.5", -0.5), ("1e-3", 1e-3), ("+2", 2.0), ("0.1", 0.1)] {
            assert_eq!(number(text.as_bytes()), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("abc", "\"abc\" is not a number"),
            ("1,5", "\"1,5\" is not a number"),
            ("nan", "\"nan\" is not a finite number"),
            ("-inf", "\"-inf\" is not a finite number"),
            ("1e999", "\"1e999\" is not a finite number"),
        ] {
            assert_eq!(number(text.as_bytes()), Err(expected.into()), "{text}");
        }
        assert_eq!(number(b"\xe9"), Err("\"\u{e9}\" is not a number".into()));
    }

    #[test]
    fn lines_of_parts_follow_each_other() {
        let mut lines = Lines::default();
        let mut expected = Vec::new();
        let parts: [(&[u64], u64); 4] = [(&[1, 2, 3], 3), (&[], 2), (&[2, 3, 7], 7), (&[1, 2, 5], 5)];
        let mut n_lines = 1;
        for (part, length) in parts {
            let mut own = Lines::default();
            part.iter().enumerate().for_each(|(row, &line)| own.push(row, line));
            if !part.is_empty() {
                lines.append(&own, expected.len(), n_lines);
            }
            expected.extend(part.iter().map(|line| n_lines + line));
            n_lines += length;
        }
        let found: Vec<u64> = (0..expected.len()).map(|row| lines.line(row)).collect();
        assert_eq!(found, expected);
        assert_eq!(found, [2, 3, 4, 8, 9, 13, 14, 15, 18]);
    }
}
