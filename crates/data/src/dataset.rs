//! Interactions with what is known about their users and items.

use crate::{FeatureTable, Interactions};

/// A data set: interactions, and features of the users and items of its id maps.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// A short name, such as `ml-100k`.
    pub name: String,
    /// Who met what.
    pub interactions: Interactions,
    /// Row `u` describes user index `u` of `interactions`.
    pub users: FeatureTable,
    /// Row `i` describes item index `i` of `interactions`. Titles are in the text column `title`.
    pub items: FeatureTable,
}
