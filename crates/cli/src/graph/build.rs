//! `graph build`.

use burn_recsys_data::graph::{CoVisitationConfig, DescribedGraph, EdgeFormat, EdgeList, EdgeReport};
use burn_recsys_data::{ReadLimits, ReadReport, amazon};
use burn_recsys_training::{Error, Result};
use serde_json::json;

use super::arguments::{Build, Source};
use crate::arguments::Common;
use crate::output::{line, note};
use crate::{data, interrupt};

pub(super) fn run(common: &Common, arguments: &Build) -> Result<()> {
    // The folder's files are whole or absent.
    interrupt::end_at_once();
    let limits = ReadLimits::default().with_max_broken_share(arguments.max_broken_share);
    let (described, lines, edges) = match &arguments.source {
        Source { products: Some(path), .. } => {
            let (products, lines) = amazon::read_products(path, &limits)?;
            let weights = weights(arguments, &amazon::Related::NAMES);
            let (described, edges) = DescribedGraph::from_products(&products, &weights)?;
            (described, Some(lines), Some(edges))
        }
        Source { edges: Some(path), .. } => {
            let (links, lines) = EdgeList::read(path, &EdgeFormat::default(), &limits)?;
            let weights = weights(arguments, &links.relations);
            let (described, edges) = DescribedGraph::from_edge_list(&links, &weights)?;
            (described, Some(lines), Some(edges))
        }
        Source { interactions: Some(source), .. } => {
            (of_interactions(common, arguments, source)?, None, None)
        }
        // clap asks for one of them.
        Source { .. } => {
            return Err(Error::Config { key: "graph build", message: "needs a source; see --help".into() });
        }
    };
    if let Some(lines) = &lines {
        tell_broken(lines);
    }
    if let Some(EdgeReport { n_self_loops, n_duplicates, n_zero_weights, .. }) = edges {
        for (n, what) in [
            (n_self_loops, "from an item to itself were left out"),
            (n_duplicates, "were there already; their weights were added"),
            (n_zero_weights, "of weight 0 were left out"),
        ] {
            if n > 0 {
                note(format_args!("{n} links {what}"));
            }
        }
    }
    described.write(&arguments.out)?;
    let (n_items, n_edges) = (described.items.len(), described.graph.n_edges());
    let n_isolated = (0..n_items as u32).filter(|&item| described.graph.neighbours(item).is_empty()).count();
    if common.json {
        return data::print_json(&json!({
            "graph": arguments.out, "items": n_items, "edges": n_edges, "items_without_edges": n_isolated,
            "broken_lines": lines.map_or(0, |lines| lines.n_broken),
            "self_loops": edges.map_or(0, |edges| edges.n_self_loops),
            "duplicates": edges.map_or(0, |edges| edges.n_duplicates),
        }));
    }
    line(format_args!(
        "{n_items} items, {n_edges} edges, {n_isolated} items without any; in {}",
        arguments.out.display()
    ));
    Ok(())
}

/// What each relation counts: 1 if nothing is said of any.
fn weights(arguments: &Build, names: &[impl ToString]) -> Vec<(String, f32)> {
    match &arguments.relation[..] {
        [] => names.iter().map(|name| (name.to_string(), 1.0)).collect(),
        named => named.to_vec(),
    }
}

fn of_interactions(common: &Common, arguments: &Build, source: &str) -> Result<DescribedGraph> {
    let seconds = arguments.window * 3600.0;
    if !(0.0..=1e15).contains(&seconds) {
        let message = format!("{} hours; must be from 0 to 2e11", arguments.window);
        return Err(Error::Config { key: "--window", message });
    }
    let config = CoVisitationConfig {
        window_seconds: seconds as i64,
        min_count: arguments.min_count,
        max_neighbours: arguments.max_neighbours,
        ..CoVisitationConfig::default()
    };
    let dataset = data::load(common, &data::named_or_path("--interactions", source)?)?;
    let graph = config.graph(&dataset.interactions)?;
    Ok(DescribedGraph {
        items: dataset.interactions.item_ids().as_ref().clone(),
        graph,
        features: dataset.items,
    })
}

fn tell_broken(report: &ReadReport) {
    if report.n_broken > 0 {
        note(format_args!(
            "{} of {} lines are broken and were passed over:",
            report.n_broken, report.n_lines
        ));
        for broken in &report.first_broken {
            note(format_args!("  line {}: {}", broken.line, broken.reason));
        }
    }
}
