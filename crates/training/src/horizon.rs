//! Retrieval as of a moment: towers that are trained in the way that they are asked.
//!
//! A recommender that stands at a moment, the horizon, and looks ahead knows nothing of what comes after:
//! which items are rising, what a user has met and how long ago are all as of the horizon. A
//! [`HorizonTask`] puts the model into that place again and again: it draws a horizon within the training
//! part, describes all items and users as of it ([`HorizonFeatures`]), and asks which of the items that a
//! user had not met by then the user came to like after. All items are candidates, positives and negatives
//! described as of the same moment.

mod config;
mod features;
mod model;
mod task;

pub use config::HorizonConfig;
pub use features::HorizonFeatures;
pub use model::{HorizonModel, TowerVectors, fit_horizons};
pub use task::{HorizonBatch, HorizonTask};
