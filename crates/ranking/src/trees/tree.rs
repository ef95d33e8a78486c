//! One complete regression tree.

/// Trees are not deeper: a tree of this depth has 255 splits.
pub(super) const DEEPEST: usize = 8;

/// Rows that go down a tree together, so that their steps overlap.
const LANES: usize = 8;

/// Where a row goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// Rows with a lower value go left. Not NaN.
    pub(super) threshold: f32,
    pub(super) feature: u16,
    /// Where rows go whose value is NaN.
    pub(super) is_missing_left: bool,
}

/// A complete tree: `2^depth - 1` splits, `2^depth` leaves.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) splits: Vec<Split>,
    pub(super) leaves: Vec<f32>,
    /// What each split gained in training; 0 for one that only fills a tree up.
    pub(super) gains: Vec<f32>,
}

impl Tree {
    pub(super) fn depth(&self) -> u32 {
        self.leaves.len().trailing_zeros()
    }

    /// Adds the leaf of every row to its score. Features of splits are below `n_features`.
    pub(super) fn add_to(&self, scores: &mut [f32], features: &[f32], n_features: usize) {
        let depth = self.depth();
        let n_splits = self.splits.len();
        let blocks = features.chunks(LANES * n_features).zip(scores.chunks_mut(LANES));
        for (rows, scores) in blocks {
            let mut nodes = [0usize; LANES];
            for _ in 0..depth {
                for (node, row) in nodes.iter_mut().zip(rows.chunks_exact(n_features)) {
                    let split = self.splits[*node];
                    let value = row[usize::from(split.feature)];
                    let is_left = (value < split.threshold) | (value.is_nan() & split.is_missing_left);
                    *node = 2 * *node + 2 - usize::from(is_left);
                }
            }
            for (score, node) in scores.iter_mut().zip(nodes) {
                *score += self.leaves[node - n_splits];
            }
        }
    }

    pub(super) fn add_gains_to(&self, gains: &mut [f64]) {
        for (split, gain) in self.splits.iter().zip(&self.gains) {
            gains[usize::from(split.feature)] += f64::from(*gain);
        }
    }
}
