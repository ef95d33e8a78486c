//! The multi-task estimator as the second stage.

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_embeddings::{EmbeddingTableConfig, LazyAdam, SparseOptimizer, TableInitializer, Tape};
use burn_recsys_models::{
    Examples, HeadsConfig, IdLookup, MultiTaskEstimator, MultiTaskEstimatorConfig, MultiTaskLoss, UserValue,
};
use burn_recsys_ranking::{Candidates, RankFeatures, Ranker, Visitor};
use serde::{Deserialize, Serialize};

use crate::checkpoint::with_stable_ids;
use crate::{Error, EstimatorTask, FitConfig, Optimizers, Result, Schedule, TrainState, fit};

/// How an [`EstimatorRanker`] is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EstimatorRankerConfig {
    /// The size of the vectors of users and items. Default 8.
    pub d_embedding: usize,
    /// Widths of the layers behind. Default 64.
    pub hidden: Vec<usize>,
    /// What each label from 1 on is worth beyond the one below, in probabilities that are added up. Default 1 for
    /// every label that occurs in training.
    pub value_weights: Option<Vec<f64>>,
    /// Passes over the rows. Default 3.
    pub n_epochs: u64,
    /// Rows a step. Default 1,024.
    pub batch_size: usize,
    /// The learning rate of Adam at first; it falls to 0. Default 0.003.
    pub learning_rate: f64,
    /// The share of visits, the last ones given, that calibrate probabilities and are not trained on; an earlier visit
    /// of the same user may be. Default 0.1.
    pub calibration: f64,
    /// What the first weights and the order of rows are a function of. Default 1.
    pub seed: u64,
}

impl Default for EstimatorRankerConfig {
    fn default() -> Self {
        EstimatorRankerConfig {
            d_embedding: 8,
            hidden: vec![64],
            value_weights: None,
            n_epochs: 3,
            batch_size: 1_024,
            learning_rate: 0.003,
            calibration: 0.1,
            seed: 1,
        }
    }
}

/// A visit and how good each of its candidates turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledVisit {
    /// Who asked; none for a user that nothing was known of.
    pub user: Option<u32>,
    /// What the sources found then.
    pub items: Vec<u32>,
    /// `[n_items, n_features]`, row-major: [`RankFeatures::rows`] as of then.
    pub features: Vec<f32>,
    /// `[n_items]`: 0 for no interest, 1 for liked, 2 for loved and so on.
    pub labels: Vec<u8>,
}

/// Ranks candidates by a [`MultiTaskEstimator`]: task `i` is the probability that a label is above `i`, each
/// calibrated, and the score is their weighted sum.
///
/// Beside the vectors of user and item it reads [`RankFeatures`], brought to mean 0 and standard deviation 1, and
/// which of them are missing. Users that were not trained on share a vector.
#[derive(Debug)]
pub struct EstimatorRanker {
    model: MultiTaskEstimator<IdLookup>,
    features: RankFeatures,
    scaling: Scaling,
    value: UserValue,
    n_users: usize,
}

