use proptest::prelude::*;

use super::*;
use crate::{ExactIndex, ItemSet, require_exact};

/// Unit vectors around a few centres.
fn items(n: usize, d: usize) -> Vec<f32> {
    let noise = |at: usize| (at as f32 * 12.989_8).sin() * 43_758.547 % 1.0;
    (0..n)
        .flat_map(|row| {
            let row: Vec<f32> = (0..d)
                .map(|column| noise(row % 20 * d + column) + 0.4 * noise(999 + row * d + column))
                .collect();
            let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            row.into_iter().map(move |value| value / norm)
        })
        .collect()
}

fn plain(query: &[f32], row: &[f32]) -> f32 {
    query.iter().zip(row).fold(0f32, |sum, (a, b)| sum + a * b)
}

#[test]
fn most_of_the_best_are_found_with_their_exact_scores() {
    let (n, d) = (3_000, 16);
    let items = items(n, d);
    for (precision, least) in [(Precision::F32, 0.95), (Precision::F16, 0.95), (Precision::I8, 0.75)] {
        let config = HnswConfig { precision, ..Default::default() };
        let index = HnswIndex::build(d, &items, config.clone()).unwrap();
        let recall = *index.recall().unwrap();
        assert!(recall.recall > least, "{precision:?}: {recall:?}");
        assert_eq!((recall.k, recall.queries), (10, 256));
        assert_eq!(require_exact(&index, false), Err(Error::Approximate));
        let query = &items[7 * d..8 * d];
        let hits = index.search_one(query, 10, &ItemFilter::default()).unwrap();
        assert_eq!((hits.len(), hits[0].item), (10, 7));
        assert!(hits.is_sorted_by(|a, b| by_score_then_item(a, b).is_le()));
        for hit in &hits {
            let score = plain(query, &items[hit.item as usize * d..][..d]);
            let error = (hit.score - score).abs();
            assert!(error <= if precision == Precision::I8 { 0.03 } else { 1e-3 }, "{precision:?}: {error}");
            assert!(precision != Precision::F32 || error == 0.0);
        }
        // One thread builds the same graph again.
        let again = HnswIndex::build(d, &items, config).unwrap();
        assert_eq!(again.search_one(query, 10, &ItemFilter::default()), Ok(hits));
    }
}

#[test]
fn filters_never_leave_an_answer_short() {
    let (n, d) = (2_000, 8);
    let items = items(n, d);
    let index = HnswIndex::build(d, &items, HnswConfig::default()).unwrap();
    let exact = ExactIndex::new(d, items.clone()).unwrap();
    let query = &items[..d];
    let mut n_graph = 0;
    for every in [1, 2, 3, 50, 700, 5_000] {
        let mut set = ItemSet::empty(n);
        (0..n as u32).filter(|item| item % every == 1 % every).for_each(|item| set.insert(item));
        let exclude: Vec<u32> = (0..40).collect();
        let sets = [&set];
        let filter = ItemFilter { exclude: &exclude, allow: &sets };
        for k in [1, 10, 300] {
            let hits = index.search_one(query, k, &filter).unwrap();
            let best = exact.search_one(query, k, &filter).unwrap();
            assert!(hits.iter().all(|hit| filter.passes(hit.item)));
            assert_eq!(hits.len(), best.len(), "one of {every}, k = {k}");
            if set.len() <= index.few(n) {
                assert_eq!(hits, best);
            } else {
                n_graph += 1;
            }
        }
    }
    assert!(n_graph > 0, "no filter went through the graph");
    let none = ItemSet::empty(n);
    let filter = ItemFilter { exclude: &[], allow: &[&none] };
    assert_eq!(index.search_one(query, 3, &filter), Ok(vec![]));
}

