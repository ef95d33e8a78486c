//! Rows that an estimator learns from or judges, checked before they reach it.

use burn::tensor::{Device, Tensor, TensorData};

use crate::estimator::EstimatorInputs;

/// What is wrong with rows for an estimator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExampleError {
    /// One column has another number of rows or values than the others.
    #[error("{what}: {actual} values, expected {expected}; every row needs its own")]
    Length {
        /// Which column.
        what: &'static str,
        /// The number found.
        actual: usize,
        /// The number needed.
        expected: usize,
    },
    /// The features have another width than the model.
    #[error("{what}: {actual} columns, the model has {expected}; make them as those it was trained on")]
    Width {
        /// Which features or labels.
        what: &'static str,
        /// The width of the rows.
        actual: usize,
        /// The width of the model.
        expected: usize,
    },
    /// A feature is NaN or infinite.
    #[error(
        "{what}: row {row}, column {column} is {value}; replace what is not known by a number, such as 0"
    )]
    NotFinite {
        /// Which features.
        what: &'static str,
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        column: usize,
        /// NaN or infinity.
        value: f32,
    },
    /// A label is neither 0 nor 1.
    #[error("labels: row {row}, task {task} is {value}; a label is 0 or 1")]
    Label {
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        task: usize,
        /// The value found.
        value: f32,
    },
    /// A weight is negative, NaN or infinite.
    #[error("{what}: number {at} is {value}; a weight is a finite number of at least 0")]
    Weight {
        /// Which weights.
        what: &'static str,
        /// Counted from 0.
        at: usize,
        /// The value found.
        value: f64,
    },
    /// An id has no vector in the model.
    #[error("{what}: row {row} has id {id}, the model knows ids below {n_ids}")]
    Id {
        /// Users or items.
        what: &'static str,
        /// Counted from 0.
        row: usize,
        /// The id.
        id: u64,
        /// The number of ids of the model.
        n_ids: u64,
    },
    /// There is nothing to learn from.
    #[error("the rows have no labels; give them with `with_labels`")]
    NoLabels,
}

/// Numbers of every row, `[n_rows, width]`, row-major; features are finite.
#[derive(Debug, Clone, PartialEq)]
struct Matrix {
    values: Vec<f32>,
    width: usize,
}

impl Matrix {
    fn new(what: &'static str, values: Vec<f32>, width: usize, n_rows: usize) -> Result<Self, ExampleError> {
        // What does not fit is more than there can be.
        let expected = n_rows.saturating_mul(width);
        if values.len() != expected {
            return Err(ExampleError::Length { what, actual: values.len(), expected });
        }
        Ok(Matrix { values, width })
    }

    fn features(
        what: &'static str,
        values: Vec<f32>,
        width: usize,
        n_rows: usize,
    ) -> Result<Self, ExampleError> {
        let matrix = Matrix::new(what, values, width, n_rows)?;
        match matrix.values.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                let (row, column) = (at / width, at % width);
                Err(ExampleError::NotFinite { what, row, column, value: matrix.values[at] })
            }
            None => Ok(matrix),
        }
    }

    fn select(&self, rows: &[u32]) -> Matrix {
        let mut values = Vec::with_capacity(rows.len() * self.width);
        for &row in rows {
            let start = row as usize * self.width;
            values.extend_from_slice(&self.values[start..start + self.width]);
        }
        Matrix { values, width: self.width }
    }

    fn tensor(&self, n_rows: usize, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.values.clone(), [n_rows, self.width]), device)
    }
}

/// Rows of a user, an item and the circumstances, on the host: what an estimator is trained on and
/// what it judges.
///
/// Everything is checked when it is given, so that no step of training can meet a NaN, a label of 2 or a
/// column that is one row short.
///
/// ```
/// use burn_recsys_models::{ExampleError, Examples};
///
/// let rows = Examples::new(vec![7, 7, 9], vec![1, 2, 1])?
///     .with_user_features(vec![0.5, 0.5, -1.0], 1)?
///     .with_labels(vec![1.0, 0.0, 0.0, 0.0, 1.0, 1.0], 2)?;
/// assert_eq!((rows.n_rows(), rows.n_tasks()), (3, 2));
/// let error = rows.with_item_features(vec![0.0, f32::NAN, 0.0], 1).unwrap_err();
/// assert!(error.to_string().starts_with("item features: row 1, column 0 is NaN"));
/// # Ok::<(), ExampleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    user_ids: Vec<u64>,
    item_ids: Vec<u64>,
    user_features: Matrix,
    item_features: Matrix,
    cross_features: Matrix,
    /// Empty: all 0.
    positions: Vec<u32>,
    labels: Matrix,
    /// Empty: all 1.
    weights: Vec<f32>,
}

const USER_FEATURES: &str = "user features";
const ITEM_FEATURES: &str = "item features";
const CROSS_FEATURES: &str = "cross features";
const LABELS: &str = "labels";
const WEIGHTS: &str = "weights";

