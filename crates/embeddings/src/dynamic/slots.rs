//! Ids in numbered slots.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::order::UseOrder;

/// An id and how it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IdUse {
    pub(super) id: u64,
    /// At least 1.
    pub(super) n_uses: u64,
    /// The time of the last use; no two ids have the same.
    pub(super) last_use: u64,
}

/// Distinct ids, each in a slot of its own, and the order in which they would be evicted.
#[derive(Debug, Clone)]
pub(super) struct IdSlots {
    /// Never iterated over: its order means nothing.
    slot_of: HashMap<u64, u32, FxBuildHasher>,
    /// By slot; what a vacant slot holds means nothing.
    entries: Vec<IdUse>,
    vacant: Vec<u32>,
    order: UseOrder,
    /// Whether the least frequently used id goes first, or else the least recently used.
    is_by_frequency: bool,
}

impl IdSlots {
    pub(super) fn new(is_by_frequency: bool) -> Self {
        Self::restore(&[], is_by_frequency)
    }

    /// The ids of `entries` in slots `0..entries.len()`.
    pub(super) fn restore(entries: &[IdUse], is_by_frequency: bool) -> Self {
        let mut slots = IdSlots {
            slot_of: (0..).zip(entries).map(|(slot, entry)| (entry.id, slot)).collect(),
            entries: entries.to_vec(),
            vacant: Vec::new(),
            order: UseOrder::default(),
            is_by_frequency,
        };
        let mut sorted: Vec<u32> = (0..entries.len() as u32).collect();
        sorted.sort_unstable_by_key(|&slot| {
            let entry = &entries[slot as usize];
            (slots.rank(entry.n_uses), entry.last_use)
        });
        let ranked = sorted.into_iter().map(|slot| (slot, slots.rank(entries[slot as usize].n_uses)));
        slots.order = UseOrder::from_sorted(ranked.collect());
        slots
    }

    /// The number of ids.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.vacant.len()
    }

    /// By slot, if none is vacant.
    pub(super) fn entries(&self) -> &[IdUse] {
        &self.entries
    }

    /// The id in `slot`.
    pub(super) fn entry(&self, slot: u32) -> &IdUse {
        &self.entries[slot as usize]
    }

    /// From the first to be evicted to the last.
    pub(super) fn in_order(&self) -> impl Iterator<Item = IdUse> {
        self.order.slots().map(|slot| self.entries[slot as usize])
    }

    /// The slot of `id`.
    pub(super) fn get(&self, id: u64) -> Option<u32> {
        self.slot_of.get(&id).copied()
    }

    /// Counts one more use of the id in `slot`.
    pub(super) fn use_again(&mut self, slot: u32, time: u64) {
        let entry = &mut self.entries[slot as usize];
        entry.n_uses += 1;
        entry.last_use = time;
        let n_uses = entry.n_uses;
        self.order.advance(slot, self.rank(n_uses));
    }

    /// Puts an id that has no slot into the one vacated last, or else into a new one.
    pub(super) fn insert(&mut self, entry: IdUse) -> u32 {
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.entries[slot as usize] = entry;
                slot
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.slot_of.insert(entry.id, slot);
        self.order.insert(slot, self.rank(entry.n_uses));
        slot
    }

    /// Takes the id out of `slot`.
    pub(super) fn remove(&mut self, slot: u32) {
        self.slot_of.remove(&self.entries[slot as usize].id);
        self.order.remove(slot);
        self.vacant.push(slot);
    }

    /// The first to be evicted.
    pub(super) fn first(&self) -> Option<u32> {
        self.order.slots().next()
    }

    /// Makes [`least_used`](Self::least_used) start anew.
    pub(super) fn begin_batch(&mut self) {
        self.order.begin_search();
    }

    /// The first to be evicted among those whose last use is not after `start`, the time of the last
    /// [`begin_batch`](Self::begin_batch).
    pub(super) fn least_used(&mut self, start: u64) -> Option<u32> {
        let entries = &self.entries;
        self.order.search(|slot| entries[slot as usize].last_use <= start)
    }

    /// Lower ranks are evicted first; within a rank, the least recently used.
    fn rank(&self, n_uses: u64) -> u64 {
        if self.is_by_frequency { n_uses } else { 1 }
    }
}
