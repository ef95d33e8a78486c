//! Vectors of items from sequences or edges.

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_data::Sequences;
use burn_recsys_data::windows::WindowConfig;
use burn_recsys_embeddings::{LazyAdam, SparseOptimizer, Tape};
use burn_recsys_models::PairEncoder;
use serde::{Deserialize, Serialize};

use crate::{
    EpochRecord, Error, FitConfig, Measure, Optimizers, PairTask, Progress, Result, Schedule, TrainState, fit,
};

/// How a [`PairEncoder`] is trained by [`fit_pairs`], as users write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairTraining {
    /// Which items of a sequence are context of each other. Edges are sequences of two items: any window
    /// holds both. Default: 5 items on both sides, dynamic.
    pub windows: WindowConfig,
    /// Pairs with noise for each pair of the data; they are the weight of the noise in the loss. Default: 5.
    pub n_negatives: f64,
    /// The noise of a batch, shared by its pairs. More of it is a steadier gradient; time grows with it.
    /// Default: 128.
    pub n_noise: usize,
    /// Noise is drawn in proportion to this power of the counts of items: 1 by popularity, 0 uniformly.
    /// Default: 0.75.
    pub noise_power: f64,
    /// Items whose share of all occurrences is above this are left out at times; 0 for never. Default: 0.
    pub subsampling: f64,
    /// About how many pairs a step learns from. Default: 8192.
    pub batch_size: usize,
    /// The learning rate of Adam, at first. Default: 0.01.
    pub learning_rate: f64,
    /// How it goes on. Default: cosine annealing with warm restarts in every epoch.
    pub schedule: Schedule,
    /// In every step the touched rows shrink by this share, times the learning rate. Default: 0.
    pub weight_decay: f64,
    /// Epochs over the sequences. Default: 5.
    pub n_epochs: u64,
}

impl Default for PairTraining {
    fn default() -> Self {
        PairTraining {
            windows: WindowConfig::default(),
            n_negatives: 5.0,
            n_noise: 128,
            noise_power: 0.75,
            subsampling: 0.0,
            batch_size: 8192,
            learning_rate: 0.01,
            schedule: Schedule::CosineRestarts,
            weight_decay: 0.0,
            n_epochs: 5,
        }
    }
}

/// A trained model of pairs and how it came to be.
#[derive(Debug)]
pub struct FittedPairs<M> {
    /// The model after the last epoch.
    pub model: M,
    /// Whether each item was in the sequences that were counted, `[n_items]`.
    pub is_trained: Vec<bool>,
    /// The epochs.
    pub history: Vec<EpochRecord>,
}

impl PairTraining {
    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible one, with its key.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        self.windows.validate()?;
        for (key, size) in [("n_noise", self.n_noise), ("batch_size", self.batch_size)] {
            if !(1..=1 << 24).contains(&size) {
                return refuse(key, format!("{size}; must be 1 to {}", 1 << 24));
            }
        }
        for (key, value) in [("n_negatives", self.n_negatives), ("learning_rate", self.learning_rate)] {
            if !(value > 0.0 && value.is_finite()) {
                return refuse(key, format!("{value}; must be a positive number"));
            }
        }
        let least_zero = [
            ("noise_power", self.noise_power),
            ("subsampling", self.subsampling),
            ("weight_decay", self.weight_decay),
        ];
        for (key, value) in least_zero {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(key, format!("{value}; must be a finite number, at least 0"));
            }
        }
        match self.n_epochs {
            0 => refuse("n_epochs", "0; must be at least 1".into()),
            _ => Ok(()),
        }
    }
}

/// Trains `model`, made on a device with autodiff, on the pairs of `sequences`.
///
/// `held_out` measures the model after every epoch.
///
/// # Errors
/// If the configuration is not valid, the sequences hold no item, the loss becomes NaN or infinite, or
/// `held_out` or `progress` fails or asks to stop.
pub fn fit_pairs<M: PairEncoder>(
    config: &PairTraining,
    model: M,
    sequences: &dyn Sequences,
    seed: u64,
    device: &Device,
    held_out: Option<&Measure<'_, M>>,
    progress: &mut dyn Progress<M>,
) -> Result<FittedPairs<M>> {
    let counts = sequences.counts(1);
    let task = PairTask::new(sequences, &counts, config, seed)?;
    let rule: Box<dyn burn_recsys_embeddings::RowUpdate> = Box::new(LazyAdam::default());
    let optimizers = Optimizers {
        sparse: SparseOptimizer::new(rule).with_weight_decay(config.weight_decay),
        dense: AdamConfig::new().init(),
    };
    let state = TrainState { model, optimizers, history: Vec::new() };
    let fit_config = FitConfig {
        n_epochs: config.n_epochs,
        learning_rate: config.learning_rate,
        schedule: config.schedule,
        patience: None,
        seed,
    };
    let TrainState { model, history, .. } = fit(&task, held_out, state, &fit_config, device, progress)?;
    Ok(FittedPairs { model, is_trained: counts.iter().map(|&count| count > 0).collect(), history })
}

/// Pairs whose logits are computed at once.
const BLOCK: usize = 1 << 16;

/// The logits of pairs of items, the mean of both directions; `None` where an item was never trained.
///
/// # Shapes
/// - `is_trained`: `[n_items]`
/// - output: one logit a pair
///
/// # Panics
/// If an item is not below the number of items.
pub fn pair_logits<M: PairEncoder>(model: &M, is_trained: &[bool], pairs: &[(u32, u32)]) -> Vec<Option<f32>> {
    let mut logits = Vec::with_capacity(pairs.len());
    for pairs in pairs.chunks(BLOCK) {
        let (left, right): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
        let logit = |centers: &[u32], contexts: &[u32]| {
            let centers = model.embed_centers(centers, &mut Tape::off());
            (centers * model.embed_contexts(contexts, &mut Tape::off())).sum_dim(1)
        };
        let both = (logit(&left, &right) + logit(&right, &left)) * 0.5;
        #[expect(clippy::expect_used, reason = "tables are of f32")]
        let both: Vec<f32> = both.into_data().try_to_vec().expect("logits of f32");
        let is_known = |&(a, b): &(u32, u32)| is_trained[a as usize] && is_trained[b as usize];
        logits.extend(pairs.iter().zip(both).map(|(pair, logit)| is_known(pair).then_some(logit)));
    }
    logits
}
