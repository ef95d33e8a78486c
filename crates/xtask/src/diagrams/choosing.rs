//! Which representation of users to begin with.

use super::canvas::{Canvas, Look, Tone};
use super::geometry::Rect;
use super::text::{Anchor, Style};

/// From one question to the next.
const PITCH: i32 = 92;

/// A question and the representation that one of its answers leads to; the other leads to the next question.
struct Choice {
    question: [&'static str; 2],
    answer: &'static str,
    otherwise: &'static str,
    tone: Tone,
    representation: [&'static str; 2],
}

const CHOICES: [Choice; 4] = [
    Choice {
        question: ["Were most users seen in training?", "an id says nothing before it is trained"],
        answer: "no",
        otherwise: "yes",
        tone: Tone::Features,
        representation: ["Cohort", "needs features; serves new users"],
    },
    Choice {
        question: ["Are only some histories long?", "and do you have features of users?"],
        answer: "yes",
        otherwise: "no",
        tone: Tone::Mixture,
        representation: ["Mixture", "ids for the active, cohorts for the rest"],
    },
    Choice {
        question: ["Does a full table fit in memory?", "n_users × DU numbers and optimizer state"],
        answer: "yes",
        otherwise: "no",
        tone: Tone::Id,
        representation: ["Id table", "a row for each user"],
    },
    Choice {
        question: ["Is a table a few times smaller enough?", "users then share rows, or parts of rows"],
        answer: "yes",
        otherwise: "no",
        tone: Tone::Id,
        representation: ["Hash or quotient-remainder", "cheap lookups, some collisions"],
    },
];

/// Draws the diagram.
pub(super) fn draw() -> Canvas {
    let mut canvas = Canvas::new(
        492,
        "Choosing a representation of users",
        "If most users were not seen in training: cohort. Otherwise, if only some histories are long and there are \
         user features: mixture. Otherwise, if a full table fits in memory: id table. Otherwise, if a table a few \
         times smaller is enough: hash or quotient-remainder. Otherwise: deep hash embedding.",
    );
    let mut leads = None;
    for (index, choice) in (0..).zip(&CHOICES) {
        let y = 20 + index * PITCH;
        let Choice { question: [question, detail], answer, otherwise, tone, representation } = choice;
        let question = canvas.block(
            Rect::new(16, y, 356, 56),
            Tone::Plain,
            Look::Question,
            &[(Style::Head, question), (Style::Body, detail)],
        );
        let found = draw_representation(&mut canvas, y, *tone, *representation);
        canvas.arrow(*tone, &[question.right(), found.left()]);
        canvas.label((404, question.right().1 - 8), Anchor::Middle, Style::Body, answer);
        if let Some((from, word)) = leads {
            lead(&mut canvas, from, question.top(), word);
        }
        leads = Some((question.bottom(), *otherwise));
    }
    let y = 20 + 4 * PITCH;
    let last = draw_representation(
        &mut canvas,
        y,
        Tone::Id,
        ["Deep hash embedding", "no table; costs arithmetic instead"],
    );
    if let Some(((x, from), word)) = leads {
        let (end, turn) = last.left();
        canvas.arrow(Tone::Id, &[(x, from), (x, turn), (end, turn)]);
        canvas.label((x + 10, from + 22), Anchor::Start, Style::Body, word);
    }
    canvas.label((416, 474), Anchor::End, Style::Body, "Not sure? Train them all on the same split:");
    canvas.label((424, 474), Anchor::Start, Style::Code, "burn-recsys compare");
    canvas
}

fn draw_representation(canvas: &mut Canvas, y: i32, tone: Tone, [name, detail]: [&str; 2]) -> Rect {
    let lines = [(Style::Head, name), (Style::Body, detail)];
    canvas.block(Rect::new(440, y, 264, 56), tone, Look::Tinted, &lines)
}

fn lead(canvas: &mut Canvas, from: (i32, i32), to: (i32, i32), word: &str) {
    canvas.arrow(Tone::Plain, &[from, to]);
    canvas.label((from.0 + 10, from.1 + 22), Anchor::Start, Style::Body, word);
}
