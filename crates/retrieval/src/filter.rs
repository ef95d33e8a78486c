//! Which items may be answered.

/// A set of items, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemSet {
    n_items: usize,
    words: Vec<u64>,
}

impl ItemSet {
    /// No item of `n_items`.
    pub fn empty(n_items: usize) -> Self {
        ItemSet { n_items, words: vec![0; n_items.div_ceil(64)] }
    }

    /// All of `n_items` items.
    pub fn full(n_items: usize) -> Self {
        let mut set = ItemSet { n_items, words: vec![u64::MAX; n_items.div_ceil(64)] };
        if let Some(last) = set.words.last_mut()
            && !n_items.is_multiple_of(64)
        {
            *last = (1 << (n_items % 64)) - 1;
        }
        set
    }

    /// The number of items that can be in the set.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The number of items in the set.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no item is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether `item` is in the set; an item that cannot be is not.
    pub fn contains(&self, item: u32) -> bool {
        self.words.get(item as usize / 64).is_some_and(|word| word >> (item % 64) & 1 == 1)
    }

    /// Adds an item.
    ///
    /// # Panics
    /// If `item` is not below [`n_items`](Self::n_items).
    pub fn insert(&mut self, item: u32) {
        assert!((item as usize) < self.n_items, "item {item} in a set of {} items", self.n_items);
        self.words[item as usize / 64] |= 1 << (item % 64);
    }

    /// Takes an item out; nothing happens if it is not in.
    pub fn remove(&mut self, item: u32) {
        if let Some(word) = self.words.get_mut(item as usize / 64) {
            *word &= !(1 << (item % 64));
        }
    }

    /// Adds all items of another set.
    ///
    /// # Panics
    /// If the sets are of different numbers of items.
    pub fn union(&mut self, other: &ItemSet) {
        assert_eq!(self.n_items, other.n_items, "sets of different numbers of items");
        self.words.iter_mut().zip(&other.words).for_each(|(to, from)| *to |= from);
    }

    /// Keeps only the items that are in another set too.
    ///
    /// # Panics
    /// If the sets are of different numbers of items.
    pub fn intersect(&mut self, other: &ItemSet) {
        assert_eq!(self.n_items, other.n_items, "sets of different numbers of items");
        self.words.iter_mut().zip(&other.words).for_each(|(to, from)| *to &= from);
    }

    /// The bits, item 0 in the lowest of the first word.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The items, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.words).flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// Which items an answer may hold: those of every allowed set that are not excluded.
///
/// The default lets every item pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct ItemFilter<'a> {
    /// Items to leave out, ascending: what a user has seen.
    pub exclude: &'a [u32],
    /// Sets in all of which an item must be: a category, what can be delivered.
    pub allow: &'a [&'a ItemSet],
}

impl ItemFilter<'_> {
    /// Whether `item` may be answered.
    pub fn passes(&self, item: u32) -> bool {
        self.allow.iter().all(|set| set.contains(item)) && self.exclude.binary_search(&item).is_err()
    }
}

/// A bit for each of `n_items` items that passes a filter; `None` if all do.
pub(crate) fn mask(n_items: usize, filter: &ItemFilter<'_>) -> Option<Vec<u64>> {
    if filter.exclude.is_empty() && filter.allow.is_empty() {
        return None;
    }
    let mut set = ItemSet::full(n_items);
    for allowed in filter.allow {
        // Items that an allowed set does not know are not in it.
        let words = allowed.words.iter().copied().chain(std::iter::repeat(0));
        set.words.iter_mut().zip(words).for_each(|(to, from)| *to &= from);
    }
    filter.exclude.iter().for_each(|&item| set.remove(item));
    Some(set.words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let mut set = ItemSet::empty(130);
        for item in [0, 63, 64, 129, 5] {
            set.insert(item);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 5, 63, 64, 129]);
        set.remove(63);
        set.remove(1_000);
        assert_eq!(
            (set.len(), set.contains(63), set.contains(64), set.contains(1_000)),
            (4, false, true, false)
        );
        assert_eq!(ItemSet::full(130).len(), 130);
        assert_eq!(ItemSet::full(128).len(), 128);
        let mut both = ItemSet::full(130);
        both.intersect(&set);
        assert_eq!(both, set);
        both.union(&ItemSet::full(130));
        assert_eq!(both.len(), 130);
        assert!(ItemSet::empty(0).is_empty());
    }

    #[test]
    fn a_filter_asks_for_every_set_and_no_exclusion() {
        let (mut even, mut small) = (ItemSet::empty(10), ItemSet::empty(10));
        (0..10).step_by(2).for_each(|item| even.insert(item));
        (0..6).for_each(|item| small.insert(item));
        let filter = ItemFilter { exclude: &[2], allow: &[&even, &small] };
        let passing: Vec<u32> = (0..10).filter(|&item| filter.passes(item)).collect();
        assert_eq!(passing, [0, 4]);
        assert!(ItemFilter::default().passes(99));
    }
}
