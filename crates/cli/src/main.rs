//! The `burn-recsys` program: the only place that prints, parses arguments and chooses exit codes.

mod arguments;
mod compare;
mod data;
mod describe;
mod evaluate;
mod failure;
mod graph;
mod import_torch;
mod interrupt;
mod outcome;
mod output;
mod plot;
mod progress;
mod protocol;
mod quickstart;
mod recommend;
mod serve;
mod study_plots;
mod study_tables;
mod table;
mod train;

use std::process::ExitCode;

use burn_recsys_training::Error;
use clap::Parser;

use crate::arguments::{Arguments, Command, Common, DataCommand};
use crate::failure::Failure;

// glibc gives the temporaries of every step back to the system and pages them in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Arguments { common, command } = Arguments::parse();
    let result = start_threads(common.threads).map_err(Failure::from).and_then(|()| run(&common, command));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(format_args!("error: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(common: &Common, command: Command) -> Result<(), Failure> {
    match command {
        Command::Quickstart(arguments) => quickstart::run(common, &arguments)?,
        Command::Data(DataCommand::List) => data::list(common)?,
        Command::Data(DataCommand::Fetch { name }) => data::fetch(common, name)?,
        Command::Data(DataCommand::Describe { source }) => describe::run(common, &source)?,
        Command::Train(arguments) => train::run(common, &arguments)?,
        Command::Compare(arguments) => compare::run(common, &arguments)?,
        Command::Evaluate(arguments) => evaluate::run(common, &arguments)?,
        Command::Recommend(arguments) => recommend::run(common, &arguments)?,
        Command::Serve(arguments) => serve::run(&arguments)?,
        Command::Publish(arguments) => serve::publish(common, &arguments)?,
        Command::Protocol(command) => protocol::run(common, &command)?,
        Command::Graph(command) => graph::run(common, &command)?,
        Command::ImportTorch(arguments) => import_torch::run(common, &arguments)?,
    }
    Ok(())
}

fn start_threads(threads: Option<usize>) -> Result<(), Error> {
    let Some(threads) = threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| Error::Config { key: "--threads", message: error.to_string() })
}
