//! Exact search by inner product.

mod codes;
mod dots;
mod file;
mod pass;
mod scores;
mod shortlist;
mod vectors;

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;

pub use vectors::Precision;

use crate::filter::mask;
use crate::top_k::by_score_then_item;
use crate::{Error, Hit, ItemFilter, ItemIndex, Result, top_k, top_k_blocked};
use codes::{CodedQuery, Codes};
use pass::{Search, pass};
use shortlist::Shortlist;
use vectors::Vectors;

/// Queries of a batch that a thread takes at once.
const QUERY_BLOCK: usize = 64;
/// With fewer items all are scored: a first pass would cost more than it saves.
const MIN_ITEMS: usize = 256;
/// As with fewer than this many items for each one that is asked for.
const ITEMS_PER_HIT: usize = 16;

/// Item vectors searched exactly by inner product.
///
/// A score is the sum of products in the order of the columns, each rounded: the bits are those of the plain
/// loop, whatever other queries are asked, on every processor and any number of threads.
///
/// Vectors are kept twice: as they are ([`Precision`]) and as 8-bit integers. A search reads the integers of
/// all items, which bounds every score; only items whose upper bound reaches the k-th best lower bound are
/// scored. The bounds are proven, so nothing is missed.
///
/// Bytes of an item of dimension `d`, and what a search reads of most items:
///
/// | precision | kept | read | `is_exact` |
/// |---|---|---|---|
/// | [`F32`](Precision::F32) | 5 d + 8 | d + 8 | yes |
/// | [`F16`](Precision::F16) | 3 d + 8 | d + 8 | no |
/// | [`I8`](Precision::I8) | d + 8 | d + 8 | no |
#[derive(Debug, Clone, PartialEq)]
pub struct ExactIndex {
    dimension: usize,
    n_items: usize,
    vectors: Vectors,
    codes: Codes,
    /// Whether the bounds of the codes hold: not for huge numbers or dimensions.
    is_bounded: bool,
}

impl ExactIndex {
    /// An index of item vectors as they are.
    ///
    /// # Shapes
    /// - `items`: `[n_items, dimension]`, row-major
    ///
    /// # Errors
    /// If `items` is not a whole number of vectors or holds NaN or infinity.
    pub fn new(dimension: usize, items: Vec<f32>) -> Result<Self> {
        Self::with_precision(dimension, &items, Precision::F32)
    }

    /// An index of item vectors in a form that may be smaller.
    ///
    /// # Shapes
    /// - `items`: `[n_items, dimension]`, row-major
    ///
    /// # Errors
    /// If `items` is not a whole number of vectors, holds NaN or infinity or what is too large for the
    /// precision, or if there are too many for 32-bit indices.
    pub fn with_precision(dimension: usize, items: &[f32], precision: Precision) -> Result<Self> {
        check(dimension, items)?;
        let n_items = items.len() / dimension;
        if u32::try_from(n_items).is_err() {
            return Err(Error::TooMany { n_items });
        }
        let coded = |items: &[f32], are_items| Codes::new(dimension, items, are_items);
        let (vectors, codes) = match precision {
            Precision::F32 => {
                (Vectors::F32(vectors::panels(dimension, items, |value| value).into()), coded(items, false))
            }
            Precision::F16 => {
                let items = vectors::rounded(dimension, items)?;
                let bits = |value| half::f16::from_f32(value).to_bits();
                (Vectors::F16(vectors::panels(dimension, &items, bits).into()), coded(&items, false))
            }
            Precision::I8 => (Vectors::Codes, coded(items, true)),
        };
        Ok(Self::assemble(dimension, n_items, vectors, codes))
    }

    fn assemble(dimension: usize, n_items: usize, vectors: Vectors, codes: Codes) -> Self {
        let is_bounded = Codes::is_possible(dimension) && codes.are_ordinary(dimension);
        ExactIndex { dimension, n_items, vectors, codes, is_bounded }
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The size of each vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// In what form the vectors are kept.
    pub fn precision(&self) -> Precision {
        match self.vectors {
            Vectors::F32(_) => Precision::F32,
            Vectors::F16(_) => Precision::F16,
            Vectors::Codes => Precision::I8,
        }
    }

    /// The best `k` items for every query, best first, ties by the lower index.
    ///
    /// `exclude` gives, for a query, the ascending item indices to leave out.
    ///
    /// # Shapes
    /// - `queries`: `[n_queries, dimension]`, row-major
    ///
    /// # Errors
    /// If `queries` is not a whole number of vectors or holds NaN or infinity, or if numbers are so large that
    /// a score is NaN.
    pub fn search<'a>(
        &self,
        queries: &[f32],
        k: usize,
        exclude: impl Fn(usize) -> &'a [u32] + Sync,
    ) -> Result<Vec<Vec<Hit>>> {
        self.search_filtered(queries, k, |query| ItemFilter { exclude: exclude(query), allow: &[] })
    }

