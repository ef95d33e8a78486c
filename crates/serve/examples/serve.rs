//! Serves a folder until it is told to stop.
//!
//! ```text
//! cargo run --release -p burn-recsys-serve --example serve -- DIR [PORT]
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that people start")]

use std::path::PathBuf;
use std::process::ExitCode;

use burn_recsys_serve::{LogConfig, ServeConfig, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first().map(PathBuf::from) else {
        eprintln!("usage: serve DIR [PORT] [quiet]");
        return ExitCode::FAILURE;
    };
    let mut config = ServeConfig::new(&folder);
    if let Some(port) = arguments.get(1).and_then(|port| port.parse().ok()) {
        config.address.set_port(port);
    }
    config.http.token = std::env::var("RECSYS_TOKEN").ok();
    if arguments.iter().any(|argument| argument == "quiet") {
        config.http.log = LogConfig::Events;
    }
    match run(config, |address| println!("http://{address}/")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
