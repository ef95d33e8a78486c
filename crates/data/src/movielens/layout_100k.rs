//! MovieLens 100K: `u.data`, `u.user`, `u.item`, `u.genre`, `u.occupation`.

use super::Tables;
use super::described::{Described, text_lines};
use crate::source::{Files, Source};
use crate::{ColumnValues, FeatureTable, Interactions, Result};

/// id, title, release date, video release date, address; then one flag for every genre.
const N_ITEM_FIELDS: usize = 5;

pub(super) fn describe(files: &Files, interactions: Interactions) -> Result<Tables> {
    let mut users = FeatureTable::new(interactions.n_users());
    if let Some(source) = files.get("u.user")? {
        let rows = Described::split(&source, "|", 5..=5)?;
        if let Some(occupations) = files.get("u.occupation")? {
            check_occupations(&rows, &occupations)?;
        }
        let table = FeatureTable::new(rows.rows.len())
            .with_column("age", rows.age(1)?)?
            .with_column("gender", rows.categorical(2))?
            .with_column("occupation", rows.categorical(3))?
            .with_column("zip", rows.categorical(4))?;
        users = rows.align(&table, interactions.user_ids());
    }
    let mut items = FeatureTable::new(interactions.n_items());
    if let Some(source) = files.get("u.item")? {
        let genres = files.get("u.genre")?.map(|source| genre_names(&source)).transpose()?;
        let n_fields = match &genres {
            Some(genres) => N_ITEM_FIELDS + genres.len()..=N_ITEM_FIELDS + genres.len(),
            None => N_ITEM_FIELDS..=usize::MAX,
        };
        let rows = Described::split(&source, "|", n_fields)?;
        let mut table = FeatureTable::new(rows.rows.len())
            .with_column("title", rows.text(1))?
            .with_column("year", rows.year(1)?)?;
        if let Some(names) = genres {
            table = table.with_column("genres", flagged_genres(&rows, &names)?)?;
        }
        table = table.with_column("release_date", rows.text(2))?;
        items = rows.align(&table, interactions.item_ids());
    }
    Ok((interactions, users, items))
}

fn check_occupations(users: &Described, source: &Source<'_>) -> Result<()> {
    let known: Vec<String> =
        text_lines(source)?.into_iter().map(|(_, line)| line.trim().to_owned()).collect();
    match users.rows.iter().find(|row| !known.contains(&row.fields[3])) {
        Some(row) => Err(users.at(row, format!("occupation {:?} is not in u.occupation", row.fields[3]))),
        None => Ok(()),
    }
}

/// The names of the genre flags in their order: lines `Action|1`, numbered from 0.
fn genre_names(source: &Source<'_>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (line, text) in text_lines(source)? {
        let name = text.split_once('|').filter(|(_, number)| number.trim().parse() == Ok(names.len()));
        let Some((name, _)) = name else {
            let message = format!("{text:?}: expected a genre, | and its number {}", names.len());
            return Err(source.bad_line(line, message));
        };
        names.push(name.trim().to_owned());
    }
    Ok(names)
}

/// The genres whose flag is 1. `unknown` is not a genre.
fn flagged_genres(items: &Described, names: &[String]) -> Result<ColumnValues> {
    let mut genres = Vec::with_capacity(items.rows.len());
    for row in &items.rows {
        let mut of_row = Vec::new();
        for (flag, name) in row.fields[N_ITEM_FIELDS..].iter().zip(names) {
            match flag.as_str() {
                "0" => {}
                "1" if name == "unknown" => {}
                "1" => of_row.push(name.as_str()),
                flag => {
                    return Err(items.at(row, format!("the flag of genre {name} is {flag:?}, not 0 or 1")));
                }
            }
        }
        genres.push(of_row);
    }
    Ok(ColumnValues::multi_categorical(genres))
}
