use std::sync::Arc;

use super::head;
use crate::ranking::{Cutoff, JudgedList, RankingMetric};
use crate::{Error, Lists, Result};

/// The share of the recommended items that the user has not met in training.
///
/// `UnseenShare@k = items at ranks 1 to k that are not of the user's history / items at these ranks`. Below 1
/// a model repeats what the user knows. The divisor is the items there are, also where the list is shorter
/// than `k`. A cold item is unseen, and everything is for a user without a history.
///
/// In 0..1. Undefined for an empty list, where RePlay gives 1; otherwise equals RePlay `Novelty`.
#[derive(Debug, Clone)]
pub struct UnseenShare {
    k: Cutoff,
    histories: Arc<Lists>,
}

impl UnseenShare {
    /// The unseen share of the ranks 1 to `k`. `histories` holds the training items of each user, ascending:
    /// [`Lists::of_pairs`].
    ///
    /// # Errors
    /// If `k` is 0, or a history is not strictly ascending; the message names the user.
    pub fn new(k: usize, histories: Arc<Lists>) -> Result<Self> {
        for user in 0..histories.n_users() as u32 {
            let items = histories.of_user(user);
            if let Some(position) = (1..items.len()).find(|&position| items[position - 1] >= items[position])
            {
                let (item, previous) = (items[position], items[position - 1]);
                return Err(Error::HistoryOrder { user, item, position, previous });
            }
        }
        Ok(Self { k: Cutoff::new(k)?, histories })
    }
}

impl RankingMetric for UnseenShare {
    fn label(&self) -> String {
        format!("UnseenShare{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let items = head(list, self.k)?;
        let history = self.histories.of_user(list.user());
        let n_unseen = items.iter().filter(|item| history.binary_search(item).is_err()).count();
        Some(n_unseen as f64 / items.len() as f64)
    }

    fn uses_relevance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_the_history_are_seen() {
        let histories = Arc::new(Lists::from_rows([vec![], vec![2, 5, 9]]));
        let value = |user, items: &[u32], k| {
            let metric = UnseenShare::new(k, Arc::clone(&histories)).unwrap();
            metric.measure(&JudgedList::new(items, &[]).unwrap().of_user(user))
        };
        assert_eq!(value(1, &[9, 1, 5, 3], 3), Some(1.0 / 3.0));
        assert_eq!(value(1, &[9, 1], 10), Some(1.0 / 2.0));
        assert_eq!([value(0, &[9, 1], 2), value(77, &[9, 1], 2)], [Some(1.0), Some(1.0)]);
        assert_eq!(value(1, &[], 2), None);
    }

    #[test]
    fn histories_ascend() {
        let histories = Arc::new(Lists::from_rows([vec![1], vec![2, 9, 5]]));
        let error = UnseenShare::new(3, histories).unwrap_err();
        assert_eq!(error, Error::HistoryOrder { user: 1, item: 5, position: 2, previous: 9 });
    }
}
