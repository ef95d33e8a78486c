//! What a file of interactions looks like.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Where the columns of a delimited text file are.
///
/// As TOML, only `user` and `item` are required:
/// ```toml
/// separator = "\t"         # default ","
/// header = true            # default true
/// user = "user_id"
/// item = "item_id"
/// rating = "stars"         # default: none
/// timestamp = "created"    # default: none
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InteractionFormat {
    /// What separates fields, such as `,` (the default), a tab or `::`.
    #[serde(default = "comma")]
    pub separator: String,
    /// Whether the first line names the columns (the default). Without it columns are named `1`, `2`,
    /// ...
    #[serde(default = "yes")]
    pub header: bool,
    /// The column of user ids.
    pub user: String,
    /// The column of item ids.
    pub item: String,
    /// The column of ratings; none for data that only says that something happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
    /// The column of timestamps, in seconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

fn comma() -> String {
    ",".into()
}

fn yes() -> bool {
    true
}

impl InteractionFormat {
    /// Comma-separated with a header, without ratings and timestamps.
    pub fn csv(user: impl Into<String>, item: impl Into<String>) -> Self {
        InteractionFormat {
            separator: comma(),
            header: true,
            user: user.into(),
            item: item.into(),
            rating: None,
            timestamp: None,
        }
    }

    /// No header: columns 1 to 4 are user, item, rating and timestamp.
    fn four_columns(separator: &str) -> Self {
        InteractionFormat {
            separator: separator.into(),
            header: false,
            ..Self::csv("1", "2").with_rating("3").with_timestamp("4")
        }
    }

    /// The `ratings.csv` of MovieLens latest-small, 20M, 25M and 32M.
    pub fn movielens_csv() -> Self {
        Self::csv("userId", "movieId").with_rating("rating").with_timestamp("timestamp")
    }

    /// The `u.data` of MovieLens 100K.
    pub fn movielens_100k() -> Self {
        Self::four_columns("\t")
    }

    /// The `ratings.dat` of MovieLens 1M.
    pub fn movielens_1m() -> Self {
        Self::four_columns("::")
    }

    /// The same with another separator.
    pub fn with_separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// The same with ratings in `column`.
    pub fn with_rating(mut self, column: impl Into<String>) -> Self {
        self.rating = Some(column.into());
        self
    }

    /// The same with timestamps in `column`.
    pub fn with_timestamp(mut self, column: impl Into<String>) -> Self {
        self.timestamp = Some(column.into());
        self
    }

    /// Checks what can be checked without the file.
    ///
    /// # Errors
    /// If the separator is empty or has a line end or a quote, a column has no name or is named
    /// twice, or there is no header and a column is not a whole number from 1.
    pub fn validate(&self) -> Result<()> {
        if self.separator.is_empty() || self.separator.contains(['\n', '\r', '"']) {
            return Err(Error::Parameter {
                parameter: "separator",
                message: format!(
                    "{:?} cannot separate fields; give one or more characters, none of them a line end or a \
                     quote",
                    self.separator
                ),
            });
        }
        let columns: Vec<(&'static str, &str)> = self.columns().collect();
        for (n, &(parameter, column)) in columns.iter().enumerate() {
            let refused = |message| Err(Error::Parameter { parameter, message });
            if column.trim().is_empty() {
                return refused("the column has no name".into());
            }
            if !self.header && self.position(column).is_none() {
                return refused(format!(
                    "{column:?} is not the number of a column; without a header columns are 1, 2, ..., {}",
                    Self::MAX_COLUMNS
                ));
            }
            if let Some((other, _)) = columns[..n].iter().find(|(_, other)| *other == column) {
                return refused(format!("column {column:?} is the {other} column already"));
            }
        }
        Ok(())
    }

    const MAX_COLUMNS: usize = 65_535;

    /// The columns in use, as parameter and column name: user, item, then those of rating and
    /// timestamp that are there.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("user", &self.user), ("item", &self.item)]
            .into_iter()
            .chain(self.rating.iter().map(|column| ("rating", column)))
            .chain(self.timestamp.iter().map(|column| ("timestamp", column)))
            .map(|(parameter, column)| (parameter, column.as_str()))
    }

    /// The position, from 0, that a column name means in a file without a header.
    pub(super) fn position(&self, column: &str) -> Option<usize> {
        let number: usize = column.parse().ok()?;
        (1..=Self::MAX_COLUMNS).contains(&number).then(|| number - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_defaults_and_refuses_unknown_keys() {
        let format: InteractionFormat =
            serde_json::from_str(r#"{"user": "userId", "item": "movieId"}"#).unwrap();
        assert_eq!(format, InteractionFormat::csv("userId", "movieId"));
        let again = serde_json::to_string(&InteractionFormat::movielens_1m()).unwrap();
        assert_eq!(
            serde_json::from_str::<InteractionFormat>(&again).unwrap(),
            InteractionFormat::movielens_1m()
        );
        let error =
            serde_json::from_str::<InteractionFormat>(r#"{"user": "u", "item": "i", "ratings": "r"}"#)
                .unwrap_err()
                .to_string();
        assert!(error.contains("unknown field `ratings`"), "{error}");
    }

    #[test]
    fn impossible_formats_are_refused() {
        let refused = |format: InteractionFormat| format.validate().unwrap_err().to_string();
        let csv = || InteractionFormat::csv("u", "i");
        assert!(refused(csv().with_separator("")).starts_with("separator: \"\" cannot separate fields"));
        assert!(refused(csv().with_separator("\n")).starts_with("separator: "));
        assert_eq!(refused(csv().with_rating(" ")), "rating: the column has no name");
        assert_eq!(refused(csv().with_timestamp("u")), "timestamp: column \"u\" is the user column already");
        let mut format = InteractionFormat::movielens_100k();
        for column in ["0", "userId", "70000"] {
            format.user = column.into();
            assert!(refused(format.clone()).starts_with(&format!("user: {column:?} is not the number")));
        }
        for format in [
            csv(),
            InteractionFormat::movielens_csv(),
            InteractionFormat::movielens_100k(),
            InteractionFormat::movielens_1m(),
        ] {
            format.validate().unwrap();
        }
    }
}
