//! Which ratings of MovieLens 100K are at least 3, on a published random split.

mod rows;

use std::path::Path;
use std::time::Instant;

use burn::module::{Module, ParamGroup};
use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_baselines::VectorScorer;
use burn_recsys_data::{Dataset, Interactions, movielens};
use burn_recsys_embeddings::{EmbeddingTable, LazyAdam, SparseOptimizer, TableInitializer, split_mix};
use burn_recsys_metrics::pointwise::{Auc, ConfusionMatrix, PointwiseMetric, Predictions, Threshold};
use burn_recsys_models::{
    Calibration, FeatureTwoTowerConfig, FieldCombination, FieldLayer, RetrievalLoss, TowerConfig, TowerField,
};
use serde::{Deserialize, Serialize};

use rows::{Features, hold_out, item_features, read_split, tower_rows, user_features, with_history};

use crate::{
    Error, FitConfig, Negatives, Optimizers, Result, RetrievalRows, RetrievalTask, Seen, TestSet, TrainState,
    evaluate, fit,
};

/// The file with the numbers of the test rows, counted from 0 in the order of `u.data`.
const SPLIT: &str = "split-random-0.2-test-rows.txt";
/// Ratings from here on are positive.
const LIKED: f32 = 3.0;
/// The seed of the rows that a search holds out.
const SEARCH_SEED: u64 = 1;
/// The length of lists.
const K: usize = 10;

/// What the tutorial publishes of its two towers: accuracy, AUC, F1, Precision@10, Recall@10.
pub const PUBLISHED: [f64; 5] = [0.8256, 0.7783, 0.8967, 0.0138, 0.0081];

/// MovieLens 100K, divided at random into a training part and a fifth to test on.
#[derive(Debug, Clone)]
pub struct Ml100kRandom {
    dataset: Dataset,
    train: Interactions,
    test: Interactions,
}

/// Two towers that say how likely a rating is at least 3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RatingTowers {
    /// The widths of hidden layers, with batch normalisation and dropout 0.1. Without any the vectors of
    /// fields are added, with biases of users and items: a factorisation with features.
    pub hidden: Vec<usize>,
    /// The size of the vectors of ids and categories.
    pub d_embedding: usize,
    /// Whether a user also has the mean of the items that were rated, and an item that of its users, whatever
    /// the ratings (the implicit feedback of Koren 2008). They are those of the rows learned from.
    pub histories: bool,
    /// What the probability of a rating of 1 to 5 stars is to be, in 0..=1.
    pub targets: [f32; 5],
    /// Whether probabilities are calibrated on a tenth of the training rows by models of the rest. Otherwise
    /// they are the sigmoid of the logits.
    pub is_calibrated: bool,
    /// The number of pairs of towers, each with a seed of its own, whose logits are averaged.
    pub n_models: usize,
    /// The step of Adam.
    pub learning_rate: f64,
    /// What the step is multiplied by after each epoch.
    pub learning_rate_decay: f64,
    /// The share of each touched row of a table that a step of size 1 takes away.
    pub weight_decay: f64,
    /// As `weight_decay`, of the vectors of histories.
    pub history_decay: f64,
    /// As `weight_decay`, of biases.
    pub bias_decay: f64,
    /// The standard deviation of the first vectors.
    pub std: f64,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Passes over the rows.
    pub n_epochs: u64,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct RatingMeasures {
    /// The share of rows whose class is right.
    pub accuracy: f64,
    /// The area under the ROC curve.
    pub auc: f64,
    /// Of the positive class.
    pub f1: f64,
    /// True positives, false positives, true negatives and false negatives.
    pub confusion: [u64; 4],
    /// All items without those of the training part are ranked; what is to be found are the positive rows.
    pub precision_at_10: f64,
    /// As `precision_at_10`.
    pub recall_at_10: f64,
    /// Wall time of training.
    pub train_seconds: f64,
}

impl Default for RatingTowers {
    fn default() -> Self {
        RatingTowers {
            hidden: Vec::new(),
            d_embedding: 32,
            histories: true,
            targets: [0.0, 0.2, 0.6, 0.85, 1.0],
            is_calibrated: true,
            n_models: 4,
            learning_rate: 0.003,
            learning_rate_decay: 1.0,
            weight_decay: 1.0,
            history_decay: 0.3,
            bias_decay: 0.3,
            std: 0.1,
            batch_size: 1024,
            n_epochs: 12,
        }
    }
}

