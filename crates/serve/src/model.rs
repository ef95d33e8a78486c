//! A version of a folder, mapped and checked, ready to answer.

use std::path::Path;
use std::sync::Arc;

use burn_recsys_ranking::{
    BoostedTrees, CandidateGenerator, CandidateSources, ItemFactColumns, ItemFacts, ItemNeighbours,
    PopularCandidates, RankFeatures, Ranker, ReciprocalRankFusion, TreeRanker, VectorCandidates, Visitor,
};
use burn_recsys_retrieval::{Buffer, ExactIndex, Hit, ItemFilter, ItemIndex, ItemSet, MappedFile, Precision};
use rayon::prelude::*;

use crate::api::{ModelResponse, RecommendRequest};
use crate::folder::{FileEntry, Manifest, TensorFile, check_file, version_folder};
use crate::rows::{Rows, check_below};
use crate::tables::{self, IdParts};
use crate::texts::{Ids, Texts};
use crate::{Error, Id, Result};

/// One bit for every category and item: with this many categories and a million items, 512 MiB.
const MAX_CATEGORIES: usize = 4_096;

/// What a request may ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The most items of an answer. Default 100.
    pub max_k: usize,
    /// The most items of a history in a request, and of stored histories that are looked at. Default 500.
    pub max_history: usize,
    /// The most ids in one filter of a request. Default 10,000.
    pub max_filter: usize,
    /// The most bytes of an id in a request. Default 256.
    pub max_id_bytes: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig { max_k: 100, max_history: 500, max_filter: 10_000, max_id_bytes: 256 }
    }
}

/// Makes an index of item vectors from their dimension and `[n_items, dimension]` numbers, row-major.
pub type MakeIndex = dyn Fn(usize, Buffer<f32>) -> Result<Arc<dyn ItemIndex>> + Send + Sync;

/// An index that always finds the best items.
///
/// # Errors
/// If the numbers are not a whole number of vectors or hold NaN or infinity.
pub fn exact_index(dimension: usize, vectors: Buffer<f32>) -> Result<Arc<dyn ItemIndex>> {
    Ok(Arc::new(ExactIndex::with_precision(dimension, &vectors, Precision::F32)?))
}

/// A version of a serving folder, mapped into memory.
///
/// Everything that is answered by one value comes from one version: whoever holds it is not disturbed by a
/// newer one.
pub struct ServingModel {
    pub(crate) config: ModelConfig,
    pub(crate) manifest: Manifest,
    pub(crate) items: Items,
    pub(crate) users: Users,
    pub(crate) index: Arc<dyn ItemIndex>,
    pub(crate) sources: CandidateSources,
    pub(crate) ranker: Box<dyn Ranker>,
}

pub(crate) struct Items {
    pub(crate) ids: Ids,
    pub(crate) titles: Texts,
    pub(crate) category_names: Ids,
    pub(crate) categories: Rows,
    /// The items of each category.
    pub(crate) of_category: Vec<ItemSet>,
    /// None if all are.
    pub(crate) available: Option<ItemSet>,
    pub(crate) dimension: usize,
    pub(crate) vectors: Buffer<f32>,
}

pub(crate) struct Users {
    pub(crate) ids: Ids,
    pub(crate) histories: Rows,
    pub(crate) seen: Rows,
    pub(crate) gate_weights: Option<Buffer<f32>>,
    pub(crate) has_vectors: bool,
    pub(crate) cohorts: Ids,
}

