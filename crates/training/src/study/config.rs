//! The file that describes a study.

use std::path::Path;

use burn_recsys_data::past::PastFeaturesConfig;
use burn_recsys_data::{ColdStartConfig, Filter, SplitConfig, Strategy};
use burn_recsys_models::HeadsConfig;
use serde::{Deserialize, Serialize};

use super::standard::RepresentationConfig;
use crate::config::{from_toml, read_file};
use crate::{DataConfig, Error, OptimizerConfig, Result};

/// Everything that decides a study's numbers, but for the data's bytes and the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyConfig {
    /// Which interactions; they need ratings and timestamps.
    pub data: DataConfig,
    /// Which rows to keep, one filter after the other. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Which rows are held out to test on. Cold users are best kept (`drop_cold_users = false`): how
    /// they fare is what a study is for.
    pub split: SplitConfig,
    /// Makes some users new, so that every data set has cold users to measure. Without this table users
    /// are as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_start: Option<ColdStartConfig>,
    /// How rows of the training part are held out to find the number of epochs and to calibrate.
    pub validation: Strategy,
    /// How the past of a row becomes features.
    #[serde(default)]
    pub features: PastFeaturesConfig,
    /// What counts as liked and loved.
    #[serde(default)]
    pub tasks: TaskConfig,
    /// The seeds; each is one training of every representation. Default 1 to 5.
    #[serde(default = "default_seeds")]
    pub seeds: Vec<u64>,
    /// Which ways to know a user. Default: id, dhe, cohort, cohort-top-k, mixture, cross-decoupled.
    #[serde(default = "RepresentationConfig::defaults")]
    pub representations: Vec<RepresentationConfig>,
    /// The size of the estimator around them.
    #[serde(default)]
    pub estimator: EstimatorConfig,
    /// How to train.
    #[serde(default)]
    pub training: StudyTrainingConfig,
    /// How much each task counts in the value score that ranks, in the order of
    /// [`TASKS`](super::TASKS). Default 1, 1, 0.5.
    #[serde(default = "default_value_weights")]
    pub user_value_weights: Vec<f64>,
    /// How users and items are parted for the report.
    #[serde(default)]
    pub slices: SliceConfig,
    /// Sizes at which every way to save memory is trained as well, as parts of the bytes of the full
    /// table of users, such as `[0.015625, 0.125, 1.0]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory_budgets: Vec<f64>,
}

/// What the tasks are, on the scale of the data's ratings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskConfig {
    /// From which rating an item was liked. Default 4.
    pub liked: f32,
    /// From which rating an item was loved. Default 5.
    pub loved: f32,
}

/// The size of the estimator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EstimatorConfig {
    /// The size of user vectors. Default 32.
    pub d_user: usize,
    /// The size of item vectors. Default 32.
    pub d_item: usize,
    /// The size of the vector that the cross features become. Default 64.
    pub d_cross: usize,
    /// The widths of hidden layers before the logits. Default `[64]`; `[]` is the original form, in which
    /// users and items meet in the cross features alone.
    pub hidden: Vec<usize>,
    /// The widths of each task's own layers. Default none.
    pub tower: Vec<usize>,
    /// The number of experts of a multi-gate mixture; 0 for none. Default 0.
    pub n_experts: usize,
    /// The probability that a hidden unit is dropped while training. Default 0.
    pub dropout: f64,
}

/// How to train every representation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudyTrainingConfig {
    /// Rows a step. Default 2048.
    pub batch_size: usize,
    /// The most epochs. Default 10.
    pub n_epochs: u64,
    /// Epochs without a better held-out loss before training stops. Default 2.
    pub patience: u64,
    /// The step length of dense parameters (Adam). Default 0.001.
    pub learning_rate: f64,
    /// The step length of embedding tables. Default 0.05.
    pub table_learning_rate: f64,
    /// How touched rows shrink in every step: by `table_learning_rate * weight_decay` of themselves.
    /// Default 0.
    pub weight_decay: f64,
    /// The optimizer of embedding tables. Default `adagrad`.
    pub optimizer: OptimizerConfig,
    /// Standard deviation of the first values of tables. Default 0.01.
    pub initial_std: f64,
    /// The order of rows in an epoch. Default `shuffled`.
    pub order: RowOrderConfig,
    /// The part of the training rows in which the past of the user is hidden, so that a model sees more
    /// of new users than the log has. Default 0.
    pub hidden_past: f64,
}

