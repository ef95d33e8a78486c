//! Vectors for users of whom only features are known.

use std::collections::BTreeMap;

use burn_recsys_data::{ColumnValues, FeatureTable};
use burn_recsys_serve::CohortTables;

/// Columns with more categories say too little of a user, such as a zip code.
const MOST_CATEGORIES: usize = 32;
/// Columns that are combined, the first ones.
const MOST_COLUMNS: usize = 4;
/// Fewer users do not speak for a cohort.
const FEWEST_USERS: usize = 5;

/// A column of users: name, category of every user, names of the categories.
type Categories<'a> = (&'a str, &'a [Option<u32>], &'a [String]);

/// A cohort for every combination of known categories of one or more columns that five users have: the mean of
/// their vectors.
///
/// # Shapes
/// - `vectors`: `[n_users, dimension]`, row-major, in the order of `users`
pub(super) fn cohorts(users: &FeatureTable, vectors: &[f32], dimension: usize) -> CohortTables {
    let mut columns: Vec<Categories<'_>> = Vec::new();
    for column in users.columns() {
        if let ColumnValues::Categorical { codes, vocabulary } = &column.values
            && (2..=MOST_CATEGORIES).contains(&vocabulary.len())
        {
            columns.push((&column.name, codes, vocabulary));
        }
    }
    columns.truncate(MOST_COLUMNS);
    // In the order of their names, as a request has them.
    columns.sort_unstable_by_key(|column| column.0);
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for chosen in 1..1u32 << columns.len() {
        for user in 0..users.n_rows() {
            let features = columns.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1);
            let name: Option<Vec<String>> = features
                .map(|(_, (name, codes, vocabulary))| {
                    Some(format!("{name}={}", vocabulary.get(codes[user]? as usize)?))
                })
                .collect();
            if let Some(name) = name {
                members.entry(name.join(",")).or_default().push(user);
            }
        }
    }
    members.retain(|_, users| users.len() >= FEWEST_USERS);
    let mean = |users: &Vec<usize>| {
        let mut sum = vec![0.0f64; dimension];
        for &user in users {
            let vector = &vectors[user * dimension..(user + 1) * dimension];
            sum.iter_mut().zip(vector).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        sum.into_iter().map(|sum| (sum / users.len() as f64) as f32).collect::<Vec<f32>>()
    };
    CohortTables { vectors: members.values().flat_map(mean).collect(), names: members.into_keys().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_of_five_users_are_cohorts() {
        let gender = (0..12).map(|user| Some(if user % 2 == 0 { "F" } else { "M" }));
        let age = (0..12).map(|user| (user < 10).then_some(if user < 7 { "18" } else { "25" }));
        let users = FeatureTable::new(12)
            .with_column("gender", ColumnValues::categorical(gender))
            .and_then(|table| table.with_column("age", ColumnValues::categorical(age)))
            .unwrap();
        let vectors: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let cohorts = cohorts(&users, &vectors, 2);
        // Four of the seven of age 18 are F: too few; so are the three of age 25.
        assert_eq!(cohorts.names, ["age=18", "gender=F", "gender=M"]);
        assert_eq!(cohorts.vectors, [6.0, 7.0, 10.0, 11.0, 12.0, 13.0]);
    }

    #[test]
    fn without_columns_there_are_no_cohorts() {
        assert_eq!(cohorts(&FeatureTable::new(9), &[0.0; 9], 1), CohortTables::default());
    }
}
