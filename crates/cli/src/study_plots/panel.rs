//! Axes, marks and a legend, drawn from a description.
//!
//! Places are computed here, not by a chart library's layout: marks keep their shape, and the legend has
//! a column of its own, so it never lies on a point.

use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor, SVGBackend,
    ShapeStyle, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, TextStyle};

use super::{Drawn, Plot, Point};

/// Okabe and Ito's palette without its yellow, which is too light for lines: told apart with any kind of
/// colour vision. Marks differ too.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

const SIZE: [i32; 2] = [960, 480];
/// Left, top, right and bottom margins around the axes; the legend is in the right one.
const MARGINS: [i32; 4] = [78, 48, 196, 64];
const MARK: i32 = 5;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The plot as SVG.
pub(super) fn svg(plot: &Plot) -> Result<String, String> {
    let mut text = String::new();
    draw(plot, &mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// From the units of points to pixels.
struct Scale {
    x: [f64; 2],
    y: [f64; 2],
}

impl Scale {
    fn x(&self, x: f64) -> i32 {
        let [left, _, right, _] = MARGINS;
        let width = f64::from(SIZE[0] - left - right);
        left + ((x - self.x[0]) / (self.x[1] - self.x[0]) * width).round() as i32
    }

    fn y(&self, y: f64) -> i32 {
        let [_, top, _, bottom] = MARGINS;
        let height = f64::from(SIZE[1] - top - bottom);
        SIZE[1] - bottom - ((y - self.y[0]) / (self.y[1] - self.y[0]) * height).round() as i32
    }

    fn at(&self, point: &Point) -> (i32, i32) {
        (self.x(point.x), self.y(point.y))
    }
}

fn draw(plot: &Plot, text: &mut String) -> Drawn {
    let area = SVGBackend::with_string(text, (SIZE[0] as u32, SIZE[1] as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let (y, step) = y_axis(bounds(plot), plot.y_limits);
    let scale = Scale { x: plot.x, y };
    axes(plot, &scale, step, &area)?;
    for (at, series) in plot.series.iter().enumerate() {
        let color = PALETTE[at % PALETTE.len()];
        if series.is_joined {
            let line: Vec<_> = series.points.iter().map(|point| scale.at(point)).collect();
            area.draw(&PathElement::new(line, color.stroke_width(2)))?;
        }
        for point in &series.points {
            interval(&scale, point, color, &area)?;
            mark(at, scale.at(point), color, &area)?;
        }
    }
    legend(plot, &area)?;
    area.present()?;
    Ok(())
}

/// The least and the most to show. Intervals that are much wider than the means are apart, as those from
/// few seeds, are cut off: the means would lie on one line otherwise.
fn bounds(plot: &Plot) -> [f64; 2] {
    let all = |values: &mut dyn Iterator<Item = f64>| {
        values
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)])
    };
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let level = plot.level.iter().map(|level| level.0);
    let [low, high] = all(&mut points().map(|point| point.y).chain(level));
    let room = (high - low).max(0.02);
    let [least, most] = all(&mut points().flat_map(|point| [point.low, point.high]));
    [low.min(least.max(low - room)), high.max(most.min(high + room))]
}

/// The ends of the y axis around `bounds`, and the distance of its ticks: about six, at round numbers.
fn y_axis([low, high]: [f64; 2], [least, most]: [f64; 2]) -> ([f64; 2], f64) {
    if !low.is_finite() || !high.is_finite() {
        return ([least, most], (most - least) / 5.0);
    }
    let span = (high - low).max(1e-3);
    let rough = span / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let ends = [((low - 0.2 * step) / step).floor() * step, ((high + 0.2 * step) / step).ceil() * step];
    ([ends[0].max(least), ends[1].min(most)], step)
}

fn font<'a>(size: i32, place: Pos) -> TextStyle<'a> {
    ("sans-serif", size).into_font().color(&BLACK.mix(0.85)).pos(place)
}

fn axes(plot: &Plot, scale: &Scale, step: f64, area: &Area<'_>) -> Drawn {
    let [left, top, right, bottom] = MARGINS;
    let (x_end, y_end) = (SIZE[0] - right, SIZE[1] - bottom);
    let centred = |vertical| Pos::new(HPos::Center, vertical);
    let grid: ShapeStyle = BLACK.mix(0.1).stroke_width(1);
    let decimals = (-step.log10()).ceil().max(0.0) as usize;
    let n_ticks = ((scale.y[1] - scale.y[0]) / step).round() as usize;
    let first = (scale.y[0] / step - 1e-6).ceil() * step;
    for tick in 0..=n_ticks {
        let value = first + tick as f64 * step;
        if value > scale.y[1] + 1e-9 {
            break;
        }
        let y = scale.y(value);
        area.draw(&PathElement::new([(left, y), (x_end, y)], grid))?;
        let style = font(13, Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(format!("{value:.decimals$}"), (left - 8, y), style))?;
    }
    for &rule in &plot.x_rules {
        let x = scale.x(rule);
        area.draw(&PathElement::new([(x, top), (x, y_end)], grid))?;
    }
    for (place, label) in &plot.x_ticks {
        // A label of two lines is one above the other.
        for (at, line) in label.lines().enumerate() {
            let y = y_end + 8 + 15 * at as i32;
            area.draw(&Text::new(line.to_string(), (scale.x(*place), y), font(13, centred(VPos::Top))))?;
        }
    }
    if let Some((value, _)) = &plot.level {
        let y = scale.y(*value);
        for x in (left..x_end).step_by(10) {
            area.draw(&PathElement::new([(x, y), ((x + 6).min(x_end), y)], BLACK.mix(0.55).stroke_width(1)))?;
        }
    }
    let frame = BLACK.mix(0.5).stroke_width(1);
    area.draw(&PathElement::new([(left, top), (left, y_end), (x_end, y_end)], frame))?;
    let middle = (left + x_end) / 2;
    area.draw(&Text::new(plot.title.clone(), (left, 14), font(17, Pos::new(HPos::Left, VPos::Top))))?;
    area.draw(&Text::new(plot.x_title.clone(), (middle, SIZE[1] - 8), font(14, centred(VPos::Bottom))))?;
    let turned = ("sans-serif", 14).into_font().transform(plotters::style::FontTransform::Rotate270);
    let turned = turned.color(&BLACK.mix(0.85)).pos(centred(VPos::Top));
    area.draw(&Text::new(plot.y_title.clone(), (12, (top + y_end) / 2), turned))?;
    Ok(())
}

/// The interval with a short bar at either end that is within the axes.
fn interval(scale: &Scale, point: &Point, color: RGBColor, area: &Area<'_>) -> Drawn {
    if point.low == point.high {
        return Ok(());
    }
    let style: ShapeStyle = color.stroke_width(1);
    let ends = [point.low, point.high].map(|end| (end, end.clamp(scale.y[0], scale.y[1])));
    let x = scale.x(point.x);
    area.draw(&PathElement::new(ends.map(|(_, shown)| (x, scale.y(shown))), style))?;
    for (_, y) in ends.into_iter().filter(|(end, shown)| end == shown) {
        let y = scale.y(y);
        area.draw(&PathElement::new([(x - 3, y), (x + 3, y)], style))?;
    }
    Ok(())
}

/// The mark of series number `at`: circle, square, triangle, diamond, turned triangle, then hollow ones. There
/// is one more of them than of colours, so series that share a colour have different marks.
fn mark(at: usize, (x, y): (i32, i32), color: RGBColor, area: &Area<'_>) -> Drawn {
    let r = MARK;
    let square = vec![(-r + 1, -r + 1), (r - 1, -r + 1), (r - 1, r - 1), (-r + 1, r - 1)];
    let diamond = vec![(0, -r - 1), (r + 1, 0), (0, r + 1), (-r - 1, 0)];
    let (outline, is_filled) = match at % (PALETTE.len() + 1) {
        0 => return Ok(area.draw(&Circle::new((x, y), r, color.filled()))?),
        1 => (square, true),
        2 => (vec![(0, -r), (r, r - 1), (-r, r - 1)], true),
        3 => (diamond, true),
        4 => (vec![(0, r), (r, -r + 1), (-r, -r + 1)], true),
        5 => {
            area.draw(&Circle::new((x, y), r, WHITE.filled()))?;
            return Ok(area.draw(&Circle::new((x, y), r, color.stroke_width(2)))?);
        }
        6 => (square, false),
        _ => (diamond, false),
    };
    let mut outline: Vec<(i32, i32)> = outline.into_iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    if is_filled {
        return Ok(area.draw(&Polygon::new(outline, color.filled()))?);
    }
    area.draw(&Polygon::new(outline.clone(), WHITE.filled()))?;
    outline.extend(outline.first().copied());
    Ok(area.draw(&PathElement::new(outline, color.stroke_width(2)))?)
}

fn legend(plot: &Plot, area: &Area<'_>) -> Drawn {
    let (x, mut y) = (SIZE[0] - MARGINS[2] + 18, MARGINS[1] + 10);
    let beside = || font(14, Pos::new(HPos::Left, VPos::Center));
    for (at, series) in plot.series.iter().enumerate() {
        let color = PALETTE[at % PALETTE.len()];
        if series.is_joined {
            area.draw(&PathElement::new([(x, y), (x + 24, y)], color.stroke_width(2)))?;
        }
        mark(at, (x + 12, y), color, area)?;
        area.draw(&Text::new(series.name.clone(), (x + 32, y), beside()))?;
        y += 22;
    }
    if let Some((_, name)) = &plot.level {
        for dash in [0, 10, 20] {
            let dash = [(x + dash, y), ((x + dash + 6).min(x + 24), y)];
            area.draw(&PathElement::new(dash, BLACK.mix(0.55).stroke_width(1)))?;
        }
        area.draw(&Text::new(name.clone(), (x + 32, y), beside()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_holds_all_points_at_round_ticks() {
        for ([low, high], expected, step) in [
            ([0.712, 0.78], [0.70, 0.80], 0.02),
            ([0.01, 0.99], [0.0, 1.0], 0.2),
            ([0.75, 0.75], [0.7498, 0.7504], 0.0002),
        ] {
            let (ends, found) = y_axis([low, high], [0.0, 1.0]);
            assert!((found - step).abs() < 1e-12, "{found}");
            assert!(ends[0] <= low && ends[1] >= high, "{ends:?}");
            assert!(expected.iter().zip(ends).all(|(a, b)| (a - b).abs() < 2.0 * step), "{ends:?}");
        }
        assert_eq!(y_axis([f64::INFINITY, f64::NEG_INFINITY], [0.0, 1.0]).0, [0.0, 1.0]);
    }
}