impl RatingTowers {
    /// The towers of the tutorial. It does not say how long it trains; that was chosen on held-out rows.
    pub fn tutorial() -> Self {
        RatingTowers {
            hidden: vec![128, 64],
            d_embedding: 50,
            histories: false,
            targets: [0.0, 0.0, 1.0, 1.0, 1.0],
            is_calibrated: false,
            n_models: 1,
            learning_rate: 0.001,
            weight_decay: 0.0,
            history_decay: 0.0,
            bias_decay: 0.0,
            n_epochs: 4,
            ..RatingTowers::default()
        }
    }

    /// Reads towers from a TOML file; what it does not name is as in the default.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid.
    pub fn read(path: &Path) -> Result<Self> {
        crate::config::read_file(path, |text| {
            let towers: RatingTowers = crate::config::from_toml(text, "towers")?;
            towers.validate()?;
            Ok(towers)
        })
    }

    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// If a number is not finite or out of its range.
    pub fn validate(&self) -> Result<()> {
        let bad = |key, message: String| Err(Error::Config { key, message });
        if let Some(target) = self.targets.iter().find(|target| !(0.0..=1.0).contains(*target)) {
            return bad("targets", format!("{target} is not in 0..=1"));
        }
        if [self.d_embedding, self.n_models, self.batch_size].contains(&0) || self.hidden.contains(&0) {
            return bad("d_embedding, n_models, batch_size, hidden", "all are at least 1".into());
        }
        for (key, value) in [
            ("learning_rate", self.learning_rate),
            ("learning_rate_decay", self.learning_rate_decay),
            ("weight_decay", self.weight_decay),
            ("history_decay", self.history_decay),
            ("bias_decay", self.bias_decay),
            ("std", self.std),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return bad(key, format!("{value} is not a number of at least 0"));
            }
        }
        Ok(())
    }
}

/// Vectors whose inner products are logits.
struct Vectors {
    d: usize,
    users: Vec<f32>,
    items: Vec<f32>,
}

impl Vectors {
    fn logits(&self, rows: &Interactions) -> Vec<f32> {
        let of = |vectors: &[f32], index: u32| -> std::ops::Range<usize> {
            let start = index as usize * self.d;
            debug_assert!(start + self.d <= vectors.len());
            start..start + self.d
        };
        let logit = |(&user, &item): (&u32, &u32)| {
            let (user, item) = (&self.users[of(&self.users, user)], &self.items[of(&self.items, item)]);
            user.iter().zip(item).map(|(a, b)| a * b).sum()
        };
        rows.users().iter().zip(rows.items()).map(logit).collect()
    }

    /// Vectors whose logits are the means of those of `models`.
    fn mean(models: &[Vectors]) -> Vectors {
        let n = models.len().max(1) as f32;
        let d = models.iter().map(|model| model.d).sum();
        let side = |of: fn(&Vectors) -> &Vec<f32>, scale: f32| -> Vec<f32> {
            let n_rows = models.first().map_or(0, |model| of(model).len() / model.d);
            let row = |row: usize| {
                models.iter().flat_map(move |model| &of(model)[row * model.d..(row + 1) * model.d])
            };
            (0..n_rows).flat_map(row).map(|value| value * scale).collect()
        };
        Vectors { d, users: side(|model| &model.users, 1.0 / n), items: side(|model| &model.items, 1.0) }
    }
}

impl Ml100kRandom {
    /// Reads MovieLens 100K with the file of test rows beside it.
    ///
    /// # Errors
    /// If a file is missing or not what it should be; the message has the line.
    pub fn read(folder: &Path) -> Result<Self> {
        let dataset = movielens::read_folder("ml-100k", folder)?;
        let n_rows = dataset.interactions.len();
        let is_test = read_split(&folder.join(SPLIT), n_rows)?;
        let part = |of_test: bool| dataset.interactions.retain(|row| is_test[row] == of_test);
        let (train, test) = (part(false), part(true));
        if train.is_empty() || test.is_empty() {
            return Err(burn_recsys_data::Error::Empty { after: "dividing the rows".into() }.into());
        }
        Ok(Ml100kRandom { train, test, dataset })
    }

    /// The rows to learn from.
    pub fn train(&self) -> &Interactions {
        &self.train
    }

    /// The rows to test on.
    pub fn test(&self) -> &Interactions {
        &self.test
    }

