//! Counting broken lines, and stopping when they are too many.

use std::path::{Path, PathBuf};

use super::{BrokenLine, ReadLimits, ReadReport};
use crate::{Error, Result};

/// The lines of a file so far.
#[derive(Debug)]
pub(crate) struct Tally {
    path: PathBuf,
    limits: ReadLimits,
    report: ReadReport,
}

impl Tally {
    /// No lines yet of the file at `path`.
    pub(crate) fn new(path: &Path, limits: &ReadLimits) -> Self {
        Tally { path: path.to_path_buf(), limits: limits.clone(), report: ReadReport::default() }
    }

    /// Counts a whole line.
    pub(crate) fn whole(&mut self) {
        self.report.n_lines += 1;
    }

    /// Counts a broken line.
    ///
    /// # Errors
    /// If enough lines are known and too many of them are broken.
    pub(crate) fn broken(&mut self, line: u64, reason: String) -> Result<()> {
        self.report.n_lines += 1;
        self.report.n_broken += 1;
        if self.report.first_broken.len() < self.limits.max_reported {
            self.report.first_broken.push(BrokenLine { line, reason });
        }
        if self.report.n_lines >= self.limits.check_after { self.check() } else { Ok(()) }
    }

    /// The lines so far.
    pub(crate) fn report(&self) -> &ReadReport {
        &self.report
    }

    /// The report of the whole file.
    pub(crate) fn into_report(self) -> ReadReport {
        self.report
    }

    /// # Errors
    /// If too many lines are broken, be they few.
    pub(crate) fn check(&self) -> Result<()> {
        let ReadReport { n_lines, n_broken, ref first_broken } = self.report;
        if n_broken as f64 <= self.limits.max_broken_share * n_lines as f64 {
            return Ok(());
        }
        let share = 100.0 * n_broken as f64 / n_lines as f64;
        let allowed = 100.0 * self.limits.max_broken_share;
        let first: String = first_broken
            .iter()
            .take(3)
            .map(|broken| format!("; line {}: {}", broken.line, broken.reason))
            .collect();
        Err(Error::File {
            path: self.path.clone(),
            message: format!(
                "{n_broken} of {n_lines} lines are broken ({share:.3}%), more than the {allowed}% of \
                 max_broken_share{first}"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(tally: &mut Tally, line: u64) -> std::result::Result<(), String> {
        tally.broken(line, "no".into()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_share_is_checked_early_and_at_the_end() {
        let limits = ReadLimits { check_after: 4, max_reported: 1, ..ReadLimits::default() }
            .with_max_broken_share(0.25);
        let mut tally = Tally::new(Path::new("f.json"), &limits);
        // Two of two, but two lines say nothing yet.
        assert_eq!(broken(&mut tally, 1), Ok(()));
        assert_eq!(broken(&mut tally, 2), Ok(()));
        tally.whole();
        let expected = "f.json: 3 of 4 lines are broken (75.000%), more than the 25% of \
                        max_broken_share; line 1: no";
        assert_eq!(broken(&mut tally, 9), Err(expected.into()));
        assert_eq!(tally.report().first_broken.len(), 1);
        (0..8).for_each(|_| tally.whole());
        // 3 of 12 is just a quarter.
        assert!(tally.check().is_ok());
        assert!(broken(&mut tally, 20).is_err());
    }

    #[test]
    fn one_broken_line_is_too_many_if_none_is_allowed() {
        let mut tally = Tally::new(Path::new("f"), &ReadLimits::strict());
        assert!(tally.check().is_ok());
        assert!(broken(&mut tally, 1).is_ok());
        assert!(tally.check().is_err());
    }
}
