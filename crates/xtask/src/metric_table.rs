//! The page that compares the metrics with other libraries.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::run::root;

const PAGE: &str = "docs/metric-conformance.md";

/// Writes the page.
pub(crate) fn write() -> Result<(), String> {
    fs::write(path(), page()?).map_err(|error| format!("{PAGE}: {error}"))?;
    println!("{PAGE}");
    Ok(())
}

/// Whether the page is what the comparisons say.
pub(crate) fn check() -> Result<(), String> {
    let text = fs::read_to_string(path()).map_err(|error| format!("{PAGE}: {error}"))?;
    if text == page()? { Ok(()) } else { Err(format!("{PAGE}: out of date, run `cargo xtask metric-table`")) }
}

fn path() -> PathBuf {
    root().join(PAGE)
}

/// What the comparisons print; an error if a metric is not what the table says.
fn page() -> Result<String, String> {
    let arguments = ["run", "--quiet", "-p", "burn-recsys-metrics", "--example", "conformance"];
    let mut command = Command::new("cargo");
    let output = command.args(arguments).current_dir(root()).output();
    let output = output.map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{PAGE}: {error}"))
}
