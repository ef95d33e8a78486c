//! Rows that a tower reads, checked before they reach it.

use burn_recsys_embeddings::JaggedIds;

use super::field::{HistoryPooling, TowerField, UNKNOWN};

/// What is wrong with rows for a tower.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TowerError {
    /// Not one column of values a field.
    #[error("{n_values} columns of values for a tower of {n_fields} fields; give one each, in their order")]
    Fields {
        /// The number of columns.
        n_values: usize,
        /// The number of fields.
        n_fields: usize,
    },
    /// The values are of another kind than the field.
    #[error("field {field:?} takes {expected}, not {actual}")]
    Kind {
        /// The field.
        field: String,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        actual: &'static str,
    },
    /// One field has another number of values than the rows need.
    #[error("field {field:?} has {actual} values, expected {expected}")]
    Length {
        /// The field.
        field: String,
        /// The number found.
        actual: usize,
        /// The number needed.
        expected: usize,
    },
    /// An id, a category or an item that the field does not have.
    #[error("field {field:?}, row {row}: {value} is not below {size}")]
    Value {
        /// The field.
        field: String,
        /// Counted from 0.
        row: usize,
        /// The value.
        value: u64,
        /// The number of ids, categories or items.
        size: u64,
    },
    /// A number is NaN or infinite.
    #[error("field {field:?}, row {row}, column {column} is {value}; replace what is not known by a number")]
    NotFinite {
        /// The field.
        field: String,
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        column: usize,
        /// NaN or infinity.
        value: f32,
    },
    /// Items of a history that is weighted by attention came with weights.
    #[error("field {field:?} is weighted by attention and takes no other weights")]
    Weights {
        /// The field.
        field: String,
    },
}

/// The values of one field, a value for every row.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValues {
    /// Of an [`Id`](TowerField::Id) field, `[n_rows]`.
    Ids(Vec<u64>),
    /// Of a [`Categorical`](TowerField::Categorical) field, `[n_rows]`.
    Codes(Vec<u32>),
    /// Of a [`Bag`](TowerField::Bag) or [`History`](TowerField::History) field, `n_rows` bags.
    Bags(JaggedIds),
    /// Of a [`Dense`](TowerField::Dense) field, `[n_rows, width]`, row-major.
    Dense(Vec<f32>),
}

/// Users or items on the host, as a tower reads them.
///
/// Everything is checked when it is given, so that no step of training can meet a category that has no
/// vector or a NaN.
///
/// ```
/// use burn_recsys_embeddings::JaggedIds;
/// use burn_recsys_models::{FieldValues, TowerField, TowerRows, UNKNOWN};
///
/// let fields = [TowerField::id(2), TowerField::categorical("year", 71), TowerField::bag("genres", 19)];
/// let genres = JaggedIds::from_bags(&[vec![0, 5], vec![]])?;
/// let values = |codes| {
///     vec![FieldValues::Ids(vec![0, 1]), FieldValues::Codes(codes), FieldValues::Bags(genres.clone())]
/// };
/// let rows = TowerRows::new(&fields, values(vec![70, UNKNOWN]))?;
/// assert_eq!(rows.select(&[1, 1, 0]).n_rows(), 3);
/// let error = TowerRows::new(&fields, values(vec![3, 71])).unwrap_err();
/// assert_eq!(error.to_string(), "field \"year\", row 1: 71 is not below 71");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TowerRows {
    n_rows: usize,
    values: Vec<FieldValues>,
}

impl TowerRows {
    /// Rows of a tower with the fields `fields`; `values` has the values of each field, in their order.
    ///
    /// # Errors
    /// If the values are not those of the fields, or not of equally many rows, or a value is not one that its
    /// field has; the message names the field, the row and the value.
    pub fn new(fields: &[TowerField], mut values: Vec<FieldValues>) -> Result<Self, TowerError> {
        if values.len() != fields.len() {
            return Err(TowerError::Fields { n_values: values.len(), n_fields: fields.len() });
        }
        let n_rows = match (fields.first(), values.first()) {
            (Some(field), Some(values)) => values.n_rows(field),
            _ => 0,
        };
        for (field, values) in fields.iter().zip(&mut values) {
            check(field, values, n_rows)?;
            keep_last(field, values);
        }
        Ok(TowerRows { n_rows, values })
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The values of all fields, in their order.
    pub fn values(&self) -> &[FieldValues] {
        &self.values
    }

    /// The ids of the rows; none if the tower has no field for them.
    pub fn ids(&self) -> Option<&[u64]> {
        self.values.iter().find_map(|values| match values {
            FieldValues::Ids(ids) => Some(&ids[..]),
            _ => None,
        })
    }

    /// Some of the rows, in any order, a row any number of times.
    ///
    /// # Panics
    /// If a row is not below [`n_rows`](Self::n_rows); the message has both.
    pub fn select(&self, rows: &[u32]) -> TowerRows {
        if let Some(&largest) = rows.iter().max() {
            assert!((largest as usize) < self.n_rows, "row {largest} of {} rows", self.n_rows);
        }
        let values = self.values.iter().map(|values| values.select(rows, self.n_rows)).collect();
        TowerRows { n_rows: rows.len(), values }
    }
}

impl FieldValues {
    fn kind(&self) -> &'static str {
        match self {
            FieldValues::Ids(_) => "ids",
            FieldValues::Codes(_) => "codes",
            FieldValues::Bags(_) => "bags",
            FieldValues::Dense(_) => "dense numbers",
        }
    }

