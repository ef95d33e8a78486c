//! What a benchmark prints.

use std::io::Write;

use serde_json::{Value, json};

use crate::Result;
use crate::machine::Machine;

/// The outcome of a benchmark, as tables for people and as JSON for programs.
#[derive(Debug)]
pub(crate) struct Report {
    /// Which benchmark.
    pub(crate) name: &'static str,
    /// Taken before the first measurement.
    pub(crate) machine: Machine,
    /// The table, its first row the header.
    pub(crate) table: Vec<Vec<String>>,
    /// What follows from the table, one sentence a line.
    pub(crate) findings: Vec<String>,
    /// The same and more for programs.
    pub(crate) json: Value,
}

impl Report {
    /// Writes the report to standard output.
    pub(crate) fn print(&self, json: bool) -> Result<()> {
        if json {
            let Report { name, machine, json, .. } = self;
            return print_json(&json!({"benchmark": name, "machine": machine, "result": json}));
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", self.machine)?;
        write!(out, "{}", aligned(&self.table))?;
        for finding in &self.findings {
            writeln!(out, "{finding}")?;
        }
        Ok(())
    }
}

/// Writes one JSON value on one line of standard output.
pub(crate) fn print_json(value: &Value) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{value}")?)
}

/// Tells the person at the terminal what goes on.
pub(crate) fn note(text: &str) {
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Columns aligned to the right.
fn aligned(table: &[Vec<String>]) -> String {
    let n_columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| {
        let cells = table.iter().filter_map(|row| row.get(column));
        cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut text = String::new();
    for row in table {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_to_the_right() {
        let table = [["rows", "ms"], ["10", "12.5"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(aligned(&table), "rows    ms\n  10  12.5\n");
    }
}
