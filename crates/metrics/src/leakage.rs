//! What a test part has in common with its training part, and what of that makes a measurement too good.
//!
//! A split can be wrong without anything failing: the same pair in both parts, a training row from after the
//! test rows. [`LeakageReport`] counts what can be seen from the parts themselves.

mod check;
mod part;

pub use part::Part;

/// How many example rows a [`Finding`] holds at most.
pub const MAX_EXAMPLES: usize = 5;

/// What a [`Finding`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// Test rows whose pair of user and item is in the training part.
    PairInBoth,
    /// Training rows whose pair is that of an earlier training row.
    DuplicateInTrain,
    /// Test rows whose pair is that of an earlier test row.
    DuplicateInTest,
    /// Test rows of users without a training row.
    UnseenUser,
    /// Test rows of items without a training row.
    UnseenItem,
    /// Test rows that are not later than the last training row.
    NotAfterTraining,
    /// Test rows that are earlier than the last training row of the same user.
    BeforeOwnTraining,
}

impl FindingKind {
    /// Whether it makes a measurement too good, rather than being worth knowing.
    ///
    /// Pairs in both parts and test rows from before the end of training do. Duplicates count a row twice, and
    /// users or items without training rows are hard to serve: neither gives the model what it should not know.
    pub fn is_leak(self) -> bool {
        matches!(self, Self::PairInBoth | Self::NotAfterTraining | Self::BeforeOwnTraining)
    }

    /// A name for files: `pair-in-both`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PairInBoth => "pair-in-both",
            Self::DuplicateInTrain => "duplicate-in-train",
            Self::DuplicateInTest => "duplicate-in-test",
            Self::UnseenUser => "unseen-user",
            Self::UnseenItem => "unseen-item",
            Self::NotAfterTraining => "not-after-training",
            Self::BeforeOwnTraining => "before-own-training",
        }
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::PairInBoth => {
                "These test rows repeat a pair of user and item from training, so a model can remember the answer."
            }
            Self::DuplicateInTrain => {
                "These training rows repeat a pair of user and item, so training counts it more than once."
            }
            Self::DuplicateInTest => {
                "These test rows repeat a pair of user and item, so it is either measured twice or merged."
            }
            Self::UnseenUser => {
                "These test rows belong to users without training rows, whom a model of ids cannot know."
            }
            Self::UnseenItem => {
                "These test rows hold items without training rows, which a model of ids cannot recommend."
            }
            Self::NotAfterTraining => {
                "These test rows are not later than the last training row, so the model learns from what came \
                 after them."
            }
            Self::BeforeOwnTraining => {
                "These test rows are earlier than a training row of the same user, so the model learns from the \
                 user's own future."
            }
        }
    }
}

/// How many rows of one kind there are, and the first of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What the rows have in common.
    pub kind: FindingKind,
    /// How many rows; 0 if there are none.
    pub n_rows: usize,
    /// How many different pairs, users or items they are of: pairs for the kinds about pairs, items for
    /// [`FindingKind::UnseenItem`], users for the others.
    pub n_distinct: usize,
    /// `n_rows` as a share of the rows of the part: training for [`FindingKind::DuplicateInTrain`], else test.
    /// `None` if the part is empty.
    pub share: Option<f64>,
    /// The first rows, counted from 0, at most [`MAX_EXAMPLES`].
    pub examples: Vec<usize>,
}

/// What was found in a training and a test part.
///
/// Sorted copies find it: O(n log n) time, and at the peak 8 bytes a row of both parts, 16 of the training part
/// where there are timestamps. The counts and examples do not depend on the number of threads.
///
/// ```
/// use burn_recsys_metrics::leakage::{FindingKind, LeakageReport, Part};
///
/// let train = Part::new(&[0, 0, 1], &[10, 11, 10])?.with_timestamps(&[1, 5, 3])?;
/// let test = Part::new(&[0, 1], &[12, 10])?.with_timestamps(&[4, 6])?;
/// let report = LeakageReport::new(&train, &test);
///
/// assert!(!report.is_clean());
/// let both = &report.findings()[0];
/// assert_eq!((both.kind, both.n_rows, both.share), (FindingKind::PairInBoth, 1, Some(0.5)));
/// assert_eq!(both.examples, [1]);
/// // Test row 0, at 4, is earlier than user 0's training row at 5.
/// let before = report.finding(FindingKind::BeforeOwnTraining).unwrap();
/// assert_eq!(before.examples, [0]);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
///
/// Source: the kinds of leakage in time are those of Ji et al., A critical study on data leakage in recommender
/// system offline evaluation, ACM TOIS 41(3), 2023.
#[derive(Debug, Clone, PartialEq)]
pub struct LeakageReport {
    findings: Vec<Finding>,
}

impl LeakageReport {
    /// Compares `test` with `train`. What concerns time is checked if both have timestamps.
    pub fn new(train: &Part<'_>, test: &Part<'_>) -> Self {
        Self { findings: check::check(train, test) }
    }

    /// Every kind that was checked, in the order of [`FindingKind`], also those of which there are no rows.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The finding of this kind; `None` if it was not checked for want of timestamps.
    pub fn finding(&self, kind: FindingKind) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind == kind)
    }

    /// Whether nothing was found that makes a measurement too good; see [`FindingKind::is_leak`]. Without
    /// timestamps nothing is said about time.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.n_rows == 0 || !finding.kind.is_leak())
    }
}
