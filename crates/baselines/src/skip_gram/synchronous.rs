//! Training with the same bits whatever the number of threads.

use pulp::Simd;
use rayon::prelude::*;

use super::config::{SkipGramConfig, Tally, Training};
use super::kernels::{LANES, LogisticLoss, Scratch, Work, products, step, stride, vectorised};
use super::table::{Panel, Weights};
use super::vocabulary::Vocabulary;
use super::windows::{Distinct, Epoch, PASSAGE, Passage, Windows};

/// Vectors, each thread having its own range of dimensions of all of them.
#[derive(Debug)]
pub(super) struct Synchronous {
    panels: Vec<Pair>,
    /// Centres of a block.
    block: usize,
}

/// The same dimensions of inputs and outputs.
#[derive(Debug)]
struct Pair {
    inputs: Panel,
    outputs: Panel,
    /// Means of input vectors, and the same as they were.
    means: [Panel; 2],
    scratch: Vec<Scratch>,
}

/// Some windows of a block and the gradients of their pairs.
#[derive(Debug, Default)]
struct Share {
    windows: Windows,
    /// If inputs are means: of what.
    distinct: Distinct,
    /// If inputs are means: those, in every range of dimensions.
    means: Vec<Panel>,
    gradients: Vec<f32>,
    tally: Tally,
}

/// The gradients of a block are all found on the vectors before it, so the steps of an item must not lead far:
/// the learning rate times the pairs, positive and negative, that the most frequent item is in as a centre
/// is at most about this. Twice as much is too far for sequences of a few dozen items that are all alike;
/// in walks on a graph of thousands, 0.4 and 20 end at the same loss.
const LONGEST_WAY: f64 = 0.4;

/// Centres of a block, at most; beyond it, there is nothing to gain.
const LARGEST_BLOCK: usize = 8192;

/// Blocks of fewer centres are not worth waking other threads.
const SMALLEST_SHARED: usize = 64;

/// Sequences of about so many blocks are read together.
const READ_AHEAD: usize = 8;

/// A block is cut into so many shares, which threads take one by one. Their number is that of the parts in
/// which losses are summed, so it must not depend on threads.
const SHARES: usize = 16;

impl Synchronous {
    pub(super) fn new(weights: &Weights, config: &SkipGramConfig, vocabulary: &Vocabulary) -> Self {
        let d = weights.d;
        let n_panels = rayon::current_num_threads().min(stride(d) / LANES);
        let inputs = Panel::cut(&weights.inputs, d, n_panels);
        let outputs = Panel::cut(&weights.outputs, d, n_panels);
        let pair =
            |(inputs, outputs)| Pair { inputs, outputs, means: Default::default(), scratch: Vec::new() };
        // A centre has as many contexts, on average, as the window is wide, and one more.
        let n_pairs = ((config.window + 1) * (config.n_negatives + 1)) as f64;
        let way = f64::from(config.learning_rate) * n_pairs;
        let block = (LONGEST_WAY / way / vocabulary.largest_share()) as usize;
        let block = block.clamp(1, LARGEST_BLOCK);
        Synchronous { panels: inputs.into_iter().zip(outputs).map(pair).collect(), block }
    }

    pub(super) fn weights(&self, d: usize) -> Weights {
        let join =
            |side: fn(&Pair) -> &Panel| Panel::join(&self.panels.iter().map(side).collect::<Vec<_>>(), d);
        Weights { inputs: join(|pair| &pair.inputs), outputs: join(|pair| &pair.outputs), d }
    }

