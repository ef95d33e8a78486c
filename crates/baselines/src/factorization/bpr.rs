//! Bayesian personalised ranking.

use std::ops::ControlFlow;

use burn_recsys_data::Csr;
use serde::{Deserialize, Serialize};

use super::descent::{AfterEpoch, Descent, Fitted};
use super::kernels::{LogisticLoss, Rate, dot, dot_difference, step_triple, stride};
use super::negatives::{BlockNegatives, highest_scored};
use super::strata::{Block, Shape, Strata, Tally};
use crate::positives::check;
use crate::{Error, ItemScorer, Result, VectorScorer};

/// Matrix factorisation that ranks a user's items above others (Rendle et al. 2009, "BPR: Bayesian
/// personalized ranking from implicit feedback").
///
/// The loss of a user, one of their items `i` and another item `j` is `-ln sigmoid(x_ui - x_uj)`, where
/// `x` is the inner product of vectors plus the item's bias. An epoch visits every interaction once.
///
/// The paper draws `j` uniformly. Soon most items rank below those of the user, and a step on them changes
/// nothing; the highest scored of [`n_candidates`](Self::n_candidates) random items teaches more (Zhang,
/// Chen, Wang and Yu 2013, "Optimizing top-N collaborative filtering via dynamic negative item sampling").
/// So the default is not plain BPR. For that, take one candidate, and with it a learning rate of 0.4, an `l2`
/// of 0.015 and 50 epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BprMfConfig {
    /// The size of each vector. Time and memory grow with it. Default 64.
    pub d_embedding: usize,
    /// How far a step goes; it falls linearly to [`final_learning_rate`](Self::final_learning_rate).
    /// Default 0.2.
    pub learning_rate: f32,
    /// The learning rate of the last epoch as a fraction of the first; 1 means that it stays. Default 0.02.
    pub final_learning_rate: f32,
    /// Every step shrinks the weights that it reads by this times the learning rate. To be chosen
    /// on held-out rows; harder negatives want more of it. Default 0.06.
    pub l2: f32,
    /// How often every interaction is visited. Time is proportional to it. Default 20.
    pub n_epochs: usize,
    /// The negative of an interaction is the item of the highest score among so many random ones; 1 is BPR
    /// as published. Beyond 1, each costs an inner product. More suit a large catalogue; in a small one
    /// they are too often items that the user would like. Default 8.
    pub n_candidates: usize,
    /// Whether items have a bias, which learns popularity; without it the vectors do. Default false.
    pub has_item_bias: bool,
    /// Whether items that the user has met are never negatives. Default true.
    pub excludes_positives: bool,
    /// The standard deviation of the first vectors. Default 0.1.
    pub initial_deviation: f32,
    /// Of all random numbers. Default 0.
    pub seed: u64,
}

impl Default for BprMfConfig {
    fn default() -> Self {
        BprMfConfig {
            d_embedding: 64,
            learning_rate: 0.2,
            final_learning_rate: 0.02,
            l2: 0.06,
            n_epochs: 20,
            n_candidates: 8,
            has_item_bias: false,
            excludes_positives: true,
            initial_deviation: 0.1,
            seed: 0,
        }
    }
}

/// Vectors of users and items fitted by [`BprMfConfig`].
#[derive(Debug, Clone)]
pub struct BprMf {
    scorer: VectorScorer,
    fitted: Fitted,
}

impl BprMfConfig {
    /// This configuration and variations of it, to choose from by held-out rows: harder negatives and more
    /// epochs for large sparse data, less regularisation for much data. The last one takes thirty times as
    /// long as the first.
    pub fn candidates(&self) -> Vec<Self> {
        let n_epochs = self.n_epochs;
        [(8, 0.06, n_epochs), (8, 0.03, n_epochs), (32, 0.03, n_epochs), (64, 0.05, 5 * n_epochs)]
            .map(|(n_candidates, l2, n_epochs)| BprMfConfig { n_candidates, l2, n_epochs, ..self.clone() })
            .into()
    }

