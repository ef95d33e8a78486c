//! The file that says what to do: TOML, every key documented, unknown keys refused.

use std::path::{Path, PathBuf};

use burn_recsys_data::{Filter, InteractionFormat, SplitConfig, Strategy};
use burn_recsys_embeddings::{
    LazyAdam, PartialRowWiseAdam, RowUpdate, RowWiseAdagrad, SparseAdagrad, SparseOptimizer, SparseSgd,
    TableInitializer,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, ServingConfig};

/// Everything that decides a run's numbers, but for the data's bytes and the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// What every random draw is a function of. Default 1.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Which interactions.
    pub data: DataConfig,
    /// Which rows to keep, one filter after the other. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Which rows are held out to test on.
    pub split: SplitConfig,
    /// Which model.
    #[serde(default)]
    pub model: ModelConfig,
    /// How to train it.
    #[serde(default)]
    pub training: TrainingConfig,
    /// How to find the number of epochs, on held-out rows of the training part. Without this table
    /// all `n_epochs` run on the whole training part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<ValidationConfig>,
    /// What to measure on the test part.
    #[serde(default)]
    pub evaluation: EvaluationConfig,
    /// What the run serves.
    #[serde(default)]
    pub serving: ServingConfig,
}

/// Which interactions to read: a named data set, files in a MovieLens layout, or a file with its format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "DataKeys")]
pub enum DataConfig {
    /// A data set known by name; `burn-recsys data list` has them.
    Named {
        /// Such as `ml-100k`.
        name: String,
    },
    /// Files as GroupLens publishes MovieLens; what they say of users and items is read too.
    MovieLens {
        /// A folder with the files of one data set, or one file of ratings beside such files, whatever its
        /// own name. Relative paths are relative to the working directory.
        movielens: PathBuf,
    },
    /// A delimited text file.
    File {
        /// Relative paths are relative to the working directory.
        path: PathBuf,
        /// Where its columns are.
        format: InteractionFormat,
    },
}

/// The keys of all kinds: an untagged enum alone could not say which key is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataKeys {
    name: Option<String>,
    movielens: Option<PathBuf>,
    path: Option<PathBuf>,
    format: Option<InteractionFormat>,
}

impl TryFrom<DataKeys> for DataConfig {
    type Error = &'static str;

    fn try_from(keys: DataKeys) -> std::result::Result<Self, &'static str> {
        match keys {
            DataKeys { name: Some(name), movielens: None, path: None, format: None } => {
                Ok(DataConfig::Named { name })
            }
            DataKeys { name: None, movielens: Some(movielens), path: None, format: None } => {
                Ok(DataConfig::MovieLens { movielens })
            }
            DataKeys { name: None, movielens: None, path: Some(path), format: Some(format) } => {
                Ok(DataConfig::File { path, format })
            }
            DataKeys { name: None, movielens: None, path: Some(_), format: None } => Err(
                "data.path needs data.format, such as { user = \"userId\", item = \"movieId\" }; files in a \
                     MovieLens layout are data.movielens, without a format",
            ),
            _ => Err("data needs one of name, movielens, or path with format"),
        }
    }
}

impl DataConfig {
    /// The same files from every working directory.
    ///
    /// # Errors
    /// If a path is empty or the working directory is gone.
    pub fn absolute(mut self) -> Result<Self> {
        if let DataConfig::File { path, .. } | DataConfig::MovieLens { movielens: path } = &mut self {
            *path = std::path::absolute(&*path).map_err(|source| Error::io("resolve", &*path, source))?;
        }
        Ok(self)
    }
}

/// Which model, and its size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Which model. Default `two-tower`, the only one so far.
    pub kind: ModelKind,
    /// The size of user and item vectors. Memory is `4 * d_embedding` bytes a user and an item, and
    /// as much again once or twice for the optimizer's state. Default 32.
    pub d_embedding: usize,
    /// Standard deviation of the first values of user and item vectors. Default 0.1.
    pub initial_std: f64,
}

