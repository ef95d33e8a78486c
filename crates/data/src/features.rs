//! Columns that describe users or items.

use crate::{Csr, Error, Result};

/// One named column of a [`FeatureTable`].
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name, unique within its table.
    pub name: String,
    /// One value a row.
    pub values: ColumnValues,
}

/// The values of a [`Column`], one a row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ColumnValues {
    /// One category a row; `None` where it is not known.
    Categorical {
        /// Index into `vocabulary`.
        codes: Vec<Option<u32>>,
        /// The categories in ascending order.
        vocabulary: Vec<String>,
    },
    /// Any number of categories a row.
    MultiCategorical {
        /// For every row the indices into `vocabulary`, ascending and unique.
        codes: Csr,
        /// The categories in ascending order.
        vocabulary: Vec<String>,
    },
    /// One number a row; NaN where it is not known.
    Dense(Vec<f32>),
    /// Text for people, such as a title; empty where it is not known. Not an input of models.
    Text(Vec<String>),
}

impl ColumnValues {
    /// A categorical column of these labels; the vocabulary is their sorted set.
    pub fn categorical<'a>(labels: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let labels: Vec<Option<&str>> = labels.into_iter().collect();
        let vocabulary = vocabulary(labels.iter().flatten().copied());
        let codes = labels.iter().map(|label| label.and_then(|label| code(&vocabulary, label))).collect();
        ColumnValues::Categorical { codes, vocabulary }
    }

    /// A multi-categorical column of these lists of labels; the vocabulary is their sorted set.
    pub fn multi_categorical<'a, L: IntoIterator<Item = &'a str>>(rows: impl IntoIterator<Item = L>) -> Self {
        let rows: Vec<Vec<&str>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
        let vocabulary = vocabulary(rows.iter().flatten().copied());
        let codes = Csr::from_rows(
            rows.iter()
                .map(|row| row.iter().filter_map(|label| code(&vocabulary, label)).collect::<Vec<u32>>()),
        )
        .sorted_unique();
        ColumnValues::MultiCategorical { codes, vocabulary }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            ColumnValues::Categorical { codes, .. } => codes.len(),
            ColumnValues::MultiCategorical { codes, .. } => codes.n_rows(),
            ColumnValues::Dense(values) => values.len(),
            ColumnValues::Text(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn vocabulary<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut labels: Vec<&str> = labels.collect();
    labels.sort_unstable();
    labels.dedup();
    labels.into_iter().map(String::from).collect()
}

fn code(vocabulary: &[String], label: &str) -> Option<u32> {
    vocabulary.binary_search_by(|known| known.as_str().cmp(label)).ok().map(|code| code as u32)
}

/// Features of all users or all items: row `i` describes the user or item with dense index `i`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureTable {
    n_rows: usize,
    columns: Vec<Column>,
}

impl FeatureTable {
    /// A table without columns.
    pub fn new(n_rows: usize) -> Self {
        FeatureTable { n_rows, columns: Vec::new() }
    }

    /// Adds a column.
    ///
    /// # Errors
    /// If the name is taken or the column has another number of rows than the table.
    pub fn with_column(mut self, name: impl Into<String>, values: ColumnValues) -> Result<Self> {
        let name = name.into();
        if self.column(&name).is_some() {
            return Err(Error::Parameter {
                parameter: "column",
                message: format!("{name:?} is there already"),
            });
        }
        if values.len() != self.n_rows {
            return Err(Error::Parameter {
                parameter: "column",
                message: format!("{name:?} has {} rows, the table {}", values.len(), self.n_rows),
            });
        }
        self.columns.push(Column { name, values });
        Ok(self)
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// All columns in the order they were added.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of the column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnValues> {
        self.columns.iter().find(|column| column.name == name).map(|column| &column.values)
    }

