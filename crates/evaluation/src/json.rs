//! An evaluation as JSON.

use burn_recsys_metrics::statistics::{Interval, PairedComparison};
use burn_recsys_metrics::{SliceOf, SliceReport, Summary};
use serde_json::{Map, Value, json};

use crate::Evaluation;

impl Evaluation {
    /// Everything as one object: `metrics` by label, with `null` for undefined; `undefined`, for how many users
    /// each is; `users`, how many were measured; then medians, intervals, slices, leakage, comparison and notes.
    pub fn to_json(&self) -> Value {
        let summaries = self.report.summaries();
        let intervals = summaries.iter().zip(&self.intervals);
        let intervals: Map<String, Value> = intervals
            .filter_map(|(summary, interval)| Some((summary.label.clone(), bounds(interval.as_ref()?))))
            .collect();
        let warnings = self.report.warnings().iter().map(ToString::to_string);
        let mut object = json!({
            "metrics": by_label(summaries, |summary| json!(summary.value)),
            "undefined": by_label(summaries, |summary| json!(summary.n_undefined)),
            "users": self.report.n_users(),
            "users_by_side": {
                "both": self.users.both,
                "only_recommendations": self.users.only_recommendations,
                "only_ground_truth": self.users.only_ground_truth,
            },
            "median": by_label(
                summaries.iter().filter(|summary| summary.median.is_some()),
                |summary| json!(summary.median),
            ),
            "confidence": self.config.confidence.level(),
            "intervals_by": if self.config.n_resamples.is_some() { "bootstrap" } else { "normal" },
            "intervals": intervals,
            "slices": self.report.slices().iter().map(slice).collect::<Vec<_>>(),
            "warnings": warnings.collect::<Vec<_>>(),
            "notes": self.notes,
        });
        if let Some(leakage) = &self.leakage {
            let findings = leakage.findings().iter().zip(&self.leakage_examples).map(|(finding, example)| {
                json!({
                    "kind": finding.kind.name(), "rows": finding.n_rows, "share": finding.share,
                    "is_leak": finding.kind.is_leak(), "meaning": finding.kind.meaning(),
                    "first": (!example.is_empty()).then_some(example),
                })
            });
            object["leakage"] = findings.collect();
        }
        if !self.comparison.is_empty() {
            let comparisons =
                self.comparison.iter().map(|(label, paired)| (label.clone(), comparison(paired)));
            object["comparison"] = comparisons.collect::<Map<_, _>>().into();
        }
        object
    }
}

fn by_label<'s>(
    summaries: impl IntoIterator<Item = &'s Summary>,
    value: impl Fn(&Summary) -> Value,
) -> Map<String, Value> {
    summaries.into_iter().map(|summary| (summary.label.clone(), value(summary))).collect()
}

fn bounds(interval: &Interval) -> Value {
    json!([interval.lower, interval.upper])
}

fn slice(slice: &SliceReport) -> Value {
    json!({
        "of": match slice.of { SliceOf::Users => "users", SliceOf::Items => "items" },
        "grouping": slice.grouping,
        "slice": slice.slice,
        "users": slice.n_users,
        "metrics": by_label(&slice.summaries, |summary| json!(summary.value)),
        "undefined": by_label(&slice.summaries, |summary| json!(summary.n_undefined)),
    })
}

fn comparison(paired: &PairedComparison) -> Value {
    json!({
        "users": paired.n_users,
        "first": paired.first,
        "second": paired.second,
        "difference": paired.difference,
        "higher": paired.n_better,
        "lower": paired.n_worse,
        "equal": paired.n_equal,
        "t": paired.t,
        "t_test_p_value": paired.t_test_p_value,
        "t_interval": paired.t_interval.as_ref().map(bounds),
        "bootstrap_p_value": paired.bootstrap_p_value,
        "bootstrap_interval": paired.bootstrap_interval.as_ref().map(bounds),
        "effect_size": paired.effect_size,
    })
}