    /// One epoch.
    pub(super) fn visit(&mut self, training: &Training<'_>, epoch: usize) -> Tally {
        let n_sequences = training.sequences.n_sequences();
        let of_epoch = Epoch::new(training.config.seed, epoch as u64, n_sequences);
        let mut shares: Vec<Share> = Vec::new();
        shares.resize_with(SHARES, Share::default);
        let size = self.block.min(PASSAGE);
        let length = training.vocabulary.mean_length(n_sequences).max(1.0);
        let n_read = (((READ_AHEAD * self.block.max(SMALLEST_SHARED)) as f64 / length) as usize).max(1);
        let mut sequences: Vec<(usize, Vec<u32>)> = vec![(0, Vec::new()); n_read.min(n_sequences)];
        let mut tally = Tally::default();
        for first in (0..n_sequences).step_by(n_read) {
            let n = n_read.min(n_sequences - first);
            sequences.truncate(n);
            sequences.par_iter_mut().enumerate().for_each(|(at, (number, rows))| {
                *number = of_epoch.sequence(first + at);
                of_epoch.read(training.sequences, training.vocabulary, *number, rows);
            });
            let mut passages: Vec<(usize, Passage<'_>)> = sequences
                .iter()
                .enumerate()
                .flat_map(|(at, (number, rows))| {
                    Passage::all(*number, rows, size).map(move |passage| (at, passage))
                })
                .collect();
            // The passages of a sequence are alike: they had better not meet in a block.
            passages.sort_by_key(|(_, passage)| passage.number());
            let mut rest = &passages[..];
            while let Some((at, _)) = rest.first() {
                let mut n_words = 0;
                let fits = rest.iter().take_while(|(_, passage)| {
                    n_words += passage.len();
                    n_words <= self.block
                });
                let (block, later) = rest.split_at(fits.count());
                rest = later;
                let rate = training.rate(epoch, first + at);
                self.visit_block(training, &of_epoch, block, rate, &mut shares);
                tally = shares.iter().fold(tally, |sum, share| sum + share.tally);
            }
        }
        tally
    }

    fn visit_block(
        &mut self,
        training: &Training<'_>,
        epoch: &Epoch,
        passages: &[(usize, Passage<'_>)],
        rate: f32,
        shares: &mut [Share],
    ) {
        let tables: Vec<(&Panel, &Panel)> =
            self.panels.iter().map(|pair| (&pair.inputs, &pair.outputs)).collect();
        let size = passages.len().div_ceil(shares.len());
        let differentiate = |(at, share): (usize, &mut Share)| {
            let begin = (at * size).min(passages.len());
            let end = (begin + size).min(passages.len());
            share.differentiate(training, epoch, &passages[begin..end], rate, &tables);
        };
        let is_shared = self.block >= SMALLEST_SHARED;
        if is_shared {
            shares.par_iter_mut().with_max_len(1).enumerate().for_each(differentiate);
        } else {
            shares.iter_mut().enumerate().for_each(differentiate);
        }
        let (shares, vocabulary) = (&*shares, training.vocabulary);
        let step = |pair: &mut Pair| vectorised(Steps { pair, shares, vocabulary });
        if is_shared {
            self.panels.par_iter_mut().with_max_len(1).for_each(step);
        } else {
            self.panels.iter_mut().for_each(step);
        }
    }
}

/// The steps of all windows of a block in a range of dimensions.
struct Steps<'s> {
    pair: &'s mut Pair,
    shares: &'s [Share],
    vocabulary: &'s Vocabulary,
}

impl Work for Steps<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Pair { inputs, outputs, means: [means, before], scratch } = self.pair;
        for share in self.shares {
            if self.vocabulary.has_features() {
                let members = share.distinct.rows.iter().map(|row| self.vocabulary.members(row));
                means.gather(inputs, members.clone(), |member| self.vocabulary.step_scale(member));
                before.clone_from(means);
                share.step(simd, means, outputs, scratch);
                means.scatter(before, inputs, members, |member| self.vocabulary.step_scale(member));
            } else {
                share.step(simd, inputs, outputs, scratch);
            }
        }
    }
}

/// The steps that the products of some windows ask for.
struct Gradients<'s> {
    /// Inputs and outputs, range by range.
    tables: &'s [(&'s Panel, &'s Panel)],
    windows: &'s Windows,
    gradients: &'s mut [f32],
    rate: f32,
    loss: &'s mut f64,
}

impl Work for Gradients<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut loss = LogisticLoss::new();
        for window in self.windows.iter() {
            let n_pairs = window.inputs.len() * window.outputs.len();
            let gradients = &mut self.gradients[window.first_pair..][..n_pairs];
            products(simd, self.tables, window.inputs, window.outputs, gradients);
            loss.add(gradients, window.outputs.len(), self.rate);
        }
        *self.loss = loss.total();
    }
}

impl Share {
    /// Draws the windows of some passages and finds the steps that their products ask for.
    fn differentiate(
        &mut self,
        training: &Training<'_>,
        epoch: &Epoch,
        passages: &[(usize, Passage<'_>)],
        rate: f32,
        tables: &[(&Panel, &Panel)],
    ) {
        let Share { windows, distinct, means, gradients, tally } = self;
        let vocabulary = training.vocabulary;
        let shape = training.shape();
        windows.clear();
        distinct.rows.clear();
        for (_, passage) in passages {
            let (rows, _) = passage.with_margins(shape.config.window);
            if vocabulary.has_features() {
                distinct.push(rows);
                windows.push(epoch, passage, shape, vocabulary, |place| distinct.place(place));
            } else {
                windows.push(epoch, passage, shape, vocabulary, |place| rows[place]);
            }
        }
        let mut of_means = Vec::new();
        if vocabulary.has_features() {
            means.resize_with(tables.len(), Panel::default);
            let members = distinct.rows.iter().map(|row| vocabulary.members(row));
            means.iter_mut().zip(tables).for_each(|(means, (inputs, _))| {
                means.gather(inputs, members.clone(), |member| vocabulary.step_scale(member))
            });
            of_means.extend(means.iter().zip(tables).map(|(means, &(_, outputs))| (means, outputs)));
        }
        let tables = if vocabulary.has_features() { &of_means } else { tables };
        gradients.resize(windows.n_pairs(), 0.0);
        let n_words = passages.iter().map(|(_, passage)| passage.len() as u64).sum();
        *tally = Tally { loss: 0.0, n_samples: windows.n_pairs() as u64, n_words };
        vectorised(Gradients { tables, windows, gradients, rate, loss: &mut tally.loss });
    }

    /// Makes the steps of all windows.
    #[inline(always)]
    fn step<S: Simd>(&self, simd: S, inputs: &mut Panel, outputs: &mut Panel, scratch: &mut Vec<Scratch>) {
        for window in self.windows.iter() {
            let gradients = &self.gradients[window.first_pair..];
            step(simd, inputs, outputs, window.inputs, window.outputs, gradients, scratch);
        }
    }
}
