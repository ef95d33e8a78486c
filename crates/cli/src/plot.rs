//! The loss curve.

use burn_recsys_training::{EpochRecord, Error, Result, Trained};
use plotters::prelude::{
    BLACK, ChartBuilder, IntoDrawingArea, IntoFont, LineSeries, PathElement, RGBColor, SVGBackend,
    SeriesLabelPosition, WHITE,
};
use plotters::style::Color;

const TRAIN: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const HELD_OUT: RGBColor = RGBColor(0xd9, 0x5f, 0x02);
const ALL: RGBColor = RGBColor(0x6a, 0x9f, 0x58);

/// Train and held-out loss by epoch, as SVG.
pub(crate) fn loss_svg(trained: &Trained) -> Result<String> {
    let mut svg = String::new();
    draw(trained, &mut svg)
        .map_err(|error| Error::Config { key: "loss.svg", message: format!("cannot be drawn: {error}") })?;
    Ok(svg)
}

type Points = Vec<(f64, f64)>;

fn draw(trained: &Trained, svg: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let train = |records: &[EpochRecord]| -> Points {
        records.iter().map(|record| (record.epoch as f64, record.train_loss)).collect()
    };
    let held_out: Points = trained
        .search
        .iter()
        .filter_map(|record| Some((record.epoch as f64, record.held_out.as_ref()?.held_out_loss)))
        .collect();
    let lines: Vec<(&str, RGBColor, Points)> = [
        ("train, rows held out", TRAIN, train(&trained.search)),
        ("held-out rows", HELD_OUT, held_out),
        ("train, all training rows", ALL, train(&trained.fit)),
    ]
    .into_iter()
    .filter(|(_, _, points)| !points.is_empty())
    .collect();
    let points = || lines.iter().flat_map(|(_, _, points)| points);
    let last = points().map(|point| point.0).fold(1.0, f64::max);
    let top = points().map(|point| point.1).fold(0.0, f64::max);

    let root = SVGBackend::with_string(svg, (720, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Loss by epoch", ("sans-serif", 18).into_font())
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(1.0..last.max(1.1), 0.0..(top * 1.05).max(f64::MIN_POSITIVE))?;
    chart
        .configure_mesh()
        .max_light_lines(1)
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.08))
        .x_desc("epoch")
        .y_desc("binary cross-entropy")
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .y_label_formatter(&|loss| format!("{loss:.2}"))
        .draw()?;
    for (name, color, points) in &lines {
        let color = *color;
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    if !trained.search.is_empty() {
        let best = trained.n_epochs as f64;
        chart
            .draw_series(LineSeries::new([(best, 0.0), (best, top)], BLACK.mix(0.4).stroke_width(1)))?
            .label(format!("best epoch: {}", trained.n_epochs))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLACK.mix(0.4).stroke_width(1)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