    /// Fits the model.
    ///
    /// A user without items has a vector of zeros: their scores are the biases of the items. A row is skipped
    /// in an epoch in which its user has met all items of its block, and counted by [`BprMf::n_skipped`]; in
    /// a catalogue of one item that is every row.
    ///
    /// # Shapes
    /// - `positives`: row `u` holds the items of user `u`, ascending and unique
    ///
    /// # Errors
    /// If a parameter cannot be used, items are not below `n_items` or not ascending and unique, there is
    /// no interaction, or training diverges.
    pub fn fit(&self, positives: &Csr, n_items: usize) -> Result<BprMf> {
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
        mut after_epoch: impl FnMut(usize, &BprMf) -> ControlFlow<()>,
    ) -> Result<BprMf> {
        self.run(positives, n_items, Some(&mut after_epoch))
    }

    fn run(
        &self,
        positives: &Csr,
        n_items: usize,
        after_epoch: Option<AfterEpoch<'_, BprMf>>,
    ) -> Result<BprMf> {
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
        if !(1..=1 << 16).contains(&self.n_candidates) {
            let message = format!("{}; it must be from 1 to 65536", self.n_candidates);
            return Err(Error::Parameter { parameter: "n_candidates", message });
        }
        check(positives, n_items)?;
        let d = self.d_embedding;
        let shape = Shape { n_users: positives.n_rows(), n_items, d };
        let strata = Strata::new(shape, self.initial_deviation, self.seed, positives);
        let excluded = self.excludes_positives.then_some(positives);
        let export = |strata: &Strata<()>, fitted| {
            let users = strata.users.export(d, |_| [1.0])?;
            let items = strata.items.export(d, |bias| [bias])?;
            Some(BprMf { scorer: VectorScorer::of_vectors(d + 1, users, items).ok()?, fitted })
        };
        let work = |block: Block<'_, '_, ()>, rate| self.visit(block, excluded, rate);
        descent.run(strata, positives, work, export, after_epoch)
    }

    fn visit(&self, block: Block<'_, '_, ()>, excluded: Option<&Csr>, rate: Rate) -> Tally {
        let Block { users, items, rows, mut draws, .. } = block;
        let negatives = BlockNegatives::new(rows, excluded);
        let stride = stride(self.d_embedding);
        let mut loss = LogisticLoss::new();
        let mut tally = Tally::default();
        // With the widest registers that the processor has.
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for row in rows {
                    let user = &mut users.vectors[row.user as usize * stride..][..stride];
                    let draw = || negatives.draw(row, users.order, items.order, &mut draws);
                    let score = |item: u32| {
                        let at = item as usize;
                        dot(user, &items.vectors[at * stride..][..stride]) + items.biases[at]
                    };
                    let Some(worse) = highest_scored(self.n_candidates, draw, score) else {
                        tally.n_skipped += 1;
                        continue;
                    };
                    let (i, j) = (row.item as usize, worse as usize);
                    let both = [i * stride..(i + 1) * stride, j * stride..(j + 1) * stride];
                    let Ok([better, worse]) = items.vectors.get_disjoint_mut(both) else {
                        continue;
                    };
                    let mut margin = dot_difference(user, better, worse);
                    if self.has_item_bias {
                        margin += items.biases[i] - items.biases[j];
                    }
                    let gradient = loss.add(margin);
                    step_triple(user, better, worse, gradient, rate);
                    if self.has_item_bias {
                        items.biases[i] = rate.step(items.biases[i], gradient);
                        items.biases[j] = rate.step(items.biases[j], -gradient);
                    }
                    tally.n_samples += 1;
                }
            },
        );
        tally.loss = loss.total();
        tally
    }
}

impl BprMf {
    /// The vectors, the item's bias being one more dimension.
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

impl ItemScorer for BprMf {
    fn n_items(&self) -> usize {
        self.scorer.n_items()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        self.scorer.score(users, scores);
    }
}
