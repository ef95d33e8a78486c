//! A LightGCN from nothing but the items that each user has met.

use std::sync::Arc;

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_baselines::VectorScorer;
use burn_recsys_data::Csr;
use burn_recsys_embeddings::{LazyAdam, SparseOptimizer, TableInitializer};
use burn_recsys_models::{LightGcn, LightGcnConfig, NormalizedAdjacency, RetrievalLoss};
use serde::{Deserialize, Serialize};

use crate::fit::{best_epoch, is_finished};
use crate::held_out_items::HeldOutItems;
use crate::{EpochRecord, Error, FitConfig, LightGcnTask, Optimizers, Progress, Result, TrainState, fit};

/// How a [`LightGcn`] is made and trained by [`fit_lightgcn`], as users write it. Every field has a default
/// that suits data never seen before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightGcnTraining {
    /// The size of user and item vectors. Memory and time grow with it. Default: 64.
    pub d_embedding: usize,
    /// Steps along the edges of the graph; time grows with them. Default: 3.
    pub n_layers: usize,
    /// The standard deviation that the table begins with. Default: 0.03. In the paper 0.1.
    pub initial_std: f64,
    /// Whether the logits that are learned by are cosines, not dot products. Default: yes; in the paper no.
    pub unit_length: bool,
    /// How much the length of an item's vector counts where items are ranked, as of
    /// [`LightGcnConfig::length_exponent`]. Default: 0.4. In the paper 1, the dot product.
    pub length_exponent: f64,
    /// What is learned by. Default: softmax of temperature 0.1. The paper's is `{ kind = "bpr" }`.
    pub loss: RetrievalLoss,
    /// Negatives of a batch, or of a pair. Default: 4096. The paper has 1 of a pair.
    pub n_negatives: usize,
    /// Whether the pairs of a batch share their negatives. Default: yes.
    pub shared_negatives: bool,
    /// Negatives are drawn in proportion to how often items were met, to this power: 0 is uniform, 1 what the other
    /// pairs of a batch would be. Default: 0.5. In the paper 0.
    pub negatives_exponent: f64,
    /// Learn only from so many negatives of a pair, those with the highest logits. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_hardest: Option<usize>,
    /// Half of what the squared lengths of the vectors before propagation, of a pair and its negatives, are
    /// multiplied by. Default: 0. In the paper 0.0001.
    pub l2: f64,
    /// About how many pairs a step learns from. Every step costs a propagation over the whole graph. Default: 4096.
    pub batch_size: usize,
    /// The most positives of a user in a row: they are compared with shared negatives together. Default: 16.
    pub positives_per_user: usize,
    /// The learning rate of Adam in the first epoch; it falls linearly, to 0 after the last one. Default:
    /// 0.003.
    pub learning_rate: f64,
    /// The most epochs; without a held-out part their exact number. Default: 12.
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

impl Default for LightGcnTraining {
    fn default() -> Self {
        LightGcnTraining {
            d_embedding: 64,
            n_layers: 3,
            initial_std: 0.03,
            unit_length: true,
            length_exponent: 0.4,
            loss: RetrievalLoss::Softmax { temperature: 0.1 },
            n_negatives: 4096,
            shared_negatives: true,
            negatives_exponent: 0.5,
            n_hardest: None,
            l2: 0.0,
            batch_size: 4096,
            positives_per_user: 16,
            learning_rate: 0.003,
            n_epochs: 12,
            patience: 3,
            held_out: 0.1,
            n_held_out_users: 2000,
        }
    }
}

/// A trained [`LightGcn`] and how it came to be.
#[derive(Debug)]
pub struct FittedLightGcn {
    /// The model.
    pub model: LightGcn,
    /// It as vectors.
    pub scorer: VectorScorer,
    /// The number of epochs that the model was trained for.
    pub n_epochs: u64,
    /// The epochs of the search for that number; empty without a held-out part.
    pub search: Vec<EpochRecord>,
    /// The epochs that made the model.
    pub fit: Vec<EpochRecord>,
}

