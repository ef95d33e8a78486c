//! Filters.

use crate::{Interactions, Result};

/// A filter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Filter {}

/// Keep.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Keep {}

impl Filter {
    /// Applies.
    pub fn apply(&self, interactions: &Interactions) -> Result<Interactions> {
        let _ = interactions;
        unimplemented!()
    }
}
