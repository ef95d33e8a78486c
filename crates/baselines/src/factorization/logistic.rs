//! Matrix factorisation that tells interactions from random items.

use std::ops::ControlFlow;

use burn_recsys_data::Csr;
use serde::{Deserialize, Serialize};

use super::descent::{AfterEpoch, Descent, Fitted};
use super::kernels::{LogisticLoss, Rate, dot, step_group, stride};
use super::negatives::BlockNegatives;
use super::strata::{Block, Shape, Strata, Tally};
use crate::positives::check;
use crate::{Error, ItemScorer, Result, VectorScorer};

/// Matrix factorisation that tells interactions from random items by a logistic loss (Rendle, Krichene,
/// Zhang and Anderson 2020, "Neural collaborative filtering vs. matrix factorization revisited").
///
/// The score of a user for an item is the inner product of their vectors plus a bias of the user, of the
/// item and of all. An epoch visits every interaction once; a step goes down the gradient of its loss and
/// that of some random items, the negatives, together. The paper takes single steps, 256 epochs and a
/// learning rate of 0.002; long steps that shrink get as far in 20 epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticMfConfig {
    /// The size of each vector. Time and memory grow with it. Default 64.
    pub d_embedding: usize,
    /// Random items beside every interaction. Time is proportional to one more than it. Default 8.
    pub n_negatives: usize,
    /// How far a step goes; it falls linearly to [`final_learning_rate`](Self::final_learning_rate).
    /// Default 0.06.
    pub learning_rate: f32,
    /// The learning rate of the last epoch as a fraction of the first; 1 means that it stays. Default 0.02.
    pub final_learning_rate: f32,
    /// Every step shrinks the weights that it reads by this times the learning rate. Default 0.005.
    pub l2: f32,
    /// How often every interaction is visited. Time is proportional to it. Default 20.
    pub n_epochs: usize,
    /// Whether items that the user has met are never negatives. Default false, as published.
    pub excludes_positives: bool,
    /// The standard deviation of the first vectors. Default 0.1.
    pub initial_deviation: f32,
    /// Of all random numbers. Default 0.
    pub seed: u64,
}

impl Default for LogisticMfConfig {
    fn default() -> Self {
        LogisticMfConfig {
            d_embedding: 64,
            n_negatives: 8,
            learning_rate: 0.06,
            final_learning_rate: 0.02,
            l2: 0.005,
            n_epochs: 20,
            excludes_positives: false,
            initial_deviation: 0.1,
            seed: 0,
        }
    }
}

/// Vectors of users and items fitted by [`LogisticMfConfig`].
#[derive(Debug, Clone)]
pub struct LogisticMf {
    scorer: VectorScorer,
    fitted: Fitted,
}

impl LogisticMfConfig {
    /// This configuration and variations of it, to choose from by held-out rows: longer vectors for much data
    /// about each item, more negatives, less regularisation and longer steps for large sparse data, more
    /// regularisation for small data.
    pub fn candidates(&self) -> Vec<Self> {
        let d = self.d_embedding;
        [(d, 0.06, 0.005, 8), (3 * d, 0.05, 0.005, 8), (d, 0.06, 0.01, 8), (d, 0.3, 0.002, 16)]
            .map(|(d_embedding, learning_rate, l2, n_negatives)| LogisticMfConfig {
                d_embedding,
                learning_rate,
                l2,
                n_negatives,
                ..self.clone()
            })
            .into()
    }

    /// Fits the model.
    ///
    /// A user without items has a vector of zeros: their scores are the items' biases. A row is skipped in
    /// an epoch in which its user has met all items of its block, and counted by
    /// [`LogisticMf::n_skipped`]; in a catalogue of one item that is every row.
    ///
    /// # Shapes
    /// - `positives`: row `u` holds the items of user `u`, ascending and unique
    ///
    /// # Errors
    /// If a parameter cannot be used, items are not below `n_items` or not ascending and unique, there is
    /// no interaction, or training diverges.
    pub fn fit(&self, positives: &Csr, n_items: usize) -> Result<LogisticMf> {
        self.run(positives, n_items, None)
    }

