//! What can be chosen.

use std::ops::ControlFlow;

use burn_recsys_data::windows::WindowConfig;
use burn_recsys_data::{Csr, Sequences};
use serde::{Deserialize, Serialize};

use super::lock_free::LockFree;
use super::model::{SkipGram, SkipGramEpoch};
use super::synchronous::Synchronous;
use super::table::Weights;
use super::vocabulary::Vocabulary;
use super::windows::WindowShape;
use crate::{Error, Result};

/// A mean loss beyond so many times that of knowing nothing is divergence, even where weights are finite.
const LARGEST_LOSS: f64 = 100.0;

/// Skip-gram with negative sampling: vectors of items from sequences of items (Mikolov et al. 2013,
/// "Distributed representations of words and phrases and their compositionality"; of random walks on a graph,
/// Perozzi et al. 2014, "DeepWalk").
///
/// An item has an input vector `x` and an output vector `y`. For an item `c` of a sequence, every item `i`
/// nearby and random items `n`, the loss is `-ln sigmoid(x_i . y_c) - sum_n ln sigmoid(-x_i . y_n)`. The random
/// items of a centre are the same for all its contexts (Ji et al. 2016, "Parallelizing word2vec in shared and
/// distributed memory"), which makes a window a small matrix product. Random items are drawn in proportion to a
/// power of how often they occur; one that is the centre is left out.
///
/// Items are counted in the first epoch: those that are only in later ones are not learned, nor are those that
/// are always alone in their sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkipGramConfig {
    /// The size of each vector. Time and memory grow with it. Default 128.
    pub d_embedding: usize,
    /// The farthest context of an item. Every item draws its own reach, uniform in `1..=window`. Time is
    /// about proportional to it. Default 5.
    pub window: usize,
    /// Random items beside every item. Time is proportional to one more than it. Default 5.
    pub n_negatives: usize,
    /// Random items are drawn in proportion to their counts to this power. Default 0.75.
    pub noise_power: f64,
    /// An occurrence of an item that is the share `f` of all occurrences is kept with probability
    /// `sqrt(t / f) + t / f`, where `t` is this; 0 keeps all. Large corpora with a few items everywhere
    /// want 1e-5 to 1e-3. Default 0.
    pub subsampling: f64,
    /// How far a step goes; it falls linearly to [`final_learning_rate`](Self::final_learning_rate) at
    /// the end of the last epoch. Default 0.025.
    pub learning_rate: f32,
    /// The learning rate at the end as a fraction of the first; 1 means that it stays. Default 0.004, which
    /// is a last rate of 0.0001.
    pub final_learning_rate: f32,
    /// How often every sequence is visited. Time is proportional to it. Default 5.
    pub n_epochs: usize,
    /// Items that occur less often in the first epoch are left out of all sequences; 0 is as 1. Default 1.
    pub min_count: u64,
    /// How threads share the work. Default [`SkipGramMode::Reproducible`].
    pub mode: SkipGramMode,
    /// Of all random numbers. Default 0.
    pub seed: u64,
}

/// How threads share the work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SkipGramMode {
    /// The same bits whatever the number of threads.
    ///
    /// The gradients of a block of windows are found by all threads on the vectors before it; then every
    /// thread makes the steps of all windows, in order, in its own range of dimensions. So no more threads
    /// than a sixteenth of the dimensions have work in the second half, and all wait for the last one twice
    /// a block. Blocks have so many windows, by data and configuration alone, that the most frequent item is
    /// in them about once, by the default learning rate: the smaller the catalogue and the higher the rate, the
    /// more waiting; a catalogue of some dozens is left to one thread.
    #[default]
    Reproducible,
    /// Every thread works on the same vectors without waiting (Niu et al. 2011, "Hogwild!: a lock-free
    /// approach to parallelizing stochastic gradient descent"). A step may be lost now and then, and no two
    /// runs are the same, unless by one thread. Rows are copied in and out number by number, which makes one
    /// thread slower than in the other mode; but none ever waits.
    LockFree,
}

impl Default for SkipGramConfig {
    fn default() -> Self {
        SkipGramConfig {
            d_embedding: 128,
            window: 5,
            n_negatives: 5,
            noise_power: 0.75,
            subsampling: 0.0,
            learning_rate: 0.025,
            final_learning_rate: 0.004,
            n_epochs: 5,
            min_count: 1,
            mode: SkipGramMode::Reproducible,
            seed: 0,
        }
    }
}

impl SkipGramConfig {
    /// Fits the model, by the threads of the current rayon pool.
    ///
    /// # Errors
    /// If a parameter cannot be used, no item is frequent enough, or training diverges.
    pub fn fit(&self, sequences: &dyn Sequences) -> Result<SkipGram> {
        self.fit_watched(sequences, None, |_| ControlFlow::Continue(()))
    }

    /// Fits a model that knows features of items, such as brand, category or price bucket: the input vector
    /// of an item is the mean of a vector of its own and those of its features, which all learn from it. An
    /// item that is not in the sequences has the mean of its features. (Grbovic et al. 2016, "Meta-Prod2Vec",
    /// and Wang et al. 2018, "Billion-scale commodity embedding for e-commerce recommendation in Alibaba",
    /// GES: all weights are equal.)
    ///
    /// A feature that occurs more often than the most frequent item makes steps that are as much shorter.
    ///
    /// # Shapes
    /// - `features`: row `i` holds the features of item `i`, `n_items` rows; one that is there twice weighs
    ///   twice. Features of different kinds have different numbers, best without gaps: each number below the
    ///   largest has a vector
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and if there is not a row for every item.
    pub fn fit_with_features(&self, sequences: &dyn Sequences, features: &Csr) -> Result<SkipGram> {
        self.fit_watched(sequences, Some(features), |_| ControlFlow::Continue(()))
    }

