//! The rows of the split and the label-encoded features of both sides.

use std::path::Path;

use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{ColumnValues, Dataset, FeatureTable, Interactions};
use burn_recsys_embeddings::JaggedIds;
use burn_recsys_models::{FieldValues, HistoryPooling, TowerField, TowerRows, UNKNOWN};

use crate::{Error, Result};

/// One row of ten is held out.
const HELD_OUT: usize = 10;
/// Characters of a zip code.
const ZIP_PREFIX: usize = 1;
/// Years of an age group.
const AGE_GROUP: f32 = 10.0;

/// Fields of a side with their values for all rows.
pub(super) type Features = (Vec<TowerField>, Vec<FieldValues>);

/// Reads row numbers, one a line.
pub(super) fn read_split(path: &Path, n_rows: usize) -> Result<Vec<bool>> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    let mut is_test = vec![false; n_rows];
    for (line, text) in (1u64..).zip(text.lines()) {
        let bad = |message| burn_recsys_data::Error::Line { path: path.to_path_buf(), line, message };
        let row: usize = text.trim().parse().map_err(|_| bad(format!("{text:?} is not a row number")))?;
        match is_test.get_mut(row) {
            Some(is_test) if !*is_test => *is_test = true,
            Some(_) => return Err(bad(format!("row {row} is a test row already")).into()),
            None => return Err(bad(format!("row {row} of {n_rows} rows")).into()),
        }
    }
    Ok(is_test)
}

/// The rows to learn from and one of ten that are held out of them.
pub(super) fn hold_out(rows: &Interactions, seed: u64) -> [Interactions; 2] {
    let order = Random::new(seed, Stream::HoldOut, 0).permutation(rows.len() as u32);
    let (held_out, rest) = order.split_at(rows.len() / HELD_OUT);
    let part = |rows_of_part: &[u32]| {
        let mut rows_of_part = rows_of_part.to_vec();
        rows_of_part.sort_unstable();
        rows.select(&rows_of_part)
    };
    [part(rest), part(held_out)]
}

/// Id, age group, gender, occupation and zip prefix.
pub(super) fn user_features(dataset: &Dataset) -> Result<Features> {
    let table = &dataset.users;
    let mut features = ids(dataset.interactions.n_users());
    let ages = (0..table.n_rows()).map(|row| match table.column("age") {
        Some(ColumnValues::Dense(ages)) if ages[row].is_finite() => Some((ages[row] / AGE_GROUP) as u32),
        _ => None,
    });
    push_codes(&mut features, "age", ages.collect());
    for name in ["gender", "occupation"] {
        push_codes(&mut features, name, categories(table, name)?.0);
    }
    let (zips, names) = categories(table, "zip")?;
    let prefix = |code: u32| names[code as usize].chars().take(ZIP_PREFIX).collect::<String>();
    let prefixes: Vec<Option<String>> = zips.into_iter().map(|zip| zip.map(prefix)).collect();
    match ColumnValues::categorical(prefixes.iter().map(Option::as_deref)) {
        ColumnValues::Categorical { codes, .. } => push_codes(&mut features, "zip", codes),
        _ => return Err(lacks("zip")),
    }
    Ok(features)
}

/// Id, year and genres.
pub(super) fn item_features(dataset: &Dataset) -> Result<Features> {
    let table = &dataset.items;
    let mut features = ids(dataset.interactions.n_items());
    let years: Vec<Option<String>> = match table.column("year") {
        Some(ColumnValues::Dense(years)) => {
            years.iter().map(|year| year.is_finite().then(|| year.to_string())).collect()
        }
        _ => return Err(lacks("year")),
    };
    match ColumnValues::categorical(years.iter().map(Option::as_deref)) {
        ColumnValues::Categorical { codes, .. } => push_codes(&mut features, "year", codes),
        _ => return Err(lacks("year")),
    }
    let Some(ColumnValues::MultiCategorical { codes, vocabulary }) = table.column("genres") else {
        return Err(lacks("genres"));
    };
    features.0.push(TowerField::bag("genres", vocabulary.len()));
    features.1.push(bags(codes.rows())?);
    Ok(features)
}

/// Adds whom each row met, `n` of the other side.
pub(super) fn with_history(
    mut features: Features,
    met: &burn_recsys_data::Csr,
    n: usize,
) -> Result<Features> {
    features.0.push(TowerField::history("met", n, HistoryPooling::Mean));
    features.1.push(bags(met.rows())?);
    Ok(features)
}

pub(super) fn tower_rows((fields, values): &Features) -> Result<TowerRows> {
    Ok(TowerRows::new(fields, values.clone())?)
}

fn ids(n: usize) -> Features {
    (vec![TowerField::id(n as u64)], vec![FieldValues::Ids((0..n as u64).collect())])
}

fn push_codes(features: &mut Features, name: &str, codes: Vec<Option<u32>>) {
    let n = codes.iter().flatten().max().map_or(1, |&largest| largest as usize + 1);
    features.0.push(TowerField::categorical(name, n));
    features.1.push(FieldValues::Codes(codes.into_iter().map(|code| code.unwrap_or(UNKNOWN)).collect()));
}

fn categories(table: &FeatureTable, name: &'static str) -> Result<(Vec<Option<u32>>, Vec<String>)> {
    match table.column(name) {
        Some(ColumnValues::Categorical { codes, vocabulary }) => Ok((codes.clone(), vocabulary.clone())),
        _ => Err(lacks(name)),
    }
}

fn bags<'a>(rows: impl Iterator<Item = &'a [u32]>) -> Result<FieldValues> {
    let bags = JaggedIds::from_bags(&rows.collect::<Vec<_>>());
    let message = |error: burn_recsys_embeddings::JaggedError| error.to_string();
    let bags = bags.map_err(|error| burn_recsys_data::Error::Parameter {
        parameter: "history",
        message: message(error),
    })?;
    Ok(FieldValues::Bags(bags))
}

fn lacks(column: &'static str) -> Error {
    let message = "is missing; the folder needs u.data, u.user, u.item, u.genre and u.occupation".into();
    burn_recsys_data::Error::Parameter { parameter: column, message }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_that_does_not_fit_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.txt");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_split(&path, 3).map_err(|error| error.to_string())
        };
        assert_eq!(read("2\n0\n"), Ok(vec![true, false, true]));
        assert!(read("2\nx\n").unwrap_err().contains("line 2: \"x\" is not a row number"));
        assert!(read("3\n").unwrap_err().contains("row 3 of 3 rows"));
        assert!(read("1\n1\n").unwrap_err().contains("row 1 is a test row already"));
        assert!(read_split(&folder.path().join("none"), 3).is_err());
    }
}
