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
        let table = FeatureTable::new(rows.rows.len())
            .with_column("title", rows.text(1))?
            .with_column("year", rows.year(1)?)?
            .with_column("genres", rows.genres(2))?;
        items = rows.align(&table, interactions.item_ids());
    }
    Ok((interactions, users, items))
}
