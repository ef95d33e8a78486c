//! Side-by-side benchmarks of burn-recsys and its peers: see `docs/benchmarks.md`.

mod epoch;
mod machine;
mod peer;
mod read;
mod report;
mod spread;
mod step;
mod tutorial;
mod zipf;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

// The C library's allocator gives the temporaries of a step back to the system after every step.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What any part of a benchmark may fail with: it is shown, never matched.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures burn-recsys beside its peers. Every claim of speed is a ratio within one run.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Print one JSON object instead of tables.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The cost of a training step against the number of embedding rows.
    Step(step::Arguments),
    /// Training epochs of a two-tower on ml-100k beside the same loop in PyTorch.
    Epoch(epoch::Arguments),
    /// The two-tower of a tutorial, trained and measured beside what it published.
    Tutorial(tutorial::Arguments),
    /// Reading a MovieLens 25M-like ratings.csv beside Polars.
    Read(read::Arguments),
    /// One timed reading; `read` runs it in a process of its own.
    #[command(hide = true)]
    ReadOne(read::one::Arguments),
}

fn main() -> ExitCode {
    let Arguments { json, command } = Arguments::parse();
    let result = match command {
        Command::Step(arguments) => step::run(&arguments).and_then(|report| report.print(json)),
        Command::Epoch(arguments) => epoch::run(&arguments).and_then(|report| report.print(json)),
        Command::Tutorial(arguments) => tutorial::run(&arguments).and_then(|report| report.print(json)),
        Command::Read(arguments) => read::run(&arguments).and_then(|report| report.print(json)),
        Command::ReadOne(arguments) => {
            read::one::run(&arguments).and_then(|value| report::print_json(&value))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::note(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