#[test]
fn items_come_and_go() {
    let d = 4;
    let index = HnswIndex::build(d, &[], HnswConfig::default()).unwrap();
    assert_eq!((index.n_items(), index.len(), index.recall()), (0, 0, None));
    let all = ItemFilter::default();
    assert_eq!(index.search_one(&[1.0; 4], 3, &all), Ok(vec![]));
    for item in [5u32, 2, 9] {
        index.add(item, &[item as f32, 0.0, 0.0, 1.0]).unwrap();
    }
    let found = |k| -> Vec<u32> {
        index.search_one(&[1.0, 0.0, 0.0, 0.0], k, &all).unwrap().iter().map(|hit| hit.item).collect()
    };
    assert_eq!((found(9), index.n_items(), index.len()), (vec![9, 5, 2], 10, 3));
    assert_eq!(index.remove(9), Ok(true));
    assert_eq!(index.remove(9), Ok(false));
    assert_eq!((found(9), index.n_items()), (vec![5, 2], 10));
    index.add(2, &[7.0, 0.0, 0.0, 0.0]).unwrap();
    index.add(0, &[7.0, 1.0, 0.0, 0.0]).unwrap();
    // Ties by the lower index.
    assert_eq!((found(2), index.len()), (vec![0, 2], 3));
    assert_eq!(index.add(1, &[1.0]), Err(Error::Shape { length: 1, dimension: 4 }));
    assert!(matches!(index.add(1, &[f32::NAN; 4]), Err(Error::NotFinite { .. })));
    assert_eq!(index.search_one(&[1.0], 1, &all), Err(Error::Shape { length: 1, dimension: 4 }));
    let small = HnswConfig { precision: Precision::I8, ..Default::default() };
    let small = HnswIndex::build(2, &[1.0, 0.5], small).unwrap();
    assert_eq!(small.add(0, &[0.0, 2.0]), Err(Error::TooLarge { row: 0, column: 1, value: 2.0 }));
    assert_eq!(small.len(), 1, "what is refused must not take the old one out");
    let config = HnswConfig { connectivity: 0, ..Default::default() };
    assert!(matches!(HnswIndex::build(2, &[], config), Err(Error::Graph { .. })));
}

#[test]
fn changes_meet_searches() {
    let (n, d) = (1_500, 8);
    let items = items(n, d);
    let index = HnswIndex::build(d, &items[..n / 2 * d], HnswConfig::default()).unwrap();
    std::thread::scope(|scope| {
        for part in 0..2 {
            let (index, items) = (&index, &items);
            scope.spawn(move || {
                for item in (n / 2..n).filter(|item| item % 2 == part) {
                    index.add(item as u32, &items[item * d..(item + 1) * d]).unwrap();
                    assert_eq!(index.remove((item - n / 2) as u32), Ok(true));
                }
            });
            scope.spawn(move || {
                for row in items.chunks_exact(d) {
                    let hits = index.search_one(row, 5, &ItemFilter::default()).unwrap();
                    assert_eq!(hits.len(), 5);
                    for hit in hits {
                        assert_eq!(hit.score, plain(row, &items[hit.item as usize * d..][..d]));
                    }
                }
            });
        }
    });
    assert_eq!((index.len(), index.n_items()), (n - n / 2, n));
    let recall = {
        let kept: Vec<u32> = (0..n as u32 / 2).collect();
        let exact = ExactIndex::new(d, items.clone()).unwrap();
        let filter = ItemFilter { exclude: &kept, allow: &[] };
        let rows = items.chunks_exact(d).take(100);
        let n_found: usize = rows
            .map(|row| {
                let found = index.search_one(row, 5, &ItemFilter::default()).unwrap();
                let best = exact.search_one(row, 5, &filter).unwrap();
                best.iter().filter(|hit| found.contains(hit)).count()
            })
            .sum();
        n_found as f64 / 500.0
    };
    assert!(recall > 0.9, "{recall}");
}

