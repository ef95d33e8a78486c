//! The loop over epochs.

use std::ops::ControlFlow;

use super::kernels::Rate;
use super::strata::{Block, Observations, Strata, Tally};
use crate::{Error, Result};

/// A mean loss beyond this is divergence even where all weights are finite: knowing nothing costs ln 2.
const LARGEST_LOSS: f64 = 100.0;

/// What all factorisations by stochastic gradient descent have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descent {
    pub(super) d_embedding: usize,
    pub(super) learning_rate: f32,
    pub(super) final_learning_rate: f32,
    pub(super) l2: f32,
    pub(super) n_epochs: usize,
    pub(super) initial_deviation: f32,
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
        work: impl Fn(Block<'_, '_, O::Value>, Rate, &Tally) -> Tally + Sync,
        export: impl Fn(&Strata<O::Value>, &Tally, u64) -> Option<M>,
        mut after_epoch: Option<&mut dyn FnMut(usize, &M) -> ControlFlow<()>>,
    ) -> Result<M> {
        let mut last = Tally::default();
        let mut n_skipped = 0;
        for epoch in 0..self.n_epochs {
            let diverged = Error::Diverged { epoch: epoch + 1 };
            let rate = self.rate(epoch);
            strata.divide(epoch as u64, observations);
            last = strata.visit(epoch as u64, |block, total| work(block, rate, total));
            n_skipped += last.n_skipped;
            // NaN is not within bounds either.
            if last.n_samples > 0 && !(last.loss / last.n_samples as f64 <= LARGEST_LOSS) {
                return Err(diverged);
            }
            if let Some(after_epoch) = &mut after_epoch {
                let model = export(&strata, &last, n_skipped).ok_or(diverged)?;
                if after_epoch(epoch + 1, &model).is_break() {
                    return Ok(model);
                }
            }
        }
        export(&strata, &last, n_skipped).ok_or(Error::Diverged { epoch: self.n_epochs })
    }
}
