//! A user by the row of a table.

use super::canvas::{Canvas, Look, Shade, Tone};
use super::geometry::Rect;
use super::text::{Anchor, Style};

/// The row of the user that is looked up.
const ROW: i32 = 3;
/// The rows of the other users of the batch.
const BATCH: [i32; 2] = [1, 5];
/// The row of every user that is not known.
const SHARED: i32 = 7;
const N_ROWS: i32 = 8;
const HEIGHT: i32 = 20;

/// Draws the diagram.
pub(super) fn draw() -> Canvas {
    let mut canvas = Canvas::new(
        288,
        "Id lookup",
        "A user id selects a row of a table with one row for each user; the row is the user vector. Only the rows \
         that a batch touches are trained. Unknown users have a shared row.",
    );
    let shade = |row, _| match row {
        ROW => (Tone::Id, Shade::Full),
        SHARED => (Tone::Plain, Shade::Middle),
        row if BATCH.contains(&row) => (Tone::Id, Shade::Middle),
        _ => (Tone::Plain, Shade::Empty),
    };
    let table = canvas.grid((250, 56), (N_ROWS, 6), (30, HEIGHT), shade);
    let (center, _) = table.center();
    canvas.label((center, 26), Anchor::Middle, Style::Head, "User table");
    canvas.label((center, 44), Anchor::Middle, Style::Code, "[n_users, DU]");

    let row_center = |row| table.y + row * HEIGHT + HEIGHT / 2;
    let y = row_center(ROW);
    let user = Rect::new(16, y - 22, 132, 44);
    let user = canvas.block(user, Tone::Id, Look::Tinted, &[(Style::Head, "User id")]);
    canvas.arrow(Tone::Id, &[user.right(), (table.x, y)]);
    canvas.label((198, y - 8), Anchor::Middle, Style::Body, "its row");

    let y_shared = row_center(SHARED);
    let unknown = Rect::new(16, y_shared - 22, 132, 44);
    let unknown = canvas.block(unknown, Tone::Plain, Look::Dashed, &[(Style::Head, "Unknown user")]);
    canvas.dashed_arrow(Tone::Plain, &[unknown.right(), (table.x, y_shared)]);
    canvas.label((198, y_shared - 8), Anchor::Middle, Style::Body, "a shared row");

    let vector = canvas.grid((540, y - HEIGHT / 2), (1, 6), (26, HEIGHT), |_, _| (Tone::Id, Shade::Full));
    canvas.arrow(Tone::Id, &[(table.right().0, y), vector.left()]);
    canvas.label((vector.center().0, y - 38), Anchor::Middle, Style::Head, "User vector");
    canvas.label((vector.center().0, y - 20), Anchor::Middle, Style::Code, "[DU]");

    let entries = [
        (16, Tone::Id, Shade::Full, "this user's row"),
        (172, Tone::Id, Shade::Middle, "other rows of the batch, trained with it"),
        (480, Tone::Plain, Shade::Empty, "not touched, so not trained"),
    ];
    for (x, tone, shade, text) in entries {
        canvas.grid((x, 252), (1, 1), (16, 16), |_, _| (tone, shade));
        canvas.label((x + 24, 265), Anchor::Start, Style::Body, text);
    }
    canvas
}