impl ServingModel {
    /// Opens what a folder serves, searched exactly; see [`open_with`](Self::open_with).
    ///
    /// # Errors
    /// If the folder is damaged or cannot answer.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_with(folder, &ModelConfig::default(), &exact_index)
    }

    /// Opens what a folder serves: its current version, or the folder itself if it is a version.
    ///
    /// Before it returns, size and SHA-256 of every file, all shapes, all offsets, all indices and the order of
    /// all ids are checked, and two probe requests must be answered. Files stay mapped: memory is allocated
    /// for the index, for one bit for every category and item, and while reading for at most 1 MiB of manifest
    /// and 64 KiB of header for every file, whatever the files say.
    ///
    /// `index` makes the index of the item vectors, such as [`exact_index`].
    ///
    /// # Errors
    /// If a file is missing, damaged or does not fit the others, or a probe request fails: with the file.
    pub fn open_with(folder: &Path, config: &ModelConfig, index: &MakeIndex) -> Result<Self> {
        let folder = version_folder(folder)?;
        let manifest = Manifest::read(&folder)?;
        let files = Files::map(&folder, &manifest)?;
        // A hash takes as long as the rest: side by side. What is built before the hash is known is checked
        // for itself; if both fail, the hash is the cause.
        let (hashes, model) =
            rayon::join(|| files.check(), || build(&folder, &files, manifest.clone(), config, index));
        hashes?;
        let model = model?;
        model.probe().map_err(|message| Error::Probe { path: folder, message })?;
        Ok(model)
    }

    /// The version: a hash of all content.
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// When the model was trained, in seconds since 1970.
    pub fn trained(&self) -> u64 {
        self.manifest.trained
    }

    /// What is served.
    pub fn describe(&self) -> ModelResponse {
        let names =
            |ids: &Ids, most: usize| (0..ids.len().min(most) as u32).map(|i| ids.get(i).into()).collect();
        ModelResponse {
            version: self.manifest.version.clone(),
            model: self.manifest.model.clone(),
            trained: self.manifest.trained,
            users: self.users.ids.len(),
            items: self.items.ids.len(),
            dimension: self.items.dimension,
            is_exact: self.index.is_exact(),
            categories: names(&self.items.category_names, usize::MAX),
            cohorts: names(&self.users.cohorts, 1_000),
            sources: self.sources.names().map(String::from).collect(),
            ranker: match self.manifest.files.contains_key(tables::RANKER) {
                true => "boosted trees".into(),
                false => "reciprocal rank fusion".into(),
            },
        }
    }

    /// Asks for a visitor of whom nothing is known, the first user and the first item.
    fn probe(&self) -> Result<(), String> {
        let mut request = RecommendRequest { k: 1, ..RecommendRequest::default() };
        let failed = |error: crate::RequestError| error.to_string();
        self.recommend(&request).map_err(failed)?;
        if self.users.ids.len() > 0 {
            request.user = Some(Id(self.users.ids.get(0).into()));
            self.recommend(&request).map_err(failed)?;
        }
        if self.items.ids.len() > 0 {
            self.similar(self.items.ids.get(0), 1).map_err(failed)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for ServingModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ServingModel({}, {} items)", self.version(), self.items.ids.len())
    }
}

/// The mapped files of a version.
struct Files<'m> {
    folder: &'m Path,
    entries: Vec<(&'m str, &'m FileEntry, MappedFile)>,
}

impl<'m> Files<'m> {
    fn map(folder: &'m Path, manifest: &'m Manifest) -> Result<Self> {
        let mut entries = Vec::with_capacity(manifest.files.len());
        for (name, entry) in &manifest.files {
            let path = folder.join(name);
            // An empty file cannot be mapped everywhere, and none is written.
            let length = std::fs::metadata(&path).map_err(|error| Error::io("open", &path, error))?.len();
            if length != entry.bytes || length == 0 {
                let message = format!("{length} bytes, but the manifest says {}", entry.bytes);
                return Err(Error::damaged(&path, message));
            }
            entries.push((name.as_str(), entry, MappedFile::open(&path)?));
        }
        Ok(Files { folder, entries })
    }

    /// The hash of every file.
    fn check(&self) -> Result<()> {
        self.entries
            .par_iter()
            .try_for_each(|(name, entry, file)| check_file(&self.folder.join(name), file, entry))
    }

    /// The tensors of a file, if the manifest lists it.
    fn optional(&self, name: &str) -> Result<Option<TensorFile>> {
        let Some((_, entry, file)) = self.entries.iter().find(|(known, ..)| *known == name) else {
            return Ok(None);
        };
        let path = self.folder.join(name);
        let tensors = TensorFile::new(&path, file.clone())?;
        if tensors.shapes() != entry.tensors {
            return Err(Error::damaged(&path, "tensors are not those of the manifest"));
        }
        Ok(Some(tensors))
    }

    /// The bytes of a file, if the manifest lists it.
    fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.entries.iter().find(|(known, ..)| *known == name).map(|(.., file)| &file[..])
    }

    fn needed(&self, name: &str) -> Result<TensorFile> {
        self.optional(name)?
            .ok_or_else(|| Error::damaged(&self.folder.join(name), "the manifest does not list it"))
    }
}

