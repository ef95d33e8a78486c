//! Parquet and CSV of other systems against what RePlay says of the same files.

use std::path::{Path, PathBuf};

use burn_recsys_evaluation::{ColumnNames, EvaluationConfig, EvaluationFiles};
use serde_json::Value;

use crate::{at, value};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/values.json")).unwrap()
}

fn assert_equals_replay(files: &EvaluationFiles) {
    let evaluation = files.evaluate(&at(&[1, 3, 10])).unwrap();
    let reference = reference();
    let values = reference["values"].as_object().unwrap();
    assert_eq!(values.len(), 27);
    for (label, expected) in values {
        let (value, expected) = (value(&evaluation, label).unwrap(), expected.as_f64().unwrap());
        assert!((value - expected).abs() < 1e-12, "{label}: {value} != {expected}");
    }
    let users = evaluation.users;
    let of = |key: &str| reference["users"][key].as_u64().unwrap() as usize;
    assert_eq!(users.both + users.only_recommendations, of("lists"));
    assert_eq!(users.both + users.only_ground_truth, of("truth"));
}

#[test]
fn parquet_files_give_the_values_of_replay() {
    let files = EvaluationFiles::new(path("lists.parquet"), path("truth.parquet"));
    assert_equals_replay(&files.with_train(path("train.csv")));
}

#[test]
fn ranks_under_other_names_give_the_same() {
    let mut files =
        EvaluationFiles::new(path("lists.csv"), path("truth.parquet")).with_train(path("train.csv"));
    files.columns =
        ColumnNames { user: Some("who".into()), item: Some("what".into()), ..ColumnNames::default() };
    assert_equals_replay(&files);
}

#[test]
fn only_what_was_liked_is_relevant() {
    let files = EvaluationFiles::new(path("lists.parquet"), path("truth.parquet"));
    let config = EvaluationConfig { min_rating: Some(4.0), ..at(&[10]) };
    let evaluation = files.evaluate(&config).unwrap();
    let reference = reference();
    let expected = reference["liked"]["NDCG@10"].as_f64().unwrap();
    assert!((value(&evaluation, "NDCG@10").unwrap() - expected).abs() < 1e-12);
    let (rows, of) = (&reference["liked"]["rows"], &reference["liked"]["of"]);
    assert_eq!(evaluation.notes, [format!("{rows} of {of} rows of the ground truth are rated at least 4")]);
}
