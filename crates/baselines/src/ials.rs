//! Implicit alternating least squares.

mod axes;
mod gram;
mod kernels;
mod model;
mod objective;
mod solver;

use std::ops::ControlFlow;

use burn_recsys_data::Csr;
use burn_recsys_data::random::{Random, Stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::model::ImplicitAls;
use self::solver::{Problems, Weights};
use crate::normal::normal_pair;
use crate::positives::{check, users_of_items};
use crate::{Error, Result};

/// Matrix factorisation that fits 1 to what users have met and, with a small weight, 0 to everything
/// (Hu, Koren and Volinsky 2008, "Collaborative filtering for implicit feedback datasets"; parameters
/// as by Rendle, Krichene, Zhang and Koren 2021, "Revisiting the performance of iALS on item
/// recommendation benchmarks").
///
/// It minimises
///
/// ```text
/// sum over positives (w.h - 1)^2  +  a0 * sum over all users and items (w.h)^2
///   +  sum over users l2_u |w|^2  +  sum over items l2_i |h|^2
/// l2_u = l2 * (items of the user + a0 * n_items)^nu,  l2_i = l2 * (users of the item + a0 * n_users)^nu
/// ```
///
/// for users `w` and items `h`, with `a0 = unobserved_weight` and `nu = l2_exponent`. An epoch solves for
/// all items and then for all users; each is a least-squares problem of its own, so all cores work.
///
/// ```
/// use burn_recsys_baselines::{ImplicitAlsConfig, ItemScorer};
/// use burn_recsys_data::Csr;
///
/// let positives = Csr::from_rows([&[0u32, 1][..], &[0, 1], &[2, 3], &[2]]);
/// let model = ImplicitAlsConfig { d_embedding: 4, l2: 0.01, ..Default::default() }.fit(&positives, 4)?;
/// let mut scores = [0.0; 4];
/// model.score(&[3], &mut scores);
/// assert!(scores[3] > scores[0]);
/// # Ok::<(), burn_recsys_baselines::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImplicitAlsConfig {
    /// The size of the vectors; 64. More is better until it overfits. An epoch takes time proportional to
    /// `d * block_size * interactions + (d^2 + d * block_size^2) * (users + items)`.
    pub d_embedding: usize,
    /// Passes over all items and users; 16.
    pub n_epochs: usize,
    /// Regularisation; 0.005. Above 0. Its scale depends on `l2_exponent`.
    pub l2: f64,
    /// How much more the vectors of frequent users and items are regularised: the power `nu` of their
    /// frequency; 1. With 0 all are regularised by `l2`, as other libraries do. At least 0.
    pub l2_exponent: f64,
    /// The weight `a0` of a user and an item that have not met, against 1; 0.1. Above 0. The larger, the
    /// more popular items are preferred. Libraries with a confidence `c` of positives have
    /// `a0 = 1 / (c - 1)`.
    pub unobserved_weight: f64,
    /// Standard deviation of the first values times the root of `d_embedding`; 0.1. Above 0.
    pub initial_std: f64,
    /// How many columns of a vector are solved for at once, the others held (Rendle, Krichene, Zhang and
    /// Koren 2021, "iALS++: Speeding up matrix factorization with subspace optimization"); 64. At least
    /// `d_embedding`: all, which is the exact minimum. Fewer make an epoch faster and less exact: 16 to 64
    /// pay with vectors larger than 64.
    pub block_size: usize,
    /// Seed of the first values; 0.
    pub seed: u64,
}

impl Default for ImplicitAlsConfig {
    fn default() -> Self {
        ImplicitAlsConfig {
            d_embedding: 64,
            n_epochs: 16,
            l2: 0.005,
            l2_exponent: 1.0,
            unobserved_weight: 0.1,
            initial_std: 0.1,
            block_size: 64,
            seed: 0,
        }
    }
}

impl ImplicitAlsConfig {
    /// Learns vectors from the items of every user.
    ///
    /// The bits of the result do not depend on the number of threads.
    ///
    /// # Shapes
    /// - `positives`: `[n_users]`, ascending item indices without repetition
    ///
    /// # Errors
    /// If a parameter cannot be used, an item is not below `n_items`, there is no interaction, or
    /// regularisation is so weak that the solution is not finite.
    pub fn fit(&self, positives: &Csr, n_items: usize) -> Result<ImplicitAls> {
        self.alternate(positives, n_items, |_, _| Ok(ControlFlow::Continue(())))?.model()
    }

