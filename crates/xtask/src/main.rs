//! Development commands: `cargo xtask <command>`.

// Printing is this program's purpose.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod conformance;
mod diagrams;
mod libtorch;
mod metric_table;
mod packages;
mod plots;
mod quickstart_floor;
mod run;
mod study;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  check                   rules that rustfmt and clippy do not know: layers, names, links in documents
  ci                      everything that CI runs
  conformance [--all]     tests every backend this machine can have; --all: an error if one is left out
  bench [ARGUMENTS]       builds and runs the benchmarks; without arguments it lists them
  diagrams [--check]      draws the diagrams of the guide; --check: an error if a file is not what is drawn
  metric-table [--check]  compares every metric with other libraries and writes docs/metric-conformance.md;
                          --check: an error if a metric differs or the page is not what is measured
  plots                   runs quickstart and puts its loss curve and table into images/ and README.md
  study RATINGS           runs the studies and writes docs/study.md and its figures; RATINGS is the file of
                          the ratings of users 1 to 2999 of MovieLens 1M, beside its users.dat and movies.dat
  quickstart-floor FILE   fails if the JSON of a quickstart is below what README claims
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["check"] => tidy::check(),
        ["ci"] => run::run("bash", &[".ci/run"]),
        ["conformance"] => conformance::conformance(false),
        ["conformance", "--all"] => conformance::conformance(true),
        ["bench", rest @ ..] => run::bench(rest),
        ["diagrams"] => diagrams::write(),
        ["diagrams", "--check"] => diagrams::check(),
        ["metric-table"] => metric_table::write(),
        ["metric-table", "--check"] => metric_table::check(),
        ["plots"] => plots::plots(),
        ["study", ratings] => study::study(ratings),
        ["quickstart-floor", file] => quickstart_floor::check(file),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(HELP.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
