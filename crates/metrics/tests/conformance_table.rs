//! All metrics against other libraries, by the list that makes `docs/metric-conformance.md`.

use crate::conformance::{broken, comparisons};

#[test]
fn every_metric_equals_its_namesakes() {
    let broken = broken(&comparisons());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
