//! Curves over the weight of similarity, as SVG.

use burn_recsys_training::protocol::{DiversityPoint, PageOutcome};
use burn_recsys_training::{Error, Result};
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, EmptyElement, IntoDrawingArea, IntoFont, LineSeries, RGBColor, SVGBackend,
    Text, WHITE,
};
use plotters::style::Color;

const LINE: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);

/// NDCG over diversity, a point for every weight.
pub(super) fn diversity(points: &[DiversityPoint], k: usize) -> Result<String> {
    Curve {
        title: format!("What diversity costs: lists of {k}, by the weight of similarity"),
        axes: [format!("intra-list diversity of genres @{k}"), format!("NDCG@{k}")],
        points: points.iter().map(|point| (point.beta, point.diversity, point.ndcg)).collect(),
    }
    .svg("diversity.svg")
}

/// Page-level over item-level click-through, a point for every weight.
pub(super) fn pages(pages: &[PageOutcome]) -> Result<String> {
    let points = pages.iter().map(|page| (page.beta, page.item_click_through, page.page_click_through));
    Curve {
        title: "Simulated users of several interests, by the weight of similarity".into(),
        axes: ["share of items clicked".into(), "share of pages clicked".into()],
        points: points.collect(),
    }
    .svg("pages.svg")
}

/// Points in the order of their weights: weight, x, y.
struct Curve {
    title: String,
    axes: [String; 2],
    points: Vec<(f32, f64, f64)>,
}

impl Curve {
    fn svg(self, file: &'static str) -> Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg)
            .map_err(|error| Error::Config { key: file, message: format!("cannot be drawn: {error}") })?;
        Ok(svg)
    }

    fn draw(self, svg: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let Curve { title, axes: [x_name, y_name], points } = self;
        let range = |value: fn(&(f32, f64, f64)) -> f64| {
            let (low, high) = points
                .iter()
                .map(value)
                .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
            let margin = ((high - low) * 0.08).max(1e-4);
            low - margin..high + margin
        };
        let root = SVGBackend::with_string(svg, (640, 420)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 17).into_font())
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(range(|point| point.1), range(|point| point.2))?;
        chart
            .configure_mesh()
            .max_light_lines(1)
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.08))
            .x_desc(x_name)
            .y_desc(y_name)
            .x_label_formatter(&|x| format!("{x:.2}"))
            .y_label_formatter(&|y| format!("{y:.3}"))
            .draw()?;
        chart.draw_series(LineSeries::new(points.iter().map(|&(_, x, y)| (x, y)), LINE.stroke_width(2)))?;
        chart.draw_series(points.iter().map(|&(_, x, y)| Circle::new((x, y), 4, LINE.filled())))?;
        let font = ("sans-serif", 13).into_font();
        chart.draw_series(points.iter().map(|&(beta, x, y)| {
            EmptyElement::at((x, y)) + Text::new(format!("{beta}"), (7, -14), font.clone())
        }))?;
        root.present()?;
        Ok(())
    }
}
