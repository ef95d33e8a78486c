//! The weight of the id expert by the activity of users.

use burn_recsys_training::study::{CandidateReport, StudyReport};

use super::{Plot, Point, Series};
use crate::study_tables::{gate_weight, representations};

pub(super) fn plot(report: &StudyReport) -> Option<Plot> {
    let mixtures: Vec<&CandidateReport> =
        representations(report).into_iter().filter(|candidate| !candidate.gates().is_empty()).collect();
    let deciles = &mixtures.first()?.gates().first()?.deciles.clone();
    let series = mixtures.iter().map(|mixture| Series {
        name: mixture.name.clone(),
        is_joined: true,
        points: (0..deciles.len())
            .filter_map(|at| {
                let weights =
                    mixture.gates().into_iter().filter_map(|gate| Some(gate.deciles.get(at)?.weight));
                let [low, high] = weights
                    .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], w| [low.min(w), high.max(w)]);
                let y = gate_weight(mixture, at)?.mean;
                Some(Point { x: at as f64, y, low, high })
            })
            .collect(),
    });
    Some(Plot {
        title: format!("Whom the gate trusts, {}; bars from least to most over seeds", report.dataset),
        x_title: "decile of test users, with their mean number of training events".into(),
        y_title: "mean weight of the first expert".into(),
        x: [-0.5, deciles.len() as f64 - 0.5],
        x_ticks: deciles
            .iter()
            .enumerate()
            .map(|(at, decile)| (at as f64, format!("{}\n{:.1}", at + 1, decile.activity)))
            .collect(),
        x_rules: Vec::new(),
        series: series.collect(),
        level: None,
        y_limits: [0.0, 1.0],
    })
}
