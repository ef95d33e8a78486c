//! Splits.

/// Config.
#[derive(Debug, Clone)]
pub struct SplitConfig {}

/// Strategy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Strategy {}

/// Manifest.
#[derive(Debug, Clone)]
pub struct SplitManifest {}

/// Split.
#[derive(Debug, Clone)]
pub struct Split {}
