//! Scores as they are defined: sums of products in the order of the columns.

use super::dots::{ITEMS, QUERIES};
use super::{ExactIndex, Hit};

impl ExactIndex {
    /// The scores of all items for some queries.
    ///
    /// # Shapes
    /// - `queries`: `[n_queries, dimension]`, row-major
    /// - `out`: `[n_queries, n_items]`, row-major
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn scores(&self, queries: &[f32], out: &mut [f32]) {
        let (d, n_items) = (self.dimension, self.n_items);
        assert_eq!(
            out.len() * d,
            queries.len() * n_items,
            "{} scores for {} query values of dimension {d} and {n_items} items",
            out.len(),
            queries.len()
        );
        if n_items > 0 {
            pulp::Arch::new().dispatch(AllScores { index: self, queries, out });
        }
    }

    /// The scores of some items, which are ascending, for one query.
    pub(super) fn hits(&self, query: &[f32], items: &[u32]) -> Vec<Hit> {
        pulp::Arch::new().dispatch(SomeScores { index: self, query, items })
    }
}

/// [`ExactIndex::scores`] with the widest registers that the processor has. A closure's body would not be
/// compiled for them once it is too long to be inlined.
struct AllScores<'a> {
    index: &'a ExactIndex,
    queries: &'a [f32],
    out: &'a mut [f32],
}

impl pulp::WithSimd for AllScores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let AllScores { index, queries, out } = self;
        let (d, n_items) = (index.dimension, index.n_items);
        let whole = queries.len() / (d * QUERIES) * QUERIES;
        let (blocks, rest) = queries.split_at(whole * d);
        let (out_blocks, out_rest) = out.split_at_mut(whole * n_items);
        let mut scratch = Vec::new();
        // A panel stays in the first cache while all queries pass by.
        for number in 0..n_items.div_ceil(ITEMS) {
            let panel = index.vectors.panel(&index.codes, d, number, &mut scratch);
            let first = number * ITEMS;
            let width = ITEMS.min(n_items - first);
            for (queries, out) in
                blocks.chunks_exact(d * QUERIES).zip(out_blocks.chunks_exact_mut(n_items * QUERIES))
            {
                let sums = products::<QUERIES>(queries, panel, d);
                for (sums, out) in sums.iter().zip(out.chunks_exact_mut(n_items)) {
                    store(sums, &mut out[first..first + width]);
                }
            }
            for (query, out) in rest.chunks_exact(d).zip(out_rest.chunks_exact_mut(n_items)) {
                let [sums] = products::<1>(query, panel, d);
                store(&sums, &mut out[first..first + width]);
            }
        }
    }
}

/// [`ExactIndex::hits`].
struct SomeScores<'a> {
    index: &'a ExactIndex,
    query: &'a [f32],
    items: &'a [u32],
}

impl pulp::WithSimd for SomeScores<'_> {
    type Output = Vec<Hit>;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<Hit> {
        let SomeScores { index, query, items } = self;
        let mut scratch = Vec::new();
        let mut hits = Vec::with_capacity(items.len());
        for group in items.chunk_by(|a, b| a / ITEMS as u32 == b / ITEMS as u32) {
            let number = group[0] as usize / ITEMS;
            let panel = index.vectors.panel(&index.codes, index.dimension, number, &mut scratch);
            // All items of a panel cost no more than one: a column of all is one line of the cache.
            let [sums] = products::<1>(query, panel, index.dimension);
            hits.extend(group.iter().map(|&item| Hit { item, score: sums[item as usize % ITEMS] }));
        }
        hits
    }
}

/// The scores of the items of one panel for `Q` queries.
#[inline(always)]
fn products<const Q: usize>(queries: &[f32], panel: &[f32], d: usize) -> [[f32; ITEMS]; Q] {
    let rows: [&[f32]; Q] = std::array::from_fn(|query| &queries[query * d..(query + 1) * d]);
    let mut sums = [[0f32; ITEMS]; Q];
    for (column, items) in panel.chunks_exact(ITEMS).enumerate().take(d) {
        for (sums, row) in sums.iter_mut().zip(rows) {
            let value = row[column];
            for (sum, item) in sums.iter_mut().zip(items) {
                *sum += value * item;
            }
        }
    }
    sums
}

#[inline(always)]
fn store(sums: &[f32; ITEMS], out: &mut [f32]) {
    match <&mut [f32; ITEMS]>::try_from(&mut *out) {
        Ok(out) => *out = *sums,
        Err(_) => out.copy_from_slice(&sums[..out.len()]),
    }
}
