//! Axes, marks and text: what every plot is drawn with.
//!
//! Units are half pixels, so that whole numbers are fine enough; a page shows a drawing at half its size.

use burn_recsys_metrics::statistics::Interval;
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor,
    Rectangle, SVGBackend, ShapeStyle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, TextStyle};

use super::text::{escape, printable};
use crate::{Error, Result};

/// Text and axes. The page's style replaces this very value in the dark.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// What hollow marks are filled with; replaced as well.
pub(super) const PAPER: RGBColor = RGBColor(0xfe, 0xfe, 0xfe);
/// Of Okabe and Ito's palette, which is told apart with any kind of colour vision.
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);

/// The width of a digit of usual text.
pub(super) const DIGIT: f64 = 13.6;
const FONT: i32 = 30;
const MARK: i32 = 8;

pub(super) type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;
pub(super) type Place = (i32, i32);

/// A drawing in the making.
pub(super) struct Canvas<'s> {
    area: DrawingArea<SVGBackend<'s>, Shift>,
}

/// Draws an SVG image of `size`; `title` says what it shows to those who do not see it.
pub(super) fn svg(size: [i32; 2], title: &str, draw: impl FnOnce(&Canvas<'_>) -> Drawn) -> Result<String> {
    let mut text = String::new();
    let drawn = {
        let backend = SVGBackend::with_string(&mut text, (size[0] as u32, size[1] as u32));
        let canvas = Canvas { area: backend.into_drawing_area() };
        draw(&canvas).and_then(|()| canvas.area.present())
    };
    drawn.map_err(|error| Error::Drawing { plot: title.to_owned(), message: error.to_string() })?;
    let about = format!("<svg role=\"img\" aria-label=\"{}\" ", escape(title));
    Ok(text.replacen("<svg ", &about, 1))
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Right,
    /// The top of a centred text.
    Below,
    /// The bottom of a centred text.
    Above,
}

/// The look of a mark.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Circle,
    Triangle,
    Hollow,
}

impl Canvas<'_> {
    pub(super) fn text(&self, text: &str, place: Place, anchor: Anchor) -> Drawn {
        self.coloured_text(text, place, anchor, INK)
    }

    pub(super) fn coloured_text(&self, text: &str, place: Place, anchor: Anchor, color: RGBColor) -> Drawn {
        let (h, v) = match anchor {
            Anchor::Left => (HPos::Left, VPos::Center),
            Anchor::Right => (HPos::Right, VPos::Center),
            Anchor::Below => (HPos::Center, VPos::Top),
            Anchor::Above => (HPos::Center, VPos::Bottom),
        };
        let style: TextStyle<'_> = ("sans-serif", FONT).into_font().color(&color).pos(Pos::new(h, v));
        self.area.draw(&Text::new(printable(text), place, style))
    }

    pub(super) fn line(&self, places: Vec<Place>, color: RGBColor, width: u32) -> Drawn {
        self.area.draw(&PathElement::new(places, color.stroke_width(width)))
    }

    pub(super) fn dashed(&self, from: Place, to: Place, color: RGBColor) -> Drawn {
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let n_dashes = ((dx.hypot(dy) / 16.0).round() as usize).max(1);
        let at = |part: f64| (from.0 + (part * dx).round() as i32, from.1 + (part * dy).round() as i32);
        (0..n_dashes).try_for_each(|dash| {
            let start = dash as f64 / n_dashes as f64;
            self.line(vec![at(start), at(start + 0.6 / n_dashes as f64)], color, 2)
        })
    }

    pub(super) fn bar(&self, corners: [Place; 2], color: RGBColor) -> Drawn {
        self.area.draw(&Rectangle::new(corners, color.filled()))
    }

    pub(super) fn polygon(&self, corners: Vec<Place>, color: RGBColor) -> Drawn {
        self.area.draw(&Polygon::new(corners, color.filled()))
    }

    /// A faint line of the grid.
    pub(super) fn grid(&self, from: Place, to: Place) -> Drawn {
        self.area.draw(&PathElement::new(vec![from, to], INK.mix(0.15).stroke_width(2)))
    }

    pub(super) fn frame(&self, places: Vec<Place>) -> Drawn {
        self.area.draw(&PathElement::new(places, INK.mix(0.6).stroke_width(2)))
    }

    pub(super) fn mark(&self, (x, y): Place, mark: Mark, color: RGBColor) -> Drawn {
        match mark {
            Mark::Circle => self.area.draw(&Circle::new((x, y), MARK, color.filled())),
            Mark::Triangle => self
                .polygon(vec![(x, y - MARK - 1), (x + MARK + 1, y + MARK), (x - MARK - 1, y + MARK)], color),
            Mark::Hollow => {
                self.area.draw(&Circle::new((x, y), MARK, PAPER.filled()))?;
                let outline: ShapeStyle = color.stroke_width(3);
                self.area.draw(&Circle::new((x, y), MARK, outline))
            }
        }
    }
}

