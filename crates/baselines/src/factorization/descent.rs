//! The loop over epochs.

use std::ops::ControlFlow;

use super::kernels::Rate;
use super::strata::{Block, Observations, Strata, Tally};
use crate::{Error, Result};

/// A mean loss beyond so many times that of knowing nothing is divergence, even where weights are finite.
const LARGEST_LOSS: f64 = 100.0;

/// Is given the number of an epoch, from 1, and the model after it.
pub(super) type AfterEpoch<'f, M> = &'f mut dyn FnMut(usize, &M) -> ControlFlow<()>;

/// What all factorisations by stochastic gradient descent have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descent {
    pub(super) d_embedding: usize,
    pub(super) learning_rate: f32,
    pub(super) final_learning_rate: f32,
    pub(super) l2: f32,
    pub(super) n_epochs: usize,
    pub(super) initial_deviation: f32,
    /// The mean loss of knowing nothing.
    pub(super) naive_loss: f64,
}

impl Descent {
    /// Refuses parameters that cannot be used.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |parameter, value: f32, range| {
            Err(Error::Parameter { parameter, message: format!("{value}; it must be {range}") })
        };
        if !(1..=1 << 16).contains(&self.d_embedding) {
            let message = format!("{}; it must be from 1 to 65536", self.d_embedding);
            return Err(Error::Parameter { parameter: "d_embedding", message });
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse("learning_rate", self.learning_rate, "above 0 and finite");
        }
        if !(0.0..=1.0).contains(&self.final_learning_rate) {
            return refuse("final_learning_rate", self.final_learning_rate, "a fraction from 0 to 1");
        }
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            return refuse("l2", self.l2, "at least 0 and finite");
        }
        if !(self.initial_deviation > 0.0 && self.initial_deviation.is_finite()) {
            return refuse("initial_deviation", self.initial_deviation, "above 0 and finite");
        }
        Ok(())
    }

    /// The learning rate of `epoch`, from 0.
    fn rate(&self, epoch: usize) -> Rate {
        let done = epoch as f32 / self.n_epochs.saturating_sub(1).max(1) as f32;
        Rate::new(self.learning_rate * (1.0 - done * (1.0 - self.final_learning_rate)), self.l2)
    }

    /// Runs all epochs; `export` makes a model of the weights, unless one is not finite.
    pub(super) fn run<O: Observations, M>(
        &self,
        mut strata: Strata<O::Value>,
        observations: &O,
        work: impl Fn(Block<'_, '_, O::Value>, Rate) -> Tally + Sync,
        export: impl Fn(&Strata<O::Value>, Fitted) -> Option<M>,
        mut after_epoch: Option<AfterEpoch<'_, M>>,
    ) -> Result<M> {
        let mut fitted = Fitted::default();
        for epoch in 0..self.n_epochs {
            let diverged = Error::Diverged { epoch: epoch + 1 };
            let rate = self.rate(epoch);
            strata.divide(epoch as u64, observations);
            let tally = strata.visit(epoch as u64, |block| work(block, rate));
            fitted.loss = tally.loss / tally.n_samples.max(1) as f64;
            fitted.n_skipped += tally.n_skipped;
            if fitted.loss.is_nan() || fitted.loss > LARGEST_LOSS * self.naive_loss {
                return Err(diverged);
            }
            if let Some(after_epoch) = &mut after_epoch {
                let model = export(&strata, fitted).ok_or(diverged)?;
                if after_epoch(epoch + 1, &model).is_break() {
                    return Ok(model);
                }
            }
        }
        export(&strata, fitted).ok_or(Error::Diverged { epoch: self.n_epochs })
    }
}

/// What a model says of its training.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fitted {
    /// The mean of the last epoch.
    pub(super) loss: f64,
    /// In all epochs.
    pub(super) n_skipped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(n_epochs: usize, final_learning_rate: f32) -> Vec<Rate> {
        let descent = Descent {
            d_embedding: 1,
            learning_rate: 0.5,
            final_learning_rate,
            l2: 0.25,
            n_epochs,
            initial_deviation: 0.1,
            naive_loss: 1.0,
        };
        (0..n_epochs).map(|epoch| descent.rate(epoch)).collect()
    }

    #[test]
    fn the_learning_rate_falls_linearly_to_its_last_value() {
        for (n_epochs, fraction) in [(2, 0.02), (5, 0.1), (20, 0.0), (20, 1.0)] {
            let rates = rates(n_epochs, fraction);
            let step = 0.5 * (1.0 - fraction) / (n_epochs - 1) as f32;
            assert_eq!(rates[0].learning_rate, 0.5);
            assert!((rates[n_epochs - 1].learning_rate - 0.5 * fraction).abs() < 1e-6);
            for pair in rates.windows(2) {
                assert!((pair[0].learning_rate - pair[1].learning_rate - step).abs() < 1e-6);
            }
            assert!(rates.iter().all(|rate| rate.decay == 1.0 - rate.learning_rate * 0.25));
        }
        assert_eq!(rates(1, 0.1)[0].learning_rate, 0.5);
    }
}