    /// As [`search`](Self::search), with a filter for each query. Queries are searched in parallel.
    ///
    /// # Shapes
    /// - `queries`: `[n_queries, dimension]`, row-major
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn search_filtered<'a>(
        &self,
        queries: &[f32],
        k: usize,
        filter: impl Fn(usize) -> ItemFilter<'a> + Sync,
    ) -> Result<Vec<Vec<Hit>>> {
        check(self.dimension, queries)?;
        let d = self.dimension;
        let n_queries = queries.len() / d;
        if !self.has_first_pass(k) {
            let score = |range: Range<usize>, out: &mut [f32]| {
                self.scores(&queries[range.start * d..range.end * d], out);
            };
            let filters: Vec<Cow<'_, [u32]>> =
                (0..n_queries).map(|query| self.excluded(&filter(query))).collect();
            return top_k_blocked(n_queries, self.n_items, k, score, |query| &filters[query]);
        }
        // Small enough that all threads have work, large enough that codes are read once for many queries.
        let per_thread = n_queries.div_ceil(2 * rayon::current_num_threads());
        let block = per_thread.next_multiple_of(dots::QUERIES).clamp(1, QUERY_BLOCK);
        let blocks: Vec<Vec<Vec<Hit>>> = queries
            .par_chunks(block * d)
            .enumerate()
            .map(|(index, queries)| {
                let first = index * block;
                self.search_block(first, queries, k, |query| filter(first + query))
            })
            .collect::<Result<_>>()?;
        Ok(blocks.into_iter().flatten().collect())
    }

    fn has_first_pass(&self, k: usize) -> bool {
        self.is_bounded && k > 0 && self.n_items >= MIN_ITEMS.max(k.saturating_mul(ITEMS_PER_HIT))
    }

    /// Searches for a few queries on this thread, with codes first.
    fn search_block<'a>(
        &self,
        first: usize,
        queries: &[f32],
        k: usize,
        filter: impl Fn(usize) -> ItemFilter<'a>,
    ) -> Result<Vec<Vec<Hit>>> {
        let d = self.dimension;
        let coded: Vec<Option<CodedQuery>> = queries.chunks_exact(d).map(CodedQuery::new).collect();
        let is_coded: Vec<bool> = coded.iter().map(Option::is_some).collect();
        let mut searches: Vec<Search> = (0..)
            .zip(coded)
            .filter_map(|(query, coded)| {
                let coded = coded?;
                let list = Shortlist::new(k, coded.slack);
                Some(Search { query: coded, mask: mask(self.n_items, &filter(query)), list })
            })
            .collect();
        pass(&self.codes, self.n_items, &mut searches);
        let mut searches = searches.into_iter();
        let rows = queries.chunks_exact(d).zip(is_coded).enumerate();
        rows.map(|(query, (row, is_coded))| {
            let list = if is_coded { searches.next().and_then(|search| search.list.finish()) } else { None };
            let hits = match list {
                Some(items) => self.best_of(row, k, &items),
                None => self.best_of_all(row, k, &filter(query)),
            };
            hits.map_err(|item| Error::NanScore { query: first + query, item })
        })
        .collect()
    }

    /// The best `k` of some items, which are ascending.
    ///
    /// # Errors
    /// An item whose score is NaN.
    fn best_of(&self, query: &[f32], k: usize, items: &[u32]) -> std::result::Result<Vec<Hit>, u32> {
        let mut hits = self.hits(query, items);
        if let Some(hit) = hits.iter().find(|hit| hit.score.is_nan()) {
            return Err(hit.item);
        }
        hits.sort_unstable_by(by_score_then_item);
        hits.truncate(k);
        Ok(hits)
    }

    /// The best `k` of all items that pass a filter, without a first pass.
    fn best_of_all(
        &self,
        query: &[f32],
        k: usize,
        filter: &ItemFilter<'_>,
    ) -> std::result::Result<Vec<Hit>, u32> {
        let mut scores = vec![0.0; self.n_items];
        self.scores(query, &mut scores);
        top_k(&scores, k, &self.excluded(filter))
    }

    /// The items that a filter leaves out, ascending.
    fn excluded<'a>(&self, filter: &ItemFilter<'a>) -> Cow<'a, [u32]> {
        if filter.allow.is_empty() {
            return Cow::Borrowed(filter.exclude);
        }
        Cow::Owned((0..self.n_items as u32).filter(|&item| !filter.passes(item)).collect())
    }
}

impl ItemIndex for ExactIndex {
    fn n_items(&self) -> usize {
        self.n_items
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn is_exact(&self) -> bool {
        self.precision() == Precision::F32
    }

    /// Runs on the calling thread alone: a server has other requests for the other cores.
    fn search_one(&self, query: &[f32], k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
        if query.len() != self.dimension {
            return Err(Error::Shape { length: query.len(), dimension: self.dimension });
        }
        check(self.dimension, query)?;
        if self.has_first_pass(k) {
            let found = self.search_block(0, query, k, |_| *filter)?;
            return Ok(found.into_iter().next().unwrap_or_default());
        }
        self.best_of_all(query, k, filter).map_err(|item| Error::NanScore { query: 0, item })
    }
}

pub(crate) fn check(dimension: usize, vectors: &[f32]) -> Result<()> {
    if dimension == 0 || !vectors.len().is_multiple_of(dimension) {
        return Err(Error::Shape { length: vectors.len(), dimension });
    }
    match vectors.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::NotFinite { row: at / dimension, column: at % dimension, value: vectors[at] }),
    }
}

#[cfg(test)]
mod tests;
