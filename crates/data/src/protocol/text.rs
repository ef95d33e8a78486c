//! Lines of whole numbers.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A text file in memory.
pub(super) struct TextFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// A line that is not blank.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    path: &'a Path,
    pub(super) number: u64,
    bytes: &'a [u8],
}

impl TextFile {
    pub(super) fn read(path: PathBuf) -> Result<Self> {
        let bytes = std::fs::read(&path).map_err(|source| Error::io("read", &path, source))?;
        Ok(TextFile { path, bytes })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let lines = (1..).zip(self.bytes.split(|&byte| byte == b'\n'));
        lines
            .map(|(number, bytes)| Line { path: &self.path, number, bytes })
            .filter(|line| !line.bytes.trim_ascii().is_empty())
    }

    pub(super) fn refuse(&self, message: impl Into<String>) -> Error {
        Error::File { path: self.path.clone(), message: message.into() }
    }
}

impl<'a> Line<'a> {
    /// What stands between white space.
    pub(super) fn fields(self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
    }

    /// What stands between tabs, without spaces around it.
    pub(super) fn tabbed(self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.split(|&byte| byte == b'\t').map(|field| field.trim_ascii())
    }

    /// The id that `field` is: a whole number from 0.
    pub(super) fn id(self, what: &str, field: &[u8]) -> Result<i64> {
        let number = std::str::from_utf8(field).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        number.and_then(|text| text.parse().ok()).ok_or_else(|| {
            let field = shown(field);
            self.refuse(format!("{what} {field:?} is not a whole number from 0 to {}", i64::MAX))
        })
    }

    /// The finite number that `field` is.
    pub(super) fn number(self, what: &str, field: &[u8]) -> Result<f64> {
        let number = std::str::from_utf8(field).ok().and_then(|text| text.parse().ok());
        number
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| self.refuse(format!("{what} {:?} is not a number", shown(field))))
    }

    pub(super) fn refuse(self, message: impl Into<String>) -> Error {
        Error::Line { path: self.path.to_path_buf(), line: self.number, message: message.into() }
    }
}

/// A field as messages show it: a binary file has no short ones.
fn shown(field: &[u8]) -> String {
    const MOST: usize = 40;
    let text = String::from_utf8_lossy(&field[..field.len().min(MOST)]);
    if field.len() > MOST { format!("{text}...") } else { text.into_owned() }
}
