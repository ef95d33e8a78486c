//! A user by id and by cohort, mixed by a gate.

use super::canvas::{Canvas, Look, Shade, Tone};
use super::geometry::Rect;
use super::text::{Anchor, Style};

/// Draws the diagram.
pub(super) fn draw() -> Canvas {
    let mut canvas = Canvas::new(
        432,
        "Mixture of id and cohort",
        "The user id selects a row of the id table; the user features give a cohort vector. A gate turns the user \
         features into two weights, w_id and w_cohort, that sum to 1. The user vector is the weighted sum. A small \
         sketch shows w_id rising with the user's activity: what the gate is meant to learn.",
    );
    let (top, middle, bottom) = (58, 156, 254);
    let input = |y| Rect::new(16, y - 22, 116, 44);
    let expert = |y, height| Rect::new(180, y - height / 2, 152, height);
    let user = canvas.block(input(top), Tone::Id, Look::Hollow, &[(Style::Head, "User id")]);
    let features =
        canvas.block(input(middle), Tone::Features, Look::Hollow, &[(Style::Head, "User features")]);
    let row = [(Style::Head, "Id table"), (Style::Body, "the user's row")];
    let row = canvas.block(expert(top, 48), Tone::Id, Look::Tinted, &row);
    let gate = [(Style::Head, "Gate"), (Style::Body, "a hidden layer,"), (Style::Body, "softmax")];
    let gate = canvas.block(expert(middle, 66), Tone::Mixture, Look::Tinted, &gate);
    let cohort = [(Style::Head, "Cohorts"), (Style::Body, "the cohort vector")];
    let cohort = canvas.block(expert(bottom, 48), Tone::Features, Look::Tinted, &cohort);
    canvas.arrow(Tone::Id, &[user.right(), row.left()]);
    canvas.arrow(Tone::Features, &[features.right(), gate.left()]);
    let trunk = 152;
    canvas.arrow(Tone::Features, &[(trunk, middle), (trunk, bottom), cohort.left()]);

    let x = 404;
    let times_id = canvas.operator((x, top), Tone::Id, '×');
    let times_cohort = canvas.operator((x, bottom), Tone::Features, '×');
    canvas.arrow(Tone::Id, &[row.right(), times_id.left()]);
    canvas.arrow(Tone::Features, &[cohort.right(), times_cohort.left()]);
    canvas.arrow(Tone::Mixture, &[gate.right(), (x, middle), times_id.bottom()]);
    canvas.arrow(Tone::Mixture, &[gate.right(), (x, middle), times_cohort.top()]);
    canvas.label((x + 10, 112), Anchor::Start, Style::Code, "w_id");
    canvas.label((x + 10, 209), Anchor::Start, Style::Code, "w_cohort");
    canvas.label((x + 10, middle + 4), Anchor::Start, Style::Body, "sum to 1");

    let plus = canvas.operator((544, middle), Tone::Mixture, '+');
    canvas.arrow(Tone::Id, &[times_id.right(), (544, top), plus.top()]);
    canvas.arrow(Tone::Features, &[times_cohort.right(), (544, bottom), plus.bottom()]);
    let vector = canvas.grid((600, middle - 10), (1, 6), (17, 20), |_, _| (Tone::Mixture, Shade::Full));
    canvas.arrow(Tone::Mixture, &[plus.right(), vector.left()]);
    canvas.label((vector.center().0, middle - 38), Anchor::Middle, Style::Head, "User vector");
    canvas.label((vector.center().0, middle - 20), Anchor::Middle, Style::Code, "[DU]");
    draw_sketch(&mut canvas);
    canvas
}

/// How the weight of the id is meant to depend on activity.
fn draw_sketch(canvas: &mut Canvas) {
    canvas.label((16, 346), Anchor::Start, Style::Head, "What the gate is meant to learn");
    canvas.label((16, 366), Anchor::Start, Style::Body, "The more a user has done,");
    canvas.label((16, 383), Anchor::Start, Style::Body, "the more its own row can be trusted.");
    let (left, right, top, bottom) = (404, 640, 318, 396);
    canvas.arrow(Tone::Plain, &[(left, bottom), (left, top)]);
    canvas.arrow(Tone::Plain, &[(left, bottom), (right, bottom)]);
    canvas.curve(Tone::Id, "M408 388C480 386 500 338 622 332");
    canvas.label((left - 8, top + 10), Anchor::End, Style::Code, "w_id");
    canvas.label((522, bottom + 20), Anchor::Middle, Style::Body, "the user's activity");
}
