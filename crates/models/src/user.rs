//! Ways to know a user.

mod cohort;
mod deep_hash;
mod id_lookup;
mod mixture;

pub use cohort::Cohort;
pub use deep_hash::{DeepHash, DeepHashConfig};
pub use id_lookup::IdLookup;
pub use mixture::{Experts, Mixture};
