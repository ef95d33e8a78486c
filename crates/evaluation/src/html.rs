//! An evaluation as a page: one file with its style and plots in it, no script, nothing to load.

mod canvas;
mod definitions;
mod page;
mod plots;
mod tables;
mod text;

use burn_recsys_metrics::{SliceOf, SliceReport, Summary};

use self::canvas::bounds;
use self::definitions::{definition, split};
use self::page::figure;
use self::plots::{AtCutoff, Look, Row, SHARES, UNLIMITED};
use self::text::{count, counted, escape, number, percent};
use crate::{Evaluation, Result};

/// What is plotted by cutoff: the metrics most papers report.
const PLOTTED: [&str; 8] =
    ["NDCG", "NDCG(linear)", "NDCG(exponential)", "HitRate", "Recall", "Precision", "MAP", "MRR"];

impl Evaluation {
    /// Everything as a page of HTML: one file without scripts that loads nothing, in light and dark, for screen,
    /// phone and paper. The same evaluation gives the same bytes.
    ///
    /// # Errors
    /// If a plot cannot be drawn.
    pub fn to_html(&self) -> Result<String> {
        let lists = self.files.recommendations.file_name().unwrap_or(self.files.recommendations.as_os_str());
        let title = format!("Evaluation of {}", lists.to_string_lossy());
        let mut body = format!("<h1>{}</h1>\n", escape(&title));
        body += &introduction(self);
        body += &alerts(self);
        body += &tables::users(self);
        body += &format!("<h2>Metrics</h2>\n<p class=\"faint\">{}</p>\n", escape(&how_sure(self)));
        body += &tables::metrics(self);
        body += &by_cutoff(self)?;
        body += &distribution(self)?;
        body += &slices(self)?;
        body += &exposure(self)?;
        body += &comparison(self)?;
        if self.leakage.is_some() {
            body += "<h2>Leakage</h2>\n<p class=\"faint\">What the training and the ground truth have in common. \
                     A leak makes the numbers above too good; the rest is worth knowing.</p>\n";
            body += &tables::leakage(self);
        }
        body += &definitions(self);
        body += "<h2>Files</h2>\n";
        body += &tables::files(self);
        Ok(page::document(&title, &body))
    }

    /// The metric that plots of one metric show, at the largest cutoff.
    fn main_metric(&self) -> Option<(String, usize)> {
        let k = self.config.cutoffs.iter().copied().max()?;
        Some((format!("NDCG@{k}"), k))
    }
}

fn introduction(evaluation: &Evaluation) -> String {
    let config = &evaluation.config;
    let cutoffs: Vec<String> = config.cutoffs.iter().map(usize::to_string).collect();
    let file = |path: &std::path::Path| {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        format!("<code>{}</code>", escape(&name))
    };
    let relevant = match (config.min_rating, config.is_graded) {
        (Some(least), true) => {
            format!(" Items rated at least {least} are relevant, their ratings are grades.")
        }
        (Some(least), false) => format!(" Items rated at least {least} are relevant."),
        (None, true) => " Ratings are grades of relevance.".to_owned(),
        (None, false) => String::new(),
    };
    let compared = evaluation.files.compare.as_deref().filter(|_| !evaluation.comparison.is_empty());
    let compared = compared.map_or(String::new(), |path| format!(" They are compared with {}.", file(path)));
    format!(
        "<p>The recommendations in {} were measured against {}, cut at {} items: {}.{relevant}{compared}</p>\n",
        file(&evaluation.files.recommendations),
        file(&evaluation.files.ground_truth),
        cutoffs.join(", "),
        counted(evaluation.report.summaries().len(), "value"),
    )
}

/// What a reader must know first.
fn alerts(evaluation: &Evaluation) -> String {
    let mut alerts = String::new();
    for warning in evaluation.report.warnings() {
        let warning = escape(&warning.to_string());
        alerts += &format!("<div class=\"alert\"><b>Warning:</b> {warning}</div>\n");
    }
    let findings = evaluation.leakage.iter().flat_map(|leakage| leakage.findings());
    for finding in findings.filter(|finding| finding.n_rows > 0 && finding.kind.is_leak()) {
        let (rows, meaning) = (counted(finding.n_rows, "row"), finding.kind.meaning());
        let share = finding.share.map_or(String::new(), |share| format!(", {}", escape(&percent(share))));
        let kind = finding.kind.name();
        alerts += &format!("<div class=\"alert\"><b>Leak:</b> {kind} ({rows}{share}). {meaning}</div>\n");
    }
    for note in &evaluation.notes {
        alerts += &format!("<div class=\"note\">{}</div>\n", escape(note));
    }
    alerts
}

