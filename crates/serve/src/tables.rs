//! What training gives to serving.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn_recsys_ranking::{BoostedTrees, ItemNeighbours, PopularCandidates};

use crate::folder::{FileEntry, Manifest, TensorsToWrite, publish};
use crate::rows::{Rows, check_below};
use crate::texts::{Ids, Texts};
use crate::{Error, Result, SourcesConfig};

pub(crate) const ITEMS: &str = "items.safetensors";
pub(crate) const ITEM_VECTORS: &str = "item_vectors.safetensors";
pub(crate) const USERS: &str = "users.safetensors";
pub(crate) const USER_VECTORS: &str = "user_vectors.safetensors";
pub(crate) const COHORT_VECTORS: &str = "cohort_vectors.safetensors";
pub(crate) const POPULAR: &str = "popular.safetensors";
pub(crate) const NEIGHBOURS: &str = "neighbours.safetensors";
/// The trees.
pub(crate) const RANKER: &str = "ranker.bin";
/// All files that a version may have.
pub(crate) const FILES: [&str; 9] =
    [ITEMS, ITEM_VECTORS, USERS, USER_VECTORS, COHORT_VECTORS, POPULAR, NEIGHBOURS, FACTS, RANKER];
/// What their features are made of.
pub(crate) const FACTS: &str = "facts.safetensors";

/// Everything that answers are made of.
///
/// Users, items and categories have dense indices; every table of a kind is in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct ServingTables {
    /// What the model is, in words; shown to people, never read by the program.
    pub model: String,
    /// When it was trained, in seconds since 1970.
    pub trained: u64,
    /// What is recommended.
    pub items: ItemTables,
    /// To whom.
    pub users: UserTables,
    /// One list for everybody. What a visitor of whom nothing is known gets: the longer it is, the narrower a
    /// filter may be that still leaves something.
    pub popular: PopularCandidates,
    /// Which items go together; none if that is not known.
    pub neighbours: Option<ItemNeighbours>,
    /// Orders the candidates; without it they are ordered by reciprocal rank fusion.
    pub ranker: Option<RankerTables>,
    /// Which candidates are looked for.
    pub sources: SourcesConfig,
}

/// Boosted trees and what their features are made of, besides the tables that serving has anyway.
#[derive(Debug, Clone, PartialEq)]
pub struct RankerTables {
    /// The trees, made for [`RankFeatures`](burn_recsys_ranking::RankFeatures) of the sources that
    /// [`SourcesConfig::init`] gives, in their order.
    pub trees: BoostedTrees,
    /// `[n_items]` interactions with each item.
    pub counts: Vec<f32>,
    /// `[n_items]` late interactions with each item.
    pub recent_counts: Vec<f32>,
    /// `[n_items]` mean ratings, NaN where there is none.
    pub mean_ratings: Vec<f32>,
    /// `[n_users]` mean ratings, NaN where there is none, if the features have them.
    pub user_means: Option<Vec<f32>>,
}

/// Tables of items.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemTables {
    /// `[n_items]` external ids, all different.
    pub ids: Vec<String>,
    /// `[n_items]` titles; empty where there is none.
    pub titles: Vec<String>,
    /// `[n_categories]` names, all different.
    pub category_names: Vec<String>,
    /// For each item its categories, strictly ascending.
    pub categories: Rows,
    /// The size of a vector.
    pub dimension: usize,
    /// `[n_items, dimension]`, row-major: inner products with users' vectors are scores.
    pub vectors: Vec<f32>,
    /// Items that are never answered, strictly ascending: out of stock, withdrawn. They may stand in histories.
    pub unavailable: Vec<u32>,
}

/// Tables of users; empty ones serve only users that nobody knows.
#[derive(Debug, Clone, PartialEq)]
pub struct UserTables {
    /// `[n_users]` external ids, all different.
    pub ids: Vec<String>,
    /// For each user the items of their history, oldest first; an item may stand there more than once.
    pub histories: Rows,
    /// For each user the items that are left out of answers, strictly ascending: often
    /// [`Rows::to_sets`] of the histories, but histories may be cut to their last items.
    pub seen: Rows,
    /// `[n_users, dimension]`, row-major; without vectors, the mean of the vectors of the history stands in.
    pub vectors: Option<Vec<f32>>,
    /// `[n_users]` in 0 to 1: how much of a vector comes from the user's id rather than from the cohort.
    pub gate_weights: Option<Vec<f32>>,
    /// Vectors for users who are not here.
    pub cohorts: CohortTables,
}

