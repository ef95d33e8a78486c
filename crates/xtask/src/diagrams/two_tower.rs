//! Two towers, from what is known of a user and of an item to a logit.

use super::canvas::{Canvas, Look, Shade, Tone};
use super::geometry::Rect;
use super::text::{Anchor, Style};

/// One side: where it stands, what it reads, what is special about its vectors.
struct Side {
    middle: i32,
    tone: Tone,
    head: &'static str,
    fields: [(Tone, &'static str); 4],
    vector: &'static str,
    note: [&'static str; 2],
}

const USERS: Side = Side {
    middle: 106,
    tone: Tone::Id,
    head: "User tower",
    fields: [
        (Tone::Id, "User id"),
        (Tone::Features, "Categories"),
        (Tone::Features, "Numbers"),
        (Tone::Mixture, "History of items"),
    ],
    vector: "User vector",
    note: ["computed for", "each request"],
};
const ITEMS: Side = Side {
    middle: 314,
    tone: Tone::Mixture,
    head: "Item tower",
    fields: [
        (Tone::Id, "Item id"),
        (Tone::Features, "Bag of categories"),
        (Tone::Features, "Numbers"),
        (Tone::Features, "Popularity, age"),
    ],
    vector: "Item vector",
    note: ["computed once,", "then searched"],
};

/// Draws the diagram.
pub(super) fn draw() -> Canvas {
    let mut canvas = Canvas::new(
        420,
        "Two towers",
        "The user tower reads the user's id, categories, numbers and history of items; the item tower reads the \
         item's id, a bag of categories, numbers, popularity and age. In each, the vectors of the fields stand side \
         by side and go through layers to one vector. The logit is the inner product of the two vectors. Item \
         vectors are computed once and searched; the user vector is computed for each request.",
    );
    let product = canvas.operator((650, 210), Tone::Plain, '×');
    for side in [USERS, ITEMS] {
        let is_upper = side.middle < 210;
        let layers = Rect::new(232, side.middle - 48, 180, 96);
        let lines = [
            (Style::Head, side.head),
            (Style::Body, "side by side, then"),
            (Style::Body, "linear, batch norm,"),
            (Style::Body, "ReLU, dropout"),
        ];
        let layers = canvas.block(layers, side.tone, Look::Tinted, &lines);
        for (index, (tone, name)) in (0..).zip(side.fields) {
            let field = Rect::new(16, side.middle - 82 + 42 * index, 150, 34);
            let field = canvas.block(field, tone, Look::Hollow, &[(Style::Head, name)]);
            let (_, y) = field.right();
            let trunk = 198;
            match y == side.middle {
                true => canvas.arrow(tone, &[field.right(), layers.left()]),
                false => {
                    canvas.arrow(tone, &[field.right(), (trunk, y), (trunk, side.middle), layers.left()])
                }
            }
        }
        let vector = canvas.grid((482, side.middle - 10), (1, 6), (17, 20), |_, _| (side.tone, Shade::Full));
        canvas.arrow(side.tone, &[layers.right(), vector.left()]);
        let end = if is_upper { product.top() } else { product.bottom() };
        canvas.arrow(side.tone, &[vector.right(), (650, side.middle), end]);
        let x = vector.center().0;
        canvas.label((x, side.middle - 22), Anchor::Middle, Style::Head, side.vector);
        for (line, note) in (0..).zip(side.note) {
            canvas.label((x, side.middle + 32 + 17 * line), Anchor::Middle, Style::Body, note);
        }
    }
    canvas.label((product.left().0 - 10, 206), Anchor::End, Style::Head, "Logit");
    canvas.label((product.left().0 - 10, 224), Anchor::End, Style::Body, "inner product");
    canvas
}
