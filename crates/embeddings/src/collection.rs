//! Named tables that several features read in one call.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::initializer::split_mix;
use crate::reads::{Request, from_host};
use crate::rows;
use crate::table::bags;
use crate::tape::Part;
use crate::{EmbeddingTable, EmbeddingTableConfig, KeyedJaggedIds, Pooling, Tape};

/// Configuration of an [`EmbeddingCollection`]: tables and the features that read them.
#[derive(Debug, Clone, Default)]
pub struct EmbeddingCollectionConfig {
    tables: Vec<(String, EmbeddingTableConfig)>,
    features: Vec<FeatureConfig>,
}

#[derive(Debug, Clone)]
struct FeatureConfig {
    name: String,
    table: String,
    pooling: Pooling,
}

/// Features and tables that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CollectionError {
    /// Two tables, or two features, have one name.
    #[error("the {what} {name:?} is defined twice")]
    Duplicate {
        /// "table" or "feature".
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A feature reads a table that there is not.
    #[error("feature {feature:?} reads table {table:?}; tables are {tables:?}")]
    UnknownTable {
        /// The feature.
        feature: String,
        /// The table it asks for.
        table: String,
        /// The tables there are.
        tables: Vec<String>,
    },
    /// There is no feature.
    #[error("a collection needs a feature; it has {n_tables} tables and 0 features")]
    NoFeature {
        /// The number of tables.
        n_tables: usize,
    },
}

/// Embedding tables by name, read by features: one call takes a batch of keyed bags and gives their
/// vectors side by side.
///
/// Several features may share a table. All vectors of a call are one leaf of the autodiff graph, so the
/// network reads the concatenation without a copy and the backward pass ends there.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{
///     EmbeddingCollectionConfig, EmbeddingTableConfig, KeyedJaggedIds, Pooling, Tape,
/// };
///
/// let collection = EmbeddingCollectionConfig::default()
///     .with_table("items", EmbeddingTableConfig::new(1000, 8))
///     .with_table("users", EmbeddingTableConfig::new(1000, 4))
///     .with_feature("product", "items", Pooling::Sum)
///     .with_feature("bought", "items", Pooling::Mean)
///     .with_feature("user", "users", Pooling::Sum)
///     .init(&Device::default())?;
/// let batch = KeyedJaggedIds::new(
///     &["product", "bought", "user"],
///     vec![101, 303, 202, 101, 303, 404, 505],
///     &[1, 1, 0, 3, 1, 1],
/// )?;
/// let vectors = collection.forward(&batch, &mut Tape::off());
/// assert_eq!(vectors.get("user").map(|user| user.dims()), Some([2, 4]));
/// assert_eq!(vectors.into_tensor().dims(), [2, 8 + 8 + 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Module, Debug)]
pub struct EmbeddingCollection {
    /// The tables in the order of their names, so that a record does not depend on the order of their
    /// definition.
    pub tables: Vec<EmbeddingTable>,
    #[module(skip)]
    features: Vec<Feature>,
}

/// Which table a feature reads and which columns of the output are its own.
#[derive(Debug, Clone)]
struct Feature {
    name: String,
    table: usize,
    pooling: Pooling,
    columns: Range<usize>,
}

/// The vectors of a batch, one after another along the columns, by feature.
#[derive(Debug, Clone)]
pub struct KeyedVectors {
    vectors: Tensor<2>,
    columns: Vec<(String, Range<usize>)>,
}

impl EmbeddingCollectionConfig {
    /// Adds a table. Its first values are a function of its seed and its name.
    pub fn with_table(mut self, name: impl Into<String>, table: EmbeddingTableConfig) -> Self {
        self.tables.push((name.into(), table));
        self
    }

    /// Adds a feature that reads `table`. Features keep this order in the output.
    pub fn with_feature(
        mut self,
        name: impl Into<String>,
        table: impl Into<String>,
        pooling: Pooling,
    ) -> Self {
        self.features.push(FeatureConfig { name: name.into(), table: table.into(), pooling });
        self
    }

    /// A fresh collection on `device`.
    ///
    /// # Errors
    /// If a name is defined twice, a feature reads a table that there is not, or there is no feature.
    ///
    /// # Panics
    /// As [`EmbeddingTableConfig::init`].
    pub fn init(&self, device: &Device) -> Result<EmbeddingCollection, CollectionError> {
        self.init_with(|_, table| table.init(device))
    }