    /// The text of row `row` in the text column `name`; `None` if there is no such column or row,
    /// or nothing is written there.
    pub fn text(&self, name: &str, row: u32) -> Option<&str> {
        match self.column(name)? {
            ColumnValues::Text(values) => {
                values.get(row as usize).map(String::as_str).filter(|t| !t.is_empty())
            }
            _ => None,
        }
    }

    /// The table of rows `rows`, in that order; `None` gives a row where nothing is known.
    ///
    /// # Panics
    /// If a row is not below [`n_rows`](Self::n_rows).
    pub fn select(&self, rows: &[Option<u32>]) -> FeatureTable {
        let columns = self
            .columns
            .iter()
            .map(|column| Column { name: column.name.clone(), values: column.values.select(rows) })
            .collect();
        FeatureTable { n_rows: rows.len(), columns }
    }
}

impl ColumnValues {
    fn select(&self, rows: &[Option<u32>]) -> ColumnValues {
        match self {
            ColumnValues::Categorical { codes, vocabulary } => ColumnValues::Categorical {
                codes: rows.iter().map(|row| row.and_then(|row| codes[row as usize])).collect(),
                vocabulary: vocabulary.clone(),
            },
            ColumnValues::MultiCategorical { codes, vocabulary } => ColumnValues::MultiCategorical {
                codes: Csr::from_rows(rows.iter().map(|row| row.map_or(&[][..], |row| codes.row(row)))),
                vocabulary: vocabulary.clone(),
            },
            ColumnValues::Dense(values) => ColumnValues::Dense(
                rows.iter().map(|row| row.map_or(f32::NAN, |row| values[row as usize])).collect(),
            ),
            ColumnValues::Text(values) => ColumnValues::Text(
                rows.iter()
                    .map(|row| row.map_or_else(String::new, |row| values[row as usize].clone()))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> FeatureTable {
        FeatureTable::new(3)
            .with_column("gender", ColumnValues::categorical([Some("M"), None, Some("F")]))
            .and_then(|table| {
                let genres = [vec!["b", "a"], vec![], vec!["b", "b"]];
                table.with_column("genres", ColumnValues::multi_categorical(genres))
            })
            .and_then(|table| table.with_column("age", ColumnValues::Dense(vec![1.0, 2.0, 3.0])))
            .and_then(|table| {
                table.with_column("title", ColumnValues::Text(vec!["x".into(), String::new(), "z".into()]))
            })
            .expect("valid columns")
    }

    #[test]
    fn vocabularies_are_sorted() {
        let table = table();
        let Some(ColumnValues::Categorical { codes, vocabulary }) = table.column("gender") else {
            panic!("gender is categorical")
        };
        assert_eq!(
            (codes.as_slice(), vocabulary.as_slice()),
            (&[Some(1), None, Some(0)][..], &["F".into(), "M".into()][..])
        );
        let Some(ColumnValues::MultiCategorical { codes, .. }) = table.column("genres") else {
            panic!("genres is multi-categorical")
        };
        assert_eq!(codes.rows().collect::<Vec<_>>(), [&[0, 1][..], &[], &[1]]);
    }

    #[test]
    fn selecting_rows_leaves_unknown_ones_empty() {
        let selected = table().select(&[Some(2), None]);
        assert_eq!(selected.n_rows(), 2);
        assert_eq!(selected.text("title", 0), Some("z"));
        assert_eq!(selected.text("title", 1), None);
        assert!(
            matches!(selected.column("age"), Some(ColumnValues::Dense(v)) if v[0] == 3.0 && v[1].is_nan())
        );
    }

    #[test]
    fn a_column_must_fit() {
        let error = table()
            .with_column("age", ColumnValues::Dense(vec![0.0; 3]))
            .map(|_| ())
            .map_err(|e| e.to_string());
        assert_eq!(error, Err("column: \"age\" is there already".into()));
        let error = table()
            .with_column("year", ColumnValues::Dense(vec![0.0; 2]))
            .map(|_| ())
            .map_err(|e| e.to_string());
        assert_eq!(error, Err("column: \"year\" has 2 rows, the table 3".into()));
    }
}
