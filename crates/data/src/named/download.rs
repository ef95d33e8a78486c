//! Fetching an archive over HTTP: resumable, checked, then unpacked.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use md5::{Digest, Md5};
use ureq::Agent;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use ureq::http::{Response, StatusCode};

use super::{DataFolders, NamedDataset, Progress, Published, unpack};
use crate::source::Archive;
use crate::{Error, Result};

/// Why there is no archive.
enum Failure {
    /// The network or the server; what has come stays for the next call.
    Network(String),
    /// This machine, or an archive that is not the published one.
    Local(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Local(error)
    }
}

/// The client of this program. A server that is silent for a minute has failed.
pub(super) fn agent() -> Agent {
    configure(Agent::config_builder()).build().into()
}

type Configuration = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

fn configure(builder: Configuration) -> Configuration {
    builder
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)))
}

/// Compares an archive that is here already with the published one; leaves it where it is.
pub(super) fn check(path: &Path, published: Published) -> Result<()> {
    let read = |source| Error::io("read", path, source);
    let actual = md5(&mut File::open(path).map_err(read)?).map_err(read)?;
    if actual == published.md5 {
        return Ok(());
    }
    let message = format!(
        "is not the published archive: its MD5 is {actual}, expected {}; delete it and fetch again",
        published.md5
    );
    Err(Error::File { path: path.to_path_buf(), message })
}

/// The rest of `file` as hexadecimal digits of its MD5, which is what GroupLens publishes.
fn md5(file: &mut File) -> std::io::Result<String> {
    let mut hash = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n_read => hash.update(&buffer[..n_read]),
        }
    }
}

/// Fetches `dataset` from `url` into the first of `folders`.
pub(super) fn fetch(
    dataset: NamedDataset,
    url: &str,
    agent: &Agent,
    folders: &DataFolders,
    published: Published,
    progress: Progress<'_>,
) -> Result<PathBuf> {
    let root = folders.first()?;
    fs::create_dir_all(root).map_err(|source| Error::io("create", root, source))?;
    let path = root.join(format!("{dataset}.zip.part"));
    let mut part = Part::open(&path).map_err(|failure| failure.into_error(dataset, folders))?;
    let complete = part.complete(url, agent, published.bytes, progress);
    complete.and_then(|()| Ok(part.check(published)?)).map_err(|failure| {
        part.remove_if_empty();
        failure.into_error(dataset, folders)
    })?;
    let folder = unpack::unpack(dataset, &Archive::File(path.clone()), root)?;
    part.remove()?;
    Ok(folder)
}

impl Failure {
    fn into_error(self, dataset: NamedDataset, folders: &DataFolders) -> Error {
        match self {
            Failure::Network(reason) => dataset.absent(folders, reason),
            Failure::Local(error) => error,
        }
    }
}

/// An archive of which some bytes have come. The file is locked, so that no other process adds to it.
struct Part<'p> {
    path: &'p Path,
    file: File,
}

impl<'p> Part<'p> {
    fn open(path: &'p Path) -> std::result::Result<Self, Failure> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|source| Error::io("write", path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Part { path, file }),
            Err(fs::TryLockError::WouldBlock) => {
                Err(Failure::Network(format!("another process is fetching it into {}", path.display())))
            }
            Err(fs::TryLockError::Error(source)) => Err(Error::io("lock", path, source).into()),
        }
    }

    fn io(&self, action: &'static str, source: std::io::Error) -> Error {
        Error::io(action, self.path, source)
    }

    /// Fetches the bytes that are missing of `total`.
    fn complete(
        &mut self,
        url: &str,
        agent: &Agent,
        total: u64,
        progress: Progress<'_>,
    ) -> std::result::Result<(), Failure> {
        let mut done = self.file.metadata().map_err(|source| self.io("read", source))?.len();
        if done == total {
            progress(done, total);
            return Ok(());
        }
        if done > total {
            done = self.restart()?;
        }
        let mut response = request(agent, url, done)?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && done > 0 {
            done = self.restart()?;
            response = request(agent, url, done)?;
        }
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, done) => {}
            StatusCode::OK => done = self.restart()?,
            status => return Err(Failure::Network(format!("{url} answered with status {status}"))),
        }
        let promised = header(&response, CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if let Some(promised) = promised.filter(|promised| done.checked_add(*promised) != Some(total)) {
            return Err(self.corrupt("size", total, done.saturating_add(promised)).into());
        }

        self.file.seek(SeekFrom::Start(done)).map_err(|source| self.io("write", source))?;
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        progress(done, total);
        while done < total {
            let n_read = match body.read(&mut buffer) {
                Ok(0) => {
                    return Err(cut_off(done, total, "the server closed the connection"));
                }
                Ok(n_read) => n_read,
                Err(error) => return Err(cut_off(done, total, &error.to_string())),
            };
            let wanted = n_read.min((total - done) as usize);
            self.file.write_all(&buffer[..wanted]).map_err(|source| self.io("write", source))?;
            done += wanted as u64;
            if wanted < n_read {
                return Err(self.corrupt("size", total, format!("more than {total}")).into());
            }
            progress(done, total);
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<u64> {
        self.file.set_len(0).map_err(|source| self.io("write", source))?;
        Ok(0)
    }

    /// Compares size and checksum with those published.
    fn check(&mut self, published: Published) -> Result<()> {
        self.file.rewind().map_err(|source| self.io("read", source))?;
        let actual = md5(&mut self.file).map_err(|source| self.io("read", source))?;
        if actual == published.md5 { Ok(()) } else { Err(self.corrupt("MD5", published.md5, actual)) }
    }

    /// Removes the file; gives the error that says why.
    fn corrupt(&self, what: &'static str, expected: impl ToString, actual: impl ToString) -> Error {
        match self.remove() {
            Err(error) => error,
            Ok(()) => Error::Corrupt {
                path: self.path.to_path_buf(),
                what,
                expected: expected.to_string(),
                actual: actual.to_string(),
            },
        }
    }

    /// Leaves no trace of a fetch that never began; if it cannot, an empty file does no harm.
    fn remove_if_empty(&self) {
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = fs::remove_file(self.path);
        }
    }

    fn remove(&self) -> Result<()> {
        fs::remove_file(self.path).map_err(|source| self.io("remove", source))
    }
}

fn cut_off(done: u64, total: u64, reason: &str) -> Failure {
    Failure::Network(format!("{reason} after {done} of {total} bytes; the next try goes on from there"))
}

fn request(agent: &Agent, url: &str, start: u64) -> std::result::Result<Response<ureq::Body>, Failure> {
    let mut request = agent.get(url);
    if start > 0 {
        request = request.header("Range", format!("bytes={start}-"));
    }
    request.call().map_err(|error| Failure::Network(format!("{url} cannot be reached ({error})")))
}

fn header(response: &Response<ureq::Body>, name: ureq::http::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

fn starts_at(response: &Response<ureq::Body>, start: u64) -> bool {
    header(response, CONTENT_RANGE).is_some_and(|range| range.trim().starts_with(&format!("bytes {start}-")))
}

#[cfg(test)]
mod tests;
