//! Curves of a training of item vectors.

use burn_recsys_metrics::pointwise::PrecisionRecallPoint;
use burn_recsys_training::{Error, Result};
use plotters::prelude::{
    BLACK, ChartBuilder, IntoDrawingArea, IntoFont, LineSeries, RGBColor, SVGBackend, WHITE,
};
use plotters::style::Color;

const LINE: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);

/// The mean training loss of every epoch, as SVG.
pub(super) fn learning_curve(losses: &[f64]) -> Result<String> {
    let points: Vec<(f64, f64)> = (1..).zip(losses).map(|(epoch, &loss)| (f64::from(epoch), loss)).collect();
    let last = (losses.len() as f64).max(1.1);
    let (low, high) =
        losses.iter().fold((f64::MAX, f64::MIN), |(low, high), &loss| (low.min(loss), high.max(loss)));
    // A fit has an epoch at least.
    let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
    let margin = ((high - low) * 0.1).max(1e-3);
    Plot {
        title: "Training loss by epoch",
        axes: ["epoch", "logistic loss"],
        x: 1.0..last,
        y: (low - margin).max(0.0)..high + margin,
        points,
    }
    .svg("learning-curve.svg")
}

/// Precision over recall, as SVG.
pub(super) fn precision_recall(curve: &[PrecisionRecallPoint]) -> Result<String> {
    Plot {
        title: "Held-out links among as many random pairs",
        axes: ["recall", "precision"],
        x: 0.0..1.0,
        y: 0.0..1.02,
        points: curve.iter().map(|point| (point.recall, point.precision)).collect(),
    }
    .svg("precision-recall.svg")
}

/// One line.
struct Plot {
    title: &'static str,
    axes: [&'static str; 2],
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    points: Vec<(f64, f64)>,
}

impl Plot {
    fn svg(self, file: &'static str) -> Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg)
            .map_err(|error| Error::Config { key: file, message: format!("cannot be drawn: {error}") })?;
        Ok(svg)
    }

    fn draw(self, svg: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let Plot { title, axes: [x_name, y_name], x, y, points } = self;
        // Epochs are whole numbers.
        let digits = usize::from(x.end <= 1.0);
        let root = SVGBackend::with_string(svg, (640, 400)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 18).into_font())
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(52)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .max_light_lines(1)
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.08))
            .x_desc(x_name)
            .y_desc(y_name)
            .x_label_formatter(&|x| format!("{x:.digits$}"))
            .y_label_formatter(&|y| format!("{y:.2}"))
            .draw()?;
        chart.draw_series(LineSeries::new(points, LINE.stroke_width(2)))?;
        root.present()?;
        Ok(())
    }
}