/// How the intervals were made.
fn how_sure(evaluation: &Evaluation) -> String {
    let config = &evaluation.config;
    let by = match config.n_resamples {
        Some(n) => format!("the bootstrap over users with {} (seed {})", counted(n, "resample"), config.seed),
        None => "the normal distribution of a mean over users".to_owned(),
    };
    let level = format!("{:.2}", 100.0 * config.confidence.level());
    let level = level.trim_end_matches('0').trim_end_matches('.');
    format!("Means over the users for whom a metric is defined, with {level} % intervals by {by}.")
}

fn finite(summary: &Summary) -> Option<f64> {
    summary.value.filter(|value| value.is_finite())
}

fn by_cutoff(evaluation: &Evaluation) -> Result<String> {
    let summaries = evaluation.report.summaries();
    let measured = || summaries.iter().enumerate().filter_map(|(at, summary)| Some((at, finite(summary)?)));
    let interval = |at: usize| bounds(evaluation.intervals.get(at).and_then(Option::as_ref));
    let mut figures = String::new();
    let mut rows = Vec::new();
    for name in PLOTTED {
        let point = |(at, value): (usize, f64)| {
            let (of, k) = split(&summaries[at].label);
            Some(AtCutoff { k: k?, value, interval: interval(at) }).filter(|_| of == name)
        };
        let mut points: Vec<AtCutoff> = measured().filter_map(point).collect();
        points.sort_by_key(|point| point.k);
        match points.as_slice() {
            [] => {}
            // One point is no line: these become the rows of one plot.
            [AtCutoff { k, value, interval }] => rows.push(Row {
                name: format!("{name}@{k}"),
                value: *value,
                interval: *interval,
                text: number(*value),
                look: Look::Usual,
            }),
            points => figures += &figure(&plots::by_cutoff(name, points)?, ""),
        }
    }
    let mut section = String::new();
    if !figures.is_empty() {
        section += &format!("<h2>Metrics by cutoff</h2>\n<div class=\"plots\">\n{figures}</div>\n");
    }
    if !rows.is_empty() {
        let plot = plots::rows("Metrics", "mean over users", &rows, None, SHARES)?;
        section += &figure(&plot, "Bars are the intervals of the table.");
    }
    Ok(section)
}

fn distribution(evaluation: &Evaluation) -> Result<String> {
    let Some((label, _)) = evaluation.main_metric() else { return Ok(String::new()) };
    let report = &evaluation.report;
    let (Ok(summary), Ok(users)) = (report.summary(&label), report.per_user(&label)) else {
        return Ok(String::new());
    };
    let values: Vec<f64> = users.filter_map(|(_, value)| value).filter(|value| value.is_finite()).collect();
    let (Some(mean), Some(median)) = (summary.value, summary.median) else { return Ok(String::new()) };
    let plot = plots::histogram(&label, &values, mean, median)?;
    let users = counted(values.len(), "user");
    let caption = format!(
        "{users}. The bar of its own at the left holds those with exactly 0; a gap in it says that it is cut."
    );
    Ok(format!("<h2>{label} over users</h2>\n{}", figure(&plot, &caption)))
}

fn slices(evaluation: &Evaluation) -> Result<String> {
    let slices = evaluation.report.slices();
    let Some((label, _)) = evaluation.main_metric().filter(|_| !slices.is_empty()) else {
        return Ok(String::new());
    };
    let overall = evaluation.report.summary(&label).ok().and_then(finite);
    let mut groupings: Vec<(SliceOf, &str)> = Vec::new();
    for slice in slices {
        if !groupings.contains(&(slice.of, &slice.grouping)) {
            groupings.push((slice.of, &slice.grouping));
        }
    }
    let mut section = format!(
        "<h2>Slices</h2>\n<p class=\"faint\">{label} with intervals by the normal distribution; the dashed line is \
         the value of all users; few users make wide intervals, cut here at 0 and 1. In a slice of items only its items count as relevant.</p>\n"
    );
    for (of, grouping) in groupings {
        let of_grouping: Vec<&SliceReport> =
            slices.iter().filter(|slice| (slice.of, slice.grouping.as_str()) == (of, grouping)).collect();
        let rows = plots::slice_rows(&of_grouping, &label, evaluation);
        if rows.is_empty() {
            continue;
        }
        let what = if of == SliceOf::Users { "Users" } else { "Items" };
        let title = format!("{what} by {grouping}");
        let plot = plots::rows(&title, &label, &rows, overall, SHARES)?;
        section += &format!("<h3>{}</h3>\n{}", escape(&title), figure(&plot, ""));
    }
    Ok(section + &tables::slices(evaluation, &label))
}

