//! Data sets known by name: where they come from, how they are checked, where they are kept.
//!
//! ```no_run
//! use burn_recsys_data::named::{DataFolders, Fetch, NamedDataset};
//!
//! let folders = DataFolders::new(None);
//! let dataset = NamedDataset::Ml100k.load(&folders, Fetch::IfAbsent, &|_done, _total| {})?;
//! assert_eq!(dataset.interactions.len(), 100_000);
//! # Ok::<(), burn_recsys_data::Error>(())
//! ```

#[cfg(feature = "download")]
mod download;
#[cfg(feature = "embedded")]
mod embedded;
mod folders;
mod unpack;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

pub use folders::DataFolders;

use crate::{Dataset, Error, Result, movielens};

/// A data set known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedDataset {
    /// `ml-latest-small`: inside the program with the feature `embedded`.
    MlLatestSmall,
    /// `ml-100k`.
    Ml100k,
    /// `ml-1m`.
    Ml1m,
    /// `ml-20m`.
    Ml20m,
    /// `ml-25m`.
    Ml25m,
    /// `ml-32m`.
    Ml32m,
}

/// Whether [`NamedDataset::load`] may use the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// A data set that is not on this machine is an error.
    Never,
    /// A data set that is not on this machine is fetched.
    IfAbsent,
}

/// What the owner publishes about an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Published {
    bytes: u64,
    md5: &'static str,
}

const NOT_EMBEDDED: &str = "this build has no `embedded` feature";

/// Told how many bytes of how many are there.
pub type Progress<'a> = &'a dyn Fn(u64, u64);

impl NamedDataset {
    /// All named data sets, smallest first.
    pub const ALL: [NamedDataset; 6] = [
        NamedDataset::Ml100k,
        NamedDataset::MlLatestSmall,
        NamedDataset::Ml1m,
        NamedDataset::Ml20m,
        NamedDataset::Ml25m,
        NamedDataset::Ml32m,
    ];

