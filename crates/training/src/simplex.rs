//! A SimpleX from nothing but the items that each user has met.

use std::sync::Arc;

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_baselines::VectorScorer;
use burn_recsys_data::Csr;
use burn_recsys_embeddings::{JaggedIds, LazyAdam, SparseOptimizer, TableInitializer};
use burn_recsys_models::{RetrievalLoss, SimpleX, SimpleXConfig};
use serde::{Deserialize, Serialize};

use crate::fit::{best_epoch, is_finished};
use crate::held_out_items::HeldOutItems;
use crate::{
    EpochRecord, Error, FitConfig, HeldOut, Optimizers, Progress, Result, SimpleXTask, TrainState, fit,
};

/// How a [`SimpleX`] is made and trained by [`fit_simplex`], as users write it. Every field has a default
/// that suits data never seen before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimpleXTraining {
    /// The size of user and item vectors. Memory and time grow with it. Default: 64.
    pub d_embedding: usize,
    /// How much of a user is the user's own vector, in 0..=1; the rest is the mean of the history.
    /// Small values generalise better where users have few items. Default: 0.
    pub own_weight: f64,
    /// What is learned by; logits are cosines. Default: softmax of temperature 0.1. The paper's is
    /// `{ kind = "cosine-contrastive", margin = 0.9, negative_weight = 150.0 }`.
    pub loss: RetrievalLoss,
    /// Negatives of a batch, shared by its rows. Default: 512.
    pub n_negatives: usize,
    /// About how many positives a step learns from. Default: 1024.
    pub batch_size: usize,
    /// The most positives of a user in a row; see [`SimpleXTask`]. 1 is the usual row of one positive, and
    /// several times slower. Default: 16.
    pub positives_per_user: usize,
    /// The most items of a history in a step; of a longer one, so many are drawn. What is trained scores by
    /// whole histories. Default: 100.
    pub max_history: usize,
    /// The learning rate of Adam in the first epoch; it falls linearly, to 0 after the last one. Default:
    /// 0.003.
    pub learning_rate: f64,
    /// The most epochs; without a held-out part their exact number. Default: 15.
    pub n_epochs: u64,
    /// Stop after this many epochs without a better NDCG@20 on the held-out part. Default: 3.
    pub patience: u64,
    /// The share of each user's items that is held out to find the number of epochs; training then starts
    /// over with all items. 0 for none: half the time, with the number of epochs as given. Below 1.
    /// Default: 0.1.
    pub held_out: f64,
    /// The most users whose held-out items are measured after each epoch. Default: 2000.
    pub n_held_out_users: usize,
}

impl Default for SimpleXTraining {
    fn default() -> Self {
        SimpleXTraining {
            d_embedding: 64,
            own_weight: 0.0,
            loss: RetrievalLoss::Softmax { temperature: 0.1 },
            n_negatives: 512,
            batch_size: 1024,
            positives_per_user: 16,
            max_history: 100,
            learning_rate: 0.003,
            n_epochs: 15,
            patience: 3,
            held_out: 0.1,
            n_held_out_users: 2000,
        }
    }
}

/// A trained [`SimpleX`] and how it came to be.
#[derive(Debug)]
pub struct FittedSimpleX {
    /// The model.
    pub model: SimpleX,
    /// It as vectors: users by their whole histories.
    pub scorer: VectorScorer,
    /// The number of epochs that the model was trained for.
    pub n_epochs: u64,
    /// The epochs of the search for that number; empty without a held-out part.
    pub search: Vec<EpochRecord>,
    /// The epochs that made the model.
    pub fit: Vec<EpochRecord>,
}

impl SimpleXTraining {
    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible one, with its key.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        let sizes = [
            ("d_embedding", self.d_embedding),
            ("n_negatives", self.n_negatives),
            ("batch_size", self.batch_size),
            ("positives_per_user", self.positives_per_user),
            ("max_history", self.max_history),
            ("n_held_out_users", self.n_held_out_users),
        ];
        for (key, size) in sizes {
            if !(1..=1 << 24).contains(&size) {
                return refuse(key, format!("{size}; must be 1 to {}", 1 << 24));
            }
        }
        if !(0.0..=1.0).contains(&self.own_weight) {
            return refuse("own_weight", format!("{}; must be in 0 to 1", self.own_weight));
        }
        if !(0.0..1.0).contains(&self.held_out) {
            return refuse("held_out", format!("{}; must be at least 0 and below 1", self.held_out));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse("learning_rate", format!("{}; must be a positive number", self.learning_rate));
        }
        if self.n_epochs == 0 || self.patience == 0 {
            return refuse("n_epochs", "and patience must be at least 1".into());
        }
        self.loss.validate().map_err(|error| Error::Config { key: "loss", message: error.to_string() })
    }
}

