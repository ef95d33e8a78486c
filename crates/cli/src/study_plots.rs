//! What a study found, as plots.

mod gate;
mod memory;
mod panel;
mod slices;

use burn_recsys_training::study::{Estimate, StudyReport};
use burn_recsys_training::{Error, Result};

/// How drawing fails.
type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

/// The plots by file name; those without content are left out.
pub(crate) fn all(report: &StudyReport) -> Result<Vec<(&'static str, String)>> {
    let plots = [
        ("auc-by-slice.svg", slices::plot(report)),
        ("gate.svg", gate::plot(report)),
        ("memory.svg", memory::plot(report)),
    ];
    let mut drawn = Vec::new();
    for (name, plot) in plots {
        if let Some(plot) = plot {
            let refuse =
                |error| Error::Config { key: "plots", message: format!("{name} cannot be drawn: {error}") };
            drawn.push((name, panel::svg(&plot).map_err(refuse)?));
        }
    }
    Ok(drawn)
}

/// Points with intervals, in series that share a colour and a mark.
struct Plot {
    title: String,
    x_title: String,
    y_title: String,
    /// The ends of the x axis, in the units of points.
    x: [f64; 2],
    /// Places and labels on the x axis.
    x_ticks: Vec<(f64, String)>,
    /// Places of vertical lines that part groups.
    x_rules: Vec<f64>,
    series: Vec<Series>,
    /// A horizontal line to compare with, and what it is.
    level: Option<(f64, String)>,
    /// Bounds that the y axis never leaves.
    y_limits: [f64; 2],
}

/// One entry of the legend.
struct Series {
    name: String,
    points: Vec<Point>,
    /// Whether a line joins the points.
    is_joined: bool,
}

/// A mean and its interval.
#[derive(Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
    low: f64,
    high: f64,
}

impl Point {
    fn new(x: f64, estimate: Estimate) -> Self {
        let half_width = estimate.half_width.unwrap_or(0.0);
        Point { x, y: estimate.mean, low: estimate.mean - half_width, high: estimate.mean + half_width }
    }
}
