//! What is learned.

use std::sync::Arc;

use burn_recsys_data::{IdMap, ItemVectors};

use super::table::{Weights, add_scaled};
use super::vocabulary::Vocabulary;
use crate::{Error, Result};

/// Vectors of items learned by [`SkipGramConfig`](crate::SkipGramConfig).
#[derive(Debug, Clone)]
pub struct SkipGram {
    d: usize,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    has_vector: Vec<bool>,
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
    pub(super) fn new(weights: &Weights, vocabulary: Vocabulary, losses: Vec<f64>) -> Self {
        let d = weights.d;
        let n_items = vocabulary.item_counts.len();
        let learned = vocabulary.learned_inputs();
        let mut inputs = vec![0.0; n_items * d];
        let mut has_vector = vec![false; n_items];
        for (item, vector) in inputs.chunks_exact_mut(d).enumerate() {
            let members = vocabulary.members_of_item(item as u32, &learned);
            let scale = 1.0 / members.len() as f32;
            for &member in &members {
                add_scaled(vector, scale, &weights.inputs[member as usize * d..][..d]);
            }
            has_vector[item] = !members.is_empty();
        }
        let mut outputs = vec![0.0; n_items * d];
        for (&item, row) in vocabulary.items.iter().zip(weights.outputs.chunks_exact(d)) {
            outputs[item as usize * d..][..d].copy_from_slice(row);
        }
        SkipGram { d, inputs, outputs, has_vector, counts: vocabulary.item_counts, losses }
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.counts.len()
    }

    /// The size of each vector.
    pub fn d_embedding(&self) -> usize {
        self.d
    }

    /// The input vector of an item, by which items are compared.
    ///
    /// `None` if it was too seldom, or never, in the sequences of the first epoch, and has no feature that a
    /// learned item has.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn vector(&self, item: u32) -> Option<&[f32]> {
        self.has_vector[item as usize].then(|| &self.inputs[item as usize * self.d..][..self.d])
    }

    /// The input vectors of all items; zeros where [`vector`](Self::vector) is `None`.
    ///
    /// # Shapes
    /// - `[n_items, d_embedding]`, row by row
    pub fn input_vectors(&self) -> &[f32] {
        &self.inputs
    }

    /// The input vectors of the items that have one, under their ids, for files and
    /// [`SimilarItems`](crate::SimilarItems).
    ///
    /// # Errors
    /// If there is not one id for every item.
    pub fn item_vectors(&self, ids: &IdMap) -> Result<ItemVectors> {
        let refuse = |message: String| Error::Parameter { parameter: "ids", message };
        if ids.len() != self.n_items() {
            return Err(refuse(format!("{} ids for {} items", ids.len(), self.n_items())));
        }
        let known: Vec<u32> =
            (0..).zip(&self.has_vector).filter(|(_, has)| **has).map(|(item, _)| item).collect();
        let values = known.iter().filter_map(|&item| self.vector(item)).flatten().copied().collect();
        ItemVectors::new(Arc::new(ids.select(&known)), self.d, values)
            .map_err(|error| refuse(error.to_string()))
    }

    /// The output vectors of all items; zeros of those that were not learned. The inner product of
    /// one with the input vector of another item says how likely they are neighbours.
    ///
    /// # Shapes
    /// - `[n_items, d_embedding]`, row by row
    pub fn output_vectors(&self) -> &[f32] {
        &self.outputs
    }

    /// How often every item was in the first epoch beside another item, rare ones not counted, `[n_items]`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The mean loss of every epoch, as [`SkipGramEpoch::loss`].
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }
}
