//! What we know of the library: vectors in, near items out. Its calls that must not meet are kept apart by who
//! borrows the graph how.

use std::path::Path;

use rayon::prelude::*;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::HnswConfig;
use crate::{Error, Hit, Precision, Result};

/// Searches and insertions that can run at once.
const SLOTS: usize = 64;
/// The largest integer of a component.
const LIMIT: f32 = 127.0;

/// The graph and the form of its vectors.
pub(super) struct Graph {
    index: Index,
    precision: Precision,
    dimension: usize,
    /// One more than the largest item that ever was.
    n_items: usize,
    /// What an integer of a component is to be multiplied with.
    scale: f32,
}

impl Graph {
    /// An empty graph; `largest` is the largest component of all vectors that will come.
    pub(super) fn new(dimension: usize, config: &HnswConfig, largest: f32) -> Result<Self> {
        let scale = if largest > 0.0 { largest / LIMIT } else { 1.0 };
        Self::empty(dimension, config, scale, 0)
    }

    pub(super) fn empty(dimension: usize, config: &HnswConfig, scale: f32, n_items: usize) -> Result<Self> {
        let &HnswConfig { connectivity, expansion_add, expansion_search, precision, threads, .. } = config;
        if !(2..=1_024).contains(&connectivity) || [expansion_add, expansion_search, threads].contains(&0) {
            let message = format!(
                "connectivity {connectivity} is not within 2 to 1024, or an expansion or the number of threads is 0"
            );
            return Err(Error::Graph { message });
        }
        let options = IndexOptions {
            dimensions: dimension,
            metric: MetricKind::IP,
            quantization: match precision {
                Precision::F32 => ScalarKind::F32,
                Precision::F16 => ScalarKind::F16,
                Precision::I8 => ScalarKind::I8,
            },
            connectivity,
            expansion_add,
            expansion_search,
            multi: false,
        };
        let index = Index::new(&options).map_err(refused)?;
        // Also the number of threads that a loaded or mapped graph takes.
        index.reserve_capacity_and_threads(0, SLOTS).map_err(refused)?;
        Ok(Graph { index, precision, dimension, n_items, scale })
    }

    /// Reads a graph that [`save`](Self::save) wrote and that is known to be whole, or maps it.
    pub(super) fn fill(&mut self, path: &Path, is_mapped: bool, expansion_search: usize) -> Result<()> {
        let path = text(path)?;
        if is_mapped { self.index.view(path) } else { self.index.load(path) }.map_err(refused)?;
        if self.index.dimensions() != self.dimension {
            return Err(Error::Layout { message: "the graph is of another dimension".into() });
        }
        self.set_expansion_search(expansion_search);
        Ok(())
    }

    pub(super) fn save(&self, path: &Path) -> Result<()> {
        self.index.save(text(path)?).map_err(refused)
    }

    pub(super) fn n_items(&self) -> usize {
        self.n_items
    }

    pub(super) fn len(&self) -> usize {
        self.index.size()
    }

    pub(super) fn scale(&self) -> f32 {
        self.scale
    }

    pub(super) fn memory(&self) -> usize {
        self.index.memory_usage()
    }

    pub(super) fn set_expansion_search(&mut self, expansion: usize) {
        self.index.change_expansion_search(expansion);
    }

    /// Adds items 0, 1, ... to an empty graph.
    pub(super) fn extend(&mut self, items: &[f32], threads: usize) -> Result<()> {
        let n_items = items.len() / self.dimension;
        if u32::try_from(n_items).is_err() {
            return Err(Error::TooMany { n_items });
        }
        self.index.reserve_capacity_and_threads(n_items, SLOTS.max(threads)).map_err(refused)?;
        self.n_items = n_items;
        let graph = &*self;
        let rows = || items.par_chunks_exact(self.dimension).enumerate();
        if threads == 1 {
            return (0..)
                .zip(items.chunks_exact(self.dimension))
                .try_for_each(|(item, row)| graph.insert(item, row));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::Graph { message: error.to_string() })?;
        pool.install(|| rows().try_for_each(|(item, row)| graph.insert(item as u32, row)))
    }

