use crate::ranking::{Cutoff, JudgedList};
use crate::{Error, Lists, Result};

use super::head;

/// The items at the ranks 1 to `k` of another model's lists, ready to be looked up.
#[derive(Debug, Clone)]
pub(super) struct OtherLists {
    k: Cutoff,
    /// Ascending.
    heads: Lists,
}

impl OtherLists {
    pub(super) fn new(k: usize, lists: &Lists) -> Result<Self> {
        let k = Cutoff::new(k)?;
        let mut sorted = Vec::new();
        let mut heads = Vec::with_capacity(lists.n_users());
        for user in 0..lists.n_users() as u32 {
            let items = lists.of_user(user);
            let start = sorted.len();
            sorted.extend_from_slice(&items[..items.len().min(k.get())]);
            sorted[start..].sort_unstable();
            if sorted[start..].windows(2).any(|pair| pair[0] == pair[1]) {
                // Only to say where.
                JudgedList::new(items, &[]).map_err(|error| Error::User { user, source: Box::new(error) })?;
            }
            heads.push(start..sorted.len());
        }
        let heads = Lists::from_rows(heads.into_iter().map(|range| &sorted[range]));
        Ok(Self { k, heads })
    }

    pub(super) fn k(&self) -> Cutoff {
        self.k
    }

    /// How many of the items at the ranks 1 to `k` the other model has there too, and how many there are;
    /// `None` for an empty list.
    pub(super) fn n_shared(&self, list: &JudgedList<'_>) -> Option<(usize, usize)> {
        let items = head(list, self.k)?;
        let other = self.heads.of_user(list.user());
        Some((items.iter().filter(|item| other.binary_search(item).is_ok()).count(), items.len()))
    }
}
