//! What further files and options add.

use burn_recsys_evaluation::{EvaluationConfig, EvaluationFiles};
use burn_recsys_metrics::leakage::FindingKind;
use burn_recsys_metrics::statistics::Confidence;
use serde_json::json;

use crate::{Files, at, value};

const TRAIN: &str = "user_id,item_id,timestamp\nann,tea,5\nann,rice,6\nbob,milk,7\ndan,tea,8\n";

#[test]
fn json_has_metrics_undefined_and_users() {
    let files = Files::new();
    files.write("lists.csv", "user_id,item_id,score\nann,tea,0.9\nann,milk,0.2\nbob,tea,0.7\ndan,tea,0.7\n");
    let json = files.evaluation_files().evaluate(&at(&[2])).unwrap().to_json();
    assert_eq!(json["metrics"]["MRR@2"], json!((0.5 + 1.0 + 0.0) / 3.0));
    assert_eq!(json["undefined"]["MRR@2"], json!(1));
    assert_eq!(json["users"], json!(4));
    assert_eq!(json["users_by_side"], json!({"both": 2, "only_recommendations": 1, "only_ground_truth": 1}));
    assert_eq!(json["intervals"]["MRR@2"].as_array().unwrap().len(), 2);
    assert!(json.get("leakage").is_none() && json.get("comparison").is_none());
}

#[test]
fn training_makes_the_catalogue_and_finds_leaks() {
    let files = Files::new();
    files.write("train.csv", TRAIN);
    files.write("truth.csv", "user_id,item_id,timestamp\nann,tea,9\nbob,tea,4\ncid,salt,9\n");
    let evaluation =
        files.evaluation_files().with_train(files.path("train.csv")).evaluate(&at(&[2])).unwrap();
    // Of tea, rice and milk all are recommended; ann has met tea.
    assert_eq!(value(&evaluation, "Coverage@2"), Some(1.0));
    assert_eq!(value(&evaluation, "UnseenShare@2"), Some((0.5 + 1.0) / 2.0));
    let leakage = evaluation.leakage.as_ref().unwrap();
    let n_rows = |kind| leakage.finding(kind).unwrap().n_rows;
    assert_eq!(n_rows(FindingKind::PairInBoth), 1);
    assert_eq!(n_rows(FindingKind::UnseenUser), 1);
    assert_eq!(n_rows(FindingKind::UnseenItem), 1);
    assert_eq!(n_rows(FindingKind::NotAfterTraining), 1);
    assert_eq!(n_rows(FindingKind::BeforeOwnTraining), 1);
    assert!(!leakage.is_clean());
    assert!(evaluation.leakage_examples[0].ends_with("truth.csv line 2: user ann, item tea"));
    // Recommended twice, once, once.
    assert_eq!(evaluation.exposure, Some(vec![2, 1, 1]));
}

#[test]
fn slices_come_from_training_and_from_files() {
    let files = Files::new();
    files.write("train.csv", TRAIN);
    files.write("countries.csv", "user,country\nann,Peru\nbob,Chad\ncid,Peru\nzoe,Oman\n");
    files.write("kinds.csv", "item_id,kind\ntea,drink\nmilk,drink\nrice,food\n");
    let mut paths = files.evaluation_files().with_train(files.path("train.csv"));
    paths.slices = vec![files.path("countries.csv"), files.path("kinds.csv")];
    let config = EvaluationConfig { by_activity: true, by_popularity: true, ..at(&[1]) };
    let evaluation = paths.evaluate(&config).unwrap();
    let of = |slice: &str| evaluation.report.slices().iter().find(|of| of.slice == slice).unwrap();
    let hit_rate = |slice: &str| {
        let summary = of(slice).summaries.iter().find(|summary| summary.label == "HitRate@1").unwrap();
        (of(slice).n_users, summary.value)
    };
    assert_eq!(hit_rate("Peru"), (2, Some(0.0)));
    assert_eq!(hit_rate("Chad"), (1, Some(1.0)));
    // Someone of whom the files say nothing else has no slice of measured users.
    assert_eq!(hit_rate("Oman"), (0, None));
    assert_eq!(hit_rate("drink"), (3, Some(1.0 / 3.0)));
    assert_eq!(hit_rate("food"), (0, None));
    assert_eq!(hit_rate("cold").0, 1);
    let groupings: Vec<_> = evaluation.report.slices().iter().map(|slice| slice.grouping.as_str()).collect();
    for grouping in ["activity", "popularity", "country", "kind"] {
        assert!(groupings.contains(&grouping), "{groupings:?}");
    }
}

