//! Which items are learned, how often each is there, and what negatives are drawn from.

use burn_recsys_data::random::Draws;
use burn_recsys_data::windows::Subsampling;
use burn_recsys_data::{AliasTable, Csr, Sequences};
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
    /// How often every item is in the first epoch, in sequences of two items or more.
    pub(super) item_counts: Vec<u64>,
    /// Of the items that are learned.
    n_words: u64,
    subsampling: Option<Subsampling>,
    noise: AliasTable,
    members: Option<Members>,
    n_features: usize,
}

/// The vectors whose mean is the input of an item: its own and those of its features, which come after those
/// of all items.
#[derive(Debug)]
struct Members {
    /// By row of an item.
    rows: Csr,
    /// Feature by item.
    features: Csr,
    /// What the steps of every input vector are multiplied by, `[n_inputs]`.
    step_scales: Vec<f32>,
}

/// Of an item that is not learned.
const NO_ROW: u32 = u32::MAX;

impl Vocabulary {
    /// Counts the items of the first epoch.
    ///
    /// # Errors
    /// If no item is frequent enough.
    pub(super) fn new(
        config: &SkipGramConfig,
        sequences: &dyn Sequences,
        features: Option<&Csr>,
    ) -> Result<Self> {
        let n_items = sequences.n_items();
        if let Some(features) = features.filter(|features| features.n_rows() != n_items) {
            let message = format!("{} rows for {n_items} items; every item needs one", features.n_rows());
            return Err(Error::Parameter { parameter: "features", message });
        }
        let mut item_counts = count(sequences, None);
        let mut items = frequent(&item_counts, config.min_count);
        // Without rare items, others may be alone in all their sequences.
        while config.min_count > 1 && !items.is_empty() {
            let mut is_kept = vec![false; item_counts.len()];
            items.iter().for_each(|&item| is_kept[item as usize] = true);
            item_counts = count(sequences, Some(&is_kept));
            let fewer = frequent(&item_counts, config.min_count);
            if fewer.len() == items.len() {
                break;
            }
            items = fewer;
        }
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
        // Features may have any numbers, such as hashes: no vector is made for those between.
        let (features, n_features) = features.map_or((None, 0), |features| {
            let mut known: Vec<u32> = features.rows().flatten().copied().collect();
            known.sort_unstable();
            known.dedup();
            let place = |feature: &u32| known.partition_point(|other| other < feature) as u32;
            let rows = features.rows().map(|row| row.iter().map(place).collect::<Vec<u32>>());
            (Some(Csr::from_rows(rows)), known.len())
        });
        if u32::try_from(items.len() + n_features).is_err() {
            let message = format!("{n_features} beside {} items; at most 2^32 vectors", items.len());
            return Err(Error::Parameter { parameter: "features", message });
        }
        let members = features.filter(|_| n_features > 0).map(|features| {
            let first = items.len() as u32;
            let of_row = |(row, &item): (usize, &u32)| {
                let features = features.row(item).iter().map(|&feature| first + feature);
                std::iter::once(row as u32).chain(features).collect::<Vec<u32>>()
            };
            let rows = Csr::from_rows(items.iter().enumerate().map(of_row));
            let step_scales = step_scales(&rows, &counts, items.len() + n_features);
            Members { rows, features, step_scales }
        });
        Ok(Vocabulary { rows, items, item_counts, n_words, subsampling, noise, members, n_features })
    }

    /// The number of items that are learned.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The number of input vectors: those of items, then those of features.
    pub(super) fn n_inputs(&self) -> usize {
        self.items.len() + self.n_features
    }

    /// Whether inputs are means.
    pub(super) fn has_features(&self) -> bool {
        self.members.is_some()
    }

    /// The input vectors whose mean is the input of a row.
    #[inline(always)]
    pub(super) fn members<'r>(&'r self, row: &'r u32) -> &'r [u32] {
        match &self.members {
            Some(members) => members.rows.row(*row),
            None => std::slice::from_ref(row),
        }
    }

    /// What the steps of an input vector are multiplied by.
    #[inline(always)]
    pub(super) fn step_scale(&self, member: u32) -> f32 {
        self.members.as_ref().map_or(1.0, |members| members.step_scales[member as usize])
    }

    /// The input vectors whose mean is the vector of an item: its members if it is learned, else those of
    /// its features that learned items have.
    pub(super) fn members_of_item(&self, item: u32, is_learned: &[bool]) -> Vec<u32> {
        let row = self.rows[item as usize];
        if row != NO_ROW {
            return self.members(&row).to_vec();
        }
        let features = self.members.as_ref().map_or(&[][..], |members| members.features.row(item));
        let first = self.items.len() as u32;
        features.iter().map(|feature| first + feature).filter(|&row| is_learned[row as usize]).collect()
    }

    /// Whether every input vector is among the members of an item that is learned, `[n_inputs]`.
    pub(super) fn learned_inputs(&self) -> Vec<bool> {
        let mut is_learned = vec![false; self.n_inputs()];
        for row in 0..self.items.len() as u32 {
            self.members(&row).iter().for_each(|&member| is_learned[member as usize] = true);
        }
        is_learned
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

/// The items of so many occurrences.
fn frequent(counts: &[u64], min_count: u64) -> Vec<u32> {
    (0..counts.len() as u32).filter(|&item| counts[item as usize] >= min_count.max(1)).collect()
}

/// How often every item, of those kept, is in the first epoch with another one, counted by all threads.
fn count(sequences: &dyn Sequences, is_kept: Option<&[bool]>) -> Vec<u64> {
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
            if let Some(is_kept) = is_kept {
                items.retain(|&item| is_kept[item as usize]);
            }
            // Who is alone has no neighbour to learn from, as the start of a walk without edges.
            if items.len() > 1 {
                items.iter().for_each(|&item| counts[item as usize] += 1);
            }
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

/// A feature of many items, such as a category, would make so many steps on vectors that are not new any more
/// that training diverges. It makes smaller ones: all of its steps together are as long as those of the most
/// frequent item.
fn step_scales(members: &Csr, counts: &[u64], n_inputs: usize) -> Vec<f32> {
    let mut of_inputs = vec![0u64; n_inputs];
    for (row, &count) in members.rows().zip(counts) {
        row.iter().for_each(|&member| of_inputs[member as usize] += count);
    }
    // Items come by their counts.
    let most = counts[0];
    of_inputs.iter().map(|&count| if count > most { most as f32 / count as f32 } else { 1.0 }).collect()
}