impl EstimatorRanker {
    /// Fits an estimator to visits, the oldest first. It will rank by `features`, which are those of the visits at
    /// a later moment.
    ///
    /// # Errors
    /// If the sizes of a visit do not agree, nobody likes anything, or the loss is not finite.
    pub fn fit(
        features: RankFeatures,
        [n_users, n_items]: [usize; 2],
        visits: &[LabelledVisit],
        config: &EstimatorRankerConfig,
        device: &Device,
    ) -> Result<Self> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        if !(0.0..1.0).contains(&config.calibration) {
            return refuse("calibration", format!("{} is not a share from 0 to below 1", config.calibration));
        }
        let n_tasks = visits.iter().flat_map(|visit| &visit.labels).copied().max().unwrap_or(0) as usize;
        if n_tasks == 0 {
            return refuse("visits", "no candidate has a label above 0; there is nothing to learn".into());
        }
        let n_features = features.n_features();
        for LabelledVisit { items, features, labels, .. } in visits {
            if labels.len() != items.len() || features.len() != items.len() * n_features {
                let (n, m, f) = (items.len(), labels.len(), features.len());
                return refuse(
                    "visits",
                    format!("{n} items with {m} labels and {f} values of {n_features} features"),
                );
            }
        }
        let n_train = visits.len() - (visits.len() as f64 * config.calibration).round() as usize;
        let (train, held_out) = visits.split_at(n_train.max(1));
        let scaling = Scaling::of(train.iter().map(|visit| &visit.features[..]), n_features);
        let ids = |n, seed| {
            let table = EmbeddingTableConfig::new(n, config.d_embedding)
                .with_initializer(TableInitializer::Normal { std: 0.05 })
                .with_seed(seed);
            IdLookup::new(table.init(device))
        };
        let device = &device.clone().autodiff();
        let model = MultiTaskEstimatorConfig::new(n_tasks, 0, 0, 2 * scaling.means.len())
            .with_heads(HeadsConfig::new().with_hidden(config.hidden.clone()))
            .with_d_cross(*config.hidden.first().unwrap_or(&64))
            .with_seed(config.seed);
        let model = model.init(ids(n_users + 1, config.seed), ids(n_items, config.seed + 1), device);
        let model = with_stable_ids(model);
        let weights = config.value_weights.clone().unwrap_or_else(|| vec![1.0; n_tasks]);
        if weights.len() != n_tasks {
            return refuse("value_weights", format!("{} for labels up to {n_tasks}", weights.len()));
        }
        let mut ranker =
            EstimatorRanker { model, features, scaling, value: UserValue::new(weights)?, n_users };
        let examples = ranker.examples(train, n_tasks)?;
        let task = EstimatorTask::new(examples, MultiTaskLoss::new(n_tasks), config.batch_size, config.seed)?;
        let optimizers = Optimizers {
            sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
            dense: AdamConfig::new().init(),
        };
        let fit_config = FitConfig {
            n_epochs: config.n_epochs,
            learning_rate: config.learning_rate,
            schedule: Schedule::Linear,
            patience: None,
            seed: config.seed,
        };
        let state = TrainState { model: ranker.model, optimizers, history: Vec::new() };
        ranker.model = fit(&task, None, state, &fit_config, device, &mut ())?.model;
        let held_out = ranker.examples(held_out, n_tasks)?;
        if held_out.n_rows() > 0 {
            let logits = ranker.logits(&held_out)?;
            // A task of which the held-out visits know one answer only stays as it is.
            if let Ok(value) = ranker.value.clone().fit_platt(&logits, held_out.labels()) {
                ranker.value = value;
            }
        }
        Ok(ranker)
    }
}