#[test]
fn ranks_count_before_scores_unless_the_score_is_named() {
    let files = Files::new();
    let lists = "user_id,item_id,score,rating,rank\nann,tea,0.9,0,2\nann,milk,0.2,1,1\n";
    files.write("lists.csv", lists);
    files.write("truth.csv", "user_id,item_id\nann,milk\n");
    let mut paths = files.evaluation_files();
    let mrr = |paths: &EvaluationFiles| value(&paths.evaluate(&at(&[2])).unwrap(), "MRR@2");
    assert_eq!(mrr(&paths), Some(1.0));
    paths.columns.score = Some("score".into());
    assert_eq!(mrr(&paths), Some(0.5));
    paths.columns.rank = Some("rank".into());
    assert_eq!(mrr(&paths), Some(1.0));
}

#[test]
fn another_model_is_compared_user_by_user() {
    let files = Files::new();
    files.write("other.csv", "user_id,item_id,rank\nann,milk,1\nann,tea,2\nbob,tea,1\ncid,rice,1\n");
    let paths = EvaluationFiles { compare: Some(files.path("other.csv")), ..files.evaluation_files() };
    let evaluation = paths.evaluate(&at(&[2])).unwrap();
    let (_, mrr) = evaluation.comparison.iter().find(|(label, _)| label == "MRR@2").unwrap();
    assert_eq!((mrr.n_users, mrr.n_better, mrr.n_worse, mrr.n_equal), (3, 1, 0, 2));
    assert_eq!((mrr.first, mrr.second), (Some(0.5), Some(2.0 / 3.0)));
    // Both of ann's, one of bob's two.
    assert_eq!(value(&evaluation, "Overlap@2"), Some((1.0 + 0.5) / 2.0));
    assert!(evaluation.comparison.iter().all(|(label, _)| !label.starts_with("Overlap")));
}

#[test]
fn all_that_is_ranked_is_no_sample() {
    let files = Files::new();
    files.write(
        "candidates.csv",
        "user_id,item_id\nann,tea\nann,milk\nann,rice\nbob,tea\nbob,rice\ncid,tea\n",
    );
    files.write("other.csv", "user_id,item_id,rank\nann,tea,1\ncid,milk,1\n");
    let all = EvaluationFiles { candidates: Some(files.path("candidates.csv")), ..files.evaluation_files() };
    // Three items, two of them beside the relevant one.
    assert!(all.evaluate(&at(&[1])).unwrap().report.warnings().is_empty());
    let compared = EvaluationFiles { compare: Some(files.path("other.csv")), ..all };
    let message = compared.evaluate(&at(&[1])).unwrap_err().to_string();
    assert!(message.contains("item milk is recommended to user cid but not among"), "{message}");
}

#[test]
fn candidates_bring_a_warning() {
    let files = Files::new();
    files.write("train.csv", "user_id,item_id\nann,tea\nbob,salt\ndan,rice\ndan,milk\ndan,corn\n");
    let candidates = "user_id,item_id\nann,tea\nann,milk\nbob,tea\nbob,rice\ncid,tea\ncid,rice\n";
    files.write("candidates.csv", candidates);
    let paths = EvaluationFiles {
        candidates: Some(files.path("candidates.csv")),
        ..files.evaluation_files().with_train(files.path("train.csv"))
    };
    let evaluation = paths.evaluate(&at(&[2])).unwrap();
    let warning = evaluation.report.warnings()[0].to_string();
    assert!(warning.contains("among 1 sampled candidates, not all 5 items"), "{warning}");
    files.write("candidates.csv", &candidates.replace("ann,milk\n", ""));
    let message = paths.evaluate(&at(&[2])).unwrap_err().to_string();
    assert!(message.contains("item milk is recommended to user ann but not among"), "{message}");
}

