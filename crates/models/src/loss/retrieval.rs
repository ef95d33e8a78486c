//! What retrieval models learn by.

use burn::tensor::activation::{log_sigmoid, relu};
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::CandidateLogits;

/// A loss of positives beside their negatives.
///
/// All of them see `logit - log Q` where the logits were [corrected](CandidateLogits::log_q_corrected), and
/// none sees a masked negative. A row without unmasked negatives has a defined loss: what is written below
/// with no pair in it.
///
/// In a configuration file: `{ kind = "softmax", temperature = 0.1 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RetrievalLoss {
    /// Binary cross-entropy: the mean of `-ln sigmoid(positive)` and `-ln(1 - sigmoid(negative))` over all
    /// logits that are not masked.
    Pointwise,
    /// Bayesian personalised ranking (Rendle et al. 2009): the mean of
    /// `-ln sigmoid(positive - negative)` over the pairs; 0 without a pair.
    Bpr,
    /// Weighted approximate-rank pairwise loss (Weston et al. 2011, "WSABIE: Scaling up to large vocabulary
    /// image annotation").
    ///
    /// The negatives of a row are trials in the order of their columns. The first one above
    /// `positive - margin`, at trial t, gives `L(rank) * (margin - positive + negative)`, where the rank is
    /// estimated as `floor(n / t)`, at least 1, and `L(rank) = 1 + 1/2 + ... + 1/rank`. The loss is the mean
    /// over the rows; a row without such a negative has 0.
    Warp {
        /// How far the positive has to be above a negative, in the unit of the logits.
        margin: f64,
        /// The n above: the number of items that trials are drawn from, without the positive. The columns of
        /// the negatives if not given, which weighs early violators more strongly against late ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n_items: Option<u32>,
    },
    /// Cross-entropy of the positive among the candidates, `-ln softmax(logit / temperature - log Q)`; the
    /// mean over the rows, 0 for a row without negatives. It is the in-batch softmax, the sampled softmax or
    /// the full one, as the candidates are.
    Softmax {
        /// What logits are divided by. 1 for dot products, 0.05 to 0.2 for cosines.
        temperature: f64,
    },
    /// Cosine contrastive loss (Mao et al. 2021, "SimpleX: A simple and strong baseline for collaborative
    /// filtering", equation 4): `max(0, 1 - positive) + negative_weight * mean of max(0, negative - margin)`,
    /// the mean over the rows. Logits are cosines.
    CosineContrastive {
        /// Negatives below it are left alone. In 0..1.
        margin: f64,
        /// The weight of all negatives of a row together against its positive.
        negative_weight: f64,
    },
}

/// A parameter that a loss cannot have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{parameter} is {value}; it has to be {expected}")]
pub struct LossError {
    /// Which one.
    pub parameter: &'static str,
    /// Its value.
    pub value: f64,
    /// What it can be.
    pub expected: &'static str,
}

impl RetrievalLoss {
    /// Checks the parameters, as for a configuration that was read.
    ///
    /// # Errors
    /// If a parameter is NaN, infinite or out of its range.
    pub fn validate(&self) -> Result<(), LossError> {
        let check = |is_right: bool, parameter, value: f64, expected| match is_right && value.is_finite() {
            true => Ok(()),
            false => Err(LossError { parameter, value, expected }),
        };
        match *self {
            RetrievalLoss::Pointwise | RetrievalLoss::Bpr => Ok(()),
            RetrievalLoss::Warp { margin, n_items } => {
                check(margin >= 0.0, "margin", margin, "at least 0 and finite")?;
                check(n_items != Some(0), "n_items", 0.0, "at least 1")
            }
            RetrievalLoss::Softmax { temperature } => {
                check(temperature > 0.0, "temperature", temperature, "above 0 and finite")
            }
            RetrievalLoss::CosineContrastive { margin, negative_weight } => {
                check((-1.0..=1.0).contains(&margin), "margin", margin, "a cosine, -1 to 1")?;
                check(negative_weight >= 0.0, "negative_weight", negative_weight, "at least 0 and finite")
            }
        }
    }

    /// The loss of a batch.
    ///
    /// # Shapes
    /// - output: `[1]`
    ///
    /// # Panics
    /// If a parameter is not [valid](Self::validate); the message has it.
    pub fn forward(&self, logits: &CandidateLogits) -> Tensor<1> {
        let refused = self.validate().err();
        assert!(refused.is_none(), "{}", refused.map(|error| error.to_string()).unwrap_or_default());
        let [batch, _] = logits.dims();
        match *self {
            RetrievalLoss::Pointwise => pointwise(logits),
            RetrievalLoss::Bpr => bpr(logits),
            RetrievalLoss::Warp { margin, n_items } => warp(logits, margin, n_items) / batch as f64,
            RetrievalLoss::Softmax { temperature } => softmax(logits, temperature),
            RetrievalLoss::CosineContrastive { margin, negative_weight } => {
                cosine_contrastive(logits, margin, negative_weight)
            }
        }
    }
}

