//! Which items belong together: models of pairs, of walks and of features on the same links.

use std::fmt;
use std::time::Instant;

use burn::tensor::Device;
use burn_recsys_baselines::SkipGramConfig;
use burn_recsys_data::graph::{Edge, ItemGraph, LinkSplit, LinkSplitConfig, RandomWalks, RandomWalksConfig};
use burn_recsys_data::protocol::ItemMeta;
use burn_recsys_data::{Csr, Sequences, StoredSequences};
use burn_recsys_models::{
    FeatureSkipGramConfig, FieldPooling, ItemField, ItemFields, PairEncoder, PairwiseFactorizationConfig,
    UNKNOWN,
};
use serde::Serialize;

use crate::{LinkMetrics, LinkTest, PairTraining, Result, fit_pairs, pair_logits};

/// A third of the links between items held out, and what models may learn from.
///
/// The split, the walks and the pairs without a link are a function of the seed.
#[derive(Debug)]
pub struct ItemLinks {
    /// The test pairs.
    pub test: LinkTest,
    /// The training links, once each.
    pub links: Vec<(u32, u32)>,
    /// Random walks on the training links.
    pub walks: StoredSequences,
    /// How factorisations of the links are trained.
    pub on_links: PairTraining,
    /// How models of walks are trained, but for skip-gram on the CPU, which has its own defaults.
    pub on_walks: PairTraining,
    fields: ItemFields,
    seed: u64,
}

/// Which links are test links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPart {
    /// Those that are held out at first.
    Test,
    /// A third of the others, to choose by: the test links are not used at all.
    Validation,
}

/// A model of item links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum LinkModel {
    /// Factorisation of the links.
    Pairs,
    /// The same with a bias for each item.
    PairsWithBias,
    /// Factorisation of the pairs in windows of walks.
    PairsOnWalks,
    /// Skip-gram on walks, on the CPU.
    SkipGram,
    /// Skip-gram on walks with the items' fields, averaged.
    SkipGramWithFields,
    /// Skip-gram on walks with the items' fields, weighed by attention.
    SkipGramWithAttention,
}

/// What one model gave.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ItemLinkOutcome {
    /// Its metrics on the test pairs.
    pub metrics: LinkMetrics,
    /// Seconds of training.
    pub seconds: f64,
}

impl LinkModel {
    /// All there are, in the order of tables.
    pub const ALL: [LinkModel; 6] = [
        LinkModel::Pairs,
        LinkModel::PairsWithBias,
        LinkModel::PairsOnWalks,
        LinkModel::SkipGram,
        LinkModel::SkipGramWithFields,
        LinkModel::SkipGramWithAttention,
    ];
}

impl fmt::Display for LinkModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LinkModel::Pairs => "MF",
            LinkModel::PairsWithBias => "MF + bias",
            LinkModel::PairsOnWalks => "MF on walks",
            LinkModel::SkipGram => "skip-gram",
            LinkModel::SkipGramWithFields => "skip-gram + side information",
            LinkModel::SkipGramWithAttention => "skip-gram + side information, attention",
        })
    }
}

impl ItemLinks {
    /// The links of `relation` in `meta`, split by `seed`.
    ///
    /// # Errors
    /// If there is no such relation, or it has too few links to split.
    pub fn new(
        meta: &ItemMeta,
        relation: &str,
        part: LinkPart,
        walks: &RandomWalksConfig,
        seed: u64,
    ) -> Result<Self> {
        let Some(code) = meta.links.relation(relation) else {
            let message = format!("{relation:?} is not among {:?}", meta.links.relations);
            return Err(burn_recsys_data::Error::Parameter { parameter: "relation", message }.into());
        };
        let n_items = meta.links.nodes.len();
        let config = LinkSplitConfig::default().with_seed(seed);
        let mut split = LinkSplit::new(n_items as u32, &meta.links.undirected(Some(code)), &config)?;
        if part == LinkPart::Validation {
            split = LinkSplit::new(n_items as u32, &split.train, &config.with_seed(!seed))?;
        }
        let test = LinkTest::new(&split, n_items as u32);
        let walks = RandomWalksConfig { seed, ..walks.clone() }.walks(graph(n_items, &split.train)?)?;
        Ok(ItemLinks {
            test,
            links: split.train,
            walks: stored(&walks)?,
            on_links: on_links(),
            on_walks: PairTraining::default(),
            fields: fields(meta)?,
            seed,
        })
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.fields.n_items()
    }