/// Trains a [`SimpleX`] on `positives`, whose row `u` holds the items of user `u`, ascending and unique.
///
/// The number of epochs is found on held-out items of the users, by NDCG@20 over the whole catalogue without
/// the items that are trained on; then the model is trained on all items for so long. If nothing can be held
/// out, because no user has enough items, the number of epochs is that of the configuration.
///
/// # Errors
/// If the configuration is not valid, there is no interaction, an item is not below `n_items`, the loss
/// becomes NaN or infinite, or `progress` asks to stop.
pub fn fit_simplex(
    config: &SimpleXTraining,
    positives: &Csr,
    n_items: usize,
    seed: u64,
    device: &Device,
    progress: &mut dyn Progress<SimpleX>,
) -> Result<FittedSimpleX> {
    config.validate()?;
    let device = device.clone().autodiff();
    let held_out = HeldOutItems::new(positives, config.held_out, config.n_held_out_users, seed);
    let (search, n_epochs) = if held_out.users.is_empty() {
        (Vec::new(), config.n_epochs)
    } else {
        let measure = |model: &SimpleX| measure(model, &held_out);
        let task = SimpleXTask::new(Arc::clone(&held_out.kept), n_items, config, seed)?;
        let mut state = config.start(positives.n_rows(), n_items, seed, &device);
        while !is_finished(&state.history, &config.epoch(config.n_epochs - 1, Some(config.patience), seed)) {
            let epoch = config.epoch(state.history.len() as u64, None, seed);
            state = fit(&task, Some(&measure), state, &epoch, &device, progress)?;
        }
        let best = best_epoch(&state.history);
        (state.history, best)
    };
    let task = SimpleXTask::new(positives.clone(), n_items, config, seed)?;
    let mut state = config.start(positives.n_rows(), n_items, seed, &device);
    for epoch in 0..n_epochs {
        state = fit(&task, None, state, &config.epoch(epoch, None, seed), &device, progress)?;
    }
    let TrainState { model, history, .. } = state;
    let users: Vec<u32> = (0..positives.n_rows() as u32).collect();
    let scorer = model.scorer(&users, &bags(positives.rows())?)?;
    Ok(FittedSimpleX { model, scorer, n_epochs, search, fit: history })
}

impl SimpleXTraining {
    /// One epoch, `epoch` counted from 0: the learning rate falls with each.
    fn epoch(&self, epoch: u64, patience: Option<u64>, seed: u64) -> FitConfig {
        let learning_rate = self.learning_rate * (1.0 - epoch as f64 / self.n_epochs as f64);
        FitConfig { n_epochs: epoch + 1, learning_rate, patience, seed, ..FitConfig::default() }
    }

    fn start(&self, n_users: usize, n_items: usize, seed: u64, device: &Device) -> TrainState<SimpleX> {
        let model = SimpleXConfig::new(n_users, n_items)
            .with_d_embedding(self.d_embedding)
            .with_own_weight(self.own_weight)
            .with_initializer(TableInitializer::Normal { std: 0.1 })
            .with_seed(seed)
            .init(device);
        let optimizers = Optimizers {
            sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
            dense: AdamConfig::new().init(),
        };
        TrainState { model, optimizers, history: Vec::new() }
    }
}

/// Recall@20 and NDCG@20 of held-out items.
fn measure(model: &SimpleX, held_out: &HeldOutItems) -> Result<HeldOut> {
    let HeldOutItems { kept, users, .. } = held_out;
    let histories = bags(users.iter().map(|&user| kept.row(user)))?;
    let rows: Vec<u32> = (0..users.len() as u32).collect();
    held_out.measure(&model.scorer(users, &histories)?, &rows)
}