impl EstimatorRanker {
    fn examples(&self, visits: &[LabelledVisit], n_tasks: usize) -> Result<Examples> {
        let (mut users, mut items, mut cross, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for visit in visits {
            users.extend(std::iter::repeat_n(self.user_id(visit.user), visit.items.len()));
            items.extend(visit.items.iter().map(|&item| u64::from(item)));
            self.scaling.extend(&mut cross, &visit.features);
            let task =
                |label: u8| (0..n_tasks).map(move |task| f32::from(u8::from(usize::from(label) > task)));
            labels.extend(visit.labels.iter().copied().flat_map(task));
        }
        let width = 2 * self.scaling.means.len();
        Ok(Examples::new(users, items)?.with_cross_features(cross, width)?.with_labels(labels, n_tasks)?)
    }

    /// Users that were not trained on have the vector after the last one.
    fn user_id(&self, user: Option<u32>) -> u64 {
        let known = user.filter(|&user| (user as usize) < self.n_users);
        known.map_or(self.n_users as u64, u64::from)
    }

    fn logits(&self, rows: &Examples) -> Result<Vec<f32>> {
        let logits = self.model.forward(&rows.inputs(&self.model.device()), &mut Tape::off());
        logits.into_data().try_into_vec().map_err(|error| Error::Config {
            key: "device",
            message: format!("logits are not numbers of 32 bits: {error:?}"),
        })
    }

    /// What a candidate is worth in words of the estimator.
    pub fn value(&self) -> &UserValue {
        &self.value
    }
}

impl Ranker for EstimatorRanker {
    fn scores(
        &self,
        visitor: &Visitor<'_>,
        candidates: &Candidates,
    ) -> burn_recsys_ranking::Result<Vec<f32>> {
        let failed = |error: &dyn std::fmt::Display| burn_recsys_ranking::Error::Parameter {
            parameter: "estimator",
            message: error.to_string(),
        };
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let mut cross = Vec::new();
        self.scaling.extend(&mut cross, &self.features.rows(visitor, candidates)?);
        let users = vec![self.user_id(visitor.user); candidates.len()];
        let items = candidates.items().iter().map(|&item| u64::from(item)).collect();
        let rows = Examples::new(users, items)
            .and_then(|rows| rows.with_cross_features(cross, 2 * self.scaling.means.len()))
            .map_err(|error| failed(&error))?;
        self.model.check(&rows).map_err(|error| failed(&error))?;
        let logits = self.logits(&rows).map_err(|error| failed(&error))?;
        self.value.scores(&logits).map_err(|error| failed(&error))
    }
}

/// Features to mean 0 and standard deviation 1.
#[derive(Debug, Clone)]
struct Scaling {
    means: Vec<f32>,
    deviations: Vec<f32>,
}

impl Scaling {
    /// Of the features of all rows, those that are there.
    fn of<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone, n_features: usize) -> Self {
        let column = |feature: usize| {
            let values = rows.clone().flat_map(move |rows| rows.iter().skip(feature).step_by(n_features));
            values.filter(|x| x.is_finite())
        };
        let mean = |feature: usize| {
            let (sum, n) = column(feature).fold((0.0, 0u32), |(sum, n), &x| (sum + f64::from(x), n + 1));
            sum / f64::from(n.max(1))
        };
        let means: Vec<f64> = (0..n_features).map(mean).collect();
        let deviation = |feature: usize| {
            let square = |x: &f32| (f64::from(*x) - means[feature]).powi(2);
            let (sum, n) = column(feature).fold((0.0, 0u32), |(sum, n), x| (sum + square(x), n + 1));
            let deviation = (sum / f64::from(n.max(1))).sqrt();
            // A feature that never changes says nothing, whatever it is divided by.
            if deviation > 1e-6 { deviation as f32 } else { 1.0 }
        };
        Scaling {
            deviations: (0..n_features).map(deviation).collect(),
            means: means.iter().map(|&mean| mean as f32).collect(),
        }
    }

    /// Appends the scaled features of each row, 0 where they are missing, then which are missing.
    fn extend(&self, to: &mut Vec<f32>, rows: &[f32]) {
        for row in rows.chunks_exact(self.means.len()) {
            let scaled = row.iter().zip(&self.means).zip(&self.deviations);
            to.extend(scaled.map(|((x, mean), deviation)| match x.is_finite() {
                // Far outside of what was seen in training a linear layer has nothing to say.
                true => ((x - mean) / deviation).clamp(-5.0, 5.0),
                false => 0.0,
            }));
            to.extend(row.iter().map(|x| f32::from(u8::from(!x.is_finite()))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_scaled_by_what_is_there() {
        let rows = [1.0, 5.0, 3.0, f32::NAN, 5.0, 5.0];
        let scaling = Scaling::of([&rows[..4], &rows[4..]].into_iter(), 2);
        assert_eq!((scaling.means[0], scaling.means[1], scaling.deviations[1]), (3.0, 5.0, 1.0));
        assert!((scaling.deviations[0] - (8.0f32 / 3.0).sqrt()).abs() < 1e-6);
        let mut scaled = Vec::new();
        scaling.extend(&mut scaled, &[3.0, f32::NAN, 1e9, 6.0]);
        assert_eq!(scaled, [0.0, 0.0, 0.0, 1.0, 5.0, 1.0, 0.0, 0.0]);
    }
}
