//! Examples from lists that were shown and clicked.

use burn_recsys_retrieval::ItemFilter;

use super::RankingExamples;
use crate::{Error, FirstStage, Result, Visitor};

/// A list that was shown to somebody, and what they clicked.
#[derive(Debug, Clone, Copy)]
pub struct LoggedSlate<'a> {
    /// The user's index, if known.
    pub user: Option<u32>,
    /// When the list was shown, seconds since 1970-01-01 UTC.
    pub time: i64,
    /// What the user had met before, oldest first.
    pub history: &'a [u32],
    /// When, for every item of the history.
    pub history_times: &'a [i64],
    /// The visit's number.
    pub visit: u64,
    /// The items, from top to bottom.
    pub shown: &'a [u32],
    /// Whether each was clicked.
    pub is_clicked: &'a [bool],
}

/// What became of the slates of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlateCounts {
    /// Slates that became examples.
    pub n_used: usize,
    /// Slates without a click: nobody knows how far down they were looked at.
    pub n_without_click: usize,
    /// Slates whose first item was clicked and nothing else, or every item down to the last click: there is
    /// nothing that was looked at and left.
    pub n_without_negative: usize,
}

impl RankingExamples {
    /// The items of every slate down to its last click: what was clicked has label 1, what was passed over
    /// label 0. Whether items below the last click were seen is not known, and they are left out (Joachims
    /// 2002, "Optimizing search engines using clickthrough data": a click is preferred to what is skipped above
    /// it).
    ///
    /// # Errors
    /// If a slate is not after everything that the first stage knows, its columns differ in length, an item of
    /// its history is not before it, or a source fails; the message names the slate.
    pub fn of_slates<'a>(
        first: &FirstStage,
        slates: impl IntoIterator<Item = LoggedSlate<'a>>,
    ) -> Result<(Self, SlateCounts)> {
        let mut examples = RankingExamples::new(first.features().names());
        let mut counts = SlateCounts::default();
        for (number, slate) in slates.into_iter().enumerate() {
            check(first, number, &slate)?;
            let Some(last) = slate.is_clicked.iter().rposition(|&is_clicked| is_clicked) else {
                counts.n_without_click += 1;
                continue;
            };
            let (shown, is_clicked) = (&slate.shown[..=last], &slate.is_clicked[..=last]);
            let visitor = Visitor { user: slate.user, history: slate.history, visit: slate.visit };
            let mut seen = slate.history.to_vec();
            seen.sort_unstable();
            seen.dedup();
            let filter = ItemFilter { exclude: &seen, allow: &[] };
            let candidates = first.sources().candidates(&visitor, &filter)?.of_items(shown);
            // An item that is shown twice counts as clicked if it was clicked once.
            let clicked = |item: &u32| shown.iter().zip(is_clicked).any(|(other, &is)| is && other == item);
            let labels: Vec<u8> = candidates.items().iter().map(|item| u8::from(clicked(item))).collect();
            let before = examples.len();
            examples.push(&first.features().rows(&visitor, &candidates)?, &labels)?;
            if examples.len() == before {
                counts.n_without_negative += 1;
            } else {
                counts.n_used += 1;
            }
        }
        Ok((examples, counts))
    }
}

fn check(first: &FirstStage, number: usize, slate: &LoggedSlate<'_>) -> Result<()> {
    for (what, found, expected) in [
        ("clicks", slate.is_clicked.len(), slate.shown.len()),
        ("times of the history", slate.history_times.len(), slate.history.len()),
    ] {
        if found != expected {
            return Err(Error::Misfit { what: format!("{what} of slate {number}"), found, expected });
        }
    }
    first.check_later(slate.time, &format!("slate {number}"))?;
    if let Some(time) = slate.history_times.iter().find(|&&time| time >= slate.time) {
        let message = format!(
            "slate {number} is of {}, and its history has an item of {time}; it must hold what came before alone",
            slate.time
        );
        return Err(Error::Parameter { parameter: "history", message });
    }
    Ok(())
}