    /// Trains a model on the training part and measures it on the test pairs.
    ///
    /// # Errors
    /// If it cannot be trained.
    pub fn run(&self, model: LinkModel, device: &Device) -> Result<ItemLinkOutcome> {
        let device = device.clone().autodiff();
        let (n_items, seed) = (self.n_items(), self.seed);
        let start = Instant::now();
        let scores = match model {
            LinkModel::Pairs | LinkModel::PairsWithBias => {
                let edges = Csr::from_rows(self.links.iter().map(|&(a, b)| [a, b]));
                let edges = StoredSequences::new(n_items, edges)?;
                let model = PairwiseFactorizationConfig::new(n_items)
                    .with_has_bias(model == LinkModel::PairsWithBias)
                    .with_seed(seed);
                self.fit(&self.on_links, model.init(&device), &edges, &device)?
            }
            LinkModel::PairsOnWalks => {
                let model = PairwiseFactorizationConfig::new(n_items).with_seed(seed);
                let config =
                    PairTraining { weight_decay: self.on_links.weight_decay, ..self.on_walks.clone() };
                self.fit(&config, model.init(&device), &self.walks, &device)?
            }
            LinkModel::SkipGram | LinkModel::SkipGramWithFields => {
                let config = SkipGramConfig { seed, ..SkipGramConfig::default() };
                let model = match model {
                    LinkModel::SkipGram => config.fit(&self.walks)?,
                    _ => config.fit_with_features(&self.walks, &self.fields.feature_rows())?,
                };
                let vectors: Vec<Option<Vec<f32>>> =
                    (0..n_items as u32).map(|item| model.vector(item).map(<[f32]>::to_vec)).collect();
                self.test.cosines(&vectors)
            }
            LinkModel::SkipGramWithAttention => {
                let model =
                    FeatureSkipGramConfig::new().with_pooling(FieldPooling::Attention).with_seed(seed);
                let model = model.init(self.fields.clone(), &device);
                let fitted = fit_pairs(&self.on_walks, model, &self.walks, seed, &device, None, &mut ())?;
                self.test.cosines(&fitted.model.similarity_vectors(&fitted.is_trained))
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        Ok(ItemLinkOutcome { metrics: self.test.measure(&scores)?, seconds })
    }
}

impl ItemLinks {
    /// Scores of the test pairs by a factorisation of the pairs of `sequences`.
    fn fit<M: PairEncoder>(
        &self,
        config: &PairTraining,
        model: M,
        sequences: &dyn Sequences,
        device: &Device,
    ) -> Result<Vec<Option<f32>>> {
        let fitted = fit_pairs(config, model, sequences, self.seed, device, None, &mut ())?;
        Ok(pair_logits(&fitted.model, &fitted.is_trained, self.test.pairs()))
    }
}

/// How factorisations of links are trained.
fn on_links() -> PairTraining {
    PairTraining { n_epochs: 20, weight_decay: 3.0, ..PairTraining::default() }
}

/// The links in both directions.
fn graph(n_items: usize, links: &[(u32, u32)]) -> Result<ItemGraph> {
    let both = |&(a, b): &(u32, u32)| [(a, b), (b, a)];
    let edges: Vec<Edge> =
        (links.iter().flat_map(both)).map(|(source, target)| Edge { source, target, weight: 1.0 }).collect();
    Ok(ItemGraph::from_edges(n_items, &edges)?.0)
}

/// The walks of the first epoch, so that all models, and others beside them, learn from the same.
fn stored(walks: &RandomWalks) -> Result<StoredSequences> {
    let mut rows = Vec::with_capacity(walks.n_sequences());
    for index in 0..walks.n_sequences() {
        let mut items = Vec::new();
        walks.append(1, index, &mut items);
        // A node without a link is a walk of one item.
        if items.len() > 1 {
            rows.push(items);
        }
    }
    Ok(StoredSequences::new(walks.n_items(), Csr::from_rows(rows))?)
}

/// The fields of `meta`, with the values that occur numbered in their order.
fn fields(meta: &ItemMeta) -> Result<ItemFields> {
    let fields = (meta.fields.iter())
        .map(|field| {
            let mut values: Vec<i64> = field.values.iter().flatten().copied().collect();
            values.sort_unstable();
            values.dedup();
            let code = |value: &Option<i64>| {
                value.and_then(|value| values.binary_search(&value).ok()).map_or(UNKNOWN, |at| at as u32)
            };
            ItemField {
                name: field.name.clone(),
                n_values: values.len(),
                codes: field.values.iter().map(code).collect(),
            }
        })
        .collect();
    ItemFields::new(meta.links.nodes.len(), fields)
        .map_err(|error| crate::Error::Config { key: "fields", message: error.to_string() })
}
