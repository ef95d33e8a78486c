//! From a graph of items to vectors: one walk, one window, what they pull together.

use super::canvas::{Canvas, Look, Shade, Tone};
use super::geometry::{Point, Rect};
use super::text::{Anchor, Style};

/// The items and where they stand.
const NODES: [(&str, Point); 7] = [
    ("mug", (84, 72)),
    ("filters", (84, 182)),
    ("beans", (232, 126)),
    ("syrup", (366, 82)),
    ("cocoa", (496, 128)),
    ("flour", (634, 72)),
    ("sugar", (634, 182)),
];
/// Pairs of nodes, the weight of their edge, and where it is written.
const EDGES: [(usize, usize, &str, Point); 8] = [
    (0, 1, "2", (70, 131)),
    (0, 2, "3", (166, 90)),
    (1, 2, "8", (166, 174)),
    (2, 3, "5", (292, 94)),
    (3, 4, "1", (440, 96)),
    (4, 5, "4", (558, 94)),
    (4, 6, "4", (556, 172)),
    (5, 6, "7", (650, 131)),
];
/// The walk, in nodes.
const WALK: [usize; 6] = [1, 2, 3, 4, 5, 6];
/// The place in the walk whose neighbours are learned from, and how far they reach.
const CENTER: usize = 2;
const WINDOW: usize = 2;

/// Draws the diagram.
pub(super) fn draw() -> Canvas {
    let mut canvas = Canvas::new(
        496,
        "From a graph of items to vectors",
        "Items that are bought together are linked, with a weight. A walk from item to item follows edges in \
         proportion to their weights: filters, beans, syrup, cocoa, flour, sugar. For syrup, in the middle of a \
         window, the two items before and the two after it are its context. Training makes the inner product of \
         the vector of syrup with those of its context larger, and with those of random items smaller. An item \
         without an edge is in no walk; it is known by its features.",
    );
    draw_graph(&mut canvas);
    let [center, context] = draw_walk(&mut canvas);
    draw_vectors(&mut canvas, center, context);
    canvas
}

fn draw_graph(canvas: &mut Canvas) {
    canvas.label((16, 26), Anchor::Start, Style::Head, "Items bought together, with weights");
    for (from, to, weight, at) in EDGES {
        let is_walked = WALK.windows(2).any(|step| step == [from, to]);
        let tone = if is_walked { Tone::Id } else { Tone::Plain };
        let ((x1, y1), (x2, y2)) = (NODES[from].1, NODES[to].1);
        canvas.curve(tone, &format!("M{x1} {y1}L{x2} {y2}"));
        canvas.label(at, Anchor::Middle, Style::Body, weight);
    }
    for (node, (name, (x, y))) in NODES.into_iter().enumerate() {
        let tone = if WALK.contains(&node) { Tone::Id } else { Tone::Plain };
        canvas.block(Rect::new(x - 38, y - 16, 76, 32), tone, Look::Question, &[(Style::Body, name)]);
    }
    let new = Rect::new(318, 166, 96, 32);
    canvas.block(new, Tone::Features, Look::Dashed, &[(Style::Body, "new syrup")]);
    canvas.label((366, 216), Anchor::Middle, Style::Body, "no edge: known by its features alone");
}

/// The blocks of the centre and of the last item of its context.
fn draw_walk(canvas: &mut Canvas) -> [Rect; 2] {
    let (top, width, pitch) = (300, 92, 114);
    canvas.label((16, 256), Anchor::Start, Style::Head, "A walk");
    canvas.label(
        (82, 256),
        Anchor::Start,
        Style::Body,
        "each step follows an edge, in proportion to its weight",
    );
    let left = |place: usize| 29 + pitch * i32::try_from(place).unwrap_or_default();
    let mut blocks = Vec::new();
    for (place, node) in WALK.into_iter().enumerate() {
        let (tone, look) = match place.abs_diff(CENTER) {
            0 => (Tone::Id, Look::Tinted),
            distance if distance <= WINDOW => (Tone::Mixture, Look::Tinted),
            _ => (Tone::Plain, Look::Hollow),
        };
        let rect = Rect::new(left(place), top, width, 34);
        blocks.push(canvas.block(rect, tone, look, &[(Style::Head, NODES[node].0)]));
    }
    for pair in blocks.windows(2) {
        canvas.arrow(Tone::Plain, &[pair[0].right(), pair[1].left()]);
    }
    let (first, last) = (blocks[CENTER - WINDOW], blocks[CENTER + WINDOW]);
    let (start, end) = (first.x, last.x + last.width);
    canvas.curve(Tone::Mixture, &format!("M{start} {}V{}H{end}V{}", top - 8, top - 16, top - 8));
    canvas.label((end, top - 22), Anchor::End, Style::Body, "the window of syrup");
    [blocks[CENTER], last]
}

fn draw_vectors(canvas: &mut Canvas, center: Rect, context: Rect) {
    let (y, width, height) = (382, 17, 20);
    let grid = |canvas: &mut Canvas, middle: i32, y: i32, tone, shade| {
        canvas.grid((middle - 3 * width, y), (1, 6), (width, height), |_, _| (tone, shade))
    };
    let own = grid(canvas, center.center().0, y, Tone::Id, Shade::Full);
    let near = grid(canvas, context.center().0, y, Tone::Mixture, Shade::Full);
    let random = grid(canvas, context.center().0, y + 48, Tone::Plain, Shade::Middle);
    canvas.arrow(Tone::Id, &[center.bottom(), own.top()]);
    canvas.arrow(Tone::Mixture, &[context.bottom(), near.top()]);
    let middle = i32::midpoint(own.right().0, near.left().0);
    let nearer = canvas.operator((middle, own.center().1), Tone::Plain, '×');
    let farther = canvas.operator((middle, random.center().1), Tone::Plain, '×');
    for (vector, product, tone) in [(near, nearer, Tone::Mixture), (random, farther, Tone::Plain)] {
        canvas.arrow(tone, &[vector.left(), product.right()]);
    }
    canvas.arrow(Tone::Id, &[own.right(), nearer.left()]);
    canvas.arrow(Tone::Id, &[own.bottom(), (own.bottom().0, farther.left().1), farther.left()]);
    canvas.label((own.x - 12, own.center().1 + 4), Anchor::End, Style::Head, "Vector of syrup");
    for (vector, what, then) in
        [(near, "a neighbour:", "larger product"), (random, "a random item:", "smaller product")]
    {
        let (x, y) = vector.right();
        canvas.label((x + 12, y - 2), Anchor::Start, Style::Body, what);
        canvas.label((x + 12, y + 14), Anchor::Start, Style::Body, then);
    }
    let text = "Items that stand in the same places of walks end with vectors that point the same way.";
    canvas.label((360, 484), Anchor::Middle, Style::Body, text);
}
