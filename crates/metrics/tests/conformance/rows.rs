//! Comparisons of the metrics of rows.

use super::comparison::Comparison;
use super::fixtures::{RowsCase, of_rows, rows_cases};
use super::rows_table::table;

/// One comparison to be made.
pub(crate) struct Row {
    pub(crate) metric: &'static str,
    pub(crate) library: &'static str,
    pub(crate) name: &'static str,
    /// The value of a case; the number is that of a bin.
    pub(crate) value: fn(&RowsCase, usize) -> Option<f64>,
    pub(crate) note: &'static str,
    pub(crate) agrees: bool,
}

impl Row {
    /// Why values differ.
    pub(crate) fn differs(self, note: &'static str) -> Self {
        Row { note, agrees: false, ..self }
    }

    pub(crate) fn note(self, note: &'static str) -> Self {
        Row { note, ..self }
    }
}

pub(crate) fn comparisons() -> Vec<Comparison> {
    let (cases, libraries) = (rows_cases(), of_rows());
    let compare = |row: Row| {
        let mut comparison = Comparison::new(row.metric, row.library, row.name);
        (comparison.note, comparison.agrees) = (row.note, row.agrees);
        let of_library = libraries.iter().filter(|(library, _)| *library == row.library);
        for reference in of_library.flat_map(|(_, found)| found).filter(|found| found.name == row.name) {
            let case = cases.iter().find(|case| case.name == reference.case).unwrap();
            comparison.cases.insert(case.name.clone());
            let place = comparison.place(reference);
            comparison.compare((row.value)(case, reference.k.unwrap_or(0)), reference.value, || place);
        }
        comparison
    };
    table().into_iter().map(compare).collect()
}
