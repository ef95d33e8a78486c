//! The tables of a report.

use burn_recsys_metrics::statistics::{Interval, PairedComparison};
use burn_recsys_metrics::{SliceOf, SliceReport, Summary};

use super::definitions::split;
use super::page::table;
use super::text::{count, counted, escape, interval, number, p_value, percent, signed};
use crate::Evaluation;

const NOTHING: &str = "<td class=\"faint\">–</td>";

/// Metrics by cutoff: value, interval, and for how many users it is undefined.
pub(super) fn metrics(evaluation: &Evaluation) -> String {
    let summaries = evaluation.report.summaries();
    let mut names: Vec<&str> = Vec::new();
    let mut cutoffs: Vec<Option<usize>> = Vec::new();
    for summary in summaries {
        let (name, k) = split(&summary.label);
        if !names.contains(&name) {
            names.push(name);
        }
        if !cutoffs.contains(&k) {
            cutoffs.push(k);
        }
    }
    // `None` is the last: a metric without a cutoff has no length to be ordered by.
    cutoffs.sort_unstable_by_key(|k| (k.is_none(), *k));
    let heads: Vec<String> =
        cutoffs.iter().map(|k| k.map_or("no cutoff".to_owned(), |k| format!("@{k}"))).collect();
    let mut head = vec!["metric"];
    head.extend(heads.iter().map(String::as_str));
    let row = |&name: &&str| {
        let cell = |k: &Option<usize>| {
            let position = summaries.iter().position(|summary| split(&summary.label) == (name, *k));
            position.map_or(NOTHING.to_owned(), |position| {
                let interval = evaluation.intervals.get(position).and_then(Option::as_ref);
                metric_cell(&summaries[position], interval)
            })
        };
        let cells: String = cutoffs.iter().map(cell).collect();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(name))
    };
    table(&head, &names.iter().map(row).collect::<Vec<_>>())
}

fn metric_cell(summary: &Summary, bounds: Option<&Interval>) -> String {
    let value = summary.value.map_or("<span class=\"faint\">undefined</span>".to_owned(), number);
    let bounds = bounds.map_or(String::new(), |bounds| format!("<small>{}</small>", interval(bounds)));
    let undefined = match summary.n_undefined {
        0 => String::new(),
        n => format!("<small>{} undefined</small>", count(n)),
    };
    format!("<td>{value}{bounds}{undefined}</td>")
}

/// Every slice with the metric called `label`.
pub(super) fn slices(evaluation: &Evaluation, label: &str) -> String {
    let row = |slice: &SliceReport| {
        let summary = slice.summaries.iter().find(|summary| summary.label == label);
        let bounds = summary.and_then(|summary| summary.normal_interval(evaluation.config.confidence));
        let value = summary.map_or(NOTHING.to_owned(), |summary| metric_cell(summary, bounds.as_ref()));
        let of = match slice.of {
            SliceOf::Users => "users",
            SliceOf::Items => "items",
        };
        format!(
            "<tr><th scope=\"row\" class=\"name\">{}</th><td class=\"text\">{} ({of})</td><td>{}</td>{value}</tr>\n",
            escape(&slice.slice),
            escape(&slice.grouping),
            count(slice.n_users),
        )
    };
    let rows: Vec<String> = evaluation.report.slices().iter().map(row).collect();
    table(&["slice", "grouping", "users", label], &rows)
}

/// What was found in the training and the test part. Those that make a measurement too good are marked.
pub(super) fn leakage(evaluation: &Evaluation) -> String {
    let findings = evaluation.leakage.iter().flat_map(|leakage| leakage.findings());
    let examples = evaluation.leakage_examples.iter().map(String::as_str).chain(std::iter::repeat(""));
    let row = |(finding, example): (&burn_recsys_metrics::leakage::Finding, &str)| {
        let is_leak = finding.n_rows > 0 && finding.kind.is_leak();
        let (class, mark) = match is_leak {
            true => (" class=\"leak\"", " <span class=\"leak-mark\">leak</span>"),
            false => ("", ""),
        };
        // What there is none of needs no explanation.
        let meaning = if finding.n_rows > 0 { finding.kind.meaning() } else { "None." };
        format!(
            "<tr{class}><th scope=\"row\">{}{mark}</th><td>{}</td><td>{}</td><td class=\"text\">{meaning}</td>\
             <td class=\"text\">{}</td></tr>\n",
            finding.kind.name(),
            count(finding.n_rows),
            finding.share.map_or("–".to_owned(), |share| escape(&percent(share))),
            escape(example),
        )
    };
    table(
        &["kind", "rows", "share", "meaning", "example"],
        &findings.zip(examples).map(row).collect::<Vec<_>>(),
    )
}

/// Both models by every metric.
pub(super) fn comparison(evaluation: &Evaluation) -> String {
    let cell = |value: Option<String>| value.map_or(NOTHING.to_owned(), |value| format!("<td>{value}</td>"));
    let row = |(label, paired): &(String, PairedComparison)| {
        let difference = paired.difference.map(|difference| {
            let bounds = paired.t_interval.as_ref().map(interval).unwrap_or_default();
            format!("{}<small>{bounds}</small>", signed(difference))
        });
        let cells = [
            paired.first.map(number),
            paired.second.map(number),
            difference,
            paired.t_test_p_value.map(p_value).map(|p| escape(&p)),
            paired.bootstrap_p_value.map(p_value).map(|p| escape(&p)),
            paired.effect_size.map(|effect| format!("{effect:.3}").replacen('-', "−", 1)),
            Some(count(paired.n_better)),
            Some(count(paired.n_worse)),
            Some(count(paired.n_equal)),
        ];
        let cells: String = cells.map(cell).concat();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(label))
    };
    let head = [
        "metric",
        "first",
        "second",
        "difference",
        "p (t)",
        "p (boot.)",
        "effect",
        "higher",
        "lower",
        "equal",
    ];
    table(&head, &evaluation.comparison.iter().map(row).collect::<Vec<_>>())
}

/// What was read.
pub(super) fn files(evaluation: &Evaluation) -> String {
    let files = &evaluation.files;
    let mut all = vec![("recommendations", &files.recommendations), ("ground truth", &files.ground_truth)];
    let optional = [
        ("training", &files.train),
        ("compared with", &files.compare),
        ("base", &files.base),
        ("categories", &files.categories),
        ("candidates", &files.candidates),
    ];
    all.extend(optional.into_iter().filter_map(|(what, path)| Some((what, path.as_ref()?))));
    all.extend(files.slices.iter().map(|path| ("slices", path)));
    let row = |(what, path): &(&str, &std::path::PathBuf)| {
        let path = escape(&path.display().to_string());
        format!("<tr><th scope=\"row\">{what}</th><td class=\"text\"><code>{path}</code></td></tr>\n")
    };
    table(&["file", "path"], &all.iter().map(row).collect::<Vec<_>>())
}

/// Who was measured.
pub(super) fn users(evaluation: &Evaluation) -> String {
    let users = &evaluation.users;
    let tile = |n: usize, what: &str| format!("<div><b>{}</b>{what}</div>\n", count(n));
    let measured = counted(evaluation.report.n_users(), "user");
    format!(
        "<h2>Users</h2>\n<p>{measured} were measured.</p>\n<div class=\"tiles\">\n{}{}{}</div>\n",
        tile(users.both, "with recommendations and relevant items"),
        tile(
            users.only_recommendations,
            "with recommendations alone: undefined where relevant items are needed"
        ),
        tile(users.only_ground_truth, "with relevant items alone: they count as misses"),
    )
}