    /// Trains `towers` on the training part and measures them on the test rows.
    ///
    /// # Errors
    /// If the towers are not valid, or training fails.
    pub fn measure(&self, towers: &RatingTowers, seed: u64, device: &Device) -> Result<RatingMeasures> {
        self.measure_on(&self.train, &self.test, towers, seed, device)
    }

    /// Measures `towers` on a tenth of the training part after training them on the rest: what a search for
    /// better ones may look at.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    pub fn measure_held_out(
        &self,
        towers: &RatingTowers,
        seed: u64,
        device: &Device,
    ) -> Result<RatingMeasures> {
        let [train, held_out] = hold_out(&self.train, SEARCH_SEED);
        self.measure_on(&train, &held_out, towers, seed, device)
    }

    fn measure_on(
        &self,
        train: &Interactions,
        test: &Interactions,
        towers: &RatingTowers,
        seed: u64,
        device: &Device,
    ) -> Result<RatingMeasures> {
        towers.validate()?;
        let start = Instant::now();
        let calibration = match towers.is_calibrated {
            true => {
                let [rest, held_out] = hold_out(train, split_mix(seed));
                let logits = self.vectors(&rest, towers, !seed, device)?.logits(&held_out);
                Calibration::fit_platt(&logits, &labels(&held_out)?)?
            }
            false => Calibration::identity(),
        };
        let vectors = self.vectors(train, towers, seed, device)?;
        let train_seconds = start.elapsed().as_secs_f64();

        let logits = vectors.logits(test);
        let probabilities: Vec<f32> = logits.iter().map(|&logit| calibration.probability(logit)).collect();
        let labels = labels(test)?;
        let auc = Auc.measure(&Predictions::new(&logits, &labels)?)?;
        let confusion =
            ConfusionMatrix::new(&Predictions::new(&probabilities, &labels)?, Threshold::default());
        let liked = test.retain(|row| labels[row]);
        let scorer = VectorScorer::of_vectors(vectors.d, vectors.users, vectors.items)?;
        let report = evaluate(&scorer, &TestSet::new(train, &liked)?, &[K], Seen::Removed)?.report;
        let at_10 = |label: &str| Ok::<_, Error>(report.summary(label)?.value.unwrap_or(f64::NAN));
        Ok(RatingMeasures {
            accuracy: confusion.accuracy().unwrap_or(f64::NAN),
            auc: auc.unwrap_or(f64::NAN),
            f1: confusion.f1().unwrap_or(f64::NAN),
            confusion: [
                confusion.true_positive,
                confusion.false_positive,
                confusion.true_negative,
                confusion.false_negative,
            ],
            precision_at_10: at_10("Precision@10")?,
            recall_at_10: at_10("Recall@10")?,
            train_seconds,
        })
    }

    /// The vectors of `towers` trained on `train`.
    fn vectors(
        &self,
        train: &Interactions,
        towers: &RatingTowers,
        seed: u64,
        device: &Device,
    ) -> Result<Vectors> {
        let (mut users, mut items) = (user_features(&self.dataset)?, item_features(&self.dataset)?);
        if towers.histories {
            users = with_history(users, &train.items_by_user(), train.n_items())?;
            items = with_history(items, &train.users_by_item(), train.n_users())?;
        }
        let train_one = |n: usize| {
            let seed = split_mix(seed ^ split_mix(n as u64));
            train_one(train, towers, [&users, &items], seed, device)
        };
        Ok(Vectors::mean(&(0..towers.n_models).map(train_one).collect::<Result<Vec<_>>>()?))
    }
}

