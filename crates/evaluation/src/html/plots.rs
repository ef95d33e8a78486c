//! The plots of a report.

use burn_recsys_metrics::SliceReport;
use plotters::prelude::RGBColor;

use super::canvas::{
    Anchor, Axis, BLUE, Canvas, DIGIT, Drawn, GREEN, INK, Mark, PAPER, VERMILION, bounds, svg,
};
use super::text::{count, number, percent, shortened, signed, width};
use crate::{Evaluation, Result};

/// A metric at one cutoff.
pub(super) struct AtCutoff {
    pub(super) k: usize,
    pub(super) value: f64,
    pub(super) interval: Option<[f64; 2]>,
}

/// What all metrics that are plotted can be; an interval by the normal distribution can be wider.
pub(super) const SHARES: [f64; 2] = [0.0, 1.0];
/// For what can be anything.
pub(super) const UNLIMITED: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

/// An interval without what no value can be.
fn within(interval: Option<[f64; 2]>, [least, most]: [f64; 2], value: f64) -> [f64; 2] {
    interval.unwrap_or([value; 2]).map(|end| end.clamp(least, most))
}

/// One metric by cutoff, on an axis from 0. Cutoffs are spaced by their logarithm. Intervals end at 0 and 1.
pub(super) fn by_cutoff(name: &str, points: &[AtCutoff]) -> Result<String> {
    let [left, right, top, bottom] = [96, 616, 60, 350];
    let bounds = points.iter().flat_map(|point| within(point.interval, SHARES, point.value));
    let y = Axis::around(bounds.chain([0.0]), 4);
    let logarithms = points.iter().map(|point| (point.k as f64).ln());
    let [low, high] =
        logarithms.fold([f64::INFINITY, 0.0], |[low, high]: [f64; 2], k| [low.min(k), high.max(k)]);
    let x_of = |k: usize| {
        let part = if high > low { ((k as f64).ln() - low) / (high - low) } else { 0.5 };
        left + 34 + (part * f64::from(right - left - 68)).round() as i32
    };
    svg([640, 430], &format!("{name} by cutoff"), |canvas| {
        canvas.text(name, (left, 24), Anchor::Left)?;
        y_axis(canvas, &y, [left, right], [bottom, top])?;
        let mut free_from = i32::MIN;
        for point in points {
            let (x, label) = (x_of(point.k), point.k.to_string());
            let half = (width(&label) * DIGIT / 2.0).round() as i32;
            canvas.frame(vec![(x, bottom), (x, bottom + 8)])?;
            if x - half >= free_from {
                canvas.text(&label, (x, bottom + 14), Anchor::Below)?;
                free_from = x + half + 10;
            }
        }
        canvas.text("recommended items (k)", ((left + right) / 2, 424), Anchor::Above)?;
        let y_of = |value| y.place(value, [bottom, top]);
        canvas.line(points.iter().map(|point| (x_of(point.k), y_of(point.value))).collect(), BLUE, 3)?;
        for point in points {
            let x = x_of(point.k);
            if let Some([low, high]) = point.interval {
                canvas.line(vec![(x, y_of(low)), (x, y_of(high))], BLUE, 3)?;
                for end in [low, high].into_iter().filter(|&end| y.holds(end)) {
                    canvas.line(vec![(x - 8, y_of(end)), (x + 8, y_of(end))], BLUE, 3)?;
                }
            }
            canvas.mark((x, y_of(point.value)), Mark::Circle, BLUE)?;
        }
        Ok(())
    })
}

fn y_axis(canvas: &Canvas<'_>, y: &Axis, [left, right]: [i32; 2], [bottom, top]: [i32; 2]) -> Drawn {
    for tick in y.ticks() {
        let at = y.place(tick, [bottom, top]);
        canvas.grid((left, at), (right, at))?;
        canvas.text(&y.label(tick), (left - 12, at), Anchor::Right)?;
    }
    canvas.frame(vec![(left, top), (left, bottom), (right, bottom)])
}

/// A named value with its interval.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) interval: Option<[f64; 2]>,
    /// What is written at the end of the row.
    pub(super) text: String,
    pub(super) look: Look,
}

/// How a row is marked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Usual,
    Lower,
    Unclear,
}

