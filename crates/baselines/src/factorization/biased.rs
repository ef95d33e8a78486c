//! Matrix factorisation of explicit ratings.

use std::ops::ControlFlow;

use burn_recsys_data::Csr;
use serde::{Deserialize, Serialize};

use super::descent::{AfterEpoch, Descent, Fitted};
use super::kernels::{Rate, dot, step_pair, stride};
use super::strata::{Block, Observations, Shape, Strata, Tally};
use crate::{Error, ItemScorer, Result, VectorScorer};

/// Matrix factorisation of ratings with biases (Koren, Bell and Volinsky 2009, "Matrix factorization
/// techniques for recommender systems").
///
/// A rating is the mean of all, plus a bias of the user, a bias of the item and the inner product of their
/// vectors. The loss is half the squared error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BiasedMfConfig {
    /// The size of each vector. Time and memory grow with it. Default 64.
    pub d_embedding: usize,
    /// How far a step goes; it falls linearly to [`final_learning_rate`](Self::final_learning_rate).
    /// Default 0.01.
    pub learning_rate: f32,
    /// The learning rate of the last epoch as a fraction of the first. Default 0.1.
    pub final_learning_rate: f32,
    /// Every step shrinks the weights that it reads by this times the learning rate. Default 0.1.
    pub l2: f32,
    /// How often every rating is visited. Time is proportional to it. Default 100.
    pub n_epochs: usize,
    /// Whether predictions are kept between the lowest and the highest rating that was learnt from.
    /// Default true; scores of items are never clamped.
    pub clamps_predictions: bool,
    /// The standard deviation of the first vectors. Default 0.1.
    pub initial_deviation: f32,
    /// Of all random numbers. Default 0.
    pub seed: u64,
}

impl Default for BiasedMfConfig {
    fn default() -> Self {
        BiasedMfConfig {
            d_embedding: 64,
            learning_rate: 0.01,
            final_learning_rate: 0.1,
            l2: 0.1,
            n_epochs: 100,
            clamps_predictions: true,
            initial_deviation: 0.1,
            seed: 0,
        }
    }
}

/// Vectors of users and items fitted by [`BiasedMfConfig`].
#[derive(Debug, Clone)]
pub struct BiasedMf {
    /// `[n_users, width]`: the vector, 1 and the bias.
    users: Vec<f32>,
    /// `[n_items, width]`: the vector, the bias and 1.
    items: Vec<f32>,
    width: usize,
    range: (f32, f32),
    fitted: Fitted,
}

/// A user, an item and the rating.
type Rating = (u32, u32, f32);

impl BiasedMfConfig {
    /// Fits the model to ratings: user, item and value.
    ///
    /// Users and items without ratings have zeros for vector and bias. A pair that is rated twice is learnt
    /// from twice.
    ///
    /// # Errors
    /// If a parameter cannot be used, a user or item does not exist, a rating is not finite, there is no
    /// rating, or training diverges.
    pub fn fit(&self, ratings: &[(u32, u32, f32)], n_users: usize, n_items: usize) -> Result<BiasedMf> {
        self.run(ratings, (n_users, n_items), None)
    }

