//! AUC by slice.

use burn_recsys_training::study::StudyReport;

use super::{Plot, Point, Series};
use crate::study_tables::representations;

/// The part of the room of a slice that its points take.
const USED: f64 = 0.72;

pub(super) fn plot(report: &StudyReport) -> Option<Plot> {
    let representations = representations(report);
    let first = representations.first()?.seeds.first()?;
    // A slice without rows would be an empty place.
    let slices: Vec<_> = first.slices.iter().filter(|slice| slice.metrics.contains_key("AUC")).collect();
    let n = representations.len() as f64;
    let series = representations.iter().enumerate().map(|(at, candidate)| Series {
        name: candidate.name.clone(),
        is_joined: false,
        points: slices
            .iter()
            .enumerate()
            .filter_map(|(slice, outcome)| {
                let estimate = candidate.estimate(&outcome.slice, "AUC")?;
                let x = slice as f64 + USED * ((at as f64 + 0.5) / n - 0.5);
                Some(Point::new(x, estimate))
            })
            .collect(),
    });
    Some(Plot {
        title: format!("AUC by slice, {}", report.dataset),
        x_title: "activity of the user, popularity of the item, in the training part".into(),
        y_title: "AUC, mean over tasks".into(),
        x: [-0.5, slices.len() as f64 - 0.5],
        x_ticks: slices
            .iter()
            .enumerate()
            .map(|(at, slice)| (at as f64, format!("{}\n{} rows", slice.slice, slice.n_rows)))
            .collect(),
        x_rules: (1..slices.len()).map(|at| at as f64 - 0.5).collect(),
        series: series.collect(),
        level: None,
        y_limits: [0.0, 1.0],
    })
}