    fn n_rows(&self, field: &TowerField) -> usize {
        match self {
            FieldValues::Ids(ids) => ids.len(),
            FieldValues::Codes(codes) => codes.len(),
            FieldValues::Bags(bags) => bags.n_bags(),
            FieldValues::Dense(numbers) => numbers.len() / (field.size() as usize).max(1),
        }
    }

    fn select(&self, rows: &[u32], n_rows: usize) -> FieldValues {
        match self {
            FieldValues::Ids(ids) => FieldValues::Ids(rows.iter().map(|&row| ids[row as usize]).collect()),
            FieldValues::Codes(codes) => {
                FieldValues::Codes(rows.iter().map(|&row| codes[row as usize]).collect())
            }
            FieldValues::Bags(bags) => {
                FieldValues::Bags(parts_of(bags, rows.iter().map(|&row| whole(bags, row as usize))))
            }
            FieldValues::Dense(numbers) => {
                let width = numbers.len() / n_rows.max(1);
                let row = |&row: &u32| &numbers[row as usize * width..(row as usize + 1) * width];
                FieldValues::Dense(rows.iter().flat_map(row).copied().collect())
            }
        }
    }
}

fn whole(bags: &JaggedIds, row: usize) -> std::ops::Range<usize> {
    bags.offsets()[row] as usize..bags.offsets()[row + 1] as usize
}

/// A bag for each range of positions. What is taken of bags that were checked cannot fail to be bags.
#[expect(clippy::expect_used, reason = "a documented panic: more ids than a batch may have")]
fn parts_of(bags: &JaggedIds, ranges: impl Iterator<Item = std::ops::Range<usize>>) -> JaggedIds {
    let (mut values, mut lengths) = (Vec::new(), Vec::new());
    let mut weights = bags.weights().map(|_| Vec::new());
    for range in ranges {
        lengths.push(range.len() as u32);
        values.extend_from_slice(&bags.values()[range.clone()]);
        if let (Some(weights), Some(all)) = (&mut weights, bags.weights()) {
            weights.extend_from_slice(&all[range]);
        }
    }
    let parts = JaggedIds::new(values, &lengths).and_then(|parts| match weights {
        Some(weights) => parts.with_weights(weights),
        None => Ok(parts),
    });
    parts.expect("the selected bags have more than 2^31 - 1 ids")
}

/// Drops what attention would not look at.
fn keep_last(field: &TowerField, values: &mut FieldValues) {
    if let (
        TowerField::History { pooling: HistoryPooling::Attention { max_length }, .. },
        FieldValues::Bags(bags),
    ) = (field, values)
        && bags.offsets().windows(2).any(|pair| (pair[1] - pair[0]) as usize > *max_length)
    {
        let last = |row| {
            let range = whole(bags, row);
            range.end - range.len().min(*max_length)..range.end
        };
        *bags = parts_of(bags, (0..bags.n_bags()).map(last));
    }
}

fn check(field: &TowerField, values: &FieldValues, n_rows: usize) -> Result<(), TowerError> {
    let name = || field.name().to_string();
    let size = field.size();
    let length = |actual, expected| {
        if actual == expected { Ok(()) } else { Err(TowerError::Length { field: name(), actual, expected }) }
    };
    let below = |row, value, is_known: bool| {
        if is_known { Ok(()) } else { Err(TowerError::Value { field: name(), row, value, size }) }
    };
    let is_code = |code: u32| u64::from(code) < size || code == UNKNOWN;
    match (field, values) {
        (TowerField::Id { .. }, FieldValues::Ids(ids)) => {
            length(ids.len(), n_rows)?;
            ids.iter().enumerate().try_for_each(|(row, &id)| below(row, id, id < size))
        }
        (TowerField::Categorical { .. }, FieldValues::Codes(codes)) => {
            length(codes.len(), n_rows)?;
            let mut codes = codes.iter().enumerate();
            codes.try_for_each(|(row, &code)| below(row, code.into(), is_code(code)))
        }
        (TowerField::Bag { .. }, FieldValues::Bags(bags)) => {
            length(bags.n_bags(), n_rows)?;
            in_bags(bags, |row, code| below(row, code.into(), is_code(code)))
        }
        (TowerField::History { pooling, .. }, FieldValues::Bags(bags)) => {
            length(bags.n_bags(), n_rows)?;
            if *pooling != HistoryPooling::Mean && bags.weights().is_some() {
                return Err(TowerError::Weights { field: name() });
            }
            in_bags(bags, |row, item| below(row, item.into(), u64::from(item) < size))
        }
        (&TowerField::Dense { width, .. }, FieldValues::Dense(numbers)) => {
            length(numbers.len(), n_rows.saturating_mul(width))?;
            match numbers.iter().position(|number| !number.is_finite()) {
                Some(at) => {
                    let (row, column, value) = (at / width, at % width, numbers[at]);
                    Err(TowerError::NotFinite { field: name(), row, column, value })
                }
                None => Ok(()),
            }
        }
        (_, values) => {
            let expected = match field {
                TowerField::Id { .. } => "ids",
                TowerField::Categorical { .. } => "codes",
                TowerField::Bag { .. } | TowerField::History { .. } => "bags",
                TowerField::Dense { .. } => "dense numbers",
            };
            Err(TowerError::Kind { field: name(), expected, actual: values.kind() })
        }
    }
}

fn in_bags(
    bags: &JaggedIds,
    mut check: impl FnMut(usize, u32) -> Result<(), TowerError>,
) -> Result<(), TowerError> {
    (0..bags.n_bags()).try_for_each(|row| bags.bag(row).iter().try_for_each(|&value| check(row, value)))
}
