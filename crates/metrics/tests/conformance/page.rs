//! The page of the conformance table.

use super::comparison::Comparison;

const HEAD: &str = "\
# Conformance of the metrics

<!-- Written by `cargo xtask metric-table`; `cargo xtask metric-table --check` is part of CI. -->

";

/// The page, as Markdown.
pub(crate) fn page(comparisons: &[Comparison]) -> String {
    let mut page = HEAD.to_owned();
    page += "| metric | library | its name there | cases | users | largest difference | note |\n";
    page += "|---|---|---|---|---|---|---|\n";
    for c in comparisons {
        let users = if c.users.is_empty() { String::new() } else { c.users.len().to_string() };
        let difference =
            if c.agrees { size(c.difference).to_owned() } else { format!("**{:.3}**", c.difference) };
        page += &format!(
            "| {} | {} | `{}` | {} | {users} | {difference} | {} |\n",
            c.metric,
            c.library,
            c.name,
            c.cases.len(),
            c.note,
        );
    }
    page
}

/// A bound, not the digits: the last ones are the processor's.
fn size(difference: f64) -> &'static str {
    if difference <= 1e-14 { "≤ 1e-14" } else { "≤ 1e-12" }
}