/// A range of values with ticks at round numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    step: f64,
}

impl Axis {
    /// From a round number at or below all values to one at or above them, with about `n_steps` ticks between.
    /// Values that are not finite do not count.
    pub(super) fn around(values: impl IntoIterator<Item = f64>, n_steps: usize) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let all = finite
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)]);
        let [low, high] = if all[0] <= all[1] { all } else { [0.0, 1.0] };
        // One value alone, or hardly more, still needs an axis of some length.
        let room = (1e-6 * low.abs().max(high.abs())).max(1e-9);
        let span = if high - low > room { high - low } else { (0.2 * low.abs()).max(0.01) };
        let rough = span / n_steps.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = steps.into_iter().find(|&step| step >= rough * (1.0 - 1e-9)).unwrap_or(rough);
        let below = (low / step + 1e-9).floor() * step;
        let above = (high / step - 1e-9).ceil() * step;
        Axis { low: below, high: if above > below { above } else { below + step }, step }
    }

    /// With one tick for each step.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        let (low, step) = (self.low, self.step);
        let n_steps = (((self.high - low) / step).round() as usize).min(100);
        (0..=n_steps).map(move |tick| {
            let value = low + tick as f64 * step;
            // Never a 0 with a sign.
            if value.abs() < step * 1e-6 { 0.0 } else { value }
        })
    }

    /// As many digits as the step needs.
    pub(super) fn label(&self, tick: f64) -> String {
        let decimals = (-self.step.log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize;
        format!("{tick:.decimals$}").replacen('-', "−", 1)
    }

    /// Whether a value is between the ends.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// From a value to a unit of the drawing between `from` and `to`; values beyond the axis end at it.
    pub(super) fn place(&self, value: f64, [from, to]: [i32; 2]) -> i32 {
        let part = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        from + (part * f64::from(to - from)).round() as i32
    }
}

/// The bounds of an interval if both are numbers that can be drawn.
pub(super) fn bounds(interval: Option<&Interval>) -> Option<[f64; 2]> {
    interval.map(|interval| [interval.lower, interval.upper]).filter(|[low, high]| (low + high).is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers_around_all_values() {
        for (values, expected) in [
            (vec![0.0, 0.93], [0.0, 1.0]),
            (vec![0.0, 0.43, f64::NAN], [0.0, 0.5]),
            (vec![-0.012, 0.031], [-0.02, 0.04]),
            (vec![], [0.0, 1.0]),
        ] {
            let axis = Axis::around(values, 5);
            assert!(
                (axis.low - expected[0]).abs() < 1e-12 && (axis.high - expected[1]).abs() < 1e-12,
                "{axis:?}"
            );
        }
        for value in [0.0, 1.0, -3e-7, 1e12] {
            let axis = Axis::around([value, value], 5);
            assert!(axis.low <= value && value <= axis.high && axis.low < axis.high, "{axis:?}");
            assert!(axis.ticks().count() >= 2);
        }
    }

    #[test]
    fn ticks_have_the_digits_of_their_step() {
        let axis = Axis::around([-0.1, 0.3], 4);
        let labels: Vec<String> = axis.ticks().map(|tick| axis.label(tick)).collect();
        assert_eq!(labels, ["−0.1", "0.0", "0.1", "0.2", "0.3"]);
    }
}
