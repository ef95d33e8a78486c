//! Side-by-side benchmarks of burn-recsys and its peers: see `docs/benchmarks.md`.

mod auc;
mod bag;
mod bpr;
mod columns;
mod dhe;
mod epoch;
mod estimator;
mod evaluate;
mod gather;
mod ials;
mod interactions;
mod lightgcn;
mod links;
mod machine;
mod metrics;
mod peer;
mod read;
mod report;
mod retrieval;
mod rounds;
mod serve_load;
mod skip_gram;
mod spread;
mod step;
mod tutorial;
mod walks;
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
    /// Training epochs of a multi-task estimator with a mixture, beside the same model in PyTorch.
    Estimator(estimator::Arguments),
    /// The two-tower of a tutorial, trained and measured beside what it published.
    Tutorial(tutorial::Arguments),
    /// Reading a MovieLens 25M-like ratings.csv beside Polars.
    Read(read::Arguments),
    /// Pooled lookups in bags of ids beside torch.nn.EmbeddingBag.
    Bag(bag::Arguments),
    /// BPR factorisation beside `implicit`.
    Bpr(bpr::Arguments),
    /// Deep hash embeddings: hashes a second, and a training step beside its matrix products.
    Dhe(dhe::Arguments),
    /// Ranking the whole catalogue for every user and measuring six metrics, beside RePlay.
    Evaluate(evaluate::Arguments),
    /// Ranking metrics of a million users, from columns in memory to means, beside RePlay.
    Metrics(metrics::Arguments),
    /// AUC and average precision of ten million scores beside scikit-learn.
    Auc(auc::Arguments),
    /// Lookups in read-only f32, f16, int8 and int4 tables beside copying rows of floats.
    Gather(gather::Arguments),
    /// Epochs of implicit alternating least squares beside the Python package implicit.
    Ials(ials::Arguments),
    /// Which items are bought together: models of pairs, walks and features on the same links, beside gensim.
    Links(links::Arguments),
    /// Exact and approximate search of item vectors beside faiss and hnswlib.
    Retrieval(retrieval::Arguments),
    /// Skip-gram on random walks beside gensim.
    SkipGram(skip_gram::Arguments),
    /// Steps a second of node2vec walks on a power-law graph, and the memory of all.
    Walks(walks::Arguments),
    /// Training steps of LightGCN beside the same in PyTorch.
    Lightgcn(lightgcn::Arguments),
    /// A server under load from another process, while versions are swapped.
    ServeLoad(serve_load::Arguments),
    /// Our part of `bag` in a process of its own, which reads from standard input what to do.
    #[command(hide = true)]
    BagOne(bag::one::Arguments),
    /// Our part of `metrics` in a process of its own.
    #[command(hide = true)]
    MetricsOne(metrics::one::Arguments),
    /// Our part of `auc` in a process of its own.
    #[command(hide = true)]
    AucOne(auc::one::Arguments),
    /// The client of `serve-load` in a process of its own.
    #[command(hide = true)]
    ServeLoadOne(serve_load::one::Arguments),
    /// One timed reading; `read` runs it in a process of its own.
    #[command(hide = true)]
    ReadOne(read::one::Arguments),
}

fn main() -> ExitCode {
    let Arguments { json, command } = Arguments::parse();
    let result = match command {
        Command::Step(arguments) => step::run(&arguments).and_then(|report| report.print(json)),
        Command::Epoch(arguments) => epoch::run(&arguments).and_then(|report| report.print(json)),
        Command::Estimator(arguments) => estimator::run(&arguments).and_then(|report| report.print(json)),
        Command::Tutorial(arguments) => tutorial::run(&arguments).and_then(|report| report.print(json)),
        Command::Read(arguments) => read::run(&arguments).and_then(|report| report.print(json)),
        Command::Bag(arguments) => bag::run(&arguments).and_then(|report| report.print(json)),
        Command::Bpr(arguments) => bpr::run(&arguments).and_then(|report| report.print(json)),
        Command::Dhe(arguments) => dhe::run(&arguments).and_then(|report| report.print(json)),
        Command::Evaluate(arguments) => evaluate::run(&arguments).and_then(|report| report.print(json)),
        Command::Metrics(arguments) => metrics::run(&arguments).and_then(|report| report.print(json)),
        Command::Auc(arguments) => auc::run(&arguments).and_then(|report| report.print(json)),
        Command::Gather(arguments) => gather::run(&arguments).and_then(|report| report.print(json)),
        Command::Ials(arguments) => ials::run(&arguments).and_then(|report| report.print(json)),
        Command::Retrieval(arguments) => retrieval::run(&arguments).and_then(|report| report.print(json)),
        Command::SkipGram(arguments) => skip_gram::run(&arguments).and_then(|report| report.print(json)),
        Command::Links(arguments) => links::run(&arguments).and_then(|report| report.print(json)),
        Command::Walks(arguments) => walks::run(&arguments).and_then(|report| report.print(json)),
        Command::Lightgcn(arguments) => lightgcn::run(&arguments).and_then(|report| report.print(json)),
        Command::ServeLoad(arguments) => serve_load::run(&arguments).and_then(|report| report.print(json)),
        Command::ServeLoadOne(arguments) => serve_load::one::run(&arguments),
        Command::BagOne(arguments) => bag::one::run(&arguments),
        Command::MetricsOne(arguments) => metrics::one::run(&arguments),
        Command::AucOne(arguments) => auc::one::run(&arguments),
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
