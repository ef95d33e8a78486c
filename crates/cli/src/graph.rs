//! Graphs of items: build, walk, learn vectors, ask for similar items.

pub(crate) mod arguments;
mod build;
mod plots;
mod similar;
mod train;
mod walk;

use burn_recsys_data::graph::RandomWalksConfig;
use burn_recsys_training::Result;

use self::arguments::{GraphCommand, Walks};
use crate::arguments::Common;

/// `graph`.
pub(crate) fn run(common: &Common, command: &GraphCommand) -> Result<()> {
    match command {
        GraphCommand::Build(arguments) => build::run(common, arguments),
        GraphCommand::Walk(arguments) => walk::run(common, arguments),
        GraphCommand::Train(arguments) => train::run(common, arguments),
        GraphCommand::Similar(arguments) => similar::run(common, arguments),
    }
}

impl Walks {
    fn config(&self) -> RandomWalksConfig {
        RandomWalksConfig {
            walk_length: self.length,
            walks_per_node: self.walks,
            p: self.p,
            q: self.q,
            restart_probability: self.restart,
            seed: self.seed,
        }
    }
}
