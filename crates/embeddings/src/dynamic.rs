//! Rows for ids that are not known beforehand.

mod order;
mod slots;
mod state;

use std::collections::HashMap;

use burn::config::Config;
use rustc_hash::FxBuildHasher;

use slots::{IdSlots, IdUse};
pub use state::{DynamicIdsError, DynamicIdsState};

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

/// Gives rows of an embedding table to ids that are not known beforehand.
///
/// Ids are any 64 bits: keys of a database, hashes of strings. Every id that was admitted has a row
/// of its own, so up to the capacity nothing collides, unlike hashing ids into a fixed table. All
/// others share the last row of the table, the out-of-vocabulary row. This is the collisionless table
/// with admission and expiry of Monolith (Liu et al. 2022, arXiv 2209.07663), with a fixed capacity
/// where Monolith grows.
///
/// # With a table and its optimizer
/// It lives on the host beside an [`EmbeddingTable`](crate::EmbeddingTable) of
/// [`n_rows`](Self::n_rows) rows and never touches it. A training step
/// 1. resolves **all** ids of the step that belong to the table in one call of
///    [`resolve`](Self::resolve): a second call could give rows of the first to other ids;
/// 2. resets the rows in [`Resolved::fresh`] before they are read. They had another id, whose vector
///    and whose optimizer state (the accumulated squares of Adagrad, the moments of Adam) are still
///    in them;
/// 3. looks up [`Resolved::rows`] in the table, with the step's [`Tape`](crate::Tape) as usual. The
///    out-of-vocabulary row is an ordinary row: it learns what rare ids have in common.
///
/// Steps that are prepared ahead, on another thread, must be reset and trained in the order in which
/// they were resolved. Inference reads rows by [`lookup`](Self::lookup), which changes nothing.
///
/// ```
/// use burn_recsys_embeddings::{DynamicIdsConfig, Eviction};
///
/// let config = DynamicIdsConfig::new(2).with_eviction(Eviction::LeastRecentlyUsed);
/// let mut ids = config.init();
/// assert_eq!(ids.n_rows(), 3); // two ids and the out-of-vocabulary row, 2
///
/// assert_eq!(ids.resolve(&[70, u64::MAX, 70]).rows, [0, 1, 0]);
/// let resolved = ids.resolve(&[70, 5]); // 70 is in the batch, so it keeps its row
/// assert_eq!((resolved.rows, resolved.fresh), (vec![0, 1], vec![1]));
/// assert_eq!(ids.lookup(&[5, u64::MAX]), [1, 2]);
/// ```
///
/// # Invariants
/// - Two ids never have the same row at the same time.
/// - Rows depend on the ids and the order of the calls alone.
/// - An id costs O(1), amortised, under every policy.
#[derive(Debug, Clone)]
pub struct DynamicIds {
    config: DynamicIdsConfig,
    /// Ids with a row; their slots are the rows.
    rows: IdSlots,
    /// Ids without a row whose sightings are counted.
    candidates: IdSlots,
    /// Sightings so far; the time of the last one.
    clock: u64,
    stats: DynamicStats,
}

/// The rows of one batch of ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The row of each id of the batch, `[batch]`.
    pub rows: Vec<u32>,
    /// Distinct rows of this batch that had another id before: their vectors and their optimizer
    /// state are that id's and must be reset. Rows that are used for the first time are not among
    /// them.
    pub fresh: Vec<u32>,
}

/// What [`DynamicIds::resolve`] has done since the start or since the last
/// [`reset_stats`](DynamicIds::reset_stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DynamicStats {
    /// Sightings of ids that had a row.
    pub hits: u64,
    /// Sightings of ids that had none: the admitted, the refused, and those seen too seldom.
    pub misses: u64,
    /// Ids that were given a row.
    pub admitted: u64,
    /// Ids that lost their row to another.
    pub evicted: u64,
    /// Sightings of ids that were seen often enough, for which there was no row.
    pub refused: u64,
    /// Ids whose count of sightings was forgotten for lack of memory: if many, raise
    /// [`max_candidates`](DynamicIdsConfig::max_candidates).
    pub forgotten: u64,
}

impl DynamicIdsConfig {
    /// The largest capacity: a table has at most 2^31 - 1 rows.
    const LARGEST: usize = i32::MAX as usize - 1;

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
        let max_candidates = self.max_candidates();
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
        let (largest, max_candidates) = (Self::LARGEST, self.max_candidates());
        assert!((1..=largest).contains(&capacity), "a capacity is 1 to {largest} ids; asked for {capacity}");
        assert!(admit_after >= 1, "ids are admitted after 1 sighting or more; asked for {admit_after}");
        assert!(
            admit_after == 1 || (1..=largest).contains(&max_candidates),
            "to admit ids after {admit_after} sightings takes 1 to {largest} candidates; asked for \
             {max_candidates}"
        );
    }

    fn max_candidates(&self) -> usize {
        self.max_candidates.unwrap_or(self.capacity)
    }

    fn is_by_frequency(&self) -> bool {
        self.eviction == Eviction::LeastFrequentlyUsed
    }
}

impl DynamicIds {
    /// The number of ids that can have a row.
    pub fn capacity(&self) -> usize {
        self.config.capacity
    }

    /// The number of ids that have a row.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no id has a row.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// The number of rows of the table: one for each id and, last, the out-of-vocabulary row.
    pub fn n_rows(&self) -> usize {
        self.config.n_rows()
    }

    /// The row that ids without a row of their own share: the last.
    pub fn out_of_vocabulary_row(&self) -> u32 {
        self.config.capacity as u32
    }