/// Values one below the other, each with its interval; `level` is a value to compare with. The axis begins at 0
/// unless there are values below it. Intervals end at those of `range`.
pub(super) fn rows(
    title: &str,
    x_title: &str,
    rows: &[Row],
    level: Option<f64>,
    range: [f64; 2],
) -> Result<String> {
    const HEIGHT: i32 = 46;
    const MOST: f64 = 24.0;
    let names: Vec<String> = rows.iter().map(|row| shortened(&row.name, MOST)).collect();
    let widest = |texts: &mut dyn Iterator<Item = &str>| texts.map(width).fold(0.0, f64::max);
    let left = 30 + (widest(&mut names.iter().map(String::as_str)) * DIGIT).round() as i32;
    let right = 815 - (widest(&mut rows.iter().map(|row| row.text.as_str())) * DIGIT).round() as i32;
    let (top, bottom) = (16, 16 + HEIGHT * rows.len() as i32);
    let values = rows.iter().flat_map(|row| within(row.interval, range, row.value));
    let n_ticks = ((right - left) / 110).clamp(2, 5) as usize;
    let x = Axis::around(values.chain([0.0]).chain(level), n_ticks);
    let x_of = |value| x.place(value, [left, right]);
    svg([840, bottom + 86], title, |canvas| {
        for tick in x.ticks() {
            canvas.grid((x_of(tick), top), (x_of(tick), bottom))?;
            canvas.text(&x.label(tick), (x_of(tick), bottom + 12), Anchor::Below)?;
        }
        canvas.frame(vec![(left, bottom), (right, bottom)])?;
        if x.low < 0.0 {
            canvas.frame(vec![(x_of(0.0), top), (x_of(0.0), bottom)])?;
        }
        if let Some(level) = level {
            canvas.dashed((x_of(level), top), (x_of(level), bottom), INK)?;
        }
        canvas.text(x_title, ((left + right) / 2, bottom + 78), Anchor::Above)?;
        for ((at, row), name) in (0..).zip(rows).zip(&names) {
            let y = top + HEIGHT * at + HEIGHT / 2;
            let (color, mark) = match row.look {
                Look::Usual => (BLUE, Mark::Circle),
                Look::Lower => (VERMILION, Mark::Triangle),
                Look::Unclear => (INK, Mark::Hollow),
            };
            canvas.text(name, (left - 16, y), Anchor::Right)?;
            if let Some([low, high]) = row.interval {
                canvas.line(vec![(x_of(low), y), (x_of(high), y)], color, 3)?;
                for end in [low, high].into_iter().filter(|&end| x.holds(end)) {
                    canvas.line(vec![(x_of(end), y - 8), (x_of(end), y + 8)], color, 3)?;
                }
            }
            canvas.mark((x_of(row.value), y), mark, color)?;
            canvas.text(&row.text, (830, y), Anchor::Right)?;
        }
        Ok(())
    })
}

/// One grouping's slices by the metric called `label`.
pub(super) fn slice_rows(slices: &[&SliceReport], label: &str, evaluation: &Evaluation) -> Vec<Row> {
    let row = |slice: &&SliceReport| {
        let summary = slice.summaries.iter().find(|summary| summary.label == label)?;
        let value = summary.value.filter(|value| value.is_finite())?;
        let interval = summary.normal_interval(evaluation.config.confidence);
        let (name, text) = (slice.slice.clone(), number(value));
        Some(Row { name, value, interval: bounds(interval.as_ref()), text, look: Look::Usual })
    };
    slices.iter().filter_map(row).collect()
}

/// The differences of metrics between two models.
pub(super) fn difference_rows(evaluation: &Evaluation, is_shown: impl Fn(&str) -> bool) -> Vec<Row> {
    let shown = evaluation.comparison.iter().filter(|(label, _)| is_shown(label));
    let row = |(label, paired): &(String, burn_recsys_metrics::statistics::PairedComparison)| {
        let value = paired.difference.filter(|value| value.is_finite())?;
        let interval = bounds(paired.t_interval.as_ref());
        let look = match interval {
            Some([low, _]) if low > 0.0 => Look::Usual,
            Some([_, high]) if high < 0.0 => Look::Lower,
            _ => Look::Unclear,
        };
        Some(Row { name: label.clone(), value, interval, text: signed(value), look })
    };
    shown.filter_map(row).collect()
}

