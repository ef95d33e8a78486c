//! A user by a network over many hashes of its id.

use super::canvas::{Canvas, Look, Shade, Tone};
use super::geometry::Rect;
use super::text::{Anchor, Style};

/// The height of one number of the code.
const NUMBER: i32 = 18;

/// Draws the diagram.
pub(super) fn draw() -> Canvas {
    let mut canvas = Canvas::new(
        328,
        "Deep hash embedding",
        "A user id is hashed by k functions. The hashes are a code, for example of 1,024 numbers. Four linear \
         layers with a ReLU between two of them turn the code into the user vector. There is no table.",
    );
    // No pattern, as hashes have none.
    let shades = [
        Shade::Middle,
        Shade::Full,
        Shade::Empty,
        Shade::Light,
        Shade::Middle,
        Shade::Light,
        Shade::Full,
        Shade::Empty,
        Shade::Middle,
        Shade::Empty,
        Shade::Light,
    ];
    let shade = |row: i32, _| {
        let index = usize::try_from(row).unwrap_or_default();
        (Tone::Plain, shades[index % shades.len()])
    };
    let code = canvas.grid((276, 62), (11, 1), (28, NUMBER), shade);
    canvas.label((code.center().0, 50), Anchor::Middle, Style::Head, "Code");
    canvas.label((code.center().0, 282), Anchor::Middle, Style::Body, "k numbers,");
    canvas.label((code.center().0, 298), Anchor::Middle, Style::Body, "such as 1,024");

    let middle = code.center().1;
    let user = Rect::new(16, middle - 22, 88, 44);
    let user = canvas.block(user, Tone::Id, Look::Tinted, &[(Style::Head, "User id")]);
    for (row, name) in [(1, "h1(id)"), (5, "h2(id)"), (9, "hk(id)")] {
        let y = code.y + row * NUMBER + NUMBER / 2;
        let hash = Rect::new(152, y - 17, 80, 34);
        let hash = canvas.block(hash, Tone::Plain, Look::Tinted, &[(Style::Code, name)]);
        let trunk = 128;
        match y == middle {
            true => canvas.arrow(Tone::Plain, &[user.right(), hash.left()]),
            false => canvas.arrow(Tone::Plain, &[user.right(), (trunk, middle), (trunk, y), hash.left()]),
        }
        canvas.arrow(Tone::Plain, &[hash.right(), (code.x, y)]);
    }
    canvas.label((192, 202), Anchor::Middle, Style::Head, "…");
    canvas.label((192, 50), Anchor::Middle, Style::Head, "k hashes");

    let mut above: Option<Rect> = None;
    for (layer, shape) in (0..).zip(["k → DU", "DU → DU", "DU → DU", "DU → DU"]) {
        let rect = Rect::new(356, 40 + layer * 72, 136, 44);
        let lines = [(Style::Head, "Linear"), (Style::Code, shape)];
        let rect = canvas.block(rect, Tone::Id, Look::Tinted, &lines);
        match above {
            Some(above) => {
                canvas.arrow(Tone::Id, &[above.bottom(), rect.top()]);
                canvas.label((rect.center().0 + 12, rect.y - 10), Anchor::Start, Style::Body, "ReLU");
            }
            None => {
                let trunk = 330;
                let (end, y) = rect.left();
                canvas.arrow(Tone::Plain, &[code.right(), (trunk, middle), (trunk, y), (end, y)]);
            }
        }
        above = Some(rect);
    }
    let (end, y) = above.map(Rect::right).unwrap_or_default();
    let vector = canvas.grid((552, y - 10), (1, 6), (25, 20), |_, _| (Tone::Id, Shade::Full));
    canvas.arrow(Tone::Id, &[(end, y), vector.left()]);
    canvas.label((vector.center().0, y - 38), Anchor::Middle, Style::Head, "User vector");
    canvas.label((vector.center().0, y - 20), Anchor::Middle, Style::Code, "[DU]");

    canvas.label((532, 57), Anchor::Start, Style::Head, "No table");
    let notes =
        ["The size does not depend on", "the number of users, and an", "unseen id has a code as well."];
    for (line, note) in (0..).zip(notes) {
        canvas.label((532, 77 + line * 17), Anchor::Start, Style::Body, note);
    }
    canvas
}
