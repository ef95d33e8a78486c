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

    /// The table with its columns aligned by spaces.
    pub(crate) fn print(&self) {
        let columns: Vec<(usize, bool)> =
            (0..self.n_columns()).map(|column| (self.width(column), self.is_of_numbers(column))).collect();
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&columns)
                .map(|(cell, &(width, is_of_numbers))| match is_of_numbers {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:<width$}"),
                })
                .collect();
            line(format_args!("{}", cells.join("  ").trim_end()));
        }
    }

    /// The table in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let row_of = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule =
            (0..self.n_columns()).map(|column| if self.is_of_numbers(column) { "---:" } else { "---" });
        let mut rows =
            self.rows.iter().map(|row| row_of(row.iter().map(|cell| cell.replace('|', "\\|")).collect()));
        let header = rows.next().unwrap_or_default();
        header + &row_of(rule.map(String::from).collect()) + &rows.collect::<String>()
    }

    fn n_columns(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn column(&self, column: usize) -> impl Iterator<Item = &String> {
        self.rows.iter().filter_map(move |row| row.get(column))
    }

    fn width(&self, column: usize) -> usize {
        self.column(column).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    /// Whether all cells below the header are numbers, some of them perhaps with an interval.
    fn is_of_numbers(&self, column: usize) -> bool {
        let is_number = |part: &str| part == "-" || part.parse::<f64>().is_ok();
        self.column(column).skip(1).all(|cell| cell.split(" ± ").all(is_number))
    }
}
