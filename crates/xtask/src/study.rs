//! The page and the figures of the study, made by the program itself.

use std::fs;
use std::path::Path;

use crate::run::{root, run};

/// The studies: the configuration's name, and the title of the section.
const STUDIES: [(&str, &str); 2] =
    [("ml-1m", "MovieLens 1M, users 1 to 2999"), ("ml-latest-small", "MovieLens latest-small")];
/// The figures of a study: the file, and what it shows.
const FIGURES: [(&str, &str); 3] = [
    ("auc-by-slice", "AUC of every representation by slice"),
    ("gate", "Weight of the id expert by activity"),
    ("memory", "AUC against the bytes of the user representation"),
];
const HEAD: &str = "\
# Study: results

Written by `cargo xtask study`; do not edit. What is compared, and what follows from it, is in
[Ways to know a user](user-representations.md). The configurations are in
[`examples/studies`](../examples/studies). \"±\" is half of the 95% interval of the mean over seeds, by
Student's t.
";

/// Runs the studies, continuing what was cut off, and writes `docs/study.md` and its figures. `ratings` is the
/// file of the ratings of users 1 to 2999 of MovieLens 1M.
pub(crate) fn study(ratings: &str) -> Result<(), String> {
    let mut page = HEAD.to_string();
    for (name, title) in STUDIES {
        let (config, out) = (format!("examples/studies/{name}.toml"), format!("runs/study-{name}"));
        let mut arguments = vec!["run", "--release", "--", "compare", "--out", &out];
        if root().join(&out).is_dir() {
            arguments.push("--resume");
        }
        arguments.extend(["--config", &config]);
        if name == "ml-1m" {
            arguments.extend(["--data", ratings]);
        }
        run("cargo", &arguments)?;
        let folder = root().join(&out);
        page += &format!("\n## {title}\n\n");
        for (figure, shows) in FIGURES {
            let image = format!("images/study-{name}-{figure}.svg");
            copy(&folder.join(format!("{figure}.svg")), &root().join(&image))?;
            page += &format!("![{shows}](../{image})\n\n");
        }
        page += read(&folder.join("table.md"))?.trim_end();
        page += "\n";
    }
    let path = root().join("docs/study.md");
    fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}
