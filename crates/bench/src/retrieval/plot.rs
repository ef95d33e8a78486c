//! Time over recall, drawn.

use plotters::prelude::{
    BLACK, ChartBuilder, Circle, IntoDrawingArea, IntoFont, IntoLogRange, LineSeries, PathElement, RGBColor,
    SVGBackend, SeriesLabelPosition, WHITE,
};
use plotters::style::Color;

use super::graphs::Curve;
use crate::Result;

const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1f, 0x5f, 0xa8),
    RGBColor(0x5b, 0x9b, 0xd5),
    RGBColor(0x9d, 0xc3, 0xe6),
    RGBColor(0xd9, 0x5f, 0x02),
    RGBColor(0x44, 0x88, 0x44),
    RGBColor(0xc0, 0x20, 0x30),
];

/// The curves as SVG: recall to the right, time of a query upwards.
pub(super) fn svg(curves: &[Curve], k: usize) -> Result<String> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let low = points().map(|point| point.recall).fold(1.0, f64::min);
    let micros = |point: &super::graphs::Point| 1e6 * point.seconds.median;
    let (fast, slow) =
        points().map(micros).fold((f64::MAX, 0.0), |(a, b), x| (f64::min(a, x), f64::max(b, x)));
    let x = (low - 0.02).max(0.0)..1.002;
    let y = (fast * 0.8..slow * 1.3).log_scale();
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (720, 440)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption("Time of a query over recall", ("sans-serif", 18).into_font())
            .margin(12)
            .x_label_area_size(38)
            .y_label_area_size(60)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .max_light_lines(1)
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.08))
            .x_desc(format!("recall of the best {k}"))
            .y_desc("microseconds on one thread")
            .x_label_formatter(&|x| format!("{x:.2}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        for (curve, colour) in curves.iter().zip(COLOURS) {
            let line = || curve.points.iter().map(|point| (point.recall, micros(point)));
            chart
                .draw_series(LineSeries::new(line(), colour.stroke_width(2)))?
                .label(&curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
            chart.draw_series(line().map(|place| Circle::new(place, 3, colour.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.9))
            .border_style(BLACK.mix(0.2))
            .draw()?;
        root.present()?;
    }
    Ok(svg)
}
