//! The figures of README, made by the program itself.

use std::fs;

use crate::run::{root, run};

const BEGIN: &str = "<!-- quickstart table: written by `cargo xtask plots` -->";
const END: &str = "<!-- end of quickstart table -->";

/// Runs quickstart and copies its loss curve and table.
pub(crate) fn plots() -> Result<(), String> {
    run("cargo", &["run", "--release", "--", "quickstart"])?;
    let folder = root().join("runs/quickstart");
    let refuse = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    fs::copy(folder.join("loss.svg"), root().join("images/quickstart-loss.svg"))
        .map_err(|error| refuse("images/quickstart-loss.svg", &error))?;
    let text =
        fs::read_to_string(folder.join("results.json")).map_err(|error| refuse("results.json", &error))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| refuse("results.json", &error))?;
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).map_err(|error| refuse("README.md", &error))?;
    let (Some(begin), Some(end)) = (readme.find(BEGIN), readme.find(END)) else {
        return Err(format!("README.md: expected the lines {BEGIN} and {END}"));
    };
    let readme = format!("{}{BEGIN}\n{}{}", &readme[..begin], table(&json), &readme[end..]);
    fs::write(&path, readme).map_err(|error| refuse("README.md", &error))
}

/// The models as a Markdown table.
fn table(json: &serde_json::Value) -> String {
    let metrics = ["NDCG@10", "HitRate@10", "Recall@10", "MRR@10", "Coverage@10"];
    let mut text = format!("| model | {} | train s |\n", metrics.join(" | "));
    text += &format!("|---|{}---:|\n", "---:|".repeat(metrics.len()));
    for model in json["models"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let values: Vec<String> = metrics
            .iter()
            .map(|metric| model["metrics"][metric].as_f64().map_or("-".into(), |value| format!("{value:.4}")))
            .collect();
        let seconds = model["seconds"]["train"].as_f64().unwrap_or_default();
        let name = model["name"].as_str().unwrap_or_default();
        text += &format!("| {name} | {} | {seconds:.1} |\n", values.join(" | "));
    }
    text
}