impl Examples {
    /// One row for each pair, without features, labels or positions.
    ///
    /// # Errors
    /// If there are not as many users as items.
    pub fn new(user_ids: Vec<u64>, item_ids: Vec<u64>) -> Result<Self, ExampleError> {
        same_length("item ids", item_ids.len(), user_ids.len())?;
        let nothing = || Matrix { values: Vec::new(), width: 0 };
        Ok(Examples {
            user_ids,
            item_ids,
            user_features: nothing(),
            item_features: nothing(),
            cross_features: nothing(),
            positions: Vec::new(),
            labels: nothing(),
            weights: Vec::new(),
        })
    }

    /// Adds `n_features` features of the user of every row.
    ///
    /// # Shapes
    /// - `values`: `[n_rows, n_features]`, row-major
    ///
    /// # Errors
    /// If the number of values is another, or one is not finite.
    pub fn with_user_features(mut self, values: Vec<f32>, n_features: usize) -> Result<Self, ExampleError> {
        self.user_features = Matrix::features(USER_FEATURES, values, n_features, self.n_rows())?;
        Ok(self)
    }

    /// Adds `n_features` features of the item of every row.
    ///
    /// # Shapes
    /// - `values`: `[n_rows, n_features]`, row-major
    ///
    /// # Errors
    /// As [`with_user_features`](Self::with_user_features).
    pub fn with_item_features(mut self, values: Vec<f32>, n_features: usize) -> Result<Self, ExampleError> {
        self.item_features = Matrix::features(ITEM_FEATURES, values, n_features, self.n_rows())?;
        Ok(self)
    }

    /// Adds `n_features` features of the user and the item of every row together.
    ///
    /// # Shapes
    /// - `values`: `[n_rows, n_features]`, row-major
    ///
    /// # Errors
    /// As [`with_user_features`](Self::with_user_features).
    pub fn with_cross_features(mut self, values: Vec<f32>, n_features: usize) -> Result<Self, ExampleError> {
        self.cross_features = Matrix::features(CROSS_FEATURES, values, n_features, self.n_rows())?;
        Ok(self)
    }

    /// Adds where each item stood in the list that the user saw, counted from 1; 0 is not known. Without
    /// them all are 0.
    ///
    /// # Errors
    /// If there is not one for every row.
    pub fn with_positions(mut self, positions: Vec<u32>) -> Result<Self, ExampleError> {
        same_length("positions", positions.len(), self.n_rows())?;
        self.positions = positions;
        Ok(self)
    }

    /// Adds whether each of `n_tasks` kinds of feedback was given.
    ///
    /// # Shapes
    /// - `values`: `[n_rows, n_tasks]`, row-major, each 0 or 1
    ///
    /// # Errors
    /// If the number of values is another, or one is neither 0 nor 1.
    pub fn with_labels(mut self, values: Vec<f32>, n_tasks: usize) -> Result<Self, ExampleError> {
        let labels = Matrix::new(LABELS, values, n_tasks, self.n_rows())?;
        if let Some(at) = labels.values.iter().position(|&value| value != 0.0 && value != 1.0) {
            let value = labels.values[at];
            return Err(ExampleError::Label { row: at / n_tasks, task: at % n_tasks, value });
        }
        self.labels = labels;
        Ok(self)
    }

    /// Sets how much each row counts in the loss. Without them all count 1.
    ///
    /// # Errors
    /// If there is not one for every row, or one is negative, NaN or infinite.
    pub fn with_weights(mut self, weights: Vec<f32>) -> Result<Self, ExampleError> {
        same_length(WEIGHTS, weights.len(), self.n_rows())?;
        check_weights(WEIGHTS, &weights)?;
        self.weights = weights;
        Ok(self)
    }

    /// Multiplies the weight of every row by that of its cohort, so that the model spends more of its
    /// capacity on some users: new ones, say.
    ///
    /// # Shapes
    /// - `cohorts`: `[n_rows]`, the cohort of the user of every row
    /// - `weights`: `[n_cohorts]`
    ///
    /// # Errors
    /// If there is not one cohort for every row, a cohort has no weight, or a weight is negative, NaN
    /// or infinite.
    pub fn with_cohort_weights(mut self, cohorts: &[u32], weights: &[f32]) -> Result<Self, ExampleError> {
        same_length("cohorts", cohorts.len(), self.n_rows())?;
        check_weights("cohort weights", weights)?;
        if let Some(row) = cohorts.iter().position(|&cohort| cohort as usize >= weights.len()) {
            let (id, n_ids) = (u64::from(cohorts[row]), weights.len() as u64);
            return Err(ExampleError::Id { what: "cohorts", row, id, n_ids });
        }
        if self.weights.is_empty() {
            self.weights = vec![1.0; cohorts.len()];
        }
        for (weight, &cohort) in self.weights.iter_mut().zip(cohorts) {
            *weight *= weights[cohort as usize];
        }
        // Two large weights may have an infinite product.
        check_weights(WEIGHTS, &self.weights)?;
        Ok(self)
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.user_ids.len()
    }

