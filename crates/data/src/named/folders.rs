//! Where data sets are looked for.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The folders that hold data sets, as `<folder>/<name>/` or `<folder>/<name>.zip`, in the order in
/// which they are searched. What is fetched goes into the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolders {
    data_dir: Option<PathBuf>,
    others: Vec<PathBuf>,
}

impl DataFolders {
    /// `data_dir`, then the environment variable `BURN_RECSYS_DATA`, then `burn-recsys` in the
    /// platform's cache folder.
    pub fn new(data_dir: Option<&Path>) -> Self {
        let variable = std::env::var_os("BURN_RECSYS_DATA").filter(|value| !value.is_empty());
        let cache = dirs::cache_dir().map(|folder| folder.join("burn-recsys"));
        Self::of(data_dir, variable.map(PathBuf::from).into_iter().chain(cache))
    }

    /// `data_dir`, then `others`, whatever the environment says.
    pub fn of(data_dir: Option<&Path>, others: impl IntoIterator<Item = PathBuf>) -> Self {
        DataFolders { data_dir: data_dir.map(Path::to_path_buf), others: others.into_iter().collect() }
    }

    /// The folder that the caller named.
    #[cfg_attr(not(feature = "embedded"), allow(dead_code))]
    pub(super) fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// All folders in order.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        self.data_dir.iter().chain(&self.others).map(PathBuf::as_path)
    }

    pub(super) fn first(&self) -> Result<&Path> {
        self.roots().next().ok_or_else(|| Error::Parameter {
            parameter: "data-dir",
            message: "this machine has no cache folder; name a folder, here or in BURN_RECSYS_DATA".into(),
        })
    }
}