#[test]
fn files_hold_the_graph_and_its_recall() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.json");
    let (n, d) = (800, 8);
    let items = items(n, d);
    let query = &items[3 * d..4 * d];
    let all = ItemFilter::default();
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        let config = HnswConfig { precision, expansion_search: 40, ..Default::default() };
        let index = HnswIndex::build(d, &items, config).unwrap();
        index.write(&path).unwrap();
        assert_eq!(HnswIndex::stored_recall(&path).unwrap().as_ref(), index.recall());
        let (mapped, loaded) = (HnswIndex::open(&path).unwrap(), HnswIndex::load(&path).unwrap());
        for other in [&mapped, &loaded] {
            assert_eq!(other.search_one(query, 12, &all), index.search_one(query, 12, &all));
            assert_eq!((other.config(), other.recall()), (index.config(), index.recall()));
            assert_eq!((other.n_items(), other.len(), other.dimension()), (n, n, d));
        }
        assert!(matches!(mapped.add(0, query), Err(Error::Graph { .. })));
        assert!(matches!(mapped.remove(0), Err(Error::Graph { .. })));
        loaded.add(n as u32, query).unwrap();
        assert_eq!(loaded.remove(1), Ok(true));
        loaded.write(&path).unwrap();
        let again = HnswIndex::open(&path).unwrap();
        assert_eq!((again.n_items(), again.len()), (n + 1, n));
        assert_eq!(again.search_one(query, 12, &all), loaded.search_one(query, 12, &all));
        // The mapped one still answers from the file that is gone.
        assert_eq!(mapped.search_one(query, 12, &all), index.search_one(query, 12, &all));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a description and a graph");
    }
    let empty = HnswIndex::build(d, &[], HnswConfig::default()).unwrap();
    empty.write(&path).unwrap();
    let empty = HnswIndex::load(&path).unwrap();
    assert_eq!(empty.search_one(query, 3, &all), Ok(vec![]));
    empty.add(0, query).unwrap();
    assert_eq!(empty.search_one(query, 3, &all).unwrap().len(), 1);
}

#[test]
fn a_description_names_only_its_own_graph() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.json");
    HnswIndex::build(2, &items(20, 2), HnswConfig::default()).unwrap().write(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::rename(&path, folder.path().join("other.json")).unwrap();
    let error = HnswIndex::open(&folder.path().join("other.json")).unwrap_err().to_string();
    assert!(error.contains("is not the name of its graph"), "{error}");
    std::fs::write(&path, text.replace("\"n_items\": 20", "\"n_items\": 4000000000")).unwrap();
    let error = HnswIndex::open(&path).unwrap_err().to_string();
    assert!(error.contains("changed"), "{error}");
    std::fs::write(&path, vec![b' '; 1 << 17]).unwrap();
    let error = HnswIndex::open(&path).unwrap_err().to_string();
    assert!(error.contains("131072 bytes are no description"), "{error}");
    assert!(matches!(HnswIndex::open(&folder.path().join("none.json")), Err(Error::File { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn damage_never_panics(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        in_graph: bool,
        cut in prop_oneof![Just(None), any::<prop::sample::Index>().prop_map(Some)],
        is_mapped: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.json");
        let index = HnswIndex::build(3, &items(60, 3), HnswConfig { recall_queries: 0, ..Default::default() }).unwrap();
        index.write(&path).unwrap();
        let graph = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let graph = graph.into_iter().find(|path| path.extension().unwrap() == "usearch").unwrap();
        let target = if in_graph { &graph } else { &path };
        let whole = std::fs::read(target).unwrap();
        let mut bytes = whole.clone();
        for (place, value) in places {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        std::fs::write(target, &bytes).unwrap();
        let opened = if is_mapped { HnswIndex::open(&path) } else { HnswIndex::load(&path) };
        if in_graph {
            prop_assert_eq!(opened.is_ok(), bytes == whole);
        }
        if let Ok(index) = opened {
            // A space of the description may have become another, or nothing has changed.
            let query = vec![1.0; index.dimension()];
            let _ = index.search_one(&query, 5, &ItemFilter { exclude: &[2], allow: &[] });
        }
    }
}