impl UserTables {
    /// No user.
    pub fn none() -> Self {
        let rows = || Rows::from_rows([[0_u32; 0]; 0]);
        UserTables {
            ids: vec![],
            histories: rows(),
            seen: rows(),
            vectors: None,
            gate_weights: None,
            cohorts: CohortTables::default(),
        }
    }
}

/// Vectors for visitors of whom only features are known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CohortTables {
    /// `[n_cohorts]` names, all different: `feature=value` pairs in the order of the features' names, with
    /// commas between, such as `age=25,gender=F`. A request's features must be those of a cohort exactly.
    pub names: Vec<String>,
    /// `[n_cohorts, dimension]`, row-major.
    pub vectors: Vec<f32>,
}

impl ServingTables {
    /// Writes a version of the folder and makes it current; returns the version's name, a hash of its content.
    ///
    /// At whatever point the process is killed, the folder serves what it served before or the new version.
    /// Versions before it stay; see [`prune`](crate::prune).
    ///
    /// # Errors
    /// If the tables do not fit together, or the system refuses.
    pub fn write(&self, folder: &Path) -> Result<String> {
        self.check()?;
        let ServingTables { model, trained, items, users, popular, neighbours, ranker, sources } = self;
        let item_ids = Ids::of("item ids", &items.ids)?;
        let user_ids = Ids::of("user ids", &users.ids)?;
        let categories = Ids::of("category names", &items.category_names)?;
        let cohorts = Ids::of("cohorts", &users.cohorts.names)?;
        let titles = Texts::of(&items.titles);
        publish(folder, |folder| {
            let mut files = BTreeMap::new();
            let mut write = |name: &str, tensors: TensorsToWrite<'_>| {
                let path = folder.join(name);
                tensors.write(&path)?;
                files.insert(name.to_string(), FileEntry::of(&path)?);
                Ok::<_, Error>(())
            };
            let tensors = with_ids(TensorsToWrite::default(), ID_PARTS, &item_ids);
            let tensors = with_ids(tensors, CATEGORY_NAME_PARTS, &categories)
                .with("title_offsets", titles.offsets())
                .with("title_bytes", titles.bytes())
                .with("category_offsets", items.categories.offsets())
                .with("categories", items.categories.values())
                .with("unavailable", &items.unavailable);
            write(ITEMS, tensors)?;
            let shape = |n: usize| vec![n, items.dimension];
            let vectors = TensorsToWrite::default();
            write(ITEM_VECTORS, vectors.with_shape("vectors", shape(items.ids.len()), &items.vectors))?;
            let tensors = with_ids(TensorsToWrite::default(), ID_PARTS, &user_ids);
            let mut tensors = with_ids(tensors, COHORT_PARTS, &cohorts)
                .with("history_offsets", users.histories.offsets())
                .with("histories", users.histories.values())
                .with("seen_offsets", users.seen.offsets())
                .with("seen", users.seen.values());
            if let Some(weights) = &users.gate_weights {
                tensors = tensors.with("gate_weights", weights);
            }
            write(USERS, tensors)?;
            if let Some(vectors) = &users.vectors {
                let tensors = TensorsToWrite::default();
                write(USER_VECTORS, tensors.with_shape("vectors", shape(users.ids.len()), vectors))?;
            }
            if !users.cohorts.names.is_empty() {
                let (tensors, cohorts) = (TensorsToWrite::default(), &users.cohorts);
                write(
                    COHORT_VECTORS,
                    tensors.with_shape("vectors", shape(cohorts.names.len()), &cohorts.vectors),
                )?;
            }
            let (list, scores) = (popular.items(), popular.scores());
            write(POPULAR, TensorsToWrite::default().with("items", list).with("scores", scores))?;
            if let Some(neighbours) = neighbours {
                let tensors = TensorsToWrite::default()
                    .with("offsets", neighbours.offsets())
                    .with("items", neighbours.items())
                    .with("weights", neighbours.weights());
                write(NEIGHBOURS, tensors)?;
            }
            if let Some(ranker) = ranker {
                let mut tensors = TensorsToWrite::default()
                    .with("counts", &ranker.counts)
                    .with("recent_counts", &ranker.recent_counts)
                    .with("mean_ratings", &ranker.mean_ratings);
                if let Some(means) = &ranker.user_means {
                    tensors = tensors.with("user_means", means);
                }
                write(FACTS, tensors)?;
                let path = folder.join(RANKER);
                fs::write(&path, ranker.trees.to_bytes())
                    .map_err(|error| Error::io("write", &path, error))?;
                files.insert(RANKER.into(), FileEntry::of(&path)?);
            }
            Ok(Manifest::new(model.clone(), *trained, sources.clone(), files))
        })
    }

    /// Whether the tables fit together.
    fn check(&self) -> Result<()> {
        let ServingTables { items, users, popular, neighbours, .. } = self;
        let (n_items, n_users) = (items.ids.len(), users.ids.len());
        check_len("item titles", items.titles.len(), n_items)?;
        if items.dimension == 0 {
            return Err(Error::tables("item vectors", "a dimension of 0"));
        }
        check_vectors("item vectors", &items.vectors, n_items, items.dimension)?;
        items.categories.check("item categories", n_items, items.category_names.len())?;
        items.categories.check_ascending("item categories")?;
        check_below("unavailable items", &items.unavailable, n_items)?;
        if !items.unavailable.is_sorted_by(|a, b| a < b) {
            return Err(Error::tables("unavailable items", "not strictly ascending"));
        }
        users.histories.check("histories", n_users, n_items)?;
        users.seen.check("seen items", n_users, n_items)?;
        users.seen.check_ascending("seen items")?;
        if let Some(vectors) = &users.vectors {
            check_vectors("user vectors", vectors, n_users, items.dimension)?;
        }
        if let Some(weights) = &users.gate_weights {
            check_len("gate weights", weights.len(), n_users)?;
            check_gates(weights)?;
        }
        let CohortTables { names, vectors } = &users.cohorts;
        check_vectors("cohort vectors", vectors, names.len(), items.dimension)?;
        check_below("popular items", popular.items(), n_items)?;
        if let Some(neighbours) = neighbours {
            check_len("items with neighbours", neighbours.n_items(), n_items)?;
        }
        if let Some(ranker) = &self.ranker {
            for column in [&ranker.counts, &ranker.recent_counts, &ranker.mean_ratings] {
                check_len("facts of items", column.len(), n_items)?;
            }
            if let Some(means) = &ranker.user_means {
                check_len("mean ratings of users", means.len(), n_users)?;
            }
        }
        Ok(())
    }
}

