//! Candidates of several sources, merged, with where each came from.

use std::collections::BTreeMap;
use std::fmt;

use burn_recsys_retrieval::{Hit, ItemFilter};

use crate::{Error, Result, Visitor};

/// Finds items that a visitor may like.
pub trait CandidateGenerator: Send + Sync {
    /// The best `k` items that pass `filter`, best first; fewer if there are not that many, none if the
    /// generator knows nothing of the visitor.
    ///
    /// # Errors
    /// If the generator was made for other users or items.
    fn candidates(&self, visitor: &Visitor<'_>, k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>>;
}

/// How a source found an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The place in the source's list; the best is 1.
    pub rank: u32,
    /// The source's own score; comparable within the source only.
    pub score: f32,
}

/// The union of what several sources found, items ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    n_sources: usize,
    items: Vec<u32>,
    found: Vec<Option<Found>>,
}

impl Candidates {
    /// The union of one list for each source.
    ///
    /// # Shapes
    /// - `lists`: `[n_sources]`, each best first; an item that stands in a list twice counts where it stands
    ///   first
    pub fn merge(lists: &[Vec<Hit>]) -> Self {
        let mut union: BTreeMap<u32, Vec<Option<Found>>> = BTreeMap::new();
        for (source, list) in lists.iter().enumerate() {
            for (rank, hit) in (1..).zip(list) {
                let found = union.entry(hit.item).or_insert_with(|| vec![None; lists.len()]);
                found[source].get_or_insert(Found { rank, score: hit.score });
            }
        }
        let items = union.keys().copied().collect();
        Candidates { n_sources: lists.len(), items, found: union.into_values().flatten().collect() }
    }

    /// These items as candidates, each found as it is here; one that is not here was found by no source.
    ///
    /// # Shapes
    /// - `items`: in any order; an item that is there twice is a candidate once
    pub fn of_items(&self, items: &[u32]) -> Candidates {
        let mut items = items.to_vec();
        items.sort_unstable();
        items.dedup();
        let mut found = Vec::with_capacity(items.len() * self.n_sources);
        for item in &items {
            match self.items.binary_search(item) {
                Ok(position) => found.extend_from_slice(self.found(position)),
                Err(_) => found.extend(std::iter::repeat_n(None, self.n_sources)),
            }
        }
        Candidates { n_sources: self.n_sources, items, found }
    }

    /// The items, ascending.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether no source found an item.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The number of sources that were asked.
    pub fn n_sources(&self) -> usize {
        self.n_sources
    }

    /// How each source found the candidate at `position`, in the order of the sources.
    ///
    /// # Panics
    /// If there is no candidate at `position`.
    pub fn found(&self, position: usize) -> &[Option<Found>] {
        &self.found[position * self.n_sources..(position + 1) * self.n_sources]
    }
}

/// Several generators, each with a name and a quota.
#[derive(Default)]
pub struct CandidateSources {
    sources: Vec<Source>,
}

struct Source {
    name: String,
    quota: usize,
    generator: Box<dyn CandidateGenerator>,
}

impl CandidateSources {
    /// No source.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a generator that is asked for its `quota` best items.
    ///
    /// # Errors
    /// If the quota is 0 or the name is taken.
    pub fn with_source(
        mut self,
        name: &str,
        quota: usize,
        generator: impl CandidateGenerator + 'static,
    ) -> Result<Self> {
        let refuse = |message: String| Err(Error::Parameter { parameter: "source", message });
        if quota == 0 {
            return refuse(format!("{name} has a quota of 0; leave it out or give it at least 1"));
        }
        if self.sources.iter().any(|source| source.name == name) {
            return refuse(format!("there are two of the name {name}"));
        }
        self.sources.push(Source { name: name.into(), quota, generator: Box::new(generator) });
        Ok(self)
    }

    /// The sources' names, in the order in which they were added.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sources.iter().map(|source| source.name.as_str())
    }

    /// What the source number `source` finds, at most its quota.
    ///
    /// # Errors
    /// If the source fails; the error names it.
    ///
    /// # Panics
    /// If there is no such source.
    pub fn list(&self, source: usize, visitor: &Visitor<'_>, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
        let Source { name, quota, generator } = &self.sources[source];
        let failed = |error: Error| Error::Source { name: name.clone(), message: error.to_string() };
        generator.candidates(visitor, *quota, filter).map_err(failed)
    }

    /// What all sources find, each at most its quota.
    ///
    /// # Errors
    /// If a source fails; the error names it.
    pub fn candidates(&self, visitor: &Visitor<'_>, filter: &ItemFilter<'_>) -> Result<Candidates> {
        let lists = (0..self.sources.len()).map(|source| self.list(source, visitor, filter));
        Ok(Candidates::merge(&lists.collect::<Result<Vec<_>>>()?))
    }
}

impl fmt::Debug for CandidateSources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.sources.iter().map(|source| (&source.name, source.quota));
        formatter.debug_map().entries(sources).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Listed(Vec<u32>);

    impl CandidateGenerator for Listed {
        fn candidates(&self, _: &Visitor<'_>, k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
            let hits = self.0.iter().filter(|&&item| filter.passes(item));
            Ok(hits.take(k).map(|&item| Hit { item, score: -(item as f32) }).collect())
        }
    }

    #[test]
    fn each_source_fills_its_quota_and_is_remembered() {
        let sources = CandidateSources::new()
            .with_source("first", 2, Listed(vec![7, 3, 5]))
            .unwrap()
            .with_source("second", 3, Listed(vec![3, 9, 1, 2]))
            .unwrap();
        let filter = ItemFilter { exclude: &[9], allow: &[] };
        let candidates = sources.candidates(&Visitor::default(), &filter).unwrap();
        assert_eq!(candidates.items(), [1, 2, 3, 7]);
        let found = |rank, item: u32| Some(Found { rank, score: -(item as f32) });
        assert_eq!(candidates.found(0), [None, found(2, 1)]);
        assert_eq!(candidates.found(2), [found(2, 3), found(1, 3)]);
        assert_eq!(candidates.found(3), [found(1, 7), None]);
        assert_eq!(sources.names().collect::<Vec<_>>(), ["first", "second"]);
    }

    #[test]
    fn items_keep_how_they_were_found() {
        let hit = |item| Hit { item, score: 1.0 };
        let candidates = Candidates::merge(&[vec![hit(5), hit(2)], vec![hit(2)]]);
        let some = candidates.of_items(&[7, 2, 7]);
        assert_eq!(some.items(), [2, 7]);
        assert_eq!(some.found(0), candidates.found(0));
        assert_eq!(some.found(1), [None, None]);
    }

    #[test]
    fn impossible_sources_are_refused() {
        let sources = CandidateSources::new().with_source("one", 1, Listed(vec![])).unwrap();
        assert!(sources.candidates(&Visitor::default(), &ItemFilter::default()).unwrap().is_empty());
        assert!(sources.with_source("one", 1, Listed(vec![])).is_err());
        assert!(CandidateSources::new().with_source("none", 0, Listed(vec![])).is_err());
    }
}
