use proptest::prelude::*;

use super::dots::ITEMS;
use super::*;
use crate::ItemSet;

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
    let items: Vec<Vec<u32>> = hits.iter().map(|list| list.iter().map(|hit| hit.item).collect()).collect();
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

/// What the index keeps of its items, row by row.
fn kept(index: &ExactIndex) -> Vec<f32> {
    let (d, mut scratch) = (index.dimension, Vec::new());
    let mut rows = Vec::new();
    for item in 0..index.n_items {
        let panel = index.vectors.panel(&index.codes, d, item / ITEMS, &mut scratch);
        rows.extend((0..d).map(|column| panel[column * ITEMS + item % ITEMS]));
    }
    rows
}

/// Sorts everything.
fn reference(d: usize, rows: &[f32], query: &[f32], k: usize, filter: &ItemFilter<'_>) -> Vec<(u32, u32)> {
    let mut hits: Vec<Hit> = (0..)
        .zip(rows.chunks_exact(d))
        .filter(|&(item, _)| filter.passes(item))
        .map(|(item, row)| Hit { item, score: query.iter().zip(row).fold(0f32, |sum, (a, b)| sum + a * b) })
        .collect();
    hits.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap().then(a.item.cmp(&b.item)));
    hits.truncate(k);
    bits(&hits)
}

/// Items and the bits of their scores.
fn bits(hits: &[Hit]) -> Vec<(u32, u32)> {
    hits.iter().map(|hit| (hit.item, hit.score.to_bits())).collect()
}

/// Vectors of many kinds: sines, few values with many ties, clusters, with rows of zeros, tiny and large ones.
fn vectors(kind: usize, n: usize, d: usize, seed: u32) -> Vec<f32> {
    let noise = |at: usize| ((at as f32 + seed as f32) * 12.989_8).sin() * 43_758.547 % 1.0;
    let value = |row: usize, column: usize| match kind {
        0 => noise(row * d + column),
        1 => (noise(row * d + column) * 2.5).trunc(),
        2 => noise(row % 5 * d + column) + 1e-3 * noise(row * d + column),
        3 => [0.0, 1.0, 1e-30, 1e3][row % 4] * noise(row * d + column),
        _ => 0.5,
    };
    (0..n * d).map(|at| value(at / d, at % d)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn equals_sorting_everything(
        d in prop_oneof![1usize..9, Just(33), Just(64), Just(130)],
        n in prop_oneof![0usize..40, 250usize..900, Just(2_500)],
        k in prop_oneof![0usize..12, Just(40), Just(3_000)],
        kind in 0usize..5,
        precision in prop_oneof![Just(Precision::F32), Just(Precision::F16), Just(Precision::I8)],
        threads in prop_oneof![Just(1usize), Just(2), Just(5)],
        allowed in prop_oneof![Just(None), (1usize..40).prop_map(Some)],
        n_queries in 0usize..12,
        seed in 0u32..1_000,
    ) {
        let items = vectors(kind, n, d, seed);
        let index = ExactIndex::with_precision(d, &items, precision).unwrap();
        let rows = kept(&index);
        if precision == Precision::F32 {
            prop_assert_eq!(&rows, &items);
        }
        prop_assert_eq!(index.is_exact(), precision == Precision::F32);
        let mut queries = vectors((seed as usize) % 5, n_queries, d, seed + 77);
        // One is zero, one tiny.
        queries.iter_mut().skip(d).take(d).for_each(|value| *value = 0.0);
        queries.iter_mut().skip(2 * d).take(d).for_each(|value| *value *= 1e-25);
        let exclude: Vec<u32> = (0..n as u32 + 5).filter(|item| (item * 7 + seed) % 11 < 2).collect();
        let mut set = ItemSet::empty(n);
        let every = allowed.unwrap_or(1);
        (0..n as u32).filter(|&item| item as usize % every == seed as usize % every).for_each(|item| set.insert(item));
        let half = { let mut half = ItemSet::full(n / 2); half.remove(3); half };
        let one = [&set];
        let both = [&set, &half];
        let filter = |query: usize| match (allowed, query % 4) {
            (None, 0) => ItemFilter::default(),
            (None, _) => ItemFilter { exclude: &exclude, allow: &[] },
            (Some(_), 0) => ItemFilter { exclude: &[], allow: &one },
            (Some(_), 1) => ItemFilter { exclude: &exclude, allow: &both },
            (Some(_), _) => ItemFilter { exclude: &exclude, allow: &one },
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| index.search_filtered(&queries, k, filter)).unwrap();
        prop_assert_eq!(found.len(), n_queries);
        for (query, (row, found)) in queries.chunks_exact(d).zip(&found).enumerate() {
            let expected = reference(d, &rows, row, k, &filter(query));
            prop_assert_eq!(&bits(found), &expected, "query {}", query);
            prop_assert_eq!(&bits(&index.search_one(row, k, &filter(query)).unwrap()), &expected);
        }
    }

    #[test]
    fn bounds_hold(
        d in prop_oneof![1usize..9, Just(64), Just(257)],
        kind in 0usize..4,
        scale in prop_oneof![Just(1f32), Just(1e-12), Just(1e12)],
        seed in 0u32..1_000,
    ) {
        let n = 48;
        let items: Vec<f32> = vectors(kind, n, d, seed).iter().map(|value| value * scale).collect();
        let query = vectors(seed as usize % 2, 1, d, seed + 5);
        let codes = Codes::new(d, &items, false);
        let Some(coded) = CodedQuery::new(&query) else { return Ok(()) };
        let limit = f64::from(coded.pairs.as_flattened().iter().map(|code| code.abs()).max().unwrap());
        let unit = f64::from(query.iter().fold(0f32, |largest, value| largest.max(value.abs()))) / limit;
        for (item, row) in items.chunks_exact(d).enumerate() {
            let (panel, scales, errors) = codes.panel(item / ITEMS);
            let lane = item % ITEMS;
            let dot: i64 = panel.iter().zip(&coded.pairs).map(|(codes, pair)| {
                i64::from(codes[2 * lane]) * i64::from(pair[0])
                    + i64::from(codes[2 * lane + 1]) * i64::from(pair[1])
            }).sum();
            let score = query.iter().zip(row).fold(0f32, |sum, (a, b)| sum + a * b);
            let off = (f64::from(score) / unit - dot as f64 * f64::from(scales[lane])).abs();
            let bound = f64::from(coded.norm) * f64::from(errors[lane]) + f64::from(coded.slack);
            prop_assert!(off <= bound, "off by {} with a bound of {}", off, bound);
        }
    }

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
        let index = ExactIndex::new(d, items.clone()).unwrap();
        let mut scores = vec![f32::NAN; n_queries * n_items];
        index.scores(&queries, &mut scores);
        let mut expected = Vec::new();
        for query in queries.chunks_exact(d) {
            for item in items.chunks_exact(d) {
                expected.push(query.iter().zip(item).fold(0f32, |sum, (a, b)| sum + a * b));
            }
        }
        prop_assert_eq!(scores, expected);
    }
}

