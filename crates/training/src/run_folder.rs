//! The folder in which a run keeps everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn_recsys_data::{Csr, IdMap, SplitManifest};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::checkpoint::{self, Phase};
use crate::{EpochRecord, Error, Optimizers, Prepared, Result, RunConfig, TrainState, files};

/// A run's folder.
///
/// | file | holds |
/// |---|---|
/// | `config.toml` | the configuration with all defaults written out, the seed among them |
/// | `split.json` | parameters, counts and content hashes of the split |
/// | `ids.json` | external ids of users and items in the order of their indices |
/// | `titles.json` | a title for every item |
/// | `seen.safetensors` | what every user met in training |
/// | `metrics.jsonl` | a line for every epoch |
/// | `checkpoints/` | the last two epochs of each phase, to resume from |
/// | `best.safetensors` | the best weights so far with rows held out |
/// | `model.safetensors` | the trained weights; there only once training is finished |
/// | `serving/` | what `burn-recsys serve` answers from |
/// | `results.json` | what was measured on the test part |
/// | `checksums.json` | SHA-256 of the files that are written once; a file that was changed is refused |
///
/// Every file is whole or absent, so a killed process leaves a folder that can be read and resumed.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Ids {
    users: IdMap,
    items: IdMap,
}

/// A line of `metrics.jsonl`.
#[derive(Serialize, Deserialize)]
struct Line<E> {
    phase: Phase,
    #[serde(flatten)]
    epoch: E,
}

/// SHA-256 by file name.
type Checksums = BTreeMap<String, String>;

const CONFIG: &str = "config.toml";
const MODEL: &str = "model.safetensors";
const METRICS: &str = "metrics.jsonl";
const SEEN: &str = "seen.safetensors";
const CHECKSUMS: &str = "checksums.json";
/// What is written once, when the run starts, and never changed.
const WRITTEN_ONCE: [&str; 5] = [CONFIG, "ids.json", "titles.json", "split.json", SEEN];
const RETRAIN: &str = "train again with --resume, or into a new folder";
/// What only a new run writes.
const RENEW: &str = "train into a new folder";

impl RunFolder {
    /// A new folder for a run of `config` on `prepared`.
    ///
    /// # Errors
    /// If there is a folder or file at `path`, or it cannot be written.
    pub fn create(path: &Path, config: &RunConfig, prepared: &Prepared) -> Result<Self> {
        if path.exists() {
            let message = "is there already; name another folder, or resume this run";
            return Err(Error::Folder { path: path.to_path_buf(), message: message.into() });
        }
        let parent = files::parent(path);
        fs::create_dir_all(parent).map_err(|source| Error::io("create", parent, source))?;
        files::write_folder_atomic(path, |folder| {
            let run = RunFolder { path: folder.to_path_buf() };
            let ids = Ids {
                users: prepared.train.user_ids().as_ref().clone(),
                items: prepared.train.item_ids().as_ref().clone(),
            };
            run.write_json("ids.json", &ids)?;
            run.write_json("titles.json", &prepared.titles)?;
            run.write_json("split.json", &prepared.manifest)?;
            run.write_seen(&prepared.train.items_by_user())?;
            let checkpoints = run.checkpoints();
            fs::create_dir(&checkpoints).map_err(|source| Error::io("create", &checkpoints, source))?;
            files::write_atomic(&run.file(CONFIG), config.to_toml()?.as_bytes())?;
            let checksum = |name: &str| Ok((name.to_string(), files::sha256(&files::read(&run.file(name))?)));
            run.write_json(CHECKSUMS, &WRITTEN_ONCE.into_iter().map(checksum).collect::<Result<Checksums>>()?)
        })?;
        Ok(RunFolder { path: path.to_path_buf() })
    }

