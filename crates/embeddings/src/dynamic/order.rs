//! The order in which slots are evicted.

/// No slot, no group.
const NONE: u32 = u32::MAX;
/// The group before the first: of rank 0, always empty.
const HEAD: u32 = 0;

/// Slots by rank, and within a rank by the time they got it.
///
/// A list of groups of equal rank, each a list of slots (Shah, Mitra and Matani 2010, "An O(1)
/// algorithm for implementing the LFU cache eviction scheme"). A slot whose rank rises by one moves to
/// the next group, so every operation is O(1). Where all ranks are equal it is a list by last use.
#[derive(Debug, Clone)]
pub(super) struct UseOrder {
    /// By slot.
    nodes: Vec<Node>,
    groups: Vec<Group>,
    vacant_groups: Vec<u32>,
    /// Where the search stands: groups before it have no slot to be found.
    found: u32,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    group: u32,
    previous: u32,
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    rank: u64,
    /// Slots.
    first: u32,
    last: u32,
    /// Groups, in order of rank.
    previous: u32,
    next: u32,
}

impl Default for UseOrder {
    fn default() -> Self {
        let head = Group { rank: 0, first: NONE, last: NONE, previous: NONE, next: NONE };
        UseOrder { nodes: Vec::new(), groups: vec![head], vacant_groups: Vec::new(), found: NONE }
    }
}

impl UseOrder {
    /// The slots `0..sorted.len()`, given in order with their ranks.
    pub(super) fn from_sorted(sorted: Vec<(u32, u64)>) -> Self {
        let nodes = vec![Node { group: HEAD, previous: NONE, next: NONE }; sorted.len()];
        let mut order = UseOrder { nodes, ..UseOrder::default() };
        let mut group = HEAD;
        for (slot, rank) in sorted {
            group = order.group(group, rank);
            order.push(slot, group);
        }
        order
    }

    /// Puts `slot` behind those of its rank, which is at least 1. Any lower ranks are few: they are
    /// walked over.
    pub(super) fn insert(&mut self, slot: u32, rank: u64) {
        let group = self.group(HEAD, rank);
        self.push(slot, group);
    }

    /// Puts `slot` behind those of `rank`, which is not below its own.
    pub(super) fn advance(&mut self, slot: u32, rank: u64) {
        let from = self.nodes[slot as usize].group;
        self.unlink(slot);
        // Before its old group goes, if it is empty now: the new one is next to it.
        let to = self.group(from, rank);
        self.push(slot, to);
        self.drop_empty(from);
    }

    /// Takes `slot` out.
    pub(super) fn remove(&mut self, slot: u32) {
        let group = self.nodes[slot as usize].group;
        self.unlink(slot);
        self.drop_empty(group);
    }

