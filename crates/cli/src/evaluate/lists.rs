//! The lists of any recommender, from files.

use std::path::Path;

use burn_recsys_evaluation::{ColumnNames, Evaluation, EvaluationConfig, EvaluationFiles};
use burn_recsys_metrics::statistics::{Confidence, Interval};
use burn_recsys_metrics::{SliceOf, Summary};
use burn_recsys_training::write_atomic;

use crate::arguments::{Common, EvaluateLists};
use crate::data::print_json;
use crate::failure::Failure;
use crate::output::{line, note};
use crate::table::Table;

/// `evaluate --recommendations`.
pub(super) fn run(
    common: &Common,
    recommendations: &Path,
    truth: &Path,
    arguments: &EvaluateLists,
) -> Result<(), Failure> {
    let config = config(arguments)?;
    let files = files(recommendations, truth, arguments);
    check_slices(&files)?;
    if let Some(html) = &arguments.html {
        check_report(html, &files)?;
    }
    let evaluation = files.evaluate(&config)?;
    for warning in evaluation.report.warnings() {
        note(format_args!("warning: {warning}"));
    }
    for remark in &evaluation.notes {
        note(format_args!("note: {remark}"));
    }
    if let Some(path) = &arguments.html {
        write_atomic(path, evaluation.to_html()?.as_bytes())?;
        note(format_args!("the report is in {}", path.display()));
    }
    if common.json {
        print_json(&evaluation.to_json())?;
    } else {
        print_tables(&evaluation);
    }
    match (arguments.fail_on_leak, leaks(&evaluation)) {
        (true, Some(found)) => Err(Failure::Leak { found }),
        _ => Ok(()),
    }
}

/// A name that was misspelt is not a file.
fn check_slices(files: &EvaluationFiles) -> Result<(), Failure> {
    match files.slices.iter().find(|path| !path.exists()) {
        None => Ok(()),
        Some(path) => {
            let path = path.display();
            let message =
                format!("there is no file {path}; what is known by name are activity and popularity");
            Err(burn_recsys_evaluation::Error::Parameter { parameter: "slices", message }.into())
        }
    }
}

/// Refuses to put the report in the place of what is read, or of what is no file.
fn check_report(html: &Path, files: &EvaluationFiles) -> Result<(), Failure> {
    let refused = |message: String| Failure::Report { path: html.to_path_buf(), message };
    let Ok(metadata) = html.symlink_metadata() else { return Ok(()) };
    if !metadata.is_file() {
        return Err(refused("is there and is not a regular file; give another path".into()));
    }
    let is_same = |path: &Path| path.canonicalize().ok() == html.canonicalize().ok();
    match files.paths().into_iter().find(|path| is_same(path)) {
        Some(_) => Err(refused("is one of the files that are measured; give another path".into())),
        None => Ok(()),
    }
}

fn files(recommendations: &Path, truth: &Path, arguments: &EvaluateLists) -> EvaluationFiles {
    let of_file = |slices: &&String| !["activity", "popularity"].contains(&slices.as_str());
    let names = &arguments.columns;
    EvaluationFiles {
        train: arguments.train.clone(),
        compare: arguments.compare.clone(),
        base: arguments.base.clone(),
        categories: arguments.categories.clone(),
        candidates: arguments.candidates.clone(),
        slices: arguments.slices.iter().filter(of_file).map(Into::into).collect(),
        columns: ColumnNames {
            user: names.user.clone(),
            item: names.item.clone(),
            score: names.score.clone(),
            rank: names.rank.clone(),
            rating: names.rating.clone(),
            timestamp: names.timestamp.clone(),
        },
        ..EvaluationFiles::new(recommendations, truth)
    }
}

fn config(arguments: &EvaluateLists) -> Result<EvaluationConfig, Failure> {
    let names = |name: &str| arguments.slices.iter().any(|slices| slices == name);
    Ok(EvaluationConfig {
        cutoffs: arguments.k.clone(),
        min_rating: arguments.min_rating,
        is_graded: arguments.graded,
        by_activity: names("activity"),
        by_popularity: names("popularity"),
        confidence: Confidence::new(arguments.confidence).map_err(burn_recsys_evaluation::Error::from)?,
        n_resamples: arguments.bootstrap,
        seed: arguments.seed,
    })
}

/// What a model could have learnt from, in words.
fn leaks(evaluation: &Evaluation) -> Option<String> {
    let findings = evaluation.leakage.iter().flat_map(|leakage| leakage.findings());
    let leaks = findings.filter(|finding| finding.kind.is_leak() && finding.n_rows > 0);
    let leaks: Vec<String> = leaks.map(|leak| format!("{} {} rows", leak.n_rows, leak.kind.name())).collect();
    (!leaks.is_empty()).then(|| leaks.join(", "))
}

fn print_tables(evaluation: &Evaluation) {
    print_metrics(evaluation);
    let users = evaluation.users;
    line(format_args!(
        "\n{} users: {} with lists and relevant items, {} with relevant items but no list (misses), \
         {} with a list but nothing relevant (undefined)",
        evaluation.report.n_users(),
        users.both,
        users.only_ground_truth,
        users.only_recommendations
    ));
    print_slices(evaluation);
    print_comparison(evaluation);
    print_leakage(evaluation);
}

