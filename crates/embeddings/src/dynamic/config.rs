//! How many rows there are, who gets one and who gives it up.

use burn::config::Config;

use super::slots::IdSlots;
use super::{DynamicIds, DynamicIdsError, DynamicIdsState, DynamicStats};

/// Configuration of [`DynamicIds`].
#[derive(Config, Debug, Copy, PartialEq)]
pub struct DynamicIdsConfig {
    /// The number of rows for ids, at least 1. The table needs one more: [`n_rows`](Self::n_rows).
    pub capacity: usize,
    /// An id gets a row at this sighting, at least 1; in the sightings before it the id reads the
    /// out-of-vocabulary row.
    ///
    /// Most ids of an open stream are seen once or twice and teach a row nothing.
    #[config(default = 1)]
    pub admit_after: u32,
    /// Which id gives up its row when all rows are taken.
    #[config(default = "Eviction::Never")]
    pub eviction: Eviction,
    /// How many ids without a row have their sightings counted, each for less than 120 bytes; `None`
    /// for as many as `capacity`. Without effect where `admit_after` is 1.
    ///
    /// When there are more, the one that was not seen for longest is forgotten and starts again at
    /// zero. So no id is admitted early, and an id is admitted late only if at least this many other
    /// ids without a row were seen between two of its sightings. (A count-min sketch, Cormode and
    /// Muthukrishnan 2005, needs less memory an id but errs to the other side: it admits early, and
    /// the more so the longer the stream.)
    pub max_candidates: Option<usize>,
}

/// Which id gives up its row when a new one needs it and all rows are taken.
///
/// There are no ties: no two ids have the same last use.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// None: new ids stay out of the vocabulary.
    Never,
    /// The id with the fewest sightings since it was admitted (LFU); of several, the one that was not
    /// seen for longest. An admitted id starts with `admit_after` sightings.
    LeastFrequentlyUsed,
    /// The id that was not seen for longest (LRU).
    LeastRecentlyUsed,
}

impl DynamicIdsConfig {
    /// The largest capacity: a table has at most 2^31 - 1 rows.
    pub(super) const LARGEST: usize = i32::MAX as usize - 1;

    /// The number of rows of the table: one for each id and, last, the out-of-vocabulary row.
    pub fn n_rows(&self) -> usize {
        self.capacity + 1
    }

    /// No ids yet.
    ///
    /// # Panics
    /// If `capacity` is 0 or above 2^31 - 2, `admit_after` is 0, or `max_candidates` is 0 or above
    /// 2^31 - 2 while `admit_after` is not 1; the message has the value and the limits.
    pub fn init(&self) -> DynamicIds {
        self.check();
        DynamicIds {
            config: *self,
            rows: IdSlots::new(self.is_by_frequency()),
            candidates: IdSlots::new(false),
            clock: 0,
            stats: DynamicStats::default(),
        }
    }

    /// Continues where [`DynamicIds::state`] was called, as if never stopped.
    ///
    /// Admission and eviction may differ from the run before; the capacity may not, because the
    /// table has its size.
    ///
    /// # Errors
    /// If the state is of another capacity, or counts more candidates than `max_candidates`.
    ///
    /// # Panics
    /// As [`init`](Self::init).
    pub fn restore(&self, state: &DynamicIdsState) -> Result<DynamicIds, DynamicIdsError> {
        self.check();
        if state.capacity != self.capacity {
            return Err(DynamicIdsError::Capacity { state: state.capacity, config: self.capacity });
        }
        // Where every id is admitted at once there are no candidates.
        let candidates = if self.admit_after == 1 { &[] } else { state.candidates.as_slice() };
        let max_candidates = self.candidate_limit();
        if candidates.len() > max_candidates {
            return Err(DynamicIdsError::TooManyCandidates {
                n_candidates: candidates.len(),
                max_candidates,
            });
        }
        Ok(DynamicIds {
            config: *self,
            rows: IdSlots::restore(&state.rows, self.is_by_frequency()),
            candidates: IdSlots::restore(candidates, false),
            clock: state.clock,
            stats: state.stats,
        })
    }

    fn check(&self) {
        let DynamicIdsConfig { capacity, admit_after, .. } = *self;
        let (largest, max_candidates) = (Self::LARGEST, self.candidate_limit());
        assert!((1..=largest).contains(&capacity), "a capacity is 1 to {largest} ids; asked for {capacity}");
        assert!(admit_after >= 1, "ids are admitted after 1 sighting or more; asked for {admit_after}");
        assert!(
            admit_after == 1 || (1..=largest).contains(&max_candidates),
            "to admit ids after {admit_after} sightings takes 1 to {largest} candidates; asked for \
             {max_candidates}"
        );
    }

    pub(super) fn candidate_limit(&self) -> usize {
        self.max_candidates.unwrap_or(self.capacity)
    }

    fn is_by_frequency(&self) -> bool {
        self.eviction == Eviction::LeastFrequentlyUsed
    }
}
