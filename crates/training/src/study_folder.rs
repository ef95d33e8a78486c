//! The folder in which a study keeps its outcomes.

use std::fs;
use std::path::{Path, PathBuf};

use burn_recsys_models::Examples;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::study::{CandidateReport, Study, StudyConfig, StudyReport, StudyRows};
use crate::{Error, Result, files};

/// A study's folder.
///
/// | file | holds |
/// |---|---|
/// | `config.toml` | the configuration with all defaults written out |
/// | `rows.json` | how many rows are learned from and measured, and a hash of them |
/// | `results.json` | the [`StudyReport`], as far as it is known |
///
/// Every file is whole or absent, so a killed process leaves a folder that can be read and resumed.
#[derive(Debug, Clone)]
pub struct StudyFolder {
    path: PathBuf,
}

/// What `rows.json` holds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct RowsRecord {
    train: usize,
    test: usize,
    /// SHA-256 of ids, features and labels of both parts.
    sha256: String,
}

const CONFIG: &str = "config.toml";
const ROWS: &str = "rows.json";
const RESULTS: &str = "results.json";

impl StudyFolder {
    /// A new folder for a study of `config`, made ready as `study`.
    ///
    /// # Errors
    /// If there is a folder or file at `path`, or it cannot be written.
    pub fn create(path: &Path, config: &StudyConfig, study: &Study) -> Result<Self> {
        Self::refuse_existing(path)?;
        let parent = files::parent(path);
        fs::create_dir_all(parent).map_err(|source| Error::io("create", parent, source))?;
        files::write_folder_atomic(path, |folder| {
            let folder = StudyFolder { path: folder.to_path_buf() };
            folder.write_json(ROWS, &RowsRecord::of(study.rows()))?;
            folder.write_text(CONFIG, &config.to_toml()?)
        })?;
        Ok(StudyFolder { path: path.to_path_buf() })
    }

    /// Checks that there is nothing at `path`, before the work that [`create`](Self::create) needs is done.
    ///
    /// # Errors
    /// If there is a folder or file.
    pub fn refuse_existing(path: &Path) -> Result<()> {
        if path.exists() {
            let message = "is there already; name another folder, or resume this study";
            return Err(Error::Folder { path: path.to_path_buf(), message: message.into() });
        }
        Ok(())
    }

    /// An existing study, cleaned of what a killed process left half written.
    ///
    /// # Errors
    /// If there is none at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = StudyFolder { path: path.to_path_buf() };
        if let Some(absent) = [CONFIG, ROWS].into_iter().find(|name| !folder.file(name).is_file()) {
            let message = format!(
                "has no {absent}, so it is not the folder of a study; make one with `burn-recsys compare`"
            );
            return Err(Error::Folder { path: path.to_path_buf(), message });
        }
        files::remove_half_written(path)?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The study's configuration.
    ///
    /// # Errors
    /// If the file cannot be read or was edited into something impossible.
    pub fn config(&self) -> Result<StudyConfig> {
        StudyConfig::read(&self.file(CONFIG))
    }

    /// Checks that `config` and `study` are those of this folder, so that a resumed study does not mix
    /// two.
    ///
    /// # Errors
    /// If they differ; the message has the keys that do.
    pub fn check(&self, config: &StudyConfig, study: &Study) -> Result<()> {
        self.check_config(config)?;
        let (saved, found) = (self.read_json::<RowsRecord>(ROWS)?, RowsRecord::of(study.rows()));
        if saved != found {
            let describe = |rows: &RowsRecord| {
                format!("{} training and {} test rows with hash {}", rows.train, rows.test, rows.sha256)
            };
            let message =
                format!("is of other data: it has {}, this is {}", describe(&saved), describe(&found));
            return Err(Error::Folder { path: self.path.clone(), message });
        }
        Ok(())
    }

