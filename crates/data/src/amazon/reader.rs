//! Objects, one a line.

use std::fmt;
use std::io::Read;
use std::path::Path;

use super::json::Object;
use super::{Product, Review};
use crate::lines::{Line, Tally, TextLines};
use crate::table::{decode, trim};
use crate::{ReadLimits, ReadReport, Result};

/// The objects of a file, read as they are asked for; lines that are broken are passed over.
///
/// After an error there is nothing more. The share of broken lines is known, and checked, only at the end:
/// what was read may have to be thrown away.
pub struct ObjectReader<T> {
    lines: TextLines,
    tally: Tally,
    max_line_bytes: usize,
    parse: fn(Object) -> std::result::Result<T, String>,
    is_done: bool,
}

/// Product metadata.
pub type ProductReader = ObjectReader<Product>;

/// Reviews.
pub type ReviewReader = ObjectReader<Review>;

impl ObjectReader<Product> {
    /// The products of the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read or `limits` are impossible.
    pub fn open(path: impl AsRef<Path>, limits: &ReadLimits) -> Result<Self> {
        Self::new(TextLines::open(path.as_ref(), limits.max_line_bytes)?, limits, Product::parse)
    }

    /// The products of `reader`, which errors call `name`.
    ///
    /// # Errors
    /// If nothing can be read or `limits` are impossible.
    pub fn from_reader(
        name: impl AsRef<Path>,
        reader: impl Read + Send + 'static,
        limits: &ReadLimits,
    ) -> Result<Self> {
        Self::new(TextLines::new(name.as_ref(), reader, limits.max_line_bytes)?, limits, Product::parse)
    }
}

impl ObjectReader<Review> {
    /// The reviews of the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read or `limits` are impossible.
    pub fn open(path: impl AsRef<Path>, limits: &ReadLimits) -> Result<Self> {
        Self::new(TextLines::open(path.as_ref(), limits.max_line_bytes)?, limits, Review::parse)
    }

    /// The reviews of `reader`, which errors call `name`.
    ///
    /// # Errors
    /// If nothing can be read or `limits` are impossible.
    pub fn from_reader(
        name: impl AsRef<Path>,
        reader: impl Read + Send + 'static,
        limits: &ReadLimits,
    ) -> Result<Self> {
        Self::new(TextLines::new(name.as_ref(), reader, limits.max_line_bytes)?, limits, Review::parse)
    }
}

impl<T> ObjectReader<T> {
    fn new(
        lines: TextLines,
        limits: &ReadLimits,
        parse: fn(Object) -> std::result::Result<T, String>,
    ) -> Result<Self> {
        limits.validate()?;
        let tally = Tally::new(lines.path(), limits);
        Ok(ObjectReader { lines, tally, max_line_bytes: limits.max_line_bytes, parse, is_done: false })
    }

    /// The lines read so far.
    pub fn report(&self) -> &ReadReport {
        self.tally.report()
    }

    /// The lines read so far.
    pub fn into_report(self) -> ReadReport {
        self.tally.into_report()
    }

    /// The object of the next line that is whole; `None` at the end.
    fn next_object(&mut self) -> Result<Option<T>> {
        while let Some((number, line)) = self.lines.next()? {
            let parsed = match line {
                Line::Text(text) if trim(text).is_empty() => continue,
                Line::Text(text) => Object::parse(&decode(text)).and_then(self.parse),
                Line::TooLong(n_bytes) => Err(Line::too_long(n_bytes, self.max_line_bytes)),
            };
            match parsed {
                Ok(object) => {
                    self.tally.whole();
                    return Ok(Some(object));
                }
                Err(reason) => self.tally.broken(number, reason)?,
            }
        }
        self.tally.check()?;
        Ok(None)
    }
}

impl<T> Iterator for ObjectReader<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.is_done {
            return None;
        }
        let next = self.next_object().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<T> std::iter::FusedIterator for ObjectReader<T> {}

impl<T> fmt::Debug for ObjectReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader")
            .field("path", &self.lines.path())
            .field("report", self.report())
            .finish_non_exhaustive()
    }
}