fn build(
    folder: &Path,
    files: &Files<'_>,
    manifest: Manifest,
    config: &ModelConfig,
    index: &MakeIndex,
) -> Result<ServingModel> {
    let at = |name: &'static str| {
        // Which file a table that does not fit lies in.
        move |error: Error| match error {
            Error::Tables { table, message } => {
                Error::damaged(&folder.join(name), format!("{table}: {message}"))
            }
            Error::Retrieval(error) => Error::damaged(&folder.join(name), error.to_string()),
            Error::Ranking(error) => Error::damaged(&folder.join(name), error.to_string()),
            other => other,
        }
    };
    let item_file = files.needed(tables::ITEMS)?;
    let vector_file = files.needed(tables::ITEM_VECTORS)?;
    let user_file = files.needed(tables::USERS)?;
    let popular = files.needed(tables::POPULAR)?;
    let neighbours = files.optional(tables::NEIGHBOURS)?;
    let (dimension, vectors) = vector_file.matrix("vectors")?;
    let (made, (items, users)) = rayon::join(
        || index(dimension, vectors.clone()).map_err(at(tables::ITEM_VECTORS)),
        || {
            rayon::join(
                || build_items(&item_file, dimension, vectors.clone()).map_err(at(tables::ITEMS)),
                || build_users(&user_file).map_err(at(tables::USERS)),
            )
        },
    );
    let (index, items, mut users) = (made?, items?, users?);
    let n_items = items.ids.len();
    tables::check_len("item vectors", vectors.len(), n_items.saturating_mul(dimension))
        .and_then(|()| tables::check_len("items of the index", index.n_items(), n_items))
        .map_err(at(tables::ITEM_VECTORS))?;
    check_users(&users, n_items).map_err(at(tables::USERS))?;

    // Cohorts stand behind the users, as if they were more of them.
    let user_vectors = queries(files, tables::USER_VECTORS, users.ids.len(), dimension)?;
    let cohort_vectors = queries(files, tables::COHORT_VECTORS, users.cohorts.len(), dimension)?;
    users.has_vectors = user_vectors.is_some();
    let table = |rows: Option<Buffer<f32>>| {
        let rows = rows.unwrap_or_else(|| Vec::new().into());
        VectorCandidates::new(rows, vectors.clone(), index.clone())
    };
    let (n_users, known) = (users.ids.len() as u32, table(user_vectors)?);
    let by_vector = UsersAndCohorts { n_users, users: known, cohorts: table(cohort_vectors)? };
    let list = PopularCandidates::new(popular.buffer("items")?, popular.buffer("scores")?)
        .map_err(|error| at(tables::POPULAR)(error.into()))?;
    check_below("popular items", list.items(), n_items).map_err(at(tables::POPULAR))?;
    let neighbours = match neighbours {
        Some(file) => {
            let rows =
                ItemNeighbours::new(file.buffer("offsets")?, file.buffer("items")?, file.buffer("weights")?)
                    .map_err(|error| at(tables::NEIGHBOURS)(error.into()))?;
            tables::check_len("items with neighbours", rows.n_items(), n_items)
                .map_err(at(tables::NEIGHBOURS))?;
            Some(rows)
        }
        None => None,
    };
    let sources = manifest.sources.init(by_vector, list, neighbours.clone())?;
    let ranker: Box<dyn Ranker> = match files.bytes(tables::RANKER) {
        None => Box::new(ReciprocalRankFusion::default()),
        Some(bytes) => {
            let trees = BoostedTrees::from_bytes(bytes).map_err(|error| at(tables::RANKER)(error.into()))?;
            let facts = files.needed(tables::FACTS)?;
            let features = features(&facts, &trees, &sources, &items, users.ids.len(), neighbours)
                .map_err(at(tables::FACTS))?;
            Box::new(TreeRanker::new(features, trees).map_err(|error| at(tables::RANKER)(error.into()))?)
        }
    };
    let config = config.clone();
    Ok(ServingModel { config, manifest, items, users, index, sources, ranker })
}

/// Candidates by vectors of users, and of cohorts that stand behind them as if they were more users.
struct UsersAndCohorts {
    n_users: u32,
    users: VectorCandidates,
    cohorts: VectorCandidates,
}

impl CandidateGenerator for UsersAndCohorts {
    fn candidates(
        &self,
        visitor: &Visitor<'_>,
        k: usize,
        filter: &ItemFilter<'_>,
    ) -> burn_recsys_ranking::Result<Vec<Hit>> {
        match visitor.user.and_then(|user| user.checked_sub(self.n_users)) {
            Some(cohort) => self.cohorts.candidates(&Visitor { user: Some(cohort), ..*visitor }, k, filter),
            None => self.users.candidates(visitor, k, filter),
        }
    }
}

