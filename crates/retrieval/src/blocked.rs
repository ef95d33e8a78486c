//! Top-k of many queries without a queries x items matrix.

use std::ops::Range;

use rayon::prelude::*;

use crate::{Error, Hit, Result, top_k};

/// How many scores a thread holds at once: 1 MiB, about the second-level cache.
const BLOCK_SCORES: usize = 1 << 18;

/// The best `k` items for each of `n_queries` queries, best first, ties by the lower index.
///
/// `score` fills a block: for the queries of the range, row-major, the scores of all `n_items`
/// items. `exclude` gives, for a query, the ascending item indices to leave out. Blocks are scored
/// in parallel; the memory is one block a thread, whatever the number of queries.
///
/// # Errors
/// If a score is NaN.
pub fn top_k_blocked<'a>(
    n_queries: usize,
    n_items: usize,
    k: usize,
    score: impl Fn(Range<usize>, &mut [f32]) + Sync,
    exclude: impl Fn(usize) -> &'a [u32] + Sync,
) -> Result<Vec<Vec<Hit>>> {
    let block = (BLOCK_SCORES / n_items.max(1)).clamp(1, n_queries.max(1));
    let blocks: Vec<Vec<Vec<Hit>>> = (0..n_queries.div_ceil(block))
        .into_par_iter()
        .map_init(Vec::new, |scores: &mut Vec<f32>, index| {
            let queries = index * block..((index + 1) * block).min(n_queries);
            scores.clear();
            scores.resize(queries.len() * n_items, 0.0);
            score(queries.clone(), scores);
            queries
                .clone()
                .map(|query| {
                    let row = (query - queries.start) * n_items;
                    top_k(&scores[row..row + n_items], k, exclude(query))
                        .map_err(|item| Error::NanScore { query, item })
                })
                .collect::<Result<Vec<_>>>()
        })
        .collect::<Result<_>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_blocks_equal_one_row_at_a_time() {
        let (n_queries, n_items, k) = (700, 1000, 5);
        let score_of = |query: usize, item: usize| ((query * 31 + item * 17) % 101) as f32;
        let seen: Vec<Vec<u32>> =
            (0..n_queries as u32).map(|query| vec![query % 7, 10 + query % 3]).collect();
        let fill = |queries: Range<usize>, out: &mut [f32]| {
            for (query, row) in queries.zip(out.chunks_mut(n_items)) {
                row.iter_mut().enumerate().for_each(|(item, score)| *score = score_of(query, item));
            }
        };
        let all = top_k_blocked(n_queries, n_items, k, fill, |query| &seen[query]).unwrap();
        assert_eq!(all.len(), n_queries);
        for (query, hits) in all.iter().enumerate() {
            let scores: Vec<f32> = (0..n_items).map(|item| score_of(query, item)).collect();
            assert_eq!(hits, &top_k(&scores, k, &seen[query]).unwrap(), "query {query}");
        }
    }

    #[test]
    fn a_nan_names_query_and_item() {
        let fill = |queries: Range<usize>, out: &mut [f32]| {
            if queries.contains(&1) {
                out[(1 - queries.start) * 3 + 2] = f32::NAN;
            }
        };
        let error = top_k_blocked(2, 3, 1, fill, |_| &[]);
        assert_eq!(error, Err(Error::NanScore { query: 1, item: 2 }));
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert_eq!(top_k_blocked(0, 10, 3, |_, _| (), |_| &[]), Ok(vec![]));
        assert_eq!(top_k_blocked(2, 0, 3, |_, _| (), |_| &[]), Ok(vec![vec![], vec![]]));
    }
}
