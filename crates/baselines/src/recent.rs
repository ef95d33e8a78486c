//! The items that stand for a history, and how much each counts.

use burn_recsys_data::Csr;
use burn_recsys_data::graph::ItemGraph;

use crate::{Error, Result};

/// An item that stands for a history, or for a part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedItem {
    /// The item's index.
    pub item: u32,
    /// How much it counts.
    pub weight: f32,
}

/// The most recent of `history` (most recent last) that `is_known`, each once, at most `n` of them, most
/// recent first; item number k from 0 weighs `decay^k`.
pub fn recent_items(
    history: &[u32],
    n: usize,
    decay: f32,
    is_known: impl Fn(u32) -> bool,
) -> Vec<WeightedItem> {
    let mut items: Vec<WeightedItem> = Vec::with_capacity(n.min(history.len()));
    let mut weight = 1.0;
    for &item in history.iter().rev().filter(|&&item| is_known(item)) {
        // What weighs nothing is no start.
        if items.len() == n || weight == 0.0 {
            break;
        }
        if items.iter().all(|other| other.item != item) {
            items.push(WeightedItem { item, weight });
            weight *= decay;
        }
    }
    items
}

/// Refuses no items at all, and a decay outside 0 to 1.
pub(crate) fn check(parameter: &'static str, n: usize, decay: f32) -> Result<()> {
    if n == 0 {
        let message = "0 items say nothing of a user; take 1 or more".into();
        return Err(Error::Parameter { parameter, message });
    }
    if !(0.0..=1.0).contains(&decay) {
        let message = format!("{decay} is not from 0 to 1");
        return Err(Error::Parameter { parameter: "decay", message });
    }
    Ok(())
}

/// The history of `user`; empty for one without a row.
fn history_of(histories: &Csr, user: u32) -> &[u32] {
    if (user as usize) < histories.n_rows() { histories.row(user) } else { &[] }
}

/// Writes the scores of every user, each by `score_history` of the user's history, `[users, n_items]`.
pub(crate) fn score_users(
    histories: &Csr,
    n_items: usize,
    users: &[u32],
    scores: &mut [f32],
    score_history: impl Fn(&[u32], &mut [f32]),
) {
    assert_eq!(scores.len(), users.len() * n_items, "scores must be [users, n_items]");
    if n_items > 0 {
        for (&user, row) in users.iter().zip(scores.chunks_exact_mut(n_items)) {
            score_history(history_of(histories, user), row);
        }
    }
}

/// The number of items of a graph, whose last node may be the start of users without history.
pub(crate) fn n_items(graph: &ItemGraph, has_start_node: bool) -> Result<usize> {
    graph.n_nodes().checked_sub(usize::from(has_start_node)).ok_or_else(|| Error::Parameter {
        parameter: "has_start_node",
        message: "the graph has no node that could be it; see ItemGraph::with_start_node".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_count_once_where_they_were_met_last() {
        let found = recent_items(&[3, 1, 9, 2, 1, 0], 3, 0.5, |item| item != 9);
        let expected = [(0, 1.0), (1, 0.5), (2, 0.25)].map(|(item, weight)| WeightedItem { item, weight });
        assert_eq!(found, expected);
        assert_eq!(recent_items(&[], 3, 0.5, |_| true), []);
        assert_eq!(recent_items(&[1, 1], 9, 0.0, |_| true).len(), 1);
    }
}