/// The order of rows in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowOrderConfig {
    /// The oldest first, as a model meets them in service: in the first epoch the vector of an id knows of
    /// a row's past only, so a gate learns what it is worth. Shuffled rows have vectors that have seen
    /// the user's future, which is worth more than what a new user will have.
    Time,
    /// Another order in every epoch.
    Shuffled,
}

/// How users and items are parted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SliceConfig {
    /// Users with at most this many training events, but at least one, are `cold (1-3)`. Default 3.
    pub cold: u32,
    /// Users with more, up to this many, are light. Default 49.
    pub light: u32,
    /// Users with more, up to this many, are medium; all others are power users. Default 199.
    pub medium: u32,
    /// The most popular items in training that are the head, as a part of all items. Default 0.2.
    pub head_items: f64,
}

impl Default for TaskConfig {
    fn default() -> Self {
        TaskConfig { liked: 4.0, loved: 5.0 }
    }
}

impl Default for EstimatorConfig {
    fn default() -> Self {
        EstimatorConfig {
            d_user: 32,
            d_item: 32,
            d_cross: 64,
            hidden: vec![64],
            tower: Vec::new(),
            n_experts: 0,
            dropout: 0.0,
        }
    }
}

impl Default for StudyTrainingConfig {
    fn default() -> Self {
        StudyTrainingConfig {
            batch_size: 2048,
            n_epochs: 10,
            patience: 2,
            learning_rate: 0.001,
            table_learning_rate: 0.05,
            weight_decay: 0.0,
            optimizer: OptimizerConfig::Adagrad,
            initial_std: 0.01,
            order: RowOrderConfig::Shuffled,
            hidden_past: 0.0,
        }
    }
}

impl Default for SliceConfig {
    fn default() -> Self {
        SliceConfig { cold: 3, light: 49, medium: 199, head_items: 0.2 }
    }
}

fn default_seeds() -> Vec<u64> {
    (1..=5).collect()
}

fn default_value_weights() -> Vec<f64> {
    vec![1.0, 1.0, 0.5]
}

impl EstimatorConfig {
    pub(super) fn heads(&self) -> HeadsConfig {
        HeadsConfig::new()
            .with_hidden(self.hidden.clone())
            .with_tower(self.tower.clone())
            .with_n_experts(self.n_experts)
            .with_dropout(self.dropout)
    }
}

impl StudyConfig {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, has an unknown key or an impossible value; the
    /// message has the line where there is one.
    pub fn read(path: &Path) -> Result<Self> {
        read_file(path, Self::parse)
    }

    /// Parses and validates the text of a file.
    ///
    /// # Errors
    /// If it is not TOML, has an unknown key or an impossible value.
    pub fn parse(text: &str) -> Result<Self> {
        let config: StudyConfig = from_toml(text, "study")?;
        config.validate()?;
        Ok(config)
    }