impl LightGcnTraining {
    /// The paper's own: dot products, BPR with one negative a pair, L2 of 0.0001, 2,048 pairs a step and a
    /// constant rate of 0.001 as far as one that falls is; it takes about 1,000 epochs.
    pub fn of_the_paper() -> Self {
        LightGcnTraining {
            initial_std: 0.1,
            unit_length: false,
            length_exponent: 1.0,
            loss: RetrievalLoss::Bpr,
            n_negatives: 1,
            shared_negatives: false,
            negatives_exponent: 0.0,
            l2: 1e-4,
            batch_size: 2048,
            positives_per_user: 1,
            learning_rate: 0.001,
            n_epochs: 1000,
            patience: 50,
            ..LightGcnTraining::default()
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible one, with its key.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        let sizes = [
            ("d_embedding", self.d_embedding),
            ("n_negatives", self.n_negatives),
            ("n_hardest", self.n_hardest.unwrap_or(1)),
            ("batch_size", self.batch_size),
            ("positives_per_user", self.positives_per_user),
            ("n_held_out_users", self.n_held_out_users),
        ];
        for (key, size) in sizes {
            if !(1..=1 << 24).contains(&size) {
                return refuse(key, format!("{size}; must be 1 to {}", 1 << 24));
            }
        }
        if self.n_layers > 64 {
            return refuse("n_layers", format!("{}; must be 0 to 64", self.n_layers));
        }
        if !(0.0..1.0).contains(&self.held_out) {
            return refuse("held_out", format!("{}; must be at least 0 and below 1", self.held_out));
        }
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            return refuse("l2", format!("{}; must be at least 0 and finite", self.l2));
        }
        if !(0.0..=1.0).contains(&self.length_exponent) {
            return refuse("length_exponent", format!("{}; must be in 0 to 1", self.length_exponent));
        }
        if !(0.0..=1.0).contains(&self.negatives_exponent) {
            return refuse("negatives_exponent", format!("{}; must be in 0 to 1", self.negatives_exponent));
        }
        if !(self.initial_std > 0.0 && self.initial_std.is_finite()) {
            return refuse("initial_std", format!("{}; must be a positive number", self.initial_std));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse("learning_rate", format!("{}; must be a positive number", self.learning_rate));
        }
        if self.n_epochs == 0 || self.patience == 0 {
            return refuse("n_epochs", "and patience must be at least 1".into());
        }
        self.loss.validate().map_err(|error| Error::Config { key: "loss", message: error.to_string() })
    }

    /// One epoch, `epoch` counted from 0: the learning rate falls with each.
    fn epoch(&self, epoch: u64, patience: Option<u64>, seed: u64) -> FitConfig {
        let learning_rate = self.learning_rate * (1.0 - epoch as f64 / self.n_epochs as f64);
        FitConfig { n_epochs: epoch + 1, learning_rate, patience, seed, ..FitConfig::default() }
    }

    /// A model of the graph of `positives`, untrained.
    fn start(
        &self,
        positives: &Csr,
        n_items: usize,
        seed: u64,
        device: &Device,
    ) -> Result<TrainState<LightGcn>> {
        let graph = graph(positives, n_items)?;
        let model = LightGcnConfig::new()
            .with_d_embedding(self.d_embedding)
            .with_n_layers(self.n_layers)
            .with_unit_length(self.unit_length)
            .with_length_exponent(self.length_exponent)
            .with_initializer(TableInitializer::Normal { std: self.initial_std })
            .with_seed(seed)
            .init(graph, device);
        let optimizers = Optimizers {
            // A step has a gradient for every node: this is Adam.
            sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
            dense: AdamConfig::new().init(),
        };
        Ok(TrainState { model, optimizers, history: Vec::new() })
    }
}

fn graph(positives: &Csr, n_items: usize) -> Result<NormalizedAdjacency> {
    let users: Vec<u32> =
        (0..).zip(positives.rows()).flat_map(|(user, items)| items.iter().map(move |_| user)).collect();
    let items: Vec<u32> = positives.rows().flatten().copied().collect();
    NormalizedAdjacency::new(positives.n_rows(), n_items, &users, &items)
        .map_err(|error| Error::Config { key: "positives", message: error.to_string() })
}

