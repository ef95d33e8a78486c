//! Which column of a file is what.

use std::path::Path;

use burn_recsys_data::columnar::ColumnFile;

use crate::{Error, Result};

/// What a column is to the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Item,
    Score,
    Rank,
    Rating,
    Timestamp,
}

impl Role {
    const ALL: [Role; 6] = [Role::User, Role::Item, Role::Score, Role::Rank, Role::Rating, Role::Timestamp];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Item => "item",
            Role::Score => "score",
            Role::Rank => "rank",
            Role::Rating => "rating",
            Role::Timestamp => "timestamp",
        }
    }

    /// Names that other programs write, in lower case.
    fn known(self) -> &'static [&'static str] {
        match self {
            Role::User => {
                &["user_id", "user", "userid", "user_idx", "uid", "query_id", "visitor_id", "visitorid"]
            }
            Role::Item => &[
                "item_id",
                "item",
                "itemid",
                "item_idx",
                "iid",
                "movie_id",
                "movieid",
                "product_id",
                "productid",
            ],
            Role::Score => &["score", "scores", "prediction", "predicted", "rating", "relevance"],
            Role::Rank => &["rank", "position"],
            Role::Rating => &["rating", "relevance", "grade", "label", "weight", "score"],
            Role::Timestamp => &["timestamp", "time", "datetime", "date", "ts", "unix_timestamp"],
        }
    }
}

/// The names of columns where they are not known ones.
///
/// A name counts in every file that has such a column; in the others, and where none is given, the column is
/// found by the names that are usual, in any case: `user_id`, `user`, `userId`, `query_id` and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnNames {
    /// Users, in all files.
    pub user: Option<String>,
    /// Items, in all files.
    pub item: Option<String>,
    /// Scores of recommendations, the highest best. If the name is given, and that of ranks is not, scores order
    /// lists that have ranks too.
    pub score: Option<String>,
    /// Ranks of recommendations, the lowest best.
    pub rank: Option<String>,
    /// How much an item of the ground truth was liked.
    pub rating: Option<String>,
    /// When, in the ground truth and in training.
    pub timestamp: Option<String>,
}

impl ColumnNames {
    fn given(&self, role: Role) -> Option<&str> {
        let name = match role {
            Role::User => &self.user,
            Role::Item => &self.item,
            Role::Score => &self.score,
            Role::Rank => &self.rank,
            Role::Rating => &self.rating,
            Role::Timestamp => &self.timestamp,
        };
        name.as_deref()
    }

    /// Whether every name that was given is the name of a column of some file.
    ///
    /// # Errors
    /// If one is not: it is misspelt, and the column with the usual name would be read instead.
    pub(crate) fn check_given(&self, paths: &[&Path]) -> Result<()> {
        let mut missing: Vec<(Role, &str)> =
            Role::ALL.iter().filter_map(|&role| Some((role, self.given(role)?))).collect();
        for path in paths {
            if missing.is_empty() {
                break;
            }
            let file = ColumnFile::open(path)?;
            missing.retain(|(_, given)| !file.names().iter().any(|name| name == given));
        }
        match missing.first() {
            None => Ok(()),
            Some((role, given)) => {
                let message = format!("no file has a column {given:?}");
                Err(Error::Parameter { parameter: role.name(), message })
            }
        }
    }

    /// The column of `names` that has this role; `None` if there is none.
    pub(crate) fn find<'n>(&self, role: Role, names: &'n [String], path: &Path) -> Result<Option<&'n str>> {
        if let Some(found) = self.given(role).and_then(|given| names.iter().find(|name| *name == given)) {
            return Ok(Some(found));
        }
        let is_known = |name: &&String| role.known().contains(&name.to_lowercase().as_str());
        let mut known = names.iter().filter(is_known);
        let found = known.next();
        if let (Some(first), Some(second)) = (found, known.next()) {
            let role = role.name();
            let message =
                format!("columns {first:?} and {second:?} can both be the {role}; name one with --{role}");
            return Err(Error::File { path: path.to_path_buf(), message });
        }
        Ok(found.map(String::as_str))
    }

    /// As [`find`](Self::find), for a column that has to be there.
    pub(crate) fn require<'n>(&self, role: Role, names: &'n [String], path: &Path) -> Result<&'n str> {
        self.find(role, names, path)?.ok_or_else(|| {
            let role = role.name();
            let message =
                format!("no column is known to be the {role}; name it with --{role}: {}", listed(names));
            Error::File { path: path.to_path_buf(), message }
        })
    }
}

/// Names of columns for a message; a file that is no table can have any number of any length.
pub(crate) fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let short = |name: &String| format!("{:?}", name.chars().take(40).collect::<String>());
    let mut listed: Vec<String> = names.iter().take(MOST).map(short).collect();
    if names.len() > MOST {
        listed.push(format!("{} more", names.len() - MOST));
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn usual_names_are_found_in_any_case() {
        let columns = ColumnNames::default();
        let header = names(&["userId", "movieId", "Rating"]);
        let find = |role| columns.find(role, &header, Path::new("r.csv")).unwrap();
        assert_eq!(find(Role::User), Some("userId"));
        assert_eq!(find(Role::Item), Some("movieId"));
        assert_eq!(find(Role::Score), Some("Rating"));
        assert_eq!(find(Role::Rank), None);
    }

    #[test]
    fn a_given_name_counts_where_it_is() {
        let columns = ColumnNames { user: Some("who".into()), ..ColumnNames::default() };
        let find = |header: &[&str]| {
            columns.find(Role::User, &names(header), Path::new("r.csv")).map(|found| found.map(str::to_owned))
        };
        assert_eq!(find(&["user", "who"]).unwrap().as_deref(), Some("who"));
        assert_eq!(find(&["user", "item"]).unwrap().as_deref(), Some("user"));
        assert_eq!(find(&["a", "b"]).unwrap(), None);
    }

    #[test]
    fn two_candidates_are_refused() {
        let header = names(&["user", "item", "score", "rating"]);
        let error = ColumnNames::default().find(Role::Score, &header, Path::new("r.csv")).unwrap_err();
        let expected = "r.csv: columns \"score\" and \"rating\" can both be the score; name one with --score";
        assert_eq!(error.to_string(), expected);
        let error = ColumnNames::default().require(Role::Rank, &header, Path::new("r.csv")).unwrap_err();
        assert!(error.to_string().starts_with("r.csv: no column is known to be the rank"), "{error}");
    }
}
