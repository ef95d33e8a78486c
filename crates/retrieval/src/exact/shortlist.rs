//! The items that may be among the best of one query.

use super::dots::ITEMS;

/// An item whose score lies between two bounds.
#[derive(Debug, Clone, Copy)]
struct Entry {
    item: u32,
    lower: f32,
    upper: f32,
}

/// Every item that, by what is known so far, may be among the best `k`.
#[derive(Debug)]
pub(super) struct Shortlist {
    k: usize,
    entries: Vec<Entry>,
    /// An item with an upper bound below is not among the best `k`.
    floor: f32,
    /// How far a bound may be off itself.
    slack: f32,
    /// The number of entries at which those below the floor are taken out.
    full_at: usize,
    /// The number of entries that must stay at which it gives up.
    limit: usize,
}

impl Shortlist {
    /// For the best `k`, at least 1.
    pub(super) fn new(k: usize, slack: f32) -> Self {
        let full_at = 2 * k + ITEMS;
        let limit = 4 * k + 2_048;
        Shortlist {
            k,
            entries: Vec::with_capacity(full_at + ITEMS),
            floor: f32::NEG_INFINITY,
            slack,
            full_at,
            limit,
        }
    }

    #[inline(always)]
    pub(super) fn floor(&self) -> f32 {
        self.floor
    }

    /// Takes those of a panel in that are in `mask` and reach the floor; see [`Codes`](super::codes::Codes) for
    /// what bounds a score.
    #[inline(never)]
    pub(super) fn offer(
        &mut self,
        first: u32,
        mask: u16,
        sums: &[i32; ITEMS],
        scales: &[f32; ITEMS],
        errors: &[f32; ITEMS],
        norm: f32,
    ) {
        for lane in (0..ITEMS).filter(|lane| mask >> lane & 1 == 1) {
            let (estimate, margin) = (sums[lane] as f32 * scales[lane], norm * errors[lane]);
            let upper = estimate + margin;
            if upper >= self.floor {
                self.entries.push(Entry { item: first + lane as u32, lower: estimate - margin, upper });
            }
        }
        if self.entries.len() >= self.full_at {
            self.shrink();
        }
    }

    /// Raises the floor and takes out what lies below.
    fn shrink(&mut self) {
        if self.entries.len() > self.k {
            let (_, last, _) =
                self.entries.select_nth_unstable_by(self.k - 1, |a, b| b.lower.total_cmp(&a.lower));
            // As many as asked for have scores of this or more.
            let floor = last.lower - 2.0 * self.slack;
            self.floor = floor;
            self.entries.retain(|entry| entry.upper >= floor);
        }
        self.full_at = 2 * self.entries.len() + ITEMS;
        if self.entries.len() > self.limit {
            // Nothing reaches it any more.
            self.floor = f32::INFINITY;
        }
    }

    /// The items that may be among the best, ascending; `None` if they were too many to keep.
    pub(super) fn finish(mut self) -> Option<Vec<u32>> {
        self.shrink();
        if self.floor == f32::INFINITY {
            return None;
        }
        let mut items: Vec<u32> = self.entries.iter().map(|entry| entry.item).collect();
        items.sort_unstable();
        Some(items)
    }
}
