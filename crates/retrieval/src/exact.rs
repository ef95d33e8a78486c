//! Exact search by inner product.

use crate::panels::Panels;
use crate::{Error, Hit, ItemFilter, ItemIndex, Result, top_k, top_k_blocked};

/// Item vectors searched exactly by inner product.
///
/// A score is the sum of products in the order of the columns, each rounded: the bits are those of the plain
/// loop, whatever other queries are asked, on every processor and any number of threads.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactIndex {
    dimension: usize,
    items: Panels,
}

impl ExactIndex {
    /// An index of item vectors.
    ///
    /// # Shapes
    /// - `items`: `[n_items, dimension]`, row-major
    ///
    /// # Errors
    /// If `items` is not a whole number of vectors or holds NaN or infinity.
    pub fn new(dimension: usize, items: Vec<f32>) -> Result<Self> {
        check(dimension, &items)?;
        Ok(ExactIndex { dimension, items: Panels::new(dimension, &items) })
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.items.n_items()
    }

    /// The size of each vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The best `k` items for every query, best first, ties by the lower index.
    ///
    /// `exclude` gives, for a query, the ascending item indices to leave out.
    ///
    /// # Shapes
    /// - `queries`: `[n_queries, dimension]`, row-major
    ///
    /// # Errors
    /// If `queries` is not a whole number of vectors or holds NaN or infinity.
    pub fn search<'a>(
        &self,
        queries: &[f32],
        k: usize,
        exclude: impl Fn(usize) -> &'a [u32] + Sync,
    ) -> Result<Vec<Vec<Hit>>> {
        check(self.dimension, queries)?;
        let d = self.dimension;
        let n_queries = queries.len() / d;
        let score = |range: std::ops::Range<usize>, out: &mut [f32]| {
            self.scores(&queries[range.start * d..range.end * d], out);
        };
        top_k_blocked(n_queries, self.n_items(), k, score, exclude)
    }

    /// The scores of all items for some queries.
    ///
    /// # Shapes
    /// - `queries`: `[n_queries, dimension]`, row-major
    /// - `out`: `[n_queries, n_items]`, row-major
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn scores(&self, queries: &[f32], out: &mut [f32]) {
        let (d, n_items) = (self.dimension, self.n_items());
        assert_eq!(
            out.len() * d,
            queries.len() * n_items,
            "{} scores for {} query values of dimension {d} and {n_items} items",
            out.len(),
            queries.len()
        );
        self.items.scores(queries, out);
    }
}

impl ItemIndex for ExactIndex {
    fn n_items(&self) -> usize {
        self.n_items()
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn search_one(&self, query: &[f32], k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
        if query.len() != self.dimension {
            return Err(Error::Shape { length: query.len(), dimension: self.dimension });
        }
        check(self.dimension, query)?;
        let mut scores = vec![0.0; self.n_items()];
        self.scores(query, &mut scores);
        if !filter.allow.is_empty() {
            for (item, score) in (0..).zip(&mut scores) {
                if !filter.allow.iter().all(|set| set.contains(item)) {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
        let mut hits =
            top_k(&scores, k, filter.exclude).map_err(|item| Error::NanScore { query: 0, item })?;
        hits.retain(|hit| hit.score > f32::NEG_INFINITY);
        Ok(hits)
    }
}

fn check(dimension: usize, vectors: &[f32]) -> Result<()> {
    if dimension == 0 || !vectors.len().is_multiple_of(dimension) {
        return Err(Error::Shape { length: vectors.len(), dimension });
    }
    match vectors.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::NotFinite { row: at / dimension, column: at % dimension, value: vectors[at] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_products_of_any_dimension() {
        for d in [1, 3, 8, 19] {
            let items: Vec<f32> = (0..5 * d).map(|i| (i % 7) as f32 - 3.0).collect();
            let query: Vec<f32> = (0..d).map(|i| (i % 5) as f32 - 2.0).collect();
            let index = ExactIndex::new(d, items.clone()).unwrap();
            let mut scores = vec![0.0; 5];
            index.scores(&query, &mut scores);
            for (item, score) in items.chunks(d).zip(scores) {
                let expected: f32 = item.iter().zip(&query).map(|(a, b)| a * b).sum();
                assert_eq!(score, expected);
            }
        }
    }

    #[test]
    fn excluded_items_stay_away() {
        let index = ExactIndex::new(1, vec![3.0, 1.0, 2.0, 3.0]).unwrap();
        let seen = [vec![0u32], vec![0, 3]];
        let hits = index.search(&[1.0, 1.0], 2, |query| &seen[query]).unwrap();
        let items: Vec<Vec<u32>> =
            hits.iter().map(|list| list.iter().map(|hit| hit.item).collect()).collect();
        assert_eq!(items, [[3, 2], [2, 1]]);
    }

    #[test]
    fn bad_vectors_are_refused() {
        assert_eq!(ExactIndex::new(2, vec![1.0; 3]), Err(Error::Shape { length: 3, dimension: 2 }));
        assert_eq!(ExactIndex::new(0, vec![]), Err(Error::Shape { length: 0, dimension: 0 }));
        let error = ExactIndex::new(2, vec![1.0, 2.0, f32::INFINITY, 1.0]).map(|_| ());
        assert_eq!(error, Err(Error::NotFinite { row: 1, column: 0, value: f32::INFINITY }));
        let index = ExactIndex::new(2, vec![1.0; 4]).unwrap();
        assert!(index.search(&[1.0], 1, |_| &[]).is_err());
        assert_eq!(index.search(&[], 1, |_| &[]), Ok(vec![]));
    }
}
