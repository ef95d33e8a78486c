//! Models of the training loop whose number of epochs a protocol chooses.

use std::ops::ControlFlow;

use burn_recsys_baselines::VectorScorer;
use burn_recsys_models::ItemScorer;

use super::Epochs;
use super::contender::Watch;
use crate::{Error, Progress, Result, TrainState};

/// Shows the model after every epoch, and stops after the last one.
///
/// Training is stopped, not shortened: the learning rate falls as it did when the number was chosen.
pub(super) struct Watching<'a, 'w, F> {
    watch: Option<&'a mut Watch<'w>>,
    last: u64,
    scorer_of: F,
    /// The model of the epoch after which it was enough.
    stopped: Option<Box<dyn ItemScorer>>,
}

impl<'a, F> Watching<'a, 'a, F> {
    /// Watches at most `n_epochs`; `scorer_of` makes vectors of a model.
    pub(super) fn new(epochs: Epochs<'a>, n_epochs: u64, scorer_of: F) -> Self {
        let (watch, last) = match epochs {
            Epochs::Configured => (None, n_epochs),
            Epochs::Exactly(n) => (None, n),
            Epochs::Watched(watch) => (Some(watch), n_epochs),
        };
        Watching { watch, last, scorer_of, stopped: None }
    }

    /// What was trained: `fitted`, or the model that it was stopped with.
    pub(super) fn scorer(self, fitted: Result<VectorScorer>) -> Result<Box<dyn ItemScorer>> {
        match fitted {
            Ok(scorer) => Ok(Box::new(scorer)),
            Err(error) => self.stopped.ok_or(error),
        }
    }
}

impl<M, F: Fn(&M) -> Result<VectorScorer>> Progress<M> for Watching<'_, '_, F> {
    fn epoch(&mut self, state: &TrainState<M>) -> Result<()> {
        let epoch = state.history.len() as u64;
        if self.watch.is_none() && epoch < self.last {
            return Ok(());
        }
        let scorer = (self.scorer_of)(&state.model)?;
        let is_enough =
            self.watch.as_mut().is_some_and(|watch| watch(epoch, &scorer) == ControlFlow::Break(()));
        if is_enough || epoch >= self.last {
            self.stopped = Some(Box::new(scorer));
            return Err(Error::Stopped { epoch });
        }
        Ok(())
    }
}