    /// A collection of tables that `init` makes of their name and configuration: in host memory, from
    /// given values, frozen. All of them give their vectors on one device.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    ///
    /// # Panics
    /// If `init` panics, or a table has another width than its configuration; the message has both.
    pub fn init_with(
        &self,
        mut init: impl FnMut(&str, &EmbeddingTableConfig) -> EmbeddingTable,
    ) -> Result<EmbeddingCollection, CollectionError> {
        let mut tables = self.tables.clone();
        tables.sort_by(|(a, _), (b, _)| a.cmp(b));
        let table_names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
        let feature_names: Vec<&str> = self.features.iter().map(|feature| feature.name.as_str()).collect();
        for (what, names) in [("table", &table_names), ("feature", &feature_names)] {
            if let Some(at) = (1..names.len()).find(|&at| names[..at].contains(&names[at])) {
                return Err(CollectionError::Duplicate { what, name: names[at].to_string() });
            }
        }
        if self.features.is_empty() {
            return Err(CollectionError::NoFeature { n_tables: self.tables.len() });
        }
        let mut end = 0;
        let mut features = Vec::with_capacity(self.features.len());
        for FeatureConfig { name, table, pooling } in &self.features {
            let Some(at) = table_names.iter().position(|name| name == table) else {
                return Err(CollectionError::UnknownTable {
                    feature: name.clone(),
                    table: table.clone(),
                    tables: table_names.iter().map(|name| name.to_string()).collect(),
                });
            };
            let start = end;
            end += tables[at].1.d_embedding;
            features.push(Feature { name: name.clone(), table: at, pooling: *pooling, columns: start..end });
        }
        let tables = tables.iter().map(|(name, config)| {
            // Otherwise tables of one shape and seed would begin equal, and row i of one parallel to that
            // of the other.
            let of_name = name.bytes().fold(config.seed, |seed, byte| split_mix(seed ^ u64::from(byte)));
            let config = config.clone().with_seed(of_name);
            let table = init(name, &config);
            let (actual, expected) = (table.d_embedding(), config.d_embedding);
            assert_eq!(actual, expected, "table {name:?} has width {actual}, its configuration {expected}");
            table
        });
        let tables = tables.collect();
        Ok(EmbeddingCollection { tables, features })
    }
}

impl EmbeddingCollection {
    /// The vectors of every feature of the batch. Keys of the batch that are no feature are not read.
    ///
    /// # Shapes
    /// - output: `[ids.batch_size(), d_output]`, the features in the order of the configuration
    ///
    /// # Panics
    /// If a feature is not in the batch, an id is not below the number of rows of its table (the
    /// message has both), or weights come with [`Pooling::Max`].
    pub fn forward(&self, ids: &KeyedJaggedIds, tape: &mut Tape) -> KeyedVectors {
        let (n, d_out) = (ids.batch_size(), self.d_output());
        let device = self.tables[self.features[0].table].device();
        let mut parts: Vec<Part> = Vec::new();
        // Written side by side where tables lie in host memory; otherwise concatenated.
        let mut on_host = Some(vec![0.0; n * d_out]);
        let mut on_device: Vec<Tensor<2>> = Vec::new();
        for feature in &self.features {
            let Some(bags_of_feature) = ids.get(&feature.name) else {
                let keys: Vec<&str> = ids.keys().collect();
                #[expect(clippy::panic, reason = "a documented panic")]
                {
                    panic!("feature {:?} is not in the batch, which has {keys:?}", feature.name);
                }
            };
            let table = &self.tables[feature.table];
            let bags_of_feature = bags_of_feature.without(table.padding());
            let rows = table.rows_of(bags_of_feature.values());
            let bags = bags(&bags_of_feature, feature.pooling);
            let is_recorded = table.is_recorded(tape);
            let request = Request { rows: &rows, lookup: None, bags, is_recorded };
            let weight = table.weight.val().without_autodiff();
            let d = table.d_embedding();
            let read = on_host.as_mut().and_then(|out| {
                rows::read(&weight, |values| {
                    request.read_on_host(values, d, out, d_out, feature.columns.clone())
                })
            });
            let pool = read.unwrap_or_else(|| {
                // The first table elsewhere: what was written so far becomes tensors.
                if let Some(out) = on_host.take() {
                    let out = from_host(out, d_out, &device);
                    let done = self.features.iter().take_while(|other| other.name != feature.name);
                    on_device.extend(done.map(|other| out.clone().slice([0..n, other.columns.clone()])));
                }
                let (vectors, pool) = table.vectors_of(request);
                on_device.push(vectors);
                pool
            });
            if is_recorded {
                parts.push(table.part(feature.columns.clone(), request.reads(pool)));
            }
        }
        let vectors = match on_host {
            Some(out) => from_host(out, d_out, &device),
            None if n == 0 => Tensor::zeros([0, d_out], &device.clone().without_autodiff()),
            None => Tensor::cat(on_device, 1),
        };
        let vectors = if parts.is_empty() { vectors } else { tape.record(vectors, &device, parts) };
        let columns =
            self.features.iter().map(|feature| (feature.name.clone(), feature.columns.clone())).collect();
        KeyedVectors { vectors, columns }
    }

    /// The width of the output: the sum over features.
    pub fn d_output(&self) -> usize {
        self.features.last().map_or(0, |feature| feature.columns.end)
    }

    /// The table that the feature `name` reads.
    pub fn table_of(&self, name: &str) -> Option<&EmbeddingTable> {
        let feature = self.features.iter().find(|feature| feature.name == name)?;
        Some(&self.tables[feature.table])
    }
}

impl KeyedVectors {
    /// The vectors of the feature `name`, `[batch, d_embedding]`.
    pub fn get(&self, name: &str) -> Option<Tensor<2>> {
        let (_, columns) = self.columns.iter().find(|(other, _)| other == name)?;
        let [n, _] = self.vectors.dims();
        Some(self.vectors.clone().slice([0..n, columns.clone()]))
    }

    /// The features in their order, with their columns.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.columns.iter().map(|(name, columns)| (name.as_str(), columns.clone()))
    }

    /// All vectors side by side, `[batch, d_output]`.
    pub fn into_tensor(self) -> Tensor<2> {
        self.vectors
    }
}