    /// An existing run.
    ///
    /// # Errors
    /// If there is none at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let run = RunFolder { path: path.to_path_buf() };
        if !run.file(CONFIG).is_file() {
            let message =
                format!("has no {CONFIG}, so it is not a run folder; make one with `burn-recsys train`");
            return Err(Error::Folder { path: path.to_path_buf(), message });
        }
        Ok(run)
    }

    /// Deletes the run at `path`, if there is one.
    ///
    /// # Errors
    /// If what is there is not a run folder: it is left alone.
    pub fn delete(path: &Path) -> Result<()> {
        if !path.exists() {
            return Ok(());
        }
        RunFolder::open(path)?;
        files::remove_folder(path)
    }

    /// Where what it serves is: see [`write_serving`](crate::write_serving).
    pub fn serving(&self) -> PathBuf {
        self.file("serving")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's configuration.
    ///
    /// # Errors
    /// If the file cannot be read or was edited into something impossible.
    pub fn config(&self) -> Result<RunConfig> {
        self.read_checked(CONFIG)?;
        RunConfig::read(&self.file(CONFIG))
    }

    /// The split that the run was trained on.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn manifest(&self) -> Result<SplitManifest> {
        self.read_json("split.json")
    }

    /// Whether training is finished.
    pub fn is_finished(&self) -> bool {
        self.file(MODEL).is_file()
    }

    /// Checks that `prepared` is what the run was trained on, so that a resumed run or an evaluation
    /// does not mix two data sets.
    ///
    /// # Errors
    /// If the hashes differ.
    pub fn check(&self, prepared: &Prepared) -> Result<()> {
        let (saved, found) = (self.manifest()?, &prepared.manifest);
        if (&saved.train.sha256, &saved.test.sha256) != (&found.train.sha256, &found.test.sha256) {
            return Err(Error::Folder {
                path: self.path.clone(),
                message: format!(
                    "was trained on other data: its split has {} training rows with hash {}, this one {} with {}",
                    saved.train.interactions,
                    saved.train.sha256,
                    found.train.interactions,
                    found.train.sha256
                ),
            });
        }
        Ok(())
    }

    /// External ids of users and items.
    pub(crate) fn ids(&self) -> Result<(IdMap, IdMap)> {
        let ids: Ids = self.read_json("ids.json")?;
        Ok((ids.users, ids.items))
    }

    /// A title for every item; empty where none is known.
    pub(crate) fn titles(&self) -> Result<Vec<String>> {
        self.read_json("titles.json")
    }

    /// Saves the numbers of an evaluation.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_results<T: Serialize>(&self, results: &T) -> Result<()> {
        self.write_json("results.json", results)
    }

    /// Saves a file of text, such as a plot.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<()> {
        files::write_atomic(&self.file(name), text.as_bytes())
    }

    /// Saves the state of a phase after an epoch.
    pub(crate) fn save<M: Module>(
        &self,
        phase: Phase,
        state: &TrainState<M>,
        search: &[EpochRecord],
    ) -> Result<()> {
        let records = match phase {
            Phase::Search => state.history.iter().map(|epoch| Line { phase, epoch }).collect::<Vec<_>>(),
            Phase::Fit => {
                let before = search.iter().map(|epoch| Line { phase: Phase::Search, epoch });
                before.chain(state.history.iter().map(|epoch| Line { phase, epoch })).collect()
            }
        };
        let mut text = String::new();
        for record in records {
            text += &serde_json::to_string(&record)
                .map_err(|error| Error::corrupt(&self.path, error.to_string()))?;
            text.push('\n');
        }
        files::write_atomic(&self.file(METRICS), text.as_bytes())?;
        checkpoint::save(&self.checkpoints(), phase, state)
    }

    /// The epochs of `metrics.jsonl`: those with rows held out, and those on all training rows.
    pub(crate) fn history(&self) -> Result<(Vec<EpochRecord>, Vec<EpochRecord>)> {
        let path = self.file(METRICS);
        let (mut search, mut fit) = (Vec::new(), Vec::new());
        for (at, line) in files::read(&path)?.split(|&byte| byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let Line { phase, epoch }: Line<EpochRecord> = serde_json::from_slice(line)
                .map_err(|error| Error::corrupt(&path, format!("line {}: {error}; {RENEW}", at + 1)))?;
            match phase {
                Phase::Search => search.push(epoch),
                Phase::Fit => fit.push(epoch),
            }
        }
        Ok((search, fit))
    }

    /// Restores the newest checkpoint of a phase.
    pub(crate) fn load<M: Module>(
        &self,
        phase: Phase,
        model: M,
        optimizers: Optimizers,
    ) -> Result<Option<TrainState<M>>> {
        checkpoint::load(&self.checkpoints(), phase, model, optimizers)
    }

    /// Deletes what a killed process left half written.
    pub(crate) fn clean(&self) -> Result<()> {
        files::remove_half_written(&self.path)?;
        files::remove_half_written(&self.checkpoints())
    }

    /// Saves weights under a name of their own: the trained model, or the best so far.
    pub(crate) fn save_weights<M: Module>(&self, name: &str, model: &M) -> Result<()> {
        checkpoint::save_weights(model, &self.file(name))
    }

    /// Loads weights saved under that name.
    pub(crate) fn load_weights<M: Module>(&self, name: &str, model: &mut M) -> Result<()> {
        checkpoint::load_weights(model, &self.file(name), RETRAIN)
    }

    /// Saves the trained weights: the run is finished.
    pub(crate) fn finish<M: Module>(&self, model: &M) -> Result<()> {
        self.save_weights(MODEL, model)?;
        // After the weights: without this line they are only not compared.
        let mut checksums: Checksums = self.read_json(CHECKSUMS)?;
        checksums.insert(MODEL.into(), files::sha256(&files::read(&self.file(MODEL))?));
        self.write_json(CHECKSUMS, &checksums)
    }

    /// Loads the trained weights.
    pub(crate) fn load_model<M: Module>(&self, model: &mut M) -> Result<()> {
        if !self.is_finished() {
            let message = "training is not finished; continue it with `burn-recsys train --resume`";
            return Err(Error::Folder { path: self.path.clone(), message: message.into() });
        }
        self.load_weights(MODEL, model)?;
        self.read_checked(MODEL).map(|_| ())
    }

    /// For every user the items of the training part, ascending.
    pub(crate) fn seen(&self) -> Result<Csr> {
        let path = self.file(SEEN);
        let refuse = |what: &str| Error::corrupt(&path, format!("{what}; {RENEW}"));
        let bytes = self.read_checked(SEEN)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| refuse(&error.to_string()))?;
        let column = |name: &str| -> Result<Vec<u32>> {
            let view = tensors.tensor(name).map_err(|error| refuse(&error.to_string()))?;
            if view.dtype() != Dtype::U32 {
                return Err(refuse(&format!("{name:?} is not u32")));
            }
            Ok(view.data().chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        let (counts, items) = (column("counts")?, column("items")?);
        let mut rest = items.as_slice();
        let mut rows = Vec::with_capacity(counts.len());
        for count in counts {
            let Some((row, after)) = rest.split_at_checked(count as usize) else {
                return Err(refuse("has more counts than items"));
            };
            rows.push(row);
            rest = after;
        }
        Ok(Csr::from_rows(rows))
    }

    fn write_seen(&self, seen: &Csr) -> Result<()> {
        let path = self.file(SEEN);
        let bytes =
            |values: &mut dyn Iterator<Item = u32>| values.flat_map(u32::to_le_bytes).collect::<Vec<u8>>();
        let counts = bytes(&mut seen.rows().map(|row| row.len() as u32));
        let items = bytes(&mut seen.rows().flatten().copied());
        let refuse = |error: safetensors::SafeTensorError| Error::corrupt(&path, error.to_string());
        let counts = TensorView::new(Dtype::U32, vec![seen.n_rows()], &counts).map_err(refuse)?;
        let items = TensorView::new(Dtype::U32, vec![seen.n_values()], &items).map_err(refuse)?;
        let packed = safetensors::serialize([("counts", counts), ("items", items)], None).map_err(refuse)?;
        files::write_atomic(&path, &packed)
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let path = self.file(name);
        let mut text =
            serde_json::to_vec_pretty(value).map_err(|error| Error::corrupt(&path, error.to_string()))?;
        text.push(b'\n');
        files::write_atomic(&path, &text)
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.file(name);
        let refuse = |error: &dyn std::fmt::Display| Error::corrupt(&path, format!("{error}; {RENEW}"));
        let bytes = self.read_checked(name)?;
        serde_json::from_slice(&bytes).map_err(|error| refuse(&error))
    }

    /// Reads a file and compares it with its checksum, if there is one.
    fn read_checked(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.file(name);
        let remedy = if name == MODEL { RETRAIN } else { RENEW };
        let refuse = |what: String| Error::corrupt(&path, format!("{what}; {remedy}"));
        let bytes = files::read(&path).map_err(|error| refuse(error.to_string()))?;
        if name != CHECKSUMS
            && let Some(expected) = self.read_json::<Checksums>(CHECKSUMS)?.get(name)
            && *expected != files::sha256(&bytes)
        {
            return Err(refuse("was changed after the run wrote it (its SHA-256 is another)".into()));
        }
        Ok(bytes)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn checkpoints(&self) -> PathBuf {
        self.file("checkpoints")
    }
}
