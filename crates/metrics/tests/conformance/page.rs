//! The page of the conformance table.

use super::comparison::Comparison;
use super::differences::differences;

const HEAD: &str = "\
# Conformance of the metrics

<!-- Written by `cargo xtask metric-table`; `cargo xtask metric-table --check` is part of CI. -->

What each metric of `burn-recsys-metrics` is called elsewhere, and how far the values are apart. The cases are
random: lists with tied scores, short lists, lists of full length, users without a list, users without relevant
items, users that training does not know, more relevant items than the cutoff, a single one, grades; rows with
tied scores, scores of 0 and 1, users of one class. Cutoffs are 1, 3 and 10. Compared is the value of every user and
of every case; the largest difference of all is given, as a bound: \"≤ 1e-14\" or \"≤ 1e-12\". A number in bold is a
difference by definition. Cases, values and the scripts that made them are in `crates/metrics/tests/reference/`,
and `cargo test -p burn-recsys-metrics` compares them without Python.

A list handed to a library that sorts by itself is in our order: by score descending, then by item ascending.

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
    page += "\nNo counterpart in these libraries: RBP, IntraListDiversity by other distances, the metrics of slates, the \
             estimates of counterfactual policies, intervals by the bootstrap.\n";
    page += "\n## Where libraries differ\n\n";
    for paragraph in differences() {
        page += &format!("- {paragraph}\n");
    }
    page
}

/// A bound, not the digits: the last ones are the processor's.
fn size(difference: f64) -> &'static str {
    if difference <= 1e-14 { "≤ 1e-14" } else { "≤ 1e-12" }
}