/// Trains a [`LightGcn`] on `positives`, whose row `u` holds the items of user `u`, ascending and unique; they
/// are also the edges of its graph.
///
/// The number of epochs is found on held-out items of the users, by NDCG@20 over the whole catalogue without
/// the items that are trained on; then the model is trained on all items for so long. If nothing can be held
/// out, because no user has enough items, the number of epochs is that of the configuration.
///
/// # Errors
/// If the configuration is not valid, there is no interaction, an item is not below `n_items`, the loss
/// becomes NaN or infinite, or `progress` asks to stop.
pub fn fit_lightgcn(
    config: &LightGcnTraining,
    positives: &Csr,
    n_items: usize,
    seed: u64,
    device: &Device,
    progress: &mut dyn Progress<LightGcn>,
) -> Result<FittedLightGcn> {
    config.validate()?;
    let device = device.clone().autodiff();
    let task = LightGcnTask::new(positives.clone(), n_items, config, seed)?;
    let held_out = HeldOutItems::new(positives, config.held_out, config.n_held_out_users, seed);
    let (search, n_epochs) = if held_out.users.is_empty() {
        (Vec::new(), config.n_epochs)
    } else {
        let measure = |model: &LightGcn| held_out.measure(&model.scorer()?, &held_out.users);
        let task = LightGcnTask::new(Arc::clone(&held_out.kept), n_items, config, seed)?;
        let mut state = config.start(&held_out.kept, n_items, seed, &device)?;
        while !is_finished(&state.history, &config.epoch(config.n_epochs - 1, Some(config.patience), seed)) {
            let epoch = config.epoch(state.history.len() as u64, None, seed);
            state = fit(&task, Some(&measure), state, &epoch, &device, progress)?;
        }
        let best = best_epoch(&state.history);
        (state.history, best)
    };
    let mut state = config.start(positives, n_items, seed, &device)?;
    for epoch in 0..n_epochs {
        state = fit(&task, None, state, &config.epoch(epoch, None, seed), &device, progress)?;
    }
    let TrainState { model, history, .. } = state;
    let scorer = model.scorer()?;
    Ok(FittedLightGcn { model, scorer, n_epochs, search, fit: history })
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_data::random::{Random, Stream};
    use burn_recsys_models::ItemScorer;

    const N_USERS: u32 = 40;
    const N_ITEMS: u32 = 30;

    /// Even users like even items, odd users odd ones; the last user and the last item have met nothing.
    fn positives() -> Csr {
        let random = Random::new(1, Stream::Synthetic, 0);
        let of_user = |user: u32| {
            let mut draws = random.row(u64::from(user));
            let n = if user + 1 == N_USERS { 0 } else { 6 };
            (0..n).map(|_| draws.below(N_ITEMS / 2 - 1) * 2 + user % 2).collect::<Vec<u32>>()
        };
        Csr::from_rows((0..N_USERS).map(of_user)).sorted_unique()
    }

    fn config() -> LightGcnTraining {
        LightGcnTraining {
            d_embedding: 8,
            n_negatives: 20,
            batch_size: 32,
            positives_per_user: 4,
            learning_rate: 0.02,
            n_epochs: 12,
            ..LightGcnTraining::default()
        }
    }

    fn fitted(config: &LightGcnTraining, positives: &Csr, n_items: u32) -> Result<FittedLightGcn> {
        fit_lightgcn(config, positives, n_items as usize, 5, &Device::default(), &mut ())
    }

    #[test]
    fn it_finds_the_items_of_a_users_kind() {
        let positives = positives();
        let searched = fitted(&config(), &positives, N_ITEMS).unwrap();
        assert_eq!(searched.fit.len() as u64, searched.n_epochs);
        assert!(searched.search.len() as u64 >= searched.n_epochs);
        let losses = [
            LightGcnTraining { held_out: 0.0, ..config() },
            // One step an epoch.
            LightGcnTraining { held_out: 0.0, batch_size: 1000, n_epochs: 40, ..config() },
            LightGcnTraining {
                held_out: 0.0,
                learning_rate: 0.02,
                n_epochs: 40,
                batch_size: 32,
                d_embedding: 8,
                ..LightGcnTraining::of_the_paper()
            },
        ];
        for config in losses {
            let fitted = fitted(&config, &positives, N_ITEMS).unwrap();
            assert_eq!((fitted.search.len(), fitted.fit.len() as u64), (0, config.n_epochs));
            let mut scores = vec![0.0; N_ITEMS as usize];
            let mut wins = 0;
            for user in 0..N_USERS - 1 {
                fitted.scorer.score(&[user], &mut scores);
                let mean = |kind: u32| {
                    let of_kind = (0..N_ITEMS - 2).filter(|item| item % 2 == kind);
                    let unseen = of_kind.filter(|item| !positives.row(user).contains(item));
                    let (sum, n) =
                        unseen.fold((0.0, 0), |(sum, n), item| (sum + scores[item as usize], n + 1));
                    sum / n as f32
                };
                wins += u32::from(mean(user % 2) > mean(1 - user % 2));
            }
            assert_eq!(wins, N_USERS - 1, "{config:?}");
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let positives = positives();
        let config = LightGcnTraining { n_epochs: 3, l2: 0.1, ..config() };
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
        let config = LightGcnTraining { n_epochs: 2, ..config() };
        // A catalogue of one item; a user who likes everything; nothing to hold out.
        let one = fitted(&config, &Csr::from_rows([vec![0], vec![]]), 1).unwrap();
        assert_eq!((one.n_epochs, one.search.len()), (2, 0));
        let everything = Csr::from_rows([vec![0, 1, 2], vec![1]]);
        let all = fitted(&config, &everything, 3).unwrap();
        let mut scores = vec![f32::NAN; 3];
        all.scorer.score(&[0], &mut scores);
        assert!(scores.iter().all(|score| score.is_finite()));
        let refused = |config: &LightGcnTraining, positives: &Csr| {
            fitted(config, positives, 3).unwrap_err().to_string()
        };
        let nothing = Csr::from_rows([Vec::<u32>::new()]);
        assert!(refused(&config, &nothing).contains("no interaction"));
        assert!(refused(&config, &Csr::from_rows([vec![0, 3]])).contains("user 0 has met item 3"));
        let of_pairs = LightGcnTraining { shared_negatives: false, negatives_exponent: 0.0, ..config };
        assert!(refused(&of_pairs, &everything).contains("user index 0 has met all 3 items"));
    }

    #[test]
    fn configurations_are_checked() {
        let message = |change: fn(&mut LightGcnTraining)| {
            let mut config = config();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(message(|c| c.n_negatives = 0).contains("n_negatives: 0; must be 1 to"));
        assert!(message(|c| c.n_hardest = Some(0)).contains("n_hardest: 0; must be 1 to"));
        assert!(message(|c| c.n_layers = 65).contains("n_layers: 65; must be 0 to 64"));
        assert!(message(|c| c.initial_std = 0.0).contains("initial_std: 0; must be a positive number"));
        assert!(message(|c| c.length_exponent = 2.0).contains("length_exponent: 2; must be in 0 to 1"));
        assert!(
            message(|c| c.negatives_exponent = -1.0).contains("negatives_exponent: -1; must be in 0 to 1")
        );
        assert!(message(|c| c.l2 = -1.0).contains("l2: -1; must be at least 0"));
        assert!(message(|c| c.held_out = 1.0).contains("held_out: 1; must be at least 0 and below 1"));
        assert!(message(|c| c.learning_rate = f64::NAN).contains("learning_rate: NaN"));
        assert!(message(|c| c.patience = 0).contains("patience must be at least 1"));
        for config in [config(), LightGcnTraining::of_the_paper()] {
            config.validate().unwrap();
            let text = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<LightGcnTraining>(&text).unwrap(), config);
        }
        assert!(toml::from_str::<LightGcnTraining>("n_layer = 2").is_err());
    }
}