    /// As [`fit`](Self::fit); after every epoch `after_epoch` is given its number, from 1, and the model
    /// as it is, and may end the training.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_with(
        &self,
        ratings: &[(u32, u32, f32)],
        n_users: usize,
        n_items: usize,
        mut after_epoch: impl FnMut(usize, &BiasedMf) -> ControlFlow<()>,
    ) -> Result<BiasedMf> {
        self.run(ratings, (n_users, n_items), Some(&mut after_epoch))
    }

    fn run(
        &self,
        ratings: &[Rating],
        (n_users, n_items): (usize, usize),
        after_epoch: Option<AfterEpoch<'_, BiasedMf>>,
    ) -> Result<BiasedMf> {
        check_ratings(ratings, n_users, n_items)?;
        let n = ratings.len() as f64;
        let mean = ratings.iter().map(|rating| f64::from(rating.2)).sum::<f64>() / n;
        let variance = ratings.iter().map(|rating| (f64::from(rating.2) - mean).powi(2)).sum::<f64>() / n;
        let descent = Descent {
            d_embedding: self.d_embedding,
            learning_rate: self.learning_rate,
            final_learning_rate: self.final_learning_rate,
            l2: self.l2,
            n_epochs: self.n_epochs,
            initial_deviation: self.initial_deviation,
            // Ratings may be all alike, and first vectors are not 0.
            naive_loss: 0.5 * variance + 1.0,
        };
        descent.check()?;
        let d = self.d_embedding;
        let users: Vec<u32> = ratings.iter().map(|rating| rating.0).collect();
        let by_user = ByUser { rows: Csr::group(n_users, &users, 0..ratings.len() as u32), ratings };
        let mut strata =
            Strata::new(Shape { n_users, n_items, d }, self.initial_deviation, self.seed, &by_user);
        let mut is_rated = vec![false; n_items];
        ratings.iter().for_each(|rating| is_rated[rating.1 as usize] = true);
        strata.items.clear(|item| !is_rated[item as usize]);
        let mean = mean as f32;
        let range = match self.clamps_predictions {
            true => ratings.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), rating| {
                (low.min(rating.2), high.max(rating.2))
            }),
            false => (f32::NEG_INFINITY, f32::INFINITY),
        };
        let export = |strata: &Strata<f32>, fitted| {
            let users = strata.users.export(d, |bias| [1.0, bias + mean])?;
            let items = strata.items.export(d, |bias| [bias, 1.0])?;
            Some(BiasedMf { users, items, width: d + 2, range, fitted })
        };
        let work = |block: Block<'_, '_, f32>, rate| self.visit(block, mean, rate);
        descent.run(strata, &by_user, work, export, after_epoch)
    }

    fn visit(&self, block: Block<'_, '_, f32>, mean: f32, rate: Rate) -> Tally {
        let Block { users, items, rows, .. } = block;
        let stride = stride(self.d_embedding);
        let mut squares = 0.0;
        // With the widest registers that the processor has.
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for row in rows {
                    let user = &mut users.vectors[row.user as usize * stride..][..stride];
                    let item = &mut items.vectors[row.item as usize * stride..][..stride];
                    let user_bias = &mut users.biases[row.user as usize];
                    let item_bias = &mut items.biases[row.item as usize];
                    let error = dot(user, item) + (*user_bias + *item_bias + mean) - row.value;
                    step_pair(user, item, error, rate);
                    *user_bias = rate.step(*user_bias, error);
                    *item_bias = rate.step(*item_bias, error);
                    squares += f64::from(error).powi(2);
                }
            },
        );
        Tally { loss: 0.5 * squares, n_samples: rows.len() as u64, ..Tally::default() }
    }
}

impl BiasedMf {
    /// The rating that a user is expected to give an item.
    ///
    /// # Panics
    /// If the user or the item is not known to the model.
    pub fn predict(&self, user: u32, item: u32) -> f32 {
        let rating = dot(self.row(&self.users, user), self.row(&self.items, item));
        rating.clamp(self.range.0, self.range.1)
    }

    /// The vectors; the biases are two more dimensions, so that inner products are ratings.
    ///
    /// # Errors
    /// None that a fitted model is known to give.
    pub fn into_scorer(self) -> Result<VectorScorer> {
        VectorScorer::of_vectors(self.width, self.users, self.items)
    }

    fn row<'v>(&self, vectors: &'v [f32], index: u32) -> &'v [f32] {
        let start = index as usize * self.width;
        &vectors[start..start + self.width]
    }

    /// Half the mean squared error of the last epoch, of every rating just before its step.
    pub fn loss(&self) -> f64 {
        self.fitted.loss
    }
}

impl ItemScorer for BiasedMf {
    fn n_items(&self) -> usize {
        self.items.len() / self.width
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        let n_items = self.n_items();
        assert_eq!(scores.len(), users.len() * n_items, "scores must be [users, n_items]");
        for (&user, row) in users.iter().zip(scores.chunks_exact_mut(n_items)) {
            let user = self.row(&self.users, user);
            for (item, score) in self.items.chunks_exact(self.width).zip(row) {
                *score = dot(user, item);
            }
        }
    }
}

fn check_ratings(ratings: &[Rating], n_users: usize, n_items: usize) -> Result<()> {
    let refuse = |message| Err(Error::Parameter { parameter: "ratings", message });
    if ratings.is_empty() {
        return Err(Error::Empty);
    }
    if u32::try_from(n_users.max(n_items).max(ratings.len())).is_err() {
        return refuse(format!("there can be at most {} users, items and ratings", u32::MAX));
    }
    for (row, &(user, item, rating)) in ratings.iter().enumerate() {
        if user as usize >= n_users {
            return refuse(format!("row {row} has user {user}, but there are {n_users} users"));
        }
        if item as usize >= n_items {
            return refuse(format!("row {row} has item {item}, but there are {n_items} items"));
        }
        if !rating.is_finite() {
            return refuse(format!("row {row} has rating {rating}, which is not finite; leave the row out"));
        }
    }
    Ok(())
}

/// Ratings and which of them are a user's.
#[derive(Debug)]
struct ByUser<'r> {
    rows: Csr,
    ratings: &'r [Rating],
}

impl Observations for ByUser<'_> {
    type Value = f32;

    fn of_user(&self, user: u32) -> impl Iterator<Item = (u32, f32)> {
        self.rows.row(user).iter().map(|&row| {
            let (_, item, rating) = self.ratings[row as usize];
            (item, rating)
        })
    }
}