/// A metric a row, a cutoff a column; the interval and the undefined users of the largest cutoff.
fn print_metrics(evaluation: &Evaluation) {
    let cutoffs = &evaluation.config.cutoffs;
    let percent = percent(evaluation);
    let by = if evaluation.config.n_resamples.is_some() { ", bootstrap" } else { "" };
    let mut header = vec!["metric".to_owned()];
    header.extend(cutoffs.iter().map(|k| format!("@{k}")));
    header.push(format!("{percent}% interval{by}"));
    header.push("undefined".to_owned());
    let mut table = Table::new(header);
    let summaries: Vec<(&Summary, Option<Interval>)> =
        evaluation.report.summaries().iter().zip(evaluation.intervals.iter().copied()).collect();
    let mut done: Vec<&str> = Vec::new();
    for (summary, _) in &summaries {
        let name = name_of(summary);
        if done.contains(&name) {
            continue;
        }
        done.push(name);
        let of_name: Vec<&(&Summary, Option<Interval>)> =
            summaries.iter().filter(|(other, _)| name_of(other) == name).collect();
        // A metric without a cutoff stands below the last one.
        let mut row = vec![name.to_owned()];
        row.extend(std::iter::repeat_n(String::new(), cutoffs.len().saturating_sub(of_name.len())));
        row.extend(of_name.iter().map(|(summary, _)| number(summary.value)));
        let Some((last, interval)) = of_name.last() else { continue };
        row.push(interval.as_ref().map_or_else(|| "-".to_owned(), bounds));
        row.push(last.n_undefined.to_string());
        table.push(row);
    }
    table.print();
}

/// Without the digits that a product of floats brings.
fn percent(evaluation: &Evaluation) -> f64 {
    (evaluation.config.confidence.level() * 1e8).round() / 1e6
}

/// A p value; one that is very small is not 0.
fn p_value(value: Option<f64>) -> String {
    match value {
        Some(value) if value < 1e-4 => "<0.0001".to_owned(),
        value => number(value),
    }
}

/// The label without its cutoff.
fn name_of(summary: &Summary) -> &str {
    summary.label.split_once('@').map_or(&summary.label, |(name, _)| name)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

fn bounds(interval: &Interval) -> String {
    format!("{:.4}..{:.4}", interval.lower, interval.upper)
}

fn print_slices(evaluation: &Evaluation) {
    let Some(k) = evaluation.config.cutoffs.last() else { return };
    let shown = ["NDCG", "HitRate", "Recall", "MRR"].map(|name| format!("{name}@{k}"));
    let slices = evaluation.report.slices();
    if slices.is_empty() {
        return;
    }
    let header = ["slices of", "grouping", "slice", "users"].map(str::to_owned);
    let mut table =
        Table::new(header.into_iter().chain(shown.iter().cloned()).chain(["undefined".to_owned()]));
    for slice in slices {
        let of = match slice.of {
            SliceOf::Users => "users",
            SliceOf::Items => "items",
        };
        let summary = |label: &String| slice.summaries.iter().find(|summary| summary.label == *label);
        let mut row =
            vec![of.to_owned(), slice.grouping.clone(), slice.slice.clone(), slice.n_users.to_string()];
        row.extend(shown.iter().map(|label| number(summary(label).and_then(|summary| summary.value))));
        row.push(shown.first().and_then(summary).map_or(0, |summary| summary.n_undefined).to_string());
        table.push(row);
    }
    line(format_args!(""));
    table.print();
}

fn print_comparison(evaluation: &Evaluation) {
    let Some(k) = evaluation.config.cutoffs.last() else { return };
    let of_largest = format!("@{k}");
    let percent = percent(evaluation);
    let mut table = Table::new(
        ["metric", "lists", "compared", "compared - lists"].map(str::to_owned).into_iter().chain([
            format!("{percent}% interval (t)"),
            "p (t)".to_owned(),
            "p (bootstrap)".to_owned(),
            "effect size".to_owned(),
            "higher".to_owned(),
            "lower".to_owned(),
            "users".to_owned(),
        ]),
    );
    if evaluation.comparison.is_empty() {
        return;
    }
    for (label, paired) in &evaluation.comparison {
        if label.contains('@') && !label.ends_with(&of_largest) {
            continue;
        }
        table.push([
            label.clone(),
            number(paired.first),
            number(paired.second),
            number(paired.difference),
            paired.t_interval.as_ref().map_or_else(|| "-".to_owned(), bounds),
            p_value(paired.t_test_p_value),
            p_value(paired.bootstrap_p_value),
            number(paired.effect_size),
            paired.n_better.to_string(),
            paired.n_worse.to_string(),
            paired.n_users.to_string(),
        ]);
    }
    line(format_args!(""));
    table.print();
}

fn print_leakage(evaluation: &Evaluation) {
    let Some(leakage) = &evaluation.leakage else { return };
    let mut table = Table::new(["training and test part", "rows", "share", "leak", "first"]);
    let mut is_empty = true;
    for (finding, example) in leakage.findings().iter().zip(&evaluation.leakage_examples) {
        if finding.n_rows > 0 {
            is_empty = false;
            let is_leak = if finding.kind.is_leak() { "yes" } else { "no" };
            let share = number(finding.share);
            table.push([finding.kind.name(), &finding.n_rows.to_string(), &share, is_leak, example]);
        }
    }
    line(format_args!(""));
    if is_empty {
        line(format_args!("no overlap of training and test part was found"));
    } else {
        table.print();
    }
}