    /// The name that [`from_str`](Self::from_str) reads and folders carry.
    pub fn name(self) -> &'static str {
        match self {
            NamedDataset::MlLatestSmall => "ml-latest-small",
            NamedDataset::Ml100k => "ml-100k",
            NamedDataset::Ml1m => "ml-1m",
            NamedDataset::Ml20m => "ml-20m",
            NamedDataset::Ml25m => "ml-25m",
            NamedDataset::Ml32m => "ml-32m",
        }
    }

    /// One line on what it holds.
    pub fn description(self) -> &'static str {
        match self {
            NamedDataset::MlLatestSmall => "MovieLens latest-small (2018): 100,836 ratings, 610 users",
            NamedDataset::Ml100k => {
                "MovieLens 100K (1998): 100,000 ratings, 943 users with age and occupation"
            }
            NamedDataset::Ml1m => {
                "MovieLens 1M (2000): 1,000,209 ratings, 6,040 users with age and occupation"
            }
            NamedDataset::Ml20m => "MovieLens 20M (2015): 20,000,263 ratings, 138,493 users",
            NamedDataset::Ml25m => "MovieLens 25M (2019): 25,000,095 ratings, 162,541 users",
            NamedDataset::Ml32m => "MovieLens 32M (2023): 32,000,204 ratings, 200,948 users",
        }
    }

    /// The archive's official address.
    pub fn url(self) -> &'static str {
        match self {
            NamedDataset::MlLatestSmall => {
                "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
            }
            NamedDataset::Ml100k => "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
            NamedDataset::Ml1m => "https://files.grouplens.org/datasets/movielens/ml-1m.zip",
            NamedDataset::Ml20m => "https://files.grouplens.org/datasets/movielens/ml-20m.zip",
            NamedDataset::Ml25m => "https://files.grouplens.org/datasets/movielens/ml-25m.zip",
            NamedDataset::Ml32m => "https://files.grouplens.org/datasets/movielens/ml-32m.zip",
        }
    }

    /// The size of the archive in bytes; `None` for ml-latest-small, whose archive may change.
    pub fn size(self) -> Option<u64> {
        self.published().map(|published| published.bytes)
    }

    /// The archive's MD5 as published in the `.md5` file beside it; `None` for ml-latest-small.
    pub fn md5(self) -> Option<&'static str> {
        self.published().map(|published| published.md5)
    }

    fn published(self) -> Option<Published> {
        let (bytes, md5) = match self {
            NamedDataset::MlLatestSmall => return None,
            NamedDataset::Ml100k => (4_924_029, "0e33842e24a9c977be4e0107933c0723"),
            NamedDataset::Ml1m => (5_917_549, "c4d9eecfca2ab87c1945afe126590906"),
            NamedDataset::Ml20m => (198_702_078, "cd245b17a1ae2cc31bb14903e1204af3"),
            NamedDataset::Ml25m => (261_978_986, "6b51fb2759a8657d3bfcbfc42b592ada"),
            NamedDataset::Ml32m => (238_950_008, "d472be332d4daa821edc399621853b57"),
        };
        Some(Published { bytes, md5 })
    }

    /// The file without which a folder is not this data set.
    fn ratings_file(self) -> &'static str {
        match self {
            NamedDataset::Ml100k => "u.data",
            NamedDataset::Ml1m => "ratings.dat",
            _ => "ratings.csv",
        }
    }

    /// The folder or zip archive of this data set in the first of `folders` that has it; `None` if
    /// none has.
    ///
    /// # Errors
    /// If all that is found is a folder without the ratings.
    pub fn locate(self, folders: &DataFolders) -> Result<Option<PathBuf>> {
        self.locate_in(folders.roots())
    }

    fn locate_in<'r>(self, roots: impl Iterator<Item = &'r std::path::Path>) -> Result<Option<PathBuf>> {
        let mut incomplete = None;
        for root in roots {
            let folder = root.join(self.name());
            if folder.join(self.ratings_file()).is_file() {
                return Ok(Some(folder));
            }
            let archive = root.join(format!("{}.zip", self.name()));
            if archive.is_file() {
                return Ok(Some(archive));
            }
            if folder.is_dir() {
                incomplete.get_or_insert(folder);
            }
        }
        match incomplete {
            None => Ok(None),
            Some(folder) => Err(Error::File {
                path: folder.join(self.ratings_file()),
                message: format!(
                    "the folder is there but this file is not; put it there (from {}) or move the folder away",
                    self.url()
                ),
            }),
        }
    }

    /// Makes sure that the data set is in one of `folders` and says where. If it is not, it is fetched
    /// from [`url`](Self::url) into the first of them: downloaded to `<name>.zip.part`, where a later
    /// call goes on if this one is cut off, checked, unpacked, and only then given its name.
    /// `ml-latest-small` is not downloaded but unpacked from the program.
    ///
    /// # Errors
    /// If it cannot be fetched ([`Error::Absent`]: address and folder), what was fetched is not what was
    /// published ([`Error::Corrupt`]; nothing of it is kept), or a file cannot be written.
    pub fn fetch(self, folders: &DataFolders, progress: Progress<'_>) -> Result<PathBuf> {
        if let Some(path) = self.locate(folders)? {
            self.check_archive(&path)?;
            return Ok(path);
        }
        match self.published() {
            Some(published) => self.fetch_archive(folders, published, progress),
            None => self.unpack_embedded(folders),
        }
    }

    /// An archive that someone put there by hand must be the published one; a folder is taken as it is.
    #[cfg(feature = "download")]
    fn check_archive(self, path: &std::path::Path) -> Result<()> {
        match self.published() {
            Some(published) if path.is_file() => download::check(path, published),
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "download"))]
    fn check_archive(self, _: &std::path::Path) -> Result<()> {
        Ok(())
    }

    #[cfg(feature = "download")]
    fn fetch_archive(
        self,
        folders: &DataFolders,
        published: Published,
        progress: Progress<'_>,
    ) -> Result<PathBuf> {
        download::fetch(self, self.url(), &download::agent(), folders, published, progress)
    }

    #[cfg(not(feature = "download"))]
    fn fetch_archive(self, folders: &DataFolders, _: Published, _: Progress<'_>) -> Result<PathBuf> {
        Err(self.absent(folders, "this build has no `download` feature".into()))
    }

    #[cfg(feature = "embedded")]
    fn unpack_embedded(self, folders: &DataFolders) -> Result<PathBuf> {
        unpack::unpack(self, &embedded::ml_latest_small(), folders.first()?)
    }

    #[cfg(not(feature = "embedded"))]
    fn unpack_embedded(self, folders: &DataFolders) -> Result<PathBuf> {
        Err(self.absent(folders, NOT_EMBEDDED.into()))
    }

    /// Reads the data set. The embedded `ml-latest-small` is taken unless the folder that the caller
    /// named has one.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); [`Error::Absent`] if it would have to be fetched and may not be; or if
    /// a file cannot be read.
    pub fn load(self, folders: &DataFolders, fetch: Fetch, progress: Progress<'_>) -> Result<Dataset> {
        #[cfg(feature = "embedded")]
        if self == NamedDataset::MlLatestSmall && self.locate_in(folders.data_dir().into_iter())?.is_none() {
            let files = crate::source::Files::Archive(embedded::ml_latest_small());
            return movielens::read_files(self.name(), &files);
        }
        let path = match (self.locate(folders)?, fetch) {
            (Some(path), _) => path,
            (None, Fetch::IfAbsent) => self.fetch(folders, progress)?,
            (None, Fetch::Never) => {
                let reason = match self.published() {
                    Some(_) => "nothing may be fetched",
                    None => NOT_EMBEDDED,
                };
                return Err(self.absent(folders, reason.into()));
            }
        };
        if path.is_dir() {
            movielens::read_folder(self.name(), &path)
        } else {
            movielens::read_archive(self.name(), &path)
        }
    }

    /// The error of a data set that is not here because of `reason`.
    fn absent(self, folders: &DataFolders, reason: String) -> Error {
        match folders.first() {
            Err(error) => error,
            Ok(folder) => Error::Absent {
                name: self.name(),
                reason,
                url: self.url(),
                file: format!("{}.zip", self.name()),
                folder: folder.to_path_buf(),
            },
        }
    }
}

impl fmt::Display for NamedDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for NamedDataset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|dataset| dataset.name() == name).ok_or_else(|| Error::Parameter {
            parameter: "dataset",
            message: format!(
                "there is no data set {name:?}; there are {}",
                Self::ALL.map(NamedDataset::name).join(", ")
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for dataset in NamedDataset::ALL {
            assert_eq!(dataset.to_string().parse::<NamedDataset>().unwrap(), dataset);
            assert!(dataset.url().ends_with(&format!("/{dataset}.zip")), "{}", dataset.url());
        }
        assert_eq!(
            "ml-10k".parse::<NamedDataset>().unwrap_err().to_string(),
            "dataset: there is no data set \"ml-10k\"; there are ml-100k, ml-latest-small, ml-1m, ml-20m, \
             ml-25m, ml-32m"
        );
    }
}