#[test]
fn base_lists_categories_and_grades_add_metrics() {
    let files = Files::new();
    files.write("base.csv", "user_id,item_id,score\nann,tea,2\nann,salt,1\nbob,salt,1\nbob,corn,0\n");
    files.write("kinds.csv", "item_id,kind\ntea,drink\nmilk,drink\nrice,food\n");
    files.write("truth.csv", "user_id,item_id,rating\nann,milk,3\nbob,tea,1\nbob,rice,2\n");
    let paths = EvaluationFiles {
        base: Some(files.path("base.csv")),
        categories: Some(files.path("kinds.csv")),
        ..files.evaluation_files()
    };
    let config = EvaluationConfig { is_graded: true, ..at(&[2]) };
    let evaluation = paths.evaluate(&config).unwrap();
    assert_eq!(value(&evaluation, "Unexpectedness@2"), Some((0.5 + 1.0) / 2.0));
    // Tea and milk are of one kind, tea and rice are not.
    assert_eq!(value(&evaluation, "IntraListDiversity@2"), Some((0.0 + 1.0) / 2.0));
    // bob: 1 + 2 / log2(3), ideally 2 + 1 / log2(3); ann: 1 / log2(3).
    let discount = 1.0 / 3_f64.log2();
    let expected = (discount + (1.0 + 2.0 * discount) / (2.0 + discount)) / 2.0;
    assert!((value(&evaluation, "NDCG(linear)@2").unwrap() - expected).abs() < 1e-12);
}

#[test]
fn the_order_of_rows_changes_no_bit_and_ties_are_told() {
    let files = Files::new();
    let mut rows: Vec<String> = (0..200).map(|row| format!("u{},i{},{}", row % 17, row, row % 5)).collect();
    let json = |rows: &[String]| {
        files.write("lists.csv", &format!("user,item,score\n{}\n", rows.join("\n")));
        files.write("truth.csv", "user,item\nu1,i35\nu2,i2\nu3,i190\nu16,i16\n");
        files.evaluation_files().evaluate(&at(&[1, 5])).unwrap().to_json().to_string()
    };
    let forwards = json(&rows);
    assert!(
        forwards.contains("17 users have items of equal score, which are ordered by item id"),
        "{forwards}"
    );
    rows.reverse();
    assert_eq!(json(&rows), forwards);
}

#[test]
fn bootstrap_intervals_repeat() {
    let files = Files::new();
    let json = |n_resamples, seed| {
        let config = EvaluationConfig { n_resamples: Some(n_resamples), seed, ..at(&[1]) };
        files.evaluation_files().evaluate(&config).unwrap().to_json()
    };
    assert_eq!(json(200, 5), json(200, 5));
    assert_eq!(json(200, 5)["intervals_by"], "bootstrap");
    // Few users and few resamples: other draws, other bounds.
    assert_ne!(json(7, 5)["intervals"], json(7, 6)["intervals"]);
}

#[test]
fn intervals_have_the_confidence_that_was_asked_for() {
    let files = Files::new();
    let rows = |item: &str| (0..60).map(|user| format!("u{user},{item},{}\n", user % 2)).collect::<String>();
    files.write("lists.csv", &format!("user,item,score\n{}", rows("tea")));
    let liked: String =
        (0..60).map(|user| format!("u{user},{}\n", ["tea", "rice", "milk"][user % 3])).collect();
    files.write("truth.csv", &format!("user,item\n{liked}"));
    for n_resamples in [None, Some(400)] {
        let width = |level| {
            let confidence = Confidence::new(level).unwrap();
            let config = EvaluationConfig { confidence, n_resamples, ..at(&[1]) };
            let evaluation = files.evaluation_files().evaluate(&config).unwrap();
            assert_eq!(evaluation.report.summaries()[0].label, "NDCG@1");
            let interval = evaluation.intervals[0].unwrap();
            interval.upper - interval.lower
        };
        // 1.96 and 0.67 standard errors.
        let ratio = width(0.95) / width(0.5);
        assert!((2.4..3.6).contains(&ratio), "{n_resamples:?} {ratio}");
    }
}

