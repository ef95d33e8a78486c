//! Sparse weights between items.

use burn_recsys_data::Csr;
use burn_recsys_retrieval::Hit;

/// For every item some other items and their weights: a sparse item-to-item matrix by rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SparseWeights {
    /// `offsets[i]..offsets[i + 1]` are the entries of row `i`.
    offsets: Vec<usize>,
    entries: Vec<Hit>,
}

impl SparseWeights {
    /// One row after the other.
    pub(crate) fn from_rows(rows: impl IntoIterator<Item = Vec<Hit>>) -> Self {
        let (mut offsets, mut entries) = (vec![0], Vec::new());
        for row in rows {
            entries.extend_from_slice(&row);
            offsets.push(entries.len());
        }
        SparseWeights { offsets, entries }
    }

    /// The columns of a square matrix, one after the other.
    pub(crate) fn from_columns(columns: &[Vec<Hit>]) -> Self {
        let mut offsets = vec![0; columns.len() + 1];
        columns.iter().flatten().for_each(|hit| offsets[hit.item as usize + 1] += 1);
        for row in 0..columns.len() {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut entries = vec![Hit { item: 0, score: 0.0 }; offsets[columns.len()]];
        for (column, hits) in (0u32..).zip(columns) {
            for hit in hits {
                let at = &mut next[hit.item as usize];
                entries[*at] = Hit { item: column, score: hit.score };
                *at += 1;
            }
        }
        SparseWeights { offsets, entries }
    }

    pub(crate) fn n_items(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(crate) fn row(&self, item: u32) -> &[Hit] {
        let item = item as usize;
        &self.entries[self.offsets[item]..self.offsets[item + 1]]
    }

    /// Writes the sum of the rows of `history`, `[n_items]`.
    pub(crate) fn sum_rows(&self, history: &[u32], scores: &mut [f32]) {
        assert_eq!(scores.len(), self.n_items(), "{} scores for {} items", scores.len(), self.n_items());
        scores.fill(0.0);
        for &item in history {
            for hit in self.row(item) {
                scores[hit.item as usize] += hit.score;
            }
        }
    }

    /// Writes that sum for the history of each of `users`, `[users, n_items]`.
    pub(crate) fn score(&self, histories: &Csr, users: &[u32], scores: &mut [f32]) {
        let n_items = self.n_items();
        assert_eq!(scores.len(), users.len() * n_items, "scores must be [users, n_items]");
        for (&user, row) in users.iter().zip(scores.chunks_exact_mut(n_items)) {
            self.sum_rows(histories.row(user), row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows() {
        let hit = |item, score| Hit { item, score };
        let weights =
            SparseWeights::from_columns(&[vec![hit(1, 0.5)], vec![], vec![hit(0, 1.0), hit(1, 2.0)]]);
        assert_eq!(weights.row(0), [hit(2, 1.0)]);
        assert_eq!(weights.row(1), [hit(0, 0.5), hit(2, 2.0)]);
        assert_eq!(weights.row(2), []);
    }

    #[test]
    fn rows_are_summed() {
        let hit = |item, score| Hit { item, score };
        let weights = SparseWeights::from_rows([vec![hit(2, 1.0), hit(1, 0.5)], vec![], vec![hit(1, 0.25)]]);
        assert_eq!(weights.n_items(), 3);
        let mut scores = [f32::NAN; 3];
        weights.sum_rows(&[0, 2], &mut scores);
        assert_eq!(scores, [0.0, 0.75, 1.0]);
        weights.sum_rows(&[], &mut scores);
        assert_eq!(scores, [0.0; 3]);
    }
}