    /// As [`fit`](Self::fit); after every epoch `after_epoch` is given its number, from 1, and the model
    /// as it is, and may end the training.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_with(
        &self,
        positives: &Csr,
        n_items: usize,
        mut after_epoch: impl FnMut(usize, &LogisticMf) -> ControlFlow<()>,
    ) -> Result<LogisticMf> {
        self.run(positives, n_items, Some(&mut after_epoch))
    }

    fn run(
        &self,
        positives: &Csr,
        n_items: usize,
        after_epoch: Option<AfterEpoch<'_, LogisticMf>>,
    ) -> Result<LogisticMf> {
        let descent = Descent {
            d_embedding: self.d_embedding,
            learning_rate: self.learning_rate,
            final_learning_rate: self.final_learning_rate,
            l2: self.l2,
            n_epochs: self.n_epochs,
            initial_deviation: self.initial_deviation,
            naive_loss: std::f64::consts::LN_2,
        };
        descent.check()?;
        if !(1..=1 << 16).contains(&self.n_negatives) {
            let message = format!("{}; it must be from 1 to 65536", self.n_negatives);
            return Err(Error::Parameter { parameter: "n_negatives", message });
        }
        check(positives, n_items)?;
        let d = self.d_embedding;
        let shape = Shape { n_users: positives.n_rows(), n_items, d };
        let strata = Strata::new(shape, self.initial_deviation, self.seed, positives);
        let excluded = self.excludes_positives.then_some(positives);
        let export = |strata: &Strata<()>, fitted| {
            let global = strata.bias;
            let users = strata.users.export(d, |bias| [1.0, bias + global])?;
            let items = strata.items.export(d, |bias| [bias, 1.0])?;
            Some(LogisticMf { scorer: VectorScorer::of_vectors(d + 2, users, items).ok()?, fitted })
        };
        let work = |block: Block<'_, '_, ()>, rate| self.visit(block, excluded, rate);
        descent.run(strata, positives, work, export, after_epoch)
    }

    fn visit(&self, block: Block<'_, '_, ()>, excluded: Option<&Csr>, rate: Rate) -> Tally {
        let Block { users, items, rows, mut draws, mut bias } = block;
        let negatives = BlockNegatives::new(rows, excluded);
        let stride = stride(self.d_embedding);
        let mut loss = LogisticLoss::new();
        let mut n_skipped = 0;
        // The row's own item, then its negatives.
        let mut which = Vec::with_capacity(1 + self.n_negatives);
        let mut gradients = Vec::with_capacity(1 + self.n_negatives);
        // With the widest registers that the processor has.
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for row in rows {
                    which.clear();
                    which.push(row.item);
                    which.extend(
                        (0..self.n_negatives)
                            .map_while(|_| negatives.draw(row, users.order, items.order, &mut draws)),
                    );
                    if which.len() == 1 {
                        n_skipped += 1;
                        continue;
                    }
                    let user = &mut users.vectors[row.user as usize * stride..][..stride];
                    let user_bias = &mut users.biases[row.user as usize];
                    gradients.clear();
                    gradients.extend(which.iter().map(|&item| {
                        let vector = &items.vectors[item as usize * stride..][..stride];
                        dot(user, vector) + (items.biases[item as usize] + *user_bias + bias)
                    }));
                    for (at, score) in gradients.iter_mut().enumerate() {
                        *score = if at == 0 { loss.add(*score) } else { -loss.add(-*score) };
                    }
                    step_group(user, items.vectors, &which, &gradients, rate);
                    for (&item, &gradient) in which.iter().zip(&gradients) {
                        let item_bias = &mut items.biases[item as usize];
                        *item_bias = rate.step(*item_bias, gradient);
                        *user_bias = rate.step(*user_bias, gradient);
                        bias = rate.step(bias, gradient);
                    }
                }
            },
        );
        let n_samples = (rows.len() as u64 - n_skipped) * (1 + self.n_negatives as u64);
        Tally { loss: loss.total(), n_samples, n_skipped, bias: f64::from(bias) * n_samples as f64 }
    }
}

impl LogisticMf {
    /// The vectors; the biases are two more dimensions, so that inner products are logits.
    pub fn scorer(&self) -> &VectorScorer {
        &self.scorer
    }

    /// The mean loss of the samples of the last epoch, without the regularisation.
    pub fn loss(&self) -> f64 {
        self.fitted.loss
    }

    /// How often a row was skipped in all epochs, its user having met all items of its block.
    pub fn n_skipped(&self) -> u64 {
        self.fitted.n_skipped
    }
}

impl ItemScorer for LogisticMf {
    fn n_items(&self) -> usize {
        self.scorer.n_items()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        self.scorer.score(users, scores);
    }
}