/// The features that trees were made for, of the tables that serving has.
fn features(
    file: &TensorFile,
    trees: &BoostedTrees,
    sources: &CandidateSources,
    items: &Items,
    n_users: usize,
    neighbours: Option<ItemNeighbours>,
) -> Result<RankFeatures> {
    let facts = ItemFacts::new(ItemFactColumns {
        counts: file.buffer("counts")?,
        recent_counts: file.buffer("recent_counts")?,
        mean_ratings: file.buffer("mean_ratings")?,
        category_offsets: items.categories.offsets().clone(),
        categories: items.categories.values().clone(),
    })?;
    tables::check_len("facts of items", facts.n_items(), items.ids.len())?;
    let mut features = RankFeatures::new(sources.names(), facts);
    if file.has("user_means") {
        let means: Buffer<f32> = file.buffer("user_means")?;
        tables::check_len("mean ratings of users", means.len(), n_users)?;
        features = features.with_user_means(means);
    }
    if let Some(neighbours) = neighbours.filter(|_| trees.names().iter().any(|name| name == "near.max")) {
        features = features.with_neighbours(neighbours);
    }
    Ok(features)
}

fn build_items(file: &TensorFile, dimension: usize, vectors: Buffer<f32>) -> Result<Items> {
    let (ids, titles) = rayon::join(
        || ids(file, "item ids", tables::ID_PARTS),
        || Texts::new("item titles", file.buffer("title_offsets")?, file.buffer("title_bytes")?),
    );
    let (ids, titles) = (ids?, titles?);
    let n_items = ids.len();
    tables::check_len("item titles", titles.len(), n_items)?;
    let category_names = ids_of_categories(file)?;
    let categories = Rows::new(file.buffer("category_offsets")?, file.buffer("categories")?)?;
    categories.check("item categories", n_items, category_names.len())?;
    if category_names.len() > MAX_CATEGORIES {
        let message = format!("{}, but at most {MAX_CATEGORIES} are held as sets", category_names.len());
        return Err(Error::tables("category names", message));
    }
    let mut of_category = vec![ItemSet::empty(n_items); category_names.len()];
    for (item, row) in (0..).zip(categories.iter()) {
        row.iter().for_each(|&category| of_category[category as usize].insert(item));
    }
    let unavailable: Buffer<u32> = file.buffer("unavailable")?;
    check_below("unavailable items", &unavailable, n_items)?;
    let available = (!unavailable.is_empty()).then(|| {
        let mut set = ItemSet::full(n_items);
        unavailable.iter().for_each(|&item| set.remove(item));
        set
    });
    Ok(Items { ids, titles, category_names, categories, of_category, available, dimension, vectors })
}

fn ids_of_categories(file: &TensorFile) -> Result<Ids> {
    ids(file, "category names", tables::CATEGORY_NAME_PARTS)
}

fn build_users(file: &TensorFile) -> Result<Users> {
    let gate_weights = match file.has("gate_weights") {
        true => Some(file.buffer::<f32>("gate_weights")?),
        false => None,
    };
    Ok(Users {
        ids: ids(file, "user ids", tables::ID_PARTS)?,
        histories: Rows::new(file.buffer("history_offsets")?, file.buffer("histories")?)?,
        seen: Rows::new(file.buffer("seen_offsets")?, file.buffer("seen")?)?,
        gate_weights,
        has_vectors: false,
        cohorts: ids(file, "cohorts", tables::COHORT_PARTS)?,
    })
}

fn check_users(users: &Users, n_items: usize) -> Result<()> {
    let n_users = users.ids.len();
    users.histories.check("histories", n_users, n_items)?;
    users.seen.check("seen items", n_users, n_items)?;
    users.seen.check_ascending("seen items")?;
    if let Some(weights) = &users.gate_weights {
        tables::check_len("gate weights", weights.len(), n_users)?;
        tables::check_gates(weights)?;
    }
    if n_users + users.cohorts.len() > u32::MAX as usize {
        return Err(Error::tables("user ids", format!("{n_users} and cohorts, more than have an index")));
    }
    Ok(())
}

fn ids(file: &TensorFile, table: &'static str, [offsets, bytes, order]: IdParts) -> Result<Ids> {
    Ids::new(table, Texts::new(table, file.buffer(offsets)?, file.buffer(bytes)?)?, file.buffer(order)?)
}

/// The vectors of a file, if there is one: as many as there must be.
fn queries(files: &Files<'_>, name: &str, n: usize, dimension: usize) -> Result<Option<Buffer<f32>>> {
    let Some(file) = files.optional(name)? else { return Ok(None) };
    let (columns, values) = file.matrix("vectors")?;
    if columns != dimension || Some(values.len()) != n.checked_mul(dimension) {
        let message =
            format!("{} values in rows of {columns}, but {n} of {dimension} are needed", values.len());
        return Err(Error::damaged(&files.folder.join(name), message));
    }
    Ok(Some(values))
}