    /// The rows of `ids` for training: counts their sightings, admits and evicts.
    ///
    /// Every position counts as one sighting, duplicates too. Ids that have a row are counted first,
    /// in order, then the others, in order. Rows that the batch has used are not given away, so a
    /// batch with more distinct ids than `capacity` leaves those that come too late in the
    /// out-of-vocabulary row and counts them as refused, under every [`Eviction`].
    ///
    /// An id that was evicted is as new: it must be seen `admit_after` times again.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`; duplicates welcome
    /// - rows of the result: `[batch]`
    pub fn resolve(&mut self, ids: &[u64]) -> Resolved {
        let start = self.clock;
        self.rows.begin_batch();
        let mut rows = vec![self.out_of_vocabulary_row(); ids.len()];
        let mut fresh = Vec::new();
        let mut new = Vec::new();
        for (position, &id) in ids.iter().enumerate() {
            match self.rows.get(id) {
                Some(row) => rows[position] = self.hit(row),
                None => new.push(position),
            }
        }
        for position in new {
            let id = ids[position];
            // An earlier position may have admitted it.
            if let Some(row) = self.rows.get(id) {
                rows[position] = self.hit(row);
            } else if let Some(row) = self.miss(id, start, &mut fresh) {
                rows[position] = row;
            }
        }
        Resolved { rows, fresh }
    }

    /// As [`resolve`](Self::resolve), for those to whom a refused id is an error.
    ///
    /// # Errors
    /// If the capacity does not suffice for the ids of the batch: with [`Eviction::Never`] together
    /// with those that have rows already. Nothing is changed then. (A batch that brings more new
    /// candidates than are counted is judged as if all were.)
    pub fn try_resolve(&mut self, ids: &[u64]) -> Result<Resolved, DynamicIdsError> {
        let mut sightings: HashMap<u64, u64, FxBuildHasher> = HashMap::default();
        for &id in ids {
            *sightings.entry(id).or_default() += 1;
        }
        let (mut n_known, mut n_admitted) = (0, 0);
        for (&id, &n_sightings) in &sightings {
            if self.rows.get(id).is_some() {
                n_known += 1;
            } else if self.n_sightings(id) + n_sightings >= u64::from(self.config.admit_after) {
                n_admitted += 1;
            }
        }
        let n_kept = if self.config.eviction == Eviction::Never { self.len() } else { n_known };
        let (needed, capacity) = (n_kept + n_admitted, self.config.capacity);
        if n_admitted > 0 && needed > capacity {
            return Err(DynamicIdsError::CapacityReached { needed, capacity });
        }
        Ok(self.resolve(ids))
    }

    /// The rows of `ids` for inference: counts nothing, admits nothing.
    ///
    /// # Shapes
    /// - `ids` and output: `[batch]`
    pub fn lookup(&self, ids: &[u64]) -> Vec<u32> {
        let row = |&id: &u64| self.rows.get(id).unwrap_or(self.out_of_vocabulary_row());
        ids.iter().map(row).collect()
    }

    /// What was done since the start or since the last [`reset_stats`](Self::reset_stats).
    pub fn stats(&self) -> DynamicStats {
        self.stats
    }

    /// Counts from zero again.
    pub fn reset_stats(&mut self) {
        self.stats = DynamicStats::default();
    }

    /// All there is to know, for a checkpoint: [`DynamicIdsConfig::restore`] continues from it.
    pub fn state(&self) -> DynamicIdsState {
        DynamicIdsState {
            capacity: self.config.capacity,
            clock: self.clock,
            stats: self.stats,
            rows: self.rows.entries().to_vec(),
            candidates: self.candidates.in_order().collect(),
        }
    }

    /// A sighting of the id in `row`; gives the row back.
    fn hit(&mut self, row: u32) -> u32 {
        self.clock += 1;
        self.stats.hits += 1;
        self.rows.use_again(row, self.clock);
        row
    }

    /// A sighting of an id without a row: the row that it gets now, if any. Rows used after `start`
    /// are the batch's own.
    fn miss(&mut self, id: u64, start: u64, fresh: &mut Vec<u32>) -> Option<u32> {
        self.clock += 1;
        self.stats.misses += 1;
        if self.config.admit_after > 1 && self.count(id) < u64::from(self.config.admit_after) {
            return None;
        }
        if self.rows.len() == self.config.capacity {
            let victim = match self.config.eviction {
                Eviction::Never => None,
                _ => self.rows.least_used(start),
            };
            let Some(victim) = victim else {
                self.stats.refused += 1;
                return None;
            };
            self.rows.remove(victim);
            self.stats.evicted += 1;
            fresh.push(victim);
        }
        if let Some(candidate) = self.candidates.get(id) {
            self.candidates.remove(candidate);
        }
        self.stats.admitted += 1;
        // A vacated slot is the next to be filled.
        Some(self.rows.insert(IdUse { id, n_uses: u64::from(self.config.admit_after), last_use: self.clock }))
    }

    /// Counts a sighting of an id without a row; gives its sightings.
    fn count(&mut self, id: u64) -> u64 {
        if let Some(candidate) = self.candidates.get(id) {
            self.candidates.use_again(candidate, self.clock);
        } else {
            if self.candidates.len() == self.config.max_candidates()
                && let Some(oldest) = self.candidates.first()
            {
                self.candidates.remove(oldest);
                self.stats.forgotten += 1;
            }
            self.candidates.insert(IdUse { id, n_uses: 1, last_use: self.clock });
        }
        self.n_sightings(id)
    }

    /// The counted sightings of an id without a row.
    fn n_sightings(&self, id: u64) -> u64 {
        self.candidates.get(id).map_or(0, |candidate| self.candidates.entries()[candidate as usize].n_uses)
    }
}