/// The models that can be trained from a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelKind {
    /// A user table, an item table and their dot product.
    #[default]
    TwoTower,
}

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Only training rows rated at least this are positives; unset, all are. Default unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_rating: Option<f32>,
    /// Items drawn uniformly for every positive, from those that the user has not met in training.
    /// The cost of a step grows with it. Default 10.
    pub n_negatives: usize,
    /// Positives a step. Default 1024.
    pub batch_size: usize,
    /// The most epochs; one epoch is one pass over the positives. Default 30.
    pub n_epochs: u64,
    /// The step length. Default 0.01.
    pub learning_rate: f64,
    /// How touched rows shrink in every step: by `learning_rate * weight_decay` of themselves. Default 0.
    pub weight_decay: f64,
    /// Which optimizer. Default `lazy-adam`.
    pub optimizer: OptimizerConfig,
}

/// The optimizer of embedding tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// Adam on touched rows; state: two floats a weight.
    LazyAdam,
    /// Adam on touched rows with one second moment a row; state: one float a weight and one a row.
    PartialRowWiseAdam,
    /// Adagrad; state: one float a weight.
    Adagrad,
    /// Adagrad with one float of state a row.
    RowWiseAdagrad,
    /// Stochastic gradient descent, no state.
    Sgd,
}

/// How to choose the number of epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationConfig {
    /// How rows of the training part are held out. Rows that are relevant in the test part's sense
    /// count as relevant here.
    pub strategy: Strategy,
    /// Which metric decides, such as `NDCG@10`; `loss` is the held-out loss. Default `NDCG@10`.
    #[serde(default = "default_metric")]
    pub metric: String,
    /// Epochs without a better value before training stops. Default 5.
    #[serde(default = "default_patience")]
    pub patience: u64,
    /// Train again on the whole training part, for as many epochs as were best. Without it the
    /// weights of the best epoch are kept, which have never seen the held-out rows. Default true; costs
    /// a second training.
    #[serde(default = "default_true")]
    pub refit: bool,
}

/// What to measure on the test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Test rows rated at least this are relevant; unset, all are. Default unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relevant_rating: Option<f32>,
    /// Lengths of the lists to measure. Default `[10]`.
    pub k: Vec<usize>,
}

fn default_seed() -> u64 {
    1
}

fn default_metric() -> String {
    "NDCG@10".into()
}

fn default_patience() -> u64 {
    5
}

fn default_true() -> bool {
    true
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig { kind: ModelKind::TwoTower, d_embedding: 32, initial_std: 0.1 }
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        TrainingConfig {
            positive_rating: None,
            n_negatives: 10,
            batch_size: 1024,
            n_epochs: 30,
            learning_rate: 0.01,
            weight_decay: 0.0,
            optimizer: OptimizerConfig::LazyAdam,
        }
    }
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        EvaluationConfig { relevant_rating: None, k: vec![10] }
    }
}

impl OptimizerConfig {
    /// The rule with its default parameters.
    pub(crate) fn rule(self) -> Box<dyn RowUpdate> {
        match self {
            OptimizerConfig::LazyAdam => Box::new(LazyAdam::default()),
            OptimizerConfig::PartialRowWiseAdam => Box::new(PartialRowWiseAdam::default()),
            OptimizerConfig::Adagrad => Box::new(SparseAdagrad::default()),
            OptimizerConfig::RowWiseAdagrad => Box::new(RowWiseAdagrad::default()),
            OptimizerConfig::Sgd => Box::new(SparseSgd::default()),
        }
    }
}

/// What `parse` makes of the text of a configuration file; its errors name the file.
pub(crate) fn read_file<T>(path: &Path, parse: impl Fn(&str) -> Result<T>) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    parse(&text).map_err(|error| Error::ConfigFile { path: path.to_path_buf(), message: error.to_string() })
}

/// The value that `text` describes, not validated yet; `what` stands for the file in errors.
pub(crate) fn from_toml<T: DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| Error::ConfigFile { path: what.into(), message: error.to_string() })
}

impl RunConfig {
    /// Reads and validates a configuration file.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, has an unknown key or an impossible value; the
    /// message has the line where there is one.
    pub fn read(path: &Path) -> Result<Self> {
        read_file(path, Self::parse)
    }