fn bags<'a>(rows: impl Iterator<Item = &'a [u32]>) -> Result<JaggedIds> {
    let rows: Vec<&[u32]> = rows.collect();
    JaggedIds::from_bags(&rows)
        .map_err(|error| Error::Config { key: "positives", message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_data::random::{Random, Stream};
    use burn_recsys_models::ItemScorer;

    const N_USERS: u32 = 40;
    const N_ITEMS: u32 = 30;

    /// Even users like even items, odd users odd ones; the last user likes nothing.
    fn positives() -> Csr {
        let random = Random::new(1, Stream::Synthetic, 0);
        let of_user = |user: u32| {
            let mut draws = random.row(u64::from(user));
            let n = if user + 1 == N_USERS { 0 } else { 8 };
            (0..n).map(|_| draws.below(N_ITEMS / 2) * 2 + user % 2).collect::<Vec<u32>>()
        };
        Csr::from_rows((0..N_USERS).map(of_user)).sorted_unique()
    }

    fn config() -> SimpleXTraining {
        SimpleXTraining {
            d_embedding: 8,
            n_negatives: 20,
            batch_size: 32,
            positives_per_user: 4,
            n_epochs: 12,
            ..SimpleXTraining::default()
        }
    }

    fn fitted(config: &SimpleXTraining, positives: &Csr, n_items: u32) -> Result<FittedSimpleX> {
        fit_simplex(config, positives, n_items as usize, 5, &Device::default(), &mut ())
    }

    #[test]
    fn it_finds_the_items_of_a_users_kind() {
        let positives = positives();
        let searched = fitted(&config(), &positives, N_ITEMS).unwrap();
        assert_eq!(searched.fit.len() as u64, searched.n_epochs);
        assert!(searched.search.len() as u64 >= searched.n_epochs);
        let config = SimpleXTraining { held_out: 0.0, learning_rate: 0.02, n_epochs: 25, ..config() };
        let fitted = fitted(&config, &positives, N_ITEMS).unwrap();
        assert_eq!((fitted.search.len(), fitted.fit.len()), (0, 25));
        let mut scores = vec![0.0; N_ITEMS as usize];
        for user in 0..N_USERS - 1 {
            fitted.scorer.score(&[user], &mut scores);
            let mean = |kind: u32| {
                let unseen =
                    (0..N_ITEMS).filter(|item| item % 2 == kind && !positives.row(user).contains(item));
                let (sum, n) = unseen.fold((0.0, 0), |(sum, n), item| (sum + scores[item as usize], n + 1));
                sum / n as f32
            };
            assert!(mean(user % 2) > mean(1 - user % 2) + 0.3, "user {user}: {scores:?}");
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let positives = positives();
        let config = SimpleXTraining { n_epochs: 3, ..config() };
        let scores = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                let mut scores = vec![0.0; N_ITEMS as usize];
                fitted(&config, &positives, N_ITEMS).unwrap().scorer.score(&[3], &mut scores);
                scores
            })
        };
        let expected = scores(1);
        assert!([2, 4].into_iter().all(|n_threads| scores(n_threads) == expected));
    }

    #[test]
    fn small_and_odd_data_have_a_result() {
        let config = SimpleXTraining { n_epochs: 2, ..config() };
        // A catalogue of one item; a user who likes everything; nothing to hold out.
        let one = fitted(&config, &Csr::from_rows([vec![0], vec![]]), 1).unwrap();
        assert_eq!((one.n_epochs, one.search.len()), (2, 0));
        let all = fitted(&config, &Csr::from_rows([vec![0, 1, 2], vec![1]]), 3).unwrap();
        let mut scores = vec![f32::NAN; 3];
        all.scorer.score(&[0], &mut scores);
        assert!(scores.iter().all(|score| score.is_finite()));
        let error = fitted(&config, &Csr::from_rows([Vec::<u32>::new()]), 3).unwrap_err();
        assert!(error.to_string().contains("no interaction"), "{error}");
    }

    #[test]
    fn configurations_are_checked() {
        let message = |change: fn(&mut SimpleXTraining)| {
            let mut config = config();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(message(|c| c.own_weight = f64::NAN).contains("own_weight: NaN; must be in 0 to 1"));
        assert!(message(|c| c.n_negatives = 0).contains("n_negatives: 0; must be 1 to"));
        assert!(message(|c| c.held_out = 1.0).contains("held_out: 1; must be at least 0 and below 1"));
        assert!(
            message(|c| c.loss = RetrievalLoss::Softmax { temperature: 0.0 })
                .contains("loss: temperature is 0")
        );
        assert!(message(|c| c.learning_rate = -1.0).contains("learning_rate: -1"));
        let text = toml::to_string(&config()).unwrap();
        assert_eq!(toml::from_str::<SimpleXTraining>(&text).unwrap(), config());
        assert!(toml::from_str::<SimpleXTraining>("own_wieght = 0.5").is_err());
    }
}
