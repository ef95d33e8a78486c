//! What takes part in a protocol.

use std::fmt;
use std::ops::ControlFlow;

use burn_recsys_data::Csr;
use burn_recsys_models::ItemScorer;
use serde::Serialize;
use serde_json::Value;

use crate::Result;

/// What a model learns from.
#[derive(Debug, Clone, Copy)]
pub struct TrainPart<'a> {
    /// For every user the items met, ascending and unique.
    pub positives: &'a Csr,
    /// Items are below this.
    pub n_items: usize,
}

/// Sees the model after an epoch, counted from 1, and may end the training.
pub type Watch<'a> = dyn FnMut(u64, &dyn ItemScorer) -> ControlFlow<()> + 'a;

/// How long a model that has epochs trains.
pub enum Epochs<'a> {
    /// As long as its parameters say.
    Configured,
    /// So many.
    Exactly(u64),
    /// Until this says that it is enough, at most as long as its parameters say.
    Watched(&'a mut Watch<'a>),
}

impl fmt::Debug for Epochs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Epochs::Configured => write!(f, "Configured"),
            Epochs::Exactly(n) => write!(f, "Exactly({n})"),
            Epochs::Watched(_) => write!(f, "Watched(..)"),
        }
    }
}

/// A model and the parameters that it may choose from, the defaults first.
pub trait Contender {
    /// The number of candidates, at least 1: ways to fit the model.
    fn n_candidates(&self) -> usize;

    /// The parameters of a candidate, for the record.
    fn parameters(&self, candidate: usize) -> Value;

    /// The most epochs of a candidate; `None` if it has no epochs, and is never watched.
    fn max_epochs(&self, candidate: usize) -> Option<u64>;

    /// Whether a seed makes a difference.
    fn is_seeded(&self) -> bool;

    /// Fits a candidate.
    ///
    /// # Errors
    /// If it cannot be fitted to such data: others may.
    ///
    /// # Panics
    /// If there is no such candidate.
    fn fit(
        &self,
        candidate: usize,
        train: TrainPart<'_>,
        seed: u64,
        epochs: Epochs<'_>,
    ) -> Result<Box<dyn ItemScorer>>;
}

/// Popularity: nothing to choose.
#[derive(Debug, Clone, Copy)]
pub struct Popular;

impl Contender for Popular {
    fn n_candidates(&self) -> usize {
        1
    }

    fn parameters(&self, _candidate: usize) -> Value {
        Value::Object(serde_json::Map::new())
    }

    fn max_epochs(&self, _candidate: usize) -> Option<u64> {
        None
    }

    fn is_seeded(&self) -> bool {
        false
    }

    fn fit(
        &self,
        _candidate: usize,
        train: TrainPart<'_>,
        _seed: u64,
        _epochs: Epochs<'_>,
    ) -> Result<Box<dyn ItemScorer>> {
        let items: Vec<u32> = train.positives.rows().flatten().copied().collect();
        Ok(Box::new(burn_recsys_baselines::Popular::new(train.n_items, &items)))
    }
}

/// A configuration that fits one model.
pub trait Recipe: Serialize + fmt::Debug {
    /// The most epochs; `None` if the model has none.
    fn max_epochs(&self) -> Option<u64> {
        None
    }

    /// Whether a seed makes a difference.
    fn is_seeded(&self) -> bool {
        self.max_epochs().is_some()
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If it cannot be fitted to such data.
    fn fit(&self, train: TrainPart<'_>, seed: u64, epochs: Epochs<'_>) -> Result<Box<dyn ItemScorer>>;
}

/// Configurations of one kind, the first of which is the default.
#[derive(Debug, Clone)]
pub struct Grid<R> {
    recipes: Vec<R>,
}

impl<R: Recipe> Grid<R> {
    /// A choice among `recipes`.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(recipes: Vec<R>) -> Self {
        assert!(!recipes.is_empty(), "0 recipes; a choice needs at least 1");
        Grid { recipes }
    }
}

impl<R: Recipe> Contender for Grid<R> {
    fn n_candidates(&self) -> usize {
        self.recipes.len()
    }

    fn parameters(&self, candidate: usize) -> Value {
        // A configuration is plain numbers and words. As text, single precision has as few digits as it needs.
        let text = serde_json::to_string(&self.recipes[candidate]).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    fn max_epochs(&self, candidate: usize) -> Option<u64> {
        self.recipes[candidate].max_epochs()
    }

    fn is_seeded(&self) -> bool {
        self.recipes.iter().any(Recipe::is_seeded)
    }

    fn fit(
        &self,
        candidate: usize,
        train: TrainPart<'_>,
        seed: u64,
        epochs: Epochs<'_>,
    ) -> Result<Box<dyn ItemScorer>> {
        self.recipes[candidate].fit(train, seed, epochs)
    }
}
