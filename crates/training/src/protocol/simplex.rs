//! SimpleX in a protocol.

use std::ops::ControlFlow;

use burn::tensor::Device;
use burn_recsys_embeddings::JaggedIds;
use burn_recsys_models::{ItemScorer, RetrievalLoss, SimpleX};
use serde::Serialize;

use super::contender::{Recipe, Watch};
use super::{Epochs, TrainPart};
use crate::{Error, Progress, Result, SimpleXTraining, TrainState, fit_simplex};

/// [`SimpleXTraining`] on a device.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SimpleXRecipe {
    #[serde(flatten)]
    training: SimpleXTraining,
    #[serde(skip)]
    device: Device,
}

impl SimpleXRecipe {
    /// What to choose from.
    pub(super) fn candidates(device: &Device) -> Vec<Self> {
        let with = |temperature| SimpleXRecipe {
            // The protocol holds out rows of its own.
            training: SimpleXTraining {
                loss: RetrievalLoss::Softmax { temperature },
                held_out: 0.0,
                ..SimpleXTraining::default()
            },
            device: device.clone(),
        };
        [0.1, 0.2].map(with).into()
    }
}

impl Recipe for SimpleXRecipe {
    fn max_epochs(&self) -> Option<u64> {
        Some(self.training.n_epochs)
    }

    fn fit(&self, train: TrainPart<'_>, seed: u64, epochs: Epochs<'_>) -> Result<Box<dyn ItemScorer>> {
        let TrainPart { positives, n_items } = train;
        let fit = |progress: &mut dyn Progress<SimpleX>| {
            fit_simplex(&self.training, positives, n_items, seed, &self.device, progress)
        };
        let (watch, last) = match epochs {
            Epochs::Configured => return Ok(Box::new(fit(&mut ())?.scorer)),
            // Stopped, not shortened: the learning rate falls as it did when the number was chosen.
            Epochs::Exactly(n) => (None, n),
            Epochs::Watched(watch) => (Some(watch), self.training.n_epochs),
        };
        let bags: Vec<&[u32]> = positives.rows().collect();
        let histories = JaggedIds::from_bags(&bags).map_err(|error| burn_recsys_data::Error::Parameter {
            parameter: "positives",
            message: error.to_string(),
        })?;
        let users = (0..positives.n_rows() as u32).collect();
        let mut watching = Watching { watch, last, users, histories, stopped: None };
        match fit(&mut watching) {
            Ok(fitted) => Ok(Box::new(fitted.scorer)),
            Err(error) => watching.stopped.ok_or(error),
        }
    }
}

/// Shows the model after every epoch, and stops after the last one.
struct Watching<'a, 'w> {
    watch: Option<&'a mut Watch<'w>>,
    last: u64,
    users: Vec<u32>,
    histories: JaggedIds,
    /// The model of the epoch after which it was enough.
    stopped: Option<Box<dyn ItemScorer>>,
}

impl Progress<SimpleX> for Watching<'_, '_> {
    fn epoch(&mut self, state: &TrainState<SimpleX>) -> Result<()> {
        let epoch = state.history.len() as u64;
        if self.watch.is_none() && epoch < self.last {
            return Ok(());
        }
        let scorer = state.model.scorer(&self.users, &self.histories)?;
        let is_enough =
            self.watch.as_mut().is_some_and(|watch| watch(epoch, &scorer) == ControlFlow::Break(()));
        if is_enough || epoch >= self.last {
            self.stopped = Some(Box::new(scorer));
            return Err(Error::Stopped { epoch });
        }
        Ok(())
    }
}