/// How many users have which value of a metric within 0 to 1. Users with exactly 0 are often the most: they have
/// a bar of their own, which is cut where it would leave nothing of the others.
pub(super) fn histogram(label: &str, values: &[f64], mean: f64, median: f64) -> Result<String> {
    const N_BINS: usize = 20;
    let [left, right, top, bottom] = [110, 815, 120, 440];
    let mut bins = [0_usize; N_BINS];
    let mut n_zero = 0;
    for &value in values {
        if value <= 0.0 {
            n_zero += 1;
        } else {
            let bin = ((value * N_BINS as f64).ceil() as usize).clamp(1, N_BINS) - 1;
            bins[bin] += 1;
        }
    }
    let most = bins.iter().copied().max().unwrap_or(0);
    let is_cut = most > 0 && n_zero > 2 * most;
    let highest = if is_cut { most } else { most.max(n_zero) };
    let mut y = Axis::around([0.0, highest.max(1) as f64 * if is_cut { 1.3 } else { 1.0 }], 4);
    if highest < 4 {
        // Users are whole.
        y = Axis::around([0.0, 4.0], 4);
    }
    let y_of = |n: usize| y.place(n as f64, [bottom, top]);
    // The bar of 0 stands before those of the axis.
    let from = left + 66;
    let x_of = |value: f64| from + (value.clamp(0.0, 1.0) * f64::from(right - from)).round() as i32;
    svg([840, 540], &format!("Users by {label}"), |canvas| {
        y_axis(canvas, &y, [left, right], [bottom, top])?;
        canvas.bar([(left + 12, y_of(n_zero)), (left + 46, bottom)], VERMILION)?;
        if is_cut {
            // A slanted gap across the bar.
            let gap = bottom - (bottom - top) * 3 / 4;
            let (a, b) = (left + 6, left + 52);
            canvas.polygon(vec![(a, gap + 10), (b, gap - 10), (b, gap), (a, gap + 20)], PAPER)?;
        }
        let zero = if values.is_empty() { 0.0 } else { n_zero as f64 / values.len() as f64 };
        let zero = format!("0: {} ({})", count(n_zero), percent(zero));
        canvas.coloured_text(&zero, (left, 24), Anchor::Left, VERMILION)?;
        for (bin, &n) in bins.iter().enumerate().filter(|&(_, &n)| n > 0) {
            let edge = |edge: usize| x_of(edge as f64 / N_BINS as f64);
            canvas.bar([(edge(bin) + 1, y_of(n)), (edge(bin + 1) - 1, bottom)], BLUE)?;
        }
        canvas.text("0", (left + 29, bottom + 14), Anchor::Below)?;
        for tick in 1..=5 {
            let value = f64::from(tick) / 5.0;
            canvas.frame(vec![(x_of(value), bottom), (x_of(value), bottom + 8)])?;
            canvas.text(&format!("{value:.1}"), (x_of(value), bottom + 14), Anchor::Below)?;
        }
        markers(canvas, [("mean", mean, INK), ("median", median, GREEN)], [left, right], bottom, |value| {
            if value <= 0.0 { left + 29 } else { x_of(value) }
        })?;
        canvas.text(label, ((left + right) / 2, 532), Anchor::Above)?;
        canvas.text("users", (left - 12, 72), Anchor::Right)
    })
}

/// Upright lines with their names, two above the bars. No name lies across the other line: as a rule names are at
/// the right, and the line farther right begins lower.
fn markers(
    canvas: &Canvas<'_>,
    mut values: [(&str, f64, RGBColor); 2],
    [left, right]: [i32; 2],
    bottom: i32,
    x_of: impl Fn(f64) -> i32,
) -> Drawn {
    const ROWS: [i32; 2] = [64, 96];
    values.sort_by(|(_, a, _), (_, b, _)| a.total_cmp(b));
    let [lower, higher] = values.map(|(name, value, color)| {
        let text = format!("{name} {}", number(value));
        let wide = 16 + (width(&text) * DIGIT).round() as i32;
        (text, wide, x_of(value), color)
    });
    let is_at_end = right - higher.2 < higher.1;
    let fits_between = higher.2 - lower.2 > lower.1 || lower.2 - left < lower.1;
    let placed = match is_at_end {
        false => [(lower, ROWS[0], false), (higher, ROWS[1], false)],
        true => [(lower, ROWS[1], !fits_between), (higher, ROWS[0], true)],
    };
    for ((text, _, x, color), y, is_left) in placed {
        // Seen before bars as well.
        canvas.line(vec![(x, y), (x, bottom)], PAPER, 7)?;
        canvas.dashed((x, y), (x, bottom), color)?;
        let (place, anchor) = if is_left { (x - 8, Anchor::Right) } else { (x + 8, Anchor::Left) };
        canvas.coloured_text(&text, (place, y), anchor, color)?;
    }
    Ok(())
}

/// The cumulative share of recommendations that the least recommended items have. `counts` is descending.
pub(super) fn lorenz(counts: &[u64]) -> Result<String> {
    const MOST: usize = 300;
    let [left, right, top, bottom] = [110, 590, 30, 510];
    let (n, all) = (counts.len(), counts.iter().map(|&count| u128::from(count)).sum::<u128>());
    let share = Axis::around([0.0, 1.0], 5);
    let at = |items: f64, recommendations: f64| {
        (share.place(items, [left, right]), share.place(recommendations, [bottom, top]))
    };
    let mut curve = vec![at(0.0, 0.0)];
    let (mut sum, mut drawn) = (0_u128, 0);
    for (rank, &count) in (1..=n).zip(counts.iter().rev()) {
        sum += u128::from(count);
        // As many points as can be seen.
        if rank * MOST / n > drawn || n <= MOST {
            drawn = rank * MOST / n;
            curve.push(at(rank as f64 / n as f64, sum as f64 / all.max(1) as f64));
        }
    }
    svg([640, 600], "Share of the recommendations by share of the items", |canvas| {
        y_axis(canvas, &share, [left, right], [bottom, top])?;
        for tick in share.ticks() {
            let (x, _) = at(tick, 0.0);
            canvas.grid((x, top), (x, bottom))?;
            canvas.text(&share.label(tick), (x, bottom + 12), Anchor::Below)?;
        }
        canvas.dashed(at(0.0, 0.0), at(1.0, 1.0), INK)?;
        canvas.line(curve, BLUE, 4)?;
        canvas.text("equal", (left + 210, bottom - 260), Anchor::Right)?;
        canvas.text("share of the items, rarest first", ((left + right) / 2, 594), Anchor::Above)
    })
}
