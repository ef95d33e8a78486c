//! The layouts in which GroupLens publishes MovieLens.
//!
//! | ratings | users | items | data sets |
//! |---|---|---|---|
//! | `u.data` | `u.user`, `u.occupation` | `u.item`, `u.genre` | 100K |
//! | `ratings.dat` | `users.dat` | `movies.dat` | 1M |
//! | `ratings.csv` | | `movies.csv` | latest-small, 20M, 25M, 32M |
//!
//! Only the ratings are required: where another file is absent, its columns are.
//!
//! User columns: `age` (dense, years; in 1M the youngest age of the bracket), `gender`, `occupation`,
//! `zip` (categorical). Item columns: `title` (text), `year` (dense, from the title), `genres`
//! (multi-categorical), in 100K also `release_date` (text). Tags are not read: people go on tagging
//! after any moment at which a split cuts, so as features of items they would tell the past about the
//! future.

mod described;
mod layout_100k;
mod layout_1m;
mod layout_csv;
mod recognise;

use std::path::Path;

use crate::source::{Archive, Files, Source};
use crate::table::read_source;
use crate::{Dataset, Error, FeatureTable, InteractionFormat, Interactions, Result};

/// Reads a folder of MovieLens files, whichever of the published layouts it has.
///
/// Ids come from the ratings: users and movies without a rating are left out, and users and movies
/// that no file describes have unknown features.
///
/// # Errors
/// If no layout is recognised, or a line is not what the layout says.
pub fn read_folder(name: &str, folder: &Path) -> Result<Dataset> {
    std::fs::read_dir(folder).map_err(|source| Error::io("read", folder, source))?;
    read_files(name, &Files::Folder(folder.to_path_buf()))
}

/// Reads the zip archive of a MovieLens data set without unpacking it; else like [`read_folder`].
///
/// # Errors
/// If the file is not a whole zip archive, and as [`read_folder`].
pub fn read_archive(name: &str, archive: &Path) -> Result<Dataset> {
    read_files(name, &Files::Archive(Archive::File(archive.to_path_buf())))
}

/// Reads a file of ratings in one of the published layouts, whatever its own name, with what the user
/// and movie files of that layout beside it in its folder say; else like [`read_folder`].
///
/// Part of a data set, or another ordering of it, is read this way without a copy of the folder. The
/// layout is the one that the first line that is not blank shows: a header with `userId`, or the
/// extension `csv`, is that of `ratings.csv`, fields between `::` that of 1M, between tabs that of 100K.
///
/// # Errors
/// If there is no such file, its layout is not recognised, or a line is not what the layout says.
pub fn read_ratings(name: &str, path: &Path) -> Result<Dataset> {
    let source = Source::file(path);
    let (_, format, describe) = recognise::recognise(&source, path)?;
    let folder = Files::Folder(path.parent().unwrap_or(Path::new("")).to_path_buf());
    let (interactions, users, items) = describe(&folder, read_source(&source, &format())?)?;
    Ok(Dataset { name: name.to_owned(), interactions, users, items })
}

/// What a layout gives: interactions, features of users, features of items.
type Tables = (Interactions, FeatureTable, FeatureTable);

/// A file of ratings, its format, and the reader of the layout that has such a file.
type Layout = (&'static str, fn() -> InteractionFormat, fn(&Files, Interactions) -> Result<Tables>);

const LAYOUT_100K: Layout = ("u.data", InteractionFormat::movielens_100k, layout_100k::describe);
const LAYOUT_1M: Layout = ("ratings.dat", InteractionFormat::movielens_1m, layout_1m::describe);
const LAYOUT_CSV: Layout = ("ratings.csv", InteractionFormat::movielens_csv, layout_csv::describe);
const LAYOUTS: [Layout; 3] = [LAYOUT_100K, LAYOUT_1M, LAYOUT_CSV];

pub(crate) fn read_files(name: &str, files: &Files) -> Result<Dataset> {
    for (ratings, format, describe) in LAYOUTS {
        if let Some(source) = files.get(ratings)? {
            let (interactions, users, items) = describe(files, read_source(&source, &format())?)?;
            return Ok(Dataset { name: name.to_owned(), interactions, users, items });
        }
    }
    let message = "there is no u.data, ratings.dat or ratings.csv here; put the files of one MovieLens data \
                   set into this folder";
    Err(Error::File { path: files.path().to_path_buf(), message: message.into() })
}

/// The year of a title such as `Babe (1995)`, or the first of `(2006-2007)`.
fn year(title: &str) -> Option<u16> {
    title.rmatch_indices('(').find_map(|(start, _)| {
        let year = title.get(start + 1..start + 5)?.parse().ok()?;
        let ends = title[start + 5..].starts_with([')', '-', '–']);
        (ends && (1870..2100).contains(&year)).then_some(year)
    })
}

/// All of a small file.
fn read_all(source: &Source<'_>) -> Result<Vec<u8>> {
    source.read(|reader| {
        let mut text = Vec::new();
        std::io::Read::read_to_end(reader, &mut text).map_err(|error| source.failed(error))?;
        Ok(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_come_from_the_last_parentheses_that_hold_one() {
        for (title, expected) in [
            ("Toy Story (1995)", Some(1995)),
            ("2001: A Space Odyssey (1968)", Some(1968)),
            ("Land Before Time III (1995) (V)", Some(1995)),
            ("Death Note: Desu nôto (2006–2007)", Some(2006)),
            ("Cosmos", None),
            ("(500) Days (9999)", None),
            ("Nine (é1)", None),
        ] {
            assert_eq!(year(title), expected, "{title}");
        }
    }
}
