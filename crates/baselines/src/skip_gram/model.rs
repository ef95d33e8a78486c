//! What is learned.

use super::table::Weights;
use super::vocabulary::Vocabulary;

/// Vectors of items learned by [`SkipGramConfig`](crate::SkipGramConfig).
#[derive(Debug, Clone)]
pub struct SkipGram {
    d: usize,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    is_learned: Vec<bool>,
    counts: Vec<u64>,
    losses: Vec<f64>,
}

/// An epoch of training.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SkipGramEpoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// The mean logistic loss of its pairs, positive and negative; `ln(2)` is that of knowing nothing.
    pub loss: f64,
    /// The items of its sequences, without those that are not learned and those that subsampling leaves out.
    pub n_words: u64,
}

impl SkipGram {
    pub(super) fn new(d: usize, weights: &Weights, vocabulary: Vocabulary, losses: Vec<f64>) -> Self {
        let n_items = vocabulary.item_counts.len();
        let mut is_learned = vec![false; n_items];
        vocabulary.items.iter().for_each(|&item| is_learned[item as usize] = true);
        let by_item = |rows: &[f32]| {
            let mut vectors = vec![0.0; n_items * d];
            for (&item, row) in vocabulary.items.iter().zip(rows.chunks_exact(d)) {
                vectors[item as usize * d..][..d].copy_from_slice(row);
            }
            vectors
        };
        let (inputs, outputs) = (by_item(&weights.inputs), by_item(&weights.outputs));
        SkipGram { d, inputs, outputs, is_learned, counts: vocabulary.item_counts, losses }
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.counts.len()
    }

    /// The size of each vector.
    pub fn d_embedding(&self) -> usize {
        self.d
    }

    /// The input vector of an item, by which items are compared; `None` if it occurred too seldom, or never,
    /// in the first epoch.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn vector(&self, item: u32) -> Option<&[f32]> {
        self.is_learned[item as usize].then(|| &self.inputs[item as usize * self.d..][..self.d])
    }

    /// The input vectors of all items; zeros where [`vector`](Self::vector) is `None`.
    ///
    /// # Shapes
    /// - `[n_items, d_embedding]`, row by row
    pub fn input_vectors(&self) -> &[f32] {
        &self.inputs
    }

    /// The output vectors of all items; zeros where [`vector`](Self::vector) is `None`. The inner product of
    /// one with the input vector of another item says how likely they are neighbours.
    ///
    /// # Shapes
    /// - `[n_items, d_embedding]`, row by row
    pub fn output_vectors(&self) -> &[f32] {
        &self.outputs
    }

    /// How often every item was in the first epoch, `[n_items]`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The mean loss of every epoch, as [`SkipGramEpoch::loss`].
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }
}
