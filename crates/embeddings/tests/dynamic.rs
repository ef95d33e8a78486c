//! Dynamic ids against a naive model that scans everything.

use burn_recsys_embeddings::{
    DynamicIds, DynamicIdsConfig, DynamicIdsError, DynamicIdsState, DynamicStats, Eviction, Resolved,
};
use proptest::prelude::*;

const POLICIES: [Eviction; 3] = [Eviction::Never, Eviction::LeastFrequentlyUsed, Eviction::LeastRecentlyUsed];

#[derive(Debug, Clone, Copy, PartialEq)]
struct Use {
    id: u64,
    n_uses: u64,
    last_use: u64,
}

/// The documented behaviour, as plainly as can be.
struct Naive {
    config: DynamicIdsConfig,
    rows: Vec<Use>,
    candidates: Vec<Use>,
    clock: u64,
    stats: DynamicStats,
}

impl Naive {
    fn new(config: DynamicIdsConfig) -> Self {
        Naive { config, rows: vec![], candidates: vec![], clock: 0, stats: DynamicStats::default() }
    }

    fn row(&self, id: u64) -> Option<usize> {
        self.rows.iter().position(|row| row.id == id)
    }

    fn resolve(&mut self, ids: &[u64]) -> Resolved {
        let mut resolved = Resolved { rows: vec![self.config.capacity as u32; ids.len()], fresh: vec![] };
        let (known, new): (Vec<usize>, Vec<usize>) =
            (0..ids.len()).partition(|&position| self.row(ids[position]).is_some());
        // The rows that the batch uses.
        let mut used = Vec::new();
        for position in known.into_iter().chain(new) {
            self.clock += 1;
            let id = ids[position];
            let row = match self.row(id) {
                Some(row) => {
                    self.stats.hits += 1;
                    self.rows[row].n_uses += 1;
                    self.rows[row].last_use = self.clock;
                    row
                }
                None => {
                    self.stats.misses += 1;
                    if self.sightings(id) < u64::from(self.config.admit_after) {
                        continue;
                    }
                    let Some(row) = self.place(&used) else {
                        self.stats.refused += 1;
                        continue;
                    };
                    self.candidates.retain(|candidate| candidate.id != id);
                    self.stats.admitted += 1;
                    let new = Use { id, n_uses: self.config.admit_after.into(), last_use: self.clock };
                    if row == self.rows.len() {
                        self.rows.push(new);
                    } else {
                        self.rows[row] = new;
                        self.stats.evicted += 1;
                        resolved.fresh.push(row as u32);
                    }
                    row
                }
            };
            used.push(row);
            resolved.rows[position] = row as u32;
        }
        resolved
    }

    fn sightings(&mut self, id: u64) -> u64 {
        if self.config.admit_after == 1 {
            return 1;
        }
        let n_uses = match self.candidates.iter().position(|candidate| candidate.id == id) {
            Some(index) => self.candidates.remove(index).n_uses + 1,
            None => 1,
        };
        // In order of last use.
        if self.candidates.len() == self.config.max_candidates.unwrap_or(self.config.capacity) {
            self.candidates.remove(0);
            self.stats.forgotten += 1;
        }
        self.candidates.push(Use { id, n_uses, last_use: self.clock });
        n_uses
    }

    fn place(&self, used: &[usize]) -> Option<usize> {
        if self.rows.len() < self.config.capacity {
            return Some(self.rows.len());
        }
        let unused = (0..self.rows.len()).filter(|row| !used.contains(row));
        match self.config.eviction {
            Eviction::Never => None,
            Eviction::LeastFrequentlyUsed => {
                unused.min_by_key(|&row| (self.rows[row].n_uses, self.rows[row].last_use))
            }
            Eviction::LeastRecentlyUsed => unused.min_by_key(|&row| self.rows[row].last_use),
        }
    }
}

fn config() -> impl Strategy<Value = DynamicIdsConfig> {
    let max_candidates = prop_oneof![Just(None), (1usize..6).prop_map(Some)];
    (1usize..8, 1u32..4, prop::sample::select(&POLICIES[..]), max_candidates).prop_map(
        |(capacity, admit_after, eviction, max_candidates)| {
            DynamicIdsConfig::new(capacity)
                .with_admit_after(admit_after)
                .with_eviction(eviction)
                .with_max_candidates(max_candidates)
        },
    )
}