    /// All slots in order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        let follow = |index: u32| (index != NONE).then_some(index);
        let groups = std::iter::successors(follow(self.groups[HEAD as usize].next), move |&group| {
            follow(self.groups[group as usize].next)
        });
        groups.flat_map(move |group| {
            std::iter::successors(follow(self.groups[group as usize].first), move |&slot| {
                follow(self.nodes[slot as usize].next)
            })
        })
    }

    /// Makes [`search`](Self::search) start from the first slot.
    pub(super) fn begin_search(&mut self) {
        self.found = self.groups[HEAD as usize].next;
    }

    /// The first slot that is `wanted`. Between two calls of [`begin_search`](Self::begin_search) slots
    /// that were inserted or advanced must not be wanted, and the others must stay as they are.
    ///
    /// Then the unwanted are the last of every group, and a group without a wanted slot gets none: each
    /// group is passed once, whatever the number of searches.
    pub(super) fn search(&mut self, wanted: impl Fn(u32) -> bool) -> Option<u32> {
        while self.found != NONE {
            let Group { first, next, .. } = self.groups[self.found as usize];
            if wanted(first) {
                return Some(first);
            }
            self.found = next;
        }
        None
    }

    /// The group of `rank`, made if there is none; `from` is a group of at most this rank.
    fn group(&mut self, mut from: u32, rank: u64) -> u32 {
        let mut next = self.groups[from as usize].next;
        while next != NONE && self.groups[next as usize].rank <= rank {
            (from, next) = (next, self.groups[next as usize].next);
        }
        if self.groups[from as usize].rank == rank {
            return from;
        }
        let group = Group { rank, first: NONE, last: NONE, previous: from, next };
        let index = match self.vacant_groups.pop() {
            Some(index) => {
                self.groups[index as usize] = group;
                index
            }
            None => {
                self.groups.push(group);
                (self.groups.len() - 1) as u32
            }
        };
        self.groups[from as usize].next = index;
        if next != NONE {
            self.groups[next as usize].previous = index;
        }
        index
    }

    /// Puts `slot`, which is in no list, last in `group`.
    fn push(&mut self, slot: u32, group: u32) {
        let last = std::mem::replace(&mut self.groups[group as usize].last, slot);
        let node = Node { group, previous: last, next: NONE };
        match self.nodes.get_mut(slot as usize) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
        match last {
            NONE => self.groups[group as usize].first = slot,
            _ => self.nodes[last as usize].next = slot,
        }
    }

    /// Takes `slot` out of its group's list; the group may be empty afterwards.
    fn unlink(&mut self, slot: u32) {
        let Node { group, previous, next } = self.nodes[slot as usize];
        match previous {
            NONE => self.groups[group as usize].first = next,
            _ => self.nodes[previous as usize].next = next,
        }
        match next {
            NONE => self.groups[group as usize].last = previous,
            _ => self.nodes[next as usize].previous = previous,
        }
    }

    /// Takes `group` out of the list of groups if it is empty.
    fn drop_empty(&mut self, group: u32) {
        let Group { first, previous, next, .. } = self.groups[group as usize];
        if first != NONE {
            return;
        }
        self.groups[previous as usize].next = next;
        if next != NONE {
            self.groups[next as usize].previous = previous;
        }
        if self.found == group {
            self.found = next;
        }
        self.vacant_groups.push(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(order: &UseOrder) -> Vec<u32> {
        order.slots().collect()
    }

    #[test]
    fn by_rank_then_by_time() {
        let mut order = UseOrder::default();
        for slot in 0..4 {
            order.insert(slot, 1);
        }
        order.advance(1, 2);
        order.advance(0, 2);
        order.advance(1, 3);
        assert_eq!(slots(&order), [2, 3, 0, 1]);
        order.remove(3);
        order.insert(3, 2);
        assert_eq!(slots(&order), [2, 0, 3, 1]);
        // Five groups were made; those left empty were used again.
        assert_eq!(order.groups.len(), 4);
    }

    #[test]
    fn equal_ranks_are_by_last_use() {
        let mut order = UseOrder::from_sorted(vec![(2, 1), (0, 1), (1, 1)]);
        order.advance(0, 1);
        assert_eq!(slots(&order), [2, 1, 0]);
        order.advance(0, 1);
        order.advance(2, 1);
        assert_eq!(slots(&order), [1, 0, 2]);
    }

    #[test]
    fn a_search_goes_on_where_it_stood_though_its_group_goes() {
        let mut order = UseOrder::from_sorted(vec![(0, 1), (1, 1), (2, 2), (3, 5)]);
        order.begin_search();
        order.advance(0, 2);
        assert_eq!(order.search(|slot| slot != 0), Some(1));
        order.remove(1);
        assert_eq!(order.search(|slot| slot != 0), Some(2));
        order.remove(2);
        order.insert(1, 1);
        assert_eq!(order.search(|slot| ![0, 1].contains(&slot)), Some(3));
        order.advance(3, 6);
        assert_eq!(order.search(|_| false), None);
        assert_eq!(slots(&order), [1, 0, 3]);
    }
}
