//! Prints the page that compares every metric with other libraries: `docs/metric-conformance.md`.
//!
//!     cargo run -p burn-recsys-metrics --example conformance

// The comparisons are test code, and printing is this program's purpose.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../tests/conformance/mod.rs"]
mod conformance;

fn main() -> std::process::ExitCode {
    let comparisons = conformance::comparisons();
    let broken = conformance::broken(&comparisons);
    if broken.is_empty() {
        print!("{}", conformance::page(&comparisons));
        return std::process::ExitCode::SUCCESS;
    }
    eprintln!("{}", broken.join("\n"));
    std::process::ExitCode::FAILURE
}