/// Batches of skewed ids, some near the largest.
fn batches() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let id = prop_oneof![3 => 0u64..5, 2 => 0u64..20, 1 => u64::MAX - 3..=u64::MAX];
    prop::collection::vec(prop::collection::vec(id, 0..12), 0..25)
}

/// The ids that have a row, with their rows.
fn live(ids: &DynamicIds) -> Vec<(u64, u32)> {
    ids.state().ids().zip(0..).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn as_the_naive_model(config in config(), batches in batches()) {
        let (mut ids, mut naive) = (config.init(), Naive::new(config));
        for batch in &batches {
            prop_assert_eq!(ids.resolve(batch), naive.resolve(batch));
            prop_assert_eq!(ids.stats(), naive.stats);
            let expected: Vec<u64> = naive.rows.iter().map(|row| row.id).collect();
            prop_assert_eq!(ids.state().ids().collect::<Vec<_>>(), expected);
        }
    }

    /// What holds whatever the policy does.
    #[test]
    fn nothing_collides(config in config(), batches in batches()) {
        let mut ids = config.init();
        for batch in &batches {
            let before = live(&ids);
            let Resolved { rows, fresh } = ids.resolve(batch);
            let after = live(&ids);
            let out_of_vocabulary = ids.out_of_vocabulary_row();
            for (&id, &row) in batch.iter().zip(&rows) {
                prop_assert!(row == out_of_vocabulary || after.contains(&(id, row)), "{id} in {row}");
                let known = before.iter().find(|known| known.0 == id);
                prop_assert!(known.is_none_or(|known| known.1 == row), "{id} lost its row");
            }
            // Ids keep their rows, but for the fresh ones, each of which is read by the batch.
            let changed: Vec<u32> =
                before.iter().filter(|known| !after.contains(known)).map(|known| known.1).collect();
            let mut sorted = fresh.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, changed);
            prop_assert!(fresh.iter().all(|row| rows.contains(row)));
            let distinct: std::collections::BTreeSet<u64> = after.iter().map(|known| known.0).collect();
            prop_assert_eq!(distinct.len(), after.len());
            prop_assert_eq!((ids.len(), ids.len() <= ids.capacity()), (after.len(), true));
            let all: Vec<u64> = after.iter().map(|known| known.0).collect();
            prop_assert!(ids.lookup(&all).into_iter().eq(0..after.len() as u32));
            let stats = ids.stats();
            prop_assert_eq!(stats.admitted - stats.evicted, ids.len() as u64);
        }
    }

    #[test]
    fn a_restored_run_equals_one_that_never_stopped(config in config(), batches in batches(), at in 0usize..25) {
        let mut ids = config.init();
        let mut restored = None;
        for (index, batch) in batches.iter().enumerate() {
            if index == at {
                let state = DynamicIdsState::from_bytes(&ids.state().to_bytes());
                restored = Some(config.restore(&state.expect("whole")).expect("of this config"));
            }
            let resolved = ids.resolve(batch);
            if let Some(restored) = &mut restored {
                prop_assert_eq!(restored.resolve(batch), resolved);
                prop_assert_eq!(restored.state(), ids.state());
            }
        }
    }

    /// With room for all candidates, an error is exactly what would be refused.
    #[test]
    fn trying_is_an_error_where_resolving_refuses(config in config(), batches in batches()) {
        let config = config.with_max_candidates(Some(100));
        let mut ids = config.init();
        for batch in &batches {
            let (before, mut other) = (ids.state(), ids.clone());
            let expected = other.resolve(batch);
            let refuses = other.stats().refused > ids.stats().refused;
            match ids.try_resolve(batch) {
                Ok(resolved) => prop_assert_eq!((resolved, false), (expected, refuses)),
                Err(DynamicIdsError::CapacityReached { needed, capacity }) => {
                    prop_assert!(refuses && needed > capacity && capacity == config.capacity);
                    prop_assert_eq!(ids.state(), before);
                    ids = other;
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }

    #[test]
    fn trying_never_refuses_silently(config in config(), batches in batches()) {
        let mut ids = config.init();
        for batch in &batches {
            let _ = ids.try_resolve(batch);
        }
        prop_assert_eq!(ids.stats().refused, 0);
    }

    /// One candidate is seen among others, all of which are remembered or not.
    #[test]
    fn admission_is_late_only_if_too_many_others_come_between(
        max_candidates in 1usize..6,
        admit_after in 2u32..5,
        n_others in 0u64..8,
    ) {
        let config = DynamicIdsConfig::new(100)
            .with_admit_after(admit_after)
            .with_max_candidates(Some(max_candidates));
        let mut ids = config.init();
        for sighting in 1..=admit_after {
            let row = ids.resolve(&[u64::MAX]).rows[0];
            let is_admitted = sighting == admit_after && n_others < max_candidates as u64;
            prop_assert_eq!(row, if is_admitted { 0 } else { 100 });
            let others: Vec<u64> = (0..n_others).map(|other| other + 1000 * u64::from(sighting)).collect();
            ids.resolve(&others);
        }
    }
}

#[test]
fn lookup_changes_nothing() {
    let mut ids = DynamicIdsConfig::new(3).with_admit_after(2).init();
    ids.resolve(&[1, 1, 2]);
    let before = ids.state();
    assert_eq!(ids.lookup(&[1, 2, 2, 2, 9]), [0, 3, 3, 3, 3]);
    assert_eq!(ids.state(), before);
}

#[test]
fn an_id_is_admitted_at_its_nth_sighting() {
    for eviction in POLICIES {
        let config = DynamicIdsConfig::new(2).with_admit_after(3).with_eviction(eviction);
        // Over batches, and within one.
        let mut ids = config.init();
        let rows: Vec<u32> = (0..4).map(|_| ids.resolve(&[u64::MAX]).rows[0]).collect();
        assert_eq!(rows, [2, 2, 0, 0]);
        let mut ids = config.init();
        assert_eq!(ids.resolve(&[8, 8, 5, 8, 8, 5, 5]).rows, [2, 2, 2, 0, 0, 2, 1]);
        let expected = DynamicStats { hits: 1, misses: 6, admitted: 2, ..DynamicStats::default() };
        assert_eq!(ids.stats(), expected);
        ids.reset_stats();
        assert_eq!((ids.stats(), ids.len(), ids.n_rows()), (DynamicStats::default(), 2, 3));
    }
}

#[test]
fn a_full_table_keeps_its_ids_without_eviction() {
    let mut ids = DynamicIdsConfig::new(2).init();
    ids.resolve(&[10, 20]);
    assert_eq!(ids.resolve(&[30, 10, 30]), Resolved { rows: vec![2, 0, 2], fresh: vec![] });
    assert_eq!((ids.stats().refused, ids.stats().evicted), (2, 0));
    let error = ids.try_resolve(&[30, 40, 10]).expect_err("there is no row");
    assert_eq!(error, DynamicIdsError::CapacityReached { needed: 4, capacity: 2 });
    assert!(error.to_string().starts_with("the ids need 4 rows, but the capacity is 2"), "{error}");
    // Ids that have rows are no reason for an error.
    assert_eq!(ids.try_resolve(&[20, 10]).map(|resolved| resolved.rows), Ok(vec![1, 0]));
}

#[test]
fn the_least_used_goes_first() {
    // 10 is used most, 20 last but one, 30 last.
    let stream = [[10, 10], [10, 10], [20, 20], [30, 20], [30, 30]];
    for (eviction, expected) in [
        (Eviction::LeastFrequentlyUsed, [1, 2]), // 20 and 30 have three uses each; 20's are older
        (Eviction::LeastRecentlyUsed, [0, 1]),
    ] {
        let mut ids = DynamicIdsConfig::new(3).with_eviction(eviction).init();
        for batch in stream {
            ids.resolve(&batch);
        }
        let resolved = ids.resolve(&[40, 50]);
        assert_eq!((resolved.rows, resolved.fresh), (expected.to_vec(), expected.to_vec()), "{eviction:?}");
    }
}

#[test]
fn an_evicted_id_starts_again() {
    let config = DynamicIdsConfig::new(1).with_admit_after(2).with_eviction(Eviction::LeastRecentlyUsed);
    let mut ids = config.init();
    assert_eq!(ids.resolve(&[1, 1]), Resolved { rows: vec![1, 0], fresh: vec![] });
    assert_eq!(ids.resolve(&[2, 2]), Resolved { rows: vec![1, 0], fresh: vec![0] });
    assert_eq!(ids.resolve(&[1]), Resolved { rows: vec![1], fresh: vec![] });
    assert_eq!(ids.resolve(&[1]), Resolved { rows: vec![0], fresh: vec![0] });
    assert_eq!(ids.lookup(&[1, 2]), [0, 1]);
}

#[test]
fn a_batch_keeps_its_own_rows() {
    for eviction in [Eviction::LeastFrequentlyUsed, Eviction::LeastRecentlyUsed] {
        let mut ids = DynamicIdsConfig::new(2).with_eviction(eviction).init();
        ids.resolve(&[1, 2]);
        // 1 comes last in the batch and is first to be evicted otherwise.
        assert_eq!(ids.resolve(&[3, 1]), Resolved { rows: vec![1, 0], fresh: vec![1] });
        // More ids than rows: the last ones find none.
        let resolved = ids.resolve(&[4, 5, 6, 7, 5]);
        assert_eq!(resolved.rows.iter().filter(|&&row| row == 2).count(), 2, "{resolved:?}");
        assert_eq!((resolved.rows[1], ids.stats().refused), (resolved.rows[4], 2));
        let error = ids.try_resolve(&[4, 5, 6]).expect_err("three ids, two rows");
        assert_eq!(error, DynamicIdsError::CapacityReached { needed: 3, capacity: 2 });
    }
}

#[test]
fn no_ids_no_rows() {
    let mut ids = DynamicIdsConfig::new(2).init();
    assert_eq!(ids.resolve(&[]), Resolved::default());
    assert_eq!(ids.try_resolve(&[]), Ok(Resolved::default()));
    assert!(ids.lookup(&[]).is_empty() && ids.is_empty());
}

#[test]
fn the_policy_may_change_but_not_the_capacity() {
    let mut ids = DynamicIdsConfig::new(2).with_admit_after(2).init();
    ids.resolve(&[1, 2, 1, 2, 2, 3]);
    let state = ids.state();
    let error = DynamicIdsConfig::new(5).restore(&state).expect_err("another capacity");
    assert_eq!(error, DynamicIdsError::Capacity { state: 2, config: 5 });
    assert!(error.to_string().contains("of capacity 2, restored for a capacity of 5"), "{error}");
    // 1 has fewer uses than 2.
    let by_frequency = DynamicIdsConfig::new(2).with_eviction(Eviction::LeastFrequentlyUsed);
    let mut restored = by_frequency.restore(&state).expect("of this capacity");
    assert_eq!(restored.resolve(&[3]), Resolved { rows: vec![0], fresh: vec![0] });
    let error = DynamicIdsConfig::new(2).with_admit_after(2).with_max_candidates(Some(1));
    ids.resolve(&[4]);
    let error = error.restore(&ids.state()).expect_err("two candidates");
    assert_eq!(error, DynamicIdsError::TooManyCandidates { n_candidates: 2, max_candidates: 1 });
}

#[test]
#[should_panic(expected = "a capacity is 1 to 2147483646 ids; asked for 0")]
fn no_capacity_panics() {
    DynamicIdsConfig::new(0).init();
}

#[test]
#[should_panic(expected = "after 1 sighting or more; asked for 0")]
fn no_sighting_panics() {
    DynamicIdsConfig::new(1).with_admit_after(0).init();
}

#[test]
#[should_panic(expected = "after 2 sightings takes 1 to 2147483646 candidates; asked for 0")]
fn no_candidates_panic() {
    DynamicIdsConfig::new(1).with_admit_after(2).with_max_candidates(Some(0)).init();
}
