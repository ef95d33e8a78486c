//! Training with the same bits whatever the number of threads.

use pulp::Simd;
use rayon::prelude::*;

use super::config::{SkipGramConfig, Tally, Training};
use super::kernels::{LANES, LogisticLoss, Scratch, Work, products, step, stride, vectorised};
use super::table::{Panel, Weights};
use super::vocabulary::Vocabulary;
use super::windows::{Epoch, PASSAGE, Passage, Windows};

/// Vectors, each thread having its own range of dimensions of all of them.
#[derive(Debug)]
pub(super) struct Synchronous {
    panels: Vec<Pair>,
    /// Centres of a block.
    block: usize,
    /// Sequences that are read together.
    n_read: usize,
}

/// The same dimensions of inputs and outputs.
#[derive(Debug)]
struct Pair {
    inputs: Panel,
    outputs: Panel,
    scratch: Vec<Scratch>,
}

/// Some windows of a block and the gradients of their pairs.
#[derive(Debug, Default)]
struct Share {
    windows: Windows,
    gradients: Vec<f32>,
    tallies: Vec<Tally>,
}

/// How often the most frequent item may be a centre in a block, on average.
const MOST_OFTEN: f64 = 4.0;

impl Synchronous {
    pub(super) fn new(weights: &Weights, _config: &SkipGramConfig, vocabulary: &Vocabulary) -> Self {
        let d = weights.d;
        let n_panels = rayon::current_num_threads().min(stride(d) / LANES);
        let inputs = Panel::cut(&weights.inputs, d, n_panels);
        let outputs = Panel::cut(&weights.outputs, d, n_panels);
        let pair = |(inputs, outputs)| Pair { inputs, outputs, scratch: Vec::new() };
        let env =
            |n: &str, default: f64| std::env::var(n).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
        let block = ((env("SG_OFTEN", MOST_OFTEN) / vocabulary.largest_share()) as usize)
            .clamp(env("SG_MIN", 128.0) as usize, env("SG_MAX", 8192.0) as usize);
        let n_read = 16 * block;
        Synchronous { panels: inputs.into_iter().zip(outputs).map(pair).collect(), block, n_read }
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
        let n_shares = 2 * rayon::current_num_threads();
        let mut shares: Vec<Share> = Vec::new();
        shares.resize_with(n_shares, Share::default);
        let length = training.vocabulary.mean_length(n_sequences).max(1.0);
        let n_read = ((self.n_read as f64 / length) as usize).max(1);
        let mut sequences: Vec<(usize, Vec<u32>)> = vec![(0, Vec::new()); n_read.min(n_sequences)];
        let mut tally = Tally::default();
        for first in (0..n_sequences).step_by(n_read) {
            let n = n_read.min(n_sequences - first);
            sequences.truncate(n);
            sequences.par_iter_mut().enumerate().for_each(|(at, (number, rows))| {
                *number = of_epoch.sequence(first + at);
                of_epoch.read(training.sequences, training.vocabulary, *number, rows);
            });
            let passages: Vec<(usize, Passage<'_>)> = sequences
                .iter()
                .enumerate()
                .flat_map(|(at, (number, rows))| {
                    Passage::all(*number, rows).map(move |passage| (at, passage))
                })
                .collect();
            let mut rest = &passages[..];
            while let Some((at, _)) = rest.first() {
                let mut n_words = 0;
                let fits = rest.iter().take_while(|(_, passage)| {
                    n_words += passage.len();
                    n_words <= self.block.max(PASSAGE)
                });
                let (block, later) = rest.split_at(fits.count());
                rest = later;
                let rate = training.rate(epoch, first + at);
                self.visit_block(training, &of_epoch, block, rate, &mut shares);
                tally = shares.iter().flat_map(|share| &share.tallies).fold(tally, |sum, &part| sum + part);
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
        shares.par_iter_mut().with_max_len(1).enumerate().for_each(|(at, share)| {
            let begin = (at * size).min(passages.len());
            let end = (begin + size).min(passages.len());
            share.differentiate(training, epoch, &passages[begin..end], rate, &tables);
        });
        let shares = &*shares;
        self.panels.par_iter_mut().with_max_len(1).for_each(|pair| vectorised(Steps { pair, shares }));
    }
}

/// The steps of all windows of a block in a range of dimensions.
struct Steps<'s> {
    pair: &'s mut Pair,
    shares: &'s [Share],
}

impl Work for Steps<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Pair { inputs, outputs, scratch } = self.pair;
        for share in self.shares {
            for window in share.windows.iter() {
                let gradients = &share.gradients[window.first_pair..];
                step(simd, inputs, outputs, window.inputs, window.outputs, gradients, scratch);
            }
        }
    }
}

/// The steps that the products of some windows ask for.
struct Gradients<'s> {
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
        self.windows.clear();
        self.tallies.clear();
        let shape = training.shape();
        for (_, passage) in passages {
            let (rows, _) = passage.with_margins(shape.config.window);
            self.windows.push(epoch, passage, shape, training.vocabulary, |place| rows[place]);
        }
        self.gradients.resize(self.windows.n_pairs(), 0.0);
        let n_words = passages.iter().map(|(_, passage)| passage.len() as u64).sum();
        let mut tally = Tally { loss: 0.0, n_samples: self.windows.n_pairs() as u64, n_words };
        vectorised(Gradients {
            tables,
            windows: &self.windows,
            gradients: &mut self.gradients,
            rate,
            loss: &mut tally.loss,
        });
        self.tallies.push(tally);
    }
}
