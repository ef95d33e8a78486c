//! The model that answers now, and its successor.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use crate::folder::{CURRENT, current_version};
use crate::model::{MakeIndex, ModelConfig, ServingModel};
use crate::{Error, Result};

/// A folder and the version of it that is served.
///
/// Whoever answers takes [`current`](Self::current) once and uses it to the end: no answer mixes two versions.
pub struct LiveModel {
    folder: PathBuf,
    config: ModelConfig,
    index: Box<MakeIndex>,
    current: RwLock<Loaded>,
    /// What stood in the folder when it was refused.
    refused: Mutex<Option<Stamp>>,
    accepted_swaps: AtomicU64,
    refused_swaps: AtomicU64,
}

#[derive(Clone)]
struct Loaded {
    model: Arc<ServingModel>,
    since: SystemTime,
}

/// What tells that a folder was written again, even with the same version.
#[derive(Debug, PartialEq)]
struct Stamp {
    version: String,
    written: Option<SystemTime>,
}

/// What came of looking for a newer version.
#[derive(Debug)]
pub enum Reload {
    /// The folder serves what is loaded, or what was refused before.
    Unchanged,
    /// Another version answers from now on.
    Swapped {
        /// The version that answered before.
        from: String,
        /// The version that answers now.
        to: String,
    },
    /// The folder's version cannot be used; the one before goes on answering.
    Refused(Error),
}

impl LiveModel {
    /// Opens what a folder serves; see [`ServingModel::open_with`].
    ///
    /// # Errors
    /// If the folder is damaged or cannot answer.
    pub fn open(folder: &Path, config: ModelConfig, index: Box<MakeIndex>) -> Result<Self> {
        let model = Arc::new(ServingModel::open_with(folder, &config, &*index)?);
        Ok(LiveModel {
            folder: folder.into(),
            config,
            index,
            current: RwLock::new(Loaded { model, since: SystemTime::now() }),
            refused: Mutex::new(None),
            accepted_swaps: AtomicU64::new(0),
            refused_swaps: AtomicU64::new(0),
        })
    }

    /// The version that answers now; it stays whole for as long as it is held.
    pub fn current(&self) -> Arc<ServingModel> {
        self.loaded().model
    }

    /// When the version that answers now was loaded.
    pub fn loaded_at(&self) -> SystemTime {
        self.loaded().since
    }

    /// How many versions replaced another.
    pub fn accepted_swaps(&self) -> u64 {
        self.accepted_swaps.load(Ordering::Relaxed)
    }

    /// How many versions were refused.
    pub fn refused_swaps(&self) -> u64 {
        self.refused_swaps.load(Ordering::Relaxed)
    }

    /// Looks whether the folder serves another version; loads it beside the old one, checks all of it as
    /// [`ServingModel::open_with`] does, and lets it answer from then on.
    ///
    /// Takes as long as opening, on one core; answers go on meanwhile. What was refused is not tried again
    /// until the folder is written again, or `tries_again` is set. A folder that is itself a version never
    /// changes.
    pub fn reload(&self, tries_again: bool) -> Reload {
        // One at a time; the lock is not needed for answers.
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = match self.stamp() {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return Reload::Unchanged,
            Err(error) => {
                return self.refuse(&mut refused, Stamp { version: String::new(), written: None }, error);
            }
        };
        let from = self.current().version().to_string();
        if stamp.version == from {
            *refused = None;
            return Reload::Unchanged;
        }
        if !tries_again && refused.as_ref() == Some(&stamp) {
            return Reload::Unchanged;
        }
        match self.open_beside() {
            Ok(model) => {
                let to = model.version().to_string();
                let loaded = Loaded { model: Arc::new(model), since: SystemTime::now() };
                let old = {
                    let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                    std::mem::replace(&mut *current, loaded)
                };
                // Here, not in a request, unless a request still holds it.
                drop(old);
                *refused = None;
                self.accepted_swaps.fetch_add(1, Ordering::Relaxed);
                Reload::Swapped { from, to }
            }
            Err(error) => self.refuse(&mut refused, stamp, error),
        }
    }

    fn refuse(&self, refused: &mut Option<Stamp>, stamp: Stamp, error: Error) -> Reload {
        if refused.as_ref() == Some(&stamp) {
            return Reload::Unchanged;
        }
        // What the system refused now, such as a file handle, it may give in a second.
        *refused = (!matches!(error, Error::Io { .. })).then_some(stamp);
        self.refused_swaps.fetch_add(1, Ordering::Relaxed);
        Reload::Refused(error)
    }

    /// Opens on one core: the others answer.
    fn open_beside(&self) -> Result<ServingModel> {
        let open = || ServingModel::open_with(&self.folder, &self.config, &*self.index);
        match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
            Ok(pool) => pool.install(open),
            Err(_) => open(),
        }
    }

    fn stamp(&self) -> Result<Option<Stamp>> {
        let path = self.folder.join(CURRENT);
        if !path.exists() && self.folder.join(crate::folder::MANIFEST).is_file() {
            return Ok(None);
        }
        let version = current_version(&self.folder)?;
        let written = fs::metadata(&path).and_then(|data| data.modified()).ok();
        Ok(Some(Stamp { version, written }))
    }

    fn loaded(&self) -> Loaded {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for LiveModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "LiveModel({}, {:?})", self.folder.display(), self.current())
    }
}
