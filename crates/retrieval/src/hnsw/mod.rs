//! Approximate search by hierarchical navigable small-world graphs (Malkov and Yashunin 2018, "Efficient and
//! robust approximate nearest neighbor search using hierarchical navigable small world graphs"), with the library
//! USearch.

mod file;
mod graph;
mod recall;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};

pub use recall::Recall;

use crate::exact::check;
use crate::filter::mask;
use crate::top_k::by_score_then_item;
use crate::{Error, Hit, ItemFilter, ItemIndex, Precision, Result};
use graph::Graph;

/// What an [`HnswIndex`] is built by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HnswConfig {
    /// Links of an item in each layer but the lowest, which has twice as many: M of the paper. More cost memory
    /// and time and find more.
    pub connectivity: usize,
    /// Candidates while an item is linked: efConstruction of the paper.
    pub expansion_add: usize,
    /// Candidates of a search: ef of the paper. The most direct trade of time for recall.
    pub expansion_search: usize,
    /// In what form vectors are kept. Integers are of one scale for all items, so they are for vectors of about
    /// the same length.
    pub precision: Precision,
    /// Threads that build. With one, the same vectors give the same graph; with more, links depend on which
    /// thread was first, and so do a few of the answers.
    pub threads: usize,
    /// Items whose vectors are searched after building, to measure the [`Recall`]; 0 measures nothing.
    pub recall_queries: usize,
}

impl Default for HnswConfig {
    fn default() -> Self {
        HnswConfig {
            connectivity: 16,
            expansion_add: 128,
            expansion_search: 64,
            precision: Precision::F32,
            threads: 1,
            recall_queries: 256,
        }
    }
}

/// Item vectors searched by inner product through a graph: much faster than exact, and not always right.
///
/// Scores are recomputed from the vectors as they are kept, by the plain loop of [`ExactIndex`](crate::ExactIndex),
/// and ordered, ties by the lower index.
///
/// Filters are applied while the graph is searched. Where few items pass, a graph is the wrong way to find them:
/// all that pass are scored if their number is at most `√(n · ef · M)` or not above `k`, and also if the graph
/// gives fewer than it should. An answer is therefore never short.
///
/// Items are [added](Self::add) and [removed](Self::remove) while others search: a change waits for searches that
/// run and holds up those that come for the time of one insertion.
pub struct HnswIndex {
    config: HnswConfig,
    dimension: usize,
    graph: RwLock<Graph>,
    recall: Option<Recall>,
    is_mapped: bool,
}

impl HnswIndex {
    /// Builds the graph of item vectors.
    ///
    /// # Shapes
    /// - `items`: `[n_items, dimension]`, row-major
    ///
    /// # Errors
    /// If `items` is not a whole number of vectors or holds NaN or infinity or what is too large for the
    /// precision, or if the configuration cannot be.
    pub fn build(dimension: usize, items: &[f32], config: HnswConfig) -> Result<Self> {
        check(dimension, items)?;
        let largest = items.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let graph = Graph::new(dimension, &config, largest)?;
        let index =
            HnswIndex { config, dimension, graph: RwLock::new(graph), recall: None, is_mapped: false };
        index.exclusive().extend(items, index.config.threads)?;
        let recall = index.recall_of_items(items)?;
        Ok(HnswIndex { recall, ..index })
    }

    /// What it was built by.
    pub fn config(&self) -> &HnswConfig {
        &self.config
    }

    /// How much was found when the index was built; items that were added or removed since are not in it.
    pub fn recall(&self) -> Option<&Recall> {
        self.recall.as_ref()
    }

    /// The number of items that can be found.
    pub fn len(&self) -> usize {
        self.shared().len()
    }

    /// Whether no item can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that graph and vectors take, without what is mapped.
    pub fn memory(&self) -> usize {
        self.shared().memory()
    }

    /// Searches with more or fewer candidates (`ef`) from now on.
    pub fn set_expansion_search(&mut self, expansion: usize) {
        self.config.expansion_search = expansion.max(1);
        let expansion = self.config.expansion_search;
        self.exclusive().set_expansion_search(expansion);
    }

    /// Puts an item in, or another vector in its place. Items need not come in order, but the number of items is
    /// one more than the largest.
    ///
    /// # Errors
    /// If the vector has another size, NaN or infinity, or at [`Precision::I8`] a value larger than any at the
    /// build; or if the index is mapped.
    pub fn add(&self, item: u32, vector: &[f32]) -> Result<()> {
        self.check_one(vector)?;
        self.check_writable()?;
        self.exclusive().replace(item, vector)
    }

    /// Takes an item out; `false` if it was not in. Its place is taken by the next that is added.
    ///
    /// # Errors
    /// If the index is mapped.
    pub fn remove(&self, item: u32) -> Result<bool> {
        self.check_writable()?;
        self.exclusive().remove(item)
    }

    fn check_writable(&self) -> Result<()> {
        let message = "a mapped index cannot be changed; load it instead".to_string();
        if self.is_mapped { Err(Error::Graph { message }) } else { Ok(()) }
    }

    fn check_one(&self, vector: &[f32]) -> Result<()> {
        if vector.len() != self.dimension {
            return Err(Error::Shape { length: vector.len(), dimension: self.dimension });
        }
        check(self.dimension, vector)
    }

    // Nothing of ours panics with the lock held, and the library behind it is not Rust.
    fn shared(&self) -> RwLockReadGuard<'_, Graph> {
        self.graph.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn exclusive(&self) -> RwLockWriteGuard<'_, Graph> {
        self.graph.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of items that pass a filter below which all of them are scored.
    fn few(&self, n_items: usize) -> usize {
        // A graph looks at about ef M / p items if a part p = m / n of them passes, and scoring all that pass
        // looks at m. Measured, the two take as long where this says that they are as many.
        let HnswConfig { connectivity, expansion_search, .. } = self.config;
        ((n_items as f64) * (expansion_search as f64) * (connectivity as f64)).sqrt() as usize
    }
}

impl ItemIndex for HnswIndex {
    fn n_items(&self) -> usize {
        self.shared().n_items()
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn search_one(&self, query: &[f32], k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
        self.check_one(query)?;
        let graph = self.shared();
        let n_items = graph.n_items();
        let k = k.min(graph.len());
        if k == 0 {
            return Ok(Vec::new());
        }
        let mask = mask(n_items, filter);
        let passes = |item: u32| {
            mask.as_ref().is_none_or(|words| {
                words.get(item as usize / 64).is_some_and(|word| word >> (item % 64) & 1 == 1)
            })
        };
        let n_passing =
            mask.as_ref().map_or(n_items, |words| words.iter().map(|word| word.count_ones() as usize).sum());
        let mut items = Vec::new();
        if n_passing > k.max(self.few(n_items)) {
            items =
                if mask.is_some() { graph.near_passing(query, k, passes)? } else { graph.near(query, k)? };
        }
        if items.len() < k.min(n_passing) {
            items = (0..n_items as u32).filter(|&item| passes(item)).collect();
        }
        let mut hits = graph.hits(query, &items)?;
        hits.sort_unstable_by(by_score_then_item);
        hits.truncate(k);
        Ok(hits)
    }
}

impl std::fmt::Debug for HnswIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HnswIndex")
            .field("config", &self.config)
            .field("dimension", &self.dimension)
            .field("recall", &self.recall)
            .field("is_mapped", &self.is_mapped)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
