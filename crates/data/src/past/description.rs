//! What is known of users or items at any time, as numbers.

use super::standard::{Moments, Standard};
use crate::{ColumnValues, Csr, FeatureTable};

/// The categories and the standardised numbers of every user or every item.
#[derive(Debug, Clone)]
pub(super) struct Description {
    /// The category's column and label, such as `genres=Action`.
    category_names: Vec<String>,
    /// For every row its categories, ascending.
    categories: Csr,
    dense: Vec<Dense>,
}

/// A standardised dense column.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    pub(super) name: String,
    /// NaN where it is not known.
    values: Vec<f64>,
    /// Whether a row that training rows refer to is not known: only then can a model learn what that
    /// means.
    has_unknown: bool,
}

impl Dense {
    fn fit(name: &str, values: &[f32], counts: &[u32]) -> Self {
        let mut moments = Moments::default();
        let mut has_unknown = false;
        for (&value, &count) in values.iter().zip(counts) {
            if value.is_finite() {
                moments.add(f64::from(value), f64::from(count));
            } else {
                has_unknown |= count > 0;
            }
        }
        let standard: Standard = moments.standard();
        let standardised = |&value: &f32| match value.is_finite() {
            true => standard.apply(f64::from(value)),
            false => f64::NAN,
        };
        Dense { name: name.to_owned(), values: values.iter().map(standardised).collect(), has_unknown }
    }

    /// The number of row `row`, if it is known.
    pub(super) fn get(&self, row: u32) -> Option<f64> {
        let value = self.values[row as usize];
        (!value.is_nan()).then_some(value)
    }
}

impl Description {
    /// Takes the categories and the scales that training rows have: `counts` is how many of them refer
    /// to each row of the table.
    pub(super) fn fit(table: &FeatureTable, counts: &[u32], max_categories: usize) -> Self {
        let mut category_names = Vec::new();
        let mut categories = vec![Vec::new(); table.n_rows()];
        let mut dense = Vec::new();
        for column in table.columns() {
            let mut take = |vocabulary: &[String], codes: &dyn Fn(usize) -> Vec<u32>| {
                let mut occurs = vec![false; vocabulary.len()];
                for (row, _) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
                    codes(row).into_iter().for_each(|code| occurs[code as usize] = true);
                }
                if occurs.iter().filter(|&&occurs| occurs).count() > max_categories {
                    return;
                }
                let mut numbers = vec![None; vocabulary.len()];
                for (code, label) in vocabulary.iter().enumerate().filter(|&(code, _)| occurs[code]) {
                    numbers[code] = Some(category_names.len() as u32);
                    category_names.push(format!("{}={label}", column.name));
                }
                for (row, of_row) in categories.iter_mut().enumerate() {
                    of_row.extend(codes(row).into_iter().filter_map(|code| numbers[code as usize]));
                }
            };
            match &column.values {
                ColumnValues::Categorical { codes, vocabulary } => {
                    take(vocabulary, &|row| codes[row].into_iter().collect());
                }
                ColumnValues::MultiCategorical { codes, vocabulary } => {
                    take(vocabulary, &|row| codes.row(row as u32).to_vec());
                }
                ColumnValues::Dense(values) => dense.push(Dense::fit(&column.name, values, counts)),
                ColumnValues::Text(_) => {}
            }
        }
        Description { category_names, categories: Csr::from_rows(categories).sorted_unique(), dense }
    }

    pub(super) fn category_names(&self) -> &[String] {
        &self.category_names
    }

    pub(super) fn n_categories(&self) -> usize {
        self.category_names.len()
    }

    /// The categories of row `row`, ascending.
    pub(super) fn categories(&self, row: u32) -> &[u32] {
        self.categories.row(row)
    }

    pub(super) fn dense(&self) -> &[Dense] {
        &self.dense
    }

    /// The names of what [`write`](Self::write) writes.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = self.category_names.clone();
        for column in &self.dense {
            names.push(column.name.clone());
            if column.has_unknown {
                names.push(format!("{}_unknown", column.name));
            }
        }
        names
    }

    /// Appends one 0 or 1 a category, and every number (0 where it is not known).
    pub(super) fn write(&self, row: u32, out: &mut Vec<f32>) {
        let start = out.len();
        out.resize(start + self.n_categories(), 0.0);
        for &category in self.categories(row) {
            out[start + category as usize] = 1.0;
        }
        for column in &self.dense {
            let value = column.get(row);
            out.push(value.unwrap_or(0.0) as f32);
            if column.has_unknown {
                out.push(if value.is_none() { 1.0 } else { 0.0 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(description: &Description, row: u32) -> Vec<f32> {
        let mut out = Vec::new();
        description.write(row, &mut out);
        out
    }

    #[test]
    fn columns_are_those_that_training_rows_know() {
        let table = FeatureTable::new(4)
            .with_column("zip", ColumnValues::categorical([Some("1"), Some("2"), Some("3"), Some("4")]))
            .and_then(|t| {
                t.with_column("gender", ColumnValues::categorical([Some("M"), None, Some("F"), Some("X")]))
            })
            .and_then(|t| {
                let likes = [vec!["b", "a"], vec![], vec!["b"], vec!["c"]];
                t.with_column("likes", ColumnValues::multi_categorical(likes))
            })
            .and_then(|t| t.with_column("age", ColumnValues::Dense(vec![20.0, f32::NAN, 50.0, 90.0])))
            .and_then(|t| t.with_column("height", ColumnValues::Dense(vec![1.0, 1.0, 1.0, f32::NAN])))
            .and_then(|t| t.with_column("name", ColumnValues::Text(vec![String::new(); 4])))
            .unwrap();
        // Row 3 has no training row: its gender, its likes and its age play no part.
        let description = Description::fit(&table, &[2, 1, 1, 0], 2);
        assert_eq!(
            description.names(),
            ["gender=F", "gender=M", "likes=a", "likes=b", "age", "age_unknown", "height"]
        );
        // Ages 20, 20, 50: mean 30, variance 200.
        let age = |years: f64| ((years - 30.0) / 200f64.sqrt()) as f32;
        assert_eq!(written(&description, 0), [0.0, 1.0, 1.0, 1.0, age(20.0), 0.0, 0.0]);
        assert_eq!(written(&description, 1), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(written(&description, 2), [1.0, 0.0, 0.0, 1.0, age(50.0), 0.0, 0.0]);
        assert_eq!(written(&description, 3), [0.0, 0.0, 0.0, 0.0, age(90.0), 0.0, 0.0]);
    }
}
