//! The data sets known by name.

use std::path::Path;

use burn_recsys_data::named::{DataFolders, Fetch, NamedDataset};
use burn_recsys_data::{Dataset, movielens};
use burn_recsys_training::{DataConfig, Error, Result};
use serde::Serialize;
use serde_json::json;

use crate::arguments::Common;
use crate::output::line;
use crate::progress::DownloadProgress;
use crate::table::Table;

/// `data list`.
pub(crate) fn list(common: &Common) -> Result<()> {
    let folders = DataFolders::new(common.data_dir.as_deref());
    let rows: Vec<(NamedDataset, String)> =
        NamedDataset::ALL.into_iter().map(|dataset| (dataset, place(dataset, &folders))).collect();
    if common.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(dataset, place)| {
                json!({"name": dataset.name(), "description": dataset.description(), "place": place,
                       "url": dataset.url(), "bytes": dataset.size()})
            })
            .collect();
        return print_json(&json!({ "datasets": rows }));
    }
    let mut table = Table::new(["name", "what", "where"]);
    for (dataset, place) in rows {
        table.push([dataset.name(), dataset.description(), &place]);
    }
    table.print();
    Ok(())
}

fn place(dataset: NamedDataset, folders: &DataFolders) -> String {
    if dataset == NamedDataset::MlLatestSmall {
        return "inside this program; a copy in --data-dir comes first".into();
    }
    match dataset.locate(folders) {
        Ok(Some(path)) => path.display().to_string(),
        Ok(None) => "not here; data fetch downloads it".into(),
        Err(error) => error.to_string(),
    }
}

/// `data fetch`.
pub(crate) fn fetch(common: &Common, dataset: NamedDataset) -> Result<()> {
    let folders = DataFolders::new(common.data_dir.as_deref());
    let bar = DownloadProgress::new(dataset.name());
    let path = dataset.fetch(&folders, &|done, total| bar.update(done, total))?;
    drop(bar);
    match common.json {
        true => print_json(&json!({"name": dataset.name(), "path": path})),
        false => {
            line(format_args!("{} is in {}", dataset.name(), path.display()));
            Ok(())
        }
    }
}

/// What `key` names: a data set, or a folder or file of MovieLens.
pub(crate) fn named_or_path(key: &'static str, source: &str) -> Result<DataConfig> {
    match source.parse::<NamedDataset>() {
        Ok(dataset) => Ok(DataConfig::Named { name: dataset.name().into() }),
        Err(_) if Path::new(source).exists() => Ok(DataConfig::MovieLens { movielens: source.into() }),
        Err(error) => {
            let message = format!("{error}; and no folder or file has this path");
            Err(Error::Config { key, message })
        }
    }
}

/// Reads what a configuration names, fetching it if need be.
pub(crate) fn load(common: &Common, config: &DataConfig) -> Result<Dataset> {
    match config {
        DataConfig::Named { name } => {
            let dataset: NamedDataset = name.parse().map_err(|error: burn_recsys_data::Error| {
                Error::Config { key: "data.name", message: error.to_string() }
            })?;
            let bar = DownloadProgress::new(dataset.name());
            let folders = DataFolders::new(common.data_dir.as_deref());
            Ok(dataset.load(&folders, Fetch::IfAbsent, &|done, total| bar.update(done, total))?)
        }
        DataConfig::MovieLens { movielens: path } if path.is_dir() => {
            Ok(movielens::read_folder(&last_parts(path, 1), path)?)
        }
        DataConfig::MovieLens { movielens: path } => Ok(movielens::read_ratings(&last_parts(path, 2), path)?),
        DataConfig::File { path, format } => {
            let interactions = burn_recsys_data::read_interactions(path, format)?;
            Ok(Dataset {
                name: path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
                users: burn_recsys_data::FeatureTable::new(interactions.n_users()),
                items: burn_recsys_data::FeatureTable::new(interactions.n_items()),
                interactions,
            })
        }
    }
}

/// The last `n` parts of a path: a ratings file is known by its data set's folder, too.
fn last_parts(path: &Path, n: usize) -> String {
    let parts: Vec<_> = path.iter().filter(|part| *part != "/").map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(n)..].join("/")
}

/// One JSON object on standard output.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<()> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(format_args!("{text}")),
        Err(error) => return Err(Error::Config { key: "--json", message: error.to_string() }),
    }
    Ok(())
}
