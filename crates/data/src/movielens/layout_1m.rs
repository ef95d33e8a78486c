//! MovieLens 1M: `ratings.dat`, `users.dat`, `movies.dat`.

use super::Tables;
use super::described::Described;
use crate::source::Files;
use crate::{ColumnValues, FeatureTable, Interactions, Result};

/// The occupations by their code, as the data set's README names them.
const OCCUPATIONS: [&str; 21] = [
    "other or not specified",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
];

pub(super) fn describe(files: &Files, interactions: Interactions) -> Result<Tables> {
    let mut users = FeatureTable::new(interactions.n_users());
    if let Some(source) = files.get("users.dat")? {
        let rows = Described::split(&source, "::", 5..=5)?;
        let table = FeatureTable::new(rows.rows.len())
            .with_column("age", rows.age(2)?)?
            .with_column("gender", rows.categorical(1))?
            .with_column("occupation", occupation(&rows)?)?
            .with_column("zip", rows.categorical(4))?;
        users = rows.align(&table, interactions.user_ids());
    }
    let mut items = FeatureTable::new(interactions.n_items());
    if let Some(source) = files.get("movies.dat")? {
        let rows = Described::split(&source, "::", 3..=3)?;
        items = rows.align(&rows.movies()?, interactions.item_ids());
    }
    Ok((interactions, users, items))
}

fn occupation(users: &Described) -> Result<ColumnValues> {
    let mut labels = Vec::with_capacity(users.rows.len());
    for row in &users.rows {
        let code = &row.fields[3];
        let label = code.parse().ok().and_then(|code: usize| OCCUPATIONS.get(code).copied());
        if label.is_none() {
            return Err(users.at(row, format!("occupation {code:?} is not a code from 0 to 20")));
        }
        labels.push(label);
    }
    Ok(ColumnValues::categorical(labels))
}
