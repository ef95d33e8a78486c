//! The multi-task estimator, from its inputs to the score that ranks.

use super::canvas::{Canvas, Look, Shade, Tone};
use super::geometry::Rect;
use super::text::{Anchor, Style};

/// From one input to the next.
const PITCH: i32 = 60;

/// One part of the estimator's input: where it comes from, what represents it, what it adds.
struct Part {
    tone: Tone,
    input: &'static str,
    layer: [(Style, &'static str); 2],
    added: [(Style, &'static str); 2],
}

/// In the order of concatenation.
const PARTS: [Part; 5] = [
    Part {
        tone: Tone::Mixture,
        input: "User id",
        layer: [(Style::Head, "User representation"), (Style::Code, "R: UserRepresentation")],
        added: [(Style::Body, "user vector"), (Style::Code, "DU")],
    },
    Part {
        tone: Tone::Features,
        input: "User features",
        layer: [(Style::Head, "Linear"), (Style::Code, "n_user_features → DU")],
        added: [(Style::Body, "user features"), (Style::Code, "DU")],
    },
    Part {
        tone: Tone::Id,
        input: "Item id",
        layer: [(Style::Head, "Item table"), (Style::Code, "[n_items, DI]")],
        added: [(Style::Body, "item row"), (Style::Code, "DI")],
    },
    Part {
        tone: Tone::Features,
        input: "Item features",
        layer: [(Style::Head, "Linear"), (Style::Code, "n_item_features → DI")],
        added: [(Style::Body, "item features"), (Style::Code, "DI")],
    },
    Part {
        tone: Tone::Features,
        input: "Cross features",
        layer: [(Style::Head, "Linear"), (Style::Code, "n_cross_features → 128")],
        added: [(Style::Body, "cross features"), (Style::Code, "128")],
    },
];

/// Draws the diagram.
pub(super) fn draw() -> Canvas {
    let mut canvas = Canvas::new(
        544,
        "The multi-task estimator",
        "User id and user features become a user vector by a representation that can be exchanged. It is \
         concatenated with linear user features, the item's table row, linear item features and linear cross \
         features. Heads turn the concatenation into logits, one for each task; these become probabilities, are \
         calibrated, and are summed with the value weights to the value score that ranks. In training only, a \
         position-bias tower is added to the logits.",
    );
    for (x, heading) in [(75, "Inputs"), (275, "Layers"), (466, "Concatenated"), (638, "Tasks and value")] {
        canvas.label((x, 24), Anchor::Middle, Style::Body, heading);
    }
    for (row, part) in (0..).zip(&PARTS) {
        draw_part(&mut canvas, row * PITCH, part);
    }
    // User features are an input of the representation, too.
    let (trunk, user_features) = (154, 70 + PITCH);
    canvas.arrow(Tone::Plain, &[(trunk, user_features), (trunk, 80), (174, 80)]);
    draw_tasks(&mut canvas);
    draw_legend(&mut canvas);
    canvas
}

fn draw_part(canvas: &mut Canvas, y: i32, part: &Part) {
    let input = Rect::new(12, 48 + y, 126, 44);
    canvas.block(input, Tone::Plain, Look::Hollow, &[(Style::Head, part.input)]);
    let layer = canvas.block(Rect::new(174, 48 + y, 202, 44), part.tone, Look::Tinted, &part.layer);
    let added = canvas.block(Rect::new(412, 40 + y, 108, PITCH), part.tone, Look::Segment, &part.added);
    // The first layer has a second arrow below the first.
    let enters = if y == 0 { 60 } else { layer.left().1 };
    canvas.arrow(Tone::Plain, &[(input.right().0, enters), (layer.x, enters)]);
    canvas.arrow(part.tone, &[layer.right(), added.left()]);
}

fn draw_tasks(canvas: &mut Canvas) {
    let column = |y, height| Rect::new(568, y, 140, height);
    let heads = [
        (Style::Head, "Heads"),
        (Style::Body, "linear; or MLP,"),
        (Style::Body, "task towers,"),
        (Style::Body, "multi-gate mixture"),
    ];
    let heads = canvas.block(column(40, 92), Tone::Plain, Look::Tinted, &heads);
    let logits = [(Style::Head, "Logits"), (Style::Code, "[batch, n_tasks]")];
    let logits = canvas.block(column(168, 48), Tone::Plain, Look::Hollow, &logits);
    let probabilities = [(Style::Head, "Probabilities"), (Style::Body, "sigmoid")];
    let probabilities = canvas.block(column(252, 46), Tone::Plain, Look::Hollow, &probabilities);
    let calibrated = [(Style::Head, "Calibrated"), (Style::Body, "each task by itself")];
    let calibrated = canvas.block(column(334, 46), Tone::Plain, Look::Hollow, &calibrated);
    let score =
        [(Style::Head, "Value score"), (Style::Body, "weighted sum;"), (Style::Body, "ranks the items")];
    let score = canvas.block(column(416, 66), Tone::Plain, Look::Tinted, &score);
    // A bracket: the heads see the whole concatenation.
    canvas.curve(Tone::Plain, "M525 42Q533 42 533 50V330Q533 338 525 338");
    canvas.arrow(Tone::Plain, &[(533, heads.left().1), heads.left()]);
    for (from, to) in
        [(heads, logits), (logits, probabilities), (probabilities, calibrated), (calibrated, score)]
    {
        canvas.arrow(Tone::Plain, &[from.bottom(), to.top()]);
    }
    let weights = [(Style::Head, "Value weights"), (Style::Code, "[n_tasks]")];
    let weights = canvas.block(Rect::new(388, 424, 132, 50), Tone::Plain, Look::Hollow, &weights);
    canvas.arrow(Tone::Plain, &[weights.right(), score.left()]);

    let position = [(Style::Head, "Position")];
    let position = canvas.block(Rect::new(12, 364, 126, 44), Tone::Plain, Look::Dashed, &position);
    let tower = [(Style::Head, "Position-bias tower"), (Style::Body, "training only; neutral at 0")];
    let tower = canvas.block(Rect::new(174, 364, 202, 44), Tone::Plain, Look::Dashed, &tower);
    canvas.dashed_arrow(Tone::Plain, &[position.right(), tower.left()]);
    let (turn, enters) = (550, logits.left());
    canvas.dashed_arrow(Tone::Plain, &[tower.right(), (turn, tower.right().1), (turn, enters.1), enters]);
    canvas.label((400, 380), Anchor::Start, Style::Body, "added to the logits");
}

fn draw_legend(canvas: &mut Canvas) {
    let entries = [
        (12, Tone::Id, "learned for each id"),
        (186, Tone::Features, "learned from features"),
        (372, Tone::Mixture, "either, or both: yours to choose"),
    ];
    for (x, tone, text) in entries {
        canvas.grid((x, 508), (1, 1), (16, 16), |_, _| (tone, Shade::Full));
        canvas.label((x + 24, 521), Anchor::Start, Style::Body, text);
    }
}
