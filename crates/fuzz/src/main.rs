//! Damaged files and requests against everything that reads them: no panic, no memory beyond a stated bound.
//!
//! ```sh
//! cargo build --release --workspace --bins
//! target/release/burn-recsys-fuzz --seconds 5
//! ```
//!
//! Inputs are whole files with damage done to them, a function of the seed. An input whose error reads like
//! none before is kept and damaged further, which leads past the first check of a reader without instrumented
//! builds.

mod memory;
mod mutate;
mod targets;

use std::collections::BTreeSet;
use std::error::Error;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use burn_recsys_data::random::{Draws, Random, Stream};
use clap::Parser;

use crate::memory::Counting;
use crate::targets::Target;

#[global_allocator]
static MEMORY: Counting = Counting::new();

/// What a preparation may fail with: it is shown, never matched.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Damages files and requests, and reports panics, memory beyond the bound, and inputs that take long.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Seconds for each target.
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
    /// Only targets whose name has this in it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// What the damage is a function of.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The folder for inputs that fail.
    #[arg(long, value_name = "DIR", default_value = "fuzz-failures")]
    out: PathBuf,
    /// The one target of this process.
    #[arg(long, hide = true)]
    child: Option<String>,
    /// Where this process has its files.
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
}

/// The file that holds the input that is being read.
const CURRENT: &str = "current-input";

/// Inputs that are kept because they were told apart from all before.
const MOST_KEPT: usize = 2_000;
/// No reader needs as long for a file of some kilobytes.
const LONGEST: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            line(format_args!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

/// The number of inputs that failed.
///
/// Every target runs in a process of its own: memory that is refused, or a stack that is too deep, ends it.
fn run(arguments: &Arguments) -> Result<usize> {
    if let (Some(name), Some(folder)) = (&arguments.child, &arguments.folder) {
        let targets = targets::all(folder)?;
        let target = targets.iter().find(|target| target.name == name).ok_or("no such target")?;
        return fuzz(target, arguments, folder);
    }
    let names: Vec<&str> = targets::all(folder()?.path())?.iter().map(|target| target.name).collect();
    let chosen: Vec<&&str> = names.iter().filter(|name| name.contains(&arguments.only)).collect();
    if chosen.is_empty() {
        let only = &arguments.only;
        return Err(format!("no target has {only:?} in its name; there are {}", names.join(", ")).into());
    }
    line(format_args!(
        "{:<22} {:>9} {:>9} {:>7} {:>14} {:>9}",
        "target", "inputs", "accepted", "errors", "most memory", "failures"
    ));
    let mut n_failures = 0;
    for name in chosen {
        let folder = folder()?;
        let status = Command::new(std::env::current_exe()?)
            .args(["--child", name, "--seconds", &arguments.seconds.to_string()])
            .args(["--seed", &arguments.seed.to_string()])
            .arg("--out")
            .arg(&arguments.out)
            .arg("--folder")
            .arg(folder.path())
            .status()?;
        match status.code() {
            Some(0) => (),
            Some(1) => n_failures += 1,
            _ => {
                n_failures += 1;
                let kept = arguments.out.join(format!("{name}-ended"));
                std::fs::create_dir_all(&arguments.out)?;
                std::fs::copy(folder.path().join(CURRENT), &kept)
                    .map_err(|_| format!("{name} did not begin"))?;
                line(format_args!(
                    "{name:<22} ended its process ({status}); the input is {}",
                    kept.display()
                ));
            }
        }
    }
    Ok(n_failures)
}

/// In memory where there is such a file system: thousands of small files are written.
fn folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

fn fuzz(target: &Target, arguments: &Arguments, folder: &Path) -> Result<usize> {
    // Panics are counted, not printed one by one.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let report = damage_all(target, arguments, folder);
    panic::set_hook(hook);
    let report = report?;
    line(format_args!(
        "{:<22} {:>9} {:>9} {:>7} {:>10} KiB {:>9}",
        target.name,
        report.n_inputs,
        report.n_accepted,
        report.errors.len(),
        report.peak >> 10,
        report.failures.len()
    ));
    Ok(report.failures.len())
}

#[derive(Default)]
struct Report {
    n_inputs: u64,
    n_accepted: u64,
    /// The most memory that an input took.
    peak: usize,
    /// Errors without their numbers.
    errors: BTreeSet<String>,
    /// One a kind.
    failures: BTreeSet<String>,
}

fn damage_all(target: &Target, arguments: &Arguments, folder: &Path) -> Result<Report> {
    let current = folder.join(CURRENT);
    let mut report = Report::default();
    let mut kept = target.seeds.clone();
    for seed in &target.seeds {
        if let Err(error) = (target.read)(seed) {
            return Err(format!("{}: a whole file is refused: {error}", target.name).into());
        }
    }
    let random = Random::new(arguments.seed, Stream::Synthetic, 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(arguments.seconds) {
        let mut draws = random.row(report.n_inputs);
        // Half of the inputs are whole files with damage, the others have more of it.
        let choice = |draws: &mut Draws| {
            let n = if draws.below(2) == 0 { target.seeds.len() } else { kept.len() };
            draws.below(n as u32) as usize
        };
        let mut input = kept[choice(&mut draws)].clone();
        let other = choice(&mut draws);
        mutate::damage(&mut input, &kept[other], &mut draws);
        report.n_inputs += 1;
        std::fs::write(&current, &input)?;
        let (before, begun) = (MEMORY.start(), Instant::now());
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.read)(&input)));
        let (peak, seconds) = (MEMORY.above(before), begun.elapsed());
        report.peak = report.peak.max(peak);
        let bound = target.bound(input.len());
        let failure = match outcome {
            Err(payload) => Some(format!("panic: {}", message(payload.as_ref()))),
            Ok(_) if peak > bound => Some(format!("memory beyond {} MiB", bound >> 20)),
            Ok(_) if seconds > LONGEST => Some(format!("more than {} s", LONGEST.as_secs())),
            Ok(Ok(())) => {
                report.n_accepted += 1;
                None
            }
            Ok(Err(error)) => {
                if report.errors.insert(shape(&error)) && kept.len() < MOST_KEPT {
                    kept.push(input.clone());
                }
                None
            }
        };
        if let Some(failure) = failure
            && report.failures.insert(shape(&failure))
        {
            std::fs::create_dir_all(&arguments.out)?;
            let file = arguments.out.join(format!("{}-{}", target.name, report.failures.len()));
            std::fs::write(&file, &input)?;
            line(format_args!("{}: {failure}; the input is {}", target.name, file.display()));
        }
    }
    Ok(report)
}

/// A message without what it says of the input: numbers, and what stands between quotes.
fn shape(message: &str) -> String {
    let (start, end) = (message.find('"'), message.rfind('"'));
    let parts = match (start, end) {
        (Some(start), Some(end)) => [&message[..start], &message[end..]],
        _ => [message, ""],
    };
    let words = parts.into_iter().flat_map(str::chars).filter(|c| c.is_ascii_alphabetic() || *c == ' ');
    words.take(300).collect()
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "the report of a program")]
fn line(text: std::fmt::Arguments<'_>) {
    println!("{text}");
}
