//! A table in plain text.

use crate::output::line;

/// Rows of cells; columns of numbers are right-aligned.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Table { rows: vec![header.into_iter().map(Into::into).collect()] }
    }

    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    pub(crate) fn print(&self) {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..n_columns)
            .map(|column| {
                self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
            })
            .map(|width| width.unwrap_or(0))
            .collect();
        let is_number = |column: usize| {
            let is_numeric = |cell: &String| cell == "-" || cell.parse::<f64>().is_ok();
            self.rows.iter().skip(1).filter_map(|row| row.get(column)).all(is_numeric)
        };
        let aligned: Vec<(usize, bool)> =
            widths.into_iter().enumerate().map(|(column, width)| (width, is_number(column))).collect();
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&aligned)
                .map(|(cell, &(width, is_number))| match is_number {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:<width$}"),
                })
                .collect();
            line(format_args!("{}", cells.join("  ").trim_end()));
        }
    }
}
