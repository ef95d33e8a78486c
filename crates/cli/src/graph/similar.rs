//! `graph similar`.

use std::collections::HashMap;
use std::path::Path;

use burn_recsys_baselines::SimilarItems;
use burn_recsys_data::ItemVectors;
use burn_recsys_training::{Error, Result};
use serde_json::json;

use super::arguments::Similar;
use crate::arguments::Common;
use crate::data;
use crate::output::line;
use crate::table::Table;

/// What `graph train` leaves of items.
pub(super) const ITEMS: &str = "items.csv";
/// The files that vectors may be in.
pub(super) const FILES: [&str; 3] = ["vectors.safetensors", "vectors.txt", "vectors.bin"];

pub(super) fn run(common: &Common, arguments: &Similar) -> Result<()> {
    let Similar { vectors: folder, item, k } = arguments;
    let similar_items = SimilarItems::new(read(folder)?)?;
    let known = Known::read(&folder.join(ITEMS))?;
    let Some(similar) = similar_items.similar(item, *k as usize)? else {
        return Err(Error::Config { key: "--item", message: known.why_not(item) });
    };
    let title = |id: &str| known.title(id).unwrap_or_default();
    if common.json {
        let similar: Vec<_> = similar
            .iter()
            .map(|found| {
                let id = found.id.to_string();
                json!({"item": id, "title": title(&id), "cosine": found.cosine})
            })
            .collect();
        return data::print_json(&json!({"item": item, "title": title(item), "similar": similar}));
    }
    line(format_args!("like {item} {}", title(item)));
    let mut table = Table::new(["item", "cosine", "title"]);
    for found in &similar {
        let id = found.id.to_string();
        table.push([id.as_str(), &format!("{:.4}", found.cosine), title(&id)]);
    }
    table.print();
    Ok(())
}

/// The vectors in `folder`, in whichever format they are.
fn read(folder: &Path) -> Result<ItemVectors> {
    let [safetensors, text, binary] = FILES.map(|name| folder.join(name));
    if safetensors.exists() {
        return Ok(ItemVectors::read_safetensors(safetensors)?);
    }
    if text.exists() {
        return Ok(ItemVectors::read_word2vec_text(text)?);
    }
    if binary.exists() {
        return Ok(ItemVectors::read_word2vec_binary(binary)?);
    }
    let message =
        format!("{} holds none of {}; make them with graph train", folder.display(), FILES.join(", "));
    Err(Error::Config { key: "--vectors", message })
}

/// What is known of the items of a training, by id; nothing if there is no such file.
struct Known(HashMap<String, Item>);

struct Item {
    title: String,
    n_links: String,
}

impl Known {
    fn read(path: &Path) -> Result<Self> {
        let mut items = HashMap::new();
        if path.exists() {
            let broken = |error: csv::Error| {
                let line = error.position().map_or(1, csv::Position::line);
                burn_recsys_data::Error::Line { path: path.into(), line, message: error.to_string() }
            };
            let mut csv = csv::Reader::from_path(path).map_err(broken)?;
            for row in csv.records() {
                let row = row.map_err(broken)?;
                let cell = |at| row.get(at).unwrap_or_default().to_string();
                items.insert(cell(0), Item { title: cell(1), n_links: cell(2) });
            }
        }
        Ok(Known(items))
    }

    fn title(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(|item| item.title.as_str())
    }

    fn why_not(&self, id: &str) -> String {
        match self.0.get(id) {
            None => format!("{id:?} is not an item of the graph that was trained on"),
            Some(Item { n_links, .. }) if n_links == "0" => format!(
                "{id:?} has no vector: it has no link; with columns of features in items.csv, `graph train --model \
                 features` gives it one"
            ),
            Some(_) => {
                format!("{id:?} has no vector: no walk that was trained on had it; train with more walks")
            }
        }
    }
}
