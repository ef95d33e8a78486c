//! Rows for ids that are not known beforehand.

mod config;
mod order;
mod slots;
mod state;

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

pub use config::{DynamicIdsConfig, Eviction};
use slots::{IdSlots, IdUse};
pub use state::{DynamicIdsError, DynamicIdsState};

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
/// 2. resets the rows in [`Resolved::fresh`] before they are read, in the table
///    ([`EmbeddingTable::reset_rows`](crate::EmbeddingTable::reset_rows)) and in the optimizer
///    ([`SparseOptimizer::reset_rows`](crate::SparseOptimizer::reset_rows)). They had another id, whose
///    vector and whose optimizer state (the accumulated squares of Adagrad, the moments of Adam) are
///    still in them; all other rows keep theirs;
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
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{
///     DynamicIdsConfig, EmbeddingTableConfig, Eviction, RowWiseAdagrad, SparseOptimizer, Tape,
/// };
///
/// let config = DynamicIdsConfig::new(1000).with_eviction(Eviction::LeastFrequentlyUsed);
/// let mut ids = config.init();
/// let mut table = EmbeddingTableConfig::new(config.n_rows(), 8).init(&Device::default().autodiff());
/// let mut sparse = SparseOptimizer::new(RowWiseAdagrad::default());
/// for batch in [[7u64, 7_000_000_000], [7, u64::MAX]] {
///     let resolved = ids.resolve(&batch);
///     sparse.reset_rows(&table, &resolved.fresh);
///     table = table.reset_rows(&resolved.fresh);
///     let mut tape = Tape::new();
///     let mut grads = table.forward(&resolved.rows, &mut tape).square().sum().backward();
///     table = sparse.step(0.1, table, tape.gradients(&mut grads));
/// }
/// assert_eq!(ids.stats().admitted, 3);
/// ```
///
/// # Invariants
/// - Two ids never have the same row at the same time.
/// - Rows depend on the ids and the order of the calls alone.
/// - An id costs O(1), amortised, under every policy. (Ids are hashed fast, not secretly: whoever may
///   choose ids freely can make them collide. Ids of untrusted origin are hashed with a key first.)
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
        let out_of_vocabulary = self.out_of_vocabulary_row();
        // Nothing but reading at first, so that the processor waits for many ids at once.
        let mut rows = self.lookup(ids);
        let mut fresh = Vec::new();
        let mut new = Vec::new();
        for (position, &row) in rows.iter().enumerate() {
            if row == out_of_vocabulary { new.push(position) } else { self.hit(row) }
        }
        for position in new {
            let id = ids[position];
            // An earlier position may have admitted it.
            if let Some(row) = self.rows.get(id) {
                self.hit(row);
                rows[position] = row;
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

    /// A sighting of the id in `row`.
    fn hit(&mut self, row: u32) {
        self.clock += 1;
        self.stats.hits += 1;
        self.rows.use_again(row, self.clock);
    }

    /// A sighting of an id without a row: the row that it gets now, if any. Rows used after `start`
    /// are the batch's own.
    fn miss(&mut self, id: u64, start: u64, fresh: &mut Vec<u32>) -> Option<u32> {
        let admit_after = u64::from(self.config.admit_after);
        self.clock += 1;
        self.stats.misses += 1;
        let candidate = (admit_after > 1).then(|| self.count(id));
        if candidate.is_some_and(|candidate| self.candidates.entry(candidate).n_uses < admit_after) {
            return None;
        }
        if self.rows.len() == self.config.capacity {
            let victim = match self.config.eviction {
                Eviction::Never => None,
                Eviction::LeastFrequentlyUsed | Eviction::LeastRecentlyUsed => self.rows.least_used(start),
            };
            let Some(victim) = victim else {
                self.stats.refused += 1;
                return None;
            };
            self.rows.remove(victim);
            self.stats.evicted += 1;
            fresh.push(victim);
        }
        if let Some(candidate) = candidate {
            self.candidates.remove(candidate);
        }
        self.stats.admitted += 1;
        // Into the slot vacated last: the victim's.
        Some(self.rows.insert(IdUse { id, n_uses: admit_after, last_use: self.clock }))
    }

    /// Counts a sighting of an id without a row; gives its slot among the candidates.
    fn count(&mut self, id: u64) -> u32 {
        if let Some(candidate) = self.candidates.get(id) {
            self.candidates.use_again(candidate, self.clock);
            return candidate;
        }
        if self.candidates.len() == self.config.candidate_limit()
            && let Some(oldest) = self.candidates.first()
        {
            self.candidates.remove(oldest);
            self.stats.forgotten += 1;
        }
        self.candidates.insert(IdUse { id, n_uses: 1, last_use: self.clock })
    }

    /// The counted sightings of an id without a row.
    fn n_sightings(&self, id: u64) -> u64 {
        self.candidates.get(id).map_or(0, |candidate| self.candidates.entry(candidate).n_uses)
    }
}