    /// Puts one vector in, in place of another if there is one.
    pub(super) fn replace(&mut self, item: u32, vector: &[f32]) -> Result<()> {
        // What cannot be kept must not take the old one out.
        self.check(item, vector)?;
        if self.index.contains(u64::from(item)) {
            self.remove(item)?;
        }
        if self.index.size() >= self.index.capacity() {
            let capacity = self.index.size() * 3 / 2 + 64;
            self.index.reserve_capacity_and_threads(capacity, SLOTS).map_err(refused)?;
        }
        self.insert(item, vector)?;
        self.n_items = self.n_items.max(item as usize + 1);
        Ok(())
    }

    pub(super) fn remove(&mut self, item: u32) -> Result<bool> {
        self.index.remove(u64::from(item)).map(|removed| removed > 0).map_err(refused)
    }

    fn check(&self, item: u32, vector: &[f32]) -> Result<()> {
        let limit = match self.precision {
            Precision::F32 => return Ok(()),
            Precision::F16 => 65_504.0,
            // By rounding, the largest of all may be a little more than the limit times the scale.
            Precision::I8 => LIMIT * self.scale * (1.0 + 1e-6),
        };
        match vector.iter().position(|value| value.abs() > limit) {
            None => Ok(()),
            Some(column) => Err(Error::TooLarge { row: item as usize, column, value: vector[column] }),
        }
    }

    fn insert(&self, item: u32, vector: &[f32]) -> Result<()> {
        self.check(item, vector)?;
        let key = u64::from(item);
        match self.precision {
            Precision::I8 => self.index.add(key, &integers(vector, self.scale)),
            _ => self.index.add(key, vector),
        }
        .map_err(refused)
    }

    /// Up to `k` items near a query.
    pub(super) fn near(&self, query: &[f32], k: usize) -> Result<Vec<u32>> {
        let found = match self.precision {
            Precision::I8 => self.index.search(&integers(query, own_scale(query)), k),
            _ => self.index.search(query, k),
        };
        Ok(found.map_err(refused)?.keys.iter().map(|&key| key as u32).collect())
    }

    /// As [`near`](Self::near), of those that pass.
    pub(super) fn near_passing(
        &self,
        query: &[f32],
        k: usize,
        passes: impl Fn(u32) -> bool,
    ) -> Result<Vec<u32>> {
        let passes = |key: u64| passes(key as u32);
        let found = match self.precision {
            Precision::I8 => self.index.filtered_search(&integers(query, own_scale(query)), k, passes),
            _ => self.index.filtered_search(query, k, passes),
        };
        Ok(found.map_err(refused)?.keys.iter().map(|&key| key as u32).collect())
    }

    /// The scores of those of some items that are in.
    ///
    /// # Errors
    /// If a score is NaN.
    pub(super) fn hits(&self, query: &[f32], items: &[u32]) -> Result<Vec<Hit>> {
        let mut vector = vec![0f32; self.dimension];
        let mut codes = vec![0i8; self.dimension];
        let mut hits = Vec::with_capacity(items.len());
        for &item in items {
            let key = u64::from(item);
            let n_found = match self.precision {
                Precision::I8 => {
                    let n_found = self.index.get(key, &mut codes).map_err(refused)?;
                    vector.iter_mut().zip(&codes).for_each(|(to, &code)| *to = f32::from(code) * self.scale);
                    n_found
                }
                _ => self.index.get(key, &mut vector).map_err(refused)?,
            };
            if n_found > 0 {
                let score = query.iter().zip(&vector).fold(0f32, |sum, (a, b)| sum + a * b);
                if score.is_nan() {
                    return Err(Error::NanScore { query: 0, item });
                }
                hits.push(Hit { item, score });
            }
        }
        Ok(hits)
    }
}

fn integers(vector: &[f32], scale: f32) -> Vec<i8> {
    vector.iter().map(|value| (value / scale).round().clamp(-LIMIT, LIMIT) as i8).collect()
}

/// The scale of a query: it does not change which items are near.
fn own_scale(query: &[f32]) -> f32 {
    let largest = query.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    if largest > 0.0 { largest / LIMIT } else { 1.0 }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::Graph { message: format!("{} is not UTF-8", path.display()) })
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Graph { message: error.to_string() }
}
