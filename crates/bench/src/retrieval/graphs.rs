//! Recall and time of graphs.

use std::time::Instant;

use burn_recsys_retrieval::{Hit, HnswConfig, HnswIndex, ItemFilter, ItemIndex, Precision};
use serde::Serialize;

use super::{Arguments, Shared, recall};
use crate::Result;
use crate::report::note;
use crate::rounds;
use crate::spread::Spread;

/// One kind of index over its expansions.
#[derive(Debug, Serialize)]
pub(super) struct Curve {
    pub(super) name: String,
    build_seconds: f64,
    pub(super) points: Vec<Point>,
}

impl Curve {
    /// Exact search, which has no expansion and misses nothing.
    pub(super) fn exact(name: String, build_seconds: f64, seconds: Spread) -> Self {
        Curve { name, build_seconds, points: vec![Point { expansion: None, recall: 1.0, seconds }] }
    }
}

/// A graph searched with one number of candidates.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    expansion: Option<usize>,
    /// Of the best `k`, the share that was found.
    pub(super) recall: f64,
    /// Of one query on one thread: of all queries one after the other, by their number.
    pub(super) seconds: Spread,
}

impl Curve {
    pub(super) fn finding(&self) -> String {
        let points: Vec<String> = self
            .points
            .iter()
            .map(|point| {
                let expansion = point.expansion.map_or("none".into(), |expansion| expansion.to_string());
                format!("{expansion} {:.4} {:.0} us", point.recall, 1e6 * point.seconds.median)
            })
            .collect();
        let Curve { name, build_seconds, .. } = self;
        format!("{name}, built in {build_seconds:.1} s: ef, recall, time: {}", points.join("; "))
    }
}

enum Graph {
    Ours(Box<HnswIndex>),
    Peer(&'static str),
}

/// Builds all graphs and searches them in turn.
pub(super) fn measure(
    arguments: &Arguments,
    shared: &Shared,
    items: &[f32],
    queries: &[f32],
    exact: &[Vec<Hit>],
) -> Result<Vec<Curve>> {
    let &Arguments { d, k, threads, connectivity, expansion_add, ref expansions, .. } = arguments;
    let n_queries = exact.len();
    let mut graphs = Vec::new();
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        let name = format!("burn-recsys (USearch) {:?}", precision).to_lowercase();
        note(&format!("building {name}"));
        let config = HnswConfig {
            connectivity,
            expansion_add,
            precision,
            threads,
            recall_queries: 0,
            ..Default::default()
        };
        let start = Instant::now();
        let index = HnswIndex::build(d, items, config)?;
        graphs.push((name, Graph::Ours(Box::new(index)), start.elapsed().as_secs_f64()));
    }
    for name in ["faiss", "hnswlib"] {
        note(&format!("building {name}"));
        let seconds = shared.ask(&format!("build {name}"))?.iter().map(|time| time.as_secs_f64()).sum();
        graphs.push((format!("{name} f32"), Graph::Peer(name), seconds));
    }
    let mut curves: Vec<Curve> = graphs
        .iter()
        .map(|(name, _, seconds)| Curve { name: name.clone(), build_seconds: *seconds, points: Vec::new() })
        .collect();
    for &expansion in expansions {
        note(&format!("ef = {expansion}"));
        for (_, graph, _) in &mut graphs {
            if let Graph::Ours(index) = graph {
                index.set_expansion_search(expansion);
            }
        }
        let subjects: Vec<usize> = (0..graphs.len()).collect();
        let mut recalls = vec![0.0; graphs.len()];
        let series = rounds::measure(&subjects, arguments.rounds, |&at| match &graphs[at].1 {
            Graph::Ours(index) => {
                let start = Instant::now();
                let found: std::result::Result<Vec<Vec<Hit>>, _> = queries
                    .chunks_exact(d)
                    .map(|query| index.search_one(query, k, &ItemFilter::default()))
                    .collect();
                let time = start.elapsed();
                let items: Vec<Vec<u32>> =
                    found?.iter().map(|hits| hits.iter().map(|hit| hit.item).collect()).collect();
                recalls[at] = recall(exact, &items);
                Ok(vec![time.div_f64(n_queries as f64)])
            }
            Graph::Peer(name) => {
                let times = shared.ask(&format!("graph {name} {expansion}"))?;
                recalls[at] = recall(exact, &shared.found(n_queries, k)?);
                Ok(times.into_iter().map(|time| time.div_f64(n_queries as f64)).collect())
            }
        })?;
        for ((curve, series), recall) in curves.iter_mut().zip(&series).zip(recalls) {
            curve.points.push(Point { expansion: Some(expansion), recall, seconds: series.spread()? });
        }
    }
    Ok(curves)
}
