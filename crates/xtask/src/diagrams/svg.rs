//! A drawing as the text of an SVG file.

use super::canvas::{Canvas, Look, OPERATOR_RADIUS, Shade, Shape, Tone};
use super::geometry::{Point, Rect};
use super::text::{Anchor, Style, Text};

const INK: &str = "#1f2328";
const SANS: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
const MONO: &str = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const HEAD_LENGTH: i32 = 9;
const HEAD_HALF_WIDTH: i32 = 5;
const CORNER: i32 = 7;

impl Tone {
    const fn stroke(self) -> &'static str {
        match self {
            Self::Id => "#1f5fa8",
            Self::Features => "#d95f02",
            Self::Mixture => "#4d8f3a",
            Self::Plain => "#5f6670",
        }
    }

    const fn tint(self) -> &'static str {
        match self {
            Self::Id => "#e3edf8",
            Self::Features => "#fdebdc",
            Self::Mixture => "#e6f2e1",
            Self::Plain => "#f0f1f3",
        }
    }

    const fn middle(self) -> &'static str {
        match self {
            Self::Id => "#8fb4de",
            Self::Features => "#f3ab73",
            Self::Mixture => "#a3cb95",
            Self::Plain => "#bcc1c8",
        }
    }
}

/// The whole file.
pub(super) fn render(canvas: &Canvas) -> String {
    let Canvas { width, height, title, description, shapes } = canvas;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" role=\"img\" aria-labelledby=\"title desc\" font-family=\"{SANS}\" fill=\"{INK}\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escape(title),
        escape(description),
    );
    // Arrows first: an arrow never covers a block or a word.
    let (arrows, others): (Vec<&Shape>, Vec<&Shape>) =
        shapes.iter().partition(|shape| matches!(shape, Shape::Arrow { .. }));
    for shape in arrows.into_iter().chain(others) {
        text += &draw(shape);
    }
    text + "</svg>\n"
}

fn draw(shape: &Shape) -> String {
    match shape {
        Shape::Block { rect, tone, look, lines } => {
            let lines: String = lines.iter().map(draw_text).collect();
            draw_block(*rect, *tone, *look) + &lines
        }
        Shape::Cell { rect, tone, shade } => {
            let fill = match shade {
                Shade::Empty => "#ffffff",
                Shade::Light => tone.tint(),
                Shade::Middle => tone.middle(),
                Shade::Full => tone.stroke(),
            };
            draw_rect(*rect, 0, fill, "#8a9099", "1", "")
        }
        Shape::Operator { center: (x, y), tone, sign } => {
            let stroke = tone.stroke();
            let circle = format!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{OPERATOR_RADIUS}\" fill=\"{}\" stroke=\"{stroke}\" \
                 stroke-width=\"1.8\"/>\n",
                tone.tint(),
            );
            let sign = sign_strokes(*sign)
                .map(|((x1, y1), (x2, y2))| format!("M{} {}L{} {}", x + x1, y + y1, x + x2, y + y2))
                .concat();
            circle + &draw_path(&sign, INK, "2", "")
        }
        Shape::Arrow { points, tone, is_dashed } => draw_arrow(points, *tone, *is_dashed),
        Shape::Curve { path, tone } => draw_path(path, tone.stroke(), "2", ""),
        Shape::Label(text) => draw_text(text),
    }
}

fn draw_block(rect: Rect, tone: Tone, look: Look) -> String {
    let (radius, fill, extra) = match look {
        Look::Tinted => (6, tone.tint(), ""),
        Look::Segment => (0, tone.tint(), ""),
        Look::Hollow => (6, "#ffffff", ""),
        Look::Dashed => (6, "#ffffff", " stroke-dasharray=\"6 4\""),
        Look::Question => (rect.height / 2, tone.tint(), ""),
    };
    draw_rect(rect, radius, fill, tone.stroke(), "1.6", extra)
}

fn draw_rect(rect: Rect, radius: i32, fill: &str, stroke: &str, stroke_width: &str, extra: &str) -> String {
    let Rect { x, y, width, height } = rect;
    let corner = if radius > 0 { format!(" rx=\"{radius}\"") } else { String::new() };
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{corner} fill=\"{fill}\" stroke=\"{stroke}\" \
         stroke-width=\"{stroke_width}\"{extra}/>\n"
    )
}

fn draw_path(path: &str, stroke: &str, stroke_width: &str, extra: &str) -> String {
    format!(
        "<path d=\"{path}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{stroke_width}\" \
         stroke-linecap=\"round\"{extra}/>\n"
    )
}

/// Drawn, not written: a letter's place in its line differs from font to font.
fn sign_strokes(sign: char) -> [(Point, Point); 2] {
    match sign {
        '+' => [((-6, 0), (6, 0)), ((0, -6), (0, 6))],
        _ => [((-4, -4), (4, 4)), ((-4, 4), (4, -4))],
    }
}

fn draw_arrow(points: &[Point], tone: Tone, is_dashed: bool) -> String {
    let (Some(first), [.., before, end]) = (points.first(), points) else { return String::new() };
    let (before, end) = (*before, *end);
    let (x, y) = direction(before, end);
    // The line ends inside the head, which would otherwise be blunt.
    let stop = (end.0 - x * (HEAD_LENGTH - 1), end.1 - y * (HEAD_LENGTH - 1));
    let mut path = format!("M{} {}", first.0, first.1);
    for corner in points.windows(3) {
        if let [from, at, to] = *corner {
            let (before, after) = (direction(from, at), direction(at, to));
            path += &format!(
                "L{} {}Q{} {} {} {}",
                at.0 - before.0 * CORNER,
                at.1 - before.1 * CORNER,
                at.0,
                at.1,
                at.0 + after.0 * CORNER,
                at.1 + after.1 * CORNER,
            );
        }
    }
    path += &format!("L{} {}", stop.0, stop.1);
    let dashes = if is_dashed { " stroke-dasharray=\"6 5\"" } else { "" };
    let line = draw_path(&path, tone.stroke(), "1.8", dashes);
    let base = (end.0 - x * HEAD_LENGTH, end.1 - y * HEAD_LENGTH);
    let (dx, dy) = (y * HEAD_HALF_WIDTH, x * HEAD_HALF_WIDTH);
    line + &format!(
        "<path d=\"M{} {}L{} {}L{} {}Z\" fill=\"{}\"/>\n",
        end.0,
        end.1,
        base.0 + dx,
        base.1 + dy,
        base.0 - dx,
        base.1 - dy,
        tone.stroke(),
    )
}

/// One step along the axis from one point to another.
fn direction(from: Point, to: Point) -> Point {
    ((to.0 - from.0).signum(), (to.1 - from.1).signum())
}

fn draw_text(text: &Text) -> String {
    let (x, y) = text.at;
    let anchor = match text.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let face = match text.style {
        Style::Head => " font-weight=\"600\"".to_owned(),
        Style::Body => String::new(),
        Style::Code => format!(" font-family=\"{MONO}\""),
    };
    format!(
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{anchor}\"{face}>{}</text>\n",
        text.style.size(),
        escape(&text.text),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
