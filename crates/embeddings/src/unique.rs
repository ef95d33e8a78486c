//! Removing duplicate ids on the host.

use rustc_hash::FxHashMap;

/// The distinct ids of a batch and where each id went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unique {
    /// Every id once, in the order of first appearance.
    pub(crate) ids: Vec<u32>,
    /// For every input position the index into `ids`.
    pub(crate) inverse: Vec<u32>,
}

impl Unique {
    /// The distinct ids among `ids`.
    pub(crate) fn of(ids: &[u32]) -> Self {
        let mut index_of = FxHashMap::with_capacity_and_hasher(ids.len(), Default::default());
        let mut unique = Vec::new();
        let inverse = ids
            .iter()
            .map(|&id| {
                *index_of.entry(id).or_insert_with(|| {
                    unique.push(id);
                    unique.len() as u32 - 1
                })
            })
            .collect();
        Unique { ids: unique, inverse }
    }

    /// Whether no id occurred twice, so that `inverse` counts up from zero.
    pub(crate) fn is_identity(&self) -> bool {
        self.ids.len() == self.inverse.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_of_first_appearance() {
        let unique = Unique::of(&[5, 3, 5, 9, 3]);
        assert_eq!(unique, Unique { ids: vec![5, 3, 9], inverse: vec![0, 1, 0, 2, 1] });
        assert!(!unique.is_identity());
        assert!(Unique::of(&[]).is_identity());
    }

    proptest! {
        #[test]
        fn inverse_restores_the_input(ids in prop::collection::vec(0u32..50, 0..200)) {
            let unique = Unique::of(&ids);
            let restored: Vec<u32> = unique.inverse.iter().map(|&i| unique.ids[i as usize]).collect();
            prop_assert_eq!(&restored, &ids);
            let distinct: std::collections::BTreeSet<u32> = ids.iter().copied().collect();
            prop_assert_eq!(unique.ids.len(), distinct.len());
        }
    }
}
