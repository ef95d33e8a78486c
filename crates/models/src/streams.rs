//! Where the first values of each type of layer begin among the streams of a seed, so that parts of a model
//! that were given the same seed do not begin alike.
//!
//! Cohorts and gates of `burn-recsys-embeddings` take the streams below `2 << 40`.

/// The feature layers of an estimator.
pub(crate) const ESTIMATOR: u64 = 2 << 40;
/// The hidden layers of heads, then their gates, then their towers.
pub(crate) const HEADS: [u64; 3] = [3 << 40, 4 << 40, 5 << 40];
/// A deep hash.
pub(crate) const DEEP_HASH: u64 = 6 << 40;
/// The map behind a representation of another size.
pub(crate) const PROJECTED: u64 = 7 << 40;
/// The experts and the gate of a cross-decoupled representation.
pub(crate) const CROSS_DECOUPLED: u64 = 8 << 40;
/// Both branches.
pub(crate) const TWO_BRANCH: u64 = 9 << 40;
/// The layers of a tower.
pub(crate) const TOWER: u64 = 10 << 40;
/// The attention of each history of a tower.
pub(crate) const TOWER_ATTENTION: u64 = 11 << 40;
/// What histories are mapped by.
pub(crate) const SIMPLEX: u64 = 12 << 40;
/// The layers of a graph model.
pub(crate) const GRAPH_SAGE: u64 = 13 << 40;
/// The parts of a temporal graph network, a stretch of streams each.
pub(crate) const TEMPORAL: u64 = 14 << 40;
