//! A drawing as a list of shapes.

use super::geometry::{Point, Rect};
use super::text::{Anchor, Style, Text};

/// What a colour stands for, the same in every diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// What is known of an id: memorisation.
    Id,
    /// What is known of features: generalisation.
    Features,
    /// Both, mixed.
    Mixture,
    /// The rest.
    Plain,
}

/// The surface of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A light tint of the tone.
    Tinted,
    /// White: data that goes in or out.
    Hollow,
    /// White with a dashed border: not always there.
    Dashed,
    /// Tinted with square corners: a piece of a longer vector.
    Segment,
    /// Round ends: a question.
    Question,
}

/// The fill of one cell of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shade {
    Empty,
    Light,
    Middle,
    Full,
}

/// One thing on the canvas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Block { rect: Rect, tone: Tone, look: Look, lines: Vec<Text> },
    Cell { rect: Rect, tone: Tone, shade: Shade },
    Operator { center: Point, tone: Tone, sign: char },
    Arrow { points: Vec<Point>, tone: Tone, is_dashed: bool },
    Curve { path: String, tone: Tone },
    Label(Text),
}

/// The radius of an operator.
pub(super) const OPERATOR_RADIUS: i32 = 14;

/// A drawing.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) shapes: Vec<Shape>,
}

impl Canvas {
    /// An empty drawing as wide as a page's text.
    pub(super) fn new(height: i32, title: &'static str, description: &'static str) -> Self {
        Self { width: 720, height, title, description, shapes: Vec::new() }
    }

    /// A rectangle with lines of text in its middle.
    pub(super) fn block(&mut self, rect: Rect, tone: Tone, look: Look, lines: &[(Style, &str)]) -> Rect {
        let text_height: i32 = lines.iter().map(|(style, _)| style.line_height()).sum();
        let (x, middle) = rect.center();
        let mut y = middle - text_height / 2;
        let lines = lines
            .iter()
            .map(|(style, text)| {
                // Letters stand on the baseline and leave the room below it to their descenders.
                let at = (x, y + style.size());
                y += style.line_height();
                Text { at, anchor: Anchor::Middle, style: *style, text: (*text).into() }
            })
            .collect();
        self.shapes.push(Shape::Block { rect, tone, look, lines });
        rect
    }

    /// A grid of numbers; `shade` says how strongly each cell (row, column) is filled. The room it takes.
    pub(super) fn grid(
        &mut self,
        at: Point,
        (n_rows, n_columns): (i32, i32),
        (width, height): (i32, i32),
        shade: impl Fn(i32, i32) -> (Tone, Shade),
    ) -> Rect {
        for row in 0..n_rows {
            for column in 0..n_columns {
                let (tone, shade) = shade(row, column);
                let rect = Rect::new(at.0 + column * width, at.1 + row * height, width, height);
                self.shapes.push(Shape::Cell { rect, tone, shade });
            }
        }
        Rect::new(at.0, at.1, n_columns * width, n_rows * height)
    }

    /// A circle with a sign.
    pub(super) fn operator(&mut self, center: Point, tone: Tone, sign: char) -> Rect {
        self.shapes.push(Shape::Operator { center, tone, sign });
        let side = 2 * OPERATOR_RADIUS;
        Rect::new(center.0 - OPERATOR_RADIUS, center.1 - OPERATOR_RADIUS, side, side)
    }

    /// An arrow through points; each part runs along an axis.
    pub(super) fn arrow(&mut self, tone: Tone, points: &[Point]) {
        self.push_arrow(tone, points, false);
    }

    /// An arrow of what is not always there.
    pub(super) fn dashed_arrow(&mut self, tone: Tone, points: &[Point]) {
        self.push_arrow(tone, points, true);
    }

    fn push_arrow(&mut self, tone: Tone, points: &[Point], is_dashed: bool) {
        self.shapes.push(Shape::Arrow { points: points.to_vec(), tone, is_dashed });
    }

    /// A free curve, as the data of an SVG path.
    pub(super) fn curve(&mut self, tone: Tone, path: &str) {
        self.shapes.push(Shape::Curve { path: path.into(), tone });
    }

    /// One line of free text.
    pub(super) fn label(&mut self, at: Point, anchor: Anchor, style: Style, text: &str) {
        self.shapes.push(Shape::Label(Text { at, anchor, style, text: text.into() }));
    }
}
