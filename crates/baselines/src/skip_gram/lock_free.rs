//! Training by all threads at once.

use rayon::prelude::*;

use super::config::{Tally, Training};
use super::kernels::{LANES, Lanes, LogisticLoss, Rows, RowsMut, products, step};
use super::table::{Panel, SharedRows, Weights};
use super::windows::{Epoch, Passage, Windows};

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
                for passage in Passage::all(sequence, &rows) {
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
        let width = self.inputs.width();
        let shape = training.shape();
        let Desk { windows, distinct, places, inputs, before, outputs, names, gradients, scratch, .. } = desk;
        let (rows, _) = passage.with_margins(shape.config.window);
        distinct.clear();
        places.clear();
        places.extend(rows.iter().map(|&row| {
            let place = distinct.iter().position(|&other| other == row).unwrap_or(distinct.len());
            if place == distinct.len() {
                distinct.push(row);
            }
            place as u32
        }));
        windows.clear();
        windows.push(epoch, passage, shape, training.vocabulary, |place| places[place]);
        let mut tally = Tally { loss: 0.0, n_samples: windows.n_pairs() as u64, n_words: passage.len() as u64 };
        let zeros = [0.0; LANES];
        inputs.values_mut().resize(distinct.len() * width, zeros);
        for (&row, values) in distinct.iter().zip(inputs.values_mut().chunks_exact_mut(width)) {
            self.inputs.read(row, values);
        }
        before.clear();
        before.extend_from_slice(inputs.values());
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let mut loss = LogisticLoss::new();
                for window in windows.iter() {
                    let n = window.outputs.len();
                    outputs.0.values_mut().resize(n * width, zeros);
                    for (&row, values) in window.outputs.iter().zip(outputs.0.values_mut().chunks_exact_mut(width)) {
                        self.outputs.read(row, values);
                    }
                    names.clear();
                    names.extend(0..n as u32);
                    gradients.resize(window.inputs.len() * n, 0.0);
                    products(&[(&*inputs, &outputs.0)], window.inputs, names, gradients);
                    loss.add(gradients, n, rate);
                    step(inputs, outputs, window.inputs, names, gradients, scratch);
                    for (&row, steps) in window.outputs.iter().zip(outputs.0.values().chunks_exact(width)) {
                        self.outputs.add(row, steps);
                    }
                }
                tally.loss = loss.total();
                for (after, before) in inputs.values_mut().iter_mut().zip(before.iter()) {
                    for lane in 0..LANES {
                        after[lane] -= before[lane];
                    }
                }
                for (&row, steps) in distinct.iter().zip(inputs.values().chunks_exact(width)) {
                    self.inputs.add(row, steps);
                }
            },
        );
        tally
    }
}

/// What a thread works with.
#[derive(Debug)]
struct Desk {
    rows: Vec<u32>,
    windows: Windows,
    /// The items of a passage, each once.
    distinct: Vec<u32>,
    /// For every place of the passage, which of them is there.
    places: Vec<u32>,
    /// Copies of their vectors, which are worked on.
    inputs: Panel,
    /// The same as they were.
    before: Vec<Lanes>,
    outputs: Steps,
    names: Vec<u32>,
    gradients: Vec<f32>,
    scratch: Vec<[Lanes; 2]>,
}

impl Desk {
    fn new(width: usize) -> Self {
        Desk {
            rows: Vec::new(),
            windows: Windows::default(),
            distinct: Vec::new(),
            places: Vec::new(),
            inputs: Panel::new(width),
            before: Vec::new(),
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
    fn width(&self) -> usize {
        self.0.width()
    }

    #[inline(always)]
    fn read(&self, row: u32, at: usize) -> Lanes {
        self.0.read(row, at)
    }
}

impl RowsMut for Steps {
    #[inline(always)]
    fn add(&mut self, row: u32, at: usize, _old: Lanes, step: Lanes) {
        let place = row as usize * self.0.width() + at;
        self.0.values_mut()[place] = step;
    }
}
