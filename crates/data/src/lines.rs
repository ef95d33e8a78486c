//! Long files of lines, some of which may be broken.
//!
//! Dumps of the web hold lines that no program reads. They are passed over and counted; more of them than a
//! stated share mean that the file is not what it is taken for, and stop the reading.

mod tally;
mod text;

use serde::{Deserialize, Serialize};

pub(crate) use tally::Tally;
#[cfg(test)]
pub(crate) use text::tests::gzip;
pub(crate) use text::{GZIP, Line, TextLines, unzipped};

use crate::{Error, Result};

/// How much a reader of lines bears.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadLimits {
    /// A line of more bytes is a broken line, read over without being held in memory. The default is
    /// 16 MiB. A line within the limit may take a few dozen times its bytes while it is parsed.
    pub max_line_bytes: usize,
    /// The largest share of lines that may be broken, from 0 (none) to 1. The default is 0.01.
    pub max_broken_share: f64,
    /// The share is checked at the end, and at every broken line from this line on. The default is 1,000.
    pub check_after: u64,
    /// How many broken lines the report holds; the others are only counted. The default is 10.
    pub max_reported: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        ReadLimits { max_line_bytes: 16 << 20, max_broken_share: 0.01, check_after: 1_000, max_reported: 10 }
    }
}

impl ReadLimits {
    /// Not one broken line.
    pub fn strict() -> Self {
        ReadLimits { max_broken_share: 0.0, ..Self::default() }
    }

    /// The same with another share of broken lines.
    pub fn with_max_broken_share(mut self, share: f64) -> Self {
        self.max_broken_share = share;
        self
    }

    /// The same with another bound of a line's bytes.
    pub fn with_max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// # Errors
    /// If no line could be read, or the share is not from 0 to 1.
    pub fn validate(&self) -> Result<()> {
        if self.max_line_bytes == 0 {
            let message = "0 bytes hold no line; 16 MiB is the default".into();
            return Err(Error::Parameter { parameter: "max_line_bytes", message });
        }
        if !(0.0..=1.0).contains(&self.max_broken_share) {
            let message = format!("{} is not a share; give a number from 0 to 1", self.max_broken_share);
            return Err(Error::Parameter { parameter: "max_broken_share", message });
        }
        Ok(())
    }
}

/// What became of the lines of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadReport {
    /// Lines that are not blank, the broken ones included, headers not.
    pub n_lines: u64,
    /// Lines that were passed over.
    pub n_broken: u64,
    /// The first of them; [`ReadLimits::max_reported`] says how many.
    pub first_broken: Vec<BrokenLine>,
}

/// A line that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenLine {
    /// The line, counted from 1, blank lines and headers included.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The start of a text, in quotes, for messages: fields of broken lines can be long.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    match text.char_indices().nth(MAX_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_limits_are_refused() {
        let refused = |limits: ReadLimits| limits.validate().map_err(|error| error.to_string());
        assert_eq!(refused(ReadLimits::default()), Ok(()));
        assert_eq!(refused(ReadLimits::strict()), Ok(()));
        for (share, spelled) in [(-0.1, "-0.1"), (1.5, "1.5"), (f64::NAN, "NaN")] {
            let expected = format!("max_broken_share: {spelled} is not a share; give a number from 0 to 1");
            assert_eq!(refused(ReadLimits::default().with_max_broken_share(share)), Err(expected));
        }
        assert!(refused(ReadLimits::default().with_max_line_bytes(0)).is_err());
    }

    #[test]
    fn excerpts_end_at_characters() {
        assert_eq!(excerpt("ab"), "\"ab\"");
        assert_eq!(excerpt(&"é".repeat(41)), format!("\"{}\"...", "é".repeat(40)));
    }
}
