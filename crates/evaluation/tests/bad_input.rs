//! Bad files are refused with their place, never measured by guess.

use burn_recsys_evaluation::{EvaluationConfig, EvaluationFiles};

use crate::{Files, LISTS, TRUTH, at};

fn refused(files: &EvaluationFiles, parts: &[&str]) {
    let message = files.evaluate(&at(&[1, 5])).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn rows_that_cannot_be_used() {
    let files = Files::new();
    for (lists, parts) in [
        ("user_id,item_id,score\nann,tea,NaN\n", &["lists.csv line 2", "score"][..]),
        ("user_id,item_id,score\nann,tea,\n", &["lists.csv line 2", "score"]),
        ("user_id,item_id,score\nann,tea,good\n", &["lists.csv line 2", "good"]),
        ("user_id,item_id,score\nann,tea,1\nann,milk\n", &["lists.csv line 3"]),
        ("user_id,item_id,score\nann,,1\n", &["lists.csv line 2", "item_id"]),
        (
            "user_id,item_id,score\nann,tea,1\nbob,tea,1\nann,tea,2\n",
            &["lists.csv line 2 and line 4", "item tea is recommended to user ann twice"],
        ),
        ("user_id,item_id,rank\nann,tea,-1\n", &["lists.csv line 2", "-1 is not a rank"]),
        ("user_id,item_id,rank\nann,tea,1.5\n", &["lists.csv line 2", "1.5 is not a rank"]),
        (
            "user_id,item_id,rank\nann,tea,3\nann,milk,3\n",
            &["lists.csv line 2 and line 3", "user ann has two items at rank 3"],
        ),
    ] {
        files.write("lists.csv", lists);
        refused(&files.evaluation_files(), parts);
    }
}

#[test]
fn columns_that_are_missing_or_unclear() {
    let files = Files::new();
    for (lists, parts) in [
        ("user_id,item_id\nann,tea\n", &["lists.csv", "--score or --rank"][..]),
        ("who,item_id,score\nann,tea,1\n", &["lists.csv", "to be the user", "--user", "\"who\""]),
        ("user_id,thing,score\nann,tea,1\n", &["to be the item", "\"thing\""]),
        ("user_id,item_id,score,rating\nann,tea,1,2\n", &["\"score\" and \"rating\" can both be the score"]),
        ("user_id,user,item,score\nann,ann,tea,1\n", &["can both be the user"]),
        ("", &["lists.csv", "empty"]),
        ("user_id,item_id,score\n", &["lists.csv", "there are no recommendations"]),
    ] {
        files.write("lists.csv", lists);
        refused(&files.evaluation_files(), parts);
    }
    files.write("lists.csv", LISTS);
    files.write("truth.csv", "user_id,item_id\n");
    refused(&files.evaluation_files(), &["truth.csv", "there is no ground truth"]);
    let missing = EvaluationFiles::new(files.path("none.csv"), files.path("truth.csv"));
    refused(&missing, &["none.csv"]);
}

#[test]
fn ratings_that_do_not_serve() {
    let files = Files::new();
    let message =
        |config: &EvaluationConfig| files.evaluation_files().evaluate(config).unwrap_err().to_string();
    let liked = EvaluationConfig { min_rating: Some(4.0), ..at(&[1]) };
    let graded = EvaluationConfig { is_graded: true, ..at(&[1]) };
    assert!(message(&liked).contains("to be the rating, which --min-rating needs"), "{}", message(&liked));
    files.write("truth.csv", "user_id,item_id,rating\nann,tea,1\nbob,tea,-2\n");
    assert!(message(&liked).ends_with("no rating is at least 4"), "{}", message(&liked));
    let of_row = message(&graded);
    assert!(of_row.contains("truth.csv line 3: rating -2 is no grade"), "{of_row}");
    // The row counts in the file, not among those that are kept.
    files.write("truth.csv", "user_id,item_id,rating\nann,tea,-9\nbob,tea,-2\n");
    let both = message(&EvaluationConfig { min_rating: Some(-5.0), ..graded });
    assert!(both.contains("truth.csv line 3"), "{both}");
}

#[test]
fn slices_that_do_not_serve() {
    let files = Files::new();
    let with = |text: &str| {
        files.write("slices.csv", text);
        EvaluationFiles { slices: vec![files.path("slices.csv")], ..files.evaluation_files() }
    };
    refused(
        &with("user,age\nann,1\nbob,2\nann,3\n"),
        &["slices.csv line 2 and line 4", "ann belongs to slices twice"],
    );
    refused(&with("user,item,age\nann,tea,1\n"), &["slices are of users or of items"]);
    refused(&with("who,age\nann,1\n"), &["to be the user or the item"]);
    refused(&with("user\nann\n"), &["one has to say the group"]);
    refused(&with("user,age\nu7,1\n"), &["slices.csv", "none of its ids is in the other files", "\"u7\""]);
    let many: String = (0..200).map(|n| format!("u{n},{n}\n")).collect();
    refused(&with(&format!("user,age\nann,0\n{many}")), &["column \"age\" has 200 different values"]);
    let by_activity = EvaluationConfig { by_activity: true, ..at(&[1]) };
    let message = files.evaluation_files().evaluate(&by_activity).unwrap_err().to_string();
    assert!(message.starts_with("activity: the slices are made of the training part"), "{message}");
}

#[test]
fn cutoffs_that_are_no_lengths() {
    let files = Files::new();
    let message =
        |cutoffs: &[usize]| files.evaluation_files().evaluate(&at(cutoffs)).unwrap_err().to_string();
    assert!(message(&[5, 0]).starts_with("k: 0 is not a list length"));
    assert!(message(&[]).starts_with("k: none is given"));
}

#[test]
fn users_on_one_side_alone_are_lawful_and_counted() {
    let files = Files::new();
    files.write("truth.csv", &TRUTH.replace("bob", "fay"));
    let evaluation = files.evaluation_files().evaluate(&at(&[1])).unwrap();
    assert_eq!(evaluation.users.both, 1);
    assert_eq!((evaluation.users.only_recommendations, evaluation.users.only_ground_truth), (1, 2));
    let summary = evaluation.report.summary("NDCG@1").unwrap();
    assert_eq!((summary.value, summary.n_undefined), (Some(0.0), 1));
}

#[test]
fn ids_that_match_nowhere_are_refused() {
    let files = Files::new();
    files.write("truth.csv", "user_id,item_id\n1.0,tea\n");
    refused(&files.evaluation_files(), &["lists.csv: no user is in", "truth.csv", "\"ann\", there \"1.0\""]);
    files.write("truth.csv", TRUTH);
    files.write("other.csv", "user_id,item_id,rank\n7,tea,1\n");
    let other = Some(files.path("other.csv"));
    refused(
        &EvaluationFiles { compare: other.clone(), ..files.evaluation_files() },
        &["other.csv: no user is in"],
    );
    refused(&EvaluationFiles { base: other, ..files.evaluation_files() }, &["other.csv: no user is in"]);
    files.write("train.csv", "user_id,item_id\nann,17\n");
    refused(&files.evaluation_files().with_train(files.path("train.csv")), &["train.csv: no item is in"]);
    files.write("train.csv", "user_id,item_id\n");
    refused(&files.evaluation_files().with_train(files.path("train.csv")), &["train.csv: there is no row"]);
}

#[test]
fn names_that_no_file_has_are_refused() {
    let files = Files::new();
    let mut misspelt = files.evaluation_files();
    misspelt.columns.score = Some("scor".into());
    refused(&misspelt, &["score: no file has a column \"scor\""]);
    // A file that is no table has any number of columns.
    let names: Vec<String> =
        (0..500).map(|n| format!("a rather long name of a column: number {n}")).collect();
    files.write("lists.csv", &format!("{}\n", names.join(",")));
    let message = files.evaluation_files().evaluate(&at(&[1])).unwrap_err().to_string();
    assert!(message.ends_with("480 more") && message.len() < 2_000, "{message}");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_that_does_not_serve() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let bytes = std::fs::read(folder.join("lists.parquet")).unwrap();
    let files = Files::new();
    let lists = files.path("lists.parquet");
    let evaluation_files = EvaluationFiles::new(&lists, files.path("truth.csv"));
    std::fs::write(&lists, &bytes[..bytes.len() / 2]).unwrap();
    refused(&evaluation_files, &["lists.parquet"]);
    // Text where numbers are needed.
    std::fs::write(&lists, &bytes).unwrap();
    let mut wrong = evaluation_files;
    wrong.columns.score = Some("item_id".into());
    refused(&wrong, &["lists.parquet", "\"item_id\"", "number"]);
}
