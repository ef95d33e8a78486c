//! Centres, their contexts and negatives, as lists of rows.

use burn_recsys_data::Sequences;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::windows::WindowConfig;

use super::vocabulary::Vocabulary;

/// Centres that are worked on together, at most: the vectors of their contexts fit into the first cache.
pub(super) const PASSAGE: usize = 16;

/// The sequences of an epoch, in random order, and what is drawn for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch {
    epoch: u64,
    n_sequences: u64,
    /// Sequence number `first + at * stride`, modulo their number, comes at place `at`.
    first: u64,
    stride: u64,
    windows: Random,
    negatives: Random,
}

impl Epoch {
    pub(super) fn new(seed: u64, epoch: u64, n_sequences: usize) -> Self {
        let n_sequences = n_sequences.max(1) as u64;
        let mut draws = Random::new(seed, Stream::Shuffle, epoch).row(0);
        let mut below = || draws.next_u64() % n_sequences;
        let first = below();
        // About six in ten are coprime, on average: all sequences are visited.
        let stride = loop {
            let stride = below().max(1);
            if greatest_common_divisor(stride, n_sequences) == 1 {
                break stride;
            }
        };
        Epoch {
            epoch,
            n_sequences,
            first,
            stride,
            windows: Random::new(seed, Stream::Windows, epoch),
            negatives: Random::new(seed, Stream::Negatives, epoch),
        }
    }

    /// The number of the sequence at place `at` of the order.
    pub(super) fn sequence(&self, at: usize) -> usize {
        let number = u128::from(self.first) + at as u128 * u128::from(self.stride);
        (number % u128::from(self.n_sequences)) as usize
    }

    /// Makes `rows` those of a sequence, as far as they are learned and kept.
    pub(super) fn read(
        &self,
        sequences: &dyn Sequences,
        vocabulary: &Vocabulary,
        sequence: usize,
        rows: &mut Vec<u32>,
    ) {
        rows.clear();
        sequences.append(self.epoch, sequence, rows);
        vocabulary.keep_rows(rows, &mut self.windows.row(key(sequence, 0)));
    }
}

/// What the draws of a passage, counted from 1, depend on.
fn key(sequence: usize, passage: usize) -> u64 {
    ((sequence as u64) << 24).wrapping_add(passage as u64)
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// The windows of some passages.
#[derive(Debug, Clone, Default)]
pub(super) struct Windows {
    /// Where inputs, outputs and pairs of every window end.
    ends: Vec<[usize; 3]>,
    inputs: Vec<u32>,
    /// The centre, then its negatives.
    outputs: Vec<u32>,
}

/// The contexts of a centre, their vectors being inputs; and the centre with its negatives, outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window<'w> {
    pub(super) inputs: &'w [u32],
    pub(super) outputs: &'w [u32],
    /// Where its pairs of input and output begin, of all in their order.
    pub(super) first_pair: usize,
}

/// Neighbouring centres of a sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passage<'r> {
    /// The number of the sequence.
    sequence: usize,
    /// The number of the passage within it.
    number: usize,
    /// The whole sequence.
    rows: &'r [u32],
    /// Centres of every passage but the last.
    size: usize,
}

impl<'r> Passage<'r> {
    /// All passages of a sequence, of `size` centres each.
    pub(super) fn all(sequence: usize, rows: &'r [u32], size: usize) -> impl Iterator<Item = Passage<'r>> {
        (0..rows.len().div_ceil(size)).map(move |number| Passage { sequence, number, rows, size })
    }

    /// The number of the passage within its sequence.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The number of centres.
    pub(super) fn len(&self) -> usize {
        (self.rows.len() - self.number * self.size).min(self.size)
    }

    /// The centres with what is within `window` of them, and the number of items before the first centre.
    pub(super) fn with_margins(&self, window: usize) -> (&'r [u32], usize) {
        let start = self.number * self.size;
        let begin = start.saturating_sub(window);
        let end = (start + self.size).saturating_add(window).min(self.rows.len());
        (&self.rows[begin..end], start - begin)
    }
}

/// The rows of some passages, those of a passage once each.
#[derive(Debug, Clone, Default)]
pub(super) struct Distinct {
    /// The rows.
    pub(super) rows: Vec<u32>,
    /// For every place of the last passage with its margins, which of them is there.
    places: Vec<u32>,
}

impl Distinct {
    /// Appends the rows of a passage; [`place`](Self::place) knows its places from now on.
    pub(super) fn push(&mut self, rows: &[u32]) {
        let begin = self.rows.len();
        self.places.clear();
        for &row in rows {
            let found = self.rows[begin..].iter().position(|&other| other == row);
            let place = begin + found.unwrap_or(self.rows.len() - begin);
            if place == self.rows.len() {
                self.rows.push(row);
            }
            self.places.push(place as u32);
        }
    }

    /// Which of the rows is at a place of the last passage with its margins.
    pub(super) fn place(&self, place: usize) -> u32 {
        self.places[place]
    }
}

/// How windows are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct WindowShape {
    pub(super) config: WindowConfig,
    pub(super) n_negatives: usize,
}

impl Windows {
    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.inputs.clear();
        self.outputs.clear();
    }

    /// The number of pairs of an input and an output.
    pub(super) fn n_pairs(&self) -> usize {
        self.ends.last().map_or(0, |ends| ends[2])
    }

    /// Appends the windows of a passage; `name` gives the input that is at a place of
    /// [`Passage::with_margins`].
    ///
    /// A negative that is the centre is left out, and so is a centre without contexts.
    pub(super) fn push(
        &mut self,
        epoch: &Epoch,
        passage: &Passage<'_>,
        shape: WindowShape,
        vocabulary: &Vocabulary,
        name: impl Fn(usize) -> u32,
    ) {
        let key = key(passage.sequence, passage.number + 1);
        let (mut widths, mut negatives) = (epoch.windows.row(key), epoch.negatives.row(key));
        let (rows, margin) = passage.with_margins(shape.config.window);
        let windows = shape.config.windows(rows, &mut widths).enumerate();
        for (place, window) in windows.skip(margin).take(passage.size) {
            let (n_before, n_after) = (window.before.len(), window.after.len());
            if n_before + n_after == 0 {
                continue;
            }
            let [first_input, first_output, first_pair] = self.ends.last().copied().unwrap_or_default();
            self.inputs.extend((place - n_before..place).map(&name));
            self.inputs.extend((place + 1..=place + n_after).map(&name));
            self.outputs.push(window.center);
            for _ in 0..shape.n_negatives {
                let negative = vocabulary.negative(&mut negatives);
                if negative != window.center {
                    self.outputs.push(negative);
                }
            }
            let n_pairs = (self.inputs.len() - first_input) * (self.outputs.len() - first_output);
            self.ends.push([self.inputs.len(), self.outputs.len(), first_pair + n_pairs]);
        }
    }

    /// The outputs of all windows.
    pub(super) fn outputs(&self) -> &[u32] {
        &self.outputs
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Window<'_>> {
        let begins = std::iter::once([0; 3]).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| Window {
            inputs: &self.inputs[begin[0]..end[0]],
            outputs: &self.outputs[begin[1]..end[1]],
            first_pair: begin[2],
        })
    }
}
