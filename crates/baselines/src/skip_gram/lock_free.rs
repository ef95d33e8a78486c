//! Training by all threads at once.

use pulp::Simd;
use rayon::prelude::*;

use super::config::{Tally, Training};
use super::kernels::{LogisticLoss, Rows, RowsMut, Scratch, Work, products, step, vectorised};
use super::table::{Panel, SharedRows, Weights};
use super::vocabulary::Vocabulary;
use super::windows::{Distinct, Epoch, PASSAGE, Passage, Windows};

/// Vectors that all threads read and write.
#[derive(Debug)]
pub(super) struct LockFree {
    inputs: SharedRows,
    outputs: SharedRows,
}

/// Sequences that a thread visits before it looks for more.
const SHARE: usize = 64;

impl LockFree {
    pub(super) fn new(weights: &Weights) -> Self {
        let shared = |rows: &[f32]| SharedRows::new(rows, weights.d);
        LockFree { inputs: shared(&weights.inputs), outputs: shared(&weights.outputs) }
    }

    pub(super) fn weights(&self, d: usize) -> Weights {
        Weights { inputs: self.inputs.rows(d), outputs: self.outputs.rows(d), d }
    }

    /// One epoch.
    pub(super) fn visit(&self, training: &Training<'_>, epoch: usize) -> Tally {
        let n_sequences = training.sequences.n_sequences();
        let of_epoch = Epoch::new(training.config.seed, epoch as u64, n_sequences);
        let share = |desk: &mut Desk, share: usize| {
            let mut tally = Tally::default();
            let places = share * SHARE..((share + 1) * SHARE).min(n_sequences);
            let rate = training.rate(epoch, places.start);
            let mut rows = std::mem::take(&mut desk.rows);
            for at in places {
                let sequence = of_epoch.sequence(at);
                of_epoch.read(training.sequences, training.vocabulary, sequence, &mut rows);
                for passage in Passage::all(sequence, &rows, PASSAGE) {
                    tally = tally + self.visit_passage(training, &of_epoch, &passage, rate, desk);
                }
            }
            desk.rows = rows;
            tally
        };
        (0..n_sequences.div_ceil(SHARE))
            .into_par_iter()
            .map_init(|| Desk::new(self.inputs.width()), share)
            .reduce(Tally::default, |sum, part| sum + part)
    }

    fn visit_passage(
        &self,
        training: &Training<'_>,
        epoch: &Epoch,
        passage: &Passage<'_>,
        rate: f32,
        desk: &mut Desk,
    ) -> Tally {
        let shape = training.shape();
        let Desk { windows, distinct, .. } = desk;
        let (rows, _) = passage.with_margins(shape.config.window);
        distinct.rows.clear();
        distinct.push(rows);
        windows.clear();
        windows.push(epoch, passage, shape, training.vocabulary, |place| distinct.place(place));
        let n_samples = windows.n_pairs() as u64;
        let mut loss = 0.0;
        vectorised(Visit { shared: self, vocabulary: training.vocabulary, desk, rate, loss: &mut loss });
        Tally { loss, n_samples, n_words: passage.len() as u64 }
    }
}

/// The steps of a passage that lies on the desk.
struct Visit<'v> {
    shared: &'v LockFree,
    vocabulary: &'v Vocabulary,
    desk: &'v mut Desk,
    rate: f32,
    loss: &'v mut f64,
}

impl Work for Visit<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.shared.inputs.width();
        let Desk {
            windows,
            distinct,
            members,
            inputs,
            before,
            fresh,
            outputs,
            names,
            gradients,
            scratch,
            ..
        } = self.desk;
        let rows = &distinct.rows;
        members.clear();
        members.extend(rows.iter().flat_map(|row| self.vocabulary.members(row)));
        self.shared.inputs.touch(members);
        self.shared.outputs.touch(windows.outputs());
        inputs.values_mut().resize(rows.len() * width, 0.0);
        for (row, values) in rows.iter().zip(inputs.values_mut().chunks_exact_mut(width)) {
            self.shared.inputs.read_mean(self.vocabulary.members(row), values, fresh);
        }
        if self.vocabulary.has_features() {
            let members = rows.iter().map(|row| self.vocabulary.members(row));
            inputs.set_rates(members, |member| self.vocabulary.step_scale(member));
        }
        before.clear();
        before.extend_from_slice(inputs.values());
        let mut loss = LogisticLoss::new();
        for window in windows.iter() {
            let n = window.outputs.len();
            outputs.0.values_mut().resize(n * width, 0.0);
            for (&row, values) in window.outputs.iter().zip(outputs.0.values_mut().chunks_exact_mut(width)) {
                self.shared.outputs.read(row, values);
            }
            names.clear();
            names.extend(0..n as u32);
            gradients.resize(window.inputs.len() * n, 0.0);
            products(simd, &[(&*inputs, &outputs.0)], window.inputs, names, gradients);
            loss.add(gradients, n, self.rate);
            step(simd, inputs, outputs, window.inputs, names, gradients, scratch);
            self.shared.outputs.add_all(window.outputs, outputs.0.values_mut(), fresh);
        }
        *self.loss = loss.total();
        inputs.values_mut().iter_mut().zip(before.iter()).for_each(|(after, before)| *after -= before);
        if !self.vocabulary.has_features() {
            return self.shared.inputs.add_all(rows, inputs.values_mut(), fresh);
        }
        // Every member's step takes the place of what was read, which is no longer needed.
        before.clear();
        for (at, (row, steps)) in rows.iter().zip(inputs.values().chunks_exact(width)).enumerate() {
            let members = self.vocabulary.members(row);
            let share = 1.0 / (members.len() as f32 * inputs.rate(at as u32));
            before.extend(members.iter().flat_map(|&member| {
                let scale = share * self.vocabulary.step_scale(member);
                steps.iter().map(move |step| scale * step)
            }));
        }
        self.shared.inputs.add_all(members, before, fresh);
    }
}

/// What a thread works with.
#[derive(Debug)]
struct Desk {
    rows: Vec<u32>,
    windows: Windows,
    /// The items of a passage, each once.
    distinct: Distinct,
    /// The vectors whose means are their inputs.
    members: Vec<u32>,
    /// Copies of their vectors, which are worked on.
    inputs: Panel,
    /// The same as they were.
    before: Vec<f32>,
    /// What output vectors have become meanwhile.
    fresh: Vec<f32>,
    outputs: Steps,
    names: Vec<u32>,
    gradients: Vec<f32>,
    scratch: Vec<Scratch>,
}

impl Desk {
    fn new(width: usize) -> Self {
        Desk {
            rows: Vec::new(),
            windows: Windows::default(),
            distinct: Distinct::default(),
            members: Vec::new(),
            inputs: Panel::new(width),
            before: Vec::new(),
            fresh: Vec::new(),
            outputs: Steps(Panel::new(width)),
            names: Vec::new(),
            gradients: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

/// Vectors of which every one is changed once: what is added takes their place.
#[derive(Debug)]
struct Steps(Panel);

impl Rows for Steps {
    #[inline(always)]
    fn row(&self, row: u32) -> &[f32] {
        self.0.row(row)
    }
}

impl RowsMut for Steps {
    const BECOME_STEPS: bool = true;

    #[inline(always)]
    fn row_mut(&mut self, row: u32) -> &mut [f32] {
        self.0.row_mut(row)
    }
}
