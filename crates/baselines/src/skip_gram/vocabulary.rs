//! Which items are learned, how often each is there, and what negatives are drawn from.

use burn_recsys_data::random::Draws;
use burn_recsys_data::windows::Subsampling;
use burn_recsys_data::{AliasTable, Sequences};
use rayon::prelude::*;

use super::SkipGramConfig;
use crate::{Error, Result};

/// The items that are learned, the most frequent first: their rows are what a step touches most often, and
/// lie side by side.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Row by item, or [`NO_ROW`].
    rows: Vec<u32>,
    /// Item by row.
    pub(super) items: Vec<u32>,
    /// How often every item is in the first epoch.
    pub(super) item_counts: Vec<u64>,
    /// Of the items that are learned.
    n_words: u64,
    subsampling: Option<Subsampling>,
    noise: AliasTable,
}

/// Of an item that is not learned.
const NO_ROW: u32 = u32::MAX;

impl Vocabulary {
    /// Counts the items of the first epoch.
    ///
    /// # Errors
    /// If no item is frequent enough.
    pub(super) fn new(config: &SkipGramConfig, sequences: &dyn Sequences) -> Result<Self> {
        let item_counts = count(sequences);
        let is_learned = |item: &u32| item_counts[*item as usize] >= config.min_count.max(1);
        let mut items: Vec<u32> = (0..item_counts.len() as u32).filter(is_learned).collect();
        if items.is_empty() {
            return Err(Error::Empty);
        }
        items.sort_by_key(|&item| std::cmp::Reverse(item_counts[item as usize]));
        let mut rows = vec![NO_ROW; item_counts.len()];
        for (row, &item) in items.iter().enumerate() {
            rows[item as usize] = row as u32;
        }
        let counts: Vec<u64> = items.iter().map(|&item| item_counts[item as usize]).collect();
        let n_words = counts.iter().sum::<u64>();
        let parameter = |parameter, error: burn_recsys_data::Error| Error::Parameter {
            parameter,
            message: error.to_string(),
        };
        let subsampling = (config.subsampling > 0.0)
            .then(|| Subsampling::new(&counts, config.subsampling))
            .transpose()
            .map_err(|error| parameter("subsampling", error))?;
        let noise = AliasTable::from_counts(&counts, config.noise_power)
            .map_err(|error| parameter("noise_power", error))?;
        Ok(Vocabulary { rows, items, item_counts, n_words, subsampling, noise })
    }

    /// The number of items that are learned.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The share of its most frequent item among all occurrences.
    pub(super) fn largest_share(&self) -> f64 {
        self.item_counts[self.items[0] as usize] as f64 / self.n_words as f64
    }

    /// The mean number of occurrences in a sequence.
    pub(super) fn mean_length(&self, n_sequences: usize) -> f64 {
        self.n_words as f64 / n_sequences.max(1) as f64
    }

    /// Replaces items by their rows; leaves out those that are not learned, and of frequent ones a random
    /// part.
    pub(super) fn keep_rows(&self, items: &mut Vec<u32>, draws: &mut Draws) {
        items.retain_mut(|item| {
            *item = self.rows[*item as usize];
            *item != NO_ROW
        });
        if let Some(subsampling) = &self.subsampling {
            subsampling.retain(items, draws);
        }
    }

    /// A random row.
    #[inline]
    pub(super) fn negative(&self, draws: &mut Draws) -> u32 {
        self.noise.draw(draws)
    }
}

/// How often every item is in the first epoch, counted by all threads.
fn count(sequences: &dyn Sequences) -> Vec<u64> {
    let n_items = sequences.n_items();
    let n_sequences = sequences.n_sequences();
    // A part costs a pass over all items at its end.
    let n_parts = rayon::current_num_threads().min(n_sequences).max(1);
    let size = n_sequences.div_ceil(n_parts).max(1);
    let of_part = |part: usize| {
        let mut counts = vec![0; n_items];
        let mut items = Vec::new();
        for index in (part * size).min(n_sequences)..((part + 1) * size).min(n_sequences) {
            items.clear();
            sequences.append(0, index, &mut items);
            items.iter().for_each(|&item| counts[item as usize] += 1);
        }
        counts
    };
    (0..n_parts).into_par_iter().map(of_part).reduce(
        || vec![0; n_items],
        |mut counts, other| {
            counts.iter_mut().zip(other).for_each(|(count, other)| *count += other);
            counts
        },
    )
}
