//! The ids of a batch without duplicates.

/// The distinct ids of a batch and where each of them goes.
///
/// It depends on the ids alone, so it can be made on another thread while the step before is under
/// way; [`EmbeddingTable::forward`](crate::EmbeddingTable::forward) makes its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Every id once, in the order of first appearance.
    rows: Vec<u32>,
    /// For every input position the index into `rows`.
    inverse: Vec<u32>,
}

impl Lookup {
    /// The distinct ids among `ids`.
    ///
    /// An open-addressing table at most half full: it takes half the time of a `HashMap` with a fast
    /// hash, and every step pays for it.
    pub fn new(ids: &[u32]) -> Self {
        const EMPTY: u32 = u32::MAX;
        let n_slots = (2 * ids.len()).next_power_of_two().max(2);
        let shift = u64::BITS - n_slots.trailing_zeros();
        // Slots hold indices into `rows`.
        let mut slots = vec![EMPTY; n_slots];
        let mut rows: Vec<u32> = Vec::new();
        let mut index_of = |id: u32| {
            // Multiplicative hashing (Knuth 1998, section 6.4): the high bits of the product.
            let mut slot = (u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift) as usize;
            loop {
                let index = slots[slot];
                if index == EMPTY {
                    slots[slot] = rows.len() as u32;
                    rows.push(id);
                    return slots[slot];
                }
                if rows[index as usize] == id {
                    return index;
                }
                slot = (slot + 1) & (n_slots - 1);
            }
        };
        let inverse = ids.iter().map(|&id| index_of(id)).collect();
        Lookup { rows, inverse }
    }

    /// The number of ids, duplicates counted.
    pub fn len(&self) -> usize {
        self.inverse.len()
    }

    /// Whether there is no id.
    pub fn is_empty(&self) -> bool {
        self.inverse.is_empty()
    }

    /// Every id once, in the order of first appearance.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// For every input position the index into [`rows`](Self::rows).
    pub fn inverse(&self) -> &[u32] {
        &self.inverse
    }

    /// The ids that the lookup was made of, duplicates counted.
    pub fn ids(&self) -> Vec<u32> {
        self.inverse.iter().map(|&index| self.rows[index as usize]).collect()
    }

    /// Whether no id occurs twice, so that `inverse` counts up from zero.
    pub(crate) fn is_identity(&self) -> bool {
        self.rows.len() == self.inverse.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_of_first_appearance() {
        let lookup = Lookup::new(&[5, 3, 5, 9, 3]);
        assert_eq!(lookup, Lookup { rows: vec![5, 3, 9], inverse: vec![0, 1, 0, 2, 1] });
        assert!(!lookup.is_identity());
        assert!(Lookup::new(&[]).is_identity());
    }

    proptest! {
        #[test]
        fn inverse_restores_the_input(ids in prop::collection::vec(0u32..50, 0..200)) {
            let lookup = Lookup::new(&ids);
            let restored: Vec<u32> = lookup.inverse.iter().map(|&i| lookup.rows[i as usize]).collect();
            prop_assert_eq!(&restored, &ids);
            let distinct: std::collections::BTreeSet<u32> = ids.iter().copied().collect();
            prop_assert_eq!(lookup.rows.len(), distinct.len());
        }

        #[test]
        fn ids_that_collide_are_told_apart(ids in prop::collection::vec(prop_oneof![0u32..9, u32::MAX - 9..=u32::MAX], 0..40), step in 1u32..1 << 31) {
            let ids: Vec<u32> = ids.iter().map(|id| id.wrapping_mul(step)).collect();
            let lookup = Lookup::new(&ids);
            let restored: Vec<u32> = lookup.inverse.iter().map(|&i| lookup.rows[i as usize]).collect();
            prop_assert_eq!(restored, ids);
        }
    }
}
