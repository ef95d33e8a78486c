//! What is wrong with a layout: text that leaves its block, shapes that cover each other.

use super::canvas::{Canvas, OPERATOR_RADIUS, Shape};
use super::geometry::{Point, Rect};
use super::text::{Anchor, Style, Text};

/// Free room around a text, in pixels.
const MARGIN: i32 = 2;

/// Every collision on the canvas, in words.
pub(super) fn collisions(canvas: &Canvas) -> Vec<String> {
    let mut found = Vec::new();
    let solids: Vec<(Rect, String)> = canvas.shapes.iter().filter_map(solid).collect();
    let lines: Vec<&[Point]> = canvas.shapes.iter().filter_map(line).collect();
    let page = Rect::new(0, 0, canvas.width, canvas.height);
    for (rect, name) in &solids {
        if !holds(page, grow(*rect, MARGIN)) {
            found.push(format!("{name} leaves the page"));
        }
    }
    for (index, (rect, name)) in solids.iter().enumerate() {
        for (other, other_name) in &solids[index + 1..] {
            if overlap(*rect, *other) {
                found.push(format!("{name} covers {other_name}"));
            }
        }
        for points in &lines {
            for part in points.windows(2) {
                if overlap(grow(*rect, -1), span(part[0], part[1])) {
                    found.push(format!("the line {points:?} runs through {name}"));
                }
            }
        }
    }
    for points in &lines {
        for part in points.windows(2) {
            if part[0].0 != part[1].0 && part[0].1 != part[1].1 {
                found.push(format!("the line {points:?} is oblique"));
            }
        }
    }
    for shape in &canvas.shapes {
        if let Shape::Block { rect, lines, .. } = shape {
            for text in lines {
                if !holds(grow(*rect, -MARGIN), bounds(text)) {
                    found.push(format!("{:?} ({:?}) leaves its block {rect:?}", text.text, bounds(text)));
                }
            }
        }
    }
    found
}

/// What may not be covered.
fn solid(shape: &Shape) -> Option<(Rect, String)> {
    match shape {
        Shape::Block { rect, lines, .. } => {
            Some((*rect, format!("block {:?}", lines.first().map(|line| &line.text))))
        }
        Shape::Cell { rect, .. } => Some((*rect, format!("cell {rect:?}"))),
        Shape::Operator { center: (x, y), sign, .. } => {
            let side = 2 * OPERATOR_RADIUS;
            Some((
                Rect::new(x - OPERATOR_RADIUS, y - OPERATOR_RADIUS, side, side),
                format!("operator {sign}"),
            ))
        }
        Shape::Label(text) => Some((bounds(text), format!("label {:?}", text.text))),
        Shape::Arrow { .. } | Shape::Curve { .. } => None,
    }
}

fn line(shape: &Shape) -> Option<&[Point]> {
    match shape {
        Shape::Arrow { points, .. } => Some(points),
        _ => None,
    }
}

/// The rectangle of a part of a line, one pixel thick.
fn span(from: Point, to: Point) -> Rect {
    let (x, y) = (from.0.min(to.0), from.1.min(to.1));
    Rect::new(x, y, (from.0 - to.0).abs().max(1), (from.1 - to.1).abs().max(1))
}

fn grow(rect: Rect, by: i32) -> Rect {
    Rect::new(rect.x - by, rect.y - by, rect.width + 2 * by, rect.height + 2 * by)
}

fn holds(outer: Rect, inner: Rect) -> bool {
    outer.x <= inner.x
        && outer.y <= inner.y
        && inner.x + inner.width <= outer.x + outer.width
        && inner.y + inner.height <= outer.y + outer.height
}

fn overlap(left: Rect, right: Rect) -> bool {
    left.x < right.x + right.width
        && right.x < left.x + left.width
        && left.y < right.y + right.height
        && right.y < left.y + left.height
}

/// The room that a text takes at most.
///
/// Fonts differ from reader to reader; the widths are those of DejaVu Sans, wider than most.
fn bounds(text: &Text) -> Rect {
    let (x, y) = text.at;
    let width = width(&text.text, text.style);
    let x = match text.anchor {
        Anchor::Start => x,
        Anchor::Middle => x - width / 2,
        Anchor::End => x - width,
    };
    let size = text.style.size();
    Rect::new(x, y - size * 8 / 10, width, size)
}

fn width(text: &str, style: Style) -> i32 {
    let thousandths: i32 = text.chars().map(|letter| advance(letter, style)).sum();
    (thousandths * style.size() + 999) / 1000
}

/// The width of a letter in thousandths of the font's size.
fn advance(letter: char, style: Style) -> i32 {
    let regular = match letter {
        _ if style == Style::Code => return 602,
        'i' | 'j' | 'l' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' => 320,
        'f' | 't' | 'r' | 'I' | '(' | ')' | '[' | ']' | '/' | '-' => 400,
        'm' | 'w' | 'M' | 'W' | '%' | '…' => 980,
        '+' | '=' | '<' | '>' | '×' | '→' => 840,
        'A'..='Z' => 740,
        _ => 620,
    };
    if style == Style::Head { regular * 112 / 100 } else { regular }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagrams::canvas::{Look, Tone};

    #[test]
    fn finds_what_is_wrong() {
        let mut canvas = Canvas::new(100, "", "");
        let name = "much too long a name";
        canvas.block(Rect::new(10, 10, 60, 40), Tone::Plain, Look::Hollow, &[(Style::Head, name)]);
        canvas.block(Rect::new(60, 20, 60, 40), Tone::Plain, Look::Hollow, &[]);
        canvas.arrow(Tone::Plain, &[(0, 30), (50, 30)]);
        let found = collisions(&canvas).join("\n");
        for expected in ["leaves its block", "covers", "runs through"] {
            assert!(found.contains(expected), "{found}");
        }
    }
}
