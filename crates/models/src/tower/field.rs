//! What a tower reads of a row.

use burn::config::Config;

/// The code of a category that is not known, in a [`Categorical`](TowerField::Categorical) or
/// [`Bag`](TowerField::Bag) field: it has a vector of its own.
pub const UNKNOWN: u32 = u32::MAX;

/// One thing that a tower knows of its users or items. Every field becomes a vector.
///
/// ```
/// use burn_recsys_models::{HistoryPooling, TowerField};
///
/// let user = [
///     TowerField::id(943),
///     TowerField::categorical("occupation", 21),
///     TowerField::history("rated", 1_682, HistoryPooling::Mean),
/// ];
/// let item = [TowerField::id(1_682), TowerField::bag("genres", 19), TowerField::dense("age", 1)];
/// assert_eq!(user[1].name(), "occupation");
/// assert_eq!(item[0].name(), "id");
/// ```
#[derive(Config, Debug, PartialEq)]
pub enum TowerField {
    /// The id of the row, below `n_ids`; at most one for a tower. A table of `d_embedding`, or any other
    /// [`IdEmbedding`](burn_recsys_embeddings::IdEmbedding) that the tower is given.
    Id {
        /// Ids are below it.
        n_ids: u64,
    },
    /// One category of a row, or [`UNKNOWN`].
    Categorical {
        /// What errors call it.
        name: String,
        /// Codes are below it.
        n_categories: usize,
    },
    /// Any number of categories of a row, [`UNKNOWN`] among them or not: the mean of their vectors, zeros
    /// where there are none.
    Bag {
        /// What errors call it.
        name: String,
        /// Codes are below it.
        n_categories: usize,
    },
    /// Finite numbers, taken as they are: bring them to a like scale beforehand.
    Dense {
        /// What errors call it.
        name: String,
        /// The number of columns.
        width: usize,
    },
    /// Items of the past, oldest first: zeros where there are none.
    History {
        /// What errors call it.
        name: String,
        /// Items are below it.
        n_items: usize,
        /// How the items become one vector.
        pooling: HistoryPooling,
        /// Whether items have the vectors that the item tower has for their ids. Otherwise the field has a table
        /// of its own, `[n_items, d_embedding]`.
        is_shared: bool,
    },
}

/// How the items of a history become one vector. An empty history is zeros in each of them.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum HistoryPooling {
    /// The mean of all items, weighted where the bags carry weights.
    Mean,
    /// The mean of all items, weighted by the softmax of learned scores `q . tanh(W v + b)` (the word
    /// attention of Yang et al. 2016, "Hierarchical attention networks", equations 5 to 7). It takes
    /// no other weights.
    Attention {
        /// Only the last so many items of a history count. Memory is for `batch * max_length *
        /// d_embedding` numbers.
        max_length: usize,
    },
}

/// How the vectors of fields become the input of a tower's layers.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum FieldCombination {
    /// Side by side.
    Concatenation,
    /// Added: all have the same size. Without layers and with biases this is a factorisation with features
    /// (Kula 2015, "Metadata embeddings for user and item cold-start recommendations"), and with the mean of a
    /// history that of SVD++ (Koren 2008, "Factorization meets the neighborhood").
    Sum,
}

impl TowerField {
    /// Ids below `n_ids`.
    pub fn id(n_ids: u64) -> Self {
        TowerField::Id { n_ids }
    }

    /// One of `n_categories`.
    pub fn categorical(name: impl Into<String>, n_categories: usize) -> Self {
        TowerField::Categorical { name: name.into(), n_categories }
    }

    /// Several of `n_categories`.
    pub fn bag(name: impl Into<String>, n_categories: usize) -> Self {
        TowerField::Bag { name: name.into(), n_categories }
    }

    /// `width` numbers.
    pub fn dense(name: impl Into<String>, width: usize) -> Self {
        TowerField::Dense { name: name.into(), width }
    }

    /// Items of the past with a table of their own.
    pub fn history(name: impl Into<String>, n_items: usize, pooling: HistoryPooling) -> Self {
        TowerField::History { name: name.into(), n_items, pooling, is_shared: false }
    }

    /// Items of the past with the vectors that the item tower has for their ids.
    pub fn shared_history(name: impl Into<String>, n_items: usize, pooling: HistoryPooling) -> Self {
        TowerField::History { name: name.into(), n_items, pooling, is_shared: true }
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        match self {
            TowerField::Id { .. } => "id",
            TowerField::Categorical { name, .. }
            | TowerField::Bag { name, .. }
            | TowerField::Dense { name, .. }
            | TowerField::History { name, .. } => name,
        }
    }

    /// The number of ids, categories, columns or items.
    pub(crate) fn size(&self) -> u64 {
        match *self {
            TowerField::Id { n_ids } => n_ids,
            TowerField::Categorical { n_categories, .. } | TowerField::Bag { n_categories, .. } => {
                n_categories as u64
            }
            TowerField::Dense { width, .. } => width as u64,
            TowerField::History { n_items, .. } => n_items as u64,
        }
    }
}
