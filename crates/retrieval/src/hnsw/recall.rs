//! How much of what exact search finds a graph finds.

use serde::{Deserialize, Serialize};

use super::HnswIndex;
use crate::{ExactIndex, ItemFilter, ItemIndex, Result};

/// The number of best items that is asked for when an index is built.
const K: usize = 10;

/// The share of the exact best items that an index found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// The best items that were asked for.
    pub k: usize,
    /// The number of queries.
    pub queries: usize,
    /// The mean over queries of the share, 0 to 1.
    pub recall: f64,
}

impl HnswIndex {
    /// The recall for some queries against an exact index of the same items.
    ///
    /// # Shapes
    /// - `queries`: `[n_queries, dimension]`, row-major
    ///
    /// # Errors
    /// If the queries are not a whole number of vectors or hold NaN or infinity.
    pub fn measure_recall(&self, exact: &ExactIndex, queries: &[f32], k: usize) -> Result<Recall> {
        let expected = exact.search(queries, k, |_| &[])?;
        let (mut n_found, mut n_expected) = (0, 0);
        for (query, expected) in queries.chunks_exact(exact.dimension()).zip(&expected) {
            let found = self.search_one(query, k, &ItemFilter::default())?;
            n_found += expected.iter().filter(|hit| found.iter().any(|other| other.item == hit.item)).count();
            n_expected += expected.len();
        }
        let recall = if n_expected == 0 { 1.0 } else { n_found as f64 / n_expected as f64 };
        Ok(Recall { k, queries: expected.len(), recall })
    }

    /// The recall for the vectors of items spread over all; `None` if there are none.
    pub(super) fn recall_of_items(&self, items: &[f32]) -> Result<Option<Recall>> {
        let d = self.dimension;
        let n_items = items.len() / d;
        let n_queries = self.config.recall_queries.min(n_items);
        if n_queries == 0 {
            return Ok(None);
        }
        let exact = ExactIndex::new(d, items.to_vec())?;
        let queries: Vec<f32> = (0..n_queries)
            .flat_map(|query| {
                let item = query * n_items / n_queries;
                items[item * d..(item + 1) * d].iter().copied()
            })
            .collect();
        self.measure_recall(&exact, &queries, K).map(Some)
    }
}