    /// The number of tasks; 0 without labels.
    pub fn n_tasks(&self) -> usize {
        self.labels.width
    }

    /// The number of features of a user.
    pub fn n_user_features(&self) -> usize {
        self.user_features.width
    }

    /// The number of features of an item.
    pub fn n_item_features(&self) -> usize {
        self.item_features.width
    }

    /// The number of features of a user and an item together.
    pub fn n_cross_features(&self) -> usize {
        self.cross_features.width
    }

    /// The user of every row.
    pub fn user_ids(&self) -> &[u64] {
        &self.user_ids
    }

    /// The item of every row.
    pub fn item_ids(&self) -> &[u64] {
        &self.item_ids
    }

    /// Features of the user of every row, `[n_rows, n_user_features]`, row-major.
    pub fn user_features(&self) -> &[f32] {
        &self.user_features.values
    }

    /// Features of the item of every row, `[n_rows, n_item_features]`, row-major.
    pub fn item_features(&self) -> &[f32] {
        &self.item_features.values
    }

    /// Features of the user and the item of every row together, `[n_rows, n_cross_features]`, row-major.
    pub fn cross_features(&self) -> &[f32] {
        &self.cross_features.values
    }

    /// Labels of every row, `[n_rows, n_tasks]`, row-major.
    pub fn labels(&self) -> &[f32] {
        &self.labels.values
    }

    /// The rows `rows`, in that order.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, rows: &[u32]) -> Examples {
        fn at<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
            if values.is_empty() {
                Vec::new()
            } else {
                rows.iter().map(|&row| values[row as usize]).collect()
            }
        }
        Examples {
            user_ids: at(&self.user_ids, rows),
            item_ids: at(&self.item_ids, rows),
            user_features: self.user_features.select(rows),
            item_features: self.item_features.select(rows),
            cross_features: self.cross_features.select(rows),
            positions: at(&self.positions, rows),
            labels: self.labels.select(rows),
            weights: at(&self.weights, rows),
        }
    }

    /// What a model reads of these rows, on `device`.
    pub fn inputs(&self, device: &Device) -> EstimatorInputs {
        let n_rows = self.n_rows();
        EstimatorInputs {
            user_ids: self.user_ids.clone(),
            user_features: self.user_features.tensor(n_rows, device),
            item_ids: self.item_ids.clone(),
            item_features: self.item_features.tensor(n_rows, device),
            cross_features: self.cross_features.tensor(n_rows, device),
            positions: self.positions.clone(),
        }
    }

    /// The labels on `device`, `[n_rows, n_tasks]`.
    pub fn label_tensor(&self, device: &Device) -> Tensor<2> {
        self.labels.tensor(self.n_rows(), device)
    }

    /// The weights on `device`, `[n_rows]`; `None` if every row counts 1.
    pub fn weight_tensor(&self, device: &Device) -> Option<Tensor<1>> {
        let weights = || TensorData::new(self.weights.clone(), [self.n_rows()]);
        (!self.weights.is_empty()).then(|| Tensor::from_data(weights(), device))
    }

    /// Checks the widths of features and, where there are labels, the number of tasks.
    pub(crate) fn check_widths(&self, [users, items, cross, tasks]: [usize; 4]) -> Result<(), ExampleError> {
        let labels = if self.labels.width == 0 { tasks } else { self.labels.width };
        for (what, actual, expected) in [
            (USER_FEATURES, self.user_features.width, users),
            (ITEM_FEATURES, self.item_features.width, items),
            (CROSS_FEATURES, self.cross_features.width, cross),
            (LABELS, labels, tasks),
        ] {
            if actual != expected {
                return Err(ExampleError::Width { what, actual, expected });
            }
        }
        Ok(())
    }
}

/// Checks that every id is below `n_ids`, where there is such a limit.
pub(crate) fn check_ids(what: &'static str, ids: &[u64], n_ids: Option<u64>) -> Result<(), ExampleError> {
    let Some(n_ids) = n_ids else { return Ok(()) };
    match ids.iter().position(|&id| id >= n_ids) {
        Some(row) => Err(ExampleError::Id { what, row, id: ids[row], n_ids }),
        None => Ok(()),
    }
}

/// Checks that every weight is finite and at least 0.
pub(crate) fn check_weights<W: Copy + Into<f64>>(
    what: &'static str,
    weights: &[W],
) -> Result<(), ExampleError> {
    let is_bad = |value: f64| !(value.is_finite() && value >= 0.0);
    match weights.iter().position(|&weight| is_bad(weight.into())) {
        Some(at) => Err(ExampleError::Weight { what, at, value: weights[at].into() }),
        None => Ok(()),
    }
}

pub(crate) fn same_length(what: &'static str, actual: usize, expected: usize) -> Result<(), ExampleError> {
    if actual == expected { Ok(()) } else { Err(ExampleError::Length { what, actual, expected }) }
}
