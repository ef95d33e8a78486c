//! LightGCN in a protocol.

use burn::tensor::Device;
use burn_recsys_models::{ItemScorer, LightGcn};
use serde::Serialize;

use super::contender::Recipe;
use super::watching::Watching;
use super::{Epochs, TrainPart};
use crate::{LightGcnTraining, Progress, Result, fit_lightgcn};

/// [`LightGcnTraining`] on a device.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LightGcnRecipe {
    #[serde(flatten)]
    training: LightGcnTraining,
    #[serde(skip)]
    device: Device,
}

impl LightGcnRecipe {
    /// What to choose from.
    pub(super) fn candidates(device: &Device) -> Vec<Self> {
        // The protocol holds out rows of its own.
        let training = LightGcnTraining { held_out: 0.0, ..LightGcnTraining::default() };
        vec![LightGcnRecipe { training, device: device.clone() }]
    }
}

impl Recipe for LightGcnRecipe {
    fn max_epochs(&self) -> Option<u64> {
        Some(self.training.n_epochs)
    }

    fn fit(&self, train: TrainPart<'_>, seed: u64, epochs: Epochs<'_>) -> Result<Box<dyn ItemScorer>> {
        let TrainPart { positives, n_items } = train;
        let fit = |progress: &mut dyn Progress<LightGcn>| {
            fit_lightgcn(&self.training, positives, n_items, seed, &self.device, progress)
        };
        if matches!(epochs, Epochs::Configured) {
            return Ok(Box::new(fit(&mut ())?.scorer));
        }
        let scorer_of = |model: &LightGcn| Ok(model.scorer()?);
        let mut watching = Watching::new(epochs, self.training.n_epochs, scorer_of);
        let fitted = fit(&mut watching);
        watching.scorer(fitted.map(|fitted| fitted.scorer))
    }
}
