//! Rules of the repository that no other tool knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::root;

/// A file is meant to be read in one sitting: lines before its tests.
const MAX_LINES: usize = 500;
/// Names that say nothing.
const EMPTY_NAMES: [&str; 5] = ["base.rs", "common.rs", "helpers.rs", "prelude.rs", "utils.rs"];
/// Crates that must not know a layer above or beside them, and what they must not name.
const LAYERS: [(&str, &[&str]); 9] = [
    ("data", &["burn", "burn-recsys-metrics", "burn-recsys-embeddings", "burn-recsys-retrieval"]),
    ("baselines", &["burn", "burn-recsys-metrics", "burn-recsys-embeddings", "burn-recsys-models"]),
    ("evaluation", &["burn", "burn-recsys-embeddings", "burn-recsys-models", "burn-recsys-training"]),
    ("metrics", &["burn", "burn-recsys-data", "burn-recsys-embeddings", "burn-recsys-retrieval"]),
    ("retrieval", &["burn", "burn-recsys-data", "burn-recsys-metrics", "burn-recsys-embeddings"]),
    ("ranking", &["burn", "burn-recsys-embeddings", "burn-recsys-models", "burn-recsys-training"]),
    ("serve", &["burn", "burn-recsys-embeddings", "burn-recsys-models", "burn-recsys-training"]),
    (
        "embeddings",
        &["burn-recsys-data", "burn-recsys-metrics", "burn-recsys-retrieval", "burn-recsys-models"],
    ),
    ("models", &["burn-recsys-metrics", "burn-recsys-retrieval", "burn-recsys-training"]),
];
/// What the top level holds, and nothing else.
const TOP_LEVEL: [&str; 17] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "crates",
    "docs",
    "examples",
    "images",
    "rustfmt.toml",
    "tests",
    ".gitattributes",
];

/// Checks every rule and lists all that is broken.
pub(crate) fn check() -> Result<(), String> {
    let files = tracked_files()?;
    let mut broken = Vec::new();
    for file in &files {
        let top = file.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
        if let Some(top) = top.filter(|top| !TOP_LEVEL.contains(&top.as_str())) {
            broken.push(format!("{}: {top} does not belong to the top level", file.display()));
        }
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => check_source(file, &mut broken),
            Some("md") => check_links(file, &mut broken),
            _ => {}
        }
    }
    for (name, forbidden) in LAYERS {
        check_layer(name, forbidden, &mut broken);
    }
    check_commands(&mut broken);
    match broken.is_empty() {
        true => {
            println!("{} files keep the rules", files.len());
            Ok(())
        }
        false => Err(broken.join("\n")),
    }
}

fn tracked_files() -> Result<Vec<PathBuf>, String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(PathBuf::from).filter(|file| root().join(file).is_file()).collect())
}

fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_default()
}

fn check_source(file: &Path, broken: &mut Vec<String>) {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if EMPTY_NAMES.contains(&name.as_str()) {
        broken.push(format!("{}: name the file after the one thing in it", file.display()));
    }
    let text = read(file);
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    if lines > MAX_LINES && !file.components().any(|part| part.as_os_str() == "tests") {
        broken.push(format!("{}: {lines} lines before its tests, at most {MAX_LINES}", file.display()));
    }
    // Deprecated upstream: a device name and a feature are all that may depend on them.
    for backend in [concat!("burn_", "ndarray"), concat!("burn_", "tch")] {
        if text.contains(backend) {
            broken.push(format!("{}: names {backend}", file.display()));
        }
    }
    if text.lines().any(|line| line.trim_start().starts_with("pub use") && line.ends_with("::*;")) {
        broken.push(format!("{}: glob re-export", file.display()));
    }
}

/// Every relative link and image of a document leads to a file.
fn check_links(file: &Path, broken: &mut Vec<String>) {
    let folder = file.parent().unwrap_or(Path::new(""));
    for part in read(file).split("](").skip(1) {
        let target = part.split([')', '#', ' ']).next().unwrap_or_default();
        let is_external = target.contains("://") || target.is_empty();
        if !is_external && !root().join(folder).join(target).exists() {
            broken.push(format!("{}: link to {target}, which is not there", file.display()));
        }
    }
}

fn check_layer(name: &str, forbidden: &[&str], broken: &mut Vec<String>) {
    let manifest = read(Path::new(&format!("crates/{name}/Cargo.toml")));
    for line in manifest.lines() {
        let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if forbidden.contains(&dependency) {
            broken.push(format!("crates/{name}/Cargo.toml: {name} must not know {dependency}"));
        }
    }
}

/// The commands that the documents promise are the ones that CI runs.
fn check_commands(broken: &mut Vec<String>) {
    let ci = read(Path::new(".ci/run"));
    for (document, command) in [
        ("README.md", "cargo run --release -- quickstart"),
        ("README.md", "cargo test --workspace"),
        ("docs/contributing.md", "cargo xtask conformance --all"),
    ] {
        for (name, text) in [(document, &read(Path::new(document))), (".ci/run", &ci)] {
            if !text.contains(command) {
                broken.push(format!("{name}: lacks the command {command:?}"));
            }
        }
    }
}