    /// The study as a file, defaults written out.
    ///
    /// # Errors
    /// If a value has no form in TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Config { key: "seeds", message: error.to_string() })
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible one, with its key.
    pub fn validate(&self) -> Result<()> {
        let StudyTrainingConfig { learning_rate, table_learning_rate, weight_decay, initial_std, .. } =
            self.training;
        let estimator = &self.estimator;
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let is_size = |value: usize, most: usize| (1..=most).contains(&value);
        let are_sizes = |widths: &[usize]| widths.iter().all(|&width| is_size(width, 1 << 12));
        let repeats = |seeds: &[u64]| seeds.iter().enumerate().any(|(at, seed)| seeds[..at].contains(seed));
        let budgets = &self.memory_budgets;
        let slices = &self.slices;
        let names: Vec<String> = self.representations.iter().map(RepresentationConfig::name).collect();
        let repeated = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
        let is_plain = |name: &String| !name.trim().is_empty() && !name.chars().any(char::is_control);
        let rules: [(&'static str, bool, String); 23] = [
            (
                "tasks",
                self.tasks.liked.is_finite() && self.tasks.loved.is_finite(),
                "liked and loved must be finite numbers".into(),
            ),
            (
                "representations",
                names.iter().all(is_plain),
                "a name is empty or has a character that cannot be printed".into(),
            ),
            (
                "seeds",
                !self.seeds.is_empty() && !repeats(&self.seeds) && self.seeds.iter().all(|&s| s < 1 << 62),
                format!("{:?}; must be a list of different numbers below 2^62", self.seeds),
            ),
            (
                "representations",
                !names.is_empty() && repeated.is_none(),
                match repeated {
                    Some((_, name)) => format!("{name:?} is there twice; give one of them a `name`"),
                    None => "none; name at least one".into(),
                },
            ),
            (
                "estimator.d_user",
                is_size(estimator.d_user, 1 << 12),
                format!("{}; must be 1 to {}", estimator.d_user, 1 << 12),
            ),
            (
                "estimator.d_item",
                is_size(estimator.d_item, 1 << 12),
                format!("{}; must be 1 to {}", estimator.d_item, 1 << 12),
            ),
            (
                "estimator.d_cross",
                is_size(estimator.d_cross, 1 << 12),
                format!("{}; must be 1 to {}", estimator.d_cross, 1 << 12),
            ),
            (
                "estimator.hidden",
                are_sizes(&estimator.hidden) && (estimator.n_experts == 0 || !estimator.hidden.is_empty()),
                format!("{:?}; widths must be 1 to {}, and experts need one", estimator.hidden, 1 << 12),
            ),
            (
                "estimator.tower",
                are_sizes(&estimator.tower),
                format!("{:?}; widths must be 1 to {}", estimator.tower, 1 << 12),
            ),
            (
                "estimator.n_experts",
                estimator.n_experts <= 1 << 6,
                format!("{}; must be at most {}", estimator.n_experts, 1 << 6),
            ),
            (
                "estimator.dropout",
                (0.0..1.0).contains(&estimator.dropout),
                format!("{}; must be at least 0 and below 1", estimator.dropout),
            ),
            (
                "training.batch_size",
                is_size(self.training.batch_size, 1 << 20),
                format!("{}; must be 1 to {}", self.training.batch_size, 1 << 20),
            ),
            ("training.n_epochs", self.training.n_epochs > 0, "0; must be at least 1".into()),
            ("training.patience", self.training.patience > 0, "0; must be at least 1".into()),
            (
                "training.learning_rate",
                positive(learning_rate),
                format!("{learning_rate}; must be a positive number"),
            ),
            (
                "training.table_learning_rate",
                positive(table_learning_rate) && positive(table_learning_rate / learning_rate),
                format!(
                    "{table_learning_rate}; must be a positive number, and so its ratio to learning_rate"
                ),
            ),
            (
                "training.initial_std",
                positive(initial_std),
                format!("{initial_std}; must be a positive number"),
            ),
            (
                "training.hidden_past",
                (0.0..=1.0).contains(&self.training.hidden_past),
                format!("{}; must be 0 to 1", self.training.hidden_past),
            ),
            (
                "training.weight_decay",
                weight_decay >= 0.0 && weight_decay * table_learning_rate < 1.0,
                format!("{weight_decay}; must be at least 0 and below 1 / table_learning_rate"),
            ),
            (
                "user_value_weights",
                self.user_value_weights.len() == super::TASKS.len()
                    && self.user_value_weights.iter().all(|weight| weight.abs() <= 1e6),
                format!(
                    "{:?}; must be {} numbers between -1e6 and 1e6",
                    self.user_value_weights,
                    super::TASKS.len()
                ),
            ),
            (
                "slices",
                slices.cold > 0 && slices.cold < slices.light && slices.light < slices.medium,
                "cold, light and medium must ascend from at least 1".into(),
            ),
            (
                "slices.head_items",
                slices.head_items > 0.0 && slices.head_items < 1.0,
                format!("{}; must be above 0 and below 1", slices.head_items),
            ),
            (
                "memory_budgets",
                budgets.iter().all(|&budget| positive(budget) && budget <= 16.0)
                    && budgets.iter().enumerate().all(|(at, budget)| !budgets[..at].contains(budget)),
                format!("{budgets:?}; must be different numbers above 0 and at most 16"),
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
        self.filters.iter().try_for_each(Filter::validate)?;
        self.split.validate()?;
        self.features.validate()?;
        self.cold_start.as_ref().map_or(Ok(()), ColdStartConfig::validate)?;
        self.representations.iter().try_for_each(RepresentationConfig::validate)?;
        Ok(SplitConfig::new(self.validation.clone()).validate()?)
    }
}
