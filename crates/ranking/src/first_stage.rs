//! Sources and features that know nothing later than a moment.

use burn_recsys_data::{Csr, Interactions};
use burn_recsys_retrieval::ItemFilter;

use crate::{CandidateSources, Candidates, Error, RankFeatures, Result, Visitor};

/// Sources and features that were fitted to some rows, and the moment after which nothing is known.
///
/// A ranker must learn from candidates as they will be when it serves: found by sources, and described by
/// features, that do not know the outcome. So this type is made by [`fit`](Self::fit) alone, which shows the
/// rows of one table and remembers its last moment; labels from that moment or before are refused.
#[derive(Debug)]
pub struct FirstStage {
    sources: CandidateSources,
    features: RankFeatures,
    /// For every user the items met, oldest first.
    histories: Csr,
    /// For every user the items met, ascending and unique.
    seen: Csr,
    n_items: usize,
    until: i64,
}

impl FirstStage {
    /// Sources and features that `make` fits to `rows`.
    ///
    /// # Errors
    /// If there is no row, the rows have no timestamps, the features are of other sources, or `make` fails.
    pub fn fit(
        rows: &Interactions,
        make: impl FnOnce(&Interactions) -> Result<(CandidateSources, RankFeatures)>,
    ) -> Result<Self> {
        let Some(&until) = rows.timestamps().and_then(|times| times.iter().max()) else {
            let message = "there are no rows with timestamps; what comes later cannot be told apart".into();
            return Err(Error::Parameter { parameter: "rows", message });
        };
        let (sources, features) = make(rows)?;
        if !sources.names().eq(features.source_names()) {
            let message = "they are not of the sources, in the same order".into();
            return Err(Error::Parameter { parameter: "features", message });
        }
        let by_time = rows.rows_by_user();
        let items = |rows_of_user: &[u32]| {
            rows_of_user.iter().map(|&row| rows.items()[row as usize]).collect::<Vec<u32>>()
        };
        Ok(FirstStage {
            sources,
            features,
            histories: Csr::from_rows(by_time.rows().map(items)),
            seen: rows.items_by_user(),
            n_items: rows.n_items(),
            until,
        })
    }

    /// The last moment that is known, seconds since 1970-01-01 UTC.
    pub fn until(&self) -> i64 {
        self.until
    }

    /// The sources.
    pub fn sources(&self) -> &CandidateSources {
        &self.sources
    }

    /// The features.
    pub fn features(&self) -> &RankFeatures {
        &self.features
    }

    /// The number of items of the table.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The number of users of the table.
    pub fn n_users(&self) -> usize {
        self.histories.n_rows()
    }

    /// A user as they stand at the last moment that is known.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn visitor(&self, user: u32) -> Visitor<'_> {
        Visitor { user: Some(user), history: self.histories.row(user), visit: 0 }
    }

    /// What the user has met, ascending.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn seen(&self, user: u32) -> &[u32] {
        self.seen.row(user)
    }

    /// What the sources find for a user, without the items that the user has met.
    ///
    /// # Errors
    /// If a source fails.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn candidates(&self, user: u32) -> Result<Candidates> {
        let filter = ItemFilter { exclude: self.seen(user), allow: &[] };
        self.sources.candidates(&self.visitor(user), &filter)
    }

    /// The sources and features.
    pub fn into_parts(self) -> (CandidateSources, RankFeatures) {
        (self.sources, self.features)
    }

    /// Refuses a label that the sources may know.
    pub(crate) fn check_later(&self, time: i64, what: &str) -> Result<()> {
        if time > self.until {
            return Ok(());
        }
        let message = format!(
            "{what} is of {time}, but sources and features know rows up to {}: fit them to earlier rows alone, \
             or the ranker learns from what it cannot know when it serves",
            self.until
        );
        Err(Error::Parameter { parameter: "labels", message })
    }
}
