//! What can be wrong with a tensor of a file.

use std::fmt;

/// One thing that is wrong with a file of tensors.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TensorProblem {
    /// The tensor is not there.
    Missing {
        /// Its key.
        key: String,
        /// Its shape, with names for the sizes that nothing else in the file tells.
        expected: String,
    },
    /// No tensor of this name belongs there.
    Extra {
        /// Its key.
        key: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// The tensor has another shape.
    Shape {
        /// Its key.
        key: String,
        /// The shape that the other tensors ask for, with names for the sizes that nothing tells.
        expected: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// The tensor has no values.
    Empty {
        /// Its key.
        key: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// The tensor has more rows than a table here can have.
    TooManyRows {
        /// Its key.
        key: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// The tensor holds values of another type.
    Type {
        /// Its key.
        key: String,
        /// The types that can be read.
        expected: &'static str,
        /// Its type.
        found: String,
    },
    /// A value is NaN or infinite, or too large for `f32`.
    NotFinite {
        /// The key of the tensor.
        key: String,
        /// The place of the first such value, an index for each dimension.
        at: Vec<usize>,
        /// That value, as `f32`.
        value: f32,
        /// How many there are.
        count: usize,
    },
    /// An id is negative or beyond the table.
    Id {
        /// The key of the tensor.
        key: String,
        /// The first row with such an id.
        row: usize,
        /// That id.
        id: i128,
        /// Ids are below this, where there is a limit.
        limit: Option<u64>,
        /// How many there are.
        count: usize,
    },
}

impl fmt::Display for TensorProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use TensorProblem::{Empty, Extra, Id, Missing, NotFinite, Shape, TooManyRows, Type};
        match self {
            Missing { key, expected } => write!(formatter, "missing: {key}, expected with shape {expected}"),
            Extra { key, found } => write!(formatter, "extra: {key}, with shape {found:?}"),
            Shape { key, expected, found } => {
                write!(formatter, "shape: {key} has shape {found:?}, expected {expected}")
            }
            Empty { key, found } => {
                write!(formatter, "empty: {key} has shape {found:?}; every size must be at least 1")
            }
            TooManyRows { key, found } => {
                write!(formatter, "too large: {key} has shape {found:?}; a table has at most 2^31 - 1 rows")
            }
            Type { key, expected, found } => {
                write!(formatter, "type: {key} has type {found}, expected {expected}")
            }
            NotFinite { key, at, value, count } => {
                write!(formatter, "not finite: {key}, {} is {value} as f32{}", place(at), others(*count))
            }
            Id { key, row, id, limit: Some(limit), count } => {
                write!(formatter, "id: {key}, row {row} is {id}, not in 0..{limit}{}", others(*count))
            }
            Id { key, row, id, limit: None, count } => {
                write!(formatter, "id: {key}, row {row} is {id}, must be 0 or more{}", others(*count))
            }
        }
    }
}

fn place(at: &[usize]) -> String {
    match at {
        [row, column] => format!("row {row}, column {column}"),
        [row] => format!("row {row}"),
        at => format!("the value at {at:?}"),
    }
}

fn others(count: usize) -> String {
    if count > 1 { format!(" (the first of {count})") } else { String::new() }
}