fn pointwise(logits: &CandidateLogits) -> Tensor<1> {
    let [batch, n] = logits.dims();
    let (positives, negatives) = logits.corrected(1.0);
    let of_positives = log_sigmoid(positives).sum();
    if n == 0 {
        return of_positives / -(batch as f64);
    }
    // 1 - sigmoid(x) = sigmoid(-x)
    let of_negatives = logits.with_masked(log_sigmoid(negatives.neg()), 0.0).sum();
    (of_positives + of_negatives).neg() / (n_unmasked(logits).sum() + batch as f64)
}

fn bpr(logits: &CandidateLogits) -> Tensor<1> {
    let [_, n] = logits.dims();
    let (positives, negatives) = logits.corrected(1.0);
    if n == 0 {
        return positives.sum() * 0.0;
    }
    let of_pairs = logits.with_masked(log_sigmoid(positives - negatives), 0.0);
    of_pairs.sum().neg() / n_unmasked(logits).sum().clamp_min(1.0)
}

fn warp(logits: &CandidateLogits, margin: f64, n_items: Option<u32>) -> Tensor<1> {
    let [batch, n] = logits.dims();
    let (positives, negatives) = logits.corrected(1.0);
    if n == 0 {
        return positives.sum() * 0.0;
    }
    let hinges = relu(negatives - positives + margin);
    let hinges = logits.with_masked(hinges, 0.0);
    let violates = hinges.clone().detach().greater_elem(0.0);
    let is_first = violates.clone().int().cumsum(1).equal_elem(1).bool_and(violates);
    // Trial t of a row is its t-th negative that is not masked.
    let trials = match logits.mask() {
        Some(masked) => masked.clone().bool_not().int().cumsum(1),
        None => {
            Tensor::<1, Int>::arange(1..n as i64 + 1, &logits.device()).reshape([1, n]).expand([batch, n])
        }
    };
    let weights = Tensor::<1>::from_data(TensorData::from(&rank_weights(n, n_items)[..]), &logits.device());
    let weights = weights.select(0, trials.reshape([batch * n])).reshape([batch, n]);
    (hinges * weights * is_first.float()).sum()
}

/// `L(floor(n_items / t))` for trials t of 0 to `n_trials`; no trial is number 0.
fn rank_weights(n_trials: usize, n_items: Option<u32>) -> Vec<f32> {
    let n_items = n_items.map_or(n_trials, |n_items| n_items as usize);
    (0..=n_trials).map(|trial| harmonic((n_items / trial.max(1)).max(1)) as f32).collect()
}

/// `1 + 1/2 + ... + 1/n`
fn harmonic(n: usize) -> f64 {
    const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;
    match n {
        0..100 => (1..=n).map(|rank| 1.0 / rank as f64).sum(),
        // The rest of the asymptotic series is below 1e-10.
        _ => (n as f64).ln() + EULER_MASCHERONI + 0.5 / n as f64 - 1.0 / (12.0 * (n as f64).powi(2)),
    }
}

fn softmax(logits: &CandidateLogits, temperature: f64) -> Tensor<1> {
    let [_, n] = logits.dims();
    let (positives, negatives) = logits.corrected(1.0 / temperature);
    if n == 0 {
        return positives.sum() * 0.0;
    }
    let negatives = logits.with_masked(negatives, f32::NEG_INFINITY);
    // The largest logit is taken out, so that no exponential overflows; that has no gradient.
    let largest = negatives.clone().detach().max_dim(1).max_pair(positives.clone().detach());
    let sum = (positives.clone() - largest.clone()).exp() + (negatives - largest.clone()).exp().sum_dim(1);
    (sum.log() + largest - positives).mean()
}

fn cosine_contrastive(logits: &CandidateLogits, margin: f64, negative_weight: f64) -> Tensor<1> {
    let [_, n] = logits.dims();
    let (positives, negatives) = logits.corrected(1.0);
    let of_positives = relu(positives.neg() + 1.0);
    if n == 0 {
        return of_positives.mean();
    }
    let of_negatives = logits.with_masked(relu(negatives - margin), 0.0).sum_dim(1);
    let of_negatives = of_negatives * negative_weight / n_unmasked(logits).clamp_min(1.0);
    (of_positives + of_negatives).mean()
}

/// The number of negatives that count; `[batch, 1]`.
fn n_unmasked(logits: &CandidateLogits) -> Tensor<2> {
    let [batch, n] = logits.dims();
    let all = Tensor::<2>::full([batch, 1], n as f32, &logits.device());
    match logits.mask() {
        Some(masked) => all - masked.clone().float().sum_dim(1),
        None => all,
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod unbiased;