    /// As [`fit`](Self::fit), and shows the model to `watch` after each epoch, which is counted from 1;
    /// `watch` may end the training.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_with(
        &self,
        positives: &Csr,
        n_items: usize,
        mut watch: impl FnMut(usize, &ImplicitAls) -> ControlFlow<()>,
    ) -> Result<ImplicitAls> {
        self.alternate(positives, n_items, |epoch, fitted| Ok(watch(epoch, &fitted.clone().model()?)))?
            .model()
    }

    /// What training minimises, of any vectors: to compare with other solvers.
    ///
    /// # Shapes
    /// - `users`: `[n_users, d_embedding]`, row-major
    /// - `items`: `[n_items, d_embedding]`, row-major
    ///
    /// # Errors
    /// If a parameter cannot be used, or there are not as many vectors as users and items.
    pub fn objective_of(&self, users: &[f32], items: &[f32], positives: &Csr) -> Result<f64> {
        self.check()?;
        objective::objective(users, items, positives, self.d_embedding, self.weights())
    }

    fn alternate(
        &self,
        positives: &Csr,
        n_items: usize,
        mut watch: impl FnMut(usize, &Fitted) -> Result<ControlFlow<()>>,
    ) -> Result<Fitted> {
        self.check()?;
        check(positives, n_items)?;
        let users_of_items = users_of_items(positives, n_items);
        let d = self.d_embedding;
        let mut users = self.first_vectors(0, positives.n_rows());
        let mut items = self.first_vectors(1, n_items);
        let mut epoch = 1;
        loop {
            Problems::new(&mut users, d, self.block_size, self.weights()).solve_all(
                &mut items,
                &users_of_items,
                &users,
            );
            let problems = Problems::new(&mut items, d, self.block_size, self.weights());
            problems.solve_all(&mut users, positives, &items);
            if !users.par_iter().chain(&items).all(|value| value.is_finite()) {
                return Err(Error::Diverged { epoch });
            }
            let fitted = Fitted { users, items, problems };
            if watch(epoch, &fitted)?.is_break() || epoch == self.n_epochs {
                return Ok(fitted);
            }
            Fitted { users, items, .. } = fitted;
            epoch += 1;
        }
    }

    /// `[n, d_embedding]`, normally distributed.
    fn first_vectors(&self, side: u64, n: usize) -> Vec<f32> {
        let random = Random::new(self.seed, Stream::Weights, side);
        let std = self.initial_std / (self.d_embedding as f64).sqrt();
        let mut vectors = vec![0.0; n * self.d_embedding];
        vectors.par_chunks_mut(self.d_embedding).enumerate().for_each(|(row, vector)| {
            let mut draws = random.row(row as u64);
            vector.iter_mut().for_each(|value| *value = (std * normal_pair(&mut draws)[0]) as f32);
        });
        vectors
    }

    /// Configurations among which to choose by held-out rows, the default first: dense data with popular
    /// items want large weights, sparse data small ones.
    pub fn candidates() -> Vec<Self> {
        let weights = [(0.005, 0.1), (0.005, 0.3), (0.01, 0.1), (0.005, 0.02), (0.01, 0.01)];
        let candidate = |(l2, unobserved_weight)| Self { l2, unobserved_weight, ..Self::default() };
        weights.map(candidate).to_vec()
    }

    fn weights(&self) -> Weights {
        let &ImplicitAlsConfig { l2, l2_exponent, unobserved_weight: unobserved, .. } = self;
        Weights { unobserved, l2, l2_exponent }
    }

    fn check(&self) -> Result<()> {
        let refuse = |parameter, message: &str| Err(Error::Parameter { parameter, message: message.into() });
        let is_positive = |value: f64| value.is_finite() && value > 0.0;
        if !(1..=MOST_DIMENSIONS).contains(&self.d_embedding) {
            return refuse("d_embedding", "must be 1 to 4096");
        }
        if self.n_epochs == 0 {
            return refuse("n_epochs", "must be at least 1");
        }
        if self.block_size == 0 {
            return refuse("block_size", "must be at least 1");
        }
        if !is_positive(self.l2) {
            return refuse("l2", "must be above 0: without it the vectors of rare items are undetermined");
        }
        if !(self.l2_exponent.is_finite() && self.l2_exponent >= 0.0) {
            return refuse("l2_exponent", "must be a number that is at least 0");
        }
        if !is_positive(self.unobserved_weight) {
            return refuse("unobserved_weight", "must be above 0: without it all items may have score 1");
        }
        if !is_positive(self.initial_std) {
            return refuse("initial_std", "must be above 0: from zeros nothing is learned");
        }
        Ok(())
    }
}

/// A matrix of that width takes 64 MiB a thread.
const MOST_DIMENSIONS: usize = 4096;

/// The vectors after an epoch.
#[derive(Debug, Clone)]
struct Fitted {
    users: Vec<f32>,
    items: Vec<f32>,
    problems: Problems,
}

impl Fitted {
    fn model(self) -> Result<ImplicitAls> {
        ImplicitAls::new(self.users, self.items, self.problems)
    }
}

#[cfg(test)]
mod tests;