    /// As [`fit`](Self::fit) or [`fit_with_features`](Self::fit_with_features); `after_epoch` is told of every
    /// epoch and may end the training.
    ///
    /// # Errors
    /// As theirs.
    pub fn fit_watched(
        &self,
        sequences: &dyn Sequences,
        features: Option<&Csr>,
        mut after_epoch: impl FnMut(&SkipGramEpoch) -> ControlFlow<()>,
    ) -> Result<SkipGram> {
        self.check()?;
        let vocabulary = Vocabulary::new(self, sequences, features)?;
        let weights = Weights::new(vocabulary.n_inputs(), vocabulary.len(), self.d_embedding, self.seed);
        let training = Training { config: self, sequences, vocabulary: &vocabulary };
        let (weights, losses) = match self.mode {
            SkipGramMode::Reproducible => {
                let mut state = Synchronous::new(&weights, self, &vocabulary);
                let losses = self.run(|epoch| state.visit(&training, epoch), &mut after_epoch)?;
                (state.weights(self.d_embedding), losses)
            }
            SkipGramMode::LockFree => {
                let state = LockFree::new(&weights);
                let losses = self.run(|epoch| state.visit(&training, epoch), &mut after_epoch)?;
                (state.weights(self.d_embedding), losses)
            }
        };
        if !weights.are_finite() {
            return Err(Error::Diverged { epoch: losses.len() });
        }
        Ok(SkipGram::new(&weights, vocabulary, losses))
    }

    /// Visits all epochs; gives their mean losses.
    fn run(
        &self,
        mut visit: impl FnMut(usize) -> Tally,
        after_epoch: &mut dyn FnMut(&SkipGramEpoch) -> ControlFlow<()>,
    ) -> Result<Vec<f64>> {
        let mut losses = Vec::new();
        for epoch in 0..self.n_epochs {
            let tally = visit(epoch);
            let loss = tally.loss / tally.n_samples.max(1) as f64;
            if loss.is_nan() || loss > LARGEST_LOSS * std::f64::consts::LN_2 {
                return Err(Error::Diverged { epoch: epoch + 1 });
            }
            losses.push(loss);
            if after_epoch(&SkipGramEpoch { epoch: epoch + 1, loss, n_words: tally.n_words }).is_break() {
                break;
            }
        }
        Ok(losses)
    }

    /// Refuses parameters that cannot be used.
    fn check(&self) -> Result<()> {
        let refuse = |parameter, message| Err(Error::Parameter { parameter, message });
        for (parameter, value, most) in [
            ("d_embedding", self.d_embedding, 1 << 16),
            ("window", self.window, 1 << 16),
            ("n_negatives", self.n_negatives, 1 << 16),
            ("n_epochs", self.n_epochs, 1 << 24),
        ] {
            if !(1..=most).contains(&value) {
                return refuse(parameter, format!("{value}; it must be from 1 to {most}"));
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse("learning_rate", format!("{}; it must be above 0 and finite", self.learning_rate));
        }
        if !(0.0..=1.0).contains(&self.final_learning_rate) {
            let message = format!("{}; it must be a fraction from 0 to 1", self.final_learning_rate);
            return refuse("final_learning_rate", message);
        }
        for (parameter, value) in [("noise_power", self.noise_power), ("subsampling", self.subsampling)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(parameter, format!("{value}; it must be at least 0 and finite"));
            }
        }
        Ok(())
    }
}

/// What both modes work on.
pub(super) struct Training<'t> {
    pub(super) config: &'t SkipGramConfig,
    pub(super) sequences: &'t dyn Sequences,
    pub(super) vocabulary: &'t Vocabulary,
}

impl Training<'_> {
    pub(super) fn shape(&self) -> WindowShape {
        let config = WindowConfig { window: self.config.window, is_dynamic: true };
        WindowShape { config, n_negatives: self.config.n_negatives }
    }

    /// The learning rate at place `at` of the sequences of an epoch, from 0.
    pub(super) fn rate(&self, epoch: usize, at: usize) -> f32 {
        let n_sequences = self.sequences.n_sequences().max(1) as f64;
        let done = (epoch as f64 + at as f64 / n_sequences) / self.config.n_epochs.max(1) as f64;
        let fraction = 1.0 - done * (1.0 - f64::from(self.config.final_learning_rate));
        (f64::from(self.config.learning_rate) * fraction) as f32
    }
}

/// What an epoch, or a part of it, says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    /// The sum over pairs of an input and an output.
    pub(super) loss: f64,
    /// The number of such pairs.
    pub(super) n_samples: u64,
    /// The items of all sequences, as far as they are learned and kept.
    pub(super) n_words: u64,
}

impl std::ops::Add for Tally {
    type Output = Tally;

    fn add(self, other: Tally) -> Tally {
        Tally {
            loss: self.loss + other.loss,
            n_samples: self.n_samples + other.n_samples,
            n_words: self.n_words + other.n_words,
        }
    }
}
