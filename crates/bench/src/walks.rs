//! node2vec walks on a generated power-law graph.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn_recsys_data::Sequences;
use burn_recsys_data::graph::{Edge, ItemGraph, RandomWalks, RandomWalksConfig};
use burn_recsys_data::random::{Draws, Random, Stream};
use rayon::prelude::*;
use serde_json::json;

use crate::Result;
use crate::machine::{Machine, peak_memory, thread_time};
use crate::report::{Report, note};
use crate::rounds::measure;
use crate::spread::Spread;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Nodes of the graph.
    #[arg(long, default_value_t = 1_000_000)]
    nodes: u32,
    /// Links between two random nodes; each is an edge in both directions.
    #[arg(long, default_value_t = 10_000_000)]
    links: usize,
    /// Degrees fall so that the share of nodes of degree k is as k to minus this; above 2.
    #[arg(long, default_value_t = 2.5)]
    exponent: f64,
    /// Give every edge the same weight instead of a random one.
    #[arg(long)]
    equal_weights: bool,
    /// Nodes of a walk.
    #[arg(long, default_value_t = 80)]
    walk_length: usize,
    /// Walks of a visit, from nodes all over the graph.
    #[arg(long, default_value_t = 25_000)]
    walks: usize,
    /// Visits to everything that is compared, in turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

/// The return and in-out parameters that are compared; with 1 and 1 steps are of first order.
const PARAMETERS: [(f64, f64); 5] = [(1.0, 1.0), (1.0, 0.5), (0.5, 2.0), (4.0, 0.25), (0.25, 4.0)];

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Subject {
    /// Which of [`PARAMETERS`].
    parameters: usize,
    is_alone: bool,
}

/// How long parts of the work took.
struct Built {
    graph: Arc<ItemGraph>,
    generated: Duration,
    built: Duration,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { nodes, links, exponent, walk_length, walks, rounds, .. } = arguments;
    if [nodes as usize, links, walks, rounds].contains(&0) || walk_length < 2 {
        return Err("--nodes, --links, --walks and --rounds must be at least 1, --walk-length 2".into());
    }
    if !(exponent > 2.0 && exponent.is_finite()) {
        return Err("--exponent must be a finite number above 2".into());
    }
    note("generating the graph");
    let Built { graph, generated, built } = build(arguments)?;
    let samplers = PARAMETERS.map(|(p, q)| {
        let config = RandomWalksConfig { walk_length, walks_per_node: 1, p, q, ..Default::default() };
        Ok(config.walks(graph.clone())?)
    });
    let samplers = samplers.into_iter().collect::<Result<Vec<RandomWalks>>>()?;
    let mut subjects: Vec<Subject> =
        (0..PARAMETERS.len()).map(|parameters| Subject { parameters, is_alone: true }).collect();
    if machine.cores() > 1 {
        subjects.extend((0..PARAMETERS.len()).map(|parameters| Subject { parameters, is_alone: false }));
    }
    // Times for a million steps, round by round: of the clock, and on a core where the system tells.
    let mut on_core = vec![Vec::new(); subjects.len()];
    let mut n_visits = 0;
    let series = measure(&subjects, rounds, |subject| {
        let (round, index) = (n_visits / subjects.len(), n_visits % subjects.len());
        n_visits += 1;
        let sampler = &samplers[subject.parameters];
        let (start, start_on_core) = (Instant::now(), thread_time());
        let steps = visit(sampler, round as u64, walks, subject.is_alone);
        let time = start.elapsed();
        if subject.is_alone && round > 0 {
            let times = start_on_core.zip(thread_time()).map(|(start, end)| end.saturating_sub(start));
            on_core[index].extend(times.map(|time| time.div_f64(steps / 1e6)));
        }
        Ok(vec![time.div_f64(steps / 1e6)])
    })?;
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let peak = peak_memory();
    let mut table = vec![vec!["p, q, threads".to_string(), "million steps a second".into()]];
    table[0].extend(["quartiles", "a core and second, without waiting"].map(String::from));
    let mut json_subjects = Vec::new();
    for ((subject, series), on_core) in subjects.iter().zip(&series).zip(&on_core) {
        let (p, q) = PARAMETERS[subject.parameters];
        let threads = if subject.is_alone { 1 } else { machine.cores() };
        let (spread, on_core) = (series.spread()?, Spread::of(on_core));
        table.push(vec![
            format!("{p}, {q}, {threads}"),
            format!("{:.2}", 1.0 / spread.median),
            format!("{:.2}-{:.2}", 1.0 / spread.upper_quartile, 1.0 / spread.lower_quartile),
            on_core.map_or(String::new(), |spread| format!("{:.2}", 1.0 / spread.median)),
        ]);
        json_subjects.push(json!({
            "p": p, "q": q, "threads": threads, "seconds_per_million_steps": spread,
            "core_seconds_per_million_steps": on_core,
        }));
    }
    let max_degree = (0..nodes).map(|node| graph.neighbours(node).len()).max();
    let mut findings = vec![format!(
        "{nodes} nodes, {} edges, largest degree {}, {} weights; {walks} walks of {walk_length} nodes a visit",
        graph.n_edges(),
        max_degree.unwrap_or(0),
        if arguments.equal_weights { "equal" } else { "random" }
    )];
    findings.push(format!(
        "generated in {:.1} s, built in {:.1} s",
        generated.as_secs_f64(),
        built.as_secs_f64()
    ));
    if let Some(peak) = peak {
        findings.push(format!(
            "{:.2} GiB at most for all: links, graph, and the tables of {} samplers at once",
            gib(peak),
            PARAMETERS.len()
        ));
    }
    let json = json!({
        "nodes": nodes, "links": links, "edges": graph.n_edges(), "exponent": exponent,
        "equal_weights": arguments.equal_weights, "walk_length": walk_length, "walks": walks,
        "generated_seconds": generated.as_secs_f64(), "built_seconds": built.as_secs_f64(),
        "peak_bytes": peak, "subjects": json_subjects,
    });
    Ok(Report { name: "walks", machine, table, findings, json })
}