fn train_one(
    train: &Interactions,
    towers: &RatingTowers,
    [users, items]: [&Features; 2],
    seed: u64,
    device: &Device,
) -> Result<Vectors> {
    let (user_rows, item_rows) = (tower_rows(users)?, tower_rows(items)?);
    let targets = ratings(train)?.iter().map(|&rating| towers.targets[(rating as usize).clamp(1, 5) - 1]);
    let rows = RetrievalRows::new(
        train.users().to_vec(),
        train.items().to_vec(),
        user_rows.clone(),
        item_rows.clone(),
    )?
    .with_labels(targets.collect())?;
    let task = RetrievalTask::<EmbeddingTable, EmbeddingTable>::new(
        rows,
        Negatives::Labels,
        RetrievalLoss::Pointwise,
        towers.batch_size,
        seed,
    )?;
    let device = device.clone().autodiff();
    let tower = |fields: &[TowerField]| towers.config(fields);
    let model = FeatureTwoTowerConfig::new(tower(&users.0), tower(&items.0))
        .with_biases(towers.hidden.is_empty())
        .with_seed(seed)
        .init(&device);
    let biases = ParamGroup::ids_from_module(model.biases.clone());
    let history = |fields: &[FieldLayer]| fields.last().filter(|_| towers.histories).cloned();
    let histories =
        ParamGroup::ids_from_module(vec![history(&model.users.fields), history(&model.items.fields)]);
    let mut state = TrainState {
        optimizers: Optimizers {
            sparse: SparseOptimizer::new(Box::new(LazyAdam::default()) as _)
                .with_weight_decay(towers.weight_decay)
                .with_weight_decay_of(histories, towers.history_decay)
                .with_weight_decay_of(biases, towers.bias_decay),
            dense: AdamConfig::new().init(),
        },
        model,
        history: Vec::new(),
    };
    for epoch in 1..=towers.n_epochs {
        let learning_rate = towers.learning_rate * towers.learning_rate_decay.powi(epoch as i32 - 1);
        let config =
            FitConfig { n_epochs: epoch, learning_rate, patience: None, seed, ..FitConfig::default() };
        state = fit(&task, None, state, &config, &device, &mut ())?;
    }
    let model = state.model.valid();
    Ok(Vectors {
        d: model.d_vector(),
        users: model.embed_users(&user_rows),
        items: model.embed_items(&item_rows),
    })
}

impl RatingTowers {
    fn config(&self, fields: &[TowerField]) -> TowerConfig {
        let config = TowerConfig::new(fields.to_vec())
            .with_d_embedding(self.d_embedding)
            .with_initializer(TableInitializer::Normal { std: self.std });
        match self.hidden.last() {
            Some(&d_output) => {
                config.with_hidden(self.hidden.clone()).with_dropout(0.1).with_d_output(Some(d_output))
            }
            None => {
                config.with_hidden(Vec::new()).with_d_output(None).with_combination(FieldCombination::Sum)
            }
        }
    }
}

fn ratings(rows: &Interactions) -> Result<&[f32]> {
    rows.ratings().ok_or_else(|| {
        burn_recsys_data::Error::Parameter { parameter: "u.data", message: "has no ratings".into() }.into()
    })
}

fn labels(rows: &Interactions) -> Result<Vec<bool>> {
    Ok(ratings(rows)?.iter().map(|&rating| rating >= LIKED).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_several_models_give_the_mean_of_their_logits() {
        let first = Vectors { d: 1, users: vec![1.0, 2.0], items: vec![3.0, -1.0, 0.5] };
        let second =
            Vectors { d: 2, users: vec![1.0, 0.0, 0.0, 4.0], items: vec![1.0, 1.0, 2.0, 0.0, 0.0, 3.0] };
        let logit = |vectors: &Vectors, user: usize, item: usize| -> f32 {
            let d = vectors.d;
            (0..d).map(|at| vectors.users[user * d + at] * vectors.items[item * d + at]).sum()
        };
        let expected: Vec<f32> = (0..2)
            .flat_map(|user| (0..3).map(move |item| (user, item)))
            .map(|(user, item)| (logit(&first, user, item) + logit(&second, user, item)) / 2.0)
            .collect();
        let mean = Vectors::mean(&[first, second]);
        let actual: Vec<f32> = (0..2)
            .flat_map(|user| (0..3).map(move |item| (user, item)))
            .map(|(u, i)| logit(&mean, u, i))
            .collect();
        assert_eq!((mean.d, actual), (3, expected));
    }

    #[test]
    fn what_cannot_be_trained_is_refused() {
        assert!(RatingTowers::default().validate().is_ok() && RatingTowers::tutorial().validate().is_ok());
        let refused = |towers: RatingTowers| towers.validate().is_err();
        let best = RatingTowers::default;
        assert!(refused(RatingTowers { targets: [0.0, 0.5, 1.5, 1.0, 1.0], ..best() }));
        assert!(refused(RatingTowers { n_models: 0, ..best() }));
        assert!(refused(RatingTowers { hidden: vec![8, 0], ..best() }));
        assert!(refused(RatingTowers { learning_rate: f64::NAN, ..best() }));
    }
}
