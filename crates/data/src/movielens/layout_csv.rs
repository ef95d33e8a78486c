//! MovieLens latest-small, 20M, 25M and 32M: `ratings.csv`, `movies.csv`.

use super::Tables;
use super::described::Described;
use crate::source::Files;
use crate::{FeatureTable, Interactions, Result};

pub(super) fn describe(files: &Files, interactions: Interactions) -> Result<Tables> {
    let users = FeatureTable::new(interactions.n_users());
    let mut items = FeatureTable::new(interactions.n_items());
    if let Some(source) = files.get("movies.csv")? {
        let rows = Described::csv(&source, &["movieId", "title", "genres"])?;
        items = rows.align(&rows.movies()?, interactions.item_ids());
    }
    Ok((interactions, users, items))
}