fn build(arguments: &Arguments) -> Result<Built> {
    let start = Instant::now();
    let law = PowerLaw::new(arguments.nodes, arguments.exponent);
    let random = Random::new(1, Stream::Synthetic, 0);
    let link = |number: usize| {
        let mut draws = random.row(number as u64);
        let (source, target) = (law.draw(&mut draws), law.draw(&mut draws));
        Edge { source, target, weight: 0.5 + draws.uniform() as f32 }
    };
    let links: Vec<Edge> = (0..arguments.links).into_par_iter().map(link).collect();
    let generated = start.elapsed();
    let start = Instant::now();
    let (graph, _) = ItemGraph::from_edges(arguments.nodes as usize, &links)?;
    drop(links);
    let graph = graph.undirected();
    let graph = Arc::new(if arguments.equal_weights { graph.unweighted() } else { graph });
    Ok(Built { graph, generated, built: start.elapsed() })
}

/// The number of steps of walks number 0, s, 2s, ... of an epoch, with the stride s that spreads them over
/// all nodes.
fn visit(sampler: &RandomWalks, epoch: u64, n_walks: usize, is_alone: bool) -> f64 {
    let n = sampler.n_sequences();
    let stride = (n / n_walks).max(1);
    let steps = |items: &mut Vec<u32>, walk: usize| {
        items.clear();
        sampler.append(epoch, (walk * stride) % n, items);
        std::hint::black_box(&items);
        items.len() as u64 - 1
    };
    let steps: u64 = if is_alone {
        let mut items = Vec::new();
        (0..n_walks).map(|walk| steps(&mut items, walk)).sum()
    } else {
        (0..n_walks).into_par_iter().with_min_len(64).map_init(Vec::new, steps).sum()
    };
    steps as f64
}

/// Draws nodes whose expected degrees follow a power law (Chung and Lu 2002, "Connected components in random
/// graphs with given expected degree sequences"): that of rank r is as `(r + SHIFT)^(-1 / (exponent - 1))`.
struct PowerLaw {
    n: u32,
    /// One more than the exponent of ranks.
    power: f64,
    /// The integral over ranks, at the first and after the last.
    span: (f64, f64),
}

/// Keeps the first ranks from having all the links.
const SHIFT: f64 = 10.0;

impl PowerLaw {
    fn new(n: u32, exponent: f64) -> Self {
        let power = 1.0 - 1.0 / (exponent - 1.0);
        PowerLaw { n, power, span: (SHIFT.powf(power), (f64::from(n) + SHIFT).powf(power)) }
    }

    fn draw(&self, draws: &mut Draws) -> u32 {
        let at = self.span.0 + draws.uniform() * (self.span.1 - self.span.0);
        let rank = (at.powf(1.0 / self.power) - SHIFT) as u32;
        // Neighbouring ranks far apart: real ids do not come by degree.
        let n = u64::from(self.n);
        (u64::from(rank.min(self.n - 1)) * 2_654_435_761 % n) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_follow_the_law() {
        let (n, n_draws, exponent) = (1 << 20, 200_000, 2.5);
        let law = PowerLaw::new(n, exponent);
        let mut draws = Random::new(2, Stream::Synthetic, 0).row(0);
        let hub = (0..n_draws).filter(|_| law.draw(&mut draws) == 0).count() as f64;
        let weight = |rank: u32| (f64::from(rank) + SHIFT).powf(-1.0 / (exponent - 1.0));
        // The weight of a rank is taken over the unit interval from it.
        let share = weight(0).midpoint(weight(1)) / (0..n).map(weight).sum::<f64>();
        let expected = share * f64::from(n_draws);
        assert!(
            (hub - expected).abs() < 5.0 * expected.sqrt(),
            "{hub} draws of the hub, expected {expected}"
        );
    }
}
