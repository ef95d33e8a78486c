//! SimpleX in a protocol.

use burn::tensor::Device;
use burn_recsys_embeddings::JaggedIds;
use burn_recsys_models::{ItemScorer, RetrievalLoss, SimpleX};
use serde::Serialize;

use super::contender::Recipe;
use super::watching::Watching;
use super::{Epochs, TrainPart};
use crate::{Progress, Result, SimpleXTraining, fit_simplex};

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
        if matches!(epochs, Epochs::Configured) {
            return Ok(Box::new(fit(&mut ())?.scorer));
        }
        let bags: Vec<&[u32]> = positives.rows().collect();
        let histories = JaggedIds::from_bags(&bags).map_err(|error| burn_recsys_data::Error::Parameter {
            parameter: "positives",
            message: error.to_string(),
        })?;
        let users: Vec<u32> = (0..positives.n_rows() as u32).collect();
        let scorer_of = |model: &SimpleX| Ok(model.scorer(&users, &histories)?);
        let mut watching = Watching::new(epochs, self.training.n_epochs, scorer_of);
        let fitted = fit(&mut watching);
        watching.scorer(fitted.map(|fitted| fitted.scorer))
    }
}
