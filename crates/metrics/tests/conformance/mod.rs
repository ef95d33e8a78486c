//! Every metric beside what other libraries give for the same lists and rows.
//!
//! One list of comparisons serves the test, which wants all differences tiny, and the page
//! `docs/metric-conformance.md`, which `cargo xtask metric-table` writes. The libraries' values lie in
//! `tests/reference/` beside the scripts that made them.

mod beyond_table;
mod comparison;
mod debias;
mod differences;
mod fixtures;
mod lists;
mod lists_table;
mod page;
mod paired;
mod rows;
mod rows_table;

use comparison::Comparison;
pub(crate) use page::page;

/// The largest difference that is none.
pub(crate) const TOLERANCE: f64 = 1e-12;

/// Every comparison, in the order of the page.
pub(crate) fn comparisons() -> Vec<Comparison> {
    let parts = [lists::comparisons(), debias::comparisons(), rows::comparisons(), paired::comparisons()];
    parts.into_iter().flatten().collect()
}

/// What is not as the table says, in words; nothing of that should be.
pub(crate) fn broken(comparisons: &[Comparison]) -> Vec<String> {
    let mut broken: Vec<String> = comparisons.iter().flat_map(|c| c.one_sided.clone()).collect();
    for comparison in comparisons {
        let Comparison { metric, library, name, difference, .. } = comparison;
        if comparison.cases.is_empty() {
            broken.push(format!("{metric}: no values of {library} {name}"));
        } else if comparison.agrees && *difference > TOLERANCE {
            broken.push(format!("{difference:.1e}: {}", comparison.largest));
        } else if !comparison.agrees && *difference <= 1e-3 {
            broken
                .push(format!("{metric}: agrees with {library} {name}, and the table says that it does not"));
        }
    }
    broken.extend(fixtures::lacking().into_iter().map(|kind| format!("the cases lack {kind}")));
    let used = |library: &str, name: &str| comparisons.iter().any(|c| c.library == library && c.name == name);
    let unused = fixtures::names().into_iter().filter(|(library, name)| !used(library, name));
    broken.extend(unused.map(|(library, name)| format!("{library} {name}: no metric is compared with it")));
    broken
}