fn exposure(evaluation: &Evaluation) -> Result<String> {
    let (Some(counts), Some((_, k))) = (&evaluation.exposure, evaluation.main_metric()) else {
        return Ok(String::new());
    };
    let all: u128 = counts.iter().map(|&count| u128::from(count)).sum();
    if all == 0 {
        return Ok(String::new());
    }
    let n_never = counts.iter().filter(|&&count| count == 0).count();
    let n_top = counts.len().div_ceil(100);
    let top: u128 = counts.iter().take(n_top).map(|&count| u128::from(count)).sum();
    let gini = evaluation.report.summary(&format!("Gini@{k}")).ok().and_then(finite);
    let gini = gini.map_or(String::new(), |gini| format!("Gini@{k} is <b>{}</b>. ", number(gini)));
    let plot = plots::lorenz(counts)?;
    let caption = "The curve says which share of the recommendations the least recommended items have \
                   together. The farther below the dashed line, the more unequal.";
    Ok(format!(
        "<h2>Exposure of items</h2>\n<p>{gini}Of the {} of the catalogue {} ({}) are never among the first {k}; \
         the {} recommended most make up {} of the recommendations.</p>\n{}",
        counted(counts.len(), "item"),
        count(n_never),
        escape(&percent(n_never as f64 / counts.len() as f64)),
        count(n_top),
        escape(&percent(top as f64 / all as f64)),
        figure(&plot, caption),
    ))
}

fn comparison(evaluation: &Evaluation) -> Result<String> {
    if evaluation.comparison.is_empty() {
        return Ok(String::new());
    }
    let most = evaluation.config.cutoffs.iter().copied().max();
    let rows = plots::difference_rows(evaluation, |label| {
        let (_, k) = split(label);
        k.is_none() || k == most
    });
    let name = |path: Option<&std::path::PathBuf>| {
        path.map_or(String::new(), |path| format!(" (<code>{}</code>)", escape(&path.display().to_string())))
    };
    let mut section = format!(
        "<h2>Comparison</h2>\n<p>Differences are the second model{} minus the first{}, over the users of both.</p>\n",
        name(evaluation.files.compare.as_ref()),
        name(Some(&evaluation.files.recommendations)),
    );
    if !rows.is_empty() {
        let plot =
            plots::rows("Differences between the models", "second minus first", &rows, None, UNLIMITED)?;
        let caption = "Bars are intervals of the paired t test. Discs: the second is higher; triangles: it is \
                       lower; circles: the interval holds 0.";
        section += &figure(&plot, caption);
    }
    section += &tables::comparison(evaluation);
    section += &format!(
        "<p class=\"faint\">p: how often chance alone would give a difference as large, by the paired t test and by \
         the bootstrap. Effect: the difference in standard deviations of the users' differences (Cohen's d). \
         Higher, lower, equal: users by the second model. {}, and p is not corrected for that: of twenty \
         without any difference, one is expected below 0.05.</p>\n",
        counted(evaluation.comparison.len(), "metric"),
    );
    Ok(section)
}

fn definitions(evaluation: &Evaluation) -> String {
    let mut names: Vec<&str> = Vec::new();
    for summary in evaluation.report.summaries() {
        let (name, _) = split(&summary.label);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let known = names.iter().filter_map(|name| Some((name, definition(name)?)));
    let lines = known.map(|(name, (what, range))| {
        format!("<dt>{}</dt><dd>{} <small>{}</small></dd>\n", escape(name), escape(what), escape(range))
    });
    format!("<h2>Definitions</h2>\n<dl>\n{}</dl>\n", lines.collect::<String>())
}

#[cfg(test)]
mod tests;
