//! Inner products of a few queries with many items.

/// Items whose columns lie side by side: as many as fill two of the widest registers that are used.
const ITEMS: usize = 16;
/// Queries that are scored with a panel at once: their sums stay in registers.
const QUERIES: usize = 4;

/// Item vectors in panels of 16 items, so that a register holds one column of several items.
///
/// Products are added in the order of columns and nothing is fused: a score has the bits of the plain loop
/// on every processor, and no other query or item has a say in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panels {
    n_items: usize,
    dimension: usize,
    /// `[n_items / 16 rounded up, dimension, 16]`; zeros after the last item.
    values: Vec<f32>,
}

impl Panels {
    /// # Shapes
    /// - `items`: `[n_items, dimension]`, row-major
    pub(crate) fn new(dimension: usize, items: &[f32]) -> Self {
        let n_items = items.len() / dimension;
        let mut values = vec![0.0; n_items.div_ceil(ITEMS) * dimension * ITEMS];
        for (panel, items) in values.chunks_exact_mut(dimension * ITEMS).zip(items.chunks(dimension * ITEMS))
        {
            for (lane, item) in items.chunks_exact(dimension).enumerate() {
                panel.iter_mut().skip(lane).step_by(ITEMS).zip(item).for_each(|(to, &from)| *to = from);
            }
        }
        Panels { n_items, dimension, values }
    }

    pub(crate) fn n_items(&self) -> usize {
        self.n_items
    }

    /// # Shapes
    /// - `queries`: `[n_queries, dimension]`, row-major
    /// - `out`: `[n_queries, n_items]`, row-major
    pub(crate) fn scores(&self, queries: &[f32], out: &mut [f32]) {
        if self.n_items == 0 {
            return;
        }
        // With the widest registers that the processor has.
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let (d, n_items) = (self.dimension, self.n_items);
                // A panel stays in the first cache while all queries pass by.
                for (index, panel) in self.values.chunks_exact(d * ITEMS).enumerate() {
                    let first = index * ITEMS;
                    let width = ITEMS.min(n_items - first);
                    let whole = queries.len() / (d * QUERIES) * QUERIES;
                    let (blocks, rest) = queries.split_at(whole * d);
                    let (out_blocks, out_rest) = out.split_at_mut(whole * n_items);
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
            },
        );
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scores_are_those_of_the_plain_loop(
            d in prop_oneof![1usize..20, Just(64), Just(130)],
            n_items in 0usize..50,
            n_queries in 0usize..11,
            seed in 0u32..1000,
        ) {
            let value = |at: usize| ((at as f32 + seed as f32) * 0.37).sin();
            let items: Vec<f32> = (0..n_items * d).map(value).collect();
            let queries: Vec<f32> = (0..n_queries * d).map(|at| value(at + 7_919)).collect();
            let panels = Panels::new(d, &items);
            let mut scores = vec![f32::NAN; n_queries * n_items];
            panels.scores(&queries, &mut scores);
            let mut expected = Vec::new();
            for query in queries.chunks_exact(d) {
                for item in items.chunks_exact(d) {
                    expected.push(query.iter().zip(item).fold(0f32, |sum, (a, b)| sum + a * b));
                }
            }
            prop_assert_eq!(scores, expected);
        }
    }
}
