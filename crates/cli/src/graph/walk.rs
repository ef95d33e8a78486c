//! `graph walk`.

use std::io::Write;

use burn_recsys_data::graph::DescribedGraph;
use burn_recsys_data::{Sequences, write_atomic};
use burn_recsys_training::{Error, Result};
use serde_json::json;

use super::arguments::Walk;
use crate::arguments::Common;
use crate::output::line;
use crate::progress::CountProgress;
use crate::{data, interrupt};

pub(super) fn run(common: &Common, arguments: &Walk) -> Result<()> {
    // The file under way is deleted when it is given up.
    interrupt::listen();
    let DescribedGraph { items, graph, .. } = DescribedGraph::read(&arguments.graph)?;
    let ids: Vec<String> = items.iter().map(|id| id.to_string()).collect();
    if let Some(id) = ids.iter().find(|id| id.contains(char::is_whitespace)) {
        let message = format!("the id {id:?} holds white space, which parts the items of a walk");
        return Err(Error::Config { key: "graph", message });
    }
    let walks = arguments.walks.config().walks(graph)?;
    let progress = CountProgress::new("walks", walks.n_sequences());
    let (mut walk, mut n_steps) = (Vec::new(), 0);
    let written = write_atomic(&arguments.out, |out| {
        for index in 0..walks.n_sequences() {
            walk.clear();
            walks.append(1, index, &mut walk);
            n_steps += walk.len();
            for (at, &item) in walk.iter().enumerate() {
                let end = if at + 1 == walk.len() { "\n" } else { " " };
                write!(out, "{}{end}", ids[item as usize])?;
            }
            progress.at(index);
            if index.is_multiple_of(1024) && interrupt::is_requested() {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
        }
        Ok(())
    });
    drop(progress);
    if interrupt::is_requested() && written.is_err() {
        return Err(Error::Stopped { epoch: 0 });
    }
    written?;
    let n_walks = walks.n_sequences();
    if common.json {
        return data::print_json(&json!({"walks": n_walks, "nodes": n_steps, "file": arguments.out}));
    }
    line(format_args!("{n_walks} walks, {n_steps} nodes; in {}", arguments.out.display()));
    Ok(())
}
