//! A user by learned archetypes, weighted by the user's features.

use super::canvas::{Canvas, Look, Shade, Tone};
use super::geometry::Rect;
use super::text::{Anchor, Style};

/// Draws the diagram.
pub(super) fn draw() -> Canvas {
    let mut canvas = Canvas::new(
        350,
        "Cohorts",
        "A linear layer turns the features of a user into affinities to the cohorts. After dropout, a softmax, or \
         the top k with weight 1/k each, gives the weights of a mean of the cohorts' vectors. Four linear layers \
         turn the mean into the user vector.",
    );
    let tone = Tone::Features;
    let row = |x, width| Rect::new(x, 46, width, 48);
    let features = canvas.block(row(12, 120), tone, Look::Hollow, &[(Style::Head, "User features")]);
    let linear = canvas.block(row(162, 76), tone, Look::Tinted, &[(Style::Head, "Linear")]);
    let affinities = [(Style::Head, "Affinities"), (Style::Code, "[n_cohorts]")];
    let affinities = canvas.block(row(268, 108), tone, Look::Hollow, &affinities);
    let dropout = canvas.block(row(404, 84), tone, Look::Dashed, &[(Style::Head, "Dropout")]);
    let weights = [
        (Style::Head, "Weights that sum to 1"),
        (Style::Body, "softmax over all cohorts;"),
        (Style::Body, "or top k, 1/k each"),
    ];
    let weights = canvas.block(Rect::new(516, 34, 192, 72), tone, Look::Tinted, &weights);
    for (from, to) in [(features, linear), (linear, affinities), (affinities, dropout), (dropout, weights)] {
        canvas.arrow(tone, &[from.right(), to.left()]);
    }
    canvas.label((dropout.center().0, 112), Anchor::Middle, Style::Body, "training only");

    // How much each cohort has to do with this user.
    let shades = [Shade::Light, Shade::Full, Shade::Empty, Shade::Middle, Shade::Empty, Shade::Light];
    let shade = |row: i32, _| {
        let index = usize::try_from(row).unwrap_or_default();
        (tone, shades[index % shades.len()])
    };
    let cohorts = canvas.grid((24, 170), (6, 6), (22, 20), shade);
    canvas.label((cohorts.center().0, 312), Anchor::Middle, Style::Head, "Cohort matrix");
    canvas.label((cohorts.center().0, 330), Anchor::Middle, Style::Code, "[n_cohorts, DU]");
    let middle = cohorts.center().1;
    let mean = [(Style::Head, "Weighted mean"), (Style::Body, "of the rows")];
    let mean = canvas.block(Rect::new(198, middle - 26, 144, 52), tone, Look::Tinted, &mean);
    let layers =
        [(Style::Head, "4 linear layers"), (Style::Code, "DU → DU"), (Style::Body, "ReLU between two")];
    let layers = canvas.block(Rect::new(384, middle - 34, 136, 68), tone, Look::Tinted, &layers);
    let vector = canvas.grid((564, middle - 10), (1, 6), (24, 20), |_, _| (tone, Shade::Full));
    canvas.label((vector.center().0, middle - 38), Anchor::Middle, Style::Head, "User vector");
    canvas.label((vector.center().0, middle - 20), Anchor::Middle, Style::Code, "[DU]");
    for (from, to) in [(cohorts, mean), (mean, layers), (layers, vector)] {
        canvas.arrow(tone, &[from.right(), to.left()]);
    }
    let (turn, above) = (138, mean.top());
    canvas.arrow(tone, &[weights.bottom(), (weights.bottom().0, turn), (above.0, turn), above]);
    canvas
}