    /// The part of [`check`](Self::check) that needs no data.
    ///
    /// # Errors
    /// If the configurations differ; the message has the keys that do.
    pub fn check_config(&self, config: &StudyConfig) -> Result<()> {
        let value = |config: &StudyConfig| {
            serde_json::to_value(config).map_err(|error| Error::corrupt(self.file(CONFIG), error.to_string()))
        };
        let mut keys = Vec::new();
        differences(&value(&self.config()?)?, &value(config)?, "", &mut keys);
        if keys.is_empty() {
            return Ok(());
        }
        let message = format!(
            "differs from the configuration of the study in {}: {}; leave --config and --data out to continue \
             that study, or name another folder",
            self.path.display(),
            keys.join(", ")
        );
        Err(Error::Config { key: "--config", message })
    }

    /// The outcomes that are there; none before the first training is done.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn outcomes(&self) -> Result<Vec<CandidateReport>> {
        if !self.file(RESULTS).is_file() {
            return Ok(Vec::new());
        }
        Ok(self.read_json::<StudyReport>(RESULTS)?.candidates)
    }

    /// Saves outcomes in place of those that are there.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_results(&self, report: &StudyReport) -> Result<()> {
        self.write_json(RESULTS, report)
    }

    /// Saves a file of text, such as a plot.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<()> {
        files::write_atomic(&self.file(name), text.as_bytes())
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let refuse = |error: serde_json::Error| Error::corrupt(self.file(name), error.to_string());
        self.write_text(name, &(serde_json::to_string_pretty(value).map_err(refuse)? + "\n"))
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.file(name);
        serde_json::from_slice(&files::read(&path)?)
            .map_err(|error| Error::corrupt(&path, format!("{error}; start the study in a new folder")))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl RowsRecord {
    fn of(rows: &StudyRows) -> Self {
        let mut hash = Sha256::new();
        for part in [&rows.train, &rows.test] {
            hash_examples(part, &mut hash);
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        RowsRecord { train: rows.train.n_rows(), test: rows.test.n_rows(), sha256 }
    }
}

/// All that a model reads of these rows, and their labels.
fn hash_examples(rows: &Examples, hash: &mut Sha256) {
    const CHUNK: usize = 1 << 14;
    for ids in [rows.user_ids(), rows.item_ids()] {
        for chunk in ids.chunks(CHUNK) {
            hash.update(chunk.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>());
        }
    }
    for values in [rows.user_features(), rows.item_features(), rows.cross_features(), rows.labels()] {
        for chunk in values.chunks(CHUNK) {
            hash.update(chunk.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect::<Vec<u8>>());
        }
    }
}

/// The keys whose values differ, with both.
fn differences(saved: &Value, given: &Value, key: &str, keys: &mut Vec<String>) {
    let (Value::Object(of_saved), Value::Object(of_given)) = (saved, given) else {
        if saved != given {
            keys.push(format!("{key} is {saved} there and {given} here"));
        }
        return;
    };
    let only_given = of_given.keys().filter(|name| !of_saved.contains_key(*name));
    for name in of_saved.keys().chain(only_given) {
        let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        match (of_saved.get(name), of_given.get(name)) {
            (Some(saved), Some(given)) => differences(saved, given, &key, keys),
            (Some(saved), None) => keys.push(format!("{key} is {saved} there and unset here")),
            (None, given) => {
                keys.push(format!("{key} is unset there and {} here", given.unwrap_or(&Value::Null)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named_with_both_values() {
        let saved = json!({"a": {"b": 1, "c": [1, 2]}, "d": "x", "e": {"f": 1}});
        let mut keys = Vec::new();
        differences(&saved, &saved, "", &mut keys);
        assert_eq!(keys, Vec::<String>::new());
        differences(&saved, &json!({"a": {"b": 1, "c": [1]}, "g": true, "e": null}), "", &mut keys);
        assert_eq!(
            keys,
            [
                "a.c is [1,2] there and [1] here",
                "d is \"x\" there and unset here",
                "e is {\"f\":1} there and null here",
                "g is unset there and true here",
            ]
        );
    }
}
