//! Reading interactions from delimited text.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Interactions, Result};

/// Where the columns of a delimited text file are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InteractionFormat {
    /// What separates fields, such as `,`, a tab or `::`.
    pub separator: String,
    /// Whether the first line names the columns. Without it columns are named `1`, `2`, ...
    pub header: bool,
    /// The column of user ids.
    pub user: String,
    /// The column of item ids.
    pub item: String,
    /// The column of ratings; none for data that only says that something happened.
    pub rating: Option<String>,
    /// The column of timestamps, in seconds since 1970-01-01 UTC.
    pub timestamp: Option<String>,
}

/// Reads a file of interactions.
///
/// # Errors
/// If the file cannot be read, or a line is not what `format` says: the message has the line.
pub fn read_interactions(path: &Path, format: &InteractionFormat) -> Result<Interactions> {
    let _ = (path, format);
    unimplemented!()
}
