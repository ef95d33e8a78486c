//! Recommender models on Burn.
//!
//! Two things are said of every model: how it is trained, which is its own business, and how it
//! scores all items for a user, which is [`ItemScorer`] and the same for all. Evaluation, serving
//! and comparison know only the latter.

mod loss;
mod popular;
mod scorer;
pub mod torch;
mod two_tower;

pub use loss::binary_cross_entropy;
pub use popular::{Popular, RecentPopular};
pub use scorer::ItemScorer;
pub use two_tower::{TwoTower, TwoTowerConfig};
