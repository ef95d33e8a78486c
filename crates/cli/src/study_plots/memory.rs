//! AUC against the bytes that users take.

use burn_recsys_training::study::{CandidateReport, StudyReport};

use super::{Plot, Point, Series};
use crate::study_tables::{ALL, representations};

/// How far one way is moved aside from the next, as a part of the axis.
const ASIDE: f64 = 0.006;

pub(super) fn plot(report: &StudyReport) -> Option<Plot> {
    let mut series: Vec<Series> = Vec::new();
    for candidate in &report.candidates {
        let (Some((way, _)), Some(estimate)) = (&candidate.budget, candidate.estimate(ALL, "AUC")) else {
            continue;
        };
        let point = Point::new(log_bytes(candidate), estimate);
        match series.iter_mut().find(|series| series.name == *way) {
            Some(series) => series.points.push(point),
            None => series.push(Series { name: way.clone(), is_joined: true, points: vec![point] }),
        }
    }
    let places: Vec<f64> = series.iter().flat_map(|series| &series.points).map(|point| point.x).collect();
    let (first, last) = (places.iter().copied().reduce(f64::min)?, places.iter().copied().reduce(f64::max)?);
    let room = last - first + 0.6;
    let middle = (series.len() as f64 - 1.0) / 2.0;
    for (at, series) in series.iter_mut().enumerate() {
        series.points.sort_by(|a, b| a.x.total_cmp(&b.x));
        // Ways at one budget would hide each other's intervals.
        series.points.iter_mut().for_each(|point| point.x += room * ASIDE * (at as f64 - middle));
    }
    let full = representations(report).into_iter().find(|candidate| candidate.name == "id");
    let level = full.and_then(|full| Some((full.estimate(ALL, "AUC")?.mean, "id, full table".to_string())));
    Some(Plot {
        title: format!("AUC against memory, {}", report.dataset),
        x_title: "bytes of the user representation, moved a little apart".into(),
        y_title: "AUC, mean over tasks".into(),
        x: [first - 0.3, last + 0.3],
        // Powers of two, at most about twelve.
        x_ticks: ((first - 0.3).ceil() as i32..=(last + 0.3).floor() as i32)
            .step_by(((last - first) / 12.0).ceil().max(1.0) as usize)
            .map(|power| (f64::from(power), bytes(power)))
            .collect(),
        x_rules: Vec::new(),
        series,
        level,
        y_limits: [0.0, 1.0],
    })
}

fn log_bytes(candidate: &CandidateReport) -> f64 {
    (candidate.user_bytes().max(1) as f64).log2()
}

/// 2 to the power, as people write it.
fn bytes(power: i32) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (power / 10).clamp(0, units.len() as i32 - 1);
    format!("{} {}", 2f64.powi(power - 10 * unit), units[unit as usize])
}