/// The names of the tensors of a list of ids.
pub(crate) type IdParts = [&'static str; 3];
pub(crate) const ID_PARTS: IdParts = ["id_offsets", "id_bytes", "id_order"];
pub(crate) const CATEGORY_NAME_PARTS: IdParts =
    ["category_name_offsets", "category_name_bytes", "category_name_order"];
pub(crate) const COHORT_PARTS: IdParts = ["cohort_offsets", "cohort_bytes", "cohort_order"];

fn with_ids<'a>(
    tensors: TensorsToWrite<'a>,
    [offsets, bytes, order]: IdParts,
    ids: &'a Ids,
) -> TensorsToWrite<'a> {
    tensors.with(offsets, ids.texts().offsets()).with(bytes, ids.texts().bytes()).with(order, ids.order())
}

pub(crate) fn check_len(table: &'static str, found: usize, expected: usize) -> Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(Error::tables(table, format!("{found}, but {expected} are needed"))),
    }
}

pub(crate) fn check_gates(weights: &[f32]) -> Result<()> {
    match weights.iter().position(|weight| !(0.0..=1.0).contains(weight)) {
        None => Ok(()),
        Some(user) => {
            let message = format!("user {user} has {}, but weights are 0 to 1", weights[user]);
            Err(Error::tables("gate weights", message))
        }
    }
}

fn check_vectors(table: &'static str, values: &[f32], n: usize, dimension: usize) -> Result<()> {
    check_len(table, values.len(), n.saturating_mul(dimension))?;
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let (row, column) = (at / dimension, at % dimension);
            let message = format!("row {row} has {} in column {column}", values[at]);
            Err(Error::tables(table, message))
        }
    }
}
