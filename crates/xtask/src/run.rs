//! Running other programs from the root of the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a program to its end.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    wait(Command::new(program).args(arguments))
}

/// Runs a command to its end.
pub(crate) fn wait(command: &mut Command) -> Result<(), String> {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line += &format!(" {}", argument.to_string_lossy());
    }
    match command.current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{line}: {status}")),
        Err(error) => Err(format!("{line}: {error}")),
    }
}

/// Builds all programs and runs the benchmarks.
///
/// All programs, because a build of one package alone chooses other features of shared
/// dependencies, and would compile Burn a second time.
pub(crate) fn bench(arguments: &[&str]) -> Result<(), String> {
    run("cargo", &["build", "--release", "--workspace", "--bins"])?;
    let program = root().join("target/release/burn-recsys-bench");
    run(&program.to_string_lossy(), if arguments.is_empty() { &["--help"] } else { arguments })
}
