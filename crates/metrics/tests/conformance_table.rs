//! All metrics against other libraries, by the list that makes `docs/metric-conformance.md`.

use crate::conformance::{broken, comparisons, page};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metric-conformance.md");

#[test]
fn every_metric_equals_its_namesakes() {
    let broken = broken(&comparisons());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_page_is_what_is_measured() {
    let written = std::fs::read_to_string(PAGE).unwrap();
    assert!(written == page(&comparisons()), "out of date, run `cargo xtask metric-table`");
}