    /// Parses and validates the text of a configuration file.
    ///
    /// # Errors
    /// If it is not TOML, has an unknown key or an impossible value.
    pub fn parse(text: &str) -> Result<Self> {
        let config: RunConfig = from_toml(text, "configuration")?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as a file, defaults written out.
    ///
    /// # Errors
    /// If a value has no form in TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Config { key: "seed", message: error.to_string() })
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible one, with its key.
    pub fn validate(&self) -> Result<()> {
        let TrainingConfig { n_negatives, batch_size, n_epochs, learning_rate, weight_decay, .. } =
            self.training;
        let d_embedding = self.model.d_embedding;
        let positive = |value: f64| value.is_finite() && value > 0.0;
        // Far above what is useful: a misplaced zero should not end in an allocation that aborts.
        let size = |value: usize, most: usize| (1..=most).contains(&value);
        let size_message = |value: usize, most: usize| format!("{value}; must be 1 to {most}");
        let lengths = &self.evaluation.k;
        let is_repeated = |(at, k): (usize, &usize)| lengths[..at].contains(k);
        let TrainingConfig { positive_rating, .. } = self.training;
        let EvaluationConfig { relevant_rating, .. } = self.evaluation;
        let rating_message =
            |rating: Option<f32>| format!("{}; must be a finite number", rating.unwrap_or(0.0));
        let rules: [(&'static str, bool, String); 13] = [
            ("seed", i64::try_from(self.seed).is_ok(), format!("{}; must be below 2^63", self.seed)),
            ("model.d_embedding", size(d_embedding, 1 << 16), size_message(d_embedding, 1 << 16)),
            (
                "model.initial_std",
                positive(self.model.initial_std),
                format!("{}; must be a positive number", self.model.initial_std),
            ),
            (
                "training.positive_rating",
                positive_rating.is_none_or(f32::is_finite),
                rating_message(positive_rating),
            ),
            ("training.n_negatives", size(n_negatives, 1 << 16), size_message(n_negatives, 1 << 16)),
            ("training.batch_size", size(batch_size, 1 << 20), size_message(batch_size, 1 << 20)),
            ("training.n_epochs", n_epochs > 0, "0; must be at least 1".into()),
            (
                "training.learning_rate",
                positive(learning_rate),
                format!("{learning_rate}; must be a positive number"),
            ),
            (
                "training.weight_decay",
                weight_decay >= 0.0 && weight_decay * learning_rate < 1.0,
                format!("{weight_decay}; must be at least 0 and below 1 / learning_rate"),
            ),
            (
                "evaluation.relevant_rating",
                relevant_rating.is_none_or(f32::is_finite),
                rating_message(relevant_rating),
            ),
            (
                "evaluation.k",
                !lengths.is_empty() && !lengths.contains(&0) && !lengths.iter().enumerate().any(is_repeated),
                format!("{lengths:?}; must be a list of different lengths of at least 1"),
            ),
            (
                "validation.patience",
                self.validation.as_ref().is_none_or(|validation| validation.patience > 0),
                "0; must be at least 1".into(),
            ),
            (
                "validation.metric",
                self.validation.as_ref().is_none_or(|validation| self.measures(&validation.metric)),
                format!(
                    "{:?}; must be loss, or a metric and length of evaluation.k = {:?}, such as NDCG@{}",
                    self.validation.as_ref().map(|validation| validation.metric.as_str()).unwrap_or_default(),
                    self.evaluation.k,
                    self.evaluation.k.first().copied().unwrap_or(10)
                ),
            ),
        ];
        for (key, holds, message) in rules {
            if !holds {
                return Err(Error::Config { key, message });
            }
        }
        if let DataConfig::File { format, .. } = &self.data {
            format.validate()?;
        }
        self.serving.validate()?;
        self.filters.iter().try_for_each(Filter::validate)?;
        self.split.validate()?;
        if let Some(validation) = &self.validation {
            SplitConfig::new(validation.strategy.clone()).validate()?;
        }
        Ok(())
    }

    fn measures(&self, metric: &str) -> bool {
        let names = ["NDCG", "HitRate", "Recall", "Precision", "MAP", "MRR", "Coverage"];
        metric == "loss"
            || metric.split_once('@').is_some_and(|(name, k)| {
                names.contains(&name) && k.parse().is_ok_and(|k: usize| self.evaluation.k.contains(&k))
            })
    }

    /// How tables are first filled.
    pub(crate) fn initializer(&self) -> TableInitializer {
        TableInitializer::Normal { std: self.model.initial_std }
    }

    /// A fresh optimizer of tables.
    pub(crate) fn sparse_optimizer(&self) -> SparseOptimizer<Box<dyn RowUpdate>> {
        SparseOptimizer::new(self.training.optimizer.rule()).with_weight_decay(self.training.weight_decay)
    }
}
