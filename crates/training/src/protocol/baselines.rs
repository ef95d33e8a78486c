//! Baselines in a protocol.

use std::ops::ControlFlow;

use burn_recsys_baselines::{
    BprMfConfig, EaseConfig, ImplicitAlsConfig, ItemKnnConfig, LogisticMfConfig, SlimConfig,
};
use burn_recsys_models::ItemScorer;

use super::contender::Recipe;
use super::{Epochs, TrainPart};
use crate::Result;

/// A baseline without epochs.
macro_rules! at_once {
    ($($config:ty),+) => {$(
        impl Recipe for $config {
            fn fit(&self, train: TrainPart<'_>, _: u64, _: Epochs<'_>) -> Result<Box<dyn ItemScorer>> {
                Ok(Box::new(<$config>::fit(self, train.positives, train.n_items)?))
            }
        }
    )+};
}

/// A baseline with epochs, whose configuration has `n_epochs` and `seed`.
macro_rules! in_epochs {
    ($($config:ty),+) => {$(
        impl Recipe for $config {
            fn max_epochs(&self) -> Option<u64> {
                Some(self.n_epochs as u64)
            }

            fn fit(
                &self,
                train: TrainPart<'_>,
                seed: u64,
                epochs: Epochs<'_>,
            ) -> Result<Box<dyn ItemScorer>> {
                let config = Self { seed, ..self.clone() };
                let TrainPart { positives, n_items } = train;
                Ok(Box::new(match epochs {
                    Epochs::Configured => config.fit(positives, n_items)?,
                    // Stopped, not shortened: the learning rate falls as it did when the number was chosen.
                    Epochs::Exactly(n) => config.fit_with(positives, n_items, |epoch, _| match epoch as u64 {
                        epoch if epoch >= n => ControlFlow::Break(()),
                        _ => ControlFlow::Continue(()),
                    })?,
                    Epochs::Watched(watch) => config.fit_with(
                        positives,
                        n_items,
                        |epoch, model| -> ControlFlow<()> { watch(epoch as u64, model) },
                    )?,
                }))
            }
        }
    )+};
}

at_once!(ItemKnnConfig, EaseConfig, SlimConfig);
in_epochs!(ImplicitAlsConfig, LogisticMfConfig, BprMfConfig);