#[test]
fn notes_say_what_numbers_do_not() {
    let files = Files::new();
    let notes =
        |files: &EvaluationFiles, cutoffs: &[usize]| files.evaluate(&at(cutoffs)).unwrap().notes.join("; ");
    let paths = files.evaluation_files();
    assert_eq!(notes(&paths, &[1, 2]), "");
    assert_eq!(notes(&paths, &[2, 3, 9]), "no list is longer than 2: metrics at 3, 9 see no more than that");
    files.write("truth.csv", "user_id,item_id,rating\nann,milk,1\nbob,tea,5\nbob,tea,4\n");
    let of_truth = notes(&paths, &[2]);
    assert!(of_truth.contains("column \"rating\" is not used, every row is relevant"), "{of_truth}");
    assert!(of_truth.contains("truth.csv: 1 rows repeat a user and item"), "{of_truth}");
    files.write("train.csv", "user_id,item_id,time\nann,tea,1998-02-14\n");
    let of_train = notes(&files.evaluation_files().with_train(files.path("train.csv")), &[2]);
    assert!(of_train.contains("timestamps are not read") && of_train.contains("line 2"), "{of_train}");
    assert!(of_train.contains("leaks in time were not looked for"), "{of_train}");
}

#[test]
fn moments_are_compared_in_any_unit_and_to_the_last_digit() {
    let files = Files::new();
    let n_late = |train: &str, test: &str| {
        files.write("train.csv", &format!("user_id,item_id,timestamp\nann,tea,{train}\nbob,rice,1\n"));
        files.write("truth.csv", &format!("user_id,item_id,timestamp\nann,milk,{test}\nbob,tea,{test}\n"));
        let paths = files.evaluation_files().with_train(files.path("train.csv"));
        let evaluation = paths.evaluate(&at(&[1])).unwrap();
        let leakage = evaluation.leakage.unwrap();
        let n_rows = |kind| leakage.finding(kind).unwrap().n_rows;
        (
            n_rows(FindingKind::NotAfterTraining),
            n_rows(FindingKind::BeforeOwnTraining),
            evaluation.notes.len(),
        )
    };
    assert_eq!(n_late("1000000000.25", "1000000000.5"), (0, 0, 0));
    assert_eq!(n_late("1000000000.5", "1000000000.25"), (2, 1, 0));
    assert_eq!(n_late("1600000000000000", "1700000000000000"), (0, 0, 0));
    assert_eq!(n_late("1600000000", "1500000000000"), (0, 0, 1));
}

#[test]
fn one_user_in_training_has_no_surprisal() {
    let files = Files::new();
    files.write("train.csv", "user_id,item_id\nann,tea\n");
    let evaluation =
        files.evaluation_files().with_train(files.path("train.csv")).evaluate(&at(&[1])).unwrap();
    assert!(evaluation.report.summary("Surprisal@1").is_err());
    assert_eq!(value(&evaluation, "InverseUserFrequency@1"), Some(0.0));
}

#[test]
fn the_catalogue_is_what_training_knows() {
    let files = Files::new();
    // Tea has eight of ten rows and is the head. Salt and corn are of no list.
    let rows: String = (0..8).map(|user| format!("u{user},tea\n")).collect();
    files.write("train.csv", &format!("user_id,item_id\n{rows}u1,rice\nu2,salt\n"));
    files.write("truth.csv", "user_id,item_id\nann,milk\nbob,tea\ncid,corn\n");
    let evaluation =
        files.evaluation_files().with_train(files.path("train.csv")).evaluate(&at(&[1, 2])).unwrap();
    // Tea, tea and rice are of the catalogue, milk is not.
    assert_eq!(value(&evaluation, "TailShare@2"), Some(1.0 / 3.0));
    assert_eq!(value(&evaluation, "Coverage@2"), Some(2.0 / 3.0));
    // Milk at rank 2 of three items, cold: (3 + 1 - 2) / 3 over two ranks; tea, the most popular, surprises no one.
    assert!((value(&evaluation, "Serendipity@2").unwrap() - (1.0 / 3.0 + 0.0) / 2.0).abs() < 1e-12);
    assert_eq!(evaluation.exposure, Some(vec![2, 1, 0]));
    let first = files.evaluation_files().with_train(files.path("train.csv")).evaluate(&at(&[1])).unwrap();
    assert_eq!(first.exposure, Some(vec![2, 0, 0]));
}
