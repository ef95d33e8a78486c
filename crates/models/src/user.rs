//! Ways to know a user.

mod cohort;
mod cross_decoupled;
mod deep_hash;
mod id_lookup;
mod mixture;
mod projected;
mod two_branch;

pub use cohort::Cohort;
pub use cross_decoupled::{CrossDecoupled, CrossDecoupledConfig};
pub use deep_hash::{DeepHash, DeepHashConfig};
pub use id_lookup::IdLookup;
pub use mixture::{Experts, Mixture};
pub use projected::Projected;
pub use two_branch::{Branch, BranchCoupling, TwoBranch, TwoBranchConfig};