#[test]
fn huge_numbers_are_left_to_the_plain_loop() {
    let mut items = vectors(0, 300, 2, 1);
    (items[20], items[21]) = (3e38, 3e38);
    let index = ExactIndex::new(2, items.clone()).unwrap();
    assert!(!index.is_bounded);
    let hits = index.search_one(&[1.0, 1.0], 2, &ItemFilter::default()).unwrap();
    assert_eq!(hits[0], Hit { item: 10, score: f32::INFINITY });
    // An infinity less an infinity.
    let error = index.search_one(&[2.0, -2.0], 2, &ItemFilter::default());
    assert_eq!(error, Err(Error::NanScore { query: 0, item: 10 }));
    let error = index.search(&[1.0, 1.0, 2.0, -2.0], 2, |_| &[]);
    assert_eq!(error, Err(Error::NanScore { query: 1, item: 10 }));
    // A score of minus infinity is one like any other, also with a set of allowed items.
    let mut set = ItemSet::empty(300);
    set.insert(10);
    let filter = ItemFilter { exclude: &[], allow: &[&set] };
    let hits = index.search_one(&[-1.0, -1.0], 2, &filter).unwrap();
    assert_eq!(hits, [Hit { item: 10, score: f32::NEG_INFINITY }]);
}

#[test]
fn many_ties_fall_back_and_stay_ordered() {
    let d = 4;
    let index = ExactIndex::new(d, vectors(4, 9_000, d, 0)).unwrap();
    let hits = index.search_one(&[1.0; 4], 3, &ItemFilter { exclude: &[1], allow: &[] }).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.item).collect::<Vec<_>>(), [0, 2, 3]);
}

#[test]
fn asks_that_cannot_be_met_are_defined() {
    let index = ExactIndex::new(2, vectors(0, 400, 2, 3)).unwrap();
    let all = ItemFilter::default();
    assert_eq!(index.search_one(&[1.0, 0.0], 0, &all), Ok(vec![]));
    assert_eq!(index.search_one(&[1.0, 0.0], usize::MAX, &all).unwrap().len(), 400);
    assert_eq!(index.search_one(&[1.0], 3, &all), Err(Error::Shape { length: 1, dimension: 2 }));
    let error = index.search_one(&[1.0, f32::NAN], 3, &all).unwrap_err();
    assert!(matches!(error, Error::NotFinite { row: 0, column: 1, .. }));
    let none = ItemSet::empty(400);
    let nothing = ItemFilter { exclude: &[], allow: &[&none] };
    assert_eq!(index.search_one(&[1.0, 0.0], 3, &nothing), Ok(vec![]));
    assert_eq!(ExactIndex::new(2, vec![]).unwrap().search_one(&[1.0, 0.0], 3, &all), Ok(vec![]));
    let error = ExactIndex::with_precision(2, &[1.0, 2.0, 1e5, 0.0], Precision::F16).unwrap_err();
    assert_eq!(error, Error::TooLarge { row: 1, column: 0, value: 1e5 });
}
